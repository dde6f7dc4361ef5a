"""Figures of cut-outs against what is known: discs with known edges, sets with known distances."""

import json
import math

import numpy as np
import pytest
import torch

from kineograph.data import cutouts
from kineograph.data.cutout_features import RealCutouts, over_white, pixels, real_cutouts
from kineograph.data.cutouts import Cutout, Cutouts
from kineograph.data.phrases import ADJECTIVES, CARRIERS, STYLE_WORDS, captions, plain
from kineograph.data.sticker_features import softened
from kineograph.evaluation import pictures as measure
from kineograph.evaluation.alpha import edge_width, ground_error
from kineograph.evaluation.sets import kid
from kineograph.values.errors import InputError


def disc(radius, width, size=64):
    """(1, H, W) alpha of a disc whose edge falls linearly over `width` pixels."""
    y, x = torch.meshgrid(*[torch.arange(size) - size / 2 + 0.5] * 2, indexing="ij")
    away = (y.square() + x.square()).sqrt() - radius
    return (0.5 - away / width).clamp(0, 1)[None]


# -- alpha ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [2.0, 4.0, 8.0])
@pytest.mark.parametrize("radius", [12.0, 20.0])
def test_the_edge_of_a_disc_is_as_wide_as_it_was_drawn(radius, width):
    inside = 0.8 * width  # from alpha .1 to .9
    assert float(edge_width(disc(radius, width))[0]) == pytest.approx(inside, rel=0.1)


def test_a_picture_without_an_edge_has_none():
    assert edge_width(torch.zeros(1, 8, 8)).tolist() == [0]


def test_the_ground_is_what_is_far_from_everything_that_is_there():
    alpha = disc(10.0, 2.0)
    assert float(ground_error(alpha)[0]) == 0
    stained = alpha.clone()
    stained[0, 0, :32] = 0.25  # half of one row of 64 x 64 pixels
    ground = 64 * 64 - math.pi * 14**2  # about; the margin is a square's
    assert float(ground_error(stained)[0]) == pytest.approx(32 * 0.25 / ground, rel=0.1)
    assert ground_error(torch.ones(1, 8, 8)).tolist() == [0]


# -- kernel distance ------------------------------------------------------------------------------


def test_the_kernel_distance_of_two_sets_alike_is_nothing():
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.randn(400, 16, generator=rng) for _ in range(2))
    same = kid(a, b, rng)
    assert same.low < 0 < same.high
    assert abs(same.value) < 0.02


def test_the_kernel_distance_of_points_is_the_closed_form():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.zeros(50, 4), torch.full((50, 4), 2.0)
    # k(a, a) = 1, k(b, b) = (4 · 4 / 4 + 1)³ = 125, k(a, b) = 1
    assert kid(a, b, rng).value == pytest.approx(1 + 125 - 2)


def test_pairs_that_are_the_same_have_no_distance_when_told_so():
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(400, 16, generator=rng)
    assert abs(kid(a, a, rng, paired=True).value) < 0.02
    assert kid(a[:40], a[:40], rng).value < -0.05  # the same row on both sides draws them together


def test_one_row_has_no_distance():
    with pytest.raises(InputError, match="at least four"):
        kid(torch.zeros(1, 4), torch.zeros(5, 4), torch.Generator())


# -- the study ------------------------------------------------------------------------------------

NAMES = [
    f"{first} {second}"
    for first in ("red", "old", "tall", "wet", "new", "far")
    for second in "abcdefgh"
]


def look(x):
    """The picture itself, in little: a network that sees everything."""
    return torch.nn.functional.interpolate(x, 8, mode="area").flatten(1)


def shade(x):
    """Mean and deviation of each colour: fewer numbers than `look`, enough to tell a style."""
    return torch.cat([x.mean((2, 3)), x.std((2, 3))], dim=1)


@pytest.fixture
def gallery():
    rng = np.random.default_rng(0)
    records, stills = [], []
    for n, name in enumerate(NAMES):
        for style in cutouts.STYLES:
            split = "val" if n % 6 == 5 else "train"
            records.append(Cutout(str(n), name, (), (), "objects", str(n), split, style))
            small = rng.integers(0, 256, (8, 8, 4), dtype=np.uint8)
            small[..., 3] = 255
            small[..., 0] = 40 * cutouts.STYLES.index(style)  # a style is a shade of red
            stills.append(np.kron(small, np.ones((8, 8, 1), np.uint8)))
    moving = tuple(r for r in records if r.style == "3d" and int(r.key) % 3 == 0)
    packs = Cutouts(np.stack(stills), np.zeros((len(moving), 8, 64, 64, 4)), tuple(records), moving)
    shown = over_white(pixels(packs, list(range(len(records)))))
    shades = torch.stack([shade(x) for x in softened(shown)], 1)
    real = RealCutouts(tuple(records), look(shown), look(shown), shades)
    eyes = measure.Eyes(look, look, shade, nearest_of(packs))
    return measure.Gallery(packs, real, eyes)


def nearest_of(packs):
    """Names the still that is the same but for noise; no network."""
    known = pixels(packs, list(range(len(packs.still_records)))).flatten(1)

    def things(x):
        rows = torch.cdist(x.flatten(1), known).argmin(1).tolist()
        return [packs.still_records[row].key for row in rows]

    return things


def parrot(gallery):
    """A maker that gives the real picture of whatever name is in the text."""
    rows = {plain(r): i for i, r in enumerate(gallery.real.records) if r.style == "3d"}

    def make(texts, seeds):
        found = [next(row for name, row in rows.items() if name in text) for text in texts]
        return pixels(gallery.packs, found)

    return make


