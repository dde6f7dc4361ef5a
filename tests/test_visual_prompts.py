"""Visual prompts: the network sees no hole, the loop keeps what is sure, grids hold their tasks."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from kineograph import media, recipe
from kineograph.cli import main
from kineograph.data.grids import Batch
from kineograph.families.visual_prompts.filler import Filler, checked
from kineograph.families.visual_prompts.objective import Filling, hidden_places
from kineograph.families.visual_prompts.recipe import FillerPart, VisualPrompts
from kineograph.families.visual_prompts.recipe import filler as filler_of
from kineograph.nets.masked import Masked, MaskedShape, patches, unfolded
from kineograph.recipe import Phase
from kineograph.training.loop import fit, fresh
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError

SHAPE = MaskedShape(cell=8, patch=4, width=16, depth=2, head=8, codes=8, detail=2)
PART = FillerPart(
    name="filler",
    shape=SHAPE,
    phases=(Phase(samples=800, batch=16, frames=1, rate=1e-2, warm=16),),
    book=80,
)
RECIPE = VisualPrompts(name="toy", data="stickers", filler=PART, steps=2, ema=0.01)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def last(steps):
    return [step.value for step in steps][-1]


@pytest.fixture
def net() -> Masked:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = Masked(SHAPE)
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    made.codes.copy_(noise(8, 48, seed=9))
    return made.eval()


# -- the network -----------------------------------------------------------------------------------


def test_patches_come_back_as_they_were():
    x = noise(2, 3, 8, 8)
    assert torch.equal(unfolded(patches(x, 4), 4, 4).permute(0, 3, 1, 2), x)


def test_what_is_hidden_is_not_seen(net):
    cells, hidden = noise(2, 4, 3, 8, 8), torch.zeros(2, 2, 4, dtype=torch.bool)
    hidden[:, 1] = True
    hidden[:, 0, 2] = True  # lower left of A'
    other = cells.clone()
    other[:, 3] = noise(2, 3, 8, 8, seed=5)
    other[:, 1, :, 4:, :4] = 0.5
    with torch.no_grad():
        here, there = net(cells, hidden), net(other, hidden)
        for a, b in zip(here, there, strict=True):
            assert torch.equal(a, b)
        other[:, 1, :, 4:, 4:] = 0.5  # this place is shown
        assert not torch.allclose(net(other, hidden).log_weights, here.log_weights)


def test_decided_codes_are_seen_in_place_of_the_fourth_cell(net):
    cells = noise(1, 4, 3, 8, 8)
    hidden = torch.zeros(1, 2, 4, dtype=torch.bool)
    own = net.ids(patches(cells[:, 3], 4))
    with torch.no_grad():
        assert torch.equal(net(cells, hidden).pixels, net(cells, hidden, own).pixels)
        blank = cells.clone()
        blank[:, 3] = 0
        assert torch.equal(net(cells, hidden).pixels, net(blank, hidden, own).pixels)
        assert not torch.allclose(
            net(cells, hidden, own).pixels, net(cells, hidden, own.roll(1)).pixels
        )


def test_the_codebook_finds_the_patches_there_are(net):
    kinds = noise(8, 48, seed=4)
    rng = torch.Generator().manual_seed(1)
    for _ in range(30):
        flat = kinds[torch.randint(8, (200,), generator=rng)]
        net.learn(flat, decay=0.5, rng=rng)
    assert torch.allclose(net.values(net.ids(kinds)), kinds, atol=1e-4)
    assert net.ids(kinds).unique().numel() == 8


@pytest.mark.parametrize(
    ("field", "value"), [("patch", 3), ("head", 4), ("codes", 1), ("cell", 0), ("width", 12)]
)
def test_sizes_that_do_not_fit_are_refused(field, value):
    with pytest.raises(InputError, match=field if field != "width" else "head"):
        replace(SHAPE, **{field: value})


# -- the lesson ------------------------------------------------------------------------------------


class Two:
    """Two tasks, told apart by the example alone: the answer is the query, or black."""

    def __call__(self, batch: int, *, seed: int, seen: int) -> Batch:
        rng = torch.Generator().manual_seed(seed + 1000 * seen)
        x = torch.where(torch.rand(batch, 2, 1, 1, 1, generator=rng) < 0.5, 0.2, 1.0)
        x = x.expand(-1, -1, 3, 8, 8)
        black = torch.rand(batch, 1, 1, 1, generator=rng) < 0.5
        first, second = (torch.where(black, -1.0, x[:, i]) for i in (0, 1))
        return Batch(torch.stack([x[:, 0], first, x[:, 1], second], 1), [])


def test_hidden_places_are_at_least_one_and_often_all():
    hidden = hidden_places(4000, 16, 0.3, torch.Generator().manual_seed(0))
    count = hidden[:, 1].sum(1)
    assert int(count.min()) >= 1
    assert 0.25 < float((count == 16).double().mean()) < 0.45
    torn = hidden[:, 0].any(1)
    assert 0.25 < float(torn.double().mean()) < 0.32
    assert int(hidden[:, 0].sum(1).max()) <= 8


def test_a_lesson_is_a_function_of_seed_and_samples_seen():
    lesson = Filling(PART, Two())

    def loss(seen: int) -> float:
        net = fresh(RECIPE, PART).net
        return float(next(lesson(net, PART.phases[0], seed=1, seen=seen)).detach())

    assert loss(4) == loss(4)
    assert loss(4) != loss(8)


def test_two_tasks_are_learned_from_examples_alone():
    state = fresh(RECIPE, PART)
    losses = [r.loss for r in fit(RECIPE, PART, state, Filling(PART, Two()), autocast=False)]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    net = state.net.eval()
    filler = filler_of(RECIPE, net)
    cells = Two()(16, seed=77, seen=0).cells
    made = last(filler.filled(cells[:, None, :2], cells[:, 2], list(range(16))))
    wrong = (made - cells[:, 3]).abs().mean((1, 2, 3))
    assert float((wrong < 0.4).double().mean()) >= 0.9  # the other task's answer is 1.2 away


# -- the loop --------------------------------------------------------------------------------------


OTHERS = 1 - torch.eye(8)  # of eight codes all others are equally far


def oracle(aim: torch.Tensor, asked: list[torch.Tensor]):
    """Knows the codes: surer of later places; notes what was hidden at each round."""

    def guess(cells, hidden, ids):
        asked.append(hidden.clone())
        weights = torch.nn.functional.one_hot(aim, 8).float() * torch.arange(1, 5)[:, None]
        pixels = torch.where(hidden, -1.0, ids.float() / 8)[:, :, None, None].expand(-1, -1, 2, 2)
        picture = pixels.reshape(len(cells), 2, 2, 2, 2).permute(0, 1, 3, 2, 4).reshape(-1, 4, 4)
        return weights.expand(len(cells), -1, -1), picture[:, None].expand(-1, 3, -1, -1)

    return guess


def test_the_surest_places_are_decided_first_and_stay():
    asked: list[torch.Tensor] = []
    guess = oracle(torch.tensor([1, 5, 2, 7]), asked)
    filler = Filler(guess, OTHERS, cell=4, places=4, rounds=4)
    made = last(filler.filled(noise(1, 1, 2, 3, 4, 4), noise(1, 3, 4, 4), [0]))
    counts = [int(h.sum()) for h in asked]
    assert counts == [4, 3, 2, 1, 0]
    for before, after in pairwise(asked):
        assert not (after & ~before).any()
    assert asked[1].tolist() == [[True, True, True, False]]
    assert made[0, 0, ::2, ::2].flatten().tolist() == [1 / 8, 5 / 8, 2 / 8, 7 / 8]


def test_many_near_codes_outweigh_the_likeliest_one_that_is_far():
    """Code 0 is the likeliest, but 1, 2 and 3 together are likelier and alike."""
    chances = torch.tensor([0.4, 0.2, 0.2, 0.2]).log()
    near = torch.tensor([0.0, 9.0, 9.1, 9.2])
    apart = (near[:, None] - near[None]).abs()
    seen: list[torch.Tensor] = []

    def guess(cells, hidden, ids):
        seen.append(ids.clone())
        return chances.expand(1, 4, -1), torch.zeros(1, 3, 4, 4)

    filler = Filler(guess, apart, cell=4, places=4, rounds=1)
    last(filler.filled(noise(1, 1, 2, 3, 4, 4), noise(1, 3, 4, 4), [0]))
    assert seen[-1].tolist() == [[1, 1, 1, 1]]
    last(replace(filler, temperature=1.0).filled(noise(1, 1, 2, 3, 4, 4), noise(1, 3, 4, 4), [3]))
    assert seen[-1].unique().numel() > 1


def test_no_rounds_take_the_pixels_at_once():
    asked: list[torch.Tensor] = []
    guess = oracle(torch.tensor([1, 5, 2, 7]), asked)
    filler = Filler(guess, OTHERS, cell=4, places=4).with_rounds(0)
    made = last(filler.filled(noise(1, 1, 2, 3, 4, 4), noise(1, 3, 4, 4), [0]))
    assert len(asked) == 1
    assert (made == -1).all()
    with pytest.raises(InputError, match="rounds"):
        filler.with_rounds(99)


def test_several_pairs_are_averaged_and_the_fourth_cell_is_never_passed():
    def guess(cells, hidden, ids):
        assert (cells[:, 3] == 0).all()
        return torch.zeros(len(cells), 4, 8), cells[:, 1]

    filler = Filler(guess, OTHERS, cell=4, places=4, rounds=1)
    pairs = noise(2, 3, 2, 3, 4, 4)
    made = last(filler.filled(pairs, noise(2, 3, 4, 4), [0, 1]))
    assert torch.allclose(made, pairs[:, :, 1].mean(1))


def test_a_row_alone_is_the_same_as_in_a_batch(net):
    filler = replace(filler_of(RECIPE, net), temperature=1.0, rounds=3)
    pairs, queries = noise(3, 1, 2, 3, 8, 8), noise(3, 3, 8, 8, seed=2)
    both = last(filler.filled(pairs, queries, [5, 6, 7]))
    alone = last(filler.filled(pairs[1:2], queries[1:2], [6]))
    assert torch.allclose(both[1], alone[0], atol=2 / 255)


def one(width: int, height: int, frames: int = 1) -> Clip:
    return Clip(torch.rand(frames, 3, height, width))


@pytest.mark.parametrize(
    ("pairs", "query", "said"),
    [
        ([(one(16, 16), one(8, 8))], one(16, 16), "a2: is 8×8 pixels, A is 16×16"),
        ([(one(16, 16), one(16, 16))], one(24, 24), "b: is 24×24"),
        ([(one(16, 12), one(16, 12))], one(16, 12), "square"),
        ([(one(1, 1), one(1, 1))], one(1, 1), "use 8 or more"),
        ([(one(16, 16), one(16, 16, 3))], one(16, 16), "has 3 frames"),
        ([], one(16, 16), "0 example pairs"),
    ],
)
def test_cells_that_make_no_grid_are_refused(pairs, query, said):
    with pytest.raises(InputError, match=said):
        checked(pairs, query)


# -- recipe and door -----------------------------------------------------------------------------


def test_the_recipe_comes_back_from_json():
    assert recipe.from_json(recipe.to_json(RECIPE)) == RECIPE
    with pytest.raises(InputError, match="torn"):
        replace(PART, torn=2.0)


@pytest.fixture
def model(tmp_path, net):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "recipe.json").write_text(recipe.to_json(RECIPE))
    half = {k: v.bfloat16() for k, v in net.state_dict().items()}
    recipe.save_tensors(folder / "filler.safetensors", half, {})
    for name, size in (("a", 16), ("a2", 16), ("b", 16), ("small", 8), ("dot", 1)):
        rng = np.random.default_rng(len(name))
        picture = rng.integers(0, 256, (1, 3, size, size)) / 255
        media.save(Clip(torch.from_numpy(picture).float()), tmp_path / f"{name}.png")
    (tmp_path / "text.png").write_text("not a picture")
    return folder


def door(capsys, folder, *words: str) -> tuple[int, str]:
    place = folder.parent
    full = [str(place / w) if w.endswith(".png") else w for w in words]
    with pytest.raises(SystemExit) as left:
        main(["analogy", *full, "--model", str(folder), "--seed", "1"])
    captured = capsys.readouterr()
    return left.value.code, captured.out + captured.err


def test_the_door_fills_a_grid_and_embeds_its_recipe(capsys, model, tmp_path):
    words = ("a.png", "a2.png", "b.png", "-o", "out.png", "--by", "tokens")
    assert door(capsys, model, *words)[0] == 0
    made = media.read(tmp_path / "out.png")
    assert made.frames.shape == (1, 3, 16, 16)
    assert media.note(tmp_path / "out.png")["model"]["name"] == RECIPE.name
    first = (tmp_path / "out.png").read_bytes()
    code, text = door(capsys, model, *words, "--force", "--json")
    assert code == 0
    assert json.loads(text)["seed"] == 1
    assert (tmp_path / "out.png").read_bytes() == first


@pytest.mark.parametrize("way", ["tokens", "both"])
def test_pictures_unlike_the_codebook_are_told(capsys, model, tmp_path, net, way):
    """A picture made of codes lies at no distance from them; noise lies beyond the usual."""
    flat = net.codes[torch.arange(SHAPE.places) % len(net.codes)].bfloat16().float()
    whole = unfolded(flat[None], SHAPE.patch, SHAPE.places).permute(0, 3, 1, 2)
    filler = recipe.load(str(model))
    assert torch.allclose(filler.far(whole), torch.zeros(1), atol=1e-5)

    words = ("a.png", "a2.png", "b.png", "-o", "out.png", "--by", way)
    assert "finer or rougher" not in door(capsys, model, *words)[1]  # not known what is usual
    (model / "recipe.json").write_text(recipe.to_json(replace(RECIPE, usual=1e-4)))
    code, text = door(capsys, model, *words, "--force")
    assert code == 0
    assert "A, A2, B: finer or rougher than 99 of 100" in text


def test_both_solvers_stand_side_by_side(capsys, model, tmp_path):
    words = ("a.png", "a2.png", "b.png", "-o", "row.png", "--by", "both", "--also", "b.png")
    code, text = door(capsys, model, *words)
    assert code == 2
    assert "--also" in text
    code, _ = door(capsys, model, *words, "--also", "a.png")
    assert code == 0
    assert media.read(tmp_path / "row.png").frames.shape[-1] == 8 * (5 * 17 - 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.png", "small.png", "b.png"), "a2: is 8×8"),
        (("dot.png", "dot.png", "dot.png"), "8 or more"),
        (("a.png", "text.png", "b.png"), "text.png"),
        (
            ("a.png", "a2.png", "b.png", "--coherence", "3"),
            "not for an analogy by tokens",
        ),
        (("a.png", "a2.png", "b.png", "--rounds", "-1"), "--rounds"),
    ],
)
def test_bad_grids_leave_with_2(capsys, model, words, said):
    code, text = door(capsys, model, *words, "-o", "out.png", "--by", "tokens")
    assert code == 2
    assert said in text


def test_an_unknown_solver_and_a_model_of_another_kind_are_refused(capsys, model):
    words = ("a.png", "a2.png", "b.png", "-o", "out.png")
    code, text = door(capsys, model, *words, "--by", "magic")
    assert code == 2
    assert "patches, tokens or both" in text
