"""The walk through a table of frames: the same whole numbers, draws and steps as `page/policy.js`.

A player lives twice, here and in a page, and must go the same way from the same seed. So nothing
that two languages may
round apart is used: costs are whole numbers, exp() is a short list of whole numbers, and the rest
is +, ×, <, floor on doubles, in one stated order. `FrameChain` gives the same weights to the one
loop of `sequence/draw.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

UNIT = 32  # whole-number cost units a nat
DEAD = 1e9  # future cost of a frame that nothing follows: finite, so that α = 0 forgets it
REACH = 256  # units (8 nats) added a frame away from the wanted range
FAR = 60  # frames; further out costs no more
WEIGHTS = np.floor(65_536 * np.exp(-np.arange(11 * UNIT + 1) / UNIT)).astype(np.int64)
_TAN = 0.41421356237309503  # tan 22.5°, the border between two of 8 directions
_SWEEPS, _STILL = 5_000, 0.001  # the most sweeps, and the change (units) that ends them

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Which frames follow which: successors of frame i are to[first[i]:first[i + 1]].

    first: (N + 1,); to, cost: (E,) whole numbers, cost in 1/UNIT nats; alpha: weight of the future.
    """

    first: Whole
    to: Whole
    cost: Whole
    alpha: float

    def __len__(self) -> int:
        return len(self.first) - 1

    def as_json(self) -> dict[str, Any]:
        """What `policy.js` reads."""
        return {
            "first": self.first.tolist(),
            "to": self.to.tolist(),
            "cost": self.cost.tolist(),
            "alpha": self.alpha,
            "weights": WEIGHTS.tolist(),
        }


# -- draws -----------------------------------------------------------------------------------------


def mulberry32(state: int) -> tuple[int, int]:
    """A whole number below 2³² and the next state (T. Ettinger's 32-bit mixing generator)."""
    mask = 0xFFFFFFFF
    state = (state + 0x6D2B79F5) & mask
    t = ((state ^ (state >> 15)) * (state | 1)) & mask
    t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
    return (t ^ (t >> 14)) & mask, state


# -- steering --------------------------------------------------------------------------------------


def range_cost(n: int, first: int, last: int) -> Whole:
    """What each of n frames costs for lying outside first … last: REACH units a frame of distance.

    Raises InputError when the range leaves the clip or is turned round.
    """
    if not 0 <= first <= last < n:
        raise InputError("range", f"{first}:{last} is not within 0:{n - 1}", "use A ≤ B in frames")
    frame = np.arange(n)
    away = np.maximum(0, np.maximum(first - frame, frame - last))
    return np.minimum(away, FAR) * REACH


def ahead_of(table: Table, extra: Whole) -> NDArray[np.float64]:
    """m_i = min over successors j of (cost_ij + extra_j + α·m_j), units, swept last to first: (N,).

    extra: (N,) cost of showing each frame: its distance from a wanted range, or its wrong heading.
    """
    return np.asarray(_solve(table.first, table.to, table.cost, extra, table.alpha))


@njit(cache=True)
def _solve(first: Whole, to: Whole, cost: Whole, extra: Whole, alpha: float) -> NDArray[np.float64]:
    n = len(first) - 1
    ahead = np.zeros(n)
    for _ in range(_SWEEPS):
        largest = 0.0
        for i in range(n - 1, -1, -1):
            best = DEAD
            for e in range(first[i], first[i + 1]):
                value = cost[e] + extra[to[e]] + alpha * ahead[to[e]]
                if value < best:
                    best = value
            if abs(best - ahead[i]) > largest:
                largest = abs(best - ahead[i])
            ahead[i] = best
        if largest < _STILL:
            break
    return ahead


def octant(dy: float, dx: float) -> int:
    """The nearest of 8 directions: 0 right, 1 down-right, 2 down, … clockwise on a screen."""
    across, along = abs(dy), abs(dx)
    if across <= _TAN * along:
        return 0 if dx >= 0 else 4
    if along <= _TAN * across:
        return 2 if dy > 0 else 6
    if dx > 0:
        return 1 if dy > 0 else 7
    return 3 if dy > 0 else 5


class Step(NamedTuple):
    """One step of a walk: the frame to show and the state of the generator after drawing it."""

    frame: int
    state: int


