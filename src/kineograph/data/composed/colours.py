"""What colour is a cut-out, and how is it given another?

All is premultiplied RGBA in float32, (4, H, W).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

HUES = {
    "red": 0.0,
    "orange": 0.08,
    "yellow": 0.15,
    "green": 0.33,
    "turquoise": 0.48,
    "blue": 0.6,
    "purple": 0.76,
    "pink": 0.92,
}
LEAST_SATURATED = 0.25  # mean saturation under which a thing has no colour to move
GREY_WEIGHTS = (0.299, 0.587, 0.114)


def recoloured(picture: Tensor, hue: float) -> Tensor:
    """(4, S, S) in one hue, 0 … 1: light and shade stay, saturation at least half of what it was.

    In HSV: the hue is set, so that a thing of several colours becomes one of several shades.
    """
    alpha = picture[3:].clamp(min=1e-4)
    colour = (picture[:3] / alpha).clamp(0, 1)
    value, least = colour.amax(0), colour.amin(0)
    saturation = (value - least) / value.clamp(min=1e-4)
    grey = (saturation < 0.12).float()
    saturation = torch.where(grey.bool(), saturation, 0.45 + 0.5 * saturation)
    shade = torch.tensor(hue) * 6
    wheel = torch.tensor([5.0, 3.0, 1.0]).view(3, 1, 1)
    k = (wheel + shade) % 6
    part = torch.minimum(k, 4 - k).clamp(0, 1)  # (3, 1, 1)
    made = value * (1 - saturation * part)
    return torch.cat([made * picture[3:], picture[3:]])


def mean_hue(picture: Tensor) -> tuple[float, float]:
    """The hue of (4, S, S), 0 … 1, and how saturated it is, 0 … 1: means over what is there.

    Hues are averaged on their circle, each pixel with the weight of its alpha and chroma.
    """
    alpha = picture[3:].clamp(min=1e-4)
    red, green, blue = (picture[:3] / alpha).clamp(0, 1)
    x = red - 0.5 * (green + blue)
    y = math.sqrt(3) / 2 * (green - blue)
    weight = picture[3]
    total = weight.sum().clamp(min=1e-6)
    east, north = (x * weight).sum() / total, (y * weight).sum() / total
    hue = (math.atan2(float(north), float(east)) / (2 * math.pi)) % 1.0
    return hue, float((torch.hypot(x, y) * weight).sum() / total)
