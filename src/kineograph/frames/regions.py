"""Parts of a picture that move on their own, each as a texture of its own.

Three balloons with three beats have no common loop, but each has one. Places that change over time
are gathered into regions; each is cut out, with all else standing still, and compared, walked or
looped by itself, and the regions are laid over the still background with soft borders (Schödl et
al., "Video Textures", 2000, §5: balloons, swings). Parts that overlap cannot be told apart and
become one region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from kineograph.frames.distance import Frame, closes, distances, thumbnail
from kineograph.frames.render import FrameStore
from kineograph.frames.texture import Texture, pictures

Mask = NDArray[np.float32]  # (H, W) weights in [0, 1]

MOST = 8  # regions
LEAST = 0.003  # share of the picture; smaller spots are noise


@dataclass(frozen=True)
class Region:
    """A part of the picture.

    mask: its weights over the full frame. box: the rows and columns where they are not 0. texture:
    of the box, in which everything else stands still.
    """

    mask: Mask
    box: tuple[slice, slice]
    texture: Texture


def regions(texture: Texture) -> list[Region]:
    """The independently moving parts of a clip, largest first; none where nothing moves.

    A pixel moves when its deviation over time is above a quarter of the strongest and above 3
    levels. Spots are joined with their neighbours, and those of less than LEAST of the picture are
    left out.
    """
    small = texture.small
    change = small.std(axis=0, dtype=np.float32).max(axis=2)
    moving = change > max(3.0, 0.25 * float(np.quantile(change, 0.995)))
    labels = labelled(_grown(moving, 1))
    sizes = np.bincount(labels[labels > 0], minlength=1)
    order = [k for k in np.argsort(-sizes, kind="stable") if sizes[k] >= LEAST * moving.size]
    height, width = texture.reel.shape[:2]
    found = [_soft(_grown(labels == k, 2), height, width) for k in order[:MOST]]
    total = np.maximum(np.sum(found, axis=0), 1.0)
    still = background(texture)
    return [_region(texture, (mask / total).astype(np.float32), still) for mask in found]


def _region(texture: Texture, mask: Mask, still: Frame) -> Region:
    """What a mask shows of every frame, studied as a clip of its own."""
    rows, columns = (np.flatnonzero(mask.max(axis=axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    weights, ground = mask[box][:, :, None], still[box].astype(np.float32)
    reel, small = FrameStore(), []
    for number in range(len(texture)):
        shown = ground + weights * (texture.reel[number][box] - ground)
        reel.append(np.clip(shown + 0.5, 0, 255).astype(np.uint8))
        small.append(thumbnail(reel[number]))
    pictures = np.stack(small)
    d = distances(np.ascontiguousarray(pictures.reshape(len(pictures), -1)))
    own = replace(texture, reel=reel, d=d, circular=closes(d), small=pictures)
    return Region(mask, box, own)


def labelled(moving: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(H, W) numbers, one for each set of true pixels that touch; 0 where false."""
    labels = np.where(moving, np.arange(1, moving.size + 1).reshape(moving.shape), 0)
    while True:
        spread = np.where(moving, _largest(labels), 0)
        if np.array_equal(spread, labels):
            break
        labels = spread
    _, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape)
    return np.asarray(numbers if not moving.all() else numbers + 1)


def _largest(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The largest value among each place and its eight neighbours."""
    padded = np.pad(values, 1)
    h, w = values.shape
    return np.asarray(np.max([padded[y : y + h, x : x + w] for y in range(3) for x in range(3)], 0))


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    for _ in range(steps):
        mask = _largest(mask.astype(np.int64)) > 0
    return mask


def _soft(mask: NDArray[np.bool_], height: int, width: int) -> Mask:
    """The mask at full size with a soft border about two small pixels wide."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    image = image.filter(ImageFilter.GaussianBlur(1.2)).resize((width, height))
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def background(texture: Texture) -> Frame:
    """The median picture over at most 31 frames spread over the clip, (H, W, C)."""
    chosen = np.unique(np.linspace(0, len(texture) - 1, 31).astype(int))
    return np.median([texture.reel[int(k)] for k in chosen], axis=0).astype(np.uint8)


def composed(
    texture: Texture,
    parts: Sequence[Region],
    orders: Sequence[Sequence[int]],
    *,
    fade: int,
    closed: bool = False,
    morphed: Sequence[bool] = (),
) -> Iterator[Frame]:
    """The pictures of several orders of one length, each in its region.

    morphed: for each region whether its fades follow optical flow; none do if it is left out.
    """
    still = background(texture)
    ground = still.astype(np.float32)
    films = [
        pictures(part.texture, order, fade=fade, closed=closed, morph=morph)
        for part, order, morph in zip(parts, orders, morphed or [False] * len(parts), strict=True)
    ]
    for now in zip(*films, strict=True):
        picture = ground.copy()
        for part, shown in zip(parts, now, strict=True):
            picture[part.box] += shown - ground[part.box]
        yield np.clip(picture + 0.5, 0, 255).astype(np.uint8)
