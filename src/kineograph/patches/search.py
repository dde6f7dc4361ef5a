"""Query → matching occurrences: exact search among all windows of one or more examples.

The distance is a weighted sum of squares over whole numbers (pixel values and weights), so it has
one value whatever the order of summation. `survivors` drops a candidate as soon as its partial sum
in float32 passes a bound; every term is ≥ 0, so a float32 sum of n terms is within (1 ± 2⁻²⁴)ⁿ⁺² of
the true one, and with the bound widened by that much no acceptable candidate is lost (Higham 2002,
§4.2). Those left are scored again in int64. The result is that of plain exhaustive search, by proof
and not by luck. Random draws are a hash of (seed, y, x, purpose): no order, no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.lanes import LANES, compiled, lowest, near

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Flags = NDArray[np.bool_]

STEP = 6  # terms between two looks at the bound
ROUND = 2.0**-24  # unit round-off of float32
BOUNDLESS = np.finfo(np.float32).max  # above any sum, below the penalty


class Sheet(NamedTuple):
    """All examples on one sheet, one below the other, left-aligned.

    planes: flat float32, whole numbers below 2²³: margin, then `area` values a plane, then margin.
    penalty: flat float32, as long as the margins and one plane; 0 at a candidate, infinite
    elsewhere. starts: positions of the blocks of 64 that hold candidates. candidates: how many.
    stride: width of the sheet. A position is an index into plane 0 of `planes`, margin included.
    """

    planes: Floats
    penalty: Floats
    starts: Longs
    candidates: int
    stride: int
    area: int
    margin: int


class Window(NamedTuple):
    """The taps around a pixel, heaviest first.

    dy, dx: offsets in pixels; plane: number of the plane; weight: whole, ≥ 1.
    given: true where the plane is known everywhere, whatever the canvas says.
    """

    dy: Longs
    dx: Longs
    plane: Longs
    weight: Longs
    given: Flags


def sheet_of(
    pictures: Sequence[NDArray[Any]], candidates: Sequence[Flags], reach: int
) -> tuple[Sheet, Longs]:
    """The sheet, and the position of the first pixel of every example.

    pictures: (P, H, W) whole numbers, P alike. candidates: (H, W) true where a window may be
    centred. reach: largest offset of a tap, in pixels.
    """
    planes = len(pictures[0])
    width = max(p.shape[2] for p in pictures)
    height = sum(p.shape[1] for p in pictures)
    area, margin = height * width, reach * (width + 1) + LANES
    values = np.zeros((planes, height, width), np.float32)
    allowed = np.zeros((height, width), bool)
    firsts, row = [], 0
    for picture, mask in zip(pictures, candidates, strict=True):
        _, H, W = picture.shape
        values[:, row : row + H, :W] = picture
        allowed[row : row + H, :W] = mask
        firsts.append(margin + row * width)
        row += H

    flat = np.pad(values.reshape(-1), margin)
    penalty = np.full(area + 2 * margin, np.inf, np.float32)
    penalty[margin : margin + area][allowed.reshape(-1)] = 0
    positions = np.flatnonzero(penalty == 0)
    starts = _blocks(positions)
    sheet = Sheet(flat, penalty, starts, len(positions), width, area, margin)
    return sheet, np.array(firsts, np.int64)


def _blocks(positions: Longs) -> Longs:
    """Starts of the blocks of 64 that a left-to-right sweep needs to cover sorted positions."""
    starts, k = [], 0
    while k < len(positions):
        starts.append(positions[k])
        k = int(np.searchsorted(positions, positions[k] + LANES))
    return np.array(starts, np.int64)


@compiled
def drawn(seed: Any, y: Any, x: Any, purpose: Any) -> Any:
    """64 random bits (uint64) that depend on the four numbers alone (SplitMix64, Steele et al.
    2014).
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    z = np.uint64(seed)
    place = (np.uint64(y) << np.uint64(32)) | np.uint64(x)
    for word in (place, np.uint64(purpose)):
        z = (z ^ word) + golden
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return z


@compiled
def below(bits: Any, count: Any) -> Any:
    """A whole number in 0 … count − 1 from 64 random bits; count < 2³¹."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@compiled
def drawn_below(seed: Any, y: Any, x: Any, purpose: Any, count: Any) -> Any:
    """A whole number in 0 … count − 1 that depends on the first four numbers alone."""
    return below(drawn(seed, y, x, purpose), count)


@compiled
def distance(planes: Any, position: Any, query: Any, terms: Any) -> Any:
    """The exact distance of one candidate, int64."""
    offsets, values, weights = query
    total = np.int64(0)
    for t in range(terms):
        gap = np.int64(planes[position + offsets[t]] - values[t])
        total += np.int64(weights[t]) * gap * gap
    return total


@compiled
def limit_of(nearest: Any, epsilon: Any) -> Any:
    """The largest accepted distance: nearest · (1 + ε), rounded down, int64."""
    return nearest + np.int64(np.float64(nearest) * epsilon)


@compiled
def survivors(sheet: Any, query: Any, terms: Any, known: Any, epsilon: Any, found: Any) -> Any:
    """Every candidate that may lie within nearest · (1 + ε), in rising order of position, and some
    more.

    known: exact distance of any candidate, or −1 when none is known; found: int64
    (sheet.candidates,), written. Returns how many were written.
    """
    widen = (1.0 + epsilon) * (1.0 + 4 * (terms + 4) * ROUND)
    bound = BOUNDLESS if known < 0 else np.float32(known * widen)
    sums = np.empty(LANES, np.float32)
    count = 0
    for base in sheet.starts:
        start = sheet.penalty[base : base + LANES]
        alive = near(start, sheet.planes, base, query, 0, min(STEP, terms), bound, sums)
        t = STEP
        while alive != 0 and t < terms:
            alive = near(sums, sheet.planes, base, query, t, min(t + STEP, terms), bound, sums)
            t += STEP
        least = np.inf
        while alive != 0:
            lane = lowest(alive)
            alive &= alive - np.uint64(1)
            found[count] = base + lane
            count += 1
            least = min(least, np.float64(sums[lane]))
        bound = min(bound, np.float32(least * widen))
    return count


@compiled
def scored(sheet: Any, query: Any, terms: Any, found: Any, scores: Any, count: Any) -> None:
    """Write the exact distances of the first `count` positions found."""
    for k in range(count):
        scores[k] = distance(sheet.planes, found[k], query, terms)


@compiled
def picked(found: Any, scores: Any, count: Any, epsilon: Any, bits: Any) -> Any:
    """One of the positions found, drawn evenly by 64 bits from those within nearest · (1 + ε).

    Returns (position, its distance, the nearest distance); found and scores are overwritten.
    """
    nearest = scores[0]
    for k in range(1, count):
        nearest = min(nearest, scores[k])
    limit = limit_of(nearest, epsilon)
    good = 0
    for k in range(count):
        if scores[k] <= limit:
            found[good], scores[good] = found[k], scores[k]
            good += 1
    choice = below(bits, good)
    return found[choice], scores[choice], nearest
