"""From one picture to another: both live, and one becomes the other on its way.

Every frame of the clip of the first and of the clip of the last are carried along the optical flow
between the two pictures, to the place that lies between, and mixed (`frames.morph`). Where the flow
finds nothing alike, they fade.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from kineograph.animate.picture import resized
from kineograph.frames.morph import arrived, mixed, wide_flow
from kineograph.values.clip import Clip, from_frames, premultiplied
from kineograph.values.errors import InputError


def between(first: Clip, last: Clip) -> Clip:
    """A clip that begins as `first` and ends as `last`, both of T frames of H x W.

    The flow is that from the first frame of `first` to the last frame of `last`. It has alpha where
    one of them has. Raises InputError for clips of different lengths or sizes.
    """
    shapes = [(len(clip), *clip.frames.shape[2:]) for clip in (first, last)]
    if shapes[0] != shapes[1]:
        raise InputError("last", f"(T, H, W) {shapes[1]} is not {shapes[0]}")
    a, b = premultiplied(first), premultiplied(last)  # (T, 4, H, W)
    here, there = a[:1, :3], b[-1:, :3]
    ahead, back = wide_flow(here, there), wide_flow(there, here)
    frames = []
    for i in range(len(a)):
        share = _eased(i / max(1, len(a) - 1))
        pair = (a[i : i + 1], b[i : i + 1])
        carried = (arrived(pair[0], share * ahead), arrived(pair[1], (1 - share) * back))
        frames.append(mixed(pair, carried, (1 - share, share)))
    made = from_frames(torch.cat(frames), first.fps)
    clear = 4 in (first.frames.shape[1], last.frames.shape[1])
    return made if clear else Clip(made.frames[:, :3].contiguous(), first.fps)


def gone_on(clip: Clip, more: Clip) -> Clip:
    """A clip followed by what its last frame becomes, at the clip's own rate and size.

    more: its first frame is the clip's last one, which is shown once. Frames of another rate are
    shown at the nearest time.
    """
    count = round(more.seconds * clip.fps)
    times = (torch.arange(1, count) * (more.fps / clip.fps)).round().long().clamp(max=len(more) - 1)
    added = from_frames(resized(premultiplied(more)[times], *clip.frames.shape[-2:]))
    channels = clip.frames.shape[1]
    return Clip(torch.cat([clip.frames, added.frames[:, :channels]]), clip.fps)


def on_canvas(picture: Clip, width: int, height: int) -> Clip:
    """A picture brought into the middle of a canvas, whole; what is free is transparent, or white
    where the picture is opaque."""
    tall, wide = picture.frames.shape[-2:]
    scale = min(width / wide, height / tall)
    inner = max(1, round(tall * scale)), max(1, round(wide * scale))
    opaque = picture.frames.shape[1] == 3
    x = resized(premultiplied(picture), *inner).clamp(0, 1)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    sides = (left, width - inner[1] - left, top, height - inner[0] - top)
    x = F.pad(x, sides, value=1.0 if opaque else 0.0)
    made = from_frames(x)
    return Clip(made.frames[:, :3].contiguous()) if opaque else made


def _eased(time: float) -> float:
    """0 … 1 that leaves and arrives slowly: 3 t² − 2 t³."""
    return time * time * (3 - 2 * time)
