"""What can be set when a picture is made from words, by whatever family."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import field_validator

from kineograph.values.prompt import clean_text
from kineograph.values.settings import STILL, Settings, setting, unmarked


class TextToImage(Settings):
    """What all ways share."""

    verb: ClassVar[str] = "image"
    forms: ClassVar[tuple[str, ...]] = STILL

    text: str = setting(..., "What the picture should show.", place=True)
    guidance: float | None = setting(None, "Guidance scale; 1 is none.", least=0, most=50)
    unmarked: bool = unmarked()

    @field_validator("text")
    @classmethod
    def _clean(cls, text: str) -> str:
        return clean_text(text)


class Enlarged(TextToImage):
    """What is made in a model's own size, and enlarged by whole factors."""

    upscale: Literal[1, 2, 4] = setting(1, "Times more pixels on a side.")
