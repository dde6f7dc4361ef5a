"""The baseline a model of motion must beat: the motion of another clip, put on this picture."""

from __future__ import annotations

from torch import Tensor

from kineograph.optical_flow import flow, moved


def borrowed(picture: Tensor, clip: Tensor) -> Tensor:
    """(T, 3, H, W): the picture (3, H, W) moved as the clip (T, 3, H, W) moves from its frame 0."""
    back = flow(clip, clip[:1].expand_as(clip))  # where in frame 0 each pixel of frame t was
    return moved(picture[None].expand(len(clip), -1, -1, -1), back)
