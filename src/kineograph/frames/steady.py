"""A hand's shake taken out of a clip: every frame laid over one that stands still.

How a frame lies over the first is a similarity, z' = m z + t with complex numbers: shift, turn and
scale about the middle. It is found by inverse compositional Gauss–Newton on a pyramid (Baker and
Matthews, "Lucas–Kanade 20 Years On", 2004) with Tukey's weights, so that what moves before a still
background is left out, and with a gain and an offset of brightness. Frames are shown where the
camera stood on average, cut to what all of them saw, and brought back to their size in one
resampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from kineograph.frames.distance import Frame
from kineograph.frames.render import FrameStore
from kineograph.values.errors import InputError

SIDES = (40, 80, 160)  # pixels of a frame's longer side, coarse to fine
ROUNDS, ENOUGH = 20, 0.002  # steps on one level at most; pixels below which no further one is made
TUKEY = 4.685  # deviations at which a pixel counts no more
JERK = 0.1  # shares of the longer side that a hand moves in a frame, and scale or turn
STILL = 0.1  # pixels; a camera that moves less than this stands still
LEAST = 0.6  # share of a side that must be left
EDGE = 2  # pixels of the smallest picture left out at its border

Grey = NDArray[np.float64]
Similarity = tuple[complex, complex]  # m, t in shares of the longer side


@dataclass(frozen=True)
class Shake:
    """What was taken out. most: the farthest a corner was moved, pixels. share: of each side that
    is left, 0 … 1."""

    most: float
    share: float


def steadied(reel: FrameStore) -> tuple[FrameStore, Shake]:
    """The frames without the camera's shake, and what it was; a still camera's are left alone.

    Raises InputError where less than LEAST of a side is seen all the time: the camera travels.
    """
    height, width = reel.shape[:2]
    moved = motions(reel.source()())
    half = complex(width, height) / 2 / max(width, height)
    corners = [half, half.conjugate(), -half, -half.conjugate()]
    most = max(abs(m * z + t - z) for m, t in moved for z in corners) * max(width, height)
    if most < STILL:
        return reel, Shake(float(most), 1.0)
    share = _seen(moved, half)
    if share < LEAST:
        raise InputError(
            "steady",
            f"the camera travels: {share:.0%} of a side would be left, {LEAST:.0%} is the least",
            "take a part of the clip where it stays, or leave steady out",
        )
    steady = FrameStore()
    for number, motion in enumerate(moved):
        steady.append(laid(reel[number], motion, share))
    return steady, Shake(float(most), share)


def motions(frames: Iterable[Frame]) -> list[Similarity]:
    """Where the points of a steady picture lie in every frame, the mean of all left in place."""
    pyramids = map(_pyramid, frames)
    first = next(pyramids)
    found: list[Similarity] = [(1 + 0j, 0j)]
    for pyramid in pyramids:
        found.append(_found(first, pyramid, found[-1]))
    turn = np.exp(np.mean([np.log(m) for m, _ in found]))
    away = np.mean([t for _, t in found])
    # the steady picture z is the first frame's (z − away) / turn
    return [(complex(m / turn), complex(t - m * away / turn)) for m, t in found]


def _found(first: list[Grey], frame: list[Grey], near: Similarity) -> Similarity:
    """How a frame lies over the first, from a guess on; the guess where a hand cannot move so."""
    found = near
    for still, moved in zip(first, frame, strict=True):
        found = _refined(still, moved, found)
    (m, t), (before, there) = found, near
    return found if max(abs(m - before), abs(t - there)) < JERK else near


def _refined(still: Grey, moved: Grey, near: Similarity) -> Similarity:
    """The similarity by which `moved`, sampled, is most like `still`; both (h, w)."""
    long = max(still.shape)
    z = _places(still.shape)[EDGE:-EDGE, EDGE:-EDGE]
    rise = [np.gradient(still, axis=axis) * long for axis in (0, 1)]
    down, across = (one[EDGE:-EDGE, EDGE:-EDGE] for one in rise)
    inner = still[EDGE:-EDGE, EDGE:-EDGE]
    columns = (
        across * z.real + down * z.imag, down * z.real - across * z.imag, across, down,
        inner, np.ones_like(inner),
    )  # fmt: skip
    slopes = np.stack([one.ravel() for one in columns], 1)
    m, t = near
    for _ in range(ROUNDS):
        seen, inside = _sampled(moved, m * z + t)
        error = (seen - inner).ravel()
        spread = 1.4826 * np.median(np.abs(error - np.median(error))) + 1e-3
        weight = np.clip(1 - ((error - np.median(error)) / (TUKEY * spread)) ** 2, 0, None) ** 2
        weight = weight * inside.ravel()
        normal = slopes.T @ (slopes * weight[:, None])
        normal[np.diag_indices(6)] *= 1 + 1e-6
        step = np.linalg.lstsq(normal, slopes.T @ (weight * error), rcond=None)[0]
        scale, shift = 1 + complex(step[0], step[1]), complex(step[2], step[3])
        m, t = m / scale, t - m * shift / scale
        if (abs(scale - 1) + abs(shift)) * long < ENOUGH:
            break
    return m, t


def laid(frame: Frame, motion: Similarity, share: float) -> Frame:
    """(H, W, C) bytes: the middle `share` of the steady picture, sampled from one frame."""
    height, width = frame.shape[:2]
    m, t = motion
    places = (m * share * _places((height, width)) + t) * max(height, width) * 2
    grid = np.stack([places.real / width, places.imag / height], -1)
    x = torch.from_numpy(frame.astype(np.float32)).permute(2, 0, 1)[None]
    if len(x[0]) == 4:
        x[:, :3] *= x[:, 3:] / 255
    made = F.grid_sample(
        x, torch.from_numpy(grid.astype(np.float32))[None], "bicubic", "border", False
    ).clamp(0, 255)
    if len(x[0]) == 4:
        made[:, :3] = (made[:, :3] * 255 / made[:, 3:].clamp(min=1)).clamp(0, 255)
    return (made[0].permute(1, 2, 0) + 0.5).to(torch.uint8).numpy()


def _seen(moved: Sequence[Similarity], half: complex) -> float:
    """The largest share of the sides about the middle that every frame has."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        corners = [middle * z for z in (half, half.conjugate(), -half, -half.conjugate())]
        ends = [m * z + t for m, t in moved for z in corners]
        fits = all(abs(p.real) <= half.real and abs(p.imag) <= half.imag for p in ends)
        low, high = (middle, high) if fits else (low, middle)
    return low


