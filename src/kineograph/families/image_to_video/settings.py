"""What can be set when a picture is moved, and when a clip is refined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from kineograph.values.adapters import Adapted, denoiser
from kineograph.values.errors import InputError
from kineograph.values.output import Output
from kineograph.values.prompt import clean_text
from kineograph.values.settings import MOVING, setting, unmarked
from kineograph.values.source import ClipSource, FolderSource, PictureSource
from kineograph.values.strength import Strength, amount, motion

MOST_SECONDS = 600.0
MOST_SIZE = 1024  # pixels


class Moved(Output, Adapted):
    """What moving and refining share."""

    verb: ClassVar[str] = "video"
    forms: ClassVar[tuple[str, ...]] = MOVING

    text: str = setting("", "What the clip should show.", place=True)
    seconds: float | None = setting(
        None, "Length; a loop is repeated to fill it.", unit="seconds", above=0, most=MOST_SECONDS
    )
    size: int | None = setting(
        None, "Pixels of a side, the longer one.", unit="pixels", least=1, most=MOST_SIZE
    )
    frames: int | None = setting(None, "Frames of one loop.", unit="frames", least=1, most=4096)
    steps: int | None = setting(None, "Sampling steps of every stage.", least=1, most=1000)
    guidance: float | None = setting(
        None, "Guidance scale of the first stage; 1 is none.", least=0, most=50
    )
    level: int | None = setting(None, "Refine, from this much noise of 1000.", least=1, most=1000)
    model: str = setting("animate", "A shipped model's name, or a folder.")
    text_encoder: FolderSource | None = setting(
        None, "Folder of a T5 or BERT encoder in place of the model's."
    )
    unmarked: bool = unmarked()

    @field_validator("text")
    @classmethod
    def _clean(cls, text: str) -> str:
        return clean_text(text) if text else ""


class ImageToVideo(Moved):
    """A picture that comes alive."""

    about: ClassVar[str] = "a picture that comes alive"

    image: PictureSource = setting(..., "A picture that comes alive.")
    denoiser: str | None = denoiser()
    motion: Strength = motion()
    amount: float = amount()
    loop: bool = setting(False, "Ask for a clip that loops.")
    moves: PictureSource | None = setting(
        None, "A picture of the same size, white where it may move: as a whole if text says how."
    )
    last: PictureSource | None = setting(
        None, "A picture that the clip ends with: the first becomes it on the way."
    )

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.last is not None and self.loop:
            raise InputError("loop", "a clip that ends with another picture", "leave one out")
        if self.last is not None and self.level is not None:
            raise InputError("level", "a clip between two pictures", "refine the clip by itself")
        return self

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("image") is not None


class Extend(Moved):
    """A clip that goes on from its last frame."""

    about: ClassVar[str] = "a clip that goes on"

    extend: ClipSource = setting(..., "A clip to go on from.")
    denoiser: str | None = denoiser()
    motion: Strength = motion()
    amount: float = amount()

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("extend") is not None


class Refine(Moved):
    """A clip painted anew, larger."""

    about: ClassVar[str] = "a clip that is refined"

    refine: ClipSource = setting(..., "A clip to paint anew, larger.")

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("refine") is not None
