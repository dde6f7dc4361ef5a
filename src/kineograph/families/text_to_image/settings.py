"""What can be set when a picture is made from words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from kineograph.values.prompt import clean_text
from kineograph.values.settings import STILL, Settings, setting
from kineograph.values.source import PictureSource


class TextToImage(Settings):
    """What both ways share."""

    verb: ClassVar[str] = "image"
    forms: ClassVar[tuple[str, ...]] = STILL

    text: str = setting(..., "What the picture should show.", place=True)
    upscale: Literal[1, 2, 4] = setting(1, "Times more pixels on a side.")
    guidance: float | None = setting(None, "Guidance scale; 1 is none.", least=0, most=50)

    @field_validator("text")
    @classmethod
    def _clean(cls, text: str) -> str:
        return clean_text(text)


class ByDiffusion(TextToImage):
    """A picture that is denoised."""

    about: ClassVar[str] = "a picture by diffusion"

    by: Literal["diffusion"] = setting("diffusion", "How it is made.")
    model: str = setting("stickers", "A shipped model's name, or a folder.")


class ByTokens(TextToImage):
    """A picture that is written in codes, one after another."""

    about: ClassVar[str] = "a picture by tokens"

    by: Literal["tokens"] = setting("tokens", "How it is made.")
    complete: PictureSource | None = setting(None, "Keep this picture's upper half.")
    candidates: int | None = setting(None, "Pictures to choose the best of.", least=1, most=64)
    model: str = setting("tokens", "A shipped model's name, or a folder.")

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("by") == "tokens"
