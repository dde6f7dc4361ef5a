"""What a file can hold: formats by suffix, limits on what is read, and the clocks files keep.

Files count time in ticks (a GIF in hundredths of a second, a WebP in thousandths), clips in frames
a second. `tick_of` writes a rate in ticks without drift; `steady` reads ticks back as the simplest
rate that rounds to them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.values.errors import InputError

Frame = NDArray[np.uint8]  # (H, W, C) in 0..255; C is 3, or 4 with straight alpha
StrPath = str | os.PathLike[str]

SECOND = 10**9  # nanoseconds; every duration here is whole nanoseconds


@dataclass(frozen=True)
class Format:
    """What one kind of file can hold.

    moving: more than one frame. alpha: transparency (a GIF's is on or off). lossless: reads back
    the same pixels. fps: lowest and highest frames a second that players show as asked. even: sides
    must be even pixels. sound: a sound track.
    """

    kind: str
    moving: bool
    alpha: bool
    lossless: bool
    fps: tuple[float, float] = (0.02, 240.0)
    even: bool = False
    sound: bool = False


# Browsers slow frames of 10 ms or less (20 ms in a GIF is the shortest kept) down to 100 ms.
FORMATS = {
    ".mp4": Format("mp4", moving=True, alpha=False, lossless=False, even=True, sound=True),
    ".webm": Format("webm", moving=True, alpha=True, lossless=False, sound=True),
    ".gif": Format("gif", moving=True, alpha=True, lossless=False, fps=(0.02, 50.0)),
    ".webp": Format("webp", moving=True, alpha=True, lossless=False, fps=(0.02, 90.0)),
    ".apng": Format("apng", moving=True, alpha=True, lossless=True, fps=(0.02, 90.0)),
    ".png": Format("png", moving=False, alpha=True, lossless=True),
    ".jpg": Format("jpg", moving=False, alpha=False, lossless=False),
    ".jpeg": Format("jpg", moving=False, alpha=False, lossless=False),
    "": Format("folder", moving=True, alpha=True, lossless=True),
}
MOVING = tuple(suffix for suffix, form in FORMATS.items() if form.moving)
STILL = (".png", ".jpg", ".jpeg", ".webp")


def format_of(path: StrPath) -> Format:
    """The format that the suffix of an output names; no suffix is a folder of PNG frames."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(name for name in FORMATS if name)
        raise InputError("path", f"cannot write '{Path(path).name}'", f"use {known} or a folder")
    return FORMATS[suffix]


@dataclass(frozen=True)
class Limits:
    """The most that is read from one file or folder; more is refused before it is decoded.

    file_bytes, side (pixels), pixels (a frame), frames, seconds: as declared by the file.
    clip_bytes: memory of the clip that `read` returns. memory: bytes the decoder may take.
    wait: seconds without a new frame after which the decoder is stopped.
    """

    file_bytes: int = 2**30
    side: int = 16_384
    pixels: int = 40_000_000
    frames: int = 20_000
    seconds: float = 3600.0
    clip_bytes: int = 4 * 2**30
    memory: int = 2 * 2**30
    wait: float = 60.0


LIMITS = Limits()


class Info(NamedTuple):
    """What a file holds: sizes in pixels, turned upright; `frames` as `stream` gives them.

    changed: what reading changes, a few words each ("HDR tone-mapped to sRGB").
    """

    kind: str
    width: int
    height: int
    frames: int
    fps: float
    alpha: bool
    seconds: float
    changed: tuple[str, ...] = ()


class Sound(NamedTuple):
    """What is heard: samples (S, C) float32 in -1 … 1, C 1 or 2; rate: samples a second."""

    samples: NDArray[np.float32]
    rate: int


def exact_rate(fps: float) -> Fraction:
    """The rate as a ratio of small numbers, so that 23.976 and its kind stay what was meant."""
    return Fraction(fps).limit_denominator(1001)


def tick_of(frame: int, fps: float, ticks: int) -> int:
    """The tick, of so many a second, at which a frame begins; rounding errors never add up."""
    return round(frame * ticks / exact_rate(fps))


def steady(durations: Sequence[int], tick: int) -> tuple[float, list[int]]:
    """One rate for frames of uneven length: frames a second, and how often each frame is shown.

    durations: nanoseconds, one a frame, each > 0; tick: nanoseconds of the clock they were rounded
    to, 0 if exact. The rate is that of the usual frame (within a quarter of the median); where it
    would miss frames, or the moments at which they begin, a finer one is taken, at most 60 a second
    (or the usual). Each frame begins at the step nearest to its time, so no error adds up: the clip
    lasts as long as the file to half a step. A frame too short for the rate is shown 0 times.
    """
    if max(durations, default=0) < SECOND // 1_000_000 and len(durations) < 2:
        return 8.0, [1]
    ordered = sorted(durations)
    usual = ordered[len(ordered) // 2]
    near = [d for d in durations if abs(d - usual) <= max(tick, usual // 4)]
    total = sum(near)
    slack = min(max(1, tick), total // 2)
    fps = _simplest(
        Fraction(len(near) * SECOND, total + slack), Fraction(len(near) * SECOND, total - slack)
    )
    begins = [0, *accumulate(durations)]
    if len(durations) > 3 and len(set(durations)) == 1 and SECOND % durations[0] == 0:
        fps = Fraction(SECOND, durations[0])  # rounded steps would not all be alike
    if _poor(begins, fps, tick):
        fps = _finer(durations, begins, fps, tick)
    shown = steps_of(begins, fps)
    shown[-1] += not sum(shown)
    return float(fps), shown


def steps_of(begins: Sequence[int], fps: Fraction | float) -> list[int]:
    """How many steps of a rate lie between moments, in nanoseconds, each rounded by itself."""
    steps = [round(at * Fraction(fps) / SECOND) for at in begins]
    return [b - a for a, b in pairwise(steps)]


def _poor(begins: Sequence[int], fps: Fraction, tick: int) -> bool:
    """Whether a rate misses one frame in twenty, or begins one in ten a quarter step off."""
    shown = steps_of(begins, fps)
    allowed = max(SECOND / fps / 4, Fraction(tick))
    off = sum(abs(round(at * fps / SECOND) * SECOND / fps - at) > allowed for at in begins[1:-1])
    return shown.count(0) * 20 > len(shown) or off * 10 > len(shown)


def _finer(durations: Sequence[int], begins: Sequence[int], fps: Fraction, tick: int) -> Fraction:
    """A rate that fits uneven frames better: exact, or of the mean or the short frames."""
    most, ordered, count = max(Fraction(60), fps), sorted(durations), len(durations)
    step = gcd(*durations)
    if step > tick and Fraction(SECOND, step) <= most:
        return Fraction(SECOND, step)
    lengths = (Fraction(begins[-1], count), ordered[count // 10], ordered[0])
    rates = [fps, *((SECOND / Fraction(one)).limit_denominator(1001) for one in lengths)]
    missed = {rate: steps_of(begins, rate).count(0) for rate in rates if rate <= most}
    fitting = [rate for rate, lost in missed.items() if lost * 20 <= count]
    return min(fitting) if fitting else min(missed, key=lambda rate: (missed[rate], rate))


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in [low, high], low > 0 (Stern–Brocot descent)."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    floor = whole - 1
    return floor + 1 / _simplest(1 / (high - floor), 1 / (low - floor))
