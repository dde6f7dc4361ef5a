"""A flight through pictures that stay as they are, each laid where it belongs in the wider one.

The other way of zooming from pictures (`maker.by_example`) makes new levels of their materials;
here every picture is shown whole when the camera frames it, and the closer one appears in its place
with a soft border as the camera goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.families.zoom.flight import Flight, depths, line_weights
from kineograph.families.zoom.registration import SURE, found
from kineograph.values.clip import Clip

FEATHER = 0.12  # of half a picture: its soft border
APPEARS = 0.4  # of the way to the next picture, over which that one comes into view


@dataclass(frozen=True)
class Box:
    """A rectangle of the world: centre and sizes, in widths of the widest picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Placed:
    """A picture (3, H, W) in [0, 1] and where it lies. score: correlation with the wider one
    there; None where it was not found and is laid into the middle."""

    picture: Tensor
    box: Box
    score: float | None


def laid(pictures: Sequence[Clip], ratios: Sequence[float]) -> list[Placed]:
    """The pictures, widest first, each where it is found in the one before it.

    ratios: how many times closer each further one is if it is not found anywhere.
    """
    frames = [clip.over().frames[0] for clip in pictures]
    height, width = frames[0].shape[-2:]
    placed = [Placed(frames[0], Box(0.0, 0.0, 1.0, height / width), 1.0)]
    for picture, ratio in zip(frames[1:], ratios, strict=True):
        wide = placed[-1]
        at = found(wide.picture, picture)
        box = wide.box
        if at.score >= SURE:
            x = box.x + (at.left + at.width / 2 - 0.5) * box.width
            y = box.y + (at.top + at.height / 2 - 0.5) * box.height
            here, score = Box(x, y, at.width * box.width, at.height * box.height), at.score
        else:
            tall = picture.shape[-2] / picture.shape[-1]
            across = min(box.width, box.height / tall) / ratio
            here, score = Box(box.x, box.y, across, across * tall), None
        placed.append(Placed(picture, here, score))
    return placed


def camera(placed: Sequence[Placed], depth: float, shape: float) -> Box:
    """What is seen at a depth 0 … K − 1: the largest frame within a picture at whole depths.

    shape: height / width of the frame. In between one point of the world stands still in the frame
    while its width changes by equal factors in equal depths.
    """
    base = min(int(depth + 1e-9), len(placed) - 1)
    here = _framed(placed[base].box, shape)
    share = depth - base
    if share < 1e-9 or base == len(placed) - 1:
        return here
    there = _framed(placed[base + 1].box, shape)
    width = here.width * (there.width / here.width) ** share
    gone = (here.width - width) / (here.width - there.width) if there != here else share
    x, y = here.x + gone * (there.x - here.x), here.y + gone * (there.y - here.y)
    return Box(x, y, width, width * shape)


def _framed(box: Box, shape: float) -> Box:
    width = min(box.width, box.height / shape)
    return Box(box.x, box.y, width, width * shape)


def view(placed: Sequence[Placed], depth: float, size: tuple[int, int]) -> Tensor:
    """(3, h, w) in [0, 1], the frame at a depth; size: (width, height), pixels."""
    seen = camera(placed, depth, size[1] / size[0])
    base = min(int(depth + 1e-9), len(placed) - 1)
    picture = torch.zeros(3, size[1], size[0], dtype=torch.float64)
    for number, one in enumerate(placed[: base + 2]):
        x, y = (_places(seen, one.box, axis, size) for axis in (0, 1))
        spans = seen.width / one.box.width / size[0], seen.height / one.box.height / size[1]
        columns = line_weights(x, one.picture.shape[-1], 2 * spans[0])
        rows = line_weights(y, one.picture.shape[-2], 2 * spans[1])
        sampled = rows @ one.picture.double() @ columns.T
        if number == 0:
            picture = sampled
            continue
        soft, share = 1e-9, 1.0  # what was passed is shown to its very border
        if number > base:
            soft += FEATHER * min(1.0, 4 * (1 - depth + base))
            share = _smooth((depth - base) / APPEARS)
        across, down = (((1 - at.abs()) / soft).clamp(0, 1) for at in (x, y))
        picture = picture + share * torch.outer(down, across) * (sampled - picture)
    return picture.clamp(0, 1)


def _smooth(u: float) -> float:
    u = min(1.0, max(0.0, u))
    return u * u * (3 - 2 * u)


def _places(seen: Box, box: Box, axis: int, size: tuple[int, int]) -> Tensor:
    """The middles of the frame's columns (axis 0) or rows, where the picture spans −1 … 1."""
    n = size[axis]
    middle, span = (seen.y, seen.height) if axis else (seen.x, seen.width)
    centre, reach = (box.y, box.height) if axis else (box.x, box.width)
    at = middle + ((torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5) * span
    return (at - centre) * 2 / reach


def frames(
    placed: Sequence[Placed], flight: Flight, size: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    """(h, w, 3) uint8 frames of the flight, one at a time."""
    for depth in depths(len(placed), flight):
        shown = view(placed, depth, size).permute(1, 2, 0)
        yield (shown * 255 + 0.5).to(torch.uint8).numpy()
