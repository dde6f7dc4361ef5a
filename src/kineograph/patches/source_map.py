"""Where every pixel of a result was copied from: save it, look at it, weigh it, use it again on
other channels.

A map made on 8-bit colour re-renders a normal map, a depth map or the 16-bit original, pixel for
pixel the same way. The copy report is the honest measure of how much of the result is verbatim.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kineograph.files import placed
from kineograph.media.exact import Picture, save_picture
from kineograph.patches.search import Flags, Longs, Sheet
from kineograph.products import FileProduct, PictureProduct
from kineograph.record import record_of
from kineograph.values.errors import InputError
from kineograph.values.request import Model, Request
from kineograph.values.result import Result

if TYPE_CHECKING:
    from kineograph.values.clip import Clip


@dataclass(frozen=True)
class SourceMap:
    """One source a pixel.

    example: (H, W) int16, number of the example; y, x: (H, W) int32, pixel in it.
    fresh: (H, W) bool, true where the pixel was made and not given.
    sizes: height and width of every example.
    order: (H, W) int32, its turn among the pixels made, ~turn where it was only begun with; None
    where it is not known: a file of a map does not hold it.
    """

    example: NDArray[np.int16]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    fresh: Flags
    sizes: tuple[tuple[int, int], ...]
    order: NDArray[np.int32] | None = None


class CopyReport(NamedTuple):
    """adjacent: share of neighbouring outputs whose sources are neighbours the same way, 0 … 1;
    longest_run: pixels of the longest straight verbatim run; used: share of the examples' pixels
    that appear, 0 … 1. Only made pixels count (a pair counts when either pixel was made).
    """

    adjacent: float
    longest_run: int
    used: float

    def __str__(self) -> str:
        return (
            f"copies: {self.adjacent:.0%} of neighbours come from neighbours, longest verbatim run "
            f"{self.longest_run} pixels, {self.used:.0%} of the example is used"
        )


def map_of(
    positions: Longs, fresh: Flags, sheet: Sheet, firsts: Longs, sizes: Sequence[tuple[int, int]]
) -> SourceMap:
    """The map of sheet positions (H, W); firsts: position of the first pixel of each example."""
    rows, x = np.divmod(positions - sheet.margin, sheet.stride)
    tops, lefts = np.divmod(firsts - sheet.margin, sheet.stride)
    example = np.searchsorted(tops, rows, side="right") - 1
    return SourceMap(
        example.astype(np.int16),
        (rows - tops[example]).astype(np.int32),
        (x - lefts[example]).astype(np.int32),
        fresh,
        tuple(sizes),
    )


def rendered(source: SourceMap, others: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The result with other channels: others are (H, W) or (H, W, C) of any type, one for every
    example.
    """
    if len(others) != len(source.sizes):
        raise InputError(
            "OTHER", f"{len(others)} pictures for {len(source.sizes)} examples", "give one each"
        )
    if len({(o.dtype, o.shape[2:]) for o in others}) > 1:
        raise InputError("others", "pictures differ in depth or channels", "convert them alike")
    result = np.zeros(source.example.shape + others[0].shape[2:], others[0].dtype)
    for k, (other, size) in enumerate(zip(others, source.sizes, strict=True)):
        if other.shape[:2] != size:
            found, wanted = "×".join(map(str, other.shape[1::-1])), f"{size[1]}×{size[0]}"
            raise InputError("others", f"is {found}, the map was made on {wanted}", "resize it")
        here = source.example == k
        result[here] = other[source.y[here], source.x[here]]
    return result


