"""Animated GIF with one good palette for the whole clip.

Frames are put aside on disk while their colours are counted in 2**18 bins (memory does not grow
with the clip); the palette covers those counts and is improved by k-means (Pillow's). A clip
of at most 255 colours keeps them all, exactly; otherwise Floyd-Steinberg spreads the error. Pixels
that stay as they were are not drawn again, so still parts neither flicker nor cost bytes. Pillow
codes each frame; its data is re-wrapped here (GIF89a), because Pillow's writer keeps every frame.
"""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.media.formats import Frame, tick_of
from kineograph.media.notes import in_gif
from kineograph.media.pictures import changed_box
from kineograph.media.sniff import gif_blocks

FEWEST = 8  # colours of the smallest file
COLOURS = 255  # one more means "clear", or "as before"
CLEAR = 255
_BINS = 1 << 18  # 6 bits a channel
_SAMPLES = 1 << 15  # pixels that stand for the whole clip when the palette is chosen
_SETTLED = 300  # samples that still change their colour when k-means stops


class Gif:
    """Frames into one GIF file that repeats for ever; alpha is cut at one half."""

    def __init__(self, file: BinaryIO, fps: float, text: bytes, quality: float = 1.0) -> None:
        self._file, self._fps, self._text = file, fps, text
        self._colours = round(FEWEST * (COLOURS / FEWEST) ** quality)
        self._aside = tempfile.TemporaryFile(dir=Path(file.name).parent)  # noqa: SIM115
        self._lengths: list[int] = []
        self._shape: tuple[int, ...] = ()
        self._counts = np.zeros(_BINS, np.int64)
        self._sums = np.zeros((3, _BINS), np.int64)
        self._exact: NDArray[np.uint32] | None = np.empty(
            0, np.uint32
        )  # sorted; None when too many

    def add(self, frame: Frame) -> None:
        packed = zlib.compress(frame.tobytes(), 1)
        self._aside.write(packed)
        self._lengths.append(len(packed))
        self._shape = frame.shape
        self._count(_seen(frame))

    def _count(self, pixels: NDArray[np.uint8]) -> None:
        if self._exact is not None:
            found = np.union1d(self._exact, _number(pixels))
            self._exact = found if len(found) <= self._colours else None
        bins = _number(pixels >> 2, 6)
        np.add.at(self._counts, bins, 1)
        for channel in range(3):
            np.add.at(self._sums[channel], bins, pixels[:, channel].astype(np.int64))

    def finish(self) -> None:
        height, width, depth = self._shape
        inks = _Exact(self._exact) if self._exact is not None else _Dithered(self._palette())
        table = np.zeros((256, 3), np.uint8)
        table[: len(inks.palette)] = inks.palette
        self._file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0))
        self._file.write(table.tobytes() + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
        self._file.write(in_gif(self._text))

        self._aside.seek(0)
        before: Frame | None = None
        for number, length in enumerate(self._lengths):
            data = np.frombuffer(zlib.decompress(self._aside.read(length)), np.uint8)
            frame = data.reshape(self._shape)
            self._put(number, inks.drawn(frame), before if depth == 3 else None, frame)
            before = frame
        self._file.write(b"\x3b")

    def close(self) -> None:
        with closing(self._file):  # on a full disk either may fail to be closed
            self._aside.close()

    def _put(self, number: int, drawn: Frame, before: Frame | None, frame: Frame) -> None:
        clear = frame.shape[2] == 4
        left, top, right, bottom = changed_box(before, frame)
        part = drawn[top:bottom, left:right]
        if before is not None:
            same = (before == frame).all(axis=2)[top:bottom, left:right]
            part = np.where(same, np.uint8(CLEAR), part)
        begins, ends = (tick_of(n, self._fps, 100) for n in (number, number + 1))
        see_through = clear or before is not None
        flags = (2 if clear else 1) << 2 | int(see_through)  # take the frame away, or leave it
        self._file.write(b"\x21\xf9\x04" + struct.pack("<BHB", flags, ends - begins, CLEAR) + b"\0")
        box = struct.pack("<HHHHB", left, top, right - left, bottom - top, 0)
        self._file.write(b"\x2c" + box + _lzw(part))

    def _palette(self) -> NDArray[np.uint8]:
        """The colours that serve the counted bins best, (255 or fewer, 3)."""
        from PIL import Image

        used = np.flatnonzero(self._counts)
        means = (self._sums[:, used] / self._counts[used]).round().astype(np.uint8).T  # (n, 3)
        share = self._counts[used] * (_SAMPLES / self._counts.sum())
        samples = np.repeat(means, np.maximum(1, share.round().astype(np.int64)), axis=0)
        picture = Image.fromarray(samples[None])
        chosen = picture.quantize(self._colours, Image.Quantize.MAXCOVERAGE, kmeans=_SETTLED)
        return np.array(chosen.getpalette(), np.uint8).reshape(-1, 3)[: self._colours]


def _seen(frame: Frame) -> NDArray[np.uint8]:
    """(n, 3) pixels that are not cleared."""
    if frame.shape[2] == 3:
        return frame.reshape(-1, 3)
    return frame[frame[..., 3] >= 128, :3]


def _number(pixels: NDArray[np.integer[Any]], bits: int = 8) -> NDArray[np.uint32]:
    """Each colour as one whole number."""
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return (red << 2 * bits | green << bits | blue).astype(np.uint32)


def _cleared(drawn: Frame, frame: Frame) -> Frame:
    if frame.shape[2] == 4:
        drawn[frame[..., 3] < 128] = CLEAR
    return drawn


class _Exact:
    """Pixels to palette numbers when every colour has its own."""

    def __init__(self, colours: NDArray[np.uint32]) -> None:
        self._colours = colours
        parts = [colours >> shift & 255 for shift in (16, 8, 0)]
        self.palette = np.stack(parts, axis=1).astype(np.uint8)

    def drawn(self, frame: Frame) -> Frame:
        """(H, W) palette numbers."""
        numbers = np.searchsorted(self._colours, _number(frame))
        return _cleared(numbers.astype(np.uint8), frame)


class _Dithered:
    """Pixels to palette numbers, the error of each carried to its neighbours (Floyd-Steinberg)."""

    def __init__(self, palette: NDArray[np.uint8]) -> None:
        from PIL import Image

        self.palette = palette
        self._inks = Image.new("P", (1, 1))
        self._inks.putpalette(palette.tobytes())

    def drawn(self, frame: Frame) -> Frame:
        """(H, W) palette numbers."""
        from PIL import Image

        colours = np.ascontiguousarray(frame[..., :3])
        if frame.shape[2] == 4:
            colours[frame[..., 3] < 128] = self.palette[
                0
            ]  # what is not seen has no error to spread
        picture = Image.fromarray(colours)
        inked = picture.quantize(palette=self._inks, dither=Image.Dither.FLOYDSTEINBERG)
        return _cleared(np.array(inked), frame)


def _lzw(part: Frame) -> bytes:
    """The code size and data blocks of one frame of palette numbers, coded by Pillow."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(part), "L").copy()
    file = io.BytesIO()
    picture.save(file, "GIF", optimize=False, interlace=False)
    data = file.getvalue()
    at = next(at for name, at, _ in gif_blocks(file) if name == "image")
    return data[at + 9 : -1]
