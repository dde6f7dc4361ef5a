"""The recipe inside the file: one JSON text in every format, read back without decoding.

PNG and APNG carry it in an iTXt chunk named `kineograph`, JPEG in comment segments, GIF in a
comment extension, WebP in an XMP packet, MP4 and WebM in the `comment` tag, a folder in
`recipe.json`. The JSON is ASCII (other letters are escaped), so no container can spoil it. What is
read back is untrusted: capped, parsed as JSON, never run.
"""

from __future__ import annotations

import html
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from kineograph.media import sniff, video
from kineograph.media.formats import LIMITS, StrPath
from kineograph.values.errors import InputError

NAME = "kineograph"
MAX_NOTE = 2**20  # bytes of JSON, written or read
_MARK = NAME.encode() + b" "  # begins a comment that is ours, in JPEG and GIF
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""{}/></rdf:RDF></x:xmpmeta>'
)
_XMP_RECIPE = ' xmlns:kineograph="https://kineograph.invalid/ns/1.0/" kineograph:recipe="{}"'
_XMP_SOURCE = (
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:'
    'DigitalSourceType="{}"'
)
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"  # the IPTC's terms
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # of MP4, by Adobe
_GIF_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # however it is walked over, it ends
_XMP_NOTE = re.compile(rb'kineograph:recipe="([^"]*)"')


def text_of(note: dict[str, Any] | None) -> bytes:
    """The note as ASCII JSON, b"" for None; raises InputError when it is no JSON or over 1 MB."""
    if note is None:
        return b""
    try:
        text = json.dumps(note, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as error:
        raise InputError("note", f"cannot be written as JSON ({error})") from error
    if len(text) > MAX_NOTE:
        raise InputError("note", f"{len(text):,} bytes, the limit is {MAX_NOTE:,}", "shorten it")
    return text


def note(path: StrPath) -> dict[str, Any] | None:
    """The recipe that a file or a folder of frames carries, or None.

    Raises InputError when the file is none of ours to read. The answer is untrusted data: show it,
    never run it.
    """
    if Path(path).is_dir():
        recipe = Path(path) / "recipe.json"
        if not recipe.is_file() or recipe.stat().st_size > MAX_NOTE:
            return None
        return _parsed(recipe.read_bytes())
    with sniff.opened(path, LIMITS) as file:
        kind = sniff.kind_of(path, file)
        try:
            return _parsed(_READERS[kind](path, file))
        except (EOFError, struct.error):
            raise sniff.cut_short(path, file.seek(0, 2)) from None
        except ValueError as error:
            raise sniff.refused(path, str(error)) from None


def _parsed(text: bytes) -> dict[str, Any] | None:
    if not text or len(text) > MAX_NOTE:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# -- writing: the bytes that go into each container ------------------------------------------------


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))


def source_of(text: bytes) -> str:
    """The digital source type that a note names, as a URI; "" when it names none."""
    source = (_parsed(text) or {}).get("source")
    return SOURCES + source if isinstance(source, str) and source.isalpha() else ""


def _xmp(text: bytes) -> bytes:
    """An XMP packet with the source type alone; b"" where the note names none."""
    source = source_of(text)
    return _XMP.format(_XMP_SOURCE.format(source)).encode() if source else b""


def in_png(text: bytes, *, whole: bool = True) -> bytes:
    """iTXt chunks, not compressed: the note when `whole`, and the source type."""
    xmp = _xmp(text)
    note = png_chunk(b"iTXt", NAME.encode() + b"\0\0\0\0\0" + text) if text and whole else b""
    return note + (png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) if xmp else b"")


def in_jpeg(text: bytes) -> bytes:
    """Comment segments of at most 65,533 bytes, each with our mark; the source type before."""
    step = 65_533 - len(_MARK)
    pieces = (_MARK + text[at : at + step] for at in range(0, len(text), step))
    xmp = _xmp(text)
    body = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    packet = struct.pack(">HH", 0xFFE1, len(body) + 2) + body if xmp else b""
    return packet + b"".join(struct.pack(">HH", 0xFFFE, len(p) + 2) + p for p in pieces)


def in_gif(text: bytes) -> bytes:
    """One comment extension in sub-blocks of at most 255 bytes; the source type behind it."""
    if not text:
        return b""
    body = _MARK + text
    pieces = (body[at : at + 255] for at in range(0, len(body), 255))
    xmp = _xmp(text)
    packet = b"\x21\xff\x0bXMP DataXMP" + xmp + _GIF_END if xmp else b""
    return b"\x21\xfe" + b"".join(bytes([len(p)]) + p for p in pieces) + b"\0" + packet


def in_webp(text: bytes) -> bytes:
    """The body of an XMP chunk."""
    if not text:
        return b""
    source = source_of(text)
    told = _XMP_RECIPE.format(html.escape(text.decode("ascii")))
    return _XMP.format(told + (_XMP_SOURCE.format(source) if source else "")).encode()


def in_mp4(text: bytes) -> bytes:
    """A box at the end of the file with the source type."""
    xmp = _xmp(text)
    return struct.pack(">I4s", len(xmp) + 24, b"uuid") + _XMP_BOX + xmp if xmp else b""


# -- reading: the JSON in each container, b"" when there is none -----------------------------------


def _from_png(path: StrPath, file: BinaryIO) -> bytes:
    head = NAME.encode() + b"\0\0\0\0\0"
    for name, at, length in sniff.png_chunks(file):
        if name == b"iTXt" and length <= MAX_NOTE + len(head):
            file.seek(at)
            body = sniff.exactly(file, length)
            if body.startswith(head):
                return body[len(head) :]
    return b""


def _from_jpeg(path: StrPath, file: BinaryIO) -> bytes:
    text = b""
    for marker, at, length in sniff.jpeg_segments(file):
        if marker == 0xFE and len(text) <= MAX_NOTE:
            file.seek(at)
            body = sniff.exactly(file, max(0, length))
            text += body[len(_MARK) :] if body.startswith(_MARK) else b""
    return text


def _from_gif(path: StrPath, file: BinaryIO) -> bytes:
    for name, at, _ in sniff.gif_blocks(file):
        if name == "comment":
            file.seek(at)
            body = b""
            while (length := sniff.exactly(file, 1)[0]) and len(body) <= MAX_NOTE:
                body += sniff.exactly(file, length)
            if body.startswith(_MARK):
                return body[len(_MARK) :]
    return b""


def _from_webp(path: StrPath, file: BinaryIO) -> bytes:
    for name, at, length in sniff.riff_chunks(file):
        if name == b"XMP " and length <= 8 * MAX_NOTE:  # quotes grow to six bytes in XML
            file.seek(at)
            found = _XMP_NOTE.search(file.read(length))
            return html.unescape(found[1].decode("ascii", "replace")).encode() if found else b""
    return b""


_READERS = {
    "png": _from_png,
    "jpg": _from_jpeg,
    "gif": _from_gif,
    "webp": _from_webp,
    **dict.fromkeys(video.DEMUXERS, video.comment),
}
