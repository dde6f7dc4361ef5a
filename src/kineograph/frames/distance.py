"""How unlike are two frames of a clip, and how unlike are two moments of it?

D is the root-mean-square difference of two frames over pixels and channels, in units of full scale
(0 … 1). All pairs come from one Gram product, D²_ij = (g_ii + g_jj − 2 g_ij) / F, summed over
slices of the pixels so that a long clip never lies in memory as floats. The dynamics filter
(Schödl, Szeliski, Salesin and Essa, "Video Textures", 2000, §3.1) then compares short runs of
frames, so that a pendulum going left is not mistaken for one going right.

This file opens no media and follows no path through the frames: `policy.py` and `loops.py` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, comb, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from kineograph.values.errors import InputError, LimitError

Frame = NDArray[np.uint8]  # (H, W, 3) or (H, W, 4) with straight alpha
Matrix = NDArray[np.float32]  # (N, N), one row and one column a frame
Source = Callable[[], Iterable[Frame]]  # the frames of one clip, from the first, as often as asked

MAX_FRAMES = 5_000  # the matrix grows with the square: 5,000 frames ask for about 400 MB in all
WORK_PIXELS = 160 * 120  # larger frames are compared as block means of at most this many pixels
_SLICE = 2_048  # features a slice: 300 frames of it stay in the second-level cache
_WHOLE = 65_536  # features a slice of whole numbers: 65,536 · 128² is below 2³¹


def thumbnail(frame: Frame, *, pixels: int = WORK_PIXELS) -> Frame:
    """The frame as block means with at most `pixels` pixels, colours multiplied by alpha.

    frame: (H, W, 3 or 4). Returns (h, w, C), uint8, smaller by a whole factor on both axes.
    """
    if frame.shape[2] == 4:
        alpha = frame[:, :, 3:].astype(np.uint16)
        colour = (frame[:, :, :3] * alpha + 127) // 255
        frame = np.concatenate([colour, alpha], axis=2).astype(np.uint8)
    height, width = frame.shape[:2]
    factor = ceil(sqrt(height * width / pixels) - 1e-9)
    if factor <= 1:
        return frame
    small = Image.fromarray(frame[: height - height % factor or height]).reduce(factor)
    return np.asarray(small)


def check_count(frames: int) -> None:
    """Raises LimitError when a clip of so many frames is past MAX_FRAMES."""
    if frames > MAX_FRAMES:
        raise LimitError(
            f"clip: more than {MAX_FRAMES:,} frames, the limit of the distance matrix; "
            "cut the clip, or take every second frame (every: 2)"
        )


def features(frames: Iterable[Frame], *, pixels: int = WORK_PIXELS) -> Frame:
    """One row of numbers a frame, (N, F) uint8: what the distances are taken over.

    Raises InputError when the frames differ in size or there are none, LimitError past MAX_FRAMES.
    """
    rows: list[Frame] = []
    shape: tuple[int, ...] | None = None
    for frame in frames:
        shape = shape or frame.shape
        if frame.shape != shape:
            raise InputError(
                "clip",
                f"frame {len(rows)} is {_size(frame.shape)}, the first is {_size(shape)}",
                "bring all frames to one size",
            )
        check_count(len(rows) + 1)
        rows.append(thumbnail(frame, pixels=pixels).reshape(-1))
    if not rows:
        raise InputError("clip", "holds no frames", "give a clip with at least two frames")
    return np.stack(rows)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]}"


def gram(x: Frame) -> NDArray[np.float64]:
    """Scalar products of the rows of x (N, F) bytes, up to a shift that no distance sees: (N,
    N)."""
    return whole_gram(x) if _counts_bytes() else mean_gram(x)


def _counts_bytes() -> bool:
    """Whether this processor multiplies bytes four at a time (torch says so only in private)."""
    known = getattr(torch.cpu, "_is_vnni_supported", None)
    return hasattr(torch, "_int_mm") and known is not None and bool(known())


def whole_gram(x: Frame) -> NDArray[np.float64]:
    """The Gram matrix in whole numbers, exact: bytes moved to −128 … 127, products added in
    int32."""
    total = np.zeros((len(x), len(x)))
    for start in range(0, x.shape[1], _WHOLE):
        part = torch.from_numpy((x[:, start : start + _WHOLE] ^ 128).view(np.int8))
        total += torch._int_mm(part, part.T).numpy()
    return total


def mean_gram(x: Frame) -> NDArray[np.float64]:
    """The Gram matrix in floats, of rows whose mean row was subtracted.

    Slices are multiplied in float32 and added in float64; subtracting the mean first keeps the
    numbers small, so that little is lost when two near frames are told apart.
    """
    total = np.zeros((len(x), len(x)))
    for start in range(0, x.shape[1], _SLICE):
        part = x[:, start : start + _SLICE].astype(np.float32)
        part -= part.mean(axis=0)
        total += part @ part.T
    return total


def from_gram(g: NDArray[np.float64], count: int) -> Matrix:
    """Distances (N, N) in 0 … 1 from scalar products over `count` features."""
    own = np.diag(g)
    squared = np.maximum(own[:, None] + own[None, :] - 2 * g, 0.0)
    np.fill_diagonal(squared, 0.0)
    return np.sqrt(squared / (count * 255.0**2)).astype(np.float32)


def distances(x: Frame) -> Matrix:
    """RMS differences of all pairs of rows of x (N, F) bytes: (N, N) in 0 … 1."""
    return from_gram(gram(x), x.shape[1])


def full_distances(source: Source, *, memory: int = 1_000_000_000) -> Matrix:
    """The same over every pixel of large frames: the clip is read once a band of pixels.

    memory: bytes the band may take; 2,000 frames of 1280×720 are read in six passes at 1 GB.
    """
    first = next(iter(source()), None)
    if first is None:
        raise InputError("clip", "holds no frames", "give a clip with at least two frames")
    count, band, start = first.size, first.size, 0
    g: NDArray[np.float64] | None = None
    while start < count:
        rows: list[Frame] = []
        for frame in source():
            rows.append(
                thumbnail(frame, pixels=frame.size).reshape(-1)[start : start + band].copy()
            )
            if len(rows) * band > memory // 2:  # keep what fits: half now, half while stacking
                band = max(1, memory // 2 // (len(rows) + 1))
                rows = [row[:band].copy() for row in rows]
        part = gram(np.stack(rows))
        g = part if g is None else g + part
        start += band
    assert g is not None
    return from_gram(g, count)


def even_light(x: Frame, *, still: float = 0.25) -> tuple[Frame, NDArray[np.float64]]:
    """Rows of features with the brightness of the still background made equal, and the gains used.

    The background is the share `still` of the features that vary least for their brightness; each
    frame is multiplied so that its background has the clip's median brightness. x: (N, F) bytes.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    spread = x.std(axis=0, dtype=np.float64) / (mean + 4.0)  # +4: black pixels say nothing of gain
    lit = mean > 8
    if not lit.any():
        return x, np.ones(len(x))
    limit = np.quantile(spread[lit], still)
    level = x[:, lit & (spread <= limit)].mean(axis=1, dtype=np.float64)
    gains = np.median(level) / np.maximum(level, 1.0)
    even = np.clip(x * gains[:, None] + 0.5, 0, 255).astype(np.uint8)
    return even, gains


