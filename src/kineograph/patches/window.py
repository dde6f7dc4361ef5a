"""How wide to look: the Gaussian window of Efros & Leung, and the width a texture asks for.

The authors leave the width to the user: it should cover the largest regular feature.
`natural_width` estimates that feature from the autocorrelation of the examples: the period where
there is one, else twice the correlation length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.search import Flags, Window

ONE = 2**16  # the weight of the centre, so that the corner of any window still weighs at least 1
NARROWEST, WIDEST = 5, 101  # pixels
WIDEST_GUESS = 31


def gaussian_window(width: int, planes: int) -> Window:
    """Taps of a width × width window but its centre, in every plane, heaviest first; σ = width /
    6.4 pixels.
    """
    half = width // 2
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
    weight = np.rint(ONE * np.exp(-(dy**2 + dx**2) / (2 * (width / 6.4) ** 2))).astype(np.int64)
    order = np.argsort(-weight, kind="stable")[1:]
    taps = np.repeat(order, planes)
    plane = np.tile(np.arange(planes), len(order))
    return Window(dy[taps], dx[taps], plane, weight[taps], np.zeros(len(taps), bool))


def centres(allowed: Flags, width: int) -> Flags:
    """True where a whole width × width window lies inside and on allowed pixels (H, W)."""
    H, W = allowed.shape
    result = np.zeros((H, W), bool)
    if width <= min(H, W):
        below = np.pad(np.cumsum(np.cumsum(~allowed, 0), 1), ((1, 0), (1, 0)))
        rows: NDArray[np.int64] = below[width:] - below[:-width]
        bad: NDArray[np.int64] = rows[:, width:] - rows[:, :-width]
        half = width // 2
        result[half : half + H - width + 1, half : half + W - width + 1] = bad == 0
    return result


def natural_width(pictures: Sequence[NDArray[Any]]) -> int:
    """Odd width in pixels that covers the largest feature of the examples, each (P, H, W)."""
    features = [_feature(picture.astype(np.float64).mean(0)) for picture in pictures]
    narrowest = min(min(p.shape[1], p.shape[2]) for p in pictures)
    width = int(np.ceil(max(features))) // 2 * 2 + 1
    widest = min(WIDEST_GUESS, max(narrowest // 2, 3))
    widest -= 1 - widest % 2
    return int(max(min(width, widest), min(NARROWEST, widest)))


def _feature(grey: NDArray[np.float64]) -> float:
    """Size in pixels of the largest feature along rows or columns."""
    flat = grey - grey.mean()
    if flat.std() < 1e-9:
        return 0.0
    H, W = grey.shape
    power = np.abs(np.fft.rfft2(flat, (2 * H, 2 * W))) ** 2
    total = np.fft.irfft2(power, (2 * H, 2 * W))
    sizes = []
    for line, length in ((total[0, :W], W), (total[:H, 0], H)):
        lags = np.arange(max(length // 2, 2))
        line = line[: len(lags)] / ((length - lags) / length) / line[0]
        sizes.append(_period(line))
    return max(sizes)


def _period(line: NDArray[np.float64]) -> float:
    """The first strong peak of a normalised autocorrelation, or else twice the lag where it falls
    below 0.2.
    """
    low = np.flatnonzero(line < 0.2)
    if len(low) == 0:
        return 0.0  # constant along this axis: nothing to cover
    first = int(low[0])
    rest = line[first:]
    peaks = 1 + np.flatnonzero((rest[1:-1] >= rest[:-2]) & (rest[1:-1] > rest[2:]))
    strong = peaks[rest[peaks] > 0.35]
    return float(first + strong[0]) if len(strong) else 2.0 * first
