"""How much memory will a public checkpoint take, before a weight is read?

Networks are built on the meta device, so the numbers of weights are exact. What their layers hold
while they run is an estimate: a number of their widest maps. The numbers were counted once, by
running the full-size networks on the meta device and adding up the tensors alive; attention is
taken to keep no matrix, and what a device's own kernels use beside is not in it.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import torch

from kineograph.checkpoints.folder import Checkpoint, weights_in
from kineograph.values.errors import LimitError

UNET_MAPS = 34  # I2VGen-XL 33.2, Stable Diffusion 26.0 maps of the first width, at latent size
PICTURE_CODEC_MAPS = 6  # encoding 5.0, decoding 6.0 maps of the first width, at picture size
VIDEO_CODEC_MAPS = 54  # encoding 39.3, decoding 53.3 of 81 frames, in maps of one frame


class Part(NamedTuple):
    """A network of the checkpoint: how many weights, and their bytes."""

    name: str
    weights: int
    bytes: int


class Turn(NamedTuple):
    """What is in memory together at one time; `working` is an estimate in bytes."""

    name: str
    parts: tuple[str, ...]
    working: int


class MemoryPlan(NamedTuple):
    """What a run will make, with what, and what it needs in memory, turn by turn."""

    what: str
    size: tuple[int, int]
    frames: int
    evaluations: int
    dtype: str
    parts: tuple[Part, ...]
    turns: tuple[Turn, ...]

    def bytes_of(self, turn: Turn) -> int:
        return turn.working + sum(part.bytes for part in self.parts if part.name in turn.parts)

    @property
    def peak(self) -> int:
        """Bytes at the widest turn."""
        return max(self.bytes_of(turn) for turn in self.turns)

    def fitting(self, device: torch.device) -> MemoryPlan:
        """The plan itself, once the device has that much memory at all."""
        if device.type == "cuda":
            there = torch.cuda.get_device_properties(device).total_memory
        else:
            there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if self.peak > there:
            raise LimitError(
                f"{self.what} needs about {_gib(self.peak).strip()}, {device.type} has "
                f"{_gib(there).strip()}; ask for less, or take a smaller model"
            )
        return self

    def told(self) -> str:
        """The plan in lines for a person."""
        height, width = self.size
        lines = [
            f"{self.what}: {self.frames} frames of {width}x{height}, "
            f"{self.evaluations} network evaluations, weights in {self.dtype}"
        ]
        for part in self.parts:
            lines.append(
                f"  {part.name:14} {part.weights / 1e6:10,.1f} M weights {_gib(part.bytes)}"
            )
        for turn in self.turns:
            held = " + ".join(turn.parts)
            lines.append(f"  {turn.name:14} {_gib(self.bytes_of(turn))} with {held}")
        lines.append(
            f"  at most {_gib(self.peak).strip()}; "
            "weights are counted, what layers hold while running is estimated"
        )
        return "\n".join(lines)


def parts_of(checkpoint: Checkpoint, dtypes: dict[str, torch.dtype]) -> tuple[Part, ...]:
    """The named parts with their weights counted, in the order given."""
    found = []
    for name, dtype in dtypes.items():
        count = weights_in(checkpoint.empty(name))
        found.append(Part(name, count, count * dtype.itemsize))
    return tuple(found)


def _gib(count: int) -> str:
    return f"{count / 2**30:7.2f} GiB"


def fastest() -> str:
    """The device that public checkpoints run on: a GPU when there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"
