"""What a cut-out is laid on: a colour by name or number, or a picture."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from kineograph.values.errors import InputError
from kineograph.values.source import Kind, Source

GROUNDS = "COLOUR|FILE"


def ground(given: Any) -> Any:
    """A colour as `#rrggbb`, or a source.

    Colours are those of CSS: "navy", "#fa0", "rgb(20, 40, 80)". Raises InputError for a colour in
    numbers that is none.
    """
    if isinstance(given, Source) or not isinstance(given, str):
        return _picture(given)
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(given.strip().lower())[:3]
    except ValueError:
        if re.match(r"\s*(#|rgb|hsl|hsv)", given):
            raise InputError("ground", f"'{given}' is no colour", "say white or #ffcc00") from None
        return _picture(given)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _picture(given: Any) -> Source:
    try:
        return Source.of(given)
    except InputError as error:
        raise InputError("ground", error.problem, error.remedy) from None


def rgb(colour: str) -> tuple[float, float, float]:
    """The three numbers in [0, 1] of `#rrggbb`."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


Ground = Annotated[str | Source, BeforeValidator(ground), Kind("ground")]
"What lies behind a cut-out: `#rrggbb`, or a picture."
