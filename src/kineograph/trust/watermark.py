"""An imperceptible mark in pictures that a trained model made: spread spectrum in the luma.

The mark is a sum of waves, `LOW` to `HIGH` of them across a frame, whose phases are drawn from a
public key (Cox et al. 1997). It is tied to the frame, not to pixels, so that enlarging or shrinking
keeps it. A detector adds up, over all waves, the picture's own phase against the key's; each wave
counts by how far it stands out from its neighbours, and none for more than `MOST`. Over the choice
of the key such a sum exceeds t with probability at most exp(-t²/2), whatever the picture
(Hoeffding 1963), and a threshold follows from the number of places that are looked at.

It is stronger where the picture hides it, in texture and beside edges, and weaker on plain places,
where an eye would find it (noise visibility: Voloshynovskiy et al. 1999, equation 26).

The key is public: the mark says that a file was made by this program, and anybody may remove or
forge it. It is no proof of anything. Turning, strong cropping and making anew destroy it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # (H, W, C); C is 3, or 4 with straight alpha
Floats = NDArray[np.float64]

KEY = 0x6B696E65  # "kine"
LOW, HIGH = 5.0, 30.0  # waves across a frame
STRENGTH = 1.9  # levels of luma, mean over what is not transparent; less where all is plain
PLAIN = 0.2  # of a strength of 1 in full texture: what a plain place gets
TEXTURE = 6.0  # levels of deviation around a pixel that hide as much as they show
AROUND = 32  # a pixel's surroundings are the frame's shorter side over it
FINE = 256  # pixels of a side at least, on which it is told where the mark is hidden
LOUDER = 2.4  # by so much at most the whole mark is raised where much of a frame is plain
MOST = 2.0  # a wave's share in the sum, in units of its neighbours
FALSE = 1e-6  # probability of a false alarm, of one file, by design
LUMA = np.array([0.299, 0.587, 0.114])


class Found(NamedTuple):
    """score: the sum found, in deviations of chance. threshold: above it a mark is there. share:
    sides of the part of the original that was found, as shares of its height and width."""

    score: float
    threshold: float
    share: tuple[float, float]

    @property
    def there(self) -> bool:
        return self.score > self.threshold


@lru_cache
def _key() -> Floats:
    """Phases of the waves by (frequency down, frequency across): row ky + HIGH, column kx ≥ 0."""
    reach = int(HIGH)
    rng = np.random.Generator(np.random.PCG64(KEY))
    return rng.uniform(0, 2 * np.pi, (2 * reach + 1, reach + 1))


def _waves(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frequencies (ky, kx) of the waves that a frame of this size can hold."""
    reach = int(HIGH)
    ky, kx = np.mgrid[-reach : reach + 1, 0 : reach + 1]
    radius = np.hypot(ky, kx)
    inside = (radius >= LOW) & (radius <= HIGH) & ((kx > 0) | (ky > 0))
    inside &= (np.abs(ky) < 0.45 * height) & (kx < 0.45 * width)
    return ky[inside], kx[inside]


