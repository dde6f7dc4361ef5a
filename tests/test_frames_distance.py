"""Distances against the plain formula; the filter; what closes; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kineograph.data.simulations import drawings
from kineograph.frames import distance
from kineograph.values.errors import InputError, LimitError


@pytest.fixture
def frames() -> list[distance.Frame]:
    return list(drawings("flag", 40, height=24, width=32))


def plain(x: np.ndarray) -> np.ndarray:
    """One subtraction a pair, in float64."""
    x = x.reshape(len(x), -1) / 255.0
    return np.array([[np.sqrt(np.mean((a - b) ** 2)) for b in x] for a in x])


@pytest.mark.parametrize("gram", [distance.gram, distance.whole_gram, distance.mean_gram])
def test_distances_equal_one_subtraction_per_pair_to_2e_5(gram, frames) -> None:
    x = distance.features(frames)
    truth = plain(np.stack(frames))
    found = distance.from_gram(gram(x), x.shape[1])
    off = ~np.eye(len(x), dtype=bool)
    assert np.max(np.abs(found - truth)[off] / truth[off]) <= 2e-5
    assert not found[~off].any()


def test_reading_in_bands_gives_the_distances_of_all_pixels(frames) -> None:
    whole = plain(np.stack(frames))
    banded = distance.full_distances(lambda: iter(frames), memory=40_000)  # several bands
    np.testing.assert_allclose(banded, whole, rtol=2e-5, atol=1e-7)


def test_large_frames_are_compared_as_block_means() -> None:
    frame = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    small = distance.thumbnail(frame, pixels=16)
    means = frame.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    assert small.shape == (4, 4, 3)
    assert np.abs(small - means).max() <= 1


def test_clear_pixels_have_no_colour() -> None:
    frame = np.full((4, 4, 4), 200, dtype=np.uint8)
    frame[:, :, 3] = 0
    assert not distance.thumbnail(frame).any()


def test_the_filter_is_even_binomial_and_keeps_its_offset() -> None:
    d = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    m1, m2 = distance.filtered(d, m=1), distance.filtered(d, m=2)
    assert m1[3, 5] == pytest.approx((d[2, 4] + d[3, 5]) / 2)
    weights = [1 / 8, 3 / 8, 3 / 8, 1 / 8]
    expected = sum(w * d[3 + k, 5 + k] for w, k in zip(weights, (-2, -1, 0, 1), strict=True))
    assert m2[3, 5] == pytest.approx(expected)
    assert np.isinf(m2[:2]).all() and np.isinf(m2[8:]).all() and np.isfinite(m2[2:8, 2:8]).all()


def test_a_lamp_that_flickers_is_evened_out_by_the_still_background() -> None:
    frames = list(drawings("pendulum", 30, height=48, width=64))
    flicker = np.random.default_rng(1).uniform(0.8, 1.0, len(frames))
    lit = [np.round(f * g).astype(np.uint8) for f, g in zip(frames, flicker, strict=True)]
    truth = distance.distances(distance.features(frames))
    spoilt = distance.distances(distance.features(lit))
    even, gains = distance.even_light(distance.features(lit))
    mended = distance.distances(even)
    assert np.corrcoef(1 / gains, flicker)[0, 1] > 0.99
    assert np.abs(mended - truth * np.median(flicker)).mean() < 0.25 * np.abs(spoilt - truth).mean()


def test_a_clip_that_swings_back_is_not_taken_for_a_loop() -> None:
    there = np.linspace(0, 1, 30)
    circle = np.stack([np.cos(2 * np.pi * there[:-1]), np.sin(2 * np.pi * there[:-1])], axis=1)
    back_and_forth = np.stack([np.sin(2 * np.pi * there), there * 0], axis=1)[: 30 // 2 + 1]
    apart = lambda p: np.linalg.norm(p[:, None] - p[None], axis=2).astype(np.float32)  # noqa: E731
    assert distance.closes(apart(circle))
    assert not distance.closes(apart(back_and_forth))


def test_frames_of_two_sizes_and_too_many_frames_are_refused(monkeypatch) -> None:
    one, two = np.zeros((4, 6, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)
    with pytest.raises(InputError, match="frame 1 is 4×6, the first is 6×4"):
        distance.features([one, two])
    with pytest.raises(InputError, match="no frames"):
        distance.features([])
    monkeypatch.setattr(distance, "MAX_FRAMES", 3)
    with pytest.raises(LimitError, match="every: 2"):
        distance.features([one] * 4)