def last(steps):
    *_, end = steps
    return end.value


def test_real_pictures_get_the_best_figures(gallery):
    study = last(measure.pictures(parrot(gallery), gallery, count=0))
    assert (study.first, study.in_five) == (1.0, 1.0)
    assert set(study.parts) == {*measure.PARTS, "free wording"}
    seen = study.parts["seen as still"]
    assert seen.first.value == seen.coarse_first.value == 1
    assert seen.style.value > 0.9  # the classifier is fitted to forty noisy pictures a style
    assert seen.recognized.value == 1
    assert seen.frechet == pytest.approx(0, abs=1e-6)
    assert seen.bands == pytest.approx({"low": 1, "middle": 1, "high": 1}, abs=1e-5)
    assert seen.nearest.value == pytest.approx(0, abs=1e-5)
    assert study.parts["held out"].first.value == 1  # the true one is among what it is compared to
    assert study.parts["held out"].nearest.value > 0
    assert [a.rank for a in study.answers] == [0] * len(study.answers)


def test_a_finisher_is_judged_beside_what_it_was_given(gallery):
    study = last(measure.pictures(parrot(gallery), gallery, count=0, finish=torch.zeros_like))
    assert set(study.finished) == {*study.parts, measure.REAL_SHRUNK}
    assert study.parts["seen as clip"].first.value == 1  # as they were made
    assert study.first < 0.2  # as they come out: nothing is left of them
    assert study.finished["seen as clip"].recognized.value < 0.5
    assert study.parts["seen as clip"].recognized.value == 1


def test_every_style_is_asked_for_and_named(gallery):
    def make(texts, seeds):  # the concept's own picture in the style of the text
        styles = [next((s for s, w in STYLE_WORDS.items() if f"{w}: " in t), "3d") for t in texts]
        pairs = zip(seeds, styles, strict=True)
        return pixels(gallery.packs, [row + cutouts.STYLES.index(style) for row, style in pairs])

    study = last(measure.pictures(make, gallery, count=0))
    assert set(study.styles) == set(cutouts.STYLES)  # of shades, a line tells the last best
    assert study.styles["firefox"].value > 0.8
    always = last(measure.pictures(parrot(gallery), gallery, count=0)).styles
    assert always["3d"].value > 0.9
    assert always["firefox"].value < 0.1


def test_a_soft_picture_keeps_its_style(gallery):
    """A classifier that had seen sharp pictures alone took every soft one for 3d."""
    rows = [i for i in gallery.trained if gallery.real.records[i].style == "firefox"]
    *_, halfway = softened(pixels(gallery.packs, rows))
    assert gallery.named(halfway, "firefox").double().mean() > 0.8


def test_one_picture_for_all_is_hardly_ever_right(gallery):
    row = gallery.candidates[0]

    def make(texts, seeds):
        return pixels(gallery.packs, [row] * len(texts))

    study = last(measure.pictures(make, gallery, count=0))
    assert study.first == pytest.approx(1 / 40, abs=0.001)  # of 40 trained concepts
    assert study.parts["seen as still"].frechet > 0


def test_concepts_are_asked_for_by_how_they_were_seen(gallery):
    asked = measure.panel(gallery.packs, 3)
    records = gallery.packs.still_records
    assert {part: len(rows) for part, rows in asked.items()} == dict.fromkeys(measure.PARTS, 3)
    assert all(records[row].split == "val" for row in asked["held out"])
    assert all(int(records[row].key) % 3 == 0 for row in asked["seen as clip"])
    assert asked == measure.panel(gallery.packs, 3)


def test_free_wording_names_the_thing_as_no_caption_does(gallery):
    for record in gallery.packs.still_records[:12]:
        said = measure.freely(record)
        assert plain(record) in said
        assert said not in captions(record)


def test_pictures_of_other_sizes_are_brought_to_the_networks_size():
    x = torch.rand(2, 4, 128, 128)
    assert torch.allclose(measure.brought(x, 64).mean((2, 3)), x.mean((2, 3)), atol=1e-6)
    assert measure.brought(x[..., ::4, ::4], 64).shape == (2, 4, 64, 64)


def test_features_of_the_packs_are_those_of_their_pictures(tmp_path):
    records = [Cutout(str(n), "x", (), (), "g", "f", "train") for n in range(3)]
    stills = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 4), dtype=np.uint8)
    np.save(tmp_path / "stills.npy", stills)
    np.save(tmp_path / "frames.npy", np.zeros((0, 8, 64, 64, 4), np.uint8))

    index = {"stills": cutouts.rows_of(records), "frames": []}
    (tmp_path / "index.json").write_text(json.dumps(index))
    found = last(real_cutouts(look=look, drawn=look, folder=tmp_path))
    assert found.records == tuple(records)
    alpha = stills[..., 3:] / 255
    white = stills[..., :3] / 255 * alpha + 1 - alpha
    want = look(torch.from_numpy(white).permute(0, 3, 1, 2).float())
    assert torch.allclose(found.fine, want, atol=1e-6)


def test_free_wording_shares_only_pronouns_with_what_captions_put_around_a_thing():
    taught = {w for text in (*CARRIERS, *ADJECTIVES) for w in text.replace(",", "").split()}
    asked = {word for text in measure.ASKED for word in text.split()}
    assert taught & asked <= {"{0}", "i", "me", "you"}
