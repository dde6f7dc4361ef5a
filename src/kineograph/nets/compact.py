"""The network of a finisher: a chain of convolutions at the small size, then a pixel shuffle.

Real-ESRGAN's small network (Wang et al. 2021, SRVGGNetCompact): it adds to the picture enlarged by
repeating pixels, in one evaluation. Legend: N pictures, C channels, D width, R enlargement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.nets.blocks import zeroed
from kineograph.values.errors import InputError

SLOPE = 0.1  # of what is negative, at first
MOST = {"channels": 64, "width": 1024, "depth": 256, "enlargement": 16}


@dataclass(frozen=True)
class CompactShape:
    """Sizes of a finisher; none has a default."""

    channels: int
    "Numbers of a pixel, in and out: 3, or 4 with opacity."
    width: int
    "Channels inside."
    depth: int
    "Convolutions between the first and the last."
    enlargement: int
    "How many times larger the picture becomes on a side."
    residual: bool = False
    "Whether every convolution inside adds to what it saw; Real-ESRGAN's do not."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise InputError(name, f"{getattr(self, name)} is not in 1 … {most:,}")

    def flop(self, size: int) -> int:
        """Floating-point operations of one picture of `size` pixels before it is enlarged."""
        last = self.channels * self.enlargement**2
        weights = self.channels * self.width + self.depth * self.width**2 + self.width * last
        return 2 * 9 * weights * size**2


class Compact(nn.Module):
    """Pictures (N, C, H, W) to (N, C, R H, R W), in the same range."""

    def __init__(self, shape: CompactShape) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.channels, *[shape.width] * (shape.depth + 1)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)
        )
        self.slopes = nn.ModuleList(nn.PReLU(shape.width, SLOPE) for _ in widths[1:])
        for i, one in enumerate(self.convolutions):
            # variance kept through the whole chain (He et al. 2015, eq. 15): the usual first
            # weights would lose it, and then nothing is learned
            weight = nn.init.kaiming_normal_(cast(nn.Conv2d, one).weight, a=SLOPE)
            if shape.residual and i > 0:
                weight.data.mul_(shape.depth**-0.5)
        last = shape.channels * shape.enlargement**2
        self.leave = zeroed(nn.Conv2d(shape.width, last, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        h = x.contiguous(memory_format=torch.channels_last)
        for i, (convolution, slope) in enumerate(zip(self.convolutions, self.slopes, strict=True)):
            made = slope(convolution(h))  # (N, D, H, W)
            h = h + made if self.shape.residual and i > 0 else made
        added = F.pixel_shuffle(self.leave(h), self.shape.enlargement)  # (N, C, R H, R W)
        near = F.interpolate(x, scale_factor=float(self.shape.enlargement), mode="nearest")
        return near + added.to(x.dtype)


class Critic(nn.Module):
    """Does each patch of cut-outs (N, 4, H, W) look real? Scores (N, H/4, W/4), higher is more.

    Only training uses it. Premultiplied; a patch is judged with some 30 pixels around it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(4, width, 3, padding=1)
        self.fine = nn.Conv2d(width, width, 4, 2, 1)
        self.coarse = nn.Conv2d(width, 2 * width, 4, 2, 1)
        self.around = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.leave = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = (2 * x - 1).contiguous(memory_format=torch.channels_last)
        for convolution in (self.enter, self.fine, self.coarse, self.around):
            h = F.leaky_relu(convolution(h), 0.2)
        score: Tensor = self.leave(h)
        return score[:, 0].float()


class Matted(nn.Module):
    """Cut-outs through a network that knows no alpha: premultiplied (N, 4, H, W) in [0, 1].

    It enlarges the picture on black and on white, and what differs is the alpha (difference
    matting, Smith and Blinn 1996). critic: width of the critic that training holds against it.
    """

    taught_only = ("critic.",)  # names that begin so are no part of a model that makes

    def __init__(self, net: Compact, critic: int = 0) -> None:
        super().__init__()
        self.net = net
        self.critic = Critic(critic) if critic else None

    def forward(self, x: Tensor) -> Tensor:
        colour, alpha = x[:, :3], x[:, 3:]
        black, white = self.net(torch.cat([colour, colour + 1 - alpha])).chunk(2)
        clear = (white - black).mean(1, keepdim=True)
        return torch.cat([black, 1 - clear], dim=1)
