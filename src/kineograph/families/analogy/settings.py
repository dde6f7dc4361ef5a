"""What can be set when a picture is changed the way an example pair shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from kineograph.values.analogy import BY, Analogy
from kineograph.values.errors import InputError
from kineograph.values.settings import Extra, setting, unmarked
from kineograph.values.source import PictureSource

Mode = Literal["filter", "edges", "painterly", "colour", "numbers", "super", "transfer"]
MAP = Extra(
    suffixes=(".npz",),
    help="Where each pixel came from, and a picture of that beside",
    beside=".png",
)


class Matching(Analogy):
    """What matching by patches takes."""

    mode: Mode = setting("filter", "What kind of change.")
    numbers: bool = setting(False, "Short for mode numbers.")
    coherence: float | None = setting(
        None, "0 copies the nearest place, 25 copies in long runs.", least=0, most=1000
    )
    levels: int | None = setting(None, "Levels of the pyramid.", least=1, most=6)
    guide: float | None = setting(
        None, "Weight of A, and of each of the guides, beside that of A2.", least=0, most=16
    )
    relight: float | None = setting(
        None, "Share of B's soft light that the result takes; transfer takes .7.", least=0, most=1
    )
    guides: tuple[PictureSource, ...] = setting(
        (),
        "Says what belongs where: a picture for A, one for each further A, then one for B; repeat.",
    )
    approximate: bool = setting(False, "A short list of places; for large pictures.")

    def resolved(self) -> Self:
        """With `numbers` said as a mode, once the guides are as many as there are pictures."""
        count = 2 + len(self.also) // 2
        if len(self.guides) % count:
            given = f"{len(self.guides)} pictures, {count} make one guide"
            raise InputError("guides", given, "give one for A, each further A, and B")
        return self.changed(mode="numbers", numbers=False) if self.numbers else self


class ByPatches(Matching):
    """Places of A2 are copied; nothing is learned (Hertzmann et al. 2001)."""

    about: ClassVar[str] = "an analogy by patches"
    extras: ClassVar[Mapping[str, Extra]] = {"map": MAP}

    by: Literal["patches"] = setting("patches", BY)

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return bool(values.get("by", "patches") == "patches")


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
