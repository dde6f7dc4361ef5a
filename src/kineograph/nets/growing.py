"""How does a network for small pictures become one for pictures twice as large?

Progressive growing (Karras et al. 2018) of a U-Net: a finer level is put in front, everything else
keeps its weights and its resolution. What the network knows of words and shapes stays; the new
level has to learn how detail is drawn. Means of 2 x 2 pixels halve the noise, so at a level sigma
of the large picture the old levels see what they saw at sigma / 2: the noise embedding is turned
so that they are told so, exactly.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import torch
from torch import Tensor

from kineograph.nets.video_unet import VideoUNetShape

PER_LOG_SIGMA = 0.25  # the label is a quarter of ln sigma, see `noise`
LOWEST, HIGHEST = -2.0, 6.0  # of the embedding's frequencies, as powers of two: see `Fourier`


def grown_shape(shape: VideoUNetShape, width: int) -> VideoUNetShape:
    """The shape with a level of so many channels in front, which has convolutions only."""
    return replace(shape, widths=(width, *shape.widths), attention=(False, *shape.attention))


def grown(weights: dict[str, Tensor], *, times: float = 2.0) -> dict[str, Tensor]:
    """The weights of a SpaceTime under the names they have behind one more level.

    The first and last layers are left out: they saw patches of other pictures. times: by how much
    larger a side is, and the noise level that looks the same to the old levels.
    """
    found = {}
    for name, tensor in weights.items():
        if re.search(r"(^|\.)(enter|leave)\.", name):
            continue
        if re.search(r"(^|\.)noise\.1\.weight$", name):
            tensor = shifted(tensor, PER_LOG_SIGMA * math.log(times))
        moved = re.sub(r"(^|\.)(down|up|merge|shrink|widen)\.(\d+)\.", _later, name)
        found[moved] = tensor
    return found


def _later(place: re.Match[str]) -> str:
    return f"{place[1]}{place[2]}.{int(place[3]) + 1}."


def shifted(weight: Tensor, by: float) -> Tensor:
    """The layer (D, 2 F) on cosines and sines of a label, made to answer as at the label - `by`.

    cos and sin of w (l - by) are cos and sin of w l turned by the angle w by.
    """
    count = weight.shape[1] // 2
    angle = by * torch.logspace(LOWEST, HIGHEST, count, base=2.0, dtype=torch.float64)
    cos, sin = angle.cos(), angle.sin()
    of_cos, of_sin = torch.split(weight.double(), count, dim=1)
    turned = torch.cat([of_cos * cos - of_sin * sin, of_cos * sin + of_sin * cos], dim=1)
    return turned.to(weight.dtype)
