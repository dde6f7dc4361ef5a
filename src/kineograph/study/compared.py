"""How good, how various, how much by heart, how quick? Ways and choices judged on known figures.

Every figure comes with its 95 % interval over the pictures made (percentile bootstrap); runs with
other seeds would differ by more. Right: what the nearest drawing shows is what was asked. Off: how
far a picture is from any drawing, levels of 255. Spread: the deviation of place and size beside
that of true figures, 1 is the truth's. Memory: the share of pictures nearer to a training figure
than all but a twentieth of true, new figures are; .05 is none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.evaluation.sets import Estimate, bootstrap
from kineograph.study.figures import FAR, LARGE, NEAR, SMALL, Figures, read, texts
from kineograph.study.ways import (
    RATES,
    Diffusion,
    Distilled,
    Sampling,
    Way,
    fresh,
    parameters_of,
    taught,
    wide,
)
from kineograph.values.progress import Progress

HELD_OUT = 10**6  # added to the seed of figures that nobody learns from
TRUE = np.array([FAR - NEAR, FAR - NEAR, LARGE - SMALL]) / np.sqrt(12)  # deviations of the factors


class Judged(NamedTuple):
    """Figures of some pictures; see the top of the file."""

    right: Estimate
    off: Estimate
    spread: Estimate
    memory: Estimate


@dataclass(frozen=True)
class Row:
    """One model of a study: what it is, what it saw, how its pictures are judged."""

    name: str
    parameters: int
    data: int
    seen: int
    seconds: float
    judged: Judged


class Known(Protocol):
    """Pictures (N, 3, 1, 16, 16) of which it is known what they show."""

    @property
    def kinds(self) -> NDArray[np.int64]: ...
    @property
    def pictures(self) -> Tensor: ...


class Ground(NamedTuple):
    """What pictures are judged beside: texts (N, 8), their kinds, the training set, a distance.

    near: the twentieth quantile of new true figures' distances to the training set.
    """

    text: Tensor
    asked: Known
    learned: Known
    near: float


def ground(learned: Figures, count: int) -> Ground:
    """Texts of figures that were not learned, and how near true new ones come to the learned."""
    asked = Figures(count, learned.seed + HELD_OUT)
    apart = nearest(asked.pictures, learned)
    return Ground(texts(asked.kinds), asked, learned, float(torch.quantile(apart, 0.05)))


def nearest(pictures: Tensor, learned: Known) -> Tensor:
    """(N,) distance of each picture to the nearest training figure."""
    return torch.cdist(pictures.flatten(1), learned.pictures.flatten(1)).min(1).values


def judged(pictures: Tensor, beside: Ground, seed: int) -> Judged:
    """Judge pictures of the ground's texts, in their order."""
    rng = torch.Generator().manual_seed(seed)
    found = read(pictures)
    right = torch.from_numpy(found.kinds == beside.asked.kinds).double()
    middle = np.array([(NEAR + FAR) / 2, (NEAR + FAR) / 2, (SMALL + LARGE) / 2])
    ratio = torch.from_numpy((found.factors - middle) / TRUE)  # (N, 3)

    def spread(rows: Tensor) -> Tensor:
        return rows.std(dim=-2).mean(-1)

    picks = torch.randint(len(ratio), (1000, len(ratio)), generator=rng)
    low, high = torch.quantile(spread(ratio[picks]), torch.tensor([0.025, 0.975]).double())
    copied = (nearest(pictures, beside.learned) < beside.near).double()
    return Judged(
        bootstrap(right, rng),
        bootstrap(torch.from_numpy(found.off), rng),
        Estimate(float(spread(ratio)), float(low), float(high)),
        bootstrap(copied, rng),
    )


def made(way: Way, beside: Ground, seed: int, *, batch: int = 64) -> tuple[Tensor, float]:
    """Pictures of the ground's texts, and CPU seconds a picture."""
    begun, rows = time.process_time(), []
    for at in range(0, len(beside.text), batch):
        rows.append(way.make(beside.text[at : at + batch], seed + at))
    return torch.cat(rows), (time.process_time() - begun) / len(beside.text)


# -- studies ---------------------------------------------------------------------------------------


def ways(
    kinds: Sequence[str],
    sizes: Sequence[int],
    shares: Sequence[int],
    *,
    flop: float,
    count: int,
    seed: int,
) -> Iterator[Progress[list[Row]]]:
    """Every way at every size with every number of training figures, each taught with `flop`."""
    jobs = [(kind, size, data) for data in shares for size in sizes for kind in kinds]
    rows: list[Row] = []
    for i, (kind, size, data) in enumerate(jobs):
        learned = Figures(data, seed)
        way = fresh(kind, learned, wide(kind, size), seed)
        seen = 0
        for step in taught(way, flop, seed=seed, rate=RATES[kind]):
            seen = step.value or seen
            yield Progress((i + 0.9 * step.done) / len(jobs), step.note, None)
        beside = ground(learned, count)
        pictures, seconds = made(way, beside, seed)
        rows.append(Row(kind, parameters_of(way.net), data, seen, seconds,
                        judged(pictures, beside, seed)))  # fmt: skip
        yield Progress((i + 1) / len(jobs), f"{kind} judged", None)
    yield Progress(1.0, "done", rows)


