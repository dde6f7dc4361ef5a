"""How long does a training step take here, and how much memory? Measured, to fit and test `cost`.

Seconds are CPU seconds of one thread, the least of some steps in which all sizes take turns, so
that a busy machine slows all alike. Memory is what the process grew by, as the system counts it
(Linux); elsewhere it is 0.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from kineograph.scale.cost import Fit, Sample, count_of, fitted
from kineograph.scale.papers import Published
from kineograph.values.progress import Progress


class Error(NamedTuple):
    """A size, what was measured and forecast, and by how much the forecast is off (relative)."""

    name: str
    seconds: float
    forecast: float
    off: float
    memory: float
    memory_forecast: float
    memory_off: float


class Tested(NamedTuple):
    """The fit, its errors on the sizes that it was made from, and on those that it never saw."""

    fit: Fit
    seen: tuple[Error, ...]
    unseen: tuple[Error, ...]

    @property
    def worst(self) -> float:
        """The largest error in seconds on sizes that the fit never saw."""
        return max(abs(one.off) for one in self.unseen)


class _Step:
    """A network with its optimizer, ready to take training steps on a fixed batch."""

    def __init__(self, model: Published, batch: int) -> None:
        torch.manual_seed(0)
        self.net: nn.Module = model.build()
        given = model.inputs()
        self.given = tuple(_several(one, batch) for one in given)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), fused=True)
        self.mean = [p.detach().clone() for p in self.net.parameters()]

    def __call__(self) -> None:
        self.net(*self.given).square().mean().backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.net.parameters()], 0.01)


def _several(given: Any, batch: int) -> Any:
    """A sample as a batch of equal ones, noise where it is a clip."""
    if isinstance(given, Tensor):
        more = given.expand(batch, *given.shape[1:])
        return torch.randn(more.shape) if given.ndim == 5 else more.clone()
    return type(given)(
        *(None if one is None else _several(one, batch) for one in (given.words, given.mask)),
        _several(given.pooled, batch),
    )


def samples(
    models: Sequence[Published], *, batches: Sequence[int], rounds: int
) -> Iterator[Progress[list[Sample]]]:
    """Measure a step of each at each batch size; the last value is the Samples, model by model."""
    jobs = [(model, batch) for model in models for batch in batches]
    _grown(models[0], 1)  # libraries load their kernels, which no size should be charged with
    memory = []
    for i, (model, batch) in enumerate(jobs):
        yield Progress(0.4 * i / len(jobs), f"memory of {model.name}", None)
        memory.append(_grown(model, batch))
    steps = [_Step(*job) for job in jobs]
    for step in steps:
        step()
    least = [float("inf")] * len(jobs)
    for turn in range(rounds):
        for i, step in enumerate(steps):
            share = 0.4 + 0.6 * (turn * len(jobs) + i) / (rounds * len(jobs))
            yield Progress(share, f"steps of {jobs[i][0].name}", None)
            begun = time.process_time()
            step()
            least[i] = min(least[i], time.process_time() - begun)
    found = [
        Sample(f"{model.name}, {batch} at once", count_of(model).times(batch), seconds, grown)
        for (model, batch), seconds, grown in zip(jobs, least, memory, strict=True)
    ]
    yield Progress(1.0, "done", found)


def _grown(model: Published, batch: int) -> float:
    """Bytes the process grows by at most in building a network and two steps of it."""
    status = Path("/proc/self/status")
    try:
        with suppress(OSError):
            ctypes.CDLL(None).malloc_trim(0)  # what earlier ones left must not be lent to this one
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _kilobytes(status, "VmRSS")
        step = _Step(model, batch)
        step()
        step()
        return 1024.0 * (_kilobytes(status, "VmHWM") - before)
    except (OSError, AttributeError):
        return 0.0


def _kilobytes(status: Path, name: str) -> int:
    lines = status.read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def tested(
    fit_on: Sequence[Published],
    test_on: Sequence[Published],
    *,
    batches: Sequence[int],
    rounds: int,
) -> Iterator[Progress[Tested]]:
    """Fit on some sizes, forecast others; the last value is Tested."""
    found: list[Sample] = []
    for step in samples([*fit_on, *test_on], batches=batches, rounds=rounds):
        found = step.value or found
        yield Progress(0.99 * step.done, step.note, None)
    seen = len(fit_on) * len(batches)
    fit = fitted(found[:seen])
    rows = tuple(error(fit, one) for one in found)
    yield Progress(1.0, "done", Tested(fit, rows[:seen], rows[seen:]))


def error(fit: Fit, sample: Sample) -> Error:
    """How far a forecast is from what was measured."""
    seconds, memory = fit.seconds(sample.count), fit.memory(sample.count)
    off = memory / sample.memory - 1 if sample.memory else 0.0
    return Error(
        sample.name, sample.seconds, seconds, seconds / sample.seconds - 1,
        sample.memory, memory, off,
    )  # fmt: skip
