"""Does a tuned model copy, and is it in the pack's style? Figures from small pictures alone.

A picture is seen at 24 pixels, on grey. Its distance to another is the root of the mean squared
difference of their pixels, the nearer of the two mirrored ways. Style is told by a linear
classifier of edges and colours that has seen the pack's training pictures and the model's own
earlier ones; no network is asked.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.evaluation.styles import Classifier, fitted

SEEN = 24  # pixels
BINS = 4  # of a colour channel


class Likeness(NamedTuple):
    """nearest: (M,) distance of each picture to the nearest example. of: (M,) which it is."""

    nearest: Tensor
    of: Tensor


def seen(pictures: Tensor) -> Tensor:
    """(N, 3, 24, 24) of premultiplied (N, 4, S, S), or opaque (N, 3, S, S), in [0, 1]."""
    if pictures.shape[1] == 4:
        pictures = pictures[:, :3] + 0.5 * (1 - pictures[:, 3:])
    size = (SEEN, SEEN)
    return F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True)


def likeness(pictures: Tensor, examples: Tensor) -> Likeness:
    """Which of the examples (N, C, S, S) each of the pictures (M, C, S, S) is nearest to."""
    one, other = seen(pictures).flatten(1), seen(examples)
    ways = [torch.cdist(one, way.flatten(1)) for way in (other, other.flip(3))]
    apart = torch.minimum(*ways) / one.shape[1] ** 0.5
    nearest = apart.min(1)
    return Likeness(nearest.values, nearest.indices)


def features(pictures: Tensor) -> Tensor:
    """(N, D) of colours, in cubes, and of how steep edges are, in (N, C, S, S)."""
    x = pictures
    if x.shape[1] == 4:
        weight, x = x[:, 3:], x[:, :3] / x[:, 3:].clamp(min=0.05)
    else:
        weight = torch.ones_like(x[:, :1])
    cell = (x.clamp(0, 0.999) * BINS).long()
    which = (cell[:, 0] * BINS + cell[:, 1]) * BINS + cell[:, 2]  # (N, S, S)
    hot = F.one_hot(which, BINS**3).float() * weight[:, 0, :, :, None]
    colours = hot.sum((1, 2)) / weight.sum((1, 2, 3))[:, None].clamp(min=1)
    grey = (pictures[:, :3]).mean(1, keepdim=True)
    right, down = grey.diff(dim=3)[:, :, :-1], grey.diff(dim=2)[:, :, :, :-1]
    steep = (right.square() + down.square()).sqrt().flatten(1)
    edges = torch.stack([(steep > level).float().mean(1) for level in (0.02, 0.06, 0.12, 0.25)], 1)
    return torch.cat([colours.sqrt(), edges], dim=1)


def style_of(pack: Tensor, others: Tensor) -> Classifier:
    """The classifier: 1 is the pack's style, 0 the model's own."""
    x = torch.cat([features(others), features(pack)])
    labels = torch.tensor([0] * len(others) + [1] * len(pack))
    return fitted(x, labels, 2)


def in_style(pictures: Tensor, judge: Classifier) -> float:
    """Share of pictures that are in the pack's style."""
    return float(judge(features(pictures)).double().mean())
