"""What does a training step cost? Counted on the meta device, timed by a fit, forecast for a fleet.

Floating-point operations and the bytes kept for the backward pass are counted by torch itself while
a forward pass runs on tensors without data, so that attention is counted too and any size is. Time
on one machine is `rate x FLOP + pace x bytes kept + start`, fitted on a few small networks. For
many devices the arithmetic is that of the papers: a share of the peak, rings over the wire
(Rajbhandari et al. 2020, ZeRO), checkpointed activations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kineograph.scale.papers import BLOCKS, Published
from kineograph.values.errors import InputError

STATE_BYTES = 20  # a weight: float32 itself, its gradient, Adam's two means, the running mean
HALF = 2  # bytes of a bfloat16
DAY = 86_400.0


@dataclass(frozen=True)
class Count:
    """One sample's forward pass: parameters, FLOP, bytes kept for the backward pass in float32.

    checkpointed: bytes kept when every block keeps what enters it alone and computes the rest
    again: all that enters, what lies between blocks, and the inside of the largest block.
    """

    parameters: int
    flop: float
    kept: float
    checkpointed: float

    def times(self, batch: int) -> Count:
        """The same network on so many samples at once."""
        kept, least = batch * self.kept, batch * self.checkpointed
        return Count(self.parameters, batch * self.flop, kept, least)


@dataclass
class _Kept:
    """Bytes of the storages that autograd keeps, and of those inside each block."""

    own: set[int]
    total: int = 0
    inside: int = 0
    largest: int = 0
    entered: int = 0

    def __post_init__(self) -> None:
        self._seen: dict[int, Tensor] = {}  # held, as a free storage could lend its address
        self._before: list[int] = []

    def keep(self, tensor: Tensor) -> Tensor:
        if id_of(tensor) not in self.own and id_of(tensor) not in self._seen:
            self._seen[id_of(tensor)] = tensor
            self.total += tensor.untyped_storage().nbytes()
        return tensor

    def enter(self, _: nn.Module, given: tuple[Any, ...]) -> None:
        self.entered += given[0].untyped_storage().nbytes()
        self._before.append(self.total)

    def leave(self, *_: Any) -> None:
        added = self.total - self._before.pop()
        self.inside += added
        self.largest = max(self.largest, added)


def counted(build: Callable[[], nn.Module], inputs: Callable[[], tuple[Any, ...]]) -> Count:
    """Count a network on the meta device, where nothing is allocated and nothing is computed."""
    with torch.device("meta"):
        net, given = build(), inputs()
        kept = _Kept({id_of(p) for p in net.parameters()})
        for module in net.modules():
            if isinstance(module, BLOCKS):
                module.register_forward_pre_hook(kept.enter)
                module.register_forward_hook(kept.leave)
        hooks = torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor)
        with FlopCounterMode(display=False) as counter, hooks:
            net(*given)
    parameters = sum(p.numel() for p in net.parameters())
    between = kept.total - kept.inside
    least = kept.entered + between + kept.largest
    return Count(parameters, float(counter.get_total_flops()), float(kept.total), float(least))


def id_of(tensor: Tensor) -> int:
    """What two views of one storage share."""
    return cast(int, tensor.untyped_storage()._cdata)


def count_of(model: Published) -> Count:
    """One sample through a paper's model."""
    return counted(model.build, model.inputs)


# -- one machine -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A measured training step: its count for the whole batch, seconds, bytes of memory at most."""

    name: str
    count: Count
    seconds: float
    memory: float


@dataclass(frozen=True)
class Fit:
    """Seconds a FLOP, seconds a byte kept, seconds of any step; bytes of memory a byte kept.

    A step computes three times the forward's FLOP, writes and reads what is kept, and calls about
    the same operations whatever the width is.
    """

    rate: float
    pace: float
    start: float
    growth: float

    def seconds(self, count: Count) -> float:
        """Of one training step."""
        return 3 * self.rate * count.flop + self.pace * count.kept + self.start

    def memory(self, count: Count) -> float:
        """Bytes at most in one training step: weights, gradients, optimizer, what is kept."""
        return STATE_BYTES * count.parameters + self.growth * count.kept


def fitted(samples: Sequence[Sample]) -> Fit:
    """Least squares of relative errors; no coefficient is below 0."""
    if len(samples) < 3:
        raise InputError("samples", f"{len(samples)}", "measure three steps or more")
    work = np.array([(3 * s.count.flop, s.count.kept, 1.0) for s in samples])
    rate, pace, start = _weights(work / np.array([[s.seconds] for s in samples]))
    known = [s for s in samples if s.memory]
    rest = np.array([1 - STATE_BYTES * s.count.parameters / s.memory for s in known])
    kept = np.array([s.count.kept / s.memory for s in known])
    growth = float(rest @ kept / (kept @ kept)) if known else 1.0
    return Fit(rate, pace, start, max(growth, 0.0))


