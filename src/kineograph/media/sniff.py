"""What is this file? Answered from magic bytes and declared sizes, never from the suffix.

The walkers step over the parts of PNG, JPEG, GIF, WebP, MP4 and Matroska files without unpacking
them, so a header costs no more memory than its frame count; they also notice a file that ends
early. Pixels are `decode.py`'s business.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

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
    (b"PK\x03\x04", 0, "a ZIP archive"),
    (b"\0\0\0\x0cjP  ", 0, "a JPEG 2000 picture"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an XML document"),
    (b"<!DOCTYPE", 0, "a web page"),
    (b"<html", 0, "a web page"),
)
VIDEO_MARKS = {  # bytes and their offset, by kind
    "webm": ((b"\x1a\x45\xdf\xa3", 0),),
    "avi": ((b"AVI ", 8),),
    "ogv": ((b"OggS", 0),),
    "mpeg": ((b"\0\0\x01\xba", 0),),
}
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # old MOV has no ftyp
STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"crx ")


@dataclass
class Header:
    """What a file declares.

    width, height: stored pixels, 0 for video (only its demuxer knows). durations: nanoseconds, one
    a frame, none for a still. tick: nanoseconds of the clock that durations were rounded to.
    parts: where the frames of a GIF or an APNG lie, as `picture_child` takes them. keyed: 16 bits
    a channel, and one colour stands for "transparent". profile: it says what its colours mean.
    """

    kind: str
    width: int = 0
    height: int = 0
    alpha: bool = False
    durations: list[int] = field(default_factory=list)
    tick: int = 0
    parts: list[Any] = field(default_factory=list)
    keyed: bool = False
    profile: bool = False


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
    """png (an APNG too), jpg, gif, webp or a kind of video; anything else is refused by name."""
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
    if head[4:8] in MP4_BOXES and head[8:12] not in STILL_BRANDS:
        return "mp4"
    for kind, places in VIDEO_MARKS.items():
        if any(head[at : at + len(mark)] == mark for mark, at in places):
            return kind
    if _transport(file, head):
        return "mpegts"
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


def _transport(file: BinaryIO, head: bytes) -> bool:
    """Whether packets of 188 bytes follow one another (MPEG-TS; 192 with a time before each)."""
    for first, step in ((0, 188), (4, 192)):
        if head[first : first + 1] == b"G":
            file.seek(0)
            data = file.read(first + 4 * step + 1)
            marks = data[first::step]
            return len(marks) >= 4 and set(marks) == {0x47}
    return False


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
    """Blocks named control, comment, extension or image, up to the trailer."""
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
            name = {0xF9: "control", 0xFE: "comment"}.get(label, "extension")
            at += 2
            begins = at
        elif mark == 0x2C:
            name, begins = "image", at + 1
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
        yield name, begins, at - begins


# -- headers: at most `most` frames of a file are counted ------------------------------------------


def _body(file: BinaryIO, at: int, count: int) -> bytes:
    """So many bytes from a place; EOFError where that lies behind the end, however far."""
    if at + count > _size(file):  # a file system may refuse to go where no file can reach
        raise EOFError
    file.seek(at)
    return exactly(file, count)


def _shown(nanoseconds: int) -> int:
    """Browsers show frames of 10 ms or less for 100 ms."""
    return nanoseconds if nanoseconds > SECOND // 100 else SECOND // 10


def _png(file: BinaryIO, most: int) -> Header:
    header = Header("png", tick=0)
    shared: list[tuple[str, int, int]] = []
    canvas, depth = _Canvas(), 0
    for name, at, length in png_chunks(file):
        if name == b"IHDR":
            header.width, header.height, depth, colour = struct.unpack(">IIBB", _body(file, at, 10))
            canvas = _Canvas(header.width, header.height, bare=True)
            header.alpha |= bool(colour & 4)
        elif name == b"tRNS":
            header.alpha = True
            header.keyed = depth == 16
        elif name in (b"iCCP", b"gAMA"):
            header.profile = True
        elif name == b"acTL":
            header.kind = "apng"
        elif name == b"fcTL" and length == 26:
            _, wide, high, left, top, over, under, disposal, blend = struct.unpack(
                ">5IHHBB", _body(file, at, 26)
            )
            under = under or 100
            header.tick = SECOND // under if under in (100, 1000) else 0
            header.durations.append(_shown(over * SECOND // under))
            header.parts.append(((wide, high, left, top, disposal, blend), []))
            canvas.drawn((left, top, wide, high), clear=False, disposal=disposal + 1)
        elif name in (b"IDAT", b"fdAT") and header.parts:
            skip = 4 * (name == b"fdAT")  # its number
            header.parts[-1][1].append((at + skip, max(0, length - skip)))
        if name in _SHARED and not header.parts:
            shared.append((name.decode("latin-1"), at, length))
        if len(header.durations) >= most:
            break
    if not header.width or not header.height:
        raise ValueError("is a damaged PNG (no size)")
    if header.kind == "png":
        header.durations, header.parts = [], []
    else:
        header.alpha |= canvas.seen_through
        header.parts.insert(0, shared)
    return header


_SHARED = (
    b"IHDR",
    b"PLTE",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"iCCP",
)  # by all frames of an APNG


@dataclass
class _Canvas:
    """What of an animation's canvas is covered; it begins empty, which browsers show through.

    bare: whether some of it may be uncovered. seen_through: whether a frame was shown so.
    """

    width: int = 0
    height: int = 0
    bare: bool = True
    seen_through: bool = False

    def drawn(self, box: tuple[int, int, int, int], *, clear: bool, disposal: int) -> None:
        """One frame at (left, top, width, height); clear: it has see-through pixels.

        disposal: 1 stays, 2 is taken away, 3 gives back what was before.
        """
        left, top, wide, high = box
        whole = left <= 0 and top <= 0 and left + wide >= self.width and top + high >= self.height
        covers = whole and not clear
        before = self.bare
        self.seen_through |= self.bare and not covers
        self.bare = before and not covers
        if disposal == 2 or (disposal == 3 and before):
            self.bare = True


def _jpg(file: BinaryIO, most: int) -> Header:
    profile = False
    for marker, at, _ in jpeg_segments(file):
        profile |= marker == 0xE2  # APP2
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", _body(file, at + 1, 4))
            if not width or not height:
                raise ValueError("is a damaged JPEG (no size)")
            return Header("jpg", width, height, profile=profile)
    raise ValueError("is a damaged JPEG (no size)")


def _gif(file: BinaryIO, most: int) -> Header:
    width, height = struct.unpack("<HH", _body(file, 6, 4))
    if not width or not height:
        raise ValueError("is a damaged GIF (no size)")
    header = Header("gif", width, height, tick=SECOND // 100)
    clear, disposal, delay, hole = False, 0, 0, 0
    canvas = _Canvas(width, height)
    for name, at, length in gif_blocks(file):
        if name == "control":
            flags, delay, hole = struct.unpack("<xBHB", _body(file, at, 5))
            clear, disposal = bool(flags & 1), flags >> 2 & 7
        elif name == "image":
            box = struct.unpack("<HHHH", _body(file, at, 8))
            canvas.drawn(box, clear=clear, disposal=disposal)
            header.durations.append(_shown(delay * (SECOND // 100)))
            header.parts.append((at, length, disposal, hole if clear else -1))
            clear, disposal, delay = False, 0, 0
        if len(header.durations) >= most:
            break
    header.alpha = canvas.seen_through
    if not header.durations:
        raise ValueError("holds no picture")
    return header


def _webp(file: BinaryIO, most: int) -> Header:
    header = Header("webp", tick=SECOND // 1000)
    canvas = _Canvas()
    for name, at, length in riff_chunks(file):
        if name == b"VP8X":
            body = _body(file, at, 10)
            header.alpha, header.profile = bool(body[0] & 0x10), bool(body[0] & 0x20)
            header.width = int.from_bytes(body[4:7], "little") + 1
            header.height = int.from_bytes(body[7:10], "little") + 1
            canvas = _Canvas(header.width, header.height)
        elif name == b"ANMF" and length >= 16:
            body = _body(file, at, 16)
            left, top, wide, high, milliseconds = (
                int.from_bytes(body[start : start + 3], "little") for start in range(0, 15, 3)
            )
            box = (2 * left, 2 * top, wide + 1, high + 1)
            canvas.drawn(box, clear=False, disposal=1 + (body[15] & 1))
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
    header.alpha |= canvas.seen_through
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


def _avi(file: BinaryIO, most: int) -> Header:
    """Checks that the first list ends inside the file (an AVI over 2 GB has more)."""
    (length,) = struct.unpack("<I", _body(file, 4, 4))
    if length + 8 > _size(file):
        raise EOFError
    return Header("avi")


def _streamed(kind: str) -> Callable[[BinaryIO, int], Header]:
    """Of a kind that declares nothing at its beginning."""
    return lambda file, most: Header(kind)


_READERS: dict[str, Callable[[BinaryIO, int], Header]] = {
    "png": _png,
    "jpg": _jpg,
    "gif": _gif,
    "webp": _webp,
    "mp4": _mp4,
    "webm": _webm,
    "avi": _avi,
    "ogv": _streamed("ogv"),
    "mpegts": _streamed("mpegts"),
    "mpeg": _streamed("mpeg"),
}
