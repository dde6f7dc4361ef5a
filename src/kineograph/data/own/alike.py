"""Which pictures are nearly the same? Those whose perceptual hashes differ in few bits.

The difference hash (Krawetz 2013): the picture in grey, on middle grey, at 17x16 pixels; a bit says
whether a pixel is lighter than the one left of it. Colour is kept as the mean, so that the same
drawing in two colours is two drawings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
BITS = SIDE * SIDE
STEP = 8  # levels of grey that one pixel is lighter by than the one before
COLOUR = 24  # mean colours, 0 … 255 a channel, that differ by more are not alike


class Look(NamedTuple):
    """bits: (32,) uint8, 256 bits of the hash. colour: (3,) mean colour in 0 … 255."""

    bits: NDArray[np.uint8]
    colour: NDArray[np.float32]


def look_of(pixels: NDArray[np.uint8]) -> Look:
    """The hash and mean colour of (H, W, 4) straight alpha."""
    x = pixels.astype(np.float32)
    alpha = x[..., 3:] / 255
    over = x[..., :3] * alpha + 127 * (1 - alpha)
    grey = Image.fromarray((over @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8))
    small = np.asarray(grey.resize((SIDE + 1, SIDE), Image.Resampling.BOX)).astype(np.int16)
    bits = np.packbits((small[:, 1:] > small[:, :-1] + STEP).ravel())
    return Look(bits, over.mean((0, 1)).astype(np.float32))


def groups(looks: list[Look], most: int) -> list[list[int]]:
    """Numbers of the pictures that are alike, each group in order; a picture alone is a group."""
    owner = list(range(len(looks)))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    if looks:
        bits = np.stack([look.bits for look in looks])
        colours = np.stack([look.colour for look in looks])
        for i in range(len(looks) - 1):
            apart = np.bitwise_count(bits[i + 1 :] ^ bits[i]).sum(1, dtype=np.int64)
            near = np.abs(colours[i + 1 :] - colours[i]).max(1) <= COLOUR
            for j in np.flatnonzero((apart <= most) & near):
                owner[root(i + 1 + int(j))] = root(i)
    found: dict[int, list[int]] = {}
    for i in range(len(looks)):
        found.setdefault(root(i), []).append(i)
    return [sorted(members) for _, members in sorted(found.items())]
