"""One level or several: the growing loop over whole pictures, exact, or coarse to fine with short
lists.

Exact growth has one level. Otherwise pictures are halved (means of 2 × 2) until every candidate of
the smallest can be searched; each finer level sees the level below, brought up by linear
interpolation, as given planes, and draws its candidates from the sources found there. On some
pixels of each finer level the exact search is run too: the share on which it would have refused the
copy is the miss rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.growth import (
    Canvas,
    Layer,
    Rule,
    Split,
    Stage,
    layers,
    place,
    place_short,
)
from kineograph.patches.search import Flags, Floats, Longs, Window, sheet_of
from kineograph.patches.shortlist import CANDIDATES, ROOM, parents_of
from kineograph.patches.window import ONE, centres, gaussian_window

SEARCHABLE = 17_000  # candidates of the level that is searched exactly
NARROW = 9  # widest window above it, in pixels
CHECKED = 200  # pixels of each finer level that are searched exactly as well
COARSE_FOCUS = 1.5  # deviation in pixels of the weights of the coarser level
COARSE_SHARE = 0.5  # weight of its centre beside that of the finer one


class Job(NamedTuple):
    """A canvas to fill from examples.

    planes: (C, H, W) of each example; allowed: (H, W) of each; made: (C, H, W) of the canvas where
    known; own: (H, W) number of the pixel of example 0 that a canvas pixel already is, or −1. wrap:
    borders meet.
    """

    planes: tuple[Floats, ...]
    allowed: tuple[Flags, ...]
    made: Floats
    own: Longs
    wrap: bool

    def halved(self) -> Job:
        """Half as many pixels each way; known where all four are."""
        whole = _fours(self.own >= 0).all(axis=(-3, -1))
        rows, columns = np.divmod(self.own[::2, ::2], self.planes[0].shape[2])
        half = (self.planes[0].shape[2] + 1) // 2
        return Job(
            tuple(_mean(p) for p in self.planes),
            tuple(np.asarray(_fours(a).all(axis=(-3, -1))) for a in self.allowed),
            _mean(self.made),
            np.where(whole, rows // 2 * half + columns // 2, -1),
            self.wrap,
        )


class Grown(NamedTuple):
    """The state after a layer: pixels filled and to fill on all levels, the stage of the level at
    work, the layer itself.

    misses: of the pixels checked so far, the share that the exact search would not have accepted.
    """

    filled: int
    wanted: int
    stage: Stage
    layer: Layer
    checked: int
    misses: float


class Manner(NamedTuple):
    """How to fill; max_error: share of the squared brightest value; width: window, pixels."""

    seed: np.uint64
    epsilon: float
    max_error: float
    brightest: int
    width: int
    threads: int


def grown(job: Job, manner: Manner, approximate: bool) -> Iterator[Grown]:
    """Fill the job's canvas; yields after every layer, last with the finest stage filled."""
    jobs = [job]
    while approximate and _halvable(jobs[-1], _width(manner.width, len(jobs) - 1)):
        jobs.append(jobs[-1].halved())
    wanted = sum(int((j.own < 0).sum()) for j in jobs)
    before, checks = 0, np.zeros(2, np.int64)
    stage: Stage | None = None
    candidates = np.empty((0, 1, 1), np.int64)
    for depth in reversed(range(len(jobs))):
        width = _width(manner.width, depth)
        width = width if stage is None else min(width, NARROW)
        below = None if stage is None else (jobs[depth + 1].planes, stage.canvas.planes)
        coarse, stage = stage, staged(jobs[depth], width, below)
        parents = _parents(candidates, coarse, stage)
        candidates = np.full((CANDIDATES if depth else 0, *jobs[depth].own.shape), -1, np.int64)
        layer = Layer(0, 1)
        for layer in _filled(stage, jobs[depth], manner, width, parents, candidates, checks):
            yield Grown(before + layer.filled, wanted, stage, layer, *_missed(checks))
        before += layer.filled


