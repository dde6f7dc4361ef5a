"""The exact nearest place, found through principal components: a few sums rule out nearly every
candidate.

Where every tap is known, a feature is a fixed vector, and its distance is at least that of its
projections on any orthonormal axes. The axes of largest variance come first, so that a handful of
terms passes the bound. What is left is scored exactly in whole numbers; the bound is widened by the
rounding of the projections, so nothing nearest is lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.lanes import LANES, compiled, lowest, near
from kineograph.patches.search import BOUNDLESS, ROUND, STEP, Floats, Longs, Sheet, Window, distance

AXES = 24  # most projections kept
SAMPLE = 8192  # candidates that the axes are measured on


class Projection(NamedTuple):
    """planes: flat float32, the projections of every position as planes of a sheet. offsets: of
    those planes. basis: (taps, axes) float64, weights included; mean: (axes,) of the projected
    candidates. blur: largest rounding error of a projected candidate, as a length.
    """

    planes: Floats
    offsets: Longs
    ones: Floats
    basis: NDArray[np.float64]
    mean: NDArray[np.float64]
    blur: float


def projection_of(sheet: Sheet, window: Window) -> Projection:
    """Axes measured on evenly spaced candidates, and every candidate on them."""
    offsets = window.plane * sheet.area + window.dy * sheet.stride + window.dx
    root = np.sqrt(window.weight.astype(np.float64))
    places = np.flatnonzero(sheet.penalty == 0)
    some = places[:: max(1, len(places) // SAMPLE)]
    features = sheet.planes[some[:, None] + offsets] * root
    features = features - features.mean(0)
    _, axes = np.linalg.eigh(features.T @ features)
    axes = axes[:, ::-1][:, :AXES]
    basis = np.ascontiguousarray(root[:, None] * axes)

    projected = np.zeros((len(places), axes.shape[1]))
    for tap, offset in enumerate(offsets):
        projected += sheet.planes[places + offset][:, None] * basis[tap]
    mean = projected.mean(0)
    projected -= mean
    area = len(sheet.penalty)
    planes = np.zeros((axes.shape[1], area), np.float32)
    planes[:, places] = projected.T
    longest = float(np.sqrt((projected**2).sum(1).max()))
    return Projection(
        planes.reshape(-1),
        np.arange(axes.shape[1], dtype=np.int64) * area,
        np.ones(axes.shape[1], np.float32),
        basis,
        mean,
        ROUND * longest,
    )


@compiled
def nearest(sheet: Any, projection: Any, query: Any, terms: Any, known: Any, found: Any) -> Any:
    """Write every position at the smallest distance, in rising order; returns (how many, the
    distance).

    query: all taps of the window; known: exact distance of any candidate, or −1 when none is known.
    """
    values = query[1]
    axes = len(projection.ones)
    exact = -projection.mean
    for t in range(terms):
        for axis in range(axes):
            exact[axis] += projection.basis[t, axis] * values[t]
    goal = exact.astype(np.float32)
    length = np.sqrt((exact * exact).sum())
    blur = projection.blur + ROUND * length
    widen = 1.0 + 4 * (axes + 4) * ROUND
    short = (projection.offsets, goal, projection.ones)

    best = known if known >= 0 else np.int64(0x7FFFFFFFFFFFFFFF)
    bound = BOUNDLESS if known < 0 else np.float32((np.sqrt(np.float64(best)) + blur) ** 2 * widen)
    sums = np.empty(LANES, np.float32)
    count = 0
    for base in sheet.starts:
        start = sheet.penalty[base : base + LANES]
        alive = near(start, projection.planes, base, short, 0, min(STEP, axes), bound, sums)
        t = STEP
        while alive != 0 and t < axes:
            alive = near(sums, projection.planes, base, short, t, min(t + STEP, axes), bound, sums)
            t += STEP
        while alive != 0:
            position = base + lowest(alive)
            alive &= alive - np.uint64(1)
            score = distance(sheet.planes, position, query, terms)
            if score < best:
                best, count = score, 0
                bound = np.float32((np.sqrt(np.float64(best)) + blur) ** 2 * widen)
            if score == best:
                found[count] = position
                count += 1
    return count, best
