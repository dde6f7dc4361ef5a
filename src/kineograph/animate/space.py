"""What is denoised when a picture moves: pixels, a codec's latents, or motion itself.

A space says a clip in other numbers, given its first frame's picture, and back. `Motion` holds, at
a quarter of the pixels' resolution, how far every part of the picture has moved and what moving it
leaves over: few smooth numbers, so that little teaching goes far, and fine detail is the picture's
own, at whatever size it comes. It is a fixed codec, by flow (`flow.py`); what appears anew is as
coarse as its grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from kineograph.optical_flow import flow, moved

SHRINK = 4  # pixels on the side of a place
FLOW, REST = 4.0, 0.125  # pixels, and values in model range, that count as 1
CHANNELS = 5


class Space(Protocol):
    """(B, 3, T, H, W) in model range to (B, C, T, h, w) and back; first is (B, 3, 1, H, W).

    anchored: later blocks of a longer clip are told from the first picture too, and a clip can be
    decoded with the same picture in any other size.
    """

    anchored: bool

    def encode(self, x: Tensor, first: Tensor) -> Tensor: ...
    def decode(self, z: Tensor, first: Tensor) -> Tensor: ...
    def seen(self, first: Tensor) -> Tensor:
        """What the network sees of the picture."""
        ...

    def carried(self, z: Tensor, still: Tensor) -> Tensor | None:
        """What a picture's alpha (B, 1, 1, H, W) becomes in each frame (B, 1, T, H, W).

        None where a space does not tell where its parts go.
        """
        ...


class Pixels:
    """Pixels themselves."""

    anchored = False

    def encode(self, x: Tensor, first: Tensor) -> Tensor:
        return x

    def decode(self, z: Tensor, first: Tensor) -> Tensor:
        return z

    def seen(self, first: Tensor) -> Tensor:
        return first

    def carried(self, z: Tensor, still: Tensor) -> Tensor | None:
        return None


class Latents:
    """A learned codec's latents, frame by frame."""

    anchored = False

    def __init__(self, codec: Any) -> None:
        self.codec = codec

    @torch.no_grad()
    def encode(self, x: Tensor, first: Tensor) -> Tensor:
        latents: Tensor = self.codec.encode(x)
        return latents

    @torch.no_grad()
    def decode(self, z: Tensor, first: Tensor) -> Tensor:
        pixels: Tensor = self.codec.decode(z)
        return pixels.clamp(-1, 1)

    def seen(self, first: Tensor) -> Tensor:
        return self.encode(first, first)

    def carried(self, z: Tensor, still: Tensor) -> Tensor | None:
        return None


class Motion:
    """Flow from each frame back to the picture, and what fetching along it leaves over.

    smooth: decode with every flow replaced by the mean of its 3 x 3 places. What a network makes is
    rougher than real flow; the picture's outlines show that most.
    """

    anchored = True

    def __init__(self, *, smooth: bool = False) -> None:
        self.smooth = smooth

    def encode(self, x: Tensor, first: Tensor) -> Tensor:
        """(B, 5, T, H/4, W/4): x and y of the flow, then the rest's three colours."""
        batch, _, frames = x.shape[:3]
        flat = rearrange(x, "b c t h w -> (b t) c h w")
        picture = rearrange(first.expand(-1, -1, frames, -1, -1), "b c t h w -> (b t) c h w")
        found = F.avg_pool2d(flow((flat + 1) / 2, (picture + 1) / 2), SHRINK)
        rest = F.avg_pool2d(flat - moved(picture, _large(found, x.shape[3:])), SHRINK)
        both = torch.cat([found / FLOW, rest / REST], dim=1)
        return rearrange(both, "(b t) c h w -> b c t h w", b=batch)

    def decode(self, z: Tensor, first: Tensor) -> Tensor:
        batch, _, frames = z.shape[:3]
        picture = rearrange(first.expand(-1, -1, frames, -1, -1), "b c t h w -> (b t) c h w")
        made = moved(picture, self._along(z, first.shape[3:]))
        rest = rearrange(z[:, 2:], "b c t h w -> (b t) c h w") * REST
        made = made + _large(rest, first.shape[3:])
        return rearrange(made.clamp(-1, 1), "(b t) c h w -> b c t h w", b=batch)

    def carried(self, z: Tensor, still: Tensor) -> Tensor | None:
        flat = rearrange(still.expand(-1, -1, z.shape[2], -1, -1), "b c t h w -> (b t) c h w")
        made = moved(flat, self._along(z, still.shape[3:]), outside="zeros")
        return rearrange(made, "(b t) c h w -> b c t h w", b=len(z))

    def _along(self, z: Tensor, sides: Sequence[int]) -> Tensor:
        """(B T, 2, H, W) flow in pixels of a picture of these sides."""
        step = sides[1] / (z.shape[-1] * SHRINK)  # its pixels to one of the trained size
        along = rearrange(z[:, :2], "b c t h w -> (b t) c h w")
        if self.smooth:
            along = F.avg_pool2d(F.pad(along, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return _large(along * FLOW * step, sides)

    def seen(self, first: Tensor) -> Tensor:
        return first


def _large(x: Tensor, sides: Sequence[int]) -> Tensor:
    return F.interpolate(x, tuple(sides), mode="bilinear", align_corners=False)
