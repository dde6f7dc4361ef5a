"""What can be set when a picture is changed the way an example pair shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import STILL, Extra, Settings, setting, unmarked
from kineograph.values.source import PictureSource, Source

Mode = Literal["filter", "edges", "painterly", "colour", "numbers", "super", "transfer"]
BY = "What answers: patches that are copied, a learned model, or both side by side."
MAP = Extra(
    suffixes=(".npz",),
    help="Where each pixel came from, and a picture of that beside",
    beside=".png",
)


class Analogy(Settings):
    """What every way of answering takes."""

    verb: ClassVar[str] = "analogy"
    forms: ClassVar[tuple[str, ...]] = STILL

    a: PictureSource = setting(..., "The example before.", place=True)
    a2: PictureSource = setting(..., "The example after, same size.", place=True)
    b: PictureSource = setting(..., "What to change the same way.", place=True)
    also: tuple[PictureSource, ...] = setting(
        (), "Another example before and its after, one after the other."
    )

    @field_validator("also")
    @classmethod
    def _pairs(cls, also: tuple[Source, ...]) -> tuple[Source, ...]:
        if len(also) % 2:
            raise InputError("also", f"{len(also)} pictures", "give A and A2 in turn")
        return also

    @property
    def pictures(self) -> tuple[tuple[str, Source], ...]:
        """A and A2 in turn, then B, each with its field's name."""
        more = (("also", one) for one in self.also)
        return (("a", self.a), ("a2", self.a2), *more, ("b", self.b))


class Matching(Analogy):
    """What matching by patches takes."""

    mode: Mode = setting("filter", "What kind of change.")
    numbers: bool = setting(False, "Short for mode numbers.")
    coherence: float | None = setting(
        None, "0 copies the nearest place, 25 copies in long runs.", least=0, most=1000
    )
    levels: int | None = setting(None, "Levels of the pyramid.", least=1, most=6)
    guide: float | None = setting(
        None, "Weight of A against B beside that of A2.", least=0, most=16
    )
    approximate: bool = setting(False, "A short list of places; for large pictures.")

    def resolved(self) -> Self:
        """With `numbers` said as a mode."""
        return self.changed(mode="numbers", numbers=False) if self.numbers else self


class ByPatches(Matching):
    """Places of A2 are copied; nothing is learned (Hertzmann et al. 2001)."""

    about: ClassVar[str] = "an analogy by patches"
    extras: ClassVar[Mapping[str, Extra]] = {"map": MAP}

    by: Literal["patches"] = setting("patches", BY)

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return bool(values.get("by", "patches") == "patches")


class ByTokens(Analogy):
    """A learned matcher fills the fourth cell of a grid (Bar et al. 2022)."""

    about: ClassVar[str] = "an analogy by tokens"

    by: Literal["tokens"] = setting("tokens", BY)
    model: str = setting("visual-prompts", "For tokens: a shipped model's name, or a folder.")
    unmarked: bool = unmarked()
    rounds: int | None = setting(
        None, "For tokens: rounds of deciding; 0 takes all at once.", least=0
    )

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("by") == "tokens"


class ByBoth(Matching):
    """A, A2, B, the answer by tokens and the answer by patches in a row."""

    about: ClassVar[str] = "an analogy by both"

    by: Literal["both"] = setting("both", BY)
    model: str = setting("visual-prompts", "For tokens: a shipped model's name, or a folder.")
    unmarked: bool = unmarked()
    rounds: int | None = setting(
        None, "For tokens: rounds of deciding; 0 takes all at once.", least=0
    )

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("by") == "both"
