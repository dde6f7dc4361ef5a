"""A recognizer: what it answers, what it learns from, and a picture network taught by its eyes."""

from dataclasses import replace

import pytest
import torch

from kineograph import recipe
from kineograph.data import cutouts, recognized_feed
from kineograph.data.recognized_feed import RecognizedFeed, changed
from kineograph.evaluation.picture_models import things
from kineograph.families.text_to_image import objective, recognizer_objective
from kineograph.families.text_to_image.recognizer_objective import Naming
from kineograph.families.text_to_image.recognizer_recipe import RecognizerPart, Recognizing
from kineograph.nets.recognizer import Recognizer, RecognizerShape
from kineograph.recipe import Phase, from_json, to_json
from kineograph.training.denoising import Denoising
from kineograph.training.seeds import mixed
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond
from test_data_composed import RECORDS
from test_data_composed import folders as composed_folders
from test_families_pictures import kept, pictures
from test_pictures import KNOWN
from test_rewording import distinct

folders = composed_folders
SHAPE = RecognizerShape(size=16, patch=2, widths=(8, 16), depth=1, state=8, things=len(RECORDS))
PART = RecognizerPart("look", SHAPE, (Phase(samples=64, batch=8, frames=1, rate=1e-3),))


def network(shape=SHAPE):
    torch.manual_seed(0)
    net = Recognizer(shape)
    with torch.no_grad():
        for one in net.parameters():
            one.add_(0.1 * torch.randn(one.shape))
    return net.eval()


def recognizing():
    return Recognizing("looks", "cutouts", look=PART)


@pytest.fixture
def feed(folders):
    return RecognizedFeed(folder=folders[0])


# -- what it answers ----------------------------------------------------------------------------


def test_pictures_of_any_size_are_brought_to_its_own():
    net, x = network(), torch.rand(2, 4, 16, 16) * 2 - 1
    large = x.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.allclose(net(large), net(x), atol=1e-5)


def test_alike_is_zero_and_opposite_is_four():
    """Unit vectors are 0 to 2 apart, squared; by hand at the only place of a level."""
    net, x = network(), torch.rand(2, 4, 16, 16) * 2 - 1
    other = torch.rand(2, 4, 16, 16) * 2 - 1
    assert torch.equal(net.apart(x, x), torch.zeros(2))
    by_hand = torch.zeros(2)
    for a, b in zip(net.seen(x), net.seen(other), strict=True):
        cosines = torch.cosine_similarity(a, b, dim=-1)  # (N, h, w)
        by_hand += (2 - 2 * cosines).mean((1, 2)) / 2
    assert torch.allclose(net.apart(x, other), by_hand, atol=1e-5)
    assert float(net.apart(x, other).detach().max()) <= 4


# -- what is taught by its eyes ------------------------------------------------------------------


def test_looks_count_where_noise_is_low_and_are_asked_for(tmp_path, monkeypatch):
    place = kept(recognizing(), tmp_path / "looks")
    about = replace(pictures(), recognizer=str(place))
    seen = replace(about, base=replace(about.base, perceptual=0.5, perceptual_below=1.0))
    with pytest.raises(InputError, match="recognizer"):
        replace(seen, recognizer="")
    x = torch.rand(6, 4, 1, 16, 16) * 2 - 1
    monkeypatch.setattr(
        objective,
        "_cutouts",
        lambda recipe, folder: lambda *_, **__: (x, Cond(*distinct(["a"] * 6))),
    )
    plain, looked = (one.objective(one.base, None, None) for one in (about, seen))
    assert plain.apart is None
    net = recipe.network(seen.base)
    costs = {}
    for name, lesson in (("plain", plain), ("looked", looked)):
        (cost,) = lesson(net, replace(seen.base.phases[0], batch=6), seed=1, seen=0)
        costs[name] = float(cost.detach())
    # by hand: the same noise, drawn again
    rng = torch.Generator().manual_seed(mixed(1, 0))
    torch.rand(6, generator=rng)  # whose text is dropped
    sigma = seen.base.schedule.draw(6, rng)
    noise = torch.randn(x.shape, generator=rng)
    estimate = net(x + sigma.view(-1, 1, 1, 1, 1) * noise, sigma, Cond(*distinct(["a"] * 6)))
    far = looked.apart(estimate, x) * (sigma < 1.0)
    assert 0 < int((sigma < 1.0).sum()) < 6
    assert costs["looked"] - costs["plain"] == pytest.approx(
        0.5 * float(far.detach().mean()), rel=1e-3
    )


