"""What can be set when a picture is written in codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from kineograph.values.adapters import Adapted
from kineograph.values.settings import setting
from kineograph.values.source import PictureSource
from kineograph.values.still import Enlarged


class ByTokens(Enlarged, Adapted):
    """A picture that is written in codes, one after another."""

    about: ClassVar[str] = "a picture by tokens"

    by: Literal["tokens"] = setting("tokens", "How it is made.")
    complete: PictureSource | None = setting(None, "Keep this picture's upper half.")
    candidates: int | None = setting(None, "Pictures to choose the best of.", least=1, most=64)
    model: str = setting("tokens", "A shipped model's name, or a folder.")

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("by") == "tokens"
