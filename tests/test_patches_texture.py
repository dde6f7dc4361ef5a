"""Textures by example: equality with a plain exhaustive reference, copies that stay true, bad
input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kineograph.patches import growth, search
from kineograph.patches.source_map import copy_report, rendered
from kineograph.patches.texture import Growth, Texture, extend, fill, grow
from kineograph.values.errors import InputError, LimitError

Picture = NDArray[Any]
M64 = 2**64 - 1


def made(steps: Any) -> Texture:
    """The last value of a maker."""
    *_, last = steps
    assert last.done == 1.0
    result: Texture = last.value
    return result


def noise(seed: int, *shape: int, dtype: Any = np.uint8) -> Picture:
    """Smooth random blobs."""
    rng = np.random.default_rng(seed)
    values = rng.random(shape)
    for axis in (0, 1):
        values = (values + np.roll(values, 1, axis) + np.roll(values, 2, axis)) / 3
    values = (values - values.min()) / np.ptp(values)
    return (values * np.iinfo(dtype).max).astype(dtype)


def stripes(size: int, period: int) -> Picture:
    ramp = (np.arange(size) % period < period // 2) * 200 + 20
    return np.tile(ramp.astype(np.uint8), (size, 1))


def bits(seed: int, y: int, x: int, purpose: int) -> int:
    """The hash of search.drawn in Python's own integers."""
    z = seed
    for word in (y << 32 | x, purpose):
        z = ((z ^ word) + 0x9E3779B97F4A7C15) & M64
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M64
        z ^= z >> 31
    return z


def plain(sample: Picture, size: tuple[int, int], seed: int, w: int, tile: bool = False) -> Picture:
    """Efros and Leung by exhaustive search, as plainly as it can be said."""
    sample = sample.reshape(*sample.shape[:2], -1).astype(object)
    (H, W), (h, v, C), r = size, sample.shape, w // 2
    weight = {
        (dy, dx): round(2**16 * float(np.exp(-(dy * dy + dx * dx) / (2 * (w / 6.4) ** 2))))
        for dy in range(-r, r + 1) for dx in range(-r, r + 1)
    }  # fmt: skip
    out: dict[tuple[int, int], Any] = {}

    def at(y: int, x: int) -> tuple[int, int]:
        return (y % H, x % W) if tile else (y, x)

    cy, cx = (H - 1) // 2, (W - 1) // 2
    block = bits(seed, cy, cx, 3) >> 32
    by, bx = divmod(block * ((h - 2) * (v - 2)) >> 32, v - 2)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            out[at(cy + dy, cx + dx)] = sample[by + 1 + dy, bx + 1 + dx]
    while len(out) < H * W:
        near = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        missing = [(y, x) for y in range(H) for x in range(W) if (y, x) not in out]
        touch = {p: sum(at(p[0] + dy, p[1] + dx) in out for dy, dx in near) for p in missing}
        layer = sorted(
            (p for p in missing if touch[p]), key=lambda p: (-touch[p], bits(seed, *p, 1) >> 4)
        )
        for y, x in layer:
            taps = [k for k in weight if k != (0, 0) and at(y + k[0], x + k[1]) in out]
            total = np.zeros((h - 2 * r, v - 2 * r), object)
            for dy, dx in taps:
                part = sample[r + dy : h - r + dy, r + dx : v - r + dx]
                gaps = part - out[at(y + dy, x + dx)]
                total = total + weight[dy, dx] * (gaps * gaps).sum(-1)
            total = total.reshape(-1)
            limit = min(total) + int(float(min(total)) * 0.1)
            good = [k for k, d in enumerate(total) if d <= limit]
            k = good[(bits(seed, y, x, 2) >> 32) * len(good) >> 32]
            assert total[k] <= 0.3 * 255**2 * C * sum(weight[t] for t in taps)
            out[y, x] = sample[r + k // (v - 2 * r), r + k % (v - 2 * r)]
    rows = [[out[y, x] for x in range(W)] for y in range(H)]
    return np.array(rows).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", [0, 1, 2**40 + 7])
def test_grows_the_same_bytes_as_the_plain_algorithm(channels: int, seed: int) -> None:
    sample = noise(seed % 97, 16, 16, channels)
    grown = made(grow(sample, (24, 24), seed=seed, growth=Growth(window=5)))
    assert np.array_equal(grown.picture, plain(sample, (24, 24), seed, 5))


def test_a_tile_grows_the_same_bytes_as_the_plain_algorithm() -> None:
    sample = noise(5, 16, 14)
    grown = made(grow(sample, (18, 20), seed=3, growth=Growth(window=5, tile=True)))
    assert np.array_equal(grown.picture, plain(sample, (18, 20), 3, 5, tile=True))


@pytest.mark.parametrize("threads", [2, 4])
def test_any_number_of_threads_gives_the_same_bytes(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "SPLIT_WORK", 0)  # split every wave, however small
    sample = noise(1, 20, 20, 3)
    alone = made(grow(sample, (30, 26), seed=9, growth=Growth(window=5)))
    shared = made(grow(sample, (30, 26), seed=9, growth=Growth(window=5, threads=threads)))
    assert np.array_equal(alone.picture, shared.picture)
    assert np.array_equal(alone.source.x, shared.source.x)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 4))
