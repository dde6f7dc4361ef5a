"""Pictures and picture animations written one frame at a time: PNG, JPEG, APNG and WebP.

Pillow codes each frame as a still; an animation's frames are the stills' data, re-wrapped in the
container's own chunks (PNG specification, third edition; WebP container specification), because
Pillow's animation writers keep every frame in memory until the end. Only the box that changed since
the frame before is coded, so still parts cost nothing and never drift.
"""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.media.formats import Frame, exact_rate, tick_of
from kineograph.media.notes import in_jpeg, in_png, in_webp, png_chunk
from kineograph.media.sniff import PNG_MAGIC, png_chunks, riff_chunks

JPEG_QUALITY = 95
WEBP_QUALITY, WEBP_WORST = 92, 5
_PNG_HEADER = len(PNG_MAGIC) + 25  # bytes up to and with the IHDR chunk


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


def _still(frame: Frame, form: str, **options: object) -> io.BytesIO:
    """One frame as a still file in memory."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(file, form, **options)
    return file


def png(frame: Frame, text: bytes, *, whole: bool = True) -> bytes:
    """A PNG file with the note, or its source type alone, before its pixels."""
    data = _still(frame, "PNG").getvalue()
    return data[:_PNG_HEADER] + in_png(text, whole=whole) + data[_PNG_HEADER:]


def jpeg(frame: Frame, text: bytes) -> bytes:
    """A JPEG file with full colour resolution and the note after its first segment."""
    data = _still(frame, "JPEG", quality=JPEG_QUALITY, subsampling=0).getvalue()
    header = 4 + int.from_bytes(data[4:6], "big")  # start of image, JFIF segment
    return data[:header] + in_jpeg(text) + data[header:]


class Still:
    """One frame into one file."""

    def __init__(self, file: BinaryIO, kind: str, text: bytes) -> None:
        self._file, self._text = file, text
        self._coded = {"png": png, "jpg": jpeg}[kind]

    def add(self, frame: Frame) -> None:
        self._file.write(self._coded(frame, self._text))

    def finish(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Apng:
    """Frames into one animated PNG file that repeats for ever."""

    def __init__(self, file: BinaryIO, fps: float, text: bytes, quality: float = 1.0) -> None:
        self._file, self._text = file, text
        self._delay = (1 / exact_rate(fps)).limit_denominator(65_535)  # seconds
        self._before: Frame | None = None
        self._frames = self._sequence = 0
        self._count_at = 0

    def add(self, frame: Frame) -> None:
        left, top, right, bottom = changed_box(self._before, frame)
        still = _still(frame[top:bottom, left:right], "PNG")
        if self._before is None:
            self._begin(still.getvalue()[:_PNG_HEADER])
        box = (right - left, bottom - top, left, top)
        delay = (self._delay.numerator, self._delay.denominator)
        self._chunk(b"fcTL", struct.pack(">I4I2H2B", self._next(), *box, *delay, 0, 0))
        for name, at, length in png_chunks(still):
            data = still.getvalue()[at : at + length]
            if name == b"IDAT" and self._before is None:
                self._chunk(b"IDAT", data)
            elif name == b"IDAT":
                self._chunk(b"fdAT", struct.pack(">I", self._next()) + data)
        self._before = frame.copy()
        self._frames += 1

    def _begin(self, head: bytes) -> None:
        self._file.write(head + in_png(self._text))
        self._count_at = self._file.tell()
        self._chunk(b"acTL", struct.pack(">II", 0, 0))

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _chunk(self, name: bytes, body: bytes) -> None:
        self._file.write(png_chunk(name, body))

    def finish(self) -> None:
        """The end mark, and the number of frames, which only now is known."""
        self._chunk(b"IEND", b"")
        self._file.seek(self._count_at)
        self._chunk(b"acTL", struct.pack(">II", self._frames, 0))

    def close(self) -> None:
        self._file.close()


class Webp:
    """Frames into one WebP file that repeats for ever; one frame makes a still."""

    def __init__(self, file: BinaryIO, fps: float, text: bytes, quality: float = 1.0) -> None:
        self._file, self._fps, self._text = file, fps, text
        self._quality = round(WEBP_WORST + (WEBP_QUALITY - WEBP_WORST) * quality)
        self._first: Frame | None = None  # kept back until a second one comes
        self._before: Frame | None = None
        self._frames = 0

    def add(self, frame: Frame) -> None:
        if self._first is None and not self._frames:
            self._first = frame.copy()
            return
        if self._first is not None:
            self._begin(self._first, moving=True)
            self._file.write(_riff(b"ANIM", struct.pack("<IH", 0, 0)))
            self._put(self._first)
            self._first = None
        self._put(frame)

    def _begin(self, frame: Frame, *, moving: bool) -> None:
        height, width, depth = map(int, frame.shape)
        flags = 0x10 * (depth == 4) | 0x04 * bool(self._text) | 0x02 * moving
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        self._file.write(b"RIFF\0\0\0\0WEBP" + _riff(b"VP8X", bytes([flags, 0, 0, 0]) + sides))

    def _put(self, frame: Frame) -> None:
        left, top, right, bottom = changed_box(self._before, frame, grid=2)
        begins, ends = (tick_of(n, self._fps, 1000) for n in (self._frames, self._frames + 1))
        numbers = (left // 2, top // 2, right - left - 1, bottom - top - 1, ends - begins)
        head = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\x02"  # no blending
        self._file.write(
            _riff(b"ANMF", head + _webp_data(frame[top:bottom, left:right], self._quality))
        )
        self._before = frame.copy()
        self._frames += 1

    def finish(self) -> None:
        """The note, and the length of the file, which only now is known."""
        if self._first is not None:
            self._begin(self._first, moving=False)
            self._file.write(_webp_data(self._first, self._quality))
        self._file.write(_riff(b"XMP ", in_webp(self._text)))
        length = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", length - 8))

    def close(self) -> None:
        self._file.close()


def _riff(name: bytes, body: bytes) -> bytes:
    """One chunk, padded to an even length; nothing for an empty body."""
    if not body:
        return b""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _webp_data(frame: Frame, quality: int) -> bytes:
    """The alpha and colour chunks of one frame; alpha is exact until quality is to save bytes."""
    best = quality >= WEBP_QUALITY
    how: dict[str, Any] = {"exact": best, "alpha_quality": 100 if best else quality}
    still = _still(frame, "WEBP", quality=quality, method=4, **how)
    data = still.getvalue()
    chunks = [part for part in riff_chunks(still) if part[0] in (b"ALPH", b"VP8 ", b"VP8L")]
    return b"".join(_riff(name, data[at : at + length]) for name, at, length in chunks)
