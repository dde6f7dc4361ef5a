"""How clean is a cut-out? The width of its edge, and what is left on its ground.

Alpha is in 0 … 1, pictures (N, H, W). Lengths are in pixels of the picture.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE = (0.1, 0.9)  # alphas between which the edge lies
BESIDE = 4  # pixels around what is there that are not ground yet


def edge_width(alpha: Tensor) -> Tensor:
    """(N,) mean width of the edge: its area over the length of the line where alpha is 0.5.

    The length is that of the pixels' own sides times pi / 4, right on average over directions. A
    picture without an edge has width 0.
    """
    low, high = EDGE
    area = ((alpha > low) & (alpha < high)).double().sum((1, 2))
    inside = F.pad((alpha > 0.5).double(), (1, 1, 1, 1))
    sides = inside.diff(dim=1).abs().sum((1, 2)) + inside.diff(dim=2).abs().sum((1, 2))
    length = sides * math.pi / 4
    return torch.where(length > 0, area / length.clamp(min=1), 0.0)


def ground_error(alpha: Tensor) -> Tensor:
    """(N,) mean alpha farther than four pixels from everything that is there; 0 where no ground is.

    There is what has an alpha above 0.5.
    """
    near = F.max_pool2d((alpha > 0.5).double()[:, None], 2 * BESIDE + 1, 1, BESIDE)[:, 0]
    ground = 1 - near
    return (alpha.double() * ground).sum((1, 2)) / ground.sum((1, 2)).clamp(min=1)
