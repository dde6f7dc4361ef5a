"""Clips whose thing follows a track."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F

from kineograph.trajectories.placed import Placed, laid
from kineograph.values.clip import Clip, from_premultiplied, premultiplied


def following(clip: Clip, places: Sequence[Placed]) -> Clip:
    """The frames of a clip with alpha, each laid where a track says at that share of the loop.

    Places are shares of the longer side; what leaves the frame is not seen.
    """
    x = premultiplied(clip)  # (T, 4, H, W)
    count, height, width = len(clip), *x.shape[-2:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    x = F.pad(x, (left, side - width - left, top, side - height - top))
    at = [places[t * len(places) // count] for t in range(count)]
    frames = [laid(frame, place, side) for frame, place in zip(x, at, strict=True)]
    made = torch.stack(frames, 1)[:, :, top : top + height, left : left + width]
    return from_premultiplied(made[None] * 2 - 1, fps=clip.fps)[0]


def about_itself(places: Sequence[Placed], clip: Clip) -> list[Placed]:
    """A track told of a thing that fills its frame, for the thing that a clip with alpha shows.

    It turns and grows about its own middle in the first frame, and keeps its size where the track
    leaves so much room.
    """
    height, width = clip.frames.shape[-2:]
    rows, columns = (clip.frames[0, 3] > 0.5).nonzero(as_tuple=True)
    if not len(rows):
        return list(places)
    side = max(height, width)
    ends = [(int(at.min()), int(at.max()) + 1) for at in (columns, rows)]
    x, y = (
        0.5 + (sum(end) - length) / (2 * side)
        for end, length in zip(ends, (width, height), strict=True)
    )
    wide = max(last - first for first, last in ends) / side
    room = max(wide, max(place.size for place in places))
    return [_turned_about(replace(place, size=place.size / room), x, y) for place in places]


def _turned_about(place: Placed, x: float, y: float) -> Placed:
    """A place whose turn and size are about the point (x, y) of the picture, not its middle."""
    angle = 2 * math.pi * place.turn
    cos, sin = place.size * math.cos(angle), place.size * math.sin(angle)
    right, down = 0.5 - x, 0.5 - y
    return replace(
        place,
        x=x + (place.x - 0.5) + cos * right - sin * down,
        y=y + (place.y - 0.5) + sin * right + cos * down,
    )