def test_survivors_hold_every_acceptable_candidate(seed: int, depth: Any, planes: int) -> None:
    rng = np.random.default_rng(seed)
    H, W, terms = 30, int(rng.integers(9, 100)), int(rng.integers(1, 200))
    sample = rng.integers(0, np.iinfo(depth).max, (planes, H, W), endpoint=True)
    sample = sample // int(rng.integers(1, 200))
    candidates = rng.random((H, W)) < 0.7
    candidates[:4], candidates[-4:], candidates[:, :4], candidates[:, -4:] = (False,) * 4
    candidates[5, 4] = True
    sheet, _ = search.sheet_of([sample], [candidates], 4)
    (dy, dx), plane = rng.integers(-4, 5, (2, terms)), rng.integers(0, planes, terms)
    offsets = plane * sheet.area + dy * sheet.stride + dx
    values = rng.choice(sample.reshape(-1), terms).astype(np.float32)
    weights = rng.integers(1, 2**16, terms).astype(np.float32)
    query = (offsets.astype(np.int64), values, weights)

    positions = np.flatnonzero(sheet.penalty == 0)
    gaps = sheet.planes[positions[:, None] + offsets].astype(np.int64) - values.astype(np.int64)
    truth = (weights.astype(np.int64) * gaps**2).sum(1)
    limit = truth.min() + int(float(truth.min()) * 0.1)
    found = np.empty(sheet.candidates, np.int64)
    for known in (-1, int(rng.choice(truth))):
        count = search.survivors(sheet, query, terms, known, 0.1, found)
        kept = found[:count]
        assert set(positions[truth <= limit]) <= set(kept) <= set(positions)
        assert (np.diff(kept) > 0).all()


@pytest.mark.parametrize("period", [4, 6])
def test_stripes_come_back_without_an_error_when_the_window_covers_them(period: int) -> None:
    sample = stripes(32, period)
    grown = made(grow(sample, (40, 48), seed=2, growth=Growth(window=2 * period - 1))).picture
    assert (grown == grown[0]).all()
    assert (grown[0, period:] == grown[0, :-period]).all()
    assert set(np.unique(grown)) == {20, 220}


