"""What can be set when a clip is made from words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator

from kineograph.values.adapters import Adapted, denoiser
from kineograph.values.ground import GROUNDS, Ground
from kineograph.values.output import PRESETS, Output
from kineograph.values.prompt import clean_text
from kineograph.values.settings import MOVING, setting, unmarked
from kineograph.values.source import FolderSource, PictureSource
from kineograph.values.strength import Strength, amount, motion

MOST_SECONDS = 600.0
MOST_SIDE = 1024  # pixels of a clip by picture
MOST_PRESET = 512  # of one that a preset asks for


class TextToVideo(Output, Adapted):
    """A clip from words, all of its frames denoised together."""

    verb: ClassVar[str] = "video"
    about: ClassVar[str] = "a clip from words by a cascade"
    forms: ClassVar[tuple[str, ...]] = MOVING

    text: str = setting(..., "What the clip should show.", place=True)
    by: Literal["cascade"] = setting("cascade", "How it is made.")
    denoiser: str | None = denoiser()
    negative: str = setting("", "What to keep away from.")
    seconds: float | None = setting(
        None, "Length; a loop is repeated to fill it.", unit="seconds", above=0, most=MOST_SECONDS
    )
    size: int | None = setting(
        None, "Pixels of a side, the longer one.", unit="pixels", least=1, most=8192
    )
    frames: int | None = setting(None, "Frames of one loop.", unit="frames", least=1, most=4096)
    steps: int | None = setting(None, "Sampling steps of every stage.", least=1, most=1000)
    guidance: float | None = setting(
        None, "Guidance scale of the first stage; 1 is none.", least=0, most=50
    )
    oscillate: bool = setting(False, "Guidance by turns with none after a while.")
    rescale: float = setting(
        0.0, "Share of guidance's gain in contrast that is taken back.", least=0, most=1
    )
    sampler: Literal["ddim", "ddpm", "dpm", "dpm-sde", "n-step"] | None = setting(
        None, "How to go down the noise levels; the model's own when not given."
    )
    loop: bool = setting(False, "Ask for a clip that loops.")
    model: str = setting("stickers", "A shipped model's name, or a folder.")
    text_encoder: FolderSource | None = setting(
        None, "Folder of a T5 or BERT encoder in place of the model's."
    )
    unmarked: bool = unmarked()

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        """When it is asked for, or the model that is named can do nothing else."""
        if "by" in values or "model" not in values:
            return values.get("by") == "cascade"
        from kineograph import recipe

        return recipe.family_of(str(values["model"])) == "cascade"

    @field_validator("text")
    @classmethod
    def _clean(cls, text: str) -> str:
        return clean_text(text)

    @field_validator("negative")
    @classmethod
    def _clean_negative(cls, text: str) -> str:
        return clean_text(text, "negative") if text else ""


class ByPicture(Output, Adapted):
    """A clip from words: a cut-out is drawn, and moves."""

    verb: ClassVar[str] = "video"
    about: ClassVar[str] = "a clip from words"
    forms: ClassVar[tuple[str, ...]] = MOVING

    text: str = setting(..., "What the clip should show.", place=True)
    by: Literal["picture"] = setting("picture", "How it is made.")
    negative: str = setting("", "What to keep away from.")
    seconds: float | None = setting(
        None, "Length; a loop is repeated to fill it.", unit="seconds", above=0, most=MOST_SECONDS
    )
    size: int = setting(
        256, "Pixels of a side, the longer one.", unit="pixels", least=16, most=MOST_SIDE
    )
    frames: int = setting(32, "Frames of one loop.", unit="frames", least=2, most=64)
    steps: int | None = setting(None, "Sampling steps of every stage.", least=1, most=1000)
    guidance: float | None = setting(
        None, "Guidance scale of the first stage; 1 is none.", least=0, most=50
    )
    motion: Strength = motion()
    amount: float = amount()
    finish: Literal["finisher", "realesrgan", "filter"] = setting(
        "finisher", "What makes the picture larger."
    )
    style: PictureSource | None = setting(
        None, "Take the look of this picture: its colours and its grain."
    )
    ground: Ground | None = setting(
        None, "What to lay it on; nothing keeps it transparent.", words=GROUNDS
    )
    model: str = setting("pictures", "A shipped model's name, or a folder.")
    text_encoder: FolderSource | None = setting(
        None, "Folder of a T5 or BERT encoder in place of the model's."
    )
    unmarked: bool = unmarked()

    def resolved(self) -> Self:
        """With a chat's preset the cut-out is made as large as the file, where that can be."""
        if self.for_ is None or "size" in self.model_fields_set:
            return self
        wanted = max(int(side) for side in PRESETS[self.for_].size.split("x"))
        return self.changed(size=min(wanted, MOST_PRESET))

    @field_validator("text")
    @classmethod
    def _clean(cls, text: str) -> str:
        return clean_text(text)

    @field_validator("negative")
    @classmethod
    def _clean_negative(cls, text: str) -> str:
        return clean_text(text, "negative") if text else ""
