"""What can be set when a picture is grown, filled or extended from examples of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, field_validator, model_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import STILL, Extra, Settings, setting
from kineograph.values.sides import sides, spelled
from kineograph.values.source import PictureSource, Source

SMALL = 200_000_000  # pixels of a hole × of its examples that are soon searched exactly
EXACT = {"window", "epsilon", "max_error", "approximate"}
"Fields of Efros and Leung's algorithm."
WIDEST = 101  # pixels of a window
MAP = Extra(
    suffixes=(".npz",),
    help="Where each pixel came from, and a picture of that beside",
    beside=".png",
)


def _size(given: Any) -> Any:
    """A size as text, once both sides are known to be within the limits."""
    given = spelled(given)
    if isinstance(given, str):
        sides(given)
    return given


Size = Annotated[str, BeforeValidator(_size)]


class Growth(Settings):
    """What growing, filling and extending share."""

    forms: ClassVar[tuple[str, ...]] = STILL
    extras: ClassVar[Mapping[str, Extra]] = {"map": MAP}

    window: int | None = setting(
        None,
        "Odd window width that covers the largest feature; measured when not given.",
        unit="pixels",
        least=3,
        most=WIDEST,
    )
    epsilon: float = setting(
        0.1, "Share above the best match that is still drawn from.", least=0, most=10
    )
    max_error: float = setting(
        0.3, "Largest accepted mean squared difference, of values in 0 … 1.", above=0, most=1
    )
    approximate: bool = setting(
        False, "Coarse to fine, for large jobs; says how often it misses the best."
    )
    threads: int = setting(1, "Threads; the bytes are the same for any number.", least=1, most=64)
    avoid: tuple[PictureSource, ...] = setting(
        (), "Mask, white where an example may not be read; one for each."
    )

    @field_validator("window")
    @classmethod
    def _odd(cls, window: int | None) -> int | None:
        if window is not None and window % 2 == 0:
            raise InputError("window", f"{window} is not an odd number", f"try {window + 1}")
        return window


class Grow(Growth):
    """A new picture of any size that looks like the samples."""

    verb: ClassVar[str] = "texture grow"
    about: ClassVar[str] = "a texture that is grown"

    sample: tuple[PictureSource, ...] = setting(..., "Example pictures.", place=True)
    size: Size = setting("256x256", "Width × height of the result, as 256x256.", unit="pixels")
    tile: bool = setting(False, "Make opposite borders of the result meet.")


class Fill(Growth):
    """The hole of a picture, filled from the rest of it."""

    verb: ClassVar[str] = "texture fill"
    about: ClassVar[str] = "a hole that is filled"

    picture: PictureSource = setting(..., "The picture with a hole.", place=True)
    mask: PictureSource | None = setting(
        None, "Same size, white where the hole is; else the hole is what is transparent."
    )
    sample: tuple[PictureSource, ...] = setting((), "A further example picture; repeat.")
    by: Literal["auto", "patches", "exact"] = setting(
        "auto",
        "patches completes the hole as a whole, in seconds; exact grows it pixel by pixel; auto "
        "is exact for small jobs, or where a window or another of its settings is given.",
    )

    def whole(self, steps: int) -> bool:
        """Whether the hole is completed as a whole; steps: pixels of the hole × of the examples."""
        if self.by != "auto":
            return self.by == "patches"
        return steps > SMALL and not self._of_exact()

    def _of_exact(self) -> list[str]:
        """The settings of exact that say something; a record names the others too."""
        usual = {name: type(self).model_fields[name].default for name in sorted(EXACT)}
        return [name for name, default in usual.items() if getattr(self, name) != default]

    @model_validator(mode="after")
    def _exact_alone(self) -> Self:
        given = self._of_exact()
        if self.by == "patches" and given:
            raise InputError(given[0], "belongs to by exact", "leave one of the two out")
        return self


class Extend(Growth):
    """A picture continued past its border."""

    verb: ClassVar[str] = "texture extend"
    about: ClassVar[str] = "a picture that goes on"

    picture: PictureSource = setting(..., "The picture to continue.", place=True)
    size: Size = setting(
        ..., "Width × height of the result; the picture is centred.", unit="pixels"
    )
    tile: bool = setting(False, "Make opposite borders of the result meet.")


class Apply(Settings):
    """Other channels copied the way a source map says."""

    verb: ClassVar[str] = "texture apply"
    about: ClassVar[str] = "a map that is used again"
    forms: ClassVar[tuple[str, ...]] = STILL
    drawn: ClassVar[bool] = False

    map: Source = setting(
        ..., "A source map written by a texture or an analogy (.npz).", place=True
    )
    others: tuple[PictureSource, ...] = setting(
        ..., "The other channels (normals, depth, 16 bits), one for each sample.", place=True
    )


FAMILIES: dict[str, tuple[type[Settings], ...]] = {
    family.verb: (family,) for family in (Grow, Fill, Extend, Apply)
}
