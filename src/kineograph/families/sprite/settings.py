"""What can be set when a figure is cut out of a clip to be steered."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import field_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import PAGE, Settings, setting
from kineograph.values.source import ClipSource

NAMED = {
    "blue": (0, 0, 255),
    "green": (0, 255, 0),
    "red": (255, 0, 0),
    "magenta": (255, 0, 255),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
}


class Sprite(Settings):
    """A figure that follows the mouse, a finger or the arrow keys, in a page."""

    verb: ClassVar[str] = "sprite"
    about: ClassVar[str] = "a figure that is steered"
    forms: ClassVar[tuple[str, ...]] = PAGE

    clip: ClipSource = setting(
        ..., "A media file, a folder of frames, or - for standard input.", place=True
    )
    key: str = setting(
        "",
        "Colour of the background, #rrggbb or a name; else alpha, border or stillness.",
        words="COLOUR",
    )
    mirror: bool = setting(False, "Add mirror images, for what only moves one way.")
    every: int = setting(1, "Take every so-manieth frame of the clip.", least=1, most=1000)
    same_walk: bool = setting(
        False, "A player goes the same way, by the seed, at every visit; else a new one."
    )

    @field_validator("key")
    @classmethod
    def _key(cls, text: str) -> str:
        if text:
            colour_of(text)
        return text


def colour_of(text: str, field: str = "key") -> tuple[int, int, int]:
    """(red, green, blue) in 0 … 255 of "#rrggbb" or of a name."""
    if text.lower() in NAMED:
        return NAMED[text.lower()]
    found = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text)
    if not found:
        known = ", ".join(NAMED)
        raise InputError(field, f"'{text}' is no colour", f"write #rrggbb or one of {known}")
    red, green, blue = (int(part, 16) for part in found.groups())
    return red, green, blue