def _filled(
    stage: Stage, job: Job, manner: Manner, width: int,
    parents: Longs | None, candidates: Longs, checks: Longs,
) -> Iterator[Layer]:  # fmt: skip
    """The layers of one level; checks: int64 (2,), added to."""
    window, reach = _window(width, len(job.made), parents is not None), width // 2
    every = max(1, int((job.own < 0).sum()) // CHECKED)

    def work(pixels: Longs, error: float) -> int:
        rule = Rule(manner.seed, manner.epsilon, error * manner.brightest**2)
        fixed = (stage.canvas, stage.sheet, window, rule, candidates)
        if parents is None:
            return int(place(*fixed, pixels))
        seen = np.zeros(2, np.int64)
        placed = int(place_short(*fixed, parents, every, seen, pixels))
        tallies.append(seen)
        return placed

    tallies: list[Longs] = []  # appended by threads; a sum does not mind the order
    cost = stage.sheet.candidates if parents is None else ROOM
    split = Split(manner.threads, max(reach, 2), cost)
    error, also = manner.max_error, {"candidates": candidates, "checks": checks}
    for layer in layers(stage, work, manner.seed, max_error=error, split=split, also=also):
        checks += sum(tallies, np.zeros(2, np.int64))
        tallies.clear()
        yield layer


def staged(job: Job, width: int, below: tuple[tuple[Floats, ...], Floats] | None = None) -> Stage:
    """The canvas of a job and the sheet of its examples; below: those of the coarser level."""
    planes, made = list(job.planes), job.made
    if below is not None:
        C = len(job.made)
        planes = [
            np.concatenate([p, doubled(q[:C], p.shape[1:])])
            for p, q in zip(planes, below[0], strict=True)
        ]
        made = np.concatenate([made, doubled(below[1][:C], made.shape[1:], wrap=job.wrap)])
    reach = max(width // 2, 2)
    whole = [centres(a, 2 * reach + 1) for a in job.allowed]
    if not any(places.any() for places in whole):  # three pixels are wide enough for a window
        whole = [centres(a, width) for a in job.allowed]
    sheet, firsts = sheet_of(planes, whole, reach)
    seeds, _ = sheet_of([p[:1] for p in planes], [centres(a, 3) for a in job.allowed], reach)
    known = job.own >= 0
    rows, columns = np.divmod(job.own, planes[0].shape[2])
    source = np.where(known, sheet.margin + rows * sheet.stride + columns, -1)
    canvas = Canvas(made.astype(np.float32), len(job.made), known, source, job.wrap)
    return Stage(canvas, sheet, firsts, np.flatnonzero(seeds.penalty == 0))


def doubled(planes: Floats, shape: tuple[int, ...], wrap: bool = False) -> Floats:
    """(P, *shape) whole numbers by linear interpolation; every coarse pixel lies amid its four fine
    ones.
    """
    result: NDArray[Any] = planes
    for axis in (1, 2):
        lines = np.moveaxis(result, axis, 0)
        first, last = (lines[-1:], lines[:1]) if wrap else (lines[:1], lines[-1:])
        before, after = np.concatenate([first, lines[:-1]]), np.concatenate([lines[1:], last])
        both = np.stack([0.75 * lines + 0.25 * before, 0.75 * lines + 0.25 * after], axis=1)
        result = np.moveaxis(both.reshape(-1, *lines.shape[1:]), 0, axis)
    whole: Floats = np.rint(result[:, : shape[0], : shape[1]]).astype(np.float32)
    return whole


def _window(width: int, channels: int, pyramid: bool) -> Window:
    """The Gaussian window, and around the centre of the coarser planes 5×5 taps more."""
    fine = gaussian_window(width, channels)
    if not pyramid:
        return fine
    dy, dx = np.mgrid[-2:3, -2:3].reshape(2, -1)
    weight = COARSE_SHARE * ONE * np.exp(-(dy**2 + dx**2) / (2 * COARSE_FOCUS**2))
    more = Window(
        np.repeat(dy, channels),
        np.repeat(dx, channels),
        np.tile(np.arange(channels, 2 * channels), 25),
        np.repeat(np.rint(weight).astype(np.int64), channels),
        np.ones(25 * channels, bool),
    )
    order = np.argsort(-np.concatenate([fine.weight, more.weight]), kind="stable")
    return Window(*(np.concatenate(pair)[order] for pair in zip(fine, more, strict=True)))


def _parents(candidates: Longs, coarse: Stage | None, fine: Stage) -> Longs | None:
    """The sources of the coarser level on the finer sheet; those of known pixels are their own."""
    if coarse is None:
        return None
    parents = parents_of(candidates, coarse.sheet, fine.sheet, (coarse.firsts, fine.firsts))
    here = fine.canvas.source[::2, ::2]
    parents[0] = np.where(here >= 0, here, parents[0])
    return parents


def _width(width: int, depth: int) -> int:
    """The window's width on a coarser level, odd and at least 5."""
    return max(width >> depth | 1, 5) if depth else width


def _halvable(job: Job, width: int) -> bool:
    """True when there are too many candidates for an exact search and half the size still makes
    sense.
    """
    candidates = sum(int(centres(a, width).sum()) for a in job.allowed)
    smaller = max(width // 2 | 1, 5)
    half = job.halved()
    left = sum(int(centres(a, smaller).sum()) for a in half.allowed)
    return candidates > SEARCHABLE and left > 64 and min(half.own.shape) >= smaller


def _missed(checks: Longs) -> tuple[int, float]:
    return int(checks[0]), float(checks[1]) / max(int(checks[0]), 1)


def _fours(values: NDArray[Any]) -> NDArray[Any]:
    """(..., H/2, 2, W/2, 2) from (..., H, W), the last row or column repeated when odd."""
    H, W = values.shape[-2:]
    odd = [(0, 0)] * (values.ndim - 2) + [(0, H % 2), (0, W % 2)]
    grown_planes = np.pad(values, odd, mode="edge")
    return grown_planes.reshape(*values.shape[:-2], (H + 1) // 2, 2, (W + 1) // 2, 2)


def _mean(planes: Floats) -> Floats:
    mean: Floats = np.rint(_fours(planes).mean(axis=(-3, -1))).astype(np.float32)
    return mean
