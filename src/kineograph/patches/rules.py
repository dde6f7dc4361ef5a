"""Which part of a change follows from the picture by one linear rule? And what is put back after.

A rule is learned from the light of every A and A′ by least squares: a slope and a shift of single
pixels (a negative, a fade), or a filter of 9×9 pixels (what undoes a blur). Only what the rule
leaves needs copying. Light is float64, (H, W), with any axes before where a rule is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from kineograph.patches.luminance import Reals, halved
from kineograph.patches.source_map import SourceMap

POINTWISE = 0.003  # share of the variance that a change of single pixels may leave
SIDE = 9  # taps of a filter each way; five undo two thirds to three quarters of what nine undo
RIDGE = 1e-6  # square of light, a window: 8 bits of depth cannot be trusted further
# deviation in pixels of the weights of overlapping copies; 0 keeps all the grain, and errs by 1.4
# to 1.8 dB more; 1.5 errs by .2 to .5 less with a tenth less grain
OVERLAP = 0.8
REACH = 2  # pixels that copies overlap each way
SOFT = 2.0  # deviation in pixels of soft light: the reach of the finest window


class Rule(NamedTuple):
    """A weighted sum of neighbours, plus a shift: taps (K, K), K odd; pictures end in mirrors."""

    taps: Reals
    shift: float = 0.0

    def __call__(self, light: Reals) -> Reals:
        """(…, H, W) from (…, H, W)."""
        if self.taps.size == 1:
            return np.asarray(self.taps[0, 0] * light + self.shift)
        windows = _windows(light, len(self.taps))
        return np.asarray(np.einsum("...ij,ij->...", windows, self.taps) + self.shift)


def turned(plain: Sequence[Reals], changed: Sequence[Reals], kept: bool) -> Rule | None:
    """Slope and shift of A′'s light by A's (P, H, W), where one line says nearly all of it.

    A negative is such a change: it does not keep the light of A, but follows from it. kept: A′
    keeps the light of A; then the line must say all of it, pixel by pixel (a tint, a fade).
    """
    x, y = (
        np.concatenate([(p if kept else halved(p)).reshape(-1) for p in side])
        for side in (plain, changed)
    )
    spread = float(x.var())
    if spread < 1e-6:
        return None
    slope = float(((x - x.mean()) * (y - y.mean())).mean()) / spread
    shift = float(y.mean() - slope * x.mean())
    left = float(((y - slope * x - shift) ** 2).mean())
    said = left < (POINTWISE if kept else 0.2) * float(y.var())
    return Rule(np.array([[slope]]), shift) if said else None


def filtered(plain: Sequence[Reals], changed: Sequence[Reals]) -> Rule:
    """The filter that is nearest to the change, by ridge regression on windows less their mean.

    Even light passes as it is: the taps sum to 1.
    """
    squares, products, count = np.zeros((SIDE**2, SIDE**2)), np.zeros(SIDE**2), 0
    for a, b in zip(plain, changed, strict=True):
        rows = _windows(a, SIDE).reshape(a.size, SIDE**2)
        rows = rows - rows.mean(axis=1, keepdims=True)
        squares += rows.T @ rows
        products += rows.T @ (b - a).reshape(-1)
        count += a.size
    ridge = RIDGE * count * np.eye(SIDE**2)
    weights = np.asarray(np.linalg.solve(squares + ridge, products), np.float64)
    weights -= weights.mean()
    weights[SIDE**2 // 2] += 1
    return Rule(weights.reshape(SIDE, SIDE))


def overlapped(source: SourceMap, others: Sequence[Reals], spread: float = OVERLAP) -> Reals:
    """The copies of 5×5 around every pixel's source, and their weighted mean where they overlap.

    others: (H, W), one for every example of the map. spread: deviation of the weights, pixels.
    Such votes are Wexler, Shechtman and Irani's (2007, §3.2), with weights by distance.
    """
    height, width = source.example.shape
    bounds = np.array(source.sizes)[source.example]  # (H, W, 2)
    firsts = np.cumsum([0, *(h * w for h, w in source.sizes)])[source.example]
    flat = np.concatenate([other.reshape(-1) for other in others])
    summed, total = np.zeros((height, width)), np.zeros((height, width))
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            weight = np.exp(-(dy**2 + dx**2) / (2 * spread**2))
            y, x = source.y + dy, source.x + dx
            inside = (y >= 0) & (x >= 0) & (y < bounds[..., 0]) & (x < bounds[..., 1])
            given = np.where(inside, flat[np.where(inside, firsts + y * bounds[..., 1] + x, 0)], 0)
            # a pixel's copy lands at its own place and around it
            rows, to_rows = _shifted(dy, height)
            columns, to_columns = _shifted(dx, width)
            summed[to_rows, to_columns] += weight * given[rows, columns]
            total[to_rows, to_columns] += weight * inside[rows, columns]
    return np.asarray(summed / total)


def relit(light: Reals, goal: Reals, share: float) -> NDArray[np.float64]:
    """What is added to light (H, W) so that a share of its soft light is that of goal (H, W)."""
    return np.asarray(share * (_soft(goal) - _soft(light)))


def _windows(light: Reals, side: int) -> Reals:
    """(…, H, W, side, side): the neighbours of every pixel, borders mirrored."""
    border = [(0, 0)] * (light.ndim - 2) + [(side // 2, side // 2)] * 2
    return sliding_window_view(np.pad(light, border, mode="symmetric"), (side, side), axis=(-2, -1))


def _shifted(step: int, length: int) -> tuple[slice, slice]:
    """Places that stay inside when shifted, and where they come to."""
    return (
        slice(max(0, -step), length - max(0, step)),
        slice(max(0, step), length - max(0, -step)),
    )


def _soft(light: Reals) -> Reals:
    """Blurred by a Gaussian of deviation SOFT, borders mirrored."""
    reach = round(3 * SOFT)
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * SOFT**2))
    taps /= taps.sum()
    for axis in (0, 1):
        ends = [(reach, reach) if axis == k else (0, 0) for k in (0, 1)]
        padded = np.pad(light, ends, mode="symmetric")
        light = np.asarray(sliding_window_view(padded, 2 * reach + 1, axis=axis) @ taps)
    return light
