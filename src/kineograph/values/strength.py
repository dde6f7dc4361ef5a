"""How quickly and how far a picture moves, as a word or a number."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from kineograph.values.errors import InputError
from kineograph.values.settings import setting

_WORDS = {"weak": 0.5, "strong": 2.0}


def strength(given: Any) -> Any:
    """The number a word stands for; anything else as it is, a number in letters as a number.

    Raises InputError for another word.
    """
    if not isinstance(given, str):
        return given
    if given in _WORDS:
        return _WORDS[given]
    try:
        return float(given)
    except ValueError:
        raise InputError("motion", f"'{given}'", "say weak, strong or a number") from None


def motion() -> Any:
    """The field of every family that moves a picture."""
    told = "Strength of the motion: weak, strong or a number."
    return setting(1.0, told, least=0.25, most=4, words="weak|strong|NUMBER")


def amount() -> Any:
    """The field of every family that is told how far things move."""
    told = "How far the parts of a thing move: 1 is usual, 0.5 is calmer, 2 livelier."
    return setting(1.0, told, least=0.25, most=4)


Strength = Annotated[float, BeforeValidator(strength)]
"Loops that a block of frames shows: 1 is as trained, more is faster."
