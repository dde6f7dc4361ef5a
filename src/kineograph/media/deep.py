"""PNG files of 16 bits a channel, which Pillow keeps for grey only.

zlib, then the five row filters of the PNG specification (W3C, section 9), undone for all rows at
once along anti-diagonals, in one pass or in the seven of Adam7; a colour that stands for
"transparent" (tRNS) becomes an alpha channel.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.media import notes, sniff

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # of PNG colour types
_COLOURS = {channels: colour for colour, channels in _CHANNELS.items()}
_ADAM7 = (  # left, top, step right, step down
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip

Deep = NDArray[np.uint16]  # (H, W, C); C 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha


def decoded(file: BinaryIO) -> Deep | None:
    """(H, W, C) uint16 of a 16-bit PNG; None when it holds fewer bits.

    Raises ValueError, EOFError, struct.error or zlib.error for a damaged one.
    """
    packed, key = [], b""
    for name, at, length in sniff.png_chunks(file):
        file.seek(at)
        body = file.read(length)
        if name == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 16:
                return None
            if colour not in _CHANNELS or interlaced > 1:
                raise ValueError("of an unknown colour type")
        elif name == b"tRNS":
            key = body
        elif name == b"IDAT":
            packed.append(body)
    channels = _CHANNELS[colour]
    samples = _rows(b"".join(packed), (height, width, channels), _ADAM7 if interlaced else ())
    if len(key) == 2 * channels and channels in (1, 3):
        seen = (samples != np.frombuffer(key, ">u2")).any(axis=2, keepdims=True)
        samples = np.concatenate([samples, seen * np.uint16(65_535)], axis=2)
    return samples


def _rows(
    packed: bytes, shape: tuple[int, int, int], passes: tuple[tuple[int, int, int, int], ...]
) -> Deep:
    """(H, W, C) uint16 of the packed rows, which come in passes or, without any, in one."""
    height, width, channels = shape
    step = 2 * channels
    places = passes or ((0, 0, 1, 1),)
    sizes = [(-(-(height - y) // down), -(-(width - x) // right)) for x, y, right, down in places]
    sizes = [(max(0, rows), max(0, columns)) for rows, columns in sizes]
    lengths = [rows * (1 + columns * step) if columns else 0 for rows, columns in sizes]
    expected = sum(lengths)
    raw = zlib.decompressobj().decompress(packed, expected)
    if len(raw) < expected:
        raise ValueError(f"{len(raw):,} of {expected:,} bytes")
    samples = np.zeros(shape, np.uint16)
    begins = 0
    for (x, y, right, down), (rows, columns), length in zip(places, sizes, lengths, strict=True):
        if not length:
            continue
        part = np.frombuffer(raw, np.uint8, length, begins).reshape(rows, 1 + columns * step)
        begins += length
        if part[:, 0].max() > 4:
            raise ValueError("an unknown row filter")
        plain = _unfiltered(part[:, 1:].reshape(rows, columns, step), part[:, 0])
        samples[y::down, x::right] = plain.view(">u2")
    return samples


def _unfiltered(coded: NDArray[np.uint8], filters: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, bytes a pixel) with the row filters (H,) undone: none, sub, up, average, Paeth."""
    H, W, _ = coded.shape
    plain = np.zeros((H + 1, W + 1, coded.shape[2]), np.int16)  # a border of zeros above and left
    kinds = filters[:, None]
    for diagonal in range(H + W - 1):
        y = np.arange(max(0, diagonal - W + 1), min(H, diagonal + 1))
        x = diagonal - y
        left, up, corner = plain[y + 1, x], plain[y, x + 1], plain[y, x]
        to_left, to_up = np.abs(up - corner), np.abs(left - corner)
        to_corner = np.abs(left + up - 2 * corner)
        nearest_up = np.where(to_up <= to_corner, up, corner)
        paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest_up)
        kind = kinds[y]
        guess = np.select(
            [kind == 1, kind == 2, kind == 3, kind == 4], [left, up, (left + up) // 2, paeth], 0
        )
        plain[y + 1, x + 1] = (coded[y, x] + guess) & 255
    return np.ascontiguousarray(plain[1:, 1:].astype(np.uint8))


def coded(picture: Deep, text: bytes) -> bytes:
    """A 16-bit PNG, rows coded as differences to the left."""
    H, W, C = picture.shape
    rows = picture.astype(">u2").reshape(H, W, C).view(np.uint8)  # (H, W, 2C)
    rows[:, 1:] -= rows[:, :-1].copy()
    filtered = np.concatenate([np.ones((H, 1), np.uint8), rows.reshape(H, -1)], axis=1)
    header = struct.pack(">IIBBBBB", W, H, 16, _COLOURS[C], 0, 0, 0)
    return b"".join(
        [
            sniff.PNG_MAGIC,
            notes.png_chunk(b"IHDR", header),
            notes.in_png(text) if text else b"",
            notes.png_chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)),
            notes.png_chunk(b"IEND", b""),
        ]
    )
