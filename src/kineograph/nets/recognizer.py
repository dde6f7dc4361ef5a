"""Which known thing does a picture show? A small classifier, to which pictures look alike or not.

It has seen emoji alone. What it makes of a picture on the way is a measure of likeness that minds
what tells things apart, not single pixels.
Legend: N pictures, C things, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Block, Conv, norm
from kineograph.values.errors import InputError

CHANNELS = 4
MOST = {"size": 4096, "patch": 64, "widths": 16384, "depth": 64, "state": 16384}
MOST_THINGS = 1_000_000


@dataclass(frozen=True)
class RecognizerShape:
    """Sizes of a recognizer; none has a default."""

    size: int
    "Height and width a picture is brought to, pixels."
    patch: int
    "Pixels on a side folded into channels at the first layer."
    widths: tuple[int, ...]
    "Channels of each level, finest first; each level halves height and width."
    depth: int
    "Residual blocks of a level."
    state: int
    "Width of the last state, from which things are told."
    things: int
    "Things that are told apart."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            for value in self.widths if name == "widths" else (getattr(self, name),):
                if not 1 <= value <= most:
                    raise InputError(name, f"{value} is not in 1 … {most:,}")
        if not 1 <= len(self.widths) <= 8:
            raise InputError("widths", f"{len(self.widths)} levels are not in 1 … 8")
        if not 1 <= self.things <= MOST_THINGS:
            raise InputError("things", f"{self.things} is not in 1 … {MOST_THINGS:,}")
        if self.size % self.factor:
            raise InputError("size", f"{self.size} is not a multiple of {self.factor}")

    @property
    def factor(self) -> int:
        """Pixels on a side that the coarsest level sees as one."""
        return self.patch * int(2 ** (len(self.widths) - 1))


class Recognizer(nn.Module):
    """Cut-outs to the things they show."""

    ends = ("enter.", "named.")

    def __init__(self, shape: RecognizerShape) -> None:
        super().__init__()
        self.shape = shape
        widths = shape.widths
        self.enter = Conv(CHANNELS * shape.patch**2, widths[0])
        self.levels = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(shape.depth))) for width in widths
        )
        self.shrink = nn.ModuleList(nn.Linear(4 * a, b) for a, b in pairwise(widths))
        self.leave = nn.Linear((shape.size // shape.factor) ** 2 * widths[-1], shape.state)
        self.named = nn.Linear(shape.state, shape.things)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 4, H, W) in model range, premultiplied, to logits (N, C)."""
        h = self.leave(F.silu(norm(self.seen(pictures)[-1])).flatten(1))  # (N, state)
        named: Tensor = self.named(F.silu(norm(h)))
        return named.float()

    def seen(self, pictures: Tensor) -> list[Tensor]:
        """What each level makes of pictures (N, 4, H, W), (N, h, w, D), finest first."""
        size, patch = self.shape.size, self.shape.patch
        if pictures.shape[-2:] != (size, size):
            pictures = F.interpolate(pictures, (size, size), mode="area")
        h = rearrange(pictures, "n c (h p) (w q) -> n h w (c p q)", p=patch, q=patch)
        h = self.enter(h)  # (N, h, w, D)
        made = []
        for i, level in enumerate(self.levels):
            h = level(h)
            made.append(h)
            if i < len(self.shrink):
                h = self.shrink[i](rearrange(h, "n (h p) (w q) d -> n h w (p q d)", p=2, q=2))
        return made

    def apart(self, some: Tensor, others: Tensor) -> Tensor:
        """(N,) how unlike pictures (N, 4, H, W) look.

        What is seen at a place is brought to unit length; squared distances are meaned over places,
        then over levels (Zhang et al. 2018, LPIPS, without its weights).
        """
        pairs = zip(self.seen(some), self.seen(others), strict=True)
        each = [
            (F.normalize(a, dim=-1) - F.normalize(b, dim=-1)).square().sum(-1).flatten(1).mean(1)
            for a, b in pairs
        ]
        return torch.stack(each).mean(0)