def filtered(d: Matrix, *, m: int, circular: bool = False) -> Matrix:
    """D′_ij = Σ_k w_k D_{i+k, j+k} for k = −m … m − 1, binomial weights (1 1 or 1 3 3 1) that sum
    to 1.

    The even length is deliberate: it is symmetric about the cut before frame i. The result is (N,
    N); the m first and m − 1 last rows and columns, where the filter leaves the clip, hold
    infinity. `circular` wraps round instead.
    """
    if m == 0:
        return d.copy()
    n = len(d)
    weights = [comb(2 * m - 1, k) / 2 ** (2 * m - 1) for k in range(2 * m)]
    if circular:
        index = np.arange(n)
        turned = (np.roll(index, -k) for k in range(-m, m))
        parts = [w * d[np.ix_(t, t)] for w, t in zip(weights, turned, strict=True)]
        return np.asarray(np.sum(parts, axis=0).astype(np.float32))
    out = np.full((n, n), np.inf, dtype=np.float32)
    inner = n - 2 * m + 1
    if inner > 0:
        out[m : m + inner, m : m + inner] = sum(
            w * d[k : k + inner, k : k + inner] for k, w in enumerate(weights)
        )
    return np.asarray(out)


def steps(d: Matrix) -> Matrix:
    """How far the clip moves from each frame to the next: (N − 1,)."""
    return np.asarray(np.diagonal(d, 1))


LONG = 24  # frames: shorter loops may well turn round in a few large steps
NOISE = 0.8  # of the distance of any two frames


def closes(d: Matrix) -> bool:
    """Whether the clip already is a loop: its last frame meets its first as neighbours do.

    Near is not enough: a pendulum that swings back passes the same place. So frames two apart
    across the seam must also be about as far as frames two apart just beside it. Where frames are
    hardly nearer to the next one than to any other (noise), every end would meet every beginning,
    and none is a loop.
    """
    n = len(d)
    if n < 6:
        return False
    usual = float(np.median(steps(d)))
    if n >= LONG and usual > NOISE * float(np.median(d[~np.eye(n, dtype=bool)])):
        return False
    one = float(d[n - 2, n - 1] + d[0, 1]) / 2
    two = float(d[n - 3, n - 1] + d[0, 2]) / 2
    across = (float(d[n - 1, 1]), float(d[n - 2, 0]))
    return 0.3 * one <= float(d[n - 1, 0]) <= 1.2 * max(one, usual) and all(
        0.6 * two <= a <= 1.4 * two + 0.3 * usual for a in across
    )
