"""Cut-outs laid on a ground: a colour, or a picture that covers the whole frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kineograph.media.sources import first_frame
from kineograph.values.ground import rgb
from kineograph.values.source import Source

if TYPE_CHECKING:
    from kineograph.values.clip import Clip


def grounded(clip: Clip, ground: str | Source | None, form: str) -> tuple[Clip, list[str]]:
    """The clip laid on what was asked for, and what to say of it.

    ground: `#rrggbb`, a picture, or None for nothing: then a clip stays transparent where the form
    can hold that, and is laid over white where it cannot.
    """
    from kineograph.media.sources import format_for
    from kineograph.values.clip import Clip

    if clip.frames.shape[1] == 3:
        return clip, []
    if isinstance(ground, str):
        return clip.over(rgb(ground)), []
    if ground is not None:
        picture, notes = first_frame(ground, "ground")
        height, width = clip.frames.shape[-2:]
        behind = _covering(picture.over(), height, width).frames
        alpha = clip.frames[:, 3:]
        return Clip(clip.frames[:, :3] * alpha + behind * (1 - alpha), clip.fps), notes
    kind = format_for(form)
    if kind is None or kind.alpha:
        return clip, []
    told = f"{form.lstrip('.')} holds no transparency: laid over white; .webm, .webp, .apng keep it"
    return clip.over(), [told]


def _covering(picture: Clip, height: int, width: int) -> Clip:
    """One frame brought to sides of so many pixels: scaled to cover them, its middle kept."""
    import torch.nn.functional as F

    from kineograph.values.clip import Clip

    tall, wide = picture.frames.shape[-2:]
    scale = max(height / tall, width / wide)
    sides = (max(height, round(tall * scale)), max(width, round(wide * scale)))
    large = F.interpolate(
        picture.frames, sides, mode="bilinear", align_corners=False, antialias=True
    )
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    cut = large[:, :, top : top + height, left : left + width]
    return Clip(cut.clamp(0, 1).contiguous(), picture.fps)
