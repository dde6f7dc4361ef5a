"""Clips and small tools that the media tests share."""

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kineograph.media import video
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
