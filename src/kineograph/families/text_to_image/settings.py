"""What can be set when a picture is made from words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from kineograph.values.adapters import Adapted, denoiser
from kineograph.values.ground import GROUNDS, Ground
from kineograph.values.prompt import clean_text
from kineograph.values.settings import setting
from kineograph.values.source import PictureSource
from kineograph.values.still import Enlarged, TextToImage

MOST_SIZE = 1024  # pixels of a finished picture
Finishes = Literal["finisher", "realesrgan", "filter"]
"What makes a picture larger: our network, Real-ESRGAN's (its weights are fetched), or a filter."


class ByDiffusion(TextToImage, Adapted):
    """A cut-out that is denoised, transparent around what it shows."""

    about: ClassVar[str] = "a cut-out by diffusion"

    by: Literal["diffusion"] = setting("diffusion", "How it is made.")
    negative: str = setting("", "What to keep away from.")
    size: int = setting(256, "Pixels of a side.", unit="pixels", least=16, most=MOST_SIZE)
    steps: int | None = setting(None, "Sampling steps.", least=1, most=1000)
    finish: Finishes = setting("finisher", "What makes the picture larger.")
    style: PictureSource | None = setting(
        None, "Take the look of this picture: its colours and its grain."
    )
    ground: Ground | None = setting(
        None, "What to lay it on; nothing keeps it transparent.", words=GROUNDS
    )
    sheet: int | None = setting(
        None, "Make a sheet of so many small pictures to pick from.", least=2, most=64
    )
    pick: int | None = setting(
        None, "Make this one of the sheet, counted from 1, of the same seed.", least=1, most=64
    )
    model: str = setting("pictures", "A shipped model's name, or a folder.")

    @field_validator("negative")
    @classmethod
    def _clean_negative(cls, text: str) -> str:
        return clean_text(text, "negative") if text else ""


class ByCascade(Enlarged, Adapted):
    """One frame of what the cascade of clips makes."""

    about: ClassVar[str] = "a picture by a cascade of clips"

    by: Literal["cascade", "diffusion"] = setting("cascade", "How it is made.")
    denoiser: str | None = denoiser()
    model: str = setting("stickers", "A shipped model's name, or a folder.")

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        """When it is asked for, or the model that is named can do nothing else."""
        if values.get("by", "diffusion") != "diffusion" or "model" not in values:
            return values.get("by") == "cascade"
        from kineograph import recipe

        return recipe.family_of(str(values["model"])) == "cascade"
