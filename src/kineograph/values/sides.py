"""How sizes are written: `256` for a square, `320x200` for width and height."""

from __future__ import annotations

import re
from typing import Any

from kineograph.values.errors import InputError

MOST = 16_384  # pixels of a side


def spelled(given: Any) -> Any:
    """A size as text: 256 is "256", (320, 200) is "320x200"; anything else as it is."""
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    whole = isinstance(given, tuple | list) and all(type(side) is int for side in given)
    return "x".join(map(str, given)) if whole and len(given) == 2 else given


def sides(text: str, field: str = "size") -> tuple[int, int]:
    """(height, width) in pixels from "320x200", width first, or from "256".

    Raises InputError when it is neither, or a side is not in 1 … 16,384.
    """
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?:[x×X]\s*(\d{1,6}))?\s*", text)
    if not found:
        raise InputError(field, f"'{text}' is not WIDTHxHEIGHT", "write it as 256x128")
    width, height = int(found[1]), int(found[2] or found[1])
    if not (1 <= width <= MOST and 1 <= height <= MOST):
        raise InputError(field, f"{width}x{height} is not in 1 … {MOST:,} pixels a side")
    return height, width
