"""How are cut-outs laid on a canvas? Placed, turned and sized, then blended in order.

All is premultiplied RGBA in float32, (4, H, W). A cut-out that is made smaller is taken from a
smaller copy of itself, so that it does not flicker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FINER = 1.8  # times as many pixels as are shown: from there on a smaller copy is taken


class Change(NamedTuple):
    """What a moment does to a thing at rest."""

    right: float = 0.0
    down: float = 0.0
    turn: float = 0.0
    size: float = 1.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Placed:
    """Where a thing is on the canvas.

    picture: which of the pictures handed to `rendered`. x, y: its centre, 0 … 1 of the canvas,
    right and down. size: its side as a share of the canvas. turn: clockwise, in whole turns.
    opacity: 0 … 1. mirrored: left and right changed.
    """

    picture: int
    x: float = 0.5
    y: float = 0.5
    size: float = 1.0
    turn: float = 0.0
    opacity: float = 1.0
    mirrored: bool = False

    def moved(self, change: Change) -> Placed:
        """The place after a change; shifts are of the canvas, not of the thing."""
        return replace(
            self,
            x=self.x + change.right,
            y=self.y + change.down,
            turn=self.turn + change.turn,
            size=self.size * change.size,
            opacity=self.opacity * change.opacity,
        )


def rendered(
    pictures: Sequence[Tensor], things: Sequence[Placed], side: int, ground: Tensor | None = None
) -> Tensor:
    """(4, side, side) premultiplied: things in order, the first at the back, on a ground.

    pictures: (4, S, S) premultiplied, S a power of two times any. ground: (3,) a colour or
    (3, side, side); None is nothing.
    """
    canvas = torch.zeros(4, side, side)
    if ground is not None:
        shown = ground.view(3, 1, 1) if ground.ndim == 1 else ground
        canvas = torch.cat([shown.expand(3, side, side), torch.ones(1, side, side)])
    for thing in things:
        layer = laid(pictures[thing.picture], thing, side)
        canvas = layer + (1 - layer[3:]) * canvas  # over (Porter and Duff 1984)
    return canvas


def laid(picture: Tensor, thing: Placed, side: int) -> Tensor:
    """(4, side, side) one picture (4, S, S) at its place, nothing around it."""
    if thing.size <= 0 or thing.opacity <= 0:
        return torch.zeros(4, side, side)
    source = picture[None]
    while source.shape[-1] >= FINER * thing.size * side and source.shape[-1] % 2 == 0:
        source = F.avg_pool2d(source, 2)
    angle = 2 * math.pi * thing.turn
    cos, sin = math.cos(angle) / thing.size, math.sin(angle) / thing.size
    flip = -1.0 if thing.mirrored else 1.0
    x, y = 2 * thing.x - 1, 2 * thing.y - 1
    # from places on the canvas, -1 … 1, to places in the picture: shift back, turn back, enlarge
    matrix = torch.tensor(
        [
            [flip * cos, flip * sin, -flip * (cos * x + sin * y)],
            [-sin, cos, sin * x - cos * y],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(matrix[None], [1, 4, side, side], align_corners=False)
    layer = F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return layer[0] * thing.opacity
