"""How lengths of time are written: `90s`, `9m`, `2h`."""

from __future__ import annotations

import re

from kineograph.values.errors import InputError


def seconds_of(text: str, field: str = "time_limit") -> float:
    """Seconds of "90s", "9m" or "2h"; infinite when empty.

    Raises InputError when it is none of these.
    """
    if not text:
        return float("inf")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if not found:
        raise InputError(field, f"'{text}'", "write 90s, 9m or 2h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
