"""A program that `decode.py` runs: picture files in, PAM frames out, within a memory limit.

Reads one JSON job on stdin: {"files": [[path, kind]], "moving", "alpha", "frames", "pixels",
"parts"}. Writes each frame to stdout as PAM (a header with its size, then bytes), as browsers show
it: upright, in sRGB, laid over the frames before. What it changes is a line on stderr that begins
with "changed: "; what goes wrong is one line there, and exit code 1. It imports Pillow and nothing
of this package, so it starts in a tenth of a second. Memory is limited by the process that starts
it.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

PLUGINS = {"png": "PNG", "apng": "PNG", "jpg": "JPEG", "gif": "GIF", "webp": "WEBP"}
CUT = ("truncated", "broken", "incomplete", "unexpected end")
UNSEEN = 2  # levels by which a profile may differ from sRGB and still count as sRGB
SRGB_GAMMA = 0.45455
CLEAR = (0, 0, 0, 0)
COLOUR = ("icc_profile", "gamma", "srgb")  # what Pillow tells of a file's colours


def main() -> int:
    job = json.load(sys.stdin)
    try:
        screen = Screen(job, sys.stdout.buffer)
        for path, kind in job["files"]:
            screen.show(path, kind)
        sys.stdout.buffer.flush()
    except MemoryError:
        return told("needs more memory than the decoder may take")
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:  # Pillow's plugins raise nearly everything on damaged files
        words = f"{type(error).__name__}: {error}"
        short = isinstance(error, EOFError) or any(word in words.lower() for word in CUT)
        return told("is cut short or damaged" if short else f"cannot be decoded ({words[:200]})")
    return 0


def told(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 1


class Screen:
    """Where frames are shown: all of one size, the first one's."""

    def __init__(self, job: dict[str, Any], out: BinaryIO) -> None:
        self.job, self.out = job, out
        self.colours = Colours()
        self.size: tuple[int, int] | None = None

    def show(self, path: str, kind: str) -> None:
        """Write every frame of one file."""
        from PIL import Image

        job = self.job
        Image.MAX_IMAGE_PIXELS = job["pixels"]
        with Path(path).open("rb") as file:
            if kind in ("gif", "apng") and job["moving"]:
                composed = _gif(file, job) if kind == "gif" else _apng(file, job)
                for frame in composed:
                    self.put(frame)
                return
            depth = file.read(25)[24] if kind == "png" else 8  # bits a channel
            file.seek(0)
            source: Any = _with_alpha(file) if kind == "webp" and job["alpha"] else file
            with Image.open(source, formats=(PLUGINS[kind],)) as image:
                _check(image.size, job)
                for number in range(job["frames"] if job["moving"] else 1):
                    if number:
                        image.seek(number)
                    self.put(image, depth)

    def put(self, image: Any, depth: int = 8) -> None:
        """One frame, upright, in eight bits of sRGB, fitted into the first one's size."""
        from PIL import ImageOps

        # a moving picture is not turned: no viewer does
        frame = image if self.job["moving"] else ImageOps.exif_transpose(image)
        mode = "RGBA" if self.job["alpha"] else "RGB"
        frame = self.colours.srgb(plain(frame, depth), image.info).convert(mode)
        self.size = self.size or frame.size
        if frame.size != self.size:
            ground = CLEAR if mode == "RGBA" else CLEAR[:3]
            frame = ImageOps.pad(frame, self.size, color=ground)
        depth, tuples = (4, "RGB_ALPHA") if self.job["alpha"] else (3, "RGB")
        head = f"P7\nWIDTH {frame.width}\nHEIGHT {frame.height}\nDEPTH {depth}\nMAXVAL 255\n"
        self.out.write(f"{head}TUPLTYPE {tuples}\nENDHDR\n".encode())
        self.out.write(frame.tobytes())