@lru_cache(maxsize=8)
def _pattern(height: int, width: int) -> Floats:
    """The mark for frames of this size, (H, W), root mean square 1."""
    spectrum = np.zeros((height, width // 2 + 1), complex)
    ky, kx = _waves(height, width)
    if not len(ky):
        return np.zeros((height, width))
    spectrum[ky % height, kx] = np.exp(1j * _key()[ky + int(HIGH), kx])
    wave: Floats = np.fft.irfft2(spectrum, (height, width))
    return wave / math.sqrt(float((wave**2).mean()))


def marked(frame: Frame) -> Frame:
    """The frame with the mark, as (H, W, C) uint8; what is transparent stays exactly as it is."""
    height, width, channels = frame.shape
    if min(height, width) < 16:  # too small to hold it
        return frame
    alpha = frame[..., 3:] / 255.0 if channels == 4 else np.ones((height, width, 1))
    change = STRENGTH * (_pattern(height, width) * _hidden(frame))[..., None] * alpha
    out = frame.copy()
    out[..., :3] = np.clip(np.rint(frame[..., :3] + change), 0, 255).astype(np.uint8)
    if channels == 4:
        out[..., :3][frame[..., 3] == 0] = frame[..., :3][frame[..., 3] == 0]
    return out


def _hidden(frame: Frame) -> Floats:
    """(H, W) how strong the mark may be at each pixel, 1 in the mean over what is not transparent.

    It is less in the mean where that would show: see LOUDER.
    """
    step = max(1, min(frame.shape[:2]) // FINE)
    small = frame[::step, ::step]
    shown = luma(small)
    side = max(1, min(shown.shape) // AROUND)
    mean, square = (_around(x, side) for x in (shown, shown**2))
    variance = np.maximum(square - mean**2, 0.0) / TEXTURE**2
    room = PLAIN + (1 - PLAIN) * variance / (1 + variance)
    weight = small[..., 3] / 255.0 if frame.shape[2] == 4 else np.ones(shown.shape)
    mean_room = float((room * weight**2).sum() / max(float((weight**2).sum()), 1e-9))
    room = room * min(1 / max(mean_room, 1e-9), LOUDER)
    height, width = frame.shape[:2]
    return np.asarray(room.repeat(step, 0).repeat(step, 1)[:height, :width], float)


def _around(shown: Floats, reach: int) -> Floats:
    """(H, W) the mean of a square around each pixel, `reach` pixels to every side."""
    side = 2 * reach + 1
    sums = np.pad(shown, reach + 1, mode="edge")[:-1, :-1].cumsum(0).cumsum(1)
    wide = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(wide / side**2, float)


def luma(frame: Frame) -> Floats:
    """Brightness, (H, W) in 0 … 255; a cut-out over its own mean, where its outline is faint."""
    shown = frame[..., :3] @ LUMA
    if frame.shape[2] == 4:
        alpha = frame[..., 3] / 255.0
        ground = float((shown * alpha).sum() / max(float(alpha.sum()), 1.0))
        shown = shown * alpha + ground * (1 - alpha)
    return np.asarray(shown, float)


def detected(frames: Iterable[Frame], most: int = 32) -> Found:
    """What is found in the mean of the first frames of a file, as it is or as a part of it."""
    total: Floats | None = None
    for number, frame in enumerate(frames):
        if number >= most:
            break
        shown = luma(frame)
        total = shown if total is None else total + shown
    if total is None or min(total.shape) < 16:
        return Found(0.0, _threshold(1), (1.0, 1.0))
    whole = Found(_score(total), _threshold(1), (1.0, 1.0))
    if whole.there:
        return whole
    part = _searched(total)
    return part if part.score / part.threshold > whole.score / whole.threshold else whole


def _threshold(places: int) -> float:
    """What chance exceeds with probability FALSE in so many places (Hoeffding's bound)."""
    return math.sqrt(2 * math.log(2 * places / FALSE))


def _score(shown: Floats) -> float:
    height, width = shown.shape
    ky, kx = _waves(height, width)
    if not len(ky):
        return 0.0
    spectrum = np.fft.rfft2(shown)
    shares = _shares(spectrum, ky % height, kx)
    against = np.real(shares * np.exp(-1j * _key()[ky + int(HIGH), kx]))
    return float(against.sum() / math.sqrt(float((np.abs(shares) ** 2).sum()) / 2 + 1e-12))


def _shares(
    spectrum: NDArray[np.complex128], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.complex128]:
    """What each wave counts: its value over the size of its neighbours, at most MOST."""
    size = np.abs(spectrum)
    near = np.zeros_like(size)
    for dy in (-2, -1, 0, 1, 2):
        for dx in (-2, -1, 0, 1, 2):
            if dy or dx:
                near += np.roll(size, (dy, dx), (0, 1))
    values = spectrum[rows, columns] / (near[rows, columns] / 24 + 1e-9)
    return values / np.maximum(np.abs(values) / MOST, 1.0)


GRID = 96  # pixels of the canvas that parts are laid on
SHARES = tuple(n / GRID for n in range(GRID - 9, GRID + 1))


def _searched(shown: Floats) -> Found:
    """The best score of the frame as a part of a larger one, wherever the part lay."""
    best, where = 0.0, (1.0, 1.0)
    reach = int(HIGH)
    ky, kx = _waves(GRID, GRID)
    phases = np.exp(-1j * _key()[ky + reach, kx])
    for down in SHARES:
        for across in SHARES:
            canvas = np.zeros((GRID, GRID))
            rows, columns = round(down * GRID), round(across * GRID)
            canvas[:rows, :columns] = _resized(shown - shown.mean(), rows, columns)
            spectrum = np.fft.rfft2(canvas)
            shares = _shares(spectrum, ky % GRID, kx)
            lines = np.zeros_like(spectrum)
            lines[ky % GRID, kx] = shares * phases * np.where(kx, 1, 2)
            sums = np.fft.irfft2(lines, (GRID, GRID)) * (GRID * GRID / 2)
            moved = sums[-np.arange(GRID - rows + 1)][:, -np.arange(GRID - columns + 1)]
            norm = math.sqrt(float((np.abs(shares) ** 2).sum()) / 2 + 1e-12)
            score = float(moved.max()) / norm
            if score > best:
                best, where = score, (down, across)
    places = sum(range(1, len(SHARES) + 1)) ** 2
    return Found(best, _threshold(places), where)


def _resized(shown: Floats, height: int, width: int) -> Floats:
    """(height, width) by means of areas, or between pixels where it grows."""
    return _lines(_lines(shown, height).T, width).T


def _lines(shown: Floats, count: int) -> Floats:
    total = np.concatenate([np.zeros((1, shown.shape[1])), np.cumsum(shown, 0)])
    at = np.linspace(0, len(shown), count + 1)
    low = np.minimum(at.astype(int), len(shown) - 1)
    edges = total[low] + (at - low)[:, None] * (total[low + 1] - total[low])
    means: Floats = np.diff(edges, axis=0) * (count / len(shown))
    return means
