"""Fades along optical flow, and the report of an order of frames."""

import numpy as np
import pytest

from kineograph.frames.copies import order_report
from kineograph.frames.morph import Morph
from kineograph.frames.render import FrameStore, blended
from kineograph.frames.texture import Texture, looped, played, study


def scene(shift: float, size: int = 72) -> np.ndarray:
    """A smooth random pattern moved right by so many pixels, (H, W, 3) bytes."""
    y, x = np.mgrid[:size, :size].astype(float)
    x = x - shift
    parts = [np.sin(x / 5 + y / 9), np.sin(x / 8 - y / 4 + 1), np.cos(x / 6) * np.sin(y / 7)]
    return np.clip(128 + 60 * np.stack(parts, -1), 0, 255).astype(np.uint8)


def test_a_morph_finds_the_frame_between_two_that_moved_where_a_fade_shows_both():
    reel = FrameStore()
    for shift in (0, 8):
        reel.append(scene(shift))
    parts, true = [(0, 0.25), (1, 0.75)], scene(6).astype(float)
    errors = [
        float(np.abs(made.astype(float) - true)[12:-12, 12:-12].mean())
        for made in (blended(reel, parts), Morph(reel)(parts))
    ]
    assert errors[1] < 2 and errors[1] < errors[0] / 2.5
    assert Morph(reel).ghost([(0, 0.5), (1, 0.5)]) < 0.05


def test_frames_that_agree_are_mixed_as_plainly():
    reel = FrameStore()
    for _ in range(2):
        reel.append(scene(0))
    assert np.abs(Morph(reel)([(0, 0.5), (1, 0.5)]).astype(int) - scene(0)).max() <= 1


def test_an_order_is_reported_with_its_jumps_and_what_it_copies():
    found = order_report([0, 1, 2, 0, 1, 2, 5, 6], 10)
    assert (found.jumps, found.distinct_jumps, found.jump_entropy) == (2, 2, 1.0)
    assert (found.longest_run, found.used) == (3, 0.5) and found.adjacent == round(5 / 7, 4)
    assert order_report([0, 1, 2], 10, closed=True).jumps == 1
    assert order_report([0, 1, 2], 3, closed=True, circle=3).jumps == 0


def texture_of(frames: list[np.ndarray]) -> Texture:
    *_, last = study(frames, 24)
    assert isinstance(last.value, Texture)
    return last.value


def test_random_play_of_a_clip_without_order_takes_many_different_jumps():
    rng = np.random.default_rng(3)
    noise = rng.random((36, 24 + 100 * 4))
    noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, 2, 1)) / 4
    frames = [
        np.repeat((noise[:, 4 * k : 4 * k + 24, None] * 255).astype(np.uint8), 3, 2)
        for k in range(100)
    ]
    clip = texture_of(frames)
    found = order_report(played(clip, 200, seed=1), len(clip), circle=clip.circle)
    assert found.distinct_jumps >= 30 and found.jump_entropy > 4


@pytest.mark.parametrize("blend", ["fade", "auto"])
def test_a_loop_morphs_only_where_a_fade_would_show(blend):
    clip = texture_of([scene(3 * k) for k in range(24)])
    found = looped(clip, 12, blend=blend)
    assert found.morphed == (blend == "auto")
    assert found.ghost is None or found.ghost < 0.7 * found.mismatch