def _pyramid(frame: Frame) -> list[Grey]:
    """Brightness 0 … 1, coarse to fine; what is clear counts as black."""
    picture = Image.fromarray(frame)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    grey = picture.convert("L")
    made = []
    for side in SIDES:
        small = grey.copy()
        small.thumbnail((side, side), Image.Resampling.BOX)
        made.append(np.asarray(small, np.float64) / 255)
        if max(grey.size) <= side:
            break
    return made


def _places(shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """(h, w) middles of pixels about the picture's middle, the longer side being 1."""
    height, width = shape
    y, x = np.indices((height, width)) + 0.5
    places: NDArray[np.complex128] = (x - width / 2 + 1j * (y - height / 2)) / max(height, width)
    return places


def _sampled(picture: Grey, z: NDArray[np.complex128]) -> tuple[Grey, NDArray[np.bool_]]:
    """Values between pixels, and which places lie within the picture."""
    height, width = picture.shape
    x = z.real * max(height, width) + width / 2 - 0.5
    y = z.imag * max(height, width) + height / 2 - 0.5
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    left = np.clip(np.floor(x), 0, width - 2).astype(int)
    top = np.clip(np.floor(y), 0, height - 2).astype(int)
    u, v = np.clip(x - left, 0, 1), np.clip(y - top, 0, 1)
    above = picture[top, left] * (1 - u) + picture[top, left + 1] * u
    below = picture[top + 1, left] * (1 - u) + picture[top + 1, left + 1] * u
    return above * (1 - v) + below * v, inside