def _weights(rows: Any) -> tuple[float, float, float]:
    """The weights >= 0 that bring every row's sum nearest to 1: the best of all subsets' own."""
    best, least = np.zeros(3), math.inf
    for mask in itertools.product((False, True), repeat=3):
        if not any(mask):
            continue
        chosen = np.array(mask)
        found = np.zeros(3)
        found[chosen] = np.linalg.lstsq(rows[:, chosen], np.ones(len(rows)), rcond=None)[0]
        error = float(((rows @ found - 1) ** 2).sum())
        if found.min() >= 0 and error < least:
            best, least = found, error
    return float(best[0]), float(best[1]), float(best[2])


# -- many devices ----------------------------------------------------------------------------------


class Device(NamedTuple):
    """A kind of accelerator, by its data sheet.

    peak: dense bf16 FLOP/s. memory: bytes. near, far: bytes/s a device to others in its machine and
    to other machines, one way. together: devices of a machine.
    """

    name: str
    peak: float
    memory: float
    near: float
    far: float
    together: int


DEVICES = {
    "h100": Device("H100 SXM", 989e12, 80e9, 450e9, 50e9, 8),
    "a100": Device("A100 SXM", 312e12, 80e9, 300e9, 25e9, 8),
    "rtx4090": Device("RTX 4090", 165e12, 24e9, 25e9, 1.25e9, 4),
    "tpu4": Device("TPU v4", 275e12, 32e9, 100e9, 100e9, 4),
}


@dataclass(frozen=True)
class Training:
    """How a model would be trained: devices, samples of a step and of the whole run.

    share: of a device's peak that a step reaches. checkpointing: keep only what enters a block and
    compute the rest again. useful: share of the time that failures leave.
    """

    device: Device
    devices: int
    batch: int
    samples: float
    share: float = 0.4
    checkpointing: bool = True
    useful: float = 1.0

    def __post_init__(self) -> None:
        for name in ("devices", "batch", "samples", "share", "useful"):
            if getattr(self, name) <= 0:
                raise InputError(name, f"{getattr(self, name)} is not above 0")


class Bill(NamedTuple):
    """The forecast of a training run.

    shards: devices that share one copy of weights and optimizer. together: samples at once on a
    device. memory: bytes a device. wire: bytes that a device sends in a step. compute, sending:
    seconds of a step. fits: whether the memory does. days: of the whole run. flop: of it.
    """

    shards: int
    together: int
    memory: float
    wire: float
    compute: float
    sending: float
    fits: bool
    days: float
    flop: float


def bill(count: Count, how: Training) -> Bill:
    """The least sharding that fits in the device's memory, and what a run then costs.

    As many of a device's samples go at once as fit; the others follow and gradients add up.
    """
    again = 4 if how.checkpointing else 3  # forward, backward twice, and forward anew
    flop = again * count.flop * how.batch
    compute = flop / (how.devices * how.device.peak * how.share)
    alone = max(1, math.ceil(how.batch / how.devices))
    one = (count.checkpointed if how.checkpointing else count.kept) / 2  # in bfloat16
    room = ROOM * how.device.memory
    shards = 1
    while held(count, shards) + one > room > one and 2 * shards <= how.devices:
        shards *= 2
    state = held(count, shards)
    together = min(alone, max(1, int((room - state) // one)))
    memory = state + together * one
    wire, sending = sent(count, shards, math.ceil(alone / together), how)
    step = max(compute, sending) / how.useful  # sending hides behind computing while it can
    days = step * how.samples / how.batch / DAY
    whole = flop * how.samples / how.batch
    return Bill(shards, together, memory, wire, compute, sending, memory <= room, days, whole)


ROOM = 0.9  # of the memory; fragments and kernels' workspace take the rest


def held(count: Count, shards: int) -> float:
    """Bytes of state a device holds, and one gathered block's weights beside its shard."""
    gathered = HALF * count.parameters / 8 if shards > 1 else HALF * count.parameters
    return STATE_BYTES * count.parameters / shards + gathered


def sent(count: Count, shards: int, times: int, how: Training) -> tuple[float, float]:
    """Bytes a device sends in a step, and seconds that it takes where nothing hides it.

    A ring sends (n - 1)/n of the data once to gather or to scatter, twice to sum. Shards gather
    bfloat16 weights forward and backward, so many times a step, and scatter float32 gradients;
    copies sum theirs.
    """
    copies = max(1, how.devices // shards)
    inside = (shards - 1) / shards * count.parameters * (2 * HALF * times + 4)
    across = 2 * (copies - 1) / copies * 4 * count.parameters / shards
    near = how.device.near if shards <= how.device.together else how.device.far
    far = how.device.near if how.devices <= how.device.together else how.device.far
    return inside + across, inside / near + across / far
