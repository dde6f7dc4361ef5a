"""Which loop through a clip has exactly the wanted length and looks best?

A primitive loop plays frames j … i and jumps back from i to j. A compound loop is a multiset of
primitives whose ranges hang together; lengths and costs add. The best compound of every length
comes from dynamic programming (Schödl et al., "Video Textures", 2000, §4.2), and a schedule puts
its jumps into an order that can be played and ends where it began.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kineograph.frames.policy import Costs
from kineograph.values.errors import InputError

PRIMITIVES = 20  # as in the paper: enough for every length, few enough to be quick
MAX_LENGTH = 20_000  # frames of a loop


class Primitive(NamedTuple):
    """Frames first … last, then back to first; cost in the units of the cost matrix."""

    first: int
    last: int
    cost: float

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    def meets(self, other: Primitive) -> bool:
        """Whether the two share a frame, so that one can be played within the other."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Loop:
    """Frames in the order shown; after the last one comes the first again.

    order: frame numbers. cost: the sum over its jumps. jumps: (from, to) in the order taken, the
    closing one included.
    """

    order: tuple[int, ...]
    cost: float
    jumps: tuple[tuple[int, int], ...]


def primitives(
    cost: Costs, *, shortest: int = 1, longest: int | None = None, keep: int = PRIMITIVES
) -> list[Primitive]:
    """The loops of one jump worth combining: local optima of the least average cost.

    cost: (N, N), C_ij of showing j after i. shortest, longest: frames a loop may have. Where no
    local optimum exists, as in a clip of few frames, every backward jump is a candidate.
    """
    n = len(cost)
    last, first = np.indices((n, n))
    length = last - first + 1
    allowed = (length >= max(1, shortest)) & (length <= (n if longest is None else longest))
    back = np.where(allowed, cost, np.inf)
    padded = np.pad(back, 1, constant_values=np.inf)
    local = np.isfinite(back)
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        local &= back <= padded[dy : dy + n, dx : dx + n]
    found = np.argwhere(local)
    price = back[found[:, 0], found[:, 1]]
    average = price / (found[:, 0] - found[:, 1] + 1)
    best = np.lexsort((found[:, 1], found[:, 0], average))[:keep]
    return [Primitive(int(found[k, 1]), int(found[k, 0]), float(price[k])) for k in best]


def exact(cost: Costs, length: int, *, keep: int = 5) -> list[Primitive]:
    """The cheapest loops of one jump with exactly `length` frames, so that every length has one."""
    if length > len(cost):
        return []
    prices = np.diagonal(cost, 1 - length)  # C_ij with i − j + 1 = length
    best = np.argsort(prices, kind="stable")[:keep]
    return [
        Primitive(int(k), int(k) + length - 1, float(prices[k]))
        for k in best
        if np.isfinite(prices[k])
    ]


def overlaps(loops: list[Primitive]) -> NDArray[np.bool_]:
    """(N, N) whether two primitives share a frame."""
    return np.array([[a.meets(b) for b in loops] for a in loops], dtype=bool)


