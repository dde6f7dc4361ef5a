"""What is this file? Answered from magic bytes and declared sizes, never from the suffix.

The walkers step over the parts of PNG, JPEG, GIF, WebP, MP4 and Matroska files without unpacking
them, so a header costs no more memory than its frame count; they also notice a file that ends
early. Pixels are `decode.py`'s business.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from kineograph.media.formats import SECOND, Limits, StrPath
from kineograph.values.errors import InputError, LimitError

MAX_PARTS = 200_000  # chunks, blocks or boxes of one file
MAX_SUBBLOCKS = 1_000_000  # of a GIF, 255 bytes each when it is well made
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

# (bytes, offset, what a person calls it): files that are told by name and refused
STRANGERS = (
    (b"II*\0", 0, "a TIFF picture"),
    (b"MM\0*", 0, "a TIFF picture"),
    (b"%PDF", 0, "a PDF document"),
    (b"%!PS", 0, "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", 0, "a PostScript document"),
    (b"#EXTM3U", 0, "a playlist"),
    (b"ffconcat", 0, "a playlist"),
    (b"SIMPLE", 0, "a FITS picture"),
    (b"BM", 0, "a BMP picture"),
    (b"8BPS", 0, "a Photoshop document"),
    (b"AVI ", 8, "an AVI video"),
    (b"PK\x03\x04", 0, "a ZIP archive"),
    (b"\0\0\0\x0cjP  ", 0, "a JPEG 2000 picture"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an XML document"),
    (b"<!DOCTYPE", 0, "a web page"),
    (b"<html", 0, "a web page"),
)
STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"crx ")


@dataclass
class Header:
    """What a file declares.

    width, height: stored pixels, 0 for video (only its demuxer knows). durations: nanoseconds, one
    a frame, none for a still. tick: nanoseconds of the clock that durations were rounded to.
    """

    kind: str
    width: int = 0
    height: int = 0
    alpha: bool = False
    durations: list[int] = field(default_factory=list)
    tick: int = 0


def cut_short(path: StrPath, size: int) -> InputError:
    return InputError(
        "path", f"'{Path(path).name}' is cut short at byte {size:,}", "copy or download it again"
    )


def refused(path: StrPath, problem: str, remedy: str = "") -> InputError:
    return InputError("path", f"'{Path(path).name}' {problem}", remedy)


def past(path: StrPath, problem: str, remedy: str) -> LimitError:
    """A file that declares more than is read."""
    return LimitError(f"path: '{Path(path).name}' {problem}; {remedy}")


@contextmanager
def opened(path: StrPath, limits: Limits) -> Iterator[BinaryIO]:
    """The file, once it is a regular one, not empty, and within `limits.file_bytes`."""
    try:
        # a named pipe would block without O_NONBLOCK; it is refused below
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise refused(path, f"cannot be read ({reason})", "check the name and the rights") from None
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):  # a folder cannot even be wrapped as a file
        os.close(descriptor)
        raise refused(path, "is a folder", "name a file in it")
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(status.st_mode):
            raise refused(path, "is not a regular file", "copy it to one first")
        if status.st_size == 0:
            raise refused(path, "is empty (0 bytes)", "copy or download it again")
        if status.st_size > limits.file_bytes:
            raise past(
                path,
                f"has {status.st_size:,} bytes, the limit is {limits.file_bytes:,}",
                "cut it into pieces",
            )
        yield file


def kind_of(path: StrPath, file: BinaryIO) -> str:
    """png (an APNG too), jpg, gif, webp, mp4 or webm; anything else is refused by name."""
    file.seek(0)
    head = file.read(64)
    if head.startswith(PNG_MAGIC):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] not in STILL_BRANDS:
        return "mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm"
    if len(head) < 12:
        raise cut_short(path, len(head))
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    known = [
        name for magic, at, name in STRANGERS if (text if at == 0 else head)[at:].startswith(magic)
    ]
    if head[4:8] == b"ftyp":
        known = ["an AVIF or HEIC picture"]
    what = f"is {known[0]}" if known else "is not a picture or a video that kineograph reads"
    raise refused(path, what, "convert it to PNG, JPEG, WebP, GIF, MP4 or WebM first")


def header_of(path: StrPath, file: BinaryIO, limits: Limits) -> Header:
    """What the file declares, held against every limit that can be known before decoding."""
    kind = kind_of(path, file)
    try:
        header = _READERS[kind](file, limits.frames + 1)
    except (EOFError, struct.error):
        raise cut_short(path, os.fstat(file.fileno()).st_size) from None
    except ValueError as error:
        raise refused(path, str(error), "save it again with another program") from None
    check(path, header, limits)
    return header


def check(path: StrPath, header: Header, limits: Limits) -> None:
    """Raises LimitError, naming the limit, when the declared size, count or length passes it."""
    check_frames(path, len(header.durations), limits)
    width, height = header.width, header.height
    seconds = sum(header.durations) / SECOND
    rows = (
        ("side", f"{width:,}×{height:,} pixels", max(width, height), limits.side, "pixels a side"),
        ("pixels", f"{width:,}×{height:,} pixels", width * height, limits.pixels, "pixels"),
        ("seconds", f"{seconds:,.0f} seconds", seconds, limits.seconds, "seconds"),
    )
    for name, declared, value, limit, unit in rows:
        if value > limit:
            raise past(
                path,
                f"declares {declared}, the limit ({name}) is {limit:,} {unit}",
                "make it smaller or shorter first",
            )


def check_frames(path: StrPath, frames: int, limits: Limits) -> None:
    """Raises LimitError when there are more frames than `limits.frames`."""
    if frames > limits.frames:
        raise past(
            path,
            f"has more than {limits.frames:,} frames, the limit (frames)",
            "cut it shorter first",
        )


# -- walkers: (name, where its body begins, length of the body) ------------------------------------


def exactly(file: BinaryIO, count: int) -> bytes:
    """So many bytes; EOFError when the file ends before."""
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _counted(parts: int, most: int = MAX_PARTS) -> int:
    """One more, unless there are too many to be walked over."""
    if parts >= most:
        raise ValueError(f"has more than {most:,} parts")
    return parts + 1


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Chunks up to and with IEND."""
    end, at, parts, name = _size(file), len(PNG_MAGIC), 0, b""
    while name != b"IEND":
        parts = _counted(parts)
        file.seek(at)
        length, name = struct.unpack(">I4s", exactly(file, 8))
        if at + 12 + length > end:
            raise EOFError
        yield name, at + 8, length
        at += 12 + length


