"""Which frame may follow which: jump costs, future cost, pruning, and the table a player carries.

The jump i → j shows frame j after frame i; it looks right when j is like i + 1, so it costs
D′_{i+1, j} (Schödl et al., "Video Textures", 2000, §3). Costs are counted in nats: divided by σ, a
small multiple of the mean cost, so that a jump is taken with probability ∝ exp(−cost). The future
cost prices what a jump leads to: F_{i→j} = C_ij^p + α·m_j with m_j = min_k F_{j→k}, the
*successor's* row. (Written as D″_ij = D′_ij^p + α·min_k D″_jk and read literally, the minimum
includes "play on into j" at cost 0 and nothing is ever learned.)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kineograph.frames.distance import Matrix, filtered, steps
from kineograph.frames.walk import DEAD, UNIT, Table

UNORDERED = 0.7  # of the distance of any two frames: the usual step of a clip without order
Costs = Matrix  # (N, N): what showing frame j after frame i costs; infinity where it may not be


@dataclass(frozen=True)
class Playback:
    """How a clip may be rearranged."""

    dynamics: int = 2  # m, half the length of the dynamics filter, frames; 0: single frames
    sigma: float = 0.05  # σ as a multiple of the mean cost; smaller takes only the best jumps
    power: float = 1.0  # p ≥ 1; larger prefers several good jumps to one poor one
    alpha: float = 0.995  # weight of the future, 0 … 0.999; 0 looks no further than the jump
    near: float = 0.25  # seconds; jumps shorter than this are stutter and are not taken
    calm: float = 3.0  # nats added to every jump, so that a clip full of good ones plays in runs
    jumps: int = 8  # the most jumps kept from one frame for free play
    parts: int = 12  # and the best jump into each of so many parts of the clip, for range control


def jump_costs(d: Matrix, *, m: int, near: int = 2, circular: bool = False) -> Costs:
    """C_ij = D′_{i+1, j} (N, N): 0 for playing on, infinity where the clip's ends leave no
    evidence.

    d: distances (N, N). m: half length of the dynamics filter, lowered for clips too short for it.
    near: the least |j − (i + 1)| of a jump, frames; 2 forbids to freeze.
    circular: the last frame meets the first.
    """
    n = len(d)
    m = min(m, n // 4)
    moved = filtered(d, m=m, circular=circular)
    cost = np.full((n, n), np.inf, dtype=np.float32)
    if circular:
        cost[:] = np.roll(moved, -1, axis=0)
    else:
        cost[:-1] = moved[1:]
    i, j = np.indices((n, n), sparse=True)
    gap = np.abs(j - (i + 1))
    if circular:
        gap = np.minimum(gap, n - gap)
    cost[gap < near] = np.inf
    here = np.arange(n - 1)
    cost[here, here + 1] = 0.0
    if circular:
        cost[n - 1, 0] = 0.0
    elif not np.isfinite(cost[gap >= near]).any():
        _join_ends(cost, d)
    return cost


def _join_ends(cost: Costs, d: Matrix) -> None:
    """Give a clip too short for evidence its one way round: last frame to first, at the price of
    the step."""
    n = len(d)
    usual = float(np.median(steps(d))) if n > 1 else 0.0
    cost[n - 1, 0] = max(0.0, float(d[n - 1, 0]) - usual)


def in_nats(cost: Costs, *, sigma: float, power: float = 1.0, calm: float = 0.0) -> Costs:
    """Costs^p divided by σ = `sigma` × the mean non-zero finite cost^p, `calm` added to jumps.

    Returns (N, N); playing on stays free.
    """
    raised = cost if power == 1.0 else cost**power
    told = raised[np.isfinite(raised) & (raised > 0)]
    scale = sigma * float(told.mean(dtype=np.float64)) if len(told) else 1.0
    nats = (raised / np.float32(scale) + np.float32(calm)).astype(np.float32)
    here = np.arange(len(cost) - 1)
    nats[here, here + 1] -= np.float32(calm)
    return nats


def future(
    cost: Costs, *, alpha: float, tolerance: float = 1e-3
) -> tuple[NDArray[np.float64], int]:
    """m_i = min_j (C_ij + α·m_j), the least cost of everything after frame i; and the sweeps it
    took.

    cost: (N, N) nats. Rows are swept from last to first, each using the rows already swept; frames
    that nothing follows cost DEAD. Stops when no m moves by `tolerance` or more, nats.
    """
    ahead = np.zeros(len(cost))
    sweeps = 0
    while sweeps < 20_000:
        sweeps += 1
        if _sweep(cost, alpha, ahead) < tolerance:
            break
    return ahead, sweeps


@njit(cache=True, fastmath={"nnan", "nsz", "reassoc"})
def _sweep(cost: Costs, alpha: float, ahead: NDArray[np.float64]) -> float:
    n = len(ahead)
    weighed = alpha * ahead
    largest = 0.0
    for i in range(n - 1, -1, -1):
        best = DEAD
        for j in range(n):
            best = min(best, cost[i, j] + weighed[j])
        largest = max(largest, abs(best - ahead[i]))
        ahead[i] = best
        weighed[i] = alpha * best
    return largest


def synchronous_future(
    cost: Costs, *, alpha: float, tolerance: float = 1e-3
) -> tuple[NDArray[np.float64], int]:
    """The same numbers by textbook sweeps, every row from the old values: slow, for comparison."""
    ahead = np.zeros(len(cost))
    sweeps = 0
    while sweeps < 100_000:
        sweeps += 1
        new = np.minimum((cost + alpha * ahead[None, :]).min(axis=1), DEAD)
        moved = float(np.abs(new - ahead).max())
        ahead = new
        if moved < tolerance:
            break
    return ahead, sweeps


def pruned(cost: Costs, ahead: NDArray[np.float64], playback: Playback) -> list[NDArray[np.int64]]:
    """The frames kept as successors of each frame, N ascending arrays.

    Kept are: playing on; the best way on; the best `jumps` local optima (no neighbouring landing is
    better for this frame, no neighbouring frame a better start for this landing) of probability
    above 1/1000 of the best; and the cheapest jump into each of `parts` parts of the clip, which
    free play hardly takes but range control needs.
    """
    n = len(cost)
    bounds = np.unique(np.linspace(0, n, min(playback.parts, n) + 1).astype(int))
    kept: list[NDArray[np.int64]] = []
    for i in range(n):
        row = cost[i].astype(np.float64) + playback.alpha * ahead
        if not np.isfinite(row).any():
            kept.append(np.empty(0, dtype=np.int64))
            continue
        best = int(row.argmin())
        local = (row <= np.roll(row, 1)) & (row <= np.roll(row, -1)) & (row < row[best] + 7)
        for neighbour in (i - 1, i + 1):
            if 0 <= neighbour < n:
                local &= cost[i] <= cost[neighbour]
        found = np.flatnonzero(local)
        found = found[np.argsort(row[found], kind="stable")][: playback.jumps]
        parts = [a + int(cost[i, a:b].argmin()) for a, b in pairwise(bounds)]
        played = [i + 1] if i + 1 < n and cost[i, i + 1] == 0 else []
        all_of = np.unique(np.concatenate([[best], found, parts, played]).astype(np.int64))
        kept.append(all_of[np.isfinite(cost[i, all_of])])
    return kept


def table(cost: Costs, kept: list[NDArray[np.int64]], alpha: float) -> Table:
    """The kept successors and their costs as whole numbers, UNIT a nat: what a player carries."""
    first = np.concatenate([[0], np.cumsum([len(k) for k in kept])]).astype(np.int64)
    to = np.concatenate(kept)
    source = np.repeat(np.arange(len(cost)), np.diff(first))
    prices = np.minimum(np.rint(cost[source, to].astype(np.float64) * UNIT), 60_000)
    return Table(first=first, to=to, cost=prices.astype(np.int64), alpha=alpha)


def _unordered(d: Matrix, cost: Costs) -> float:
    """The least σ, a multiple of the mean cost, of a clip as fire or water; 0 of any other.

    Where the next frame is hardly nearer than any other, no jump is cheap beside the mean though
    most pass unseen; σ is then a third of a usual step, which is what an unseen jump costs.
    """
    n = len(d)
    told = cost[np.isfinite(cost) & (cost > 0)]
    if n < 3 or not len(told):
        return 0.0
    usual = float(np.median(steps(d)))
    if usual < UNORDERED * float(np.median(d[~np.eye(n, dtype=bool)])):
        return 0.0
    return usual / 3 / float(told.mean(dtype=np.float64))


def play_table(d: Matrix, fps: float, playback: Playback, *, circular: bool = False) -> Table:
    """From distances (N, N) to the table that plays the clip for ever."""
    n = len(d)
    near = max(2, min(round(playback.near * fps), n // 6))
    cost = jump_costs(d, m=playback.dynamics, near=near, circular=circular)
    sigma = max(playback.sigma, _unordered(d, cost))
    nats = in_nats(cost, sigma=sigma, power=playback.power, calm=playback.calm)
    if circular:
        nats[n - 1, 0] = 0.0
    ahead, _ = future(nats, alpha=playback.alpha)
    return table(nats, pruned(nats, ahead, playback), playback.alpha)
