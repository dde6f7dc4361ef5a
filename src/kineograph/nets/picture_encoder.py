"""What does a picture show, in the space of captions? A small encoder, taught by the two together.

Convolutions to one state a picture, and one matrix from the frozen text encoder's mean state to the
same space (contrastive, Radford et al. 2021, CLIP). It is small, it has seen emoji alone, and it is
not CLIP. Legend: N pictures, E embedding, D width.
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

MOST = {"size": 4096, "patch": 64, "widths": 16384, "depth": 64, "text": 16384, "embedding": 16384}


@dataclass(frozen=True)
class PictureShape:
    """Sizes of a picture encoder; none has a default."""

    size: int
    "Height and width a picture is brought to, pixels."
    patch: int
    "Pixels on a side folded into channels at the first layer."
    widths: tuple[int, ...]
    "Channels of each level, finest first; each level halves height and width."
    depth: int
    "Residual blocks of a level."
    text: int
    "Width of the text encoder's mean state."
    embedding: int
    "Numbers that say what a picture or a text shows."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            for value in self.widths if name == "widths" else (getattr(self, name),):
                if not 1 <= value <= most:
                    raise InputError(name, f"{value} is not in 1 … {most:,}")
        if not 1 <= len(self.widths) <= 8:
            raise InputError("widths", f"{len(self.widths)} levels are not in 1 … 8")
        factor = self.patch * 2 ** (len(self.widths) - 1)
        if self.size % factor:
            raise InputError("size", f"{self.size} is not a multiple of {factor}")


class PictureEncoder(nn.Module):
    """Pictures and texts to one space, where what belongs together is near."""

    ends = ("enter.", "leave.", "text.")

    def __init__(self, shape: PictureShape) -> None:
        super().__init__()
        self.shape = shape
        widths = shape.widths
        self.enter = Conv(3 * shape.patch**2, widths[0])
        self.levels = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(shape.depth))) for width in widths
        )
        self.shrink = nn.ModuleList(nn.Linear(4 * a, b) for a, b in pairwise(widths))
        self.leave = nn.Linear(2 * widths[-1], shape.embedding)
        self.text = nn.Linear(shape.text, shape.embedding)
        self.sharpness = nn.Parameter(torch.tensor(2.5))  # ln of the scale of cosines

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in model range to (N, E) of unit length."""
        size, patch = self.shape.size, self.shape.patch
        if pictures.shape[-2:] != (size, size):
            pictures = F.interpolate(pictures, (size, size), mode="area")
        h = rearrange(pictures, "n c (h p) (w q) -> n h w (c p q)", p=patch, q=patch)
        h = self.enter(h)  # (N, h, w, D)
        for i, level in enumerate(self.levels):
            h = level(h)
            if i < len(self.shrink):
                h = self.shrink[i](rearrange(h, "n (h p) (w q) d -> n h w (p q d)", p=2, q=2))
        h = F.silu(norm(h)).flatten(1, 2)  # (N, h*w, D)
        h = torch.cat([h.mean(1), h.amax(1)], dim=-1)  # (N, 2 D)
        return F.normalize(self.leave(h).float(), dim=-1)

    def words(self, pooled: Tensor) -> Tensor:
        """Mean states of texts (N, text) to (N, E) of unit length."""
        return F.normalize(self.text(pooled).float(), dim=-1)

    def loss(self, pictures: Tensor, pooled: Tensor) -> Tensor:
        """Cross-entropy of finding the caption of a picture and the picture of a caption.

        pictures (N, 3, H, W), pooled (N, text). Rows with the same caption are one answer.
        """
        seen, read = self(pictures), self.words(pooled)
        logits = seen @ read.T * self.sharpness.exp().clamp(max=100)  # (N, N)
        alike = (pooled[:, None] == pooled[None]).all(-1).float()
        target = alike / alike.sum(1, keepdim=True)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
