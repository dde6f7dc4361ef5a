"""One picture with the depth and channels it is stored with, for work that must not lose a bit.

Eight bits go through `decode` and `encode`. Pillow keeps 16 bits for grey only, so 16-bit PNG is
read and written here: zlib, then the five row filters of the PNG specification (W3C, §9), undone
for all rows at once along anti-diagonals.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.files import placed
from kineograph.media import notes, sniff
from kineograph.media.decode import stream
from kineograph.media.encode import writer
from kineograph.media.formats import LIMITS, Limits, StrPath
from kineograph.media.frames import named
from kineograph.values.errors import InputError
from kineograph.values.source import Source

Picture = NDArray[
    Any
]  # (H, W, C) uint8 or uint16; C 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # of PNG colour types
_COLOURS = {channels: colour for colour, channels in _CHANNELS.items()}


def read_picture(path: StrPath, limits: Limits = LIMITS) -> Picture:
    """The first frame of a file: uint16 for a 16-bit PNG, else uint8; grey comes as one channel,
    not three.
    """
    with sniff.opened(path, limits) as file:
        if sniff.kind_of(path, file) == "png":
            header = sniff.header_of(path, file, limits)
            try:
                deep = _deep(file)
            except (EOFError, struct.error, zlib.error, ValueError) as error:
                raise sniff.refused(path, f"is a damaged PNG ({error})", "save it again") from None
            if deep is not None:
                sniff.check(path, header, limits)
                return _plain(deep)
    return _plain(next(iter(stream(path, limits))))


def picture_of(source: Source, field: str = "picture", limits: Limits = LIMITS) -> Picture:
    """The picture of a source: a file's as `read_picture` gives it, an array, a clip's first frame.

    Raises InputError, naming the field, when the file is not there or is no picture.
    """
    if source.path is not None:
        with named(field):
            return read_picture(source.there(field), limits)
    value = source.value
    if hasattr(value, "array"):
        value = value.array()[0]
    if not isinstance(value, np.ndarray) or value.dtype not in (np.uint8, np.uint16):
        raise InputError(field, f"a {type(value).__name__} is no picture", "give a Clip")
    if value.ndim == 2:
        value = value[:, :, None]
    if value.ndim != 3 or value.shape[2] not in (1, 2, 3, 4):
        raise InputError(field, f"shape {value.shape} is not (H, W, 1 … 4)")
    return _plain(value)


def save_picture(picture: Picture, path: StrPath, note: dict[str, Any] | None = None) -> Path:
    """Write (H, W, C) uint8 in any still format, or uint16 as PNG."""
    H, W, C = picture.shape
    if picture.dtype == np.uint16:
        if Path(path).suffix.lower() != ".png":
            raise InputError("out", f"'{Path(path).name}' cannot hold 16 bits", "use .png")
        with placed(Path(path)) as part:
            part.write_bytes(_coded(picture, notes.text_of(note)))
        return Path(path)
    if C < 3:
        picture = np.concatenate([picture[:, :, :1]] * 3 + [picture[:, :, 1:]], axis=2)
    with writer(path, fps=8, size=(W, H), alpha=picture.shape[2] == 4, note=note) as file:
        file.add(np.ascontiguousarray(picture))
    return Path(path)


def _plain(picture: Picture) -> Picture:
    """Without the channels that say nothing: equal colours become grey, a full alpha goes."""
    if picture.shape[2] in (2, 4) and (picture[:, :, -1] == np.iinfo(picture.dtype).max).all():
        picture = picture[:, :, :-1]
    if picture.shape[2] >= 3 and (picture[:, :, :1] == picture[:, :, 1:3]).all():
        picture = np.delete(picture, (1, 2), axis=2)
    return np.ascontiguousarray(picture)


def _deep(file: BinaryIO) -> Picture | None:
    """(H, W, C) uint16 of a 16-bit PNG; None when it holds fewer bits."""
    packed = []
    for name, at, length in sniff.png_chunks(file):
        file.seek(at)
        body = file.read(length)
        if name == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 16:
                return None
            if interlaced or colour not in _CHANNELS:
                raise ValueError("interlaced or of an unknown colour type")
        elif name == b"IDAT":
            packed.append(body)
    step = 2 * _CHANNELS[colour]
    expected = height * (1 + width * step)
    raw = zlib.decompressobj().decompress(b"".join(packed), expected)
    if len(raw) < expected:
        raise ValueError(f"{len(raw):,} of {expected:,} bytes")
    rows = np.frombuffer(raw, np.uint8).reshape(height, 1 + width * step)
    if rows[:, 0].max() > 4:
        raise ValueError("an unknown row filter")
    samples = _unfiltered(rows[:, 1:].reshape(height, width, step), rows[:, 0])
    return samples.view(">u2").astype(np.uint16)


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


def _coded(picture: NDArray[np.uint16], text: bytes) -> bytes:
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
