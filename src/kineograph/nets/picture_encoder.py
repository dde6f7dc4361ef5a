"""What does a picture show, in the space of captions? A small encoder, trained by the two together.

Convolutions to one state a picture, and one matrix from the frozen text encoder's mean state to the
same space (contrastive, Radford et al. 2021, CLIP). It is small, it has seen emoji alone, and it is
not CLIP. Legend: N pictures, E embedding, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.nets.blocks import norm
from kineograph.nets.sight import Sight, check_sight

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
        check_sight(self, MOST)


class PictureEncoder(Sight):
    """Pictures and texts to one space, where what belongs together is near."""

    ends = ("enter.", "leave.", "text.")

    def __init__(self, shape: PictureShape) -> None:
        super().__init__(shape, channels=3)
        self.shape = shape
        self.leave = nn.Linear(2 * shape.widths[-1], shape.embedding)
        self.text = nn.Linear(shape.text, shape.embedding)
        self.sharpness = nn.Parameter(torch.tensor(2.5))  # ln of the scale of cosines

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in model range to (N, E) of unit length."""
        h = F.silu(norm(self.seen(pictures)[-1])).flatten(1, 2)  # (N, h*w, D)
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
