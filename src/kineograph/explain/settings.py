"""What can be set when a file's making is explained."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import PAGE, Settings, setting


class Explain(Settings):
    """A page that tells, step by step and with pictures, how a file was made."""

    verb: ClassVar[str] = "explain"
    about: ClassVar[str] = "a page that explains a file"
    forms: ClassVar[tuple[str, ...]] = PAGE
    drawn: ClassVar[bool] = False

    file: str = setting(..., "A file that kineograph made.", place=True)
    input: tuple[str, ...] = setting(
        (), "Where an input lies, if not beside FILE, as FIELD=FILE; repeat."
    )
    model: str = setting("", "Where its model lies, if it is not one that ships: a folder.")
    steps: int = setting(8, "Steps that a row of pictures shows.", least=2, most=24)

    @field_validator("input")
    @classmethod
    def _pairs(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            name, equals, path = one.partition("=")
            if not (name and equals and path):
                raise InputError("input", f"'{one}' is not FIELD=FILE", "write image=fish.png")
        return given

    @property
    def inputs(self) -> dict[str, Path]:
        """Files by field."""
        pairs = (one.partition("=") for one in self.input)
        return {name.replace("-", "_"): Path(path) for name, _, path in pairs}
