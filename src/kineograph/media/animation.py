"""Animated PNG and WebP written one frame at a time.

Pillow codes each frame as a still; the still's data is re-wrapped in the container's frame chunks
(PNG specification, third edition; WebP container specification). Pillow's own writers keep every
frame in memory until the end. Only the box that changed since the frame before is coded, so still
parts cost nothing and never drift.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.media.formats import Frame, exact_rate, tick_of
from kineograph.media.notes import in_png, in_webp, png_chunk
from kineograph.media.sniff import PNG_MAGIC, png_chunks, riff_chunks

WEBP_QUALITY = 92  # of 100; chroma is halved at any quality below lossless


def changed_box(before: Frame | None, now: Frame, grid: int = 1) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what differs; never empty, left and top multiples of `grid`."""
    height, width, _ = now.shape
    if before is None:
        return 0, 0, width, height
    differs: NDArray[np.bool_] = (before != now).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return 0, 0, 1, 1
    left, top = int(columns[0]) // grid * grid, int(rows[0]) // grid * grid
    return left, top, int(columns[-1]) + 1, int(rows[-1]) + 1


def coded(frame: Frame, form: str, **options: object) -> io.BytesIO:
    """One frame as a still file in memory."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(file, form, **options)
    return file


def png_still(frame: Frame, text: bytes) -> bytes:
    """A PNG file with the note before its pixels."""
    data = coded(frame, "PNG").getvalue()
    header = len(PNG_MAGIC) + 25
    return data[:header] + in_png(text) + data[header:]


def webp_still(frame: Frame, text: bytes) -> bytes:
    """A WebP file with the note after its pixels."""
    body = _webp_image(frame) + _riff(b"XMP ", in_webp(text))
    extended = _riff(b"VP8X", _canvas(frame, moving=False, note=bool(text)))
    return b"RIFF" + struct.pack("<I", 4 + len(extended) + len(body)) + b"WEBP" + extended + body


class Apng:
    """Frames into one animated PNG file that repeats for ever."""

    def __init__(self, file: BinaryIO, fps: float, text: bytes) -> None:
        self._file, self._text = file, text
        rate = exact_rate(fps)
        self._delay = (1 / rate).limit_denominator(65_535)
        self._before: Frame | None = None
        self._frames = self._sequence = 0
        self._count_at = 0

    def add(self, frame: Frame) -> None:
        left, top, right, bottom = changed_box(self._before, frame)
        still = coded(frame[top:bottom, left:right], "PNG")
        if self._before is None:
            self._begin(still)
        box = (right - left, bottom - top, left, top)
        delay = (self._delay.numerator, self._delay.denominator)
        self._chunk(b"fcTL", struct.pack(">I4I2H2B", self._next(), *box, *delay, 0, 0))
        for name, at, length in png_chunks(still):
            if name == b"IDAT":
                data = still.getvalue()[at : at + length]
                if self._before is None:
                    self._chunk(b"IDAT", data)
                else:
                    self._chunk(b"fdAT", struct.pack(">I", self._next()) + data)
        self._before = frame.copy()
        self._frames += 1

    def _begin(self, still: io.BytesIO) -> None:
        self._file.write(still.getvalue()[: len(PNG_MAGIC) + 25])
        self._file.write(in_png(self._text))
        self._count_at = self._file.tell()
        self._chunk(b"acTL", struct.pack(">II", 0, 0))

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _chunk(self, name: bytes, body: bytes) -> None:
        self._file.write(png_chunk(name, body))

    def finish(self) -> None:
        self._chunk(b"IEND", b"")
        self._file.seek(self._count_at)
        self._chunk(b"acTL", struct.pack(">II", self._frames, 0))


class Webp:
    """Frames into one WebP file that repeats for ever; one frame makes a still."""

    def __init__(self, file: BinaryIO, fps: float, text: bytes) -> None:
        self._file, self._fps, self._text = file, fps, text
        self._first: Frame | None = None  # kept back until a second one comes
        self._before: Frame | None = None
        self._frames = 0

    def add(self, frame: Frame) -> None:
        if self._first is None and not self._frames:
            self._first = frame.copy()
            return
        if self._first is not None:
            self._begin(self._first)
            self._put(self._first)
            self._first = None
        self._put(frame)

    def _begin(self, first: Frame) -> None:
        canvas = _canvas(first, moving=True, note=bool(self._text))
        self._file.write(b"RIFF\0\0\0\0WEBP" + _riff(b"VP8X", canvas))
        self._file.write(_riff(b"ANIM", struct.pack("<IH", 0, 0)))

    def _put(self, frame: Frame) -> None:
        left, top, right, bottom = changed_box(self._before, frame, grid=2)
        begins, ends = (tick_of(n, self._fps, 1000) for n in (self._frames, self._frames + 1))
        numbers = (left // 2, top // 2, right - left - 1, bottom - top - 1, ends - begins)
        head = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\x02"  # no blending
        self._file.write(_riff(b"ANMF", head + _webp_image(frame[top:bottom, left:right])))
        self._before = frame.copy()
        self._frames += 1

    def finish(self) -> None:
        if self._first is not None:
            self._file.write(webp_still(self._first, self._text))
            return
        self._file.write(_riff(b"XMP ", in_webp(self._text)))
        size = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", size - 8))


def _riff(name: bytes, body: bytes) -> bytes:
    """One chunk, padded to an even length; nothing for an empty body."""
    if not body:
        return b""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _canvas(frame: Frame, *, moving: bool, note: bool) -> bytes:
    """The body of a VP8X chunk."""
    height, width, depth = map(int, frame.shape)
    flags = 0x10 * (depth == 4) | 0x04 * note | 0x02 * moving
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes([flags, 0, 0, 0]) + sides


def _webp_image(frame: Frame) -> bytes:
    """The alpha and colour chunks of one frame."""
    still = coded(frame, "WEBP", quality=WEBP_QUALITY, method=4, exact=True)
    data = still.getvalue()
    chunks = [part for part in riff_chunks(still) if part[0] in (b"ALPH", b"VP8 ", b"VP8L")]
    return b"".join(_riff(name, data[at : at + length]) for name, at, length in chunks)
