"""What two small networks that look at pictures share: convolutions, each level coarser.

Legend: N pictures, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Protocol

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Block, Conv
from kineograph.nets.unet import MOST_LEVELS, Levels, check_sizes, side_factor
from kineograph.values.errors import InputError


class SightShape(Levels, Protocol):
    """The sizes that both have."""

    @property
    def size(self) -> int: ...


def check_sight(shape: SightShape, most: Mapping[str, int]) -> None:
    """Raises InputError, naming the size, for one out of its range or that does not fit."""
    check_sizes(shape, most)
    if not 1 <= len(shape.widths) <= MOST_LEVELS:
        raise InputError("widths", f"{len(shape.widths)} levels are not in 1 … {MOST_LEVELS}")
    if shape.size % side_factor(shape):
        raise InputError("size", f"{shape.size} is not a multiple of {side_factor(shape)}")


class Sight(nn.Module):
    """Levels of residual blocks, each with half the height and width of the one before."""

    def __init__(self, shape: SightShape, channels: int) -> None:
        super().__init__()
        widths = shape.widths
        self.size, self.patch = shape.size, shape.patch
        self.enter = Conv(channels * shape.patch**2, widths[0])
        self.levels = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(shape.depth))) for width in widths
        )
        self.shrink = nn.ModuleList(nn.Linear(4 * a, b) for a, b in pairwise(widths))

    def seen(self, pictures: Tensor) -> list[Tensor]:
        """What each level makes of pictures (N, C, H, W), (N, h, w, D), finest first."""
        size, patch = self.size, self.patch
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
