"""Clips whose thing follows a track."""

from __future__ import annotations

from collections.abc import Sequence

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
