"""A thing's places over a loop as numbers that can be denoised.

A track is a clip of 1 x 1 pixels with six channels, so that what denoises clips denoises tracks:
right and down of the middle, cosine and sine of the turn, size and opacity, each about 1 wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kineograph.trajectories.placed import Placed

CHANNELS = 6
WIDE = 4.0  # times a place's distance from the middle


def to_track(places: Sequence[Placed]) -> Tensor:
    """(6, T) numbers of a thing's places."""
    rows = [
        (
            WIDE * (place.x - 0.5),
            WIDE * (place.y - 0.5),
            math.cos(2 * math.pi * place.turn),
            math.sin(2 * math.pi * place.turn),
            (math.log2(max(place.size, 1e-3)) + 1) / 1.5,
            2 * place.opacity - 1,
        )
        for place in places
    ]
    return torch.tensor(rows, dtype=torch.float32).T


def to_places(track: Tensor) -> list[Placed]:
    """A thing's places from (6, T) numbers; opacity stays within 0 … 1."""
    right, down, cos, sin, size, opacity = track.double()
    return [
        Placed(
            0,
            0.5 + float(right[t]) / WIDE,
            0.5 + float(down[t]) / WIDE,
            2 ** (1.5 * float(size[t]) - 1),
            math.atan2(float(sin[t]), float(cos[t])) / (2 * math.pi),
            min(1.0, max(0.0, (float(opacity[t]) + 1) / 2)),
        )
        for t in range(track.shape[1])
    ]
