"""Grids: a pure function, tasks are what they say, what is held out stays out; their figures."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from einops import rearrange

from kineograph.data.fonts import glyphs
from kineograph.data.grids import HELD, STYLES, TASKS, WHITE, Grids, foreground, outlines
from kineograph.data.stickers import FRAMES, Sticker, Stickers
from kineograph.evaluation.prompts import by_patches, miou, prompts
from kineograph.families.visual_prompts.filler import Filler
from kineograph.values.errors import InputError

TTF = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSans-Oblique")


@pytest.fixture(scope="module")
def grids() -> Grids:
    """Nine concepts in three styles: a disc or square whose colour is of the concept and style."""
    y, x = np.mgrid[:64, :64] - 31.5
    records, stills = [], []
    for i in range(9):
        split = ("train", "val", "val_motion")[i % 3]
        shape = np.hypot(y, x) < 12 + 2 * i if i % 2 else np.maximum(abs(y), abs(x)) < 10 + 2 * i
        for s, style in enumerate(("3d", "flat", "noto")):
            page = np.full((64, 64, 3), 255, np.uint8)
            page[shape] = (25 * i, 80 * s, 200 - 20 * i)
            records.append(Sticker(f"1f6{i:02x}", f"{i}", (), "objects", f"f{i}", split, style))
            stills.append(page)
    clips = np.zeros((0, FRAMES, 64, 64, 3), np.uint8)
    packs = Stickers(64, clips, np.stack(stills), (), tuple(records))
    letters = glyphs({f: (TTF / f"{f}.ttf").read_bytes() for f in FACES})
    slopes = np.stack(
        [np.stack([y * 2 + 128, x * 2 + 128, np.full_like(x, 9 * i)], -1) for i in range(6)]
    ).astype(np.uint8)
    whole = {kind: (slopes[:4], slopes[4:]) for kind in ("photographs", "scenes")}
    return Grids(packs=packs, glyphs=letters, whole=whole)


def test_batches_are_a_function_of_seed_and_samples_seen(grids):
    a, b, c = (grids(6, seed=1, seen=seen) for seen in (12, 12, 18))
    assert torch.equal(a.cells, b.cells)
    assert a.tasks == b.tasks
    assert not torch.equal(a.cells, c.cells)
    assert a.cells.shape == (6, 4, 3, 64, 64)
    assert -1 <= float(a.cells.min()) < float(a.cells.max()) <= 1


def test_held_out_tasks_and_concepts_are_in_no_training_grid(grids):
    seen = [grids(64, seed=0, seen=64 * i).tasks for i in range(6)]
    assert set().union(*seen) == set(TASKS) - set(HELD)
    assert len(HELD) >= 2
    for pool in (grids.train, grids.held):
        rows = set().union(*(set(found.tolist()) for found in pool.by_style.values()))
        wanted = {1} if pool is grids.held else {0, 2}
        assert {row // 3 % 3 for row in rows} == wanted


def test_style_pairs_show_one_concept_in_the_two_styles(grids):
    for task, (a, b) in STYLES.items():
        cells = grids.test(task, 4, seed=0).cells
        places = [("3d", "flat", "noto").index(style) for style in (a, b)]
        green = ((cells[:, 2:, 1, 32, 32] + 1) * 127.5).round()
        assert (green == torch.tensor([80.0 * p for p in places])).all()
        assert torch.equal(cells[:, 2, 0, 32, 32], cells[:, 3, 0, 32, 32])


def test_tasks_are_what_they_say(grids):
    def cells(task):
        return grids.test(task, 5, seed=3).cells[:, 2:]

    assert torch.equal(cells("mirror")[:, 0], cells("mirror")[:, 1].flip(-1))
    assert torch.equal(cells("upside down")[:, 0], cells("upside down")[:, 1].flip(-2))
    grey, colour = cells("colourise").unbind(1)
    assert torch.equal(grey[:, 0], grey[:, 2])
    weights = torch.tensor([0.299, 0.587, 0.114])
    assert torch.allclose(grey[:, 0], torch.einsum("bchw,c->bhw", colour, weights), atol=3 / 127)
    torn, whole = cells("inpaint").unbind(1)
    changed = (torn != whole).any(1)
    assert (torn[:, :, :4] == whole[:, :, :4]).all()
    assert changed.any()
    laid, mask = cells("segment").unbind(1)
    _, plain = cells("cut out").unbind(1)
    outside = (mask == -1).all(1)
    assert outside.any()
    assert (plain.amin(1)[outside] > 0.8).all()  # the sticker on white
    assert (laid[:, :, 32, 32] == plain[:, :, 32, 32]).all()  # the sticker itself stays
    assert (laid.amin(1)[outside] < 0.8).any()


def test_whole_pictures_are_changed_and_lie_behind_stickers(grids):
    def cells(task):
        return grids.test(task, 5, seed=3).cells[:, 2:]

    for kind in ("photographs", "scenes"):
        _, picture = cells(f"colourise, {kind}").unbind(1)
        held = ((picture[:, 2, 0, 0] + 1) * 127.5).round()
        assert set(held.tolist()) <= {36.0, 45.0}  # the held-out pictures alone
        laid, mask = cells(f"segment, {kind}").unbind(1)
        outside = (mask == -1).all(1)
        slope = torch.linspace(65, 191, 64).expand(5, 64, 64)
        across = ((laid[:, 1] + 1) * 127.5)[outside]
        turned = slope.flip(-1)[outside]  # a grid may be flipped
        near = torch.minimum((across - slope[outside]).abs(), (across - turned).abs())
        assert near.max() <= 1.5


def test_an_example_shows_the_change_of_its_query(grids):
    """A recolouring learned from the example's own pixels gives the query's answer."""
    cells = grids.test("recolour", 8, seed=5).cells
    for a, a2 in cells[:, :2]:
        rows, answers = (rearrange(x, "c h w -> (h w) c").double() for x in (a, a2))
        ones = torch.ones(len(rows), 1).double()
        fit = torch.linalg.lstsq(torch.cat([rows, ones], 1), answers, driver="gelsd").solution
        assert torch.allclose(torch.cat([rows, ones], 1) @ fit, answers, atol=0.03)
    assert not torch.equal(cells[0, 1], cells[1, 1])


def test_several_examples_share_one_change(grids):
    cells = grids.test("mirror", 2, seed=0, examples=3).cells
    assert cells.shape[:2] == (2, 8)
    assert torch.equal(cells[:, ::2], cells[:, 1::2].flip(-1))
    letters = grids.test("font", 3, seed=1, examples=2).cells
    assert letters.shape[:2] == (3, 6)
    for task in TASKS:
        many, one = (grids.test(task, 4, seed=2, examples=n).cells for n in (3, 1))
        assert torch.equal(one, many[:, [0, 1, -2, -1]])  # the same first example, the same query


def test_foreground_is_what_a_flood_from_the_border_does_not_reach():
    rng = np.random.default_rng(0)
    pictures = np.where(rng.random((20, 12, 12, 1)) < 0.6, 255, 100).astype(np.uint8)
    pictures = pictures.repeat(3, -1)
    found = foreground(pictures)
    for picture, mask in zip(pictures, found, strict=True):
        bright = picture.min(-1) >= WHITE
        waiting = [
            (y, x) for y in range(12) for x in range(12) if {y, x} & {0, 11} and bright[y, x]
        ]
        reached = set(waiting)
        while waiting:
            y, x = waiting.pop()
            for place in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                inside = min(place) >= 0 and max(place) < 12
                if inside and bright[place] and place not in reached:
                    reached.add(place)
                    waiting.append(place)
        assert {tuple(p) for p in np.argwhere(~mask)} == reached


def test_outlines_are_dark_at_a_step_and_white_on_flat_ground():
    page = np.full((64, 64, 3), 255, np.uint8)
    page[:, 32:] = 0
    drawn = outlines(page)[:, :, 0]
    assert (drawn[:, 31:33] == 0).all()
    assert (drawn[:, :31] == 255).all()
    assert (drawn[:, 33:] == 255).all()


# -- figures -------------------------------------------------------------------------------------


def gap(pictures, others):
    return [(pictures - other).abs().mean((1, 2, 3)) for other in others]


def filler_of(answer) -> Filler:
    def guess(cells, hidden, ids):
        return torch.zeros(len(cells), 64, 4), answer(cells)

    return Filler(guess, torch.ones(4, 4), cell=32, places=64, rounds=1)


def test_a_model_that_knows_the_answer_beats_copying_and_one_that_copies_does_not(grids):
    exact = filler_of(lambda cells: cells[:, 2].flip(-1))
    study = [s.value for s in prompts(exact, grids, gap, tasks=["mirror"], count=3, seed=0)][-1]
    row = study.rows["mirror"]
    assert row.held_out
    assert row.distance_model.value == pytest.approx(0, abs=1e-6)
    assert study.sheet[0].frames.shape == (12, 3, 64, 64)
    copying = filler_of(lambda cells: cells[:, 2])
    study = [s.value for s in prompts(copying, grids, gap, tasks=["segment"], count=3, seed=0)][-1]
    row = study.rows["segment"]
    assert row.gain == pytest.approx(0, abs=1e-6)
    assert row.error_model == pytest.approx(row.error_copy)
    assert row.miou_model is not None
    with pytest.raises(InputError, match="task"):
        list(prompts(copying, grids, gap, tasks=["sing"], count=3, seed=0))


def test_miou_is_the_mean_of_both_overlaps():
    truth, answer = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    truth[:, :, :2] = 1  # 8 of 16
    answer[:, :, :1] = 1  # 4 of these
    assert float(miou(answer, truth)) == pytest.approx((4 / 8 + 8 / 12) / 2)
    assert float(miou(truth, truth)) == 1


def test_patches_answer_in_model_range(grids):
    cells = grids.test("colourise", 1, seed=0).cells
    made = by_patches(cells, "filter", 0)
    assert made.shape == (1, 3, 64, 64)
    assert -1 <= float(made.min()) <= float(made.max()) <= 1