def test_a_checkerboard_comes_back_without_an_error() -> None:
    sample = (np.indices((24, 24)).sum(0) // 1 % 2 * 255).astype(np.uint8)
    grown = made(grow(sample, (30, 30), seed=2, growth=Growth(window=5))).picture.astype(int)
    assert (np.abs(np.diff(grown, axis=0)) == 255).all()
    assert (np.abs(np.diff(grown, axis=1)) == 255).all()


def test_a_sample_of_one_colour_grows_that_colour() -> None:
    sample = np.full((16, 16, 3), (3, 80, 200), np.uint8)
    grown = made(grow(sample, (20, 20), seed=0)).picture
    assert (grown == (3, 80, 200)).all()


def test_a_tile_has_no_seam() -> None:
    sample = stripes(32, 8)
    growth = Growth(window=11, tile=True)
    grown = made(grow(sample, (40, 40), seed=1, growth=growth)).picture
    doubled = np.tile(grown, (2, 2))
    assert (doubled[0, 8:] == doubled[0, :-8]).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_every_depth_and_channel_is_copied_whole(channels: int, depth: Any) -> None:
    sample = noise(4, 20, 24, channels, dtype=depth)
    grown = made(grow(sample, (22, 30), seed=5, growth=Growth(window=5)))
    assert grown.picture.dtype == depth
    assert np.array_equal(grown.picture, rendered(grown.source, [sample]))


def test_several_examples_are_all_used() -> None:
    first, second = noise(1, 20, 30), noise(2, 28, 18)
    grown = made(grow([first, second], (48, 48), seed=1, growth=Growth(window=5)))
    assert set(np.unique(grown.source.example)) == {0, 1}
    assert np.array_equal(grown.picture, rendered(grown.source, [first, second])[:, :, None])


def test_forbidden_pixels_are_never_copied() -> None:
    sample = noise(3, 40, 40)
    avoid = np.zeros((40, 40), bool)
    avoid[:, 18:] = True
    grown = made(grow(sample, (32, 32), seed=1, growth=Growth(window=5), avoid=avoid))
    assert grown.source.x.max() < 18


def test_a_fill_keeps_what_is_known_and_copies_from_what_is_allowed() -> None:
    picture = noise(6, 48, 40, 3)
    hole = np.zeros((48, 40), bool)
    hole[14:30, 12:27] = True
    avoid = np.zeros((48, 40), bool)
    avoid[:10] = True
    filled = made(fill(picture, hole, seed=1, growth=Growth(window=5), avoid=avoid))
    assert np.array_equal(filled.picture[~hole], picture[~hole])
    source = filled.source
    assert np.array_equal(source.fresh, hole)
    assert not (hole | avoid)[source.y[hole], source.x[hole]].any()
    assert np.array_equal(filled.picture, picture[source.y, source.x])


def test_a_filled_texture_is_as_rough_as_its_surroundings() -> None:
    picture = noise(8, 96, 96)
    hole = np.zeros((96, 96), bool)
    hole[32:64, 32:64] = True
    filled = made(fill(picture, hole, seed=1, growth=Growth(window=9))).picture
    assert abs(filled[hole].std() / filled[~hole].std() - 1) < 0.15


def test_an_extended_picture_holds_the_old_one() -> None:
    picture = noise(9, 20, 24)
    wide = made(extend(picture, (3, 5, 0, 7), seed=1, growth=Growth(window=5)))
    assert wide.picture.shape == (23, 36, 1)
    assert np.array_equal(wide.picture[3:, 7:31, 0], picture)
    assert not wide.source.fresh[3:, 7:31].any()


def test_islands_that_touch_nothing_known_are_seeded() -> None:
    picture = noise(9, 20, 20)
    filled = made(
        fill(picture, np.ones((20, 20), bool), seed=1, growth=Growth(window=5), examples=[picture])
    )
    assert filled.source.example.min() == 1


def test_soft_masks_count_from_the_middle_and_say_so() -> None:
    picture = noise(9, 24, 24)
    hole = np.zeros((24, 24), np.uint8)
    hole[8:12, 8:12], hole[7, 8:12] = 255, 100
    filled = made(fill(picture, hole, seed=1, growth=Growth(window=5)))
    assert filled.source.fresh.sum() == 16
    assert any("soft" in note for note in filled.notes)


def test_the_copy_report_of_a_plain_copy_is_one() -> None:
    picture = noise(9, 20, 24)
    report = copy_report(
        made(extend(picture, (1, 0, 0, 0), seed=1, growth=Growth(window=5))).source
    )
    assert 0 <= report.adjacent <= 1
    assert 1 <= report.longest_run <= 24
    assert 0 < report.used <= 24 / 480


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    sample = noise(3, 20, 20)
    one, same, other = (
        made(grow(sample, (24, 24), seed=s, growth=Growth(window=5))).picture for s in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_window_smaller_than_the_features_is_warned_of() -> None:
    notes = made(grow(stripes(64, 12), (20, 20), seed=1, growth=Growth(window=5))).notes
    assert any("try 13" in note for note in notes)
    assert made(grow(stripes(64, 12), (20, 20), seed=1)).notes == ("window 13 (measured)",)


SMALL, WIDE = noise(0, 12, 12), Growth(window=15)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("window: 4 is not an odd", lambda: Growth(window=4)),
        ("window: 103", lambda: Growth(window=103)),
        ("window: 15 is wider than the sample", lambda: grow(SMALL, (9, 9), seed=1, growth=WIDE)),
        ("seed: -1", lambda: grow(SMALL, (9, 9), seed=-1)),
        ("size: 9×0 has no pixels", lambda: grow(SMALL, (0, 9), seed=1)),
        ("SAMPLE: type float64", lambda: grow(SMALL / 2, (9, 9), seed=1)),
        ("SAMPLE: shape", lambda: grow(np.zeros((9, 9, 5), np.uint8), (9, 9), seed=1)),
        ("SAMPLE: is missing", lambda: grow([], (9, 9), seed=1)),
        ("SAMPLE: pictures differ", lambda: grow([SMALL, noise(0, 9, 9, 3)], (9, 9), seed=1)),
        ("mask: marks no pixel", lambda: fill(SMALL, np.zeros((12, 12), bool), seed=1)),
        ("mask: marks every pixel", lambda: fill(SMALL, np.ones((12, 12), bool), seed=1)),
        ("mask: is 9×12, the picture is 12×12", lambda: fill(SMALL, np.ones((12, 9)) > 0, seed=1)),
        ("no 5×5 window of the sample is free", lambda: grow(
            SMALL, (9, 9), seed=1, growth=Growth(5), avoid=np.indices((12, 12)).sum(0) % 4 == 0)),
        ("avoid: 2 masks for 1", lambda: grow(SMALL, (9, 9), seed=1, avoid=[None, None])),
        ("margins", lambda: extend(SMALL, (0, 0, 0, 0), seed=1)),
        ("threads: 0", lambda: Growth(threads=0)),
    ],
)  # fmt: skip
def test_bad_input_is_named(words: str, call: Any) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        list(call())


def test_a_result_past_the_limit_is_refused() -> None:
    with pytest.raises(LimitError, match="64,000,000"):
        list(grow(SMALL, (9000, 9000), seed=1))


@pytest.mark.parametrize("shape", [(24, 3), (3, 24), (3, 3), (3, 5)])
def test_a_sample_three_pixels_wide_is_wide_enough(shape):
    sample = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    grown = made(grow(sample, (12, 14), seed=1)).picture
    assert grown.shape == (12, 14, 3)
    colours = {tuple(pixel) for pixel in sample.reshape(-1, 3)}
    assert {tuple(pixel) for pixel in grown.reshape(-1, 3)} <= colours
