"""How does any picture reach the network, and how does its clip get the picture's shape back?

A picture is laid over white, its longer side brought to the network's size, and set in the middle
of a white square. A clip made from it is cropped again; when the picture was transparent, so is the
clip: where nothing changed the picture's own alpha holds, elsewhere white that is joined to the
border is background (a matte against a known ground, Porter and Duff's `over` turned around).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.values.clip import Clip
from kineograph.values.errors import InputError

NEAR_WHITE = 0.965  # of every channel: may be background
FLOODED = 160  # pixels
TOGETHER = 8  # frames matted at once
HAZE = 0.15  # darker by less than this where nothing was is not made visible
SAME = 2.5 / 255  # a pixel that differs less from the picture has not changed


@dataclass(frozen=True)
class Framed:
    """A picture in the middle of a white square.

    square: one frame (1, 3, S, S). top, left, height, width: where the picture lies, pixels.
    alpha: (1, 1, S, S) of the picture, 0 around it; None when it has no transparent pixel.
    """

    square: Clip
    top: int
    left: int
    height: int
    width: int
    alpha: Tensor | None = None

    def restored(self, clip: Clip, carried: Tensor | None = None) -> Clip:
        """A clip made from the square, of any size, in the picture's shape and transparency.

        carried: (T, 1, H, W) the picture's alpha in every frame, where it is known how it moves.
        Sides are even pixels, as video files want them.
        """
        size, made = self.square.frames.shape[-1], clip.frames.shape[-1]
        frames = clip.frames
        if carried is not None:
            pairs = zip(frames, carried, strict=True)
            frames = torch.stack([unmixed(frame, alpha) for frame, alpha in pairs])
        elif self.alpha is not None:
            first = resized(self.square.frames, made, made)
            alpha = resized(self.alpha, made, made)
            frames = torch.cat(
                [matted(some, first, alpha) for some in torch.split(frames, TOGETHER)]
            )
        top, height = _even(self.top * made / size, self.height * made / size, made)
        left, width = _even(self.left * made / size, self.width * made / size, made)
        cut = frames[:, :, top : top + height, left : left + width]
        return Clip(cut.contiguous(), clip.fps)


def framed(picture: Clip, size: int) -> Framed:
    """The first frame of a clip, set into a square of `size` pixels.

    Raises InputError when every pixel is transparent.
    """
    frame = picture.frames[:1]
    rgb = frame[:, :3]
    alpha = frame[:, 3:] if frame.shape[1] == 4 else torch.ones_like(frame[:, :1])
    if not (alpha > 0.5 / 255).any():
        raise InputError("image", "is fully transparent", "use a picture that shows something")
    tall, wide = frame.shape[-2:]
    longer = max(tall, wide)
    height, width = (max(1, round(side * size / longer)) for side in (tall, wide))
    covered = resized(alpha, height, width).clamp(0, 1)
    shown = resized(rgb * alpha, height, width) + 1 - covered  # over white
    top, left = (size - height) // 2, (size - width) // 2
    around = (left, size - width - left, top, size - height - top)
    square = F.pad(shown.clamp(0, 1), around, value=1.0)
    clear = bool((alpha < 1 - 0.5 / 255).any())
    kept = F.pad(covered, around, value=0.0) if clear else None
    return Framed(Clip(square.contiguous()), top, left, height, width, kept)


def resized(frames: Tensor, height: int, width: int) -> Tensor:
    """(T, C, H, W) to other sides: a filter as wide as the step down, bilinear upwards."""
    if frames.shape[-2:] == (height, width):
        return frames
    return F.interpolate(
        frames, (height, width), mode="bilinear", align_corners=False, antialias=True
    )


def matted(frames: Tensor, first: Tensor, alpha: Tensor) -> Tensor:
    """(T, 4, H, W) of frames (T, 3, H, W) on white, begun from a picture of known alpha.

    first, alpha: (1, 3, H, W) that picture on white, and (1, 1, H, W).
    """
    lightest = frames.amin(1, keepdim=True)
    darkest = 1 - lightest  # least alpha that explains the colour, (T, 1, H, W)
    ground = joined_to_border(lightest > NEAR_WHITE).float()
    edge = F.max_pool2d(ground, 3, 1, 1) * (1 - ground)
    inside = F.max_pool2d(darkest, 3, 1, 1).clamp(min=1e-3)
    found = (1 - edge) * (1 - ground) + edge * (darkest / inside)
    same = ((frames - first).abs().amax(1, keepdim=True) < SAME).float()
    found = torch.maximum(found, darkest)
    found = same * alpha + (1 - same) * found
    colour = (frames - (1 - found)) / found.clamp(min=1e-3)
    return torch.cat([colour.clamp(0, 1) * (found > 0), found.clamp(0, 1)], dim=1)


def unmixed(frame: Tensor, alpha: Tensor) -> Tensor:
    """(4, H, W) of a frame (3, H, W) on white whose alpha (1, H, W) is known, or at least that.

    Where the frame is darker than its alpha explains, something is there that the picture had not:
    alpha rises to the least that explains it.
    """
    darkest = 1 - frame.amin(0, keepdim=True)  # (1, H, W)
    found = torch.where(darkest > alpha + HAZE, darkest, alpha).clamp(0, 1)
    colour = (frame - (1 - found)) / found.clamp(min=1e-3)
    return torch.cat([colour.clamp(0, 1) * (found > 0), found])


def joined_to_border(light: Tensor) -> Tensor:
    """Which true places of (…, H, W) are joined to their border by true places, corners too.

    Above FLOODED pixels the joining is found on a coarser grid.
    """
    if max(light.shape[-2:]) > FLOODED:
        flat = light.reshape(-1, 1, *light.shape[-2:])
        step = -(-max(light.shape[-2:]) // FLOODED)
        coarse = F.avg_pool2d(flat.float(), step, ceil_mode=True) > 0.7
        joined = F.max_pool2d(joined_to_border(coarse).float(), 3, 1, 1)
        return light & (F.interpolate(joined, light.shape[-2:]) > 0).view_as(light)
    room = F.pad(light, (1, 1, 1, 1), value=True)
    reached = room.clone()
    reached[..., 1:-1, 1:-1] = False
    while True:
        wider = _spread(_spread(reached, -2), -1) & room
        if torch.equal(wider, reached):
            return reached[..., 1:-1, 1:-1]
        reached = wider


def _spread(places: Tensor, dim: int) -> Tensor:
    """True places and those before and after them."""
    wider, count = places.clone(), places.shape[dim] - 1
    wider.narrow(dim, 1, count).logical_or_(places.narrow(dim, 0, count))
    wider.narrow(dim, 0, count).logical_or_(places.narrow(dim, 1, count))
    return wider


def _even(start: float, length: float, most: int) -> tuple[int, int]:
    """An even length, at least 2, and a start so that it lies within `most`."""
    whole = min(most, max(2, 2 * round(length / 2)))
    return max(0, min(round(start + (length - whole) / 2), most - whole)), whole
