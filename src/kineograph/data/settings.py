"""What can be set when a data set is fetched and prepared: a settings type a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from kineograph.values.settings import Extra, Settings, setting

SHEET = Extra(suffixes=(".png",), help="Also write a contact sheet")
OUT = "Folder for it; the user's cache by default."


class Prepared(Settings):
    """What every data set shares."""

    about: ClassVar[str] = "a data set"
    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False


class Cutouts(Prepared):
    """The cut-outs."""

    verb: ClassVar[str] = "data cutouts"
    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    pack: Literal[0, 128, 256] = setting(
        0, "Also write a pack to pass on, of so many pixels; 0 none."
    )


class Composed(Prepared):
    """Scenes composed of cut-outs."""

    verb: ClassVar[str] = "data composed"


class Answers(Prepared):
    """What a picture model makes of real cut-outs."""

    verb: ClassVar[str] = "data answers"

    model: str = setting("pictures", "A picture model: a name or a folder.")


class Stickers(Prepared):
    """The stickers."""

    verb: ClassVar[str] = "data stickers"
    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    out: Path | None = setting(None, OUT)


class Fonts(Prepared):
    """Letters of free fonts."""

    verb: ClassVar[str] = "data fonts"

    out: Path | None = setting(None, OUT)


class Photographs(Prepared):
    """Squares of free photographs."""

    verb: ClassVar[str] = "data photographs"

    out: Path | None = setting(None, OUT)


class Words(Prepared):
    """A text in the public domain."""

    verb: ClassVar[str] = "data words"

    out: Path | None = setting(None, OUT)


class Scenes(Prepared):
    """Painted scenes."""

    verb: ClassVar[str] = "data scenes"
    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    out: Path | None = setting(None, OUT)
    each: int = setting(400, "Pictures of every subject.", least=1, most=10_000)
