"""What can be set when a network of ours is written as one file, or a model anew, smaller."""

from __future__ import annotations

from typing import ClassVar

from kineograph.values.settings import Settings, setting


class Export(Settings):
    """What can be set when a network of ours is written as one file."""

    verb: ClassVar[str] = "models export"
    about: ClassVar[str] = "a network as a torch.export file"
    forms: ClassVar[tuple[str, ...]] = (".pt2",)
    drawn: ClassVar[bool] = False

    name: str = setting(..., "A shipped model's name, or a folder.", place=True)
    part: str = setting("", "Which network of it; the first by default.")


class Shrink(Settings):
    """A model is written anew with its weights in eight bits."""

    verb: ClassVar[str] = "models shrink"
    about: ClassVar[str] = "a model in eight bits"
    forms: ClassVar[tuple[str, ...]] = ("",)
    drawn: ClassVar[bool] = False

    name: str = setting(..., "A shipped model's name, or a folder.", place=True)
