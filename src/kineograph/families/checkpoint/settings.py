"""What can be set when a public checkpoint makes a clip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from kineograph.values.adapters import Adapted
from kineograph.values.output import Output
from kineograph.values.prompt import clean_text
from kineograph.values.settings import MOVING, setting, unmarked
from kineograph.values.source import PictureSource
from kineograph.values.strength import Strength, motion

INDEX = "model_index.json"
MOST_SECONDS = 600.0


def is_checkpoint(model: Any) -> bool:
    """Whether a model is named by a folder in the diffusers layout."""
    return isinstance(model, str | Path) and bool(model) and (Path(model) / INDEX).is_file()


class CheckpointVideo(Output, Adapted):
    """A clip by a public checkpoint, from words, a picture, or both."""

    verb: ClassVar[str] = "video"
    about: ClassVar[str] = "a public checkpoint"
    forms: ClassVar[tuple[str, ...]] = MOVING

    text: str = setting(..., "What the clip should show.", place=True)
    image: PictureSource | None = setting(None, "A picture that comes alive.")
    motion: Strength = motion()
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
    sampler: Literal["ddim", "ddpm", "dpm", "dpm-sde", "n-step"] | None = setting(
        None, "How to go down the noise levels; the model's own when not given."
    )
    model: str = setting(..., "A shipped model's name, or a folder.")
    unmarked: bool = unmarked()

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return is_checkpoint(values.get("model"))

    @field_validator("text")
    @classmethod
    def _clean(cls, text: str) -> str:
        return clean_text(text) if text else ""
