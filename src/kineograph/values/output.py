"""How large may the file be? What is set of an output that moves: size, rate, bytes, a preset.

Chats publish what they take; a preset (`for_`) says it once. Families that
write clips take these fields; `media.shaping` carries them out.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, model_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import Settings, setting
from kineograph.values.sides import sides, spelled
from kineograph.values.source import SoundSource

Fit = Literal["pad", "crop", "stretch"]
Box = tuple[int | None, int | None]  # (width, height); None where the other decides
UNITS = {"": 1, "k": 1000, "kb": 1000, "m": 10**6, "mb": 10**6, "kib": 1024, "mib": 1024**2}
PANEL = "The file"


class Preset(NamedTuple):
    """What a chat takes.

    suffix: of the file. size: "512" (longer side) or "1080x1920". fps, seconds, most_bytes: at
    most; 0 where nothing is said. silent: without sound. about: one line.
    """

    suffix: str
    size: str
    fps: float
    seconds: float
    most_bytes: int
    silent: bool
    about: str


PRESETS = {
    "sticker-webm": Preset(
        ".webm", "512", 30, 3, 256_000, True, "a video sticker: VP9 with alpha, 512 px, 256 kB, 3 s"
    ),
    "sticker-webp": Preset(
        ".webp", "512x512", 30, 10, 500_000, True, "an animated sticker: 512x512, 500 kB, 10 s"
    ),
    "emoji": Preset(".gif", "128x128", 25, 0, 256_000, True, "an animated emoji: 128 px, 256 kB"),
    "square": Preset(".mp4", "1080x1080", 60, 0, 0, False, "a square clip of 1080 px"),
    "portrait": Preset(".mp4", "1080x1920", 60, 0, 0, False, "an upright clip, 9:16"),
}
Named = Literal["sticker-webm", "sticker-webp", "emoji", "square", "portrait"]


class Shape(NamedTuple):
    """An output as `media.shaping` takes it.

    size: "" for the clip's own. fps, most_fps, seconds, most_bytes: 0 where nothing is said. fixed:
    the size is not made smaller to save bytes. suffix: the only one that is taken, "" for any.
    """

    size: str = ""
    fit: Fit = "pad"
    fps: float = 0.0
    seconds: float = 0.0
    most_bytes: int = 0
    fixed: bool = False
    silent: bool = False
    suffix: str = ""
    most_fps: float = 0.0


def _bytes(given: Any) -> Any:
    """A number of bytes from 256000, "256k", "8 MB" or "512KiB"."""
    if not isinstance(given, str):
        return given
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", given.lower())
    if not found or found[2] not in UNITS:
        raise InputError("max_bytes", f"'{given}' is no size of a file", "write 256k or 8M")
    return int(float(found[1]) * UNITS[found[2]])


Size = Annotated[str, BeforeValidator(spelled)]
Bytes = Annotated[int, BeforeValidator(_bytes)]


class Output(Settings):
    """What can be set of the file of a family that writes clips."""

    fps: float | None = setting(
        None, "Frames a second of the file.", above=0, most=240, panel=PANEL
    )
    fit: Fit = setting("pad", "Where the shape is another, or a side must be even.", panel=PANEL)
    max_bytes: Bytes = setting(
        0, "Most bytes of the file, as 256k or 8M; 0 sets no limit.", least=0, panel=PANEL,
        words="BYTES",
    )  # fmt: skip
    for_: Named | None = setting(None, "Meet what a chat takes.", panel=PANEL)

    @property
    def shape(self) -> Shape:
        """The output as it is to be shaped, after the family has made what it makes."""
        named = PRESETS[self.for_] if self.for_ else None
        size = self.asked_size or (named.size if named else "")
        if named is None:
            return Shape(size, self.fit, self.fps or 0.0, most_bytes=self.max_bytes)
        limits = [most for most in (named.most_bytes, self.max_bytes) if most]
        return Shape(
            size,
            self.fit,
            min(self.fps or 0.0, named.fps),
            named.seconds,
            min(limits, default=0),
            fixed=True,
            silent=named.silent,
            suffix=named.suffix,
            most_fps=named.fps,
        )

    @property
    def asked_size(self) -> str:
        """The size of the file that is asked for, "" where that is what the family makes."""
        return ""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.asked_size:
            sides(self.asked_size)
            if self.for_:
                problem = f"is said by '{self.for_}' ({PRESETS[self.for_].size})"
                raise InputError("size", problem, "leave one of them out")
        return self


class Sounded(Output):
    """What can be set of a film that may be heard."""

    audio: SoundSource | None = setting(
        None,
        "Sound under the film, of a sound or video file. Longer is cut at the film's end, shorter "
        "starts over.",
        panel=PANEL,
    )

    @model_validator(mode="after")
    def _heard(self) -> Self:
        if self.audio is not None and self.for_ and PRESETS[self.for_].silent:
            raise InputError("audio", f"is not for '{self.for_}', which is silent", "leave it out")
        return self
