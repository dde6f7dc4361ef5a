"""What does a picture show, as numbers? EfficientNet-Lite0, frozen: 1280 features.

Tan and Le 2019 (EfficientNet) without squeeze-and-excitation and with ReLU6. Batch normalisation is
folded into the convolutions when weights are converted, so the network here is convolutions with
biases and nothing else. It sees pictures, never text, and was trained on photographs: its distances
rank, they do not grade.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 1280  # features of a picture
INPUT = 128  # pixels a picture is brought to; a multiple of 32
STEM = 32
# (repeats, kernel, stride of the first, expansion, channels out): Table 1 at width and depth 1
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SEEN = (0, 2, 4, 10, 15)  # blocks whose outputs the perceptual distance compares: one a resolution
EPS = 1e-3  # of the batch normalisation the weights were trained with


class Same(nn.Conv2d):
    """Convolution padded as TensorFlow pads: ceil(size / stride) out, odd pixel right, below."""

    def __init__(
        self, d_in: int, d_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(d_in, d_out, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return F.conv2d(x, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        tall, wide = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
        edges = (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2)
        return F.conv2d(F.pad(x, edges), self.weight, self.bias, stride, 0, 1, self.groups)


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; added to its input if it fits."""

    def __init__(self, d_in: int, d_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = d_in * expansion
        self.expand = Same(d_in, wide, 1) if expansion > 1 else None
        self.depthwise = Same(wide, wide, kernel, stride, groups=wide)
        self.project = Same(wide, d_out, 1)
        self.skips = stride == 1 and d_in == d_out

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.skips else y


class Lite0(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] to features (B, 1280); weights are random until loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Same(3, STEM, 3, 2)
        blocks, d = [], STEM
        for repeats, kernel, stride, expansion, d_out in BLOCKS:
            for i in range(repeats):
                blocks.append(Block(d, d_out, kernel, stride if i == 0 else 1, expansion))
                d = d_out
        self.blocks = nn.ModuleList(blocks)
        self.head = Same(d, WIDTH, 1)
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def layers(self, pictures: Tensor, *, size: int = INPUT) -> list[Tensor]:
        """Outputs (B, D, h, w) of the blocks in SEEN, then of the head (B, 1280, size/32, …)."""
        x = (resized(pictures, size) * 255 - 127) / 128  # as the weights were trained
        x = F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        seen = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in SEEN:
                seen.append(x)
        return [*seen, F.relu6(self.head(x))]

    def forward(self, pictures: Tensor, *, size: int = INPUT) -> Tensor:
        """Features (B, 1280) ≥ 0 of pictures brought to size x size pixels."""
        return self.layers(pictures, size=size)[-1].mean((2, 3))


def resized(pictures: Tensor, size: int) -> Tensor:
    """(B, 3, H, W) to (B, 3, size, size): means of areas on the way down, bilinear upwards."""
    if pictures.shape[-1] == pictures.shape[-2] == size:
        return pictures
    if min(pictures.shape[-2:]) > size:
        return F.interpolate(pictures, (size, size), mode="area")
    return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False)


def distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """(B,) perceptual distance ≥ 0 of two lists of `layers`: LPIPS without its learned weights.

    Zhang et al. 2018, equation 1 with all w = 1: features of unit length at every place, squared
    difference summed over channels, mean over places, summed over layers. Uncalibrated: it ranks.
    """
    total = torch.zeros(len(a[0]), device=a[0].device)
    for x, y in zip(a, b, strict=True):
        apart = F.normalize(x, dim=1) - F.normalize(y, dim=1)
        total = total + apart.square().sum(1).mean((1, 2))
    return total


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published state with every batch normalisation folded into the convolution before it.

    With scale s = weight / sqrt(variance + eps): W' = s W, b' = bias - s mean. The classifier is
    left out.
    """
    pairs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for i in range(sum(repeats for repeats, *_ in BLOCKS)):
        old, new = f"_blocks.{i}.", f"blocks.{i}."
        pairs[f"{new}depthwise"] = (f"{old}_depthwise_conv", f"{old}_bn1")
        pairs[f"{new}project"] = (f"{old}_project_conv", f"{old}_bn2")
        if f"{old}_expand_conv.weight" in state:
            pairs[f"{new}expand"] = (f"{old}_expand_conv", f"{old}_bn0")
    out = {}
    for name, (conv, norm) in pairs.items():
        weight, bias, mean, variance = (
            state[f"{norm}.{part}"].double()
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / (variance + EPS).sqrt()
        out[f"{name}.weight"] = (
            (state[f"{conv}.weight"] * scale[:, None, None, None]).float().contiguous()
        )
        out[f"{name}.bias"] = (bias - scale * mean).float()
    return out
