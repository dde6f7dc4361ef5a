"""Clips and small tools that the media tests share."""

import io
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.media import video
from kineograph.media.notes import png_chunk
from kineograph.values.clip import Clip, from_bytes

ALL = ("out.png", "out.jpg", "out.webp", "out.gif", "out.apng", "out.mp4", "out.webm", "out")
MOVING = ALL[2:]
NOTE = {
    "prompt": 'a cat 🐱 über "q" <&> = ; # \\ \n',
    "seed": 7,
    "long": "ladder of prompts é " * 1000,
}


def disc(frames: int = 6, size: tuple[int, int] = (48, 32), alpha: bool = False) -> Clip:
    """A soft disc that moves over a gradient; with alpha, only the disc is opaque."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    pictures = []
    for t in range(frames):
        away = np.hypot(x - width / 2 - 2 * t, y - height / 2)
        red = 255 / (1 + np.exp((away - height / 3) / 2))
        sky, ground = 255 * x / width, np.full(x.shape, 60 + 10 * t)
        inside = 255 * (away < height / 3)
        pictures.append(np.stack([red, sky, ground, inside][: 3 + alpha], axis=-1))
    return from_bytes(np.stack(pictures).astype(np.uint8), 8.0)


def clip_for(name: str, alpha: bool = False) -> Clip:
    return disc(1 if name in ALL[:2] else 6, alpha=alpha)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = np.square(a.astype(float) - b).mean()
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def content(path: Path) -> bytes:
    return (
        path.read_bytes()
        if path.is_file()
        else b"".join(p.read_bytes() for p in sorted(path.iterdir()))
    )


def tool(*arguments: object) -> None:
    """Run ffmpeg to make a test file."""
    command = [video.ffmpeg(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def moving_bar(k: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """A grey frame with a bright bar that moves by its number."""
    frame = np.full((height, width, 3), 40, np.uint8)
    frame[:, k * 2 : k * 2 + 6] = (220, 30 + k * 7 % 200, 90)
    return frame


def encoded(
    frames: list[Any],
    fps: float,
    out: Path,
    *options: object,
    pix: str = "rgb24",
    size: tuple[int, int] | None = None,
) -> None:
    """Frames (H, W, C) uint8, or bytes of a size, through ffmpeg into a file."""
    width, height = size or (frames[0].shape[1], frames[0].shape[0])
    head = [video.ffmpeg(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", pix]
    head += ["-s", f"{width}x{height}", "-r", str(fps), "-i", "-", *map(str, options), str(out)]
    data = b"".join(f if isinstance(f, bytes) else f.tobytes() for f in frames)
    subprocess.run(head, input=data, check=True, capture_output=True, timeout=60)


def gif_of(width: int, height: int, frames: list[tuple[Any, int, int, int, int | None]]) -> bytes:
    """A GIF of frames (pixels, left, top, disposal, clear index or None), delay 0.1 s each."""
    colours = bytes([0, 0, 255, 255, 0, 0, 0, 255, 0, 255, 255, 255]) + bytes(756)
    out = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + colours
    for pixels, left, top, disposal, clear in frames:
        file = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(file, "GIF", optimize=False, interlace=False)
        data = file.getvalue()
        data = data[data.index(b"\x2c", 13 + 768) + 10 : -1]
        flags = disposal << 2 | (clear is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHB", flags, 10, clear or 0) + b"\0"
        h, w = pixels.shape
        out += b"\x2c" + struct.pack("<HHHHB", left, top, w, h, 0) + data
    return out + b"\x3b"


_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip


def png_of(
    picture: Any,
    *,
    extra: dict[bytes, bytes] | None = None,
    later: list[tuple[bytes, bytes]] | None = None,
    interlaced: bool = False,
    rows: bytes = b"",
) -> bytes:
    """A PNG of (H, W) or (H, W, C) uint8 or uint16, or of `rows` of (width, height, depth, colour).

    extra: chunks before the pixels; later: after them.
    """
    if rows:
        width, height, depth, colour = picture
    else:
        picture = picture if picture.ndim == 3 else picture[:, :, None]
        height, width, channels = picture.shape
        depth, colour = 8 * picture.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        samples = picture.astype(">u2") if depth == 16 else picture
        for left, top, right, down in _PASSES if interlaced else ((0, 0, 1, 1),):
            part = samples[top::down, left::right]
            rows += b"".join(b"\0" + row.tobytes() for row in part if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", head), *(extra or {}).items(), (b"IDAT", zlib.compress(rows))]
    chunks += [*(later or []), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*one) for one in chunks)


def icc_profile(primaries: list[tuple[float, float, float]], gamma: float) -> bytes:
    """A small ICC display profile: XYZ columns of red, green and blue (D50), one gamma."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(78) + b"\0"
    tags = [(b"desc", text), (b"wtpt", xyz((0.9642, 1, 0.8249)))]
    tags += list(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    tags += [(b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags:
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(fixed, (0.9642, 1, 0.8249)))
    return head.ljust(128, b"\0") + table + body
