"""How does one clip move, and does it loop? Energy of motion, steps between frames, distances.

All distances are in pixel values 0..1. Clips are taken as loops: the last frame steps to the first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from kineograph.values.clip import Clip


class Motion(NamedTuple):
    """Figures of one clip.

    energy: mean |frame - clip mean|, 0..1, 0 for a still. step: median step between neighbours.
    loop_gap: step from the last frame to the first over that median, about 1 for a seamless loop.
    """

    energy: float
    step: float
    loop_gap: float


def motion(clip: Clip) -> Motion:
    """Energy, median step and loop gap of a clip."""
    return Motion(energy(clip.over().frames), _median_step(clip), loop_gap(clip))


def energy(frames: Tensor) -> float:
    """Mean |frame - clip mean| of frames (T, C, H, W); 0 when nothing moves."""
    return float((frames - frames.mean(0)).abs().mean())


def steps(clip: Clip) -> Tensor:
    """(T,) root mean square difference of each frame to the next; the last is last to first."""
    frames = clip.over().frames
    return (frames.roll(-1, 0) - frames).square().mean((1, 2, 3)).sqrt()


def _median_step(clip: Clip) -> float:
    return float(steps(clip)[:-1].median()) if len(clip) > 1 else 0.0


def loop_gap(clip: Clip) -> float:
    """Step from the last frame to the first over the median of the other steps.

    0 when that last step is nothing, infinite when only that step is something.
    """
    gap, usual = float(steps(clip)[-1]), _median_step(clip)
    if gap == 0:
        return 0.0
    return gap / usual if usual > 0 else math.inf


def apart(one: Tensor, many: Tensor) -> Tensor:
    """(N,) root mean square difference of a loop to N others, at the best of all starting frames.

    one: (T, C, H, W). many: (N, T, C, H, W). The minimum over circular shifts s of |roll(one, s) -
    many|, by |a - b|² = |a|² + |b|² - 2 ab, in float64 because it cancels.
    """
    count, size = len(one), one.numel()
    turned = torch.stack([one.double().roll(s, 0).flatten() for s in range(count)])  # (T, D)
    flat = many.double().flatten(1)  # (N, D), D = T*C*H*W
    squares = turned.square().sum(1) + flat.square().sum(1)[:, None] - 2 * flat @ turned.T
    return (squares.amin(1).clamp(min=0) / size).sqrt()
