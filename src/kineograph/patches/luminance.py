"""Pictures as light and colour for analogies: YIQ, luminance remapping, the Gaussian pyramid.

Values are float64, [0, 1] for colours; a remapped luminance may leave that range and is not clipped
before matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

MOST_CONTRAST = 8.0  # largest gain of the remapping, so that distances fit in 64 bits

# NTSC luminance and chrominance, rows Y, I, Q
YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(YIQ)
_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16


def colours(picture: NDArray[Any]) -> Reals:
    """(H, W, 3) in [0, 1] from (H, W, C) uint8 or uint16; alpha is laid over white."""
    values: Reals = picture / float(np.iinfo(picture.dtype).max)
    if values.shape[2] in (2, 4):
        alpha = values[:, :, -1:]
        values = values[:, :, :-1] * alpha + 1 - alpha
    return np.asarray(np.repeat(values, 3 // values.shape[2], axis=2))


def yiq(rgb: Reals) -> Reals:
    """(H, W, 3) luminance and chrominance from colours."""
    return np.asarray(rgb @ YIQ.T)


def rgb(values: Reals) -> Reals:
    """(H, W, 3) colours, not clipped, from luminance and chrominance."""
    return np.asarray(values @ _RGB.T)


def remapping(examples: Sequence[Reals], target: Reals) -> tuple[float, float]:
    """Gain and shift that give the pooled luminances A the mean and deviation of B (Hertzmann et
    al. 2001, §3.4).

    Y ← (σ_B / σ_A)(Y − μ_A) + μ_B, the same map for A and A′. The gain is 1 when A is flat, and at
    most MOST_CONTRAST.
    """
    pooled = np.concatenate([luminance.reshape(-1) for luminance in examples])
    spread = float(pooled.std())
    gain = min(float(target.std()) / spread, MOST_CONTRAST) if spread > 1e-3 else 1.0
    return gain, float(target.mean()) - gain * float(pooled.mean())


def follows(plain: Sequence[Reals], changed: Sequence[Reals]) -> bool:
    """True when A′ keeps the light of A: the slope of A′ on A, both blurred (P, H, W), is over a
    half.

    A blur or a painting does, and takes the remapping of A; edges or an emboss do not, and stay as
    they are.
    """
    x = np.concatenate([halved(p).reshape(-1) for p in plain])
    y = np.concatenate([halved(p).reshape(-1) for p in changed])
    x, y = x - x.mean(), y - y.mean()
    return bool((x * y).sum() >= 0.5 * (x * x).sum())


class Dyed(NamedTuple):
    """How A′'s colours follow from A's.

    rule: (4, 2), chrominance of A′ from (1, Y, I, Q) of A. kept, missed: deviation of A′'s
    chrominance from A's own, and from the rule's. before, after: of A's and A′'s from grey.
    """

    rule: Reals
    kept: float
    missed: float
    before: float
    after: float


def dyed(plain: Sequence[Reals], changed: Sequence[Reals]) -> Dyed:
    """The colour of A′ by that of A (H, W, 3), by least squares over both blurred."""
    rows, wanted = (
        np.concatenate([_blurred(yiq(p)).reshape(3, -1).T for p in side])
        for side in (plain, changed)
    )
    told = np.concatenate([np.ones((len(rows), 1)), rows], axis=1)
    goal = wanted[:, 1:]
    # a touch of ridge: without colours in A nothing is learned of them
    rule = np.linalg.solve(told.T @ told + 1e-6 * len(told) * np.eye(4), told.T @ goal)

    def far(values: Reals) -> float:
        return float(np.sqrt((values**2).mean()))

    return Dyed(rule, far(goal - rows[:, 1:]), far(goal - told @ rule), far(rows[:, 1:]), far(goal))


def _blurred(parts: Reals) -> Reals:
    planes = np.moveaxis(parts, 2, 0)
    return halved(halved(planes)) if min(planes.shape[1:]) > 8 else planes


def contrast(planes: Reals) -> Reals:
    """(P, H, W) less their own light, blurred over about eight pixels."""
    smaller = [planes]
    while len(smaller) < 4 and min(smaller[-1].shape[1:]) > 1:
        smaller.append(halved(smaller[-1]))
    light = smaller.pop()
    while smaller:
        light = doubled(light, *smaller.pop().shape[1:])
    return planes - light


def halved(planes: Reals) -> Reals:
    """(P, H/2, W/2): binomial blur with mirrored borders, then every second pixel (Burt & Adelson
    1983).
    """
    for axis in (1, 2):
        lines = np.moveaxis(planes, axis, 0)
        bordered = np.pad(lines, ((2, 2), (0, 0), (0, 0)), mode="symmetric")
        blurred = sum(w * bordered[k : k + len(lines)] for k, w in enumerate(_BINOMIAL))
        planes = np.moveaxis(np.asarray(blurred)[::2], 0, axis)
    return planes


def doubled(planes: Reals, height: int, width: int) -> Reals:
    """(P, height, width) by linear interpolation; pixel (2i, 2j) is the coarse pixel (i, j)."""
    for axis in (1, 2):
        lines = np.moveaxis(planes, axis, 0)
        after = np.concatenate([lines[1:], lines[-1:]])
        both = np.stack([lines, (lines + after) / 2], axis=1)
        planes = np.moveaxis(both.reshape(-1, *lines.shape[1:]), 0, axis)
    return planes[:, :height, :width]