TARGETS = ("v", "eps", "clean")


def targets(
    steps: Sequence[int], *, data: int, size: int, flop: float, count: int, seed: int
) -> Iterator[Progress[list[Row]]]:
    """v against eps against the clean estimate, each sampled in few and in many steps."""
    learned = Figures(data, seed)
    beside, rows = ground(learned, count), []
    for i, target in enumerate(TARGETS):
        way = _denoiser(learned, size, seed, target)
        seen = 0
        for step in taught(way, flop, seed=seed, rate=RATES["diffusion"]):
            seen = step.value or seen
            yield Progress((i + 0.8 * step.done) / len(TARGETS), step.note, None)
        for few in steps:
            way.how = Sampling(steps=few)
            pictures, seconds = made(way, beside, seed)
            rows.append(Row(f"{target}, {few} steps", parameters_of(way.net), data, seen, seconds,
                            judged(pictures, beside, seed)))  # fmt: skip
    yield Progress(1.0, "done", rows)


def guidance(
    scales: Sequence[float], *, data: int, size: int, flop: float, count: int, seed: int
) -> Iterator[Progress[list[Row]]]:
    """One model at guidance scales, plain, with dynamic thresholding, and oscillating with it."""
    learned = Figures(data, seed)
    beside, rows = ground(learned, count), []
    way = _denoiser(learned, size, seed, "v")
    seen = 0
    for step in taught(way, flop, seed=seed, rate=RATES["diffusion"]):
        seen = step.value or seen
        yield Progress(0.6 * step.done, step.note, None)
    hows = [
        (f"{scale:g}{name}", Sampling(guidance=scale, threshold=threshold, oscillate=turns))
        for scale in scales
        for name, threshold, turns in (
            (" plain", 1.0, False), (" thresholded", 0.995, False), (" oscillating", 0.995, True),
        )
    ]  # fmt: skip
    for i, (name, how) in enumerate(hows):
        way.how = how
        pictures, seconds = made(way, beside, seed)
        rows.append(Row(name, parameters_of(way.net), data, seen, seconds,
                        judged(pictures, beside, seed)))  # fmt: skip
        yield Progress(0.6 + 0.4 * (i + 1) / len(hows), f"guidance {name}", None)
    yield Progress(1.0, "done", rows)


def distillation(
    steps: Sequence[int], *, data: int, size: int, flop: float, count: int, seed: int
) -> Iterator[Progress[list[Row]]]:
    """A teacher in falling numbers of steps, beside students that halve the steps one by one.

    Every student is taught with a quarter of the teacher's FLOP, by the student before.
    """
    learned = Figures(data, seed)
    beside, rows = ground(learned, count), []
    teacher = _denoiser(learned, size, seed, "v")
    weights = parameters_of(teacher.net)
    seen = 0
    for step in taught(teacher, flop, seed=seed, rate=RATES["diffusion"]):
        seen = step.value or seen
        yield Progress(0.4 * step.done, step.note, None)

    def row(name: str, way: Diffusion, how: Sampling) -> Row:
        way.how = how
        pictures, seconds = made(way, beside, seed)
        return Row(name, weights, data, seen, seconds, judged(pictures, beside, seed))

    solvers: tuple[tuple[str, Literal[1, 2]], ...] = (("DDIM", 1), ("DPM-Solver++", 2))
    for few in (2 * steps[0], *steps):
        for solver, order in solvers:
            rows.append(row(_in_steps(solver, few), teacher, Sampling(few, order=order)))
    for i, few in enumerate(steps):
        how = Sampling(few, order=1)
        student = Distilled(learned, teacher.width, how=how, teacher=teacher)
        for step in taught(student, flop / 4, seed=seed + i, rate=RATES["diffusion"] / 2):
            seen = step.value or seen
            yield Progress(0.5 + 0.5 * (i + step.done) / len(steps), step.note, None)
        rows.append(row(_in_steps("distilled", few), student, how))
        teacher = student
    yield Progress(1.0, "done", rows)


def _in_steps(name: str, few: int) -> str:
    return f"{name}, {few} step" + ("s" if few > 1 else "")


def _denoiser(learned: Figures, size: int, seed: int, target: str) -> Diffusion:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Diffusion(learned, wide("diffusion", size), target)  # type: ignore[arg-type]
