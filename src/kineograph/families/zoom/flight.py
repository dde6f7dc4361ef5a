"""From a stack to the frames of a flight: exponential zoom, sub-pixel exact, any output size.

At depth d one sees 1/ratio**d of level 0. A frame is the level floor(d), cropped on exact
fractions of a pixel, with the finer level laid into its middle through a feathered border. Depth
that grows evenly in time is zoom of constant perceived speed. At most three levels are held, each
as one tensor; frames are made one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.families.zoom.stack import Ratio, ZoomStack
from kineograph.values.clip import to_bytes, to_clips
from kineograph.values.errors import InputError, LimitError

WAYS = ("in", "out", "in-and-out")
FEATHER = 0.1  # of half a level: width of the soft border, where both levels agree
MOST_FRAMES = 20_000


@dataclass(frozen=True)
class Flight:
    """How to fly.

    seconds: length without dwells. way: in, out, or in-and-out. ease: share of each leg spent
    starting, and again stopping, 0 … 0.5. dwell: seconds of rest at every level. fps: frames a
    second. deepest: how far into the last level to go on, in levels, 0 … 1.
    """

    seconds: float = 12.0
    way: str = "in"
    ease: float = 0.1
    dwell: float = 0.0
    fps: float = 24.0
    deepest: float = 0.0

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise InputError("way", f"'{self.way}' is unknown", "use in, out or in-and-out")
        for field, value, most in (("ease", self.ease, 0.5), ("deepest", self.deepest, 1.0)):
            if not 0 <= value <= most:
                raise InputError(field, f"{value} is not within 0 … {most}")
        for field, value in (("seconds", self.seconds), ("fps", self.fps)):
            if not 0 < value < math.inf:
                raise InputError(field, f"{value} is not a positive number")
        if not 0 <= self.dwell < math.inf:
            raise InputError("dwell", f"{self.dwell} is negative", "give seconds, or 0")


def depths(levels: int, flight: Flight) -> list[float]:
    """Depth of every frame, 0 … levels - 1 + deepest, from wide to close (or as `way` says)."""
    end = levels - 1 + flight.deepest
    rests = levels * flight.dwell
    legs = 2 if flight.way == "in-and-out" else 1
    total = (flight.seconds + legs * rests) * flight.fps
    if total > MOST_FRAMES:
        raise LimitError(
            f"seconds: {total:.0f} frames, the limit is {MOST_FRAMES:,}; ask for fewer seconds"
        )
    moving = max(2, round(flight.seconds * flight.fps / legs))
    resting = round(flight.dwell * flight.fps)
    inward: list[float] = []
    passed = -1
    for k in range(moving):
        depth = end * eased(k / (moving - 1), flight.ease)
        while resting and passed + 1 <= min(depth + 1e-9, levels - 1):
            passed += 1
            inward += [float(passed)] * resting
        inward.append(depth)
    if flight.way == "in":
        return inward
    outward = inward[::-1]
    return outward if flight.way == "out" else inward + outward[1:-1]


def eased(u: float, ease: float) -> float:
    """Progress at time u, both 0 … 1: speed rises evenly for a time `ease`, is constant, falls.

    The integral of that trapezium, scaled to end at 1; its first derivative is continuous.
    """
    if ease == 0:
        return u
    if u > 0.5:
        return 1.0 - eased(1.0 - u, ease)
    speed = 1 / (1 - ease)
    return speed * u * u / (2 * ease) if u < ease else speed * (u - ease / 2)


def view(levels: Sequence[Tensor], share: float, ratio: Ratio, size: tuple[int, int]) -> Tensor:
    """(C, T, h, w) the picture `share` of a level deeper than levels[0].

    levels: up to three (C, T, H, W), from the level at hand on. share: 0 … 1. size: (width,
    height) of the frame; the longer side spans the canvas, the shorter is cut.
    """
    picture = None
    for k, level in enumerate(levels):
        zoom = float(ratio) ** (share - k)  # the canvas is this many frames wide
        x, y = _places(zoom, size)
        rows = line_weights(y, level.shape[-2], 2 / (zoom * max(size))).to(level)
        columns = line_weights(x, level.shape[-1], 2 / (zoom * max(size))).to(level)
        sampled = rows @ level @ columns.T  # (C, T, h, w)
        if picture is None:
            picture = sampled
            continue
        soft = FEATHER * min(1.0, 4 * (1 - zoom)) + 1e-9  # none once the level fills the frame
        across, down = (((1 - at.abs()) / soft).clamp(0, 1) for at in (x, y))
        mask = torch.outer(down, across).to(level)
        picture = picture + mask * (sampled - picture)
    if picture is None:
        raise InputError("levels", "there are none")
    return picture


def _places(zoom: float, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """x (w,) and y (h,) of the middles of the frame's pixels on a canvas that spans -1 … 1."""
    x, y = ((torch.arange(n, dtype=torch.float64) + 0.5) * 2 - n for n in size)
    return x / (max(size) * zoom), y / (max(size) * zoom)


def line_weights(places: Tensor, pixels: int, width: float) -> Tensor:
    """(m, pixels) rows that average a line of pixels over a box about each place.

    The box is as wide as a frame's pixel or as a pixel of the line, whichever is wider: exact area
    averaging when shrinking and linear interpolation when enlarging, with no jump between the two.
    """
    half = max(width * pixels / 2, 1.0) / 2  # pixels of the line
    middle = ((places + 1) * pixels / 2).clamp(0.5, pixels - 0.5)[:, None]
    pixel = torch.arange(pixels, dtype=torch.float64)
    overlap = torch.minimum(middle + half, pixel + 1) - torch.maximum(middle - half, pixel)
    weight = overlap.clamp(min=0)
    return weight / weight.sum(1, keepdim=True)


def frames(stack: ZoomStack, flight: Flight, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """(h, w, 3) uint8 frames of the flight, one at a time; a living stack moves as one flies.

    size: (width, height), pixels.
    """
    if min(size) < 2 or max(size) > 4096:
        raise InputError("size", f"{size[0]}x{size[1]} is not within 2 … 4096 pixels")
    moments = stack.layers.shape[2]
    for number, depth in enumerate(depths(len(stack), flight)):
        base = min(int(depth + 1e-9), len(stack) - 1)
        moment = int(number / flight.fps * stack.fps) % moments
        levels = [layer[:, moment : moment + 1] for layer in stack.layers[base : base + 3]]
        picture = view(levels, max(0.0, depth - base), stack.ratio, size)
        yield to_bytes(to_clips(picture[None], flight.fps)[0])[0]
