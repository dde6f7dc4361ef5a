"""A program that `decode.py` runs: picture files in, PAM frames out, within a memory limit.

Reads one JSON job on stdin: {"files": [[path, kind]], "moving", "alpha", "frames", "pixels"}.
Writes each frame to stdout as PAM (a header with its size, then bytes). What goes wrong is one line
on stderr, and exit code 1. It imports Pillow and nothing of this package, so it starts in a tenth
of a second. Memory is limited by the process that starts it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

PLUGINS = {"png": "PNG", "apng": "PNG", "jpg": "JPEG", "gif": "GIF", "webp": "WEBP"}
CUT = ("truncated", "broken", "incomplete", "unexpected end")


def main() -> int:
    job = json.load(sys.stdin)
    try:
        for path, kind in job["files"]:
            show(path, kind, job, sys.stdout.buffer)
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


def show(path: str, kind: str, job: dict[str, Any], out: BinaryIO) -> None:
    """Write every frame of one file."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = job["pixels"]
    with Path(path).open("rb") as file, Image.open(file, formats=(PLUGINS[kind],)) as image:
        if image.width * image.height > job["pixels"]:
            raise ValueError("more pixels than its header declared")
        moving = job["moving"]
        first = int(moving and image.info.get("default_image", False))  # only for old viewers
        for number in range(first, first + job["frames"] if moving else 1):
            if number:
                image.seek(number)
            frame: Any = image if moving else ImageOps.exif_transpose(image)
            if frame.mode.startswith("I"):  # 16 bits of grey
                frame = frame.convert("I").point(lambda value: value * (1 / 257)).convert("L")
            frame = frame.convert("RGBA" if job["alpha"] else "RGB")
            depth, tuples = (4, "RGB_ALPHA") if job["alpha"] else (3, "RGB")
            head = f"P7\nWIDTH {frame.width}\nHEIGHT {frame.height}\nDEPTH {depth}\nMAXVAL 255\n"
            out.write(f"{head}TUPLTYPE {tuples}\nENDHDR\n".encode())
            out.write(frame.tobytes())


if __name__ == "__main__":
    sys.exit(main())