def plain(image: Any, depth: int = 8) -> Any:
    """L, LA, RGB, RGBA or CMYK of any mode, transparency by key as alpha.

    depth: bits a channel of the file; Pillow widens greys of 2 and 4, but not the key.
    """
    key = image.info.get("transparency")
    if image.mode == "L" and isinstance(key, int) and depth in (2, 4):
        key = image.info["transparency"] = key * 255 // (2**depth - 1)
    if image.mode.startswith("I"):  # 16 bits of grey
        whole = image.convert("I")
        grey = whole.point(lambda value: value * (1 / 257)).convert("L")
        if not isinstance(key, int):
            return grey
        from PIL import Image, ImageChops

        away = [whole.point(lambda v: v * 1 - key), whole.point(lambda v: v * -1 + key)]
        seen = ImageChops.lighter(*(one.convert("L") for one in away))  # 0 at the key, clipped
        return Image.merge("LA", (grey, seen.point(lambda value: 255 if value else 0)))
    if image.mode in ("P", "1", "PA") or key is not None:
        return image.convert("RGBA" if key is not None or image.mode == "PA" else "RGB")
    return image


class Colours:
    """Pictures in the colours of their embedded profile, brought to sRGB as browsers do."""

    def __init__(self) -> None:
        self.known: dict[bytes, Any] = {}
        self.said: set[str] = set()

    def srgb(self, image: Any, info: dict[str, Any]) -> Any:
        """The picture with colours of sRGB; itself where it has them already."""
        from PIL import Image

        icc, gamma = info.get("icc_profile"), info.get("gamma")
        if not icc:
            if info.get("srgb") is not None or not gamma or image.mode == "CMYK":
                return image
            if abs(gamma / SRGB_GAMMA - 1) < 0.03:
                return image
            self.tell(f"values of gamma {gamma:g} are brought to sRGB")
            table = [_encoded((value / 255) ** (1 / gamma)) for value in range(256)]
            return _on_colours(image, lambda part: part.point(table * len(part.getbands())))
        key = icc + image.mode.removesuffix("A").encode()
        if key not in self.known:
            self.known[key] = self.transform(icc, image.mode.removesuffix("A"))
        change = self.known[key]
        if change is None:
            return image
        from PIL import ImageCms

        def through(part: Image.Image) -> Any:
            return ImageCms.applyTransform(part, change)

        return _on_colours(image, through)

    def transform(self, icc: bytes, mode: str) -> Any:
        """What brings a profile's colours to sRGB; None where that changes nothing."""
        from PIL import Image, ImageChops, ImageCms

        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            space = profile.profile.xcolor_space.strip()
            if {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(space) != mode:
                return None
            change = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
            name = ImageCms.getProfileDescription(profile).strip()
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            self.tell("its damaged colour profile is left out")
            return None
        if mode != "CMYK":
            steps = range(0, 256, 15)
            colours = [(r, g, b) for r in steps for g in steps for b in steps]
            test = Image.new("RGB", (len(colours), 1))
            test.putdata(colours)
            test = test if mode == "RGB" else test.convert("L")
            changed: Any = ImageCms.applyTransform(test, change)
            extremes: Any = ImageChops.difference(changed, test.convert("RGB")).getextrema()
            if max(most for _, most in extremes) <= UNSEEN:
                return None
        self.tell(f"colours of {name or 'its profile'} are brought to sRGB")
        return change

    def tell(self, what: str) -> None:
        if what not in self.said:
            self.said.add(what)
            print("changed: " + " ".join(what.split())[:200], file=sys.stderr, flush=True)


def _encoded(light: float) -> int:
    """Linear light in 0 … 1 as a level of sRGB (IEC 61966-2-1)."""
    value = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return round(255 * min(1.0, value))


def _on_colours(image: Any, change: Any) -> Any:
    """A picture with its colour channels changed and its alpha as it was."""
    from PIL import Image

    if image.mode not in ("LA", "RGBA"):
        return change(image)
    *colours, alpha = image.split()
    part = colours[0] if len(colours) == 1 else Image.merge("RGB", colours)
    changed = change(part).convert("RGB")
    return Image.merge("RGBA", (*changed.split(), alpha))


# -- animations, composed as browsers do: on an empty canvas --------------------------------------


def _check(size: tuple[int, int], job: dict[str, Any]) -> None:
    if size[0] * size[1] > job["pixels"]:
        raise ValueError("more pixels than its header declared")


def _with_alpha(file: BinaryIO) -> io.BytesIO:
    """A WebP file that says it has alpha: small boxes on an empty canvas leave it transparent."""
    data = bytearray(file.read())
    if data[12:16] == b"VP8X":
        data[20] |= 0x10
    return io.BytesIO(bytes(data))


def _gif(file: BinaryIO, job: dict[str, Any]) -> Iterator[Any]:
    """The frames of a GIF; parts: (where its image begins, length, disposal, clear or -1)."""
    from PIL import Image

    file.seek(0)
    head = file.read(13)
    size = struct.unpack("<HH", head[6:10])
    shared = file.read(3 << (head[10] & 7) + 1) if head[10] & 0x80 else b""
    canvas = Image.new("RGBA", size, CLEAR)
    for at, length, disposal, clear in job["parts"][: job["frames"]]:
        file.seek(at)
        box = file.read(8)
        left, top, wide, high = struct.unpack("<HHHH", box)
        _check((wide, high), job)
        control = b"" if clear < 0 else b"\x21\xf9\x04" + bytes([1, 0, 0, clear, 0])
        still = b"GIF89a" + box[4:] + head[10:13] + shared + control
        still += b"\x2c\0\0\0\0" + box[4:] + file.read(length - 8) + b"\x3b"
        with Image.open(io.BytesIO(still), formats=("GIF",)) as image:
            part = image.convert("RGBA")
        before = canvas.copy() if disposal == 3 else None
        canvas.paste(part, (left, top), part)
        yield canvas
        if disposal == 2:
            canvas.paste(CLEAR, (left, top, left + wide, top + high))
        canvas = canvas if before is None else before


def _apng(file: BinaryIO, job: dict[str, Any]) -> Iterator[Any]:
    """The frames of an APNG; parts: the shared chunks, then (its control, its data's places)."""
    from PIL import Image

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body), name) + body + _crc(name + body)

    def body(at: int, length: int) -> bytes:
        file.seek(at)
        return file.read(length)

    shared = [(name.encode("latin-1"), body(at, length)) for name, at, length in job["parts"][0]]
    head = dict(shared)[b"IHDR"]
    canvas = Image.new("RGBA", struct.unpack(">II", head[:8]), CLEAR)
    info: dict[Any, Any] = {}
    for control, places in job["parts"][1 : job["frames"] + 1]:
        wide, high, left, top, disposal, blend = control
        _check((wide, high), job)
        still = b"\x89PNG\r\n\x1a\n"
        for name, data in shared:
            sized = struct.pack(">II", wide, high) + data[8:] if name == b"IHDR" else data
            still += chunk(name, sized)
        still += chunk(b"IDAT", b"".join(body(*place) for place in places)) + chunk(b"IEND", b"")
        with Image.open(io.BytesIO(still), formats=("PNG",)) as image:
            part, info = plain(image, head[8]).convert("RGBA"), dict(image.info)
        before = canvas.copy() if disposal == 2 else None
        if blend:
            canvas.alpha_composite(part, (left, top))
        else:
            canvas.paste(part, (left, top))
        canvas.info = {name: info[name] for name in COLOUR if name in info}
        yield canvas
        if disposal == 1:
            canvas.paste(CLEAR, (left, top, left + wide, top + high))
        canvas = canvas if before is None else before


def _crc(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


if __name__ == "__main__":
    sys.exit(main())
