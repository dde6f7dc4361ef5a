"""What can be set when a clip becomes one that never ends."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import field_validator

from kineograph.values.errors import InputError
from kineograph.values.output import PANEL, Size, Sounded
from kineograph.values.settings import MOVING, PAGE, setting
from kineograph.values.source import ClipSource

SLOWEST, FASTEST = 0.05, 16.0
Span = tuple[int, int]


class VideoTexture(Sounded):
    """An endless player, a clip of any length, or a seamless loop of a clip."""

    verb: ClassVar[str] = "loop"
    about: ClassVar[str] = "a clip that never ends"
    forms: ClassVar[tuple[str, ...]] = PAGE + MOVING

    clip: ClipSource = setting(
        ..., "A media file, a folder of frames, or - for standard input.", place=True
    )
    seconds: float | None = setting(
        None, "Length of a file that plays at random.", unit="seconds", above=0, most=3600
    )
    range: str = setting(
        "", "Frames to stay in, as 20:80; by time: 0=20:80,4=0:30 (seconds=range)."
    )
    speed: str = setting("1", "1 is the clip's own speed; by time: 0=0.5,4=2 (seconds=speed).")
    best_loop: bool = setting(False, "A file whose last frame meets its first.")
    fade: int | None = setting(
        None, "Width of the cross-fade at a jump; 0 cuts.", unit="frames", least=0, most=240
    )
    blend: Literal["auto", "fade", "morph"] = setting(
        "auto",
        "How frames mix at a jump: fade, morph along optical flow, or auto: a loop morphs where a "
        "fade would show.",
    )
    every: int = setting(1, "Take every so-manieth frame of the clip.", least=1, most=1000)
    even_light: bool = setting(False, "Even out brightness by the still background.")
    steady: bool = setting(False, "Take a hand's shake out; the border it needs is cut.")
    regions: bool = setting(False, "Loop parts that move on their own separately.")
    same_walk: bool = setting(
        False, "A player goes the same way, by the seed, at every visit; else a new one."
    )
    size: Size = setting(
        "", "Pixels of the file: the longer side, or width and height.", words="N|WxH", panel=PANEL
    )

    @property
    def asked_size(self) -> str:
        return self.size

    @field_validator("range")
    @classmethod
    def _ranges(cls, text: str) -> str:
        spans_of(text)
        return text

    @field_validator("speed")
    @classmethod
    def _speeds(cls, text: str) -> str:
        speeds_of(text)
        return text


def spans_of(text: str) -> list[tuple[float, Span]]:
    """(seconds, (first, last)) from when on which frames are stayed in; none where all may be."""
    return [(at, _span(value)) for at, value in track(text, "range")] if text else []


def speeds_of(text: str) -> list[tuple[float, float]]:
    """(seconds, speed) in time order, linear in between."""
    return [(at, _speed(value)) for at, value in track(text, "speed")]


def track(text: str, field: str) -> list[tuple[float, str]]:
    """`value` or `seconds=value,…` as pairs in time order."""
    if "=" not in text:
        return [(0.0, text)]
    try:
        pairs = [part.split("=") for part in text.split(",")]
        found = [(float(at), value) for at, value in pairs]
    except ValueError:
        raise InputError(
            field, f"'{text}' is no track", "write seconds=value,seconds=value"
        ) from None
    if any(not a < b for (a, _), (b, _) in pairwise(found)) or not found[0][0] >= 0:
        raise InputError(field, f"'{text}' runs backwards", "give the seconds in growing order")
    return found


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(
            "speed", f"'{text}' is not a number", "1 is the clip's own speed"
        ) from None
    if not SLOWEST <= value <= FASTEST:
        limits = f"{SLOWEST:g} … {FASTEST:g}"
        raise InputError("speed", f"{text} is not in {limits}", "1 is the clip's own speed")
    return value


def _span(text: str) -> Span:
    try:
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise InputError("range", f"'{text}' is no range", "write first:last in frames") from None
    return first, last