def riff_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Chunks of a WebP file."""
    file.seek(4)
    end = struct.unpack("<I", exactly(file, 4))[0] + 8
    if end > _size(file):
        raise EOFError
    at, parts = 12, 0
    while at + 8 <= end:
        parts = _counted(parts)
        file.seek(at)
        name, length = struct.unpack("<4sI", exactly(file, 8))
        if at + 8 + length > end:
            raise EOFError
        yield name, at + 8, length
        at += 8 + length + length % 2


def jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Segments with a length, up to and with the start of scan (0xDA)."""
    at, parts, marker = 2, 0, 0
    while marker != 0xDA:
        parts = _counted(parts)
        file.seek(at)
        if exactly(file, 1) != b"\xff":
            raise ValueError("is a damaged JPEG (a marker is missing)")
        marker = 0xFF
        while marker == 0xFF:  # fill bytes
            marker = exactly(file, 1)[0]
            at += 1
        at += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        if marker == 0xD9:
            raise EOFError
        (length,) = struct.unpack(">H", exactly(file, 2))
        yield marker, at + 2, length - 2
        at += max(2, length)


def gif_blocks(file: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Blocks named control, comment, extension or image, up to the trailer; lengths are 0."""
    file.seek(0)
    flags = exactly(file, 13)[10]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    parts = subblocks = 0
    while True:
        parts = _counted(parts)
        file.seek(at)
        mark = exactly(file, 1)[0]
        if mark == 0x3B:
            return
        if mark == 0x21:
            label = exactly(file, 1)[0]
            yield {0xF9: "control", 0xFE: "comment"}.get(label, "extension"), at + 2, 0
            at += 2
        elif mark == 0x2C:
            yield "image", at + 1, 0
            file.seek(at + 9)
            flags = exactly(file, 1)[0]
            at += 11 + (
                3 << (flags & 7) + 1 if flags & 0x80 else 0
            )  # descriptor, colours, code size
        else:
            raise ValueError("is a damaged GIF (an unknown block)")
        file.seek(at)
        while length := exactly(file, 1)[0]:
            subblocks = _counted(subblocks, MAX_SUBBLOCKS)
            file.seek(length, os.SEEK_CUR)
        at = file.tell()


# -- headers: at most `most` frames of a file are counted ------------------------------------------


def _body(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return exactly(file, count)


def _shown(nanoseconds: int) -> int:
    """Browsers show frames of 10 ms or less for 100 ms."""
    return nanoseconds if nanoseconds > SECOND // 100 else SECOND // 10


def _png(file: BinaryIO, most: int) -> Header:
    header = Header("png", tick=0)
    for name, at, length in png_chunks(file):
        if name == b"IHDR":
            header.width, header.height, _, colour = struct.unpack(">IIBB", _body(file, at, 10))
            header.alpha |= bool(colour & 4)
        elif name == b"tRNS":
            header.alpha = True
        elif name == b"acTL":
            header.kind = "apng"
        elif name == b"fcTL" and length == 26:
            over, under = struct.unpack(">HH", _body(file, at + 20, 4))
            under = under or 100
            header.tick = SECOND // under if under in (100, 1000) else 0
            header.durations.append(_shown(over * SECOND // under))
        if len(header.durations) >= most:
            break
    if not header.width or not header.height:
        raise ValueError("is a damaged PNG (no size)")
    if header.kind == "png":
        header.durations = []
    return header


def _jpg(file: BinaryIO, most: int) -> Header:
    for marker, at, _ in jpeg_segments(file):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", _body(file, at + 1, 4))
            if not width or not height:
                raise ValueError("is a damaged JPEG (no size)")
            return Header("jpg", width, height)
    raise ValueError("is a damaged JPEG (no size)")


def _gif(file: BinaryIO, most: int) -> Header:
    width, height = struct.unpack("<HH", _body(file, 6, 4))
    if not width or not height:
        raise ValueError("is a damaged GIF (no size)")
    header = Header("gif", width, height, tick=SECOND // 100)
    clear, disposal, delay = False, 0, 0
    for name, at, _ in gif_blocks(file):
        if name == "control":
            flags, delay = struct.unpack("<xBH", _body(file, at, 4))
            clear, disposal = bool(flags & 1), flags >> 2 & 7
        elif name == "image":
            # over an opaque first frame "clear" means "unchanged", unless frames are taken away
            header.alpha |= clear and (not header.durations or disposal >= 2)
            left, top, wide, high = struct.unpack("<HHHH", _body(file, at, 8))
            if not header.durations and (left, top, wide, high) != (0, 0, width, height):
                header.alpha = True
            header.durations.append(_shown(delay * (SECOND // 100)))
            clear, disposal, delay = False, 0, 0
        if len(header.durations) >= most:
            break
    if not header.durations:
        raise ValueError("holds no picture")
    return header


def _webp(file: BinaryIO, most: int) -> Header:
    header = Header("webp", tick=SECOND // 1000)
    for name, at, length in riff_chunks(file):
        if name == b"VP8X":
            body = _body(file, at, 10)
            header.alpha = bool(body[0] & 0x10)
            header.width = int.from_bytes(body[4:7], "little") + 1
            header.height = int.from_bytes(body[7:10], "little") + 1
        elif name == b"ANMF" and length >= 16:
            milliseconds = int.from_bytes(_body(file, at + 12, 3), "little")
            header.durations.append(_shown(milliseconds * (SECOND // 1000)))
            if len(header.durations) >= most:
                break
        elif name == b"VP8 " and not header.width:
            wide, high = struct.unpack("<HH", _body(file, at + 6, 4))
            header.width, header.height = wide & 0x3FFF, high & 0x3FFF
        elif name == b"VP8L" and not header.width:
            (bits,) = struct.unpack("<I", _body(file, at + 1, 4))
            header.width, header.height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            header.alpha = bool(bits >> 28 & 1)
    if not header.width or not header.height:
        raise ValueError("is a damaged WebP (no size)")
    return header


def _mp4(file: BinaryIO, most: int) -> Header:
    """Checks that every box ends inside the file and that there is an index."""
    end, at, parts, names = _size(file), 0, 0, set()
    while at < end:
        parts = _counted(parts)
        file.seek(at)
        length, name = struct.unpack(">I4s", exactly(file, 8))
        head = 8
        if length == 1:
            (length,) = struct.unpack(">Q", exactly(file, 8))
            head = 16
        elif length == 0:
            length = end - at
        if length < head:
            raise ValueError("is a damaged MP4 (a box of no length)")
        if at + length > end:
            raise EOFError
        names.add(name)
        at += length
    if b"moov" not in names:
        raise EOFError
    return Header("mp4")


def _webm(file: BinaryIO, most: int) -> Header:
    """Checks that the segment ends inside the file."""
    at = 4
    for name in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):
        if _body(file, at - 4, 4) != name:
            raise ValueError("is a damaged WebM (no segment)")
        length, width = _vint(file)
        at += width
        if name == b"\x18\x53\x80\x67" and length is not None and at + length > _size(file):
            raise EOFError
        at += (length or 0) + 4
    return Header("webm")


def _vint(file: BinaryIO) -> tuple[int | None, int]:
    """An EBML length and the bytes it takes; None for "until the end"."""
    first = exactly(file, 1)[0]
    width = 9 - first.bit_length()
    if width > 8:
        raise ValueError("is a damaged WebM (a length is broken)")
    value = int.from_bytes(bytes([first & (0xFF >> width)]) + exactly(file, width - 1), "big")
    return (None if value == (1 << 7 * width) - 1 else value), width


_READERS = {"png": _png, "jpg": _jpg, "gif": _gif, "webp": _webp, "mp4": _mp4, "webm": _webm}
