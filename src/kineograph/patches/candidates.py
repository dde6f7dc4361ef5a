"""What could have been copied to a pixel? The growing loop's own question, asked again afterwards.

Efros & Leung copy the centre of a window of the example that looks like what was already there
around the pixel. From a source map that knows the order of its pixels, that surrounding is put
together again as it was at the pixel's turn, and every window is compared with it, by the plain
sum over the taps: no short list, no bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.examples import Picture, planes_of
from kineograph.patches.search import Flags, Longs
from kineograph.patches.source_map import SourceMap, rendered
from kineograph.patches.window import centres, gaussian_window
from kineograph.values.errors import InputError


class Candidate(NamedTuple):
    """A pixel of an example that could have been copied, and its error: the mean squared
    difference of its window from what was there, of values in [0, 1].
    """

    example: int
    y: int
    x: int
    error: float


class Turn(NamedTuple):
    """A pixel's turn: how many pixels were made before it, the known taps around it (N, 2) as
    (dy, dx), and what could have been copied, best first. A pixel that was only begun with, or was
    given, has no candidates.
    """

    number: int
    known: Longs
    candidates: tuple[Candidate, ...]


def turn_of(
    source: SourceMap,
    pictures: Sequence[Picture],
    at: tuple[int, int],
    *,
    window: int,
    epsilon: float,
    wrap: bool = False,
    allowed: Sequence[Flags] = (),
) -> Turn:
    """The turn of the pixel at (y, x) of a picture that was grown exactly.

    pictures: the examples. window: pixels. epsilon: share above the nearest distance that was still
    drawn from. wrap: opposite borders met. allowed: where each example may be read; all of it when
    left out. Raises InputError for a place outside, or a map that knows no order.
    """
    if source.order is None:
        raise InputError("map", "does not know in which order it was made", "make it again")
    H, W = source.order.shape
    y, x = at
    if not (0 <= y < H and 0 <= x < W):
        raise InputError("place", f"{x},{y} is outside {W}×{H}")
    mine = int(source.order[y, x])
    if not source.fresh[y, x] or mine < 0:
        return Turn(max(0, ~mine), np.empty((0, 2), np.int64), ())
    turns = np.where(source.order < 0, ~source.order, source.order)
    known = ~source.fresh | (turns < mine)
    planes = [planes_of(picture) for picture in pictures]
    canvas = np.moveaxis(rendered(source, [np.moveaxis(p, 0, 2) for p in planes]), 2, 0)
    taps = gaussian_window(window, 1)
    rows, columns = y + taps.dy, x + taps.dx
    inside = (rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)
    if wrap:
        rows, columns, inside = rows % H, columns % W, np.ones_like(inside)
    here = np.flatnonzero(inside)
    here = here[known[rows[here], columns[here]]]
    query = np.stack([taps.dy[here], taps.dx[here], taps.weight[here]], axis=1)
    values = canvas[:, rows[here], columns[here]].astype(np.int64)
    white = float(np.iinfo(pictures[0].dtype).max)
    total = float(query[:, 2].sum()) * len(canvas) * white**2
    reach = max(window // 2, 2)
    found: list[tuple[int, int, int, int]] = []  # distance, example, y, x
    for number, example in enumerate(planes):
        free = allowed[number] if allowed else np.ones(example.shape[1:], bool)
        ys, xs = np.nonzero(centres(free, 2 * reach + 1))
        distances = _distances(example.astype(np.int64), ys, xs, query, values)
        found += zip(distances.tolist(), [number] * len(ys), ys.tolist(), xs.tolist(), strict=True)
    nearest = min(found)[0]
    limit = nearest + int(nearest * epsilon)
    good = sorted(one for one in found if one[0] <= limit)
    candidates = tuple(Candidate(n, i, j, d / max(total, 1.0)) for d, n, i, j in good)
    return Turn(mine, query[:, :2], candidates)


def _distances(
    example: NDArray[np.int64], ys: Longs, xs: Longs, query: Longs, values: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(N,) weighed squared distances of the windows about N places from the known taps.

    example: (P, H, W). query: (K, 3) dy, dx, weight. values: (P, K) what is there.
    """
    sums = np.zeros(len(ys), np.int64)
    for (dy, dx, weight), value in zip(query.tolist(), values.T, strict=True):
        apart = example[:, ys + dy, xs + dx] - value[:, None]
        sums += weight * (apart * apart).sum(0)
    return sums
