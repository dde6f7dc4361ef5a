"""Analogies: the nearest place by brute force, filters that are learned, labels, bad input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kineograph.patches import analogies
from kineograph.patches.analogies import BORDER, FILTER, MODES, Analogy, analogy
from kineograph.patches.search import distance
from kineograph.patches.source_map import copy_report, rendered
from kineograph.values.errors import InputError

Picture = NDArray[Any]


def made(*pictures: Any, seed: int = 1, **matching: Any) -> Analogy:
    """The last value of the maker."""
    mode = MODES[matching.pop("mode", "filter")]
    *_, last = analogy(*pictures, seed=seed, matching=replace(mode, **matching))
    result: Analogy = last.value
    return result


def gravel(seed: int, size: int) -> Picture:
    """Grey pebbles: smooth noise at two scales, its upper part lit."""
    rng = np.random.default_rng(seed)
    values = np.zeros((size, size))
    for reach, share in ((2, 0.6), (5, 1.0)):
        layer = rng.random((size, size))
        for axis in (0, 1):
            layer = sum(np.roll(layer, k, axis) for k in range(-reach, reach + 1)) / (2 * reach + 1)
        values += share * (layer - layer.mean()) / layer.std()
    return (np.tanh(values) * 100 + 128).astype(np.uint8)


def blurred(picture: Picture, sigma: float = 2.0) -> NDArray[np.float64]:
    """A Gaussian blur with mirrored borders."""
    reach = int(4 * sigma + 0.5)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    values = picture.astype(float)
    for axis in (0, 1):
        lines = np.pad(np.moveaxis(values, axis, 0), ((reach, reach), (0, 0)), mode="symmetric")
        shifted = (w * lines[k : k + len(picture)] for k, w in enumerate(kernel / kernel.sum()))
        values = np.moveaxis(np.asarray(sum(shifted)), 0, axis)
    return values


def decibels(got: Picture, true: NDArray[np.float64]) -> float:
    return float(-10 * np.log10((((got - true.astype(float)) / 255) ** 2).mean()))


@pytest.mark.parametrize("mode", ["filter", "numbers"])
def test_without_coherence_every_pixel_comes_from_the_nearest_place(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are kept, and every place is searched again by brute force."""
    kept: list[Any] = []
    step = analogies._step
    monkeypatch.setattr(analogies, "_step", lambda *a: kept.append(step(*a)) or kept[-1])
    a, b = gravel(1, 34), gravel(2, 26)
    if mode == "numbers":
        a, b = (np.stack([p, p[::-1], 255 - p], axis=2) // 60 for p in (a, b))
    made(a, np.rint(255 - a / 2).astype(np.uint8), b, mode=mode, coherence=0.0, levels=2)

    for work in kept:
        H, W = work.canvas.known.shape
        known = np.zeros((H, W), bool)
        canvas = work.canvas._replace(known=known)
        places = np.flatnonzero(work.sheet.penalty == 0)
        room = len(work.window.dy)
        query = (np.empty(room, np.int64), np.empty(room, np.float32), np.empty(room, np.float32))
        for y in range(BORDER, H - BORDER):
            for x in range(BORDER, W - BORDER):
                terms, _ = analogies.gathered(canvas, work.sheet, work.window, y, x, query)
                offsets, values, weights = (part[:terms].astype(np.int64) for part in query)
                gaps = work.sheet.planes[places[:, None] + offsets].astype(np.int64) - values
                least = ((gaps**2) @ weights).min()
                chosen = work.canvas.source[y, x]
                assert distance(work.sheet.planes, chosen, query, terms) == least
                known[y, x] = True


def test_an_identity_pair_gives_the_picture_back() -> None:
    picture = gravel(1, 64)
    assert np.array_equal(made(picture, picture, picture).picture[:, :, 0], picture)


def test_a_learned_blur_is_close_to_the_true_one_at_the_borders_too() -> None:
    a, b = gravel(1, 96), gravel(2, 72)
    true = blurred(b)
    got = made(a, np.rint(blurred(a)).astype(np.uint8), b).picture[:, :, 0]
    inner = (slice(8, -8), slice(8, -8))
    assert decibels(got, true) > decibels(b, true) + 10
    assert decibels(got, true) > 33
    assert decibels(got[inner], true[inner]) > 33
    assert decibels(got, true) > decibels(got[inner], true[inner]) - 1


def emboss(picture: Picture) -> Picture:
    """Each pixel less its upper left neighbour, with mirrored borders."""
    values = np.pad(picture.astype(int), 1, mode="symmetric")
    return np.asarray((128 + 2 * (values[1:-1, 1:-1] - values[:-2, :-2])).clip(0, 255), np.uint8)


def test_an_emboss_comes_close_in_the_mode_for_edges_and_filter_points_to_it() -> None:
    a, b = (gravel(k, 64)[::2, ::2] for k in (1, 2))
    true = emboss(b).astype(float)
    wide, close = (made(a, emboss(a), b, mode=k) for k in ("filter", "edges"))
    errors = [(r.picture[:, :, 0] - true).std() / true.std() for r in (wide, close)]
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 0.6  # of the deviation of the true emboss, from 1024 places to copy
    assert "mode 'edges'" in wide.notes[0]
    assert not close.notes
    assert not made(a, a, b).notes


def test_the_short_list_loses_little() -> None:
    a, b = gravel(1, 96), gravel(2, 72)
    true, a2 = blurred(b), np.rint(blurred(a)).astype(np.uint8)
    exact, short = (made(a, a2, b, approximate=k).picture[:, :, 0] for k in (False, True))
    assert decibels(exact, true) - decibels(short, true) < 5
    assert decibels(short, true) > decibels(b, true) + 5


def test_coherence_copies_in_longer_runs() -> None:
    a, b = gravel(1, 64), gravel(2, 64)
    a2 = np.rint(blurred(a)).astype(np.uint8)
    shares = [copy_report(made(a, a2, b, coherence=k).source).adjacent for k in (0.0, 2.0, 50.0)]
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.8


def test_luminance_remapping_undoes_a_change_of_light() -> None:
    a, b = gravel(1, 64), gravel(2, 64)
    a2, true = np.rint(blurred(a)).astype(np.uint8), blurred(b)
    dark = [(p // 3 + 10).astype(np.uint8) for p in (a, a2)]
    plain, remapped = (made(*dark, b, remap=k).picture[:, :, 0] for k in (False, True))
    assert decibels(remapped, true) > decibels(plain, true) + 5


def test_labels_come_back_with_the_texture_they_name() -> None:
    labels = np.zeros((48, 48, 3), np.uint8)
    labels[:, 24:] = (0, 0, 255)
    scene = np.where(labels[:, :, 2:] > 0, 30, 200) + gravel(1, 48)[:, :, None] // 8
    scene = np.repeat(scene, 3, axis=2).astype(np.uint8)
    wanted = np.zeros((40, 40, 3), np.uint8)
    wanted[:, 16:] = (0, 0, 255)
    result = made(labels, scene, wanted, mode="numbers")
    assert np.array_equal(result.picture, rendered(result.source, [scene]))
    agree = (result.picture[:, :, 0] < 128) == (wanted[:, :, 2] > 0)
    assert agree.mean() > 0.98


def test_colours_are_taken_from_the_pair_and_light_from_the_query() -> None:
    grey = gravel(1, 48)
    coloured = np.stack([grey, grey // 2, 255 - grey], axis=2)
    light = np.rint(coloured @ [0.299, 0.587, 0.114]).astype(np.uint8)
    result = made(light, coloured, light[:32, :40], mode="colour").picture
    assert np.abs(result.astype(int) - coloured[:32, :40]).mean() < 4


def test_several_pairs_are_all_used_and_16_bits_stay() -> None:
    first, second = (gravel(k, 40).astype(np.uint16) * 257 for k in (1, 2))
    query = np.concatenate([first[:, :20], second[:, 20:]], axis=1)
    result = made([first, second], [65535 - first, 65535 - second], query, remap=False)
    assert result.picture.dtype == np.uint16
    assert set(np.unique(result.source.example)) == {0, 1}
    assert np.abs(result.picture[:, :, 0] - (65535.0 - query)).mean() < 3000


@pytest.mark.parametrize("mode", list(MODES))
def test_flat_pictures_and_tiny_ones_are_no_trouble(mode: str) -> None:
    flat = np.full((9, 7, 3), 90, np.uint8)
    assert made(flat, flat, flat[:3, :3], mode=mode).picture.shape[:2] == (3, 3)


def test_the_same_seed_gives_the_same_bytes() -> None:
    labels = np.zeros((20, 20, 3), np.uint8)
    scene = np.repeat(gravel(1, 20)[:, :, None], 3, axis=2)
    one, same, other = (made(labels, scene, labels, mode="numbers", seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.picture, same.picture)
    assert not np.array_equal(one.picture, other.picture)


SMALL = gravel(1, 20)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("a2: is 20×19, A is 20×20", lambda: made(SMALL, SMALL[1:], SMALL)),
        ("a side of 2 pixels", lambda: made(SMALL, SMALL, SMALL[:2])),
        ("b: type float64", lambda: made(SMALL, SMALL, SMALL / 255)),
        ("coherence: -1", lambda: replace(FILTER, coherence=-1)),
        ("levels: 0", lambda: replace(FILTER, levels=0)),
        ("colour: 'sepia'", lambda: replace(FILTER, colour="sepia")),
        ("guide: nan", lambda: replace(FILTER, guide=float("nan"))),
        ("seed", lambda: made(SMALL, SMALL, SMALL, seed=-1)),
    ],
)
def test_bad_input_is_named(words: str, call: Any) -> None:
    with pytest.raises(InputError, match=words):
        call()


# -- colour that changes, transparency that stays --------------------------------------------------


def coloured(seed: int, size: int) -> Picture:
    """Pebbles of many colours."""
    parts = [gravel(3 * seed + k, size).astype(float) for k in range(3)]
    shared = gravel(seed + 99, size)
    return np.stack([0.4 * p + 0.6 * shared for p in parts], -1).astype(np.uint8)


SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
CHANGES = {
    "grey": lambda p: np.repeat((p @ np.array([0.299, 0.587, 0.114]))[..., None], 3, -1),
    "sepia": lambda p: 0.7 * (p @ SEPIA.T),
    "negative": lambda p: 255.0 - p,
    "warmer": lambda p: p * np.array([1.1, 1.0, 0.7]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_colour_is_learned(name: str) -> None:
    change = CHANGES[name]
    a, b = coloured(1, 32), coloured(2, 32)
    found = made(a, change(a.astype(float)).clip(0, 255).astype(np.uint8), b)
    wanted = change(b.astype(float)).clip(0, 255)
    kept = np.abs(b - wanted).mean()  # what doing nothing misses by
    error = np.abs(found.picture[..., :3].astype(float) - wanted).mean()
    assert error < 0.45 * kept, (error, kept)
    if name == "grey":
        assert np.ptp(found.picture.astype(int), axis=2).max() <= 3


def test_a_filter_that_keeps_colours_gives_the_colours_of_b() -> None:
    a, b = coloured(1, 32), coloured(2, 32)
    soft = np.stack([blurred(a[..., k], 1.0) for k in range(3)], -1).astype(np.uint8)
    from kineograph.patches.luminance import colours, yiq

    found = made(a, soft, b)
    away = yiq(colours(found.picture))[..., 1:] - yiq(colours(b))[..., 1:]
    assert np.abs(away).mean() < 0.02  # only what clipping moves
    assert found.notes == ()


def test_colours_that_only_a_second_picture_knows_are_copied_and_told() -> None:
    a, b = gravel(1, 32), gravel(2, 32)
    rng = np.random.default_rng(0)
    spots = rng.integers(0, 256, (4, 4, 3)).repeat(8, 0).repeat(8, 1)
    found = made(a, (0.5 * a[..., None] + 0.5 * spots).astype(np.uint8), b)
    assert found.picture.shape[2] == 3
    assert np.ptp(found.picture.astype(int), axis=2).mean() > 10
    assert "A is grey" in found.notes[-1]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("mode", ["filter", "numbers"])
def test_the_transparency_of_b_stays(mode: str, deep: bool) -> None:
    a, b = coloured(1, 16), coloured(2, 16)
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    query = np.concatenate([b, alpha], 2)
    if deep:
        query = query.astype(np.uint16) * 257
    found = made(a, 255 - a, query, mode=mode)
    assert found.picture.shape == (16, 16, 4)
    scale = 257 if found.picture.dtype == np.uint16 else 1
    assert np.array_equal(found.picture[..., 3], alpha[..., 0].astype(int) * scale)


def striped(label: Picture) -> Picture:
    """Red stripes where the label is dark, blue grain where it is light."""
    rng = np.random.default_rng(5)
    height, width = label.shape
    stripes = np.zeros((height, width, 3), np.uint8)
    stripes[..., 0] = np.where(np.arange(width) // 3 % 2, 240, 120)
    grain = np.zeros((height, width, 3), np.uint8)
    grain[..., 2] = rng.integers(100, 256, (height, width))
    return np.where(label[..., None] < 128, stripes, grain)


@pytest.mark.parametrize("mode", ["filter", "numbers", "transfer"])
def test_a_guide_says_what_belongs_where(mode: str) -> None:
    """A and B are one grey, so that only the guide tells the two materials apart."""
    left = np.where(np.arange(40) < 20, 0, 255).astype(np.uint8)[None].repeat(32, 0)
    disc = np.hypot(*(np.indices((36, 44)) - np.array([18, 22])[:, None, None])) < 11
    wanted = np.where(disc, 255, 0).astype(np.uint8)
    plain, query = np.full((32, 40, 1), 128, np.uint8), np.full((36, 44, 1), 128, np.uint8)
    guide = (left[..., None], wanted[..., None])

    def right(**how: Any) -> float:
        mode_of = replace(MODES[mode], levels=2)
        *_, last = analogy(plain, striped(left), query, seed=1, matching=mode_of, **how)
        found = rendered(last.value.source, [left[..., None]])[..., 0]
        return float((found == wanted).mean())

    assert right(guides=[guide]) > 0.97
    assert right() < 0.9
    inverted = (255 - left[..., None], wanted[..., None])
    assert right(guides=[inverted]) < 0.03


def test_an_empty_guide_changes_nothing_but_its_share() -> None:
    """A guide that is flat in A and in B is as far from everything: the same places win."""
    plain, query = gravel(1, 40)[..., None], gravel(2, 36)[..., None]
    changed = blurred(plain[..., 0]).astype(np.uint8)[..., None]
    flat = (np.full((40, 40, 3), 90, np.uint8), np.full((36, 36, 3), 90, np.uint8))
    without, with_flat = (
        [*analogy(plain, changed, query, seed=3, guides=guides)][-1].value
        for guides in ((), [flat])
    )
    assert (without.picture == with_flat.picture).all()


@pytest.mark.parametrize(
    ("guides", "told"),
    [
        ([(np.zeros((32, 40, 1), np.uint8),)], "are 40×32; A and B are 40×32, 20×24"),
        ([(np.zeros((32, 40, 1), np.uint8),) * 2], "are 40×32, 40×32; A and B are 40×32, 20×24"),
    ],
)
def test_guides_have_the_sizes_of_what_they_guide(guides: Any, told: str) -> None:
    plain, query = np.zeros((32, 40, 1), np.uint8), np.zeros((24, 20, 1), np.uint8)
    with pytest.raises(InputError, match=f"guides: {told}; give one for A"):
        list(analogy(plain, plain, query, seed=1, guides=guides))