def best_compounds(
    loops: list[Primitive], longest: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The dynamic programming table: least cost (longest + 1, N) of a loop of each length with each
    primitive.

    Also returns back-pointers (longest + 1, N): the length of the part taken from the same column
    (0 where the cell is the primitive alone) and the column of the other part. A cell joins a
    shorter entry of its own column to an entry of a column whose primitive shares a frame with its
    own; any compound splits so (cut an edge of a spanning tree at that primitive), therefore
    nothing is missed.
    """
    lengths = np.array([p.length for p in loops], dtype=np.int64)
    costs = np.array([p.cost for p in loops], dtype=np.float64)
    table: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]
    table = _fill(lengths, costs, overlaps(loops), longest)
    return table


@njit(cache=True)
def _fill(
    lengths: NDArray[np.int64],
    costs: NDArray[np.float64],
    near: NDArray[np.bool_],
    longest: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    n = len(lengths)
    best = np.full((longest + 1, n), np.inf)
    own = np.zeros((longest + 1, n), dtype=np.int64)
    other = np.zeros((longest + 1, n), dtype=np.int64)
    joined = np.full((longest + 1, n), np.inf)  # the best entry of any column that meets column c
    partner = np.zeros((longest + 1, n), dtype=np.int64)
    for length in range(1, longest + 1):
        for c in range(n):
            if lengths[c] == length:
                best[length, c] = costs[c]
            for part in range(1, length):
                value = best[part, c] + joined[length - part, c]
                if value < best[length, c]:
                    best[length, c] = value
                    own[length, c] = part
                    other[length, c] = partner[length - part, c]
        for c in range(n):
            for d in range(n):
                if near[c, d] and best[length, d] < joined[length, c]:
                    joined[length, c] = best[length, d]
                    partner[length, c] = d
    return best, own, other


def taken(
    own: NDArray[np.int64], other: NDArray[np.int64], length: int, column: int
) -> Counter[int]:
    """How often each primitive is used in the cell (length, column), from the back-pointers."""
    counts: Counter[int] = Counter()
    open_cells = [(length, column)]
    while open_cells:
        length, column = open_cells.pop()
        part = int(own[length, column])
        if part == 0:
            counts[column] += 1
        else:
            open_cells += [(part, column), (length - part, int(other[length, column]))]
    return counts


def scheduled(
    uses: Counter[Primitive], rng: np.random.Generator | None = None
) -> tuple[list[int], list[tuple[int, int]]]:
    """An order of frames that takes every primitive's jump exactly as often as `uses` says.

    The first jump is the one that starts last in the clip, as in the paper; what follows is an
    Eulerian circuit of frames and jumps (Hierholzer's method), which exists because every primitive
    that covers a frame enters it and leaves it once. `rng` shuffles the choice of jumps. Returns
    the frames and the jumps in order.
    """
    ends: dict[int, list[int]] = {}  # from each frame, where the unused ways on lead
    for loop, times in uses.items():
        for frame in range(loop.first, loop.last):
            ends.setdefault(frame, []).extend([frame + 1] * times)
        ends.setdefault(loop.last, []).extend([loop.first] * times)
    for ways in ends.values():
        if rng is not None:
            rng.shuffle(ways)
        else:
            ways.sort()  # pops play on first, so jumps are spread towards the end
    opening = max(uses, key=lambda loop: (loop.last, -loop.first))
    path: list[int] = [opening.last]
    circuit: list[int] = []
    ends[opening.last].remove(opening.first)
    ends[opening.last].append(opening.first)
    while path:
        unused = ends.get(path[-1])
        if unused:
            path.append(unused.pop())
        else:
            circuit.append(path.pop())
    nodes = circuit[::-1]
    if len(nodes) != sum(loop.length * times for loop, times in uses.items()) + 1:
        raise InputError("uses", "holds loops that do not hang together", "give overlapping ones")
    back = {(loop.last, loop.first) for loop in uses}
    pairs = list(pairwise(nodes))
    return nodes[1:], [pair for pair in pairs if pair in back]


def best_loop(
    cost: Costs,
    length: int,
    *,
    shortest: int = 1,
    rng: np.random.Generator | None = None,
) -> Loop:
    """The loop of exactly `length` frames with the least total cost over the kept primitives.

    cost: (N, N) of showing j after i. Raises InputError when no loop of that length exists, naming
    the nearest lengths that do.
    """
    if not 1 <= length <= MAX_LENGTH:
        raise InputError("seconds", f"{length:,} frames is not in 1 … {MAX_LENGTH:,}")
    loops = primitives(cost, shortest=shortest, longest=length)
    loops += [loop for loop in exact(cost, length) if loop not in loops]
    if not loops:
        raise InputError("clip", "has no way back to an earlier frame", "give a longer clip")
    best, own, other = best_compounds(loops, length)
    column = int(best[length].argmin())
    if not np.isfinite(best[length, column]):
        possible = np.flatnonzero(np.isfinite(best).any(axis=1))
        near = possible[np.argsort(np.abs(possible - length), kind="stable")][:2]
        known = " or ".join(str(k) for k in sorted(near)) or str(min(p.length for p in loops))
        raise InputError("seconds", f"no loop has {length} frames", f"{known} frames would do")
    uses = Counter({loops[k]: times for k, times in taken(own, other, length, column).items()})
    order, jumps = scheduled(uses, rng)
    return Loop(tuple(order), float(best[length, column]), tuple(jumps))


def best_singles(cost: Costs, *, shortest: int, good: float, keep: int = 8) -> list[Loop]:
    """The best loops of one jump: those that cost at most `good`, longest first, then the cheapest.

    shortest: frames, given up where nothing is as long. good: in the units of `cost`, what still
    passes unseen. keep: how many. Raises InputError when there is no way back at all.
    """
    loops = primitives(cost, shortest=shortest, keep=len(cost) ** 2)
    loops = loops or primitives(cost, keep=len(cost) ** 2)
    if not loops:
        raise InputError("clip", "has no way back to an earlier frame", "give a longer clip")
    fine = sorted((p for p in loops if p.cost <= good), key=lambda p: (-p.length, p.cost))
    rest = sorted((p for p in loops if p.cost > good), key=lambda p: (p.cost, -p.length))
    return [
        Loop(tuple(range(p.first, p.last + 1)), p.cost, ((p.last, p.first),))
        for p in (fine + rest)[:keep]
    ]
