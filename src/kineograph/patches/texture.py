"""Textures grown from an example: grow a new picture, fill a hole, extend past the border.

Efros & Leung, *Texture Synthesis by Non-parametric Sampling* (ICCV 1999), with the authors'
constants, matched in all channels and in whole numbers at 8 or 16 bits. The result is a source map;
the picture is what it points at. Pictures are (H, W) or (H, W, C) arrays of uint8 or uint16; see
`examples.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.completion import completed, copies_of, stacked
from kineograph.patches.examples import (
    Examples,
    Picture,
    checked_area,
    checked_mask,
    checked_pictures,
    planes_of,
)
from kineograph.patches.growth import Canvas
from kineograph.patches.levels import Job, Manner, grown
from kineograph.patches.search import Flags, Floats, Longs
from kineograph.patches.source_map import SourceMap, map_of, rendered
from kineograph.patches.window import WIDEST, centres, natural_width
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

Masks = Sequence[NDArray[Any] | None] | NDArray[Any] | None


@dataclass(frozen=True)
class Growth:
    """How a texture grows.

    window: odd width in pixels, 3 … 101; None measures it. epsilon: share above the nearest
    distance still drawn from. max_error: largest mean squared difference accepted, of values in [0,
    1]. tile: opposite borders of the result meet. approximate: coarse to fine with a short list of
    candidates, for large jobs. threads: same bytes for any number.
    """

    window: int | None = None
    epsilon: float = 0.1
    max_error: float = 0.3
    tile: bool = False
    approximate: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        w = self.window
        if w is not None and not (3 <= w <= WIDEST and w % 2 == 1):
            remedy = f"try {w + 1}" if 2 <= w < WIDEST else "try 11"
            raise InputError("window", f"{w} is not an odd number in 3 … {WIDEST}", remedy)
        if not 0 <= self.epsilon <= 10:
            raise InputError("epsilon", f"{self.epsilon} is not in 0 … 10", "the authors use 0.1")
        if not 0 < self.max_error <= 1:
            raise InputError(
                "max_error", f"{self.max_error} is not in 0 … 1", "the authors use 0.3"
            )
        if not 1 <= self.threads <= 64:
            raise InputError("threads", f"{self.threads} is not in 1 … 64")


class Texture(NamedTuple):
    """A result: the picture (H, W, C), where each pixel came from, what a person should know, the
    width of the window it was grown with (pixels; 0 when it did not grow).
    """

    picture: Picture
    source: SourceMap
    notes: tuple[str, ...]
    window: int = 0


DEFAULT = Growth()


def grow(
    examples: Sequence[Picture] | Picture,
    size: tuple[int, int],
    *,
    seed: int,
    growth: Growth = DEFAULT,
    avoid: Masks = None,
) -> Iterator[Progress]:
    """A new picture (H, W) = size that looks like the examples, grown from a 3×3 block of them at
    its centre.

    avoid: masks, one for each example or None, true where nothing may be read or copied.
    Yields Progress with the picture so far; the last value is the Texture.
    """
    checked_area(*size, "size")
    pictures = checked_pictures(examples, "SAMPLE")
    allowed, notes = _allowed(pictures, avoid)
    unknown = np.full(size, -1, np.int64)
    yield from _made(Examples(pictures, allowed), unknown, seed, growth, notes)


def fill(
    picture: Picture,
    hole: NDArray[Any],
    *,
    seed: int,
    growth: Growth = DEFAULT,
    avoid: NDArray[Any] | None = None,
    examples: Sequence[Picture] = (),
) -> Iterator[Progress]:
    """The picture with the hole, a mask (H, W), filled from the rest of it and from further
    examples.

    avoid: mask (H, W) of known pixels that may not be read as an example. Every other pixel stays
    as it is. Yields Progress with the picture so far; the last value is the Texture.
    """
    pictures = checked_pictures([picture, *examples], "PICTURE")
    H, W = pictures[0].shape[:2]
    missing, note = _hole(hole, pictures)
    allowed, notes = _allowed(pictures, [avoid, *[None] * len(examples)])
    allowed = (allowed[0] & ~missing, *allowed[1:])
    own = np.where(missing, -1, np.arange(H * W).reshape(H, W))
    yield from _made(Examples(pictures, allowed), own, seed, growth, (note, *notes))


def complete(
    picture: Picture,
    hole: NDArray[Any],
    *,
    seed: int,
    avoid: NDArray[Any] | None = None,
    examples: Sequence[Picture] = (),
) -> Iterator[Progress]:
    """`fill` as a whole (see `completion.py`): quick, and what crosses the hole goes on across it.

    Every pixel still is a copy of one of the examples. Arguments and values as for `fill`.
    """
    pictures = checked_pictures([picture, *examples], "PICTURE")
    missing, note = _hole(hole, pictures)
    allowed, notes = _allowed(pictures, [avoid, *[None] * len(examples)])
    allowed = (allowed[0] & ~missing, *allowed[1:])
    scale = np.float32(255 / np.iinfo(pictures[0].dtype).max)
    planes = [scale * planes_of(one) for one in pictures]
    values, free = stacked(planes, allowed)
    sizes = tuple((one.shape[0], one.shape[1]) for one in pictures)
    tops = [0, *np.cumsum([height for height, _ in sizes])[:-1].tolist()]
    target = np.where(missing[:, :, None], np.float32(0), np.moveaxis(planes[0], 0, 2))

    found = None
    for found in completed(target, missing, values, free, tops=tops, seed=seed):
        shown = found.mixed.repeat(-(-len(missing) // len(found.mixed)), 0)
        shown = shown.repeat(-(-missing.shape[1] // found.mixed.shape[1]), 1)
        seen = np.where(missing[:, :, None], shown[: len(missing), : missing.shape[1]], target)
        preview = np.clip(seen / scale, 0, 255 / scale).astype(pictures[0].dtype)
        yield Progress(min(found.done, 0.999), f"{found.done:.0%} of the levels", preview)
    assert found is not None
    example, y, x = copies_of(found, missing, tops)
    source = SourceMap(example, y, x, missing, sizes)
    told = tuple(one for one in (note, *notes) if one)
    yield Progress(1.0, "done", Texture(rendered(source, pictures), source, told))


def extend(
    picture: Picture,
    margins: tuple[int, int, int, int],
    *,
    seed: int,
    growth: Growth = DEFAULT,
    avoid: NDArray[Any] | None = None,
) -> Iterator[Progress]:
    """The picture continued past its border by margins = (top, right, bottom, left) pixels.

    avoid: mask (H, W) of pixels that may not be read as an example.
    Yields Progress with the picture so far; the last value is the Texture.
    """
    top, right, bottom, left = margins
    if min(margins) < 0 or not any(margins):
        raise InputError(
            "margins", f"{margins} add nothing", "give at least one above 0, none below"
        )
    pictures = checked_pictures(picture, "PICTURE")
    H, W = pictures[0].shape[:2]
    checked_area(H + top + bottom, W + left + right, "margins")
    allowed, notes = _allowed(pictures, avoid)
    inner = np.arange(H * W).reshape(H, W)
    own = np.pad(inner, ((top, bottom), (left, right)), constant_values=-1)
    yield from _made(Examples(pictures, allowed), own, seed, growth, notes)


def allowed_in(pictures: Sequence[Picture], avoid: Masks) -> tuple[Flags, ...]:
    """Where each example may be read: (H, W) of each, true outside the masks."""
    return _allowed(checked_pictures(pictures, "SAMPLE"), avoid)[0]


def _hole(hole: NDArray[Any], pictures: Sequence[Picture]) -> tuple[Flags, str]:
    """The hole of the first picture as (H, W) flags, and a note about its mask."""
    missing, note = checked_mask(hole, pictures[0].shape[:2], "mask")
    if not missing.any():
        raise InputError("mask", "marks no pixel", "paint the hole white on black")
    if missing.all() and len(pictures) == 1:
        raise InputError("mask", "marks every pixel, nothing is left to copy", "leave some black")
    return missing, note


def _allowed(
    pictures: Sequence[Picture], avoid: Masks
) -> tuple[tuple[Flags, ...], tuple[str, ...]]:
    """Where each example may be read, and notes about its mask."""
    several = [avoid] if avoid is None or isinstance(avoid, np.ndarray) else list(avoid)
    if avoid is None:
        several *= len(pictures)
    if len(several) != len(pictures):
        raise InputError("avoid", f"{len(several)} masks for {len(pictures)} examples")
    allowed, notes = [], []
    for picture, mask in zip(pictures, several, strict=True):
        size = picture.shape[0], picture.shape[1]
        marked, note = (
            (np.zeros(size, bool), "") if mask is None else checked_mask(mask, size, "avoid")
        )
        allowed.append(~marked)
        notes.append(note)
    return tuple(allowed), tuple(notes)


def _made(
    examples: Examples, own: Longs, seed: int, growth: Growth, notes: Sequence[str]
) -> Iterator[Progress]:
    """Fill what is missing; own: (H, W) number of the pixel of the first example that is already
    there, or −1.
    """
    if not 0 <= seed < 2**64:
        raise InputError("seed", f"{seed} is not in 0 … 2**64 - 1")
    planes = tuple(planes_of(picture) for picture in examples.pictures)
    width, note = _width(examples, planes, growth.window)
    known = own >= 0
    rows, columns = np.divmod(own[known], examples.sizes[0][1])
    begun = np.zeros((len(planes[0]), *own.shape), np.float32)
    begun[:, known] = planes[0][:, rows, columns]
    job = Job(planes, examples.allowed, begun, own, growth.tile)
    manner = Manner(
        np.uint64(seed), growth.epsilon, growth.max_error, examples.brightest, width, growth.threads
    )

    preview, shown, state = np.zeros((*own.shape, examples.pictures[0].shape[2])), -1.0, None
    for state in grown(job, manner, growth.approximate):
        done = state.filled / state.wanted
        if done - shown >= 0.02:
            preview, shown = _preview(state.stage.canvas, examples), done
        yield Progress(min(done, 0.999), f"{state.filled:,} of {state.wanted:,} pixels", preview)

    assert state is not None
    stage = state.stage
    source = map_of(stage.canvas.source, ~known, stage.sheet, stage.firsts, examples.sizes)
    source = replace(source, order=state.layer.order)
    missed = (
        f"misses: {state.misses:.0%} of {state.checked} pixels checked" if state.checked else ""
    )
    told = tuple(note for note in (*notes, note, missed) if note)
    made = Texture(rendered(source, examples.pictures), source, told, width)
    yield Progress(1.0, "done", made)


def _preview(canvas: Canvas, examples: Examples) -> Picture:
    """The picture so far (H, W, C), 0 where unknown; alpha premultiplied."""
    dtype = examples.pictures[0].dtype
    return np.moveaxis(canvas.planes[: canvas.made] * canvas.known, 0, 2).astype(dtype)


def _width(examples: Examples, planes: Sequence[Floats], asked: int | None) -> tuple[int, str]:
    """The window's width, and a note when it is smaller than the texture's features."""
    natural = natural_width(planes)
    if asked is None:
        width = natural
        while width > 3 and not any(centres(a, width).any() for a in examples.allowed):
            width -= 2
    else:
        width = asked
    if not any(centres(a, width).any() for a in examples.allowed):
        H, W = max(examples.sizes, key=min)
        if width > min(H, W):
            problem = f"{width} is wider than the sample ({W}×{H})"
            raise InputError("window", problem, f"use at most {(min(H, W) - 1) | 1}")
        problem = f"no {width}×{width} window of the sample is free of masked pixels"
        raise InputError("window", problem, "use a smaller window or a smaller mask")
    if width < natural:
        return width, f"window {width} is smaller than the texture's features, try {natural}"
    return width, "" if asked else f"window {width} (measured)"
