"""Clips into play and loops: seams, fades, speed, ranges, and clips that are hardly clips."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest

from kineograph.data.simulations import SCENES, drawings, simulate
from kineograph.frames import regions, render, texture
from kineograph.frames.distance import Frame, steps
from kineograph.values.errors import InputError, LimitError


def studied(frames: Iterable[Frame], fps: float = 30.0) -> texture.Texture:
    *_, last = texture.study(frames, fps)
    assert last.done == 1.0
    return last.value


@pytest.fixture(scope="module")
def flag() -> texture.Texture:
    return studied(drawings("flag", 150, height=48, width=64))


def rms(a: Frame, b: Frame) -> float:
    return float(np.sqrt(np.mean((a.astype(float) - b) ** 2))) / 255


def test_the_weights_of_every_picture_sum_to_one_and_runs_are_left_alone() -> None:
    order = [0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23, 24, 25, 26]
    mixed = render.mixtures(order, 40, fade=4)
    assert all(sum(w for _, w in parts) == pytest.approx(1) for parts in mixed)
    assert mixed[2] == [(2, 1.0)] and mixed[12] == [(24, 1.0)]
    before, after = dict(mixed[7]), dict(mixed[8])
    assert before == pytest.approx({7: 0.625, 19: 0.375})  # centred on the jump
    assert after == pytest.approx({8: 0.375, 20: 0.625})
    assert render.mixtures(order, 40, fade=0) == [[(k, 1.0)] for k in order]


def test_a_closed_order_fades_its_end_into_its_beginning() -> None:
    mixed = render.mixtures(list(range(10, 20)), 40, fade=2, closed=True)
    assert dict(mixed[0]) == pytest.approx({10: 0.75, 20: 0.25})
    assert dict(mixed[9]) == pytest.approx({19: 0.75, 9: 0.25})


def test_crowded_jumps_share_a_picture_between_several_runs() -> None:
    order = [0, 10, 20, 30, 1, 11, 21, 31]
    assert max(len(p) for p in render.mixtures(order, 60, fade=3)) >= 3


def test_clear_pixels_do_not_darken_a_fade() -> None:
    reel = render.FrameStore()
    for alpha in (0, 255):
        reel.append(np.array([[[200 * (alpha > 0), 100 * (alpha > 0), 0, alpha]]], dtype=np.uint8))
    assert render.blended(reel, [(0, 0.5), (1, 0.5)])[0, 0].tolist() == [200, 100, 0, 128]


def test_a_reel_past_its_memory_lies_in_a_file_and_reads_the_same() -> None:
    frames = list(drawings("candle", 12, height=10, width=14))
    reel = render.FrameStore(memory=1000)
    for frame in frames:
        reel.append(frame)
    assert all(np.array_equal(reel[k], frames[k]) for k in (0, 11, 5, 6))
    reel.pop()
    assert len(reel) == 11 and np.array_equal(reel[10], frames[10])


@pytest.mark.parametrize("name", ["pendulum", "candle", "flag", "waterfall"])
def test_simulated_clips_become_loops_without_a_seam(name) -> None:
    clip = studied(drawings(name, 200, height=48, width=64))
    for length in (None, 75):
        found = texture.looped(clip, length)
        assert found.seams.ratio <= texture.GOOD_SEAM
        assert found.good == (found.mismatch <= texture.GHOST)
        shown = list(texture.pictures(clip, found.loop.order, fade=found.fade, closed=True))
        assert length is None or len(shown) == length
        own = np.quantile(steps(clip.d), 0.98)
        assert rms(shown[-1], shown[0]) <= 1.2 * own


def test_a_clip_with_no_good_loop_is_told_so() -> None:
    ramp = [np.full((8, 8, 3), 3 * k, dtype=np.uint8) for k in range(60)]
    found = texture.looped(studied(ramp), 40)
    assert not found.good and found.seams.ratio > 1.2


def test_a_clip_that_loops_already_is_kept_whole_and_its_repeated_first_frame_dropped() -> None:
    turn = [2 * np.pi * k / 40 for k in range(41)]
    circle = []
    for a in turn:
        frame = np.full((16, 16, 3), 120, dtype=np.uint8)
        frame[:8] += np.uint8(60 + 60 * np.cos(a))
        frame[8:] += np.uint8(60 + 60 * np.sin(a))
        circle.append(frame)
    clip = studied(circle)
    assert clip.circular and len(clip) == 40
    assert texture.looped(clip).loop.order == tuple(range(40))


def test_play_lasts_as_long_as_asked_repeats_by_seed_and_follows_speed_and_range(flag) -> None:
    order = texture.played(flag, 6.0, 5)
    assert len(order) == 180 and order == texture.played(flag, 6.0, 5)
    assert order != texture.played(flag, 6.0, 6)
    slow = texture.played(flag, 6.0, 5, speeds=[(0, 0.5)])
    assert slow == [order[k // 2] for k in range(180)]
    ramp = texture.played(flag, 6.0, 5, speeds=[(0, 0.5), (6, 2.0)])
    early = sum(a == b for a, b in pairwise(ramp[:60]))
    late = sum(a == b for a, b in pairwise(ramp[-60:]))
    assert early > 15 > late
    spans = texture.played(flag, 20.0, 5, spans=[(0, (10, 60)), (10, (80, 140))])
    first, second = np.array(spans[:300]), np.array(spans[330:])
    assert np.mean((first >= 10) & (first <= 60)) > 0.9
    assert np.mean((second >= 80) & (second <= 140)) > 0.9
    with pytest.raises(InputError, match="speed"):
        texture.played(flag, 1.0, 5, speeds=[(0, 0.0)])
    with pytest.raises(InputError, match="0:149"):
        texture.played(flag, 1.0, 5, spans=[(0, (10, 150))])


def test_one_frame_is_refused_and_two_or_equal_frames_play() -> None:
    frame = np.zeros((6, 8, 3), np.uint8)
    with pytest.raises(InputError, match="has 1 frame"):
        studied([frame])
    two = studied([frame, frame + 200])
    assert texture.played(two, 0.2, 1) == [0, 1, 0, 1, 0, 1]
    assert set(texture.looped(two).loop.order) <= {0, 1}
    still = studied([frame] * 20)
    assert len(texture.played(still, 3.0, 1)) == 90
    assert texture.looped(still).seams.ratio == 0
    with pytest.raises(InputError, match="frame 1 is 8×6"):
        studied([np.zeros((8, 6, 3), np.uint8), frame])


def test_balloons_are_three_regions_that_loop_better_apart_than_together() -> None:
    clip = studied(drawings("balloons", 240, height=60, width=80))
    parts = regions.regions(clip)
    assert len(parts) == 3
    together = texture.looped(clip, 120).mismatch
    apart = [texture.looped(part.texture, 120) for part in parts]
    assert np.mean([found.mismatch for found in apart]) < 0.6 * together
    orders = [found.loop.order for found in apart]
    shown = list(regions.composed(clip, parts, orders, fade=4, closed=True))
    assert len(shown) == 120 and shown[0].shape == (60, 80, 3)
    whole = [list(range(120))] * 3  # all regions in the clip's own order give the clip back
    for k, frame in enumerate(regions.composed(clip, parts, whole, fade=0)):
        assert rms(frame, clip.reel[k]) < 0.02


def test_a_region_morphs_where_it_is_told_to() -> None:
    """Of two discs that stroll, the first jumps four pixels: morphed it stays one dark disc."""
    y, x = np.mgrid[:48, :96].astype(float)

    def frame(k: int) -> Frame:
        page = np.full((48, 96, 3), 250.0)
        for column in (18 + (k % 12), 70 + (k % 9)):
            disc = np.clip(8.5 - np.hypot(y - 24, x - column), 0, 1)[..., None]
            page = page * (1 - disc) + 20 * disc
        return page.astype(np.uint8)

    clip = studied([frame(k) for k in range(36)])
    parts = regions.regions(clip)
    assert len(parts) == 2
    order = [0, 1, 2, 7, 8, 9]  # from column 20 to 25
    films = [
        list(regions.composed(clip, parts, [order] * 2, fade=2, morphed=[morph] * 2))
        for morph in (False, True)
    ]
    inner = [[(picture[24, 10:40] < 60).all(-1).sum() for picture in film] for film in films]
    assert min(inner[0]) < 14  # a fade: two faint discs, dark where they overlap alone
    assert min(inner[1]) >= 14


def test_touching_places_are_one_region() -> None:
    rows = ["##..#", "...#.", "#....", "#..##"]
    found = regions.labelled(np.array([[c == "#" for c in row] for row in rows]))
    assert found.tolist() == [[1, 1, 0, 0, 2], [0, 0, 0, 2, 0], [3, 0, 0, 0, 0], [3, 0, 0, 4, 4]]


def test_ten_thousand_frames_are_refused_before_they_are_read() -> None:
    unread = iter(())
    with pytest.raises(LimitError, match="every: 2"):
        next(texture.study(unread, 30.0, expected=10_000))


@pytest.mark.parametrize("count", range(2, 9))
def test_clips_of_a_few_frames_play_for_ever(count) -> None:
    frames = list(drawings("pendulum", count, height=12, width=16, fps=8))
    clip = studied(frames, 8.0)
    assert len(texture.played(clip, 10.0, 1)) == 80
    assert texture.looped(clip).loop.order


def test_lamp_flicker_is_taken_out_of_the_pictures_too() -> None:
    frames = list(drawings("pendulum", 40, height=24, width=32))
    dim = [(f * (0.8 if k % 2 else 1.0)).astype(np.uint8) for k, f in enumerate(frames)]
    *_, last = texture.study(dim, 30.0, even=True)
    means = [last.value.reel[k][:2].mean() for k in range(40)]
    assert np.ptp(means) < 0.05 * np.mean(means)


@pytest.mark.parametrize("name", list(SCENES))
def test_simulations_repeat_by_seed_move_and_may_have_any_length(name) -> None:
    one, two = simulate(name, 6, height=30, width=40), simulate(name, 6, height=30, width=40)
    assert one.frames.equal(two.frames)
    assert one.frames[:3].equal(simulate(name, 3, height=30, width=40).frames)
    assert all(not a.equal(b) for a, b in pairwise(one.frames))


def test_an_unknown_simulation_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="pendulum, candle"):
        simulate("volcano", 3)


def test_a_good_loop_neither_jumps_nor_ghosts() -> None:
    """Two pictures by turns that differ much: a fade hides the jump, not that both are seen."""
    clip = studied(drawings("waterfall", 120, height=32, width=48))
    found = texture.looped(clip)
    assert found.seams.ratio <= texture.GOOD_SEAM
    assert found.mismatch > texture.GHOST and not found.good


def test_noise_is_no_loop_though_every_end_looks_like_every_beginning() -> None:
    rng = np.random.default_rng(0)
    clip = studied(rng.integers(0, 256, (60, 16, 16, 3), dtype=np.uint8))
    assert not clip.circular