def test_looks_without_eyes_are_refused():
    about = pictures()
    lesson = Denoising(replace(about.base, perceptual=0.5), lambda *_, **__: (KNOWN[:2], Cond()))
    with pytest.raises(InputError, match=r"stages\.base\.perceptual"):
        next(lesson(recipe.network(about.base), about.base.phases[0], seed=0, seen=0))


def test_eyes_that_are_none_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(objective, "_cutouts", lambda recipe, folder: None)
    other = kept(pictures(), tmp_path / "other")
    about = replace(pictures(), recognizer=str(other))
    seen = replace(about, base=replace(about.base, perceptual=0.5))
    with pytest.raises(InputError, match="recognizer"):
        seen.objective(seen.base, None, None)
    with pytest.raises(InputError, match="names nothing"):
        things(cutouts.Cutouts([], [], (), ()), str(other))
    looks = kept(recognizing(), tmp_path / "looks")
    with pytest.raises(InputError, match="9 things apart, the data 0"):
        things(cutouts.Cutouts([], [], (), ()), str(looks))


# -- what it learns from ------------------------------------------------------------------------


def test_a_batch_is_a_function_of_what_was_seen(feed):
    one, again = (feed(6, seed=1, seen=64) for _ in range(2))
    assert torch.equal(one[0], again[0])
    assert torch.equal(one[1], again[1])
    assert one[0].shape == (6, 4, 64, 64)
    assert not torch.equal(one[0], feed(6, seed=1, seen=70)[0])


def test_a_picture_has_the_number_of_its_thing(feed, folders, monkeypatch):
    """With nothing changed, every picture is a still of the concept of that number."""
    monkeypatch.setattr(recognized_feed, "changed", lambda x, rng: x)
    packs = cutouts.load(folders[0])
    stills = torch.from_numpy(cutouts.premultiplied(packs.stills[:]) * 2 - 1).permute(0, 3, 1, 2)
    x, numbers = feed(40, seed=0, seen=0)
    rows = torch.cdist(x.flatten(1), stills.flatten(1)).argmin(1).tolist()
    assert torch.equal(x, stills[rows])
    assert [packs.still_records[row].key for row in rows] == [feed.keys[n] for n in numbers]
    assert len(set(numbers.tolist())) > 4


def test_nothing_comes_in_from_outside_a_picture():
    nothing = torch.full((8, 4, 64, 64), -1.0)
    quiet = changed(nothing, torch.Generator().manual_seed(0))
    assert float((quiet + 1).abs().max()) < 6 * recognized_feed.NOISE


def test_it_learns_what_is_shown_and_says_so_from_its_folder(feed, folders, tmp_path):
    net = Recognizer(SHAPE)
    lesson, optimizer = Naming(PART, feed), torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(60):
        for cost in lesson(net, PART.phases[0], seed=0, seen=8 * step):
            cost.backward()
        optimizer.step()
        optimizer.zero_grad()
    x, numbers = feed(48, seed=9, seen=0)
    place = kept(recognizing(), tmp_path / "looks")
    recipe.save_tensors(place / "look.safetensors", net.state_dict(), {})
    named = things(cutouts.load(folders[0]), str(place))((x + 1) / 2)
    right = [feed.keys[n] == one for n, one in zip(numbers, named, strict=True)]
    assert sum(right) > 0.6 * len(right)  # chance is .11


def test_another_number_of_things_is_refused(monkeypatch, feed, tmp_path):
    monkeypatch.setattr(recognizer_objective, "RecognizedFeed", lambda folder: feed)
    assert isinstance(recognizing().objective(PART, tmp_path, None), Naming)
    assert from_json(to_json(recognizing())) == recognizing()
    other = replace(PART, shape=replace(SHAPE, things=3))
    with pytest.raises(InputError, match=r"shape\.things"):
        recognizing().objective(other, tmp_path, None)
