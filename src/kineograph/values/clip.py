"""The value everything visual enters and leaves as; an image is a clip of one frame.

This is the only file that changes range ([0, 1] outside, [-1, 1] in models), clamps, or changes
axis order (frames first outside, channels first in models). It opens no files: `media.py` does.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from kineograph.values.errors import InputError, KineographError


@dataclass(frozen=True, repr=False)
class Clip:
    """Frames in order.

    frames: (T, C, H, W) float32 in [0, 1]; C is 3, or 4 with straight alpha.
    fps: frames a second, > 0; of no meaning when T is 1. Raises InputError for any other shape.

        >>> kg.Clip(torch.zeros(12, 3, 16, 24), fps=6).seconds
        2.0
    """

    frames: Tensor
    fps: float = 8.0

    def __post_init__(self) -> None:
        given: object = self.frames
        if not isinstance(given, Tensor):
            kind = type(given).__name__
            raise InputError("frames", f"a {kind} is no tensor", "give torch.from_numpy(array)")
        shape = tuple(self.frames.shape)
        if self.frames.ndim != 4 or shape[0] < 1 or shape[1] not in (3, 4):
            raise InputError("frames", f"shape {shape} is not (T, 3 or 4, H, W)")
        if self.frames.dtype != torch.float32:
            raise InputError("frames", f"dtype {self.frames.dtype} is not float32")
        if not 0 < self.fps < float("inf"):
            raise InputError("fps", f"{self.fps} is not a positive number")

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.fps

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, frames: slice) -> Clip:
        """Some of the frames, at the same rate."""
        return Clip(self.frames[frames], self.fps)

    def array(self) -> NDArray[np.uint8]:
        """(T, H, W, C) uint8."""
        return to_bytes(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the clip whole, or nothing; the suffix names the format, none a folder of frames.

        Raises InputError for a suffix, a rate or a size that cannot be written.
        """
        from kineograph import media

        return media.save(self, path)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """How a notebook shows it: as a moving picture, small ones enlarged pixel by pixel."""
        from PIL import Image

        frames = [Image.fromarray(frame) for frame in self.array()]
        file = io.BytesIO()
        how: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "lossless": True}
        frames[0].save(file, "WEBP", duration=round(1000 / self.fps), loop=0, **how)
        source = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
        width = self.frames.shape[3] * max(1, 256 // self.frames.shape[3])
        style = f"width:{width}px;image-rendering:pixelated"
        return {"text/html": f'<img src="{source}" style="{style}">', "text/plain": repr(self)}

    def __repr__(self) -> str:
        count, channels, height, width = self.frames.shape
        kind = "with alpha" if channels == 4 else "opaque"
        return f"Clip({count} frames of {width}x{height}, {self.fps:g} a second, {kind})"

    def lasting(self, seconds: float) -> Clip:
        """The clip cut, or begun again and again, to the whole frames nearest to `seconds`."""
        count = max(1, round(seconds * self.fps))
        return Clip(self.frames[torch.arange(count) % len(self)], self.fps)

    def over(self, background: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Clip:
        """The clip without alpha, laid over one colour in [0, 1]; itself when it has no alpha."""
        if self.frames.shape[1] == 3:
            return self
        rgb, alpha = self.frames[:, :3], self.frames[:, 3:]
        ground = torch.tensor(background).view(1, 3, 1, 1)
        return Clip(rgb * alpha + ground * (1 - alpha), self.fps)


def from_bytes(frames: NDArray[np.uint8], fps: float = 8.0) -> Clip:
    """A clip from (T, H, W, C) uint8."""
    x = torch.from_numpy(np.array(frames))  # a copy: memory-mapped packs are read-only
    return Clip(rearrange(x, "t h w c -> t c h w").float().div_(255), fps)


def to_bytes(clip: Clip) -> NDArray[np.uint8]:
    """(T, H, W, C) uint8, rounded to nearest and clamped.

    Raises KineographError for values that are no numbers: they would become a black picture.
    """
    if not torch.isfinite(clip.frames).all():
        raise KineographError(
            "the frames hold values that are not finite; nothing is shown of them"
        )
    x = rearrange(clip.frames, "t c h w -> t h w c")
    return np.ascontiguousarray(x.mul(255).add(0.5).clamp(0, 255).to(torch.uint8).numpy())


def to_model(clips: Sequence[Clip]) -> Tensor:
    """(B, 3, T, H, W) in [-1, 1] from clips of one size; alpha is laid over white."""
    return torch.stack([rearrange(c.over().frames, "t c h w -> c t h w") for c in clips]) * 2 - 1


def to_clips(x: Tensor, fps: float) -> list[Clip]:
    """Clips from (B, C, T, H, W) in model range; clamps."""
    frames = rearrange(x.detach().float().cpu(), "b c t h w -> b t c h w")
    return [Clip(one, fps) for one in frames.add(1).div(2).clamp(0, 1)]


def premultiplied(clip: Clip) -> Tensor:
    """(T, 4, H, W) in [0, 1], colours multiplied by alpha; what is opaque has alpha 1."""
    rgb, alpha = clip.frames[:, :3], clip.frames[:, 3:]
    if clip.frames.shape[1] == 3:
        alpha = torch.ones_like(rgb[:, :1])
    return torch.cat([rgb * alpha, alpha], dim=1)


def from_premultiplied(x: Tensor, *, least: float = 0.02, fps: float = 8.0) -> list[Clip]:
    """Clips with straight alpha from (B, 4, T, H, W) in model range, colours multiplied by alpha.

    Alpha under `least` is nothing at all: the ground is exactly transparent.
    """
    frames = rearrange(x.detach().float().cpu(), "b c t h w -> b t c h w").add(1).div(2)
    colour, alpha = frames[:, :, :3], frames[:, :, 3:].clamp(0, 1)
    alpha = torch.where(alpha < least, 0.0, alpha)
    straight = (colour / alpha.clamp(min=least)).clamp(0, 1) * (alpha > 0)
    return [Clip(one, fps) for one in torch.cat([straight, alpha], dim=2)]


def from_frames(x: Tensor, fps: float = 8.0) -> Clip:
    """A clip with straight alpha from (T, 4, H, W) in [0, 1], colours multiplied by alpha."""
    return from_premultiplied(x.transpose(0, 1)[None] * 2 - 1, fps=fps)[0]


def bytes_to_model(frames: Tensor) -> Tensor:
    """(B, C, T, H, W) float32 in [-1, 1] from (B, T, H, W, C) uint8, the layout of data packs."""
    return rearrange(frames, "b t h w c -> b c t h w").float().div(127.5).sub(1)


def enlarged(clip: Clip, size: int) -> Clip:
    """Every frame brought to size x size pixels by Lanczos's filter, through bytes."""
    from PIL import Image

    frames = [Image.fromarray(frame) for frame in to_bytes(clip.over())]
    large = [np.asarray(f.resize((size, size), Image.Resampling.LANCZOS)) for f in frames]
    return from_bytes(np.stack(large), clip.fps)
