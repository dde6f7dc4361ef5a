"""Which known thing does a picture show? A small classifier, to which pictures look alike or not.

It has seen emoji alone. What it makes of a picture on the way is a measure of likeness that minds
what tells things apart, not single pixels.
Legend: N pictures, C things, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.nets.blocks import norm
from kineograph.nets.lite0 import distance
from kineograph.nets.sight import Sight, check_sight
from kineograph.nets.unet import side_factor

MOST = {
    "size": 4096,
    "patch": 64,
    "widths": 16384,
    "depth": 64,
    "state": 16384,
    "things": 1_000_000,
}


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
        check_sight(self, MOST)


class Recognizer(Sight):
    """Cut-outs to the things they show."""

    ends = ("enter.", "named.")

    def __init__(self, shape: RecognizerShape) -> None:
        super().__init__(shape, channels=4)
        self.shape = shape
        places = (shape.size // side_factor(shape)) ** 2
        self.leave = nn.Linear(places * shape.widths[-1], shape.state)
        self.named = nn.Linear(shape.state, shape.things)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 4, H, W) in model range, premultiplied, to logits (N, C)."""
        h = self.leave(F.silu(norm(self.seen(pictures)[-1])).flatten(1))  # (N, state)
        named: Tensor = self.named(F.silu(norm(h)))
        return named.float()

    def apart(self, some: Tensor, others: Tensor) -> Tensor:
        """(N,) how unlike pictures (N, 4, H, W) look.

        The mean over levels of the perceptual distance of what is seen there (`lite0.distance`).
        """
        here, there = ([level.movedim(-1, 1) for level in self.seen(x)] for x in (some, others))
        return distance(here, there) / len(here)
