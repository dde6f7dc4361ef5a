"""How much of a month is work when a thousand workers can fail? A simulation, and its closed form.

All workers take a step together, so the slowest sets its length, and one that fails takes all back
to the last checkpoint. Failures of a worker come at a constant rate (exponential gaps), also while
the fleet starts again. Daly (2006) has the expected time in closed form and Young (1974) the best
interval between checkpoints: the simulation is held to both. Stragglers: every worker's step varies
a little, and now and then one is slow for good until it is replaced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from kineograph.values.errors import InputError

HOUR = 3600.0
MOST_PIECES = 10_000_000  # of a run between checkpoints, failures included


@dataclass(frozen=True)
class Fleet:
    """A fleet and its habits. Times in seconds unless a name says otherwise.

    lifetime: mean hours between two failures of one worker. checkpoint: to write one, while nobody
    works. restart: from a failure to the first step anew. step: of a worker without disturbance.
    jitter: deviation of the logarithm of a worker's step. slow: share of a worker's lifetimes in
    which it turns slow before it fails, `slowness` times; until: seconds until that is found and
    the worker replaced, which costs a restart.
    """

    workers: int
    lifetime: float
    every: float
    checkpoint: float
    restart: float
    step: float
    jitter: float = 0.0
    slow: float = 0.0
    slowness: float = 1.5
    until: float = HOUR

    def __post_init__(self) -> None:
        for name in ("workers", "lifetime", "every", "step", "slowness"):
            if getattr(self, name) <= 0:
                raise InputError(name, f"{getattr(self, name)} is not above 0")
        for name in ("checkpoint", "restart", "jitter", "slow", "until"):
            if getattr(self, name) < 0:
                raise InputError(name, f"{getattr(self, name)} is below 0")

    @property
    def between(self) -> float:
        """Mean seconds between two failures anywhere."""
        return self.lifetime * HOUR / self.workers


class Month(NamedTuple):
    """What became of a run. Shares of its whole time: useful work, checkpoints, work lost and done
    again, restarts, waiting for the slowest. failures: how many."""

    useful: float
    checkpoints: float
    lost: float
    restarts: float
    waiting: float
    failures: int
    seconds: float


def simulated(fleet: Fleet, work: float, seed: int) -> Month:
    """Do `work` seconds of undisturbed steps; every draw comes from the seed."""
    rng = np.random.default_rng(seed)
    stretch = _slowest(fleet, rng)
    done = lost = saved = restarts = 0.0
    failures = 0
    left, slow_for = rng.exponential(fleet.between), 0.0
    turns_slow = rng.exponential(fleet.between / fleet.slow) if fleet.slow else math.inf
    for _ in range(MOST_PIECES):
        if done >= work:
            break
        piece = min(fleet.every, work - done)
        factor = fleet.slowness if slow_for > 0 else 1.0
        took = piece * stretch * factor
        whole = took + fleet.checkpoint
        if left < whole:  # a failure before the checkpoint stands: all of the piece is lost
            lost += left
            failures += 1
            slow_for = 0.0
            down, left = _down(fleet, rng)
            restarts += down
            continue
        left -= whole
        saved += fleet.checkpoint
        lost += took - piece * stretch  # what slowness costs beside the usual waiting
        done += piece
        turns_slow -= whole
        if slow_for > 0 and (slow_for := slow_for - whole) <= 0:
            down, left = _down(fleet, rng)
            restarts += down
        elif turns_slow <= 0:
            slow_for = fleet.until
            turns_slow = rng.exponential(fleet.between / fleet.slow)
    else:
        raise InputError("lifetime", "the run hardly ever reaches a checkpoint", "save more often")
    waiting = work * (stretch - 1)
    total = work + waiting + saved + lost + restarts
    return Month(
        useful=work / total,
        checkpoints=saved / total,
        lost=lost / total,
        restarts=restarts / total,
        waiting=waiting / total,
        failures=failures,
        seconds=total,
    )


def _down(fleet: Fleet, rng: np.random.Generator) -> tuple[float, float]:
    """Seconds until the fleet works again, failures while it starts included; the next failure."""
    down = 0.0
    while (left := rng.exponential(fleet.between)) < fleet.restart:
        down += left
    return down + fleet.restart, left - fleet.restart


def _slowest(fleet: Fleet, rng: np.random.Generator, steps: int = 2000) -> float:
    """The mean over steps of the slowest worker's step, in undisturbed steps.

    The greatest of n draws has the n-th root of an even draw for its rank, so each step needs one.
    """
    if fleet.jitter == 0:
        return 1.0
    from statistics import NormalDist

    ranks = rng.random(steps) ** (1 / fleet.workers)
    normal = NormalDist()
    greatest = [normal.inv_cdf(min(max(rank, 1e-12), 1 - 1e-12)) for rank in ranks]
    return float(np.exp(fleet.jitter * np.array(greatest)).mean())


def daly(fleet: Fleet, work: float) -> float:
    """Expected seconds of a run without stragglers (Daly 2006, equation 20).

    M e^(R/M) (e^((every + checkpoint)/M) - 1) for each piece between two checkpoints.
    """
    mean = fleet.between
    piece = math.expm1((fleet.every + fleet.checkpoint) / mean)
    return work / fleet.every * mean * math.exp(fleet.restart / mean) * piece


def young(fleet: Fleet) -> float:
    """About the best seconds of work between two checkpoints (Young 1974): sqrt(2 C M)."""
    return math.sqrt(2 * fleet.checkpoint * fleet.between)


def at_best(fleet: Fleet) -> Fleet:
    """The same fleet, saving as often as Young says."""
    return replace(fleet, every=young(fleet))


class Outcome(NamedTuple):
    """Means of some simulated runs, and the 95 % interval of the useful share."""

    month: Month
    low: float
    high: float


def outcome(fleet: Fleet, work: float, *, runs: int, seed: int) -> Outcome:
    """Simulate some runs, each from a seed of its own."""
    if runs < 2:
        raise InputError("runs", f"{runs}", "ask for two or more")
    found = [simulated(fleet, work, seed + i) for i in range(runs)]
    means = {name: float(np.mean([getattr(m, name) for m in found])) for name in Month._fields}
    useful = np.sort([month.useful for month in found])
    low, high = np.quantile(useful, (0.025, 0.975))
    failures = round(means.pop("failures"))
    return Outcome(Month(**means, failures=failures), float(low), float(high))
