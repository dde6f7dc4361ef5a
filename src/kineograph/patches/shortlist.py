"""The approximate search: a short list of likely places instead of all of them.

A pixel's candidates are the shifted sources of its known neighbours (Ashikhmin, I3D 2001), the
shifted sources of the nine coarse pixels around it (one level up the pyramid), what else resembles
those (k-coherence: Tong et al., SIGGRAPH 2002, with the runners-up of the coarse search), and some
drawn anywhere. Distances stay exact; what may be missed is a better place, and how often that
happens is measured, not guessed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kineograph.patches.lanes import compiled
from kineograph.patches.search import Longs, Sheet, distance, drawn

CANDIDATES = 8  # sources kept for every coarse pixel, the chosen one first
PROBES = 48  # candidates drawn anywhere
ROOM = 24 + 9 * CANDIDATES + PROBES  # longest list
PROBE = 16  # first of the purposes of draws


@compiled
def _added(
    sheet: Any, query: Any, terms: Any, position: Any, found: Any, scores: Any, count: Any
) -> Any:
    """Append a position with its distance unless it is no candidate or there already; the new
    count.
    """
    if position < 0 or position >= len(sheet.penalty) or sheet.penalty[position] != 0:
        return count
    for k in range(count):
        if found[k] == position:
            return count
    found[count] = position
    scores[count] = distance(sheet.planes, position, query, terms)
    return count + 1


@compiled
def listed(
    canvas: Any, sheet: Any, parents: Any, seed: Any, y: Any, x: Any,
    query: Any, terms: Any, found: Any, scores: Any,
) -> Any:  # fmt: skip
    """Write the short list for pixel (y, x), at most ROOM positions with their exact distances;
    returns its length.

    parents: (CANDIDATES, H/2, W/2) int64, position on this sheet of the sources of canvas pixel
    (2i, 2j), or −1.
    """
    H, W = canvas.known.shape
    count = 0
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            row, column = y + dy, x + dx
            if canvas.wrap:
                row, column = row % H, column % W
            elif row < 0 or row >= H or column < 0 or column >= W:
                continue
            if canvas.known[row, column] and canvas.source[row, column] >= 0:
                place = canvas.source[row, column] - dy * sheet.stride - dx
                count = _added(sheet, query, terms, place, found, scores, count)
    candidates, h, w = parents.shape
    for i in range(y // 2 - 1, y // 2 + 2):
        for j in range(x // 2 - 1, x // 2 + 2):
            row, column = i, j
            if canvas.wrap:
                row, column = i % h, j % w
            elif i < 0 or i >= h or j < 0 or j >= w:
                continue
            shift = (y - 2 * i) * sheet.stride + x - 2 * j
            for k in range(candidates):
                if parents[k, row, column] >= 0:
                    place = parents[k, row, column] + shift
                    count = _added(sheet, query, terms, place, found, scores, count)
    for k in range(PROBES if count > 0 else ROOM):
        bits = drawn(seed, y, x, PROBE + k)
        start = sheet.starts[np.int64(bits >> np.uint64(32)) % len(sheet.starts)]
        place = start + np.int64(bits & np.uint64(63))
        count = _added(sheet, query, terms, place, found, scores, count)
    if count == 0:
        start = sheet.starts[
            np.int64(drawn(seed, y, x, PROBE) >> np.uint64(32)) % len(sheet.starts)
        ]
        count = _added(sheet, query, terms, start, found, scores, count)
    return count


@compiled
def ranked(found: Any, scores: Any, count: Any, candidates: Any) -> None:
    """Write the positions of the nearest found to candidates (K,), −1 where there are no more;
    reorders found.
    """
    for k in range(len(candidates)):
        if k >= count:
            candidates[k] = -1
            continue
        best = k
        for other in range(k + 1, count):
            if scores[other] < scores[best]:
                best = other
        found[k], found[best] = found[best], found[k]
        scores[k], scores[best] = scores[best], scores[k]
        candidates[k] = found[k]


def parents_of(candidates: Longs, coarse: Sheet, fine: Sheet, firsts: tuple[Longs, Longs]) -> Longs:
    """Sources (K, h, w) on the coarse sheet as positions on the fine one, of each coarse pixel's
    first of four.

    firsts: position of the first pixel of every example, on the coarse and on the fine sheet.
    """
    rows, columns = np.divmod(candidates - coarse.margin, coarse.stride)
    tops, lefts = np.divmod(firsts[0] - coarse.margin, coarse.stride)
    example = np.maximum(np.searchsorted(tops, rows, side="right") - 1, 0)
    fine_first = firsts[1][example]
    place = fine_first + 2 * (rows - tops[example]) * fine.stride + 2 * (columns - lefts[example])
    return np.where(candidates < 0, -1, place)
