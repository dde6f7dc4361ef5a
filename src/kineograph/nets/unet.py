"""The body that both video U-Nets share: levels down, a middle, levels up with what was kept.

Each level halves height and width; the way up takes what the way down had at the same level
(Ronneberger et al. 2015). What a level does, and what it is told, is the network's own.
Legend: N = B*T frames, H W, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor, nn

from kineograph.values.errors import InputError

MOST = {"patch": 64, "widths": 16384, "depth": 64, "head": 16384, "state": 16384, "text": 16384}
MOST_LEVELS = 8


class Levels(Protocol):
    """The sizes of levels, each of which halves height and width."""

    @property
    def patch(self) -> int: ...
    @property
    def widths(self) -> tuple[int, ...]: ...
    @property
    def depth(self) -> int: ...


class Shape(Levels, Protocol):
    """The sizes that any U-Net here has."""

    @property
    def attention(self) -> tuple[bool, ...]: ...
    @property
    def head(self) -> int: ...


def check_shape(shape: Shape) -> None:
    """Raises InputError, naming the size, for levels that do not fit or a size out of its range."""
    if len(shape.widths) != len(shape.attention) or not shape.widths:
        levels = f"{len(shape.attention)} levels for {len(shape.widths)} widths"
        raise InputError("attention", levels)
    check_sizes(shape, MOST)
    if len(shape.widths) > MOST_LEVELS:
        raise InputError("widths", f"{len(shape.widths)} levels, the limit is {MOST_LEVELS}")
    if any(width % shape.head for width in shape.widths):
        raise InputError("head", f"{shape.head} does not divide the widths {shape.widths}")


def check_sizes(shape: object, most: Mapping[str, int]) -> None:
    """Raises InputError, naming it, for a size that is not within 1 and the most of its name.

    Of a size that is several every one is looked at.
    """
    for name, limit in most.items():
        size = getattr(shape, name)
        for value in size if isinstance(size, tuple) else (size,):
            if not 1 <= value <= limit:
                raise InputError(name, f"{value} is not in 1 … {limit:,}")


def side_factor(shape: Levels) -> int:
    """Pixels on a side that the coarsest level sees as one; sides must be multiples of this."""
    return shape.patch * int(2 ** (len(shape.widths) - 1))


def check_sides(shape: Shape, height: int, width: int) -> None:
    """Raises InputError for a frame whose sides the levels cannot halve."""
    if height % (factor := side_factor(shape)) or width % factor:
        raise InputError("size", f"{width}x{height} is not a multiple of {factor} pixels")


def body_flop(shape: Shape, frames: int, size: int, *, ends: int, time: bool) -> int:
    """Floating-point operations of one forward pass for one clip: convolutions and products.

    Attention's own products over positions and frames are left out: a few per cent. ends: products
    a position at the first and last layers, over 2. time: whether frames are mixed.
    """
    total = 0
    for i, width in enumerate(shape.widths):
        positions = frames * (size // shape.patch // 2**i) ** 2
        last = i == len(shape.widths) - 1
        blocks, passes = 2 * shape.depth + last, 2 + last
        space = 6 * width**2 if shape.attention[i] else 0
        mixed = 4 * width**2 if time else 0
        resize = 0 if last else 2 * width * shape.widths[i + 1]  # 4 a b at a quarter, 2 ways
        each = blocks * 18 * width**2 + passes * (space + mixed) + 2 * width**2 + resize
        total += 2 * positions * (each + (ends if i == 0 else 0))
    return total


class UNet(nn.Module):
    """Abstract: a network whose body is levels down, a middle, and levels up."""

    down: nn.ModuleList
    shrink: nn.ModuleList
    middle: nn.Module
    merge: nn.ModuleList
    up: nn.ModuleList
    widen: nn.ModuleList

    def build(self, shape: Shape, level: Callable[[int, int], nn.Module]) -> None:
        """Make the body; level(i, depth) makes one level. The order fixes the weights drawn."""
        widths, last = shape.widths, len(shape.widths) - 1
        self.down = nn.ModuleList(level(i, shape.depth) for i in range(last + 1))
        self.shrink = nn.ModuleList(nn.Linear(4 * a, b) for a, b in pairwise(widths))
        self.middle = level(last, 1)
        self.merge = nn.ModuleList(nn.Linear(2 * width, width) for width in widths)
        self.up = nn.ModuleList(level(i, shape.depth) for i in range(last + 1))
        self.widen = nn.ModuleList(nn.Linear(b, 4 * a) for a, b in pairwise(widths))

    def levels(self) -> list[Any]:
        """Every level in the order it runs."""
        return [*self.down, self.middle, *reversed(self.up)]

    def walked(self, h: Tensor, run: Callable[[nn.Module, Tensor], Tensor]) -> Tensor:
        """h (N, H, W, D) through every level, `run` calling each in order; returns like h."""
        skips = []
        for i, level in enumerate(self.down):
            h = run(level, h)
            skips.append(h)
            if i < len(self.shrink):
                h = self.shrink[i](rearrange(h, "n (h p) (w q) d -> n h w (p q d)", p=2, q=2))
        h = run(self.middle, h)
        for i in reversed(range(len(self.up))):
            h = self.merge[i](torch.cat([h, skips[i]], dim=-1))
            h = run(self.up[i], h)
            if i > 0:
                h = self.widen[i - 1](h)
                h = rearrange(h, "n h w (p q d) -> n (h p) (w q) d", p=2, q=2)
        return h