def copy_report(source: SourceMap) -> CopyReport:
    """How much of the result is verbatim."""
    pairs, verbatim, longest = 0, 0, 1
    for axis in (0, 1):
        after = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        before = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        counted = source.fresh[after] | source.fresh[before]
        same = source.example[after] == source.example[before]
        same &= source.y[after] - source.y[before] == (axis == 0)
        same &= source.x[after] - source.x[before] == (axis == 1)
        same &= counted
        pairs += int(counted.sum())
        verbatim += int(same.sum())
        longest = max(longest, 1 + _longest_run(same, axis))

    used = sum(
        len(np.unique(source.y[here] * np.int64(W) + source.x[here]))
        for k, (_, W) in enumerate(source.sizes)
        for here in [(source.example == k) & source.fresh]
    )
    area = sum(H * W for H, W in source.sizes)
    return CopyReport(verbatim / max(pairs, 1), longest, used / area)


def _longest_run(flags: Flags, axis: int) -> int:
    """Length of the longest run of true along an axis."""
    line = np.pad(np.moveaxis(flags, axis, -1), ((0, 0), (1, 1))).reshape(-1)
    breaks = np.flatnonzero(~line)
    return int(np.diff(breaks).max(initial=1)) - 1


def map_picture(source: SourceMap) -> NDArray[np.uint8]:
    """The map as (H, W, 3): red runs with the source's x, green with its y, blue with the example's
    number.
    """
    heights, widths = np.array(source.sizes).T
    red = source.x * 255 // np.maximum(widths - 1, 1)[source.example]
    green = source.y * 255 // np.maximum(heights - 1, 1)[source.example]
    blue = 128 + source.example * 127 // len(heights)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def save_map(source: SourceMap, path: Path) -> None:
    """Write the map as a compressed .npz, whole or not at all."""
    with placed(path) as part:
        np.savez_compressed(
            part,
            example=source.example,
            y=source.y,
            x=source.x,
            fresh=source.fresh,
            sizes=np.array(source.sizes, np.int64),
        )


def map_product(source: SourceMap) -> FileProduct:
    """The map as a file, and its picture beside it."""

    def write(path: Path) -> None:
        save_map(source, path)

    def beside(path: Path) -> None:
        save_picture(map_picture(source), path.with_suffix(".png"))

    return FileProduct(write, (".npz",), source, beside)


def load_map(path: Path) -> SourceMap:
    """Read a map; refuses what is damaged or points outside its examples."""
    names = ("example", "y", "x", "fresh", "sizes")
    try:
        with np.load(path, allow_pickle=False) as stored:
            example, y, x, fresh, sizes = (stored[name] for name in names)
    except FileNotFoundError as error:
        raise InputError("map", f"'{path}' does not exist") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(
            "map", f"'{path.name}' is not a source map", "write one beside a texture or an analogy"
        ) from error

    whole = all(np.issubdtype(a.dtype, np.integer) for a in (example, y, x, sizes))
    alike = example.ndim == 2 and example.shape == y.shape == x.shape == fresh.shape
    listed = sizes.ndim == 2 and sizes.shape[1:] == (2,) and len(sizes) > 0
    if not (whole and alike and listed and example.size):
        raise InputError("map", f"'{path.name}' is damaged", "make it again")
    inside = example.min() >= 0 and example.max() < len(sizes)
    if not inside or (np.stack([y, x], -1) >= sizes[example]).any() or min(y.min(), x.min()) < 0:
        raise InputError("map", f"'{path.name}' points outside its examples", "make it again")
    return SourceMap(
        example.astype(np.int16),
        y.astype(np.int32),
        x.astype(np.int32),
        fresh.astype(bool),
        tuple((int(H), int(W)) for H, W in sizes),
    )


class Copied(Protocol):
    """A picture made of copies: itself, where each pixel came from, what a person should know."""

    @property
    def picture(self) -> Picture: ...
    @property
    def source(self) -> SourceMap: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


def copied_result(
    model: Model[Any, Clip], request: Request[Any], seed: int, made: Copied
) -> Result[Clip]:
    """The result of a making by copies: its map beside it, its copy report among the notes."""
    copies = copy_report(made.source)
    return Result(
        PictureProduct(made.picture),
        seed,
        record_of(model, request, seed),
        (*made.notes, str(copies)),
        {"copies": copies._asdict()},
        {"map": map_product(made.source)},
    )
