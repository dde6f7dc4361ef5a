"""What can be set when a picture is changed as an example pair shows, by whatever family."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import STILL, Settings, setting
from kineograph.values.source import PictureSource, Source

BY = "What answers: patches that are copied, a learned model, or both side by side."


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
