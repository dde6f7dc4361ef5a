"""What can be set when a learned matcher fills the fourth cell of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from kineograph.values.analogy import BY, Analogy
from kineograph.values.settings import setting, unmarked


class ByTokens(Analogy):
    """A learned matcher fills the fourth cell of a grid (Bar et al. 2022)."""

    about: ClassVar[str] = "an analogy by tokens"

    by: Literal["tokens"] = setting("tokens", BY)
    model: str = setting("visual-prompts", "For tokens: a shipped model's name, or a folder.")
    unmarked: bool = unmarked()
    rounds: int | None = setting(
        None, "For tokens: rounds of deciding; 0 takes all at once.", least=0
    )

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return values.get("by") == "tokens"