def weights_of(table: Table, extra: Whole, ahead: NDArray[np.float64], frame: int) -> Whole:
    """Whole-number weights of the successors of `frame`, in table order."""
    edges = slice(table.first[frame], table.first[frame + 1])
    to = table.to[edges]
    late = (table.cost[edges] + extra[to]) + table.alpha * ahead[to]
    late = np.minimum(np.floor(late - late.min(initial=np.inf)), len(WEIGHTS)).astype(np.int64)
    return np.asarray(np.append(WEIGHTS, 0)[late])


def chances(table: Table) -> NDArray[np.float64]:
    """(N, N): how often frame j follows frame i in endless play; each row sums to 1."""
    extra = np.zeros(len(table), dtype=np.int64)
    ahead, made = ahead_of(table, extra), np.zeros((len(table), len(table)))
    for frame in range(len(table)):
        weights = weights_of(table, extra, ahead, frame)
        if weights.any():
            made[frame, table.to[table.first[frame] : table.first[frame + 1]]] = weights
        else:
            made[frame, home(ahead)] = 1
    shares: NDArray[np.float64] = made / made.sum(1, keepdims=True)
    return shares


def home(ahead: NDArray[np.float64]) -> int:
    """The first frame from which play never ends; 0 when there is none."""
    alive = np.flatnonzero(ahead < DEAD / 1000)
    return int(alive[0]) if len(alive) else 0


def stepped(table: Table, extra: Whole, ahead: NDArray[np.float64], frame: int, state: int) -> Step:
    """The frame after `frame`: one draw, weights as whole numbers, home when nothing follows."""
    draw, state = mulberry32(state)
    weights = weights_of(table, extra, ahead, frame)
    total = int(weights.sum())
    if total == 0:
        return Step(home(ahead), state)
    aim = draw * total // 4_294_967_296
    edge = int(np.searchsorted(np.cumsum(weights), aim, side="right"))
    return Step(int(table.to[table.first[frame] + edge]), state)


def walk(
    table: Table, seed: int, *, start: int | None = None, extra: Whole | None = None
) -> Iterator[int]:
    """Frame numbers without end, as the page shows them from the same seed."""
    extra = np.zeros(len(table), dtype=np.int64) if extra is None else extra
    ahead = ahead_of(table, extra)
    step = Step(home(ahead) if start is None else start, seed & 0xFFFFFFFF)
    while True:
        yield step.frame
        step = stepped(table, extra, ahead, step.frame, step.state)


# -- for the one loop ------------------------------------------------------------------------------


class FrameChain:
    """A table as a `NextSymbol`: symbols are frame numbers, only the last one read matters."""

    def __init__(self, table: Table, extra: Whole | None = None) -> None:
        """extra: (N,) cost of showing each frame, units; see `range_cost`."""
        extra = np.zeros(len(table), dtype=np.int64) if extra is None else extra
        self._ahead = ahead_of(table, extra)
        self._table = table
        self._extra = extra

    @property
    def size(self) -> int:
        return len(self._table)

    @property
    def home(self) -> int:
        """A frame from which play never ends."""
        return home(self._ahead)

    def advance(self, symbols: Tensor, memory: Any, cond: Cond | None) -> tuple[Tensor, Any]:
        """Log-weights (B, N) of the frame after the last one; memory is that frame, (B,)."""
        if symbols.shape[1] == 0 and memory is None:
            ready = torch.from_numpy(self._ahead < DEAD / 1000)
            begin = torch.zeros(self.size).masked_fill(~ready, -torch.inf)
            return begin.expand(len(symbols), -1), None
        last = symbols[:, -1] if symbols.shape[1] else memory
        rows = torch.full((len(last), self.size), -torch.inf, dtype=torch.float64)
        for row, frame in zip(rows, last.tolist(), strict=True):
            weights = weights_of(self._table, self._extra, self._ahead, frame)
            to = self._table.to[self._table.first[frame] : self._table.first[frame + 1]]
            if not weights.any():
                to, weights = np.array([home(self._ahead)]), np.array([1])
            row[torch.from_numpy(to)] = torch.from_numpy(weights).double().log()
        return rows.to(symbols.device), last
