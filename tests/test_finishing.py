"""Training a finisher: squares that belong together, and a loss that sees what people see."""

import numpy as np
import pytest
import torch

from kineograph.data.finish_feed import FinishFeed, answer
from kineograph.data.shards import Sample, write
from kineograph.families.text_to_image import finisher_recipe
from kineograph.families.text_to_image.finisher_objective import Finishing, over
from kineograph.families.text_to_image.finisher_recipe import Finisher, FinisherPart
from kineograph.nets.compact import Compact, CompactShape
from kineograph.recipe import Phase, from_json, network, read, to_json
from kineograph.recipe.loading import Loading
from kineograph.values.errors import InputError, MissingError

SHAPE = CompactShape(4, 8, 1, 4)
PART = FinisherPart("finish", 64, 16, SHAPE, (Phase(8, 4, 1, 1e-3),), noise=0.0, perceptual=0.0)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs") / "pack"
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (5, 32, 32, 4), dtype=np.uint8)
    pixels = np.kron(small, np.ones((1, 8, 8, 1), np.uint8))
    samples = [
        Sample(f"flat_{n}", one, {"split": "val" if n == 4 else "train", "style": "flat"})
        for n, one in enumerate(pixels)
    ]
    list(write(folder, samples, {"name": "test", "sources": {}}))
    return folder


def test_the_small_square_is_the_large_one_seen_from_afar(pack):
    feed = FinishFeed(64, folder=pack)
    assert feed.keys == [f"flat_{n}" for n in range(4)]  # what is held out is not there
    small, large = feed(4, 16, seed=1, seen=0)
    assert small.shape == (4, 4, 16, 16)
    assert large.shape == (4, 4, 64, 64)
    means = torch.nn.functional.avg_pool2d(large, 4)
    assert torch.allclose(small, means, atol=1e-6)
    again = FinishFeed(64, folder=pack)(4, 16, seed=1, seen=0)
    assert torch.equal(again[0], small)
    assert torch.equal(again[1], large)


def test_answers_take_the_place_of_means_in_their_share(pack):
    plain = FinishFeed(64, folder=pack)
    with pytest.raises(MissingError, match=r"answers_64\.npy"):
        FinishFeed(64, answered=0.5, folder=pack)

    def same(x, keys):
        assert [key.split("_")[0] for key in keys] == ["flat"] * len(x)
        return x

    def seven(x, keys):
        return torch.full_like(x, 7 / 255)

    *_, end = answer(plain, [same, seven], pack, batch=3)
    assert end.value == pack / "answers_64.npy"
    feed = FinishFeed(64, answered=0.5, folder=pack)
    wrong, count = 0, 400
    for seen in range(0, count, 40):
        small, large = feed(40, 16, seed=0, seen=seen)
        means = torch.nn.functional.avg_pool2d(large, 4)
        near = (small - means).abs().amax((1, 2, 3)) < 0.02
        sevens = (small[:, 3] - 7 / 255).abs().amax((1, 2)) < 1e-3
        assert bool((near ^ sevens).all())
        wrong += int(sevens.sum())
    assert wrong / count == pytest.approx(0.25, abs=0.06)  # one of two versions, in half of them
    np.save(pack / "answers_64.npy", np.zeros((1, 3, 64, 64, 4), np.uint8))
    with pytest.raises(InputError, match="does not fit 4 pictures"):
        FinishFeed(64, answered=0.5, folder=pack)
    (pack / "answers_64.npy").unlink()


def test_the_loss_is_what_differs_over_grounds(pack):
    def exact(large):
        return lambda noisy: large

    feed = FinishFeed(64, folder=pack)
    _, large = feed(4, 16, seed=0, seen=0)
    (nothing,) = Finishing(PART, feed, None)(exact(large), PART.phases[0], seed=0, seen=0)
    assert float(nothing) == 0
    wrong = large.clone()
    wrong[:, 3] -= 0.1  # a tenth of the ground shines through: white .1, black 0, alpha .1
    (some,) = Finishing(PART, feed, None)(exact(wrong), PART.phases[0], seed=0, seen=0)
    assert 0.1 + 0.1 / 3 < float(some) < 0.1 + 0.2 / 3


def test_over_is_composition():
    x = torch.tensor([0.2, 0.0, 0.1, 0.5]).view(1, 4, 1, 1)
    ground = torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)
    assert over(x, ground).flatten().tolist() == pytest.approx([0.7, 0.25, 0.1])


def test_a_finisher_learns_to_enlarge(pack):
    feed = FinishFeed(64, folder=pack)
    torch.manual_seed(0)
    net = network(PART)
    assert isinstance(net, Compact)
    objective = Finishing(PART, feed, None)
    steps = torch.optim.Adam(net.parameters(), 3e-3)
    losses = []
    for step in range(30):
        (loss,) = objective(net, PART.phases[0], seed=0, seen=4 * step)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


def test_a_recipe_comes_back_from_json():
    about = Finisher("finisher", "cutouts", finish=PART)
    assert from_json(to_json(about)) == about
    with pytest.raises(InputError, match="5 is not 3 or 4"):
        FinisherPart("finish", 64, 16, CompactShape(5, 8, 1, 4), PART.phases)


def test_what_is_nearly_nothing_is_nothing_and_what_is_nearly_whole_is_whole(tmp_path, monkeypatch):
    alpha = torch.tensor([0.0, 1 / 255, 0.5, 254 / 255, 1.0]).view(1, 1, 1, 5)
    seen = torch.cat([alpha.expand(-1, 3, -1, -1), alpha], dim=1)
    monkeypatch.setattr(finisher_recipe, "trained", lambda part, folder: lambda x: x)
    made = Finisher("finisher", "cutouts", finish=PART).ready(tmp_path, Loading(read))(seen)
    assert made[0, 3, 0].tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert (made[:, :3] <= made[:, 3:]).all()
