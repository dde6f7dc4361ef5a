"""What can be set when a model learns of a person's own data."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import field_validator

from kineograph.values.duration import seconds_of
from kineograph.values.errors import InputError
from kineograph.values.settings import Settings, setting
from kineograph.values.source import FolderSource

LIMIT = "Stop after this long: 90s, 9m, 2h."
Like = Literal["pictures", "scenes", "words"]


class Learning(Settings):
    """What tuning and training share."""

    drawn: ClassVar[bool] = False

    threads: int = setting(0, "CPU threads; 0 is torch's choice.", least=0, most=1024)
    resume: bool = setting(False, "Go on with a run that was cut.")


class Tune(Learning):
    """A model tuned to a pack, by an adapter beside its weights or by all of them."""

    verb: ClassVar[str] = "tune"
    about: ClassVar[str] = "a model tuned to a pack"
    forms: ClassVar[tuple[str, ...]] = ("",)

    model: str = setting(
        ..., "The model to tune: pictures, scenes, words, or a folder.", place=True
    )
    pack: FolderSource = setting(..., "A pack, from kineograph data folder.", place=True)
    whole: bool = setting(False, "Move all weights; the model made is as large as the old one.")
    rank: int = setting(4, "Columns of the adapter's thin matrices.", least=1, most=64)
    subject: str = setting(
        "", "The word for what the pack shows; found in the captions. none: not one thing."
    )
    time_limit: str = setting("10m", LIMIT)
    samples: int | None = setting(
        None, "Samples seen, in place of what the time limit allows.", least=1, most=10**9
    )
    seed: int = setting(0, "Seed of the run.", least=0, most=2**62 - 1)
    rate: float = setting(0.0, "Learning rate; 0 is the usual one.", least=0, most=1)
    prior: int = setting(
        32, "Pictures of the model's own that are kept in mind; 0 none.", least=0, most=1024
    )

    @field_validator("time_limit")
    @classmethod
    def _limit(cls, text: str) -> str:
        return checked_limit(text)


class Train(Learning):
    """A model from its recipe, in pieces of any length."""

    verb: ClassVar[str] = "train"
    about: ClassVar[str] = "a model trained from its recipe"
    forms: ClassVar[tuple[str, ...]] = ()

    recipe: str | None = setting(
        None, "A shipped model's name, a .json or a .py recipe.", place=True
    )
    like: Like | None = setting(None, "Build a recipe like this model's, of the right size.")
    out: str = setting("runs/train", "Folder of the run.")
    data: FolderSource | None = setting(None, "A pack to learn from, in place of the named data.")
    stage: str = setting("", "Train only this part.")
    time_limit: str = setting("", LIMIT)
    start: str = setting("", "Begin with the weights of this model, or with realesrgan.")
    export: str | None = setting(None, "Write the weights so far as a model folder, and stop.")

    @field_validator("time_limit")
    @classmethod
    def _limit(cls, text: str) -> str:
        return checked_limit(text)


def checked_limit(text: str) -> str:
    """A length of time as it was written, once it can be read."""
    if text and not 1 <= seconds_of(text) <= 90 * 86400:
        raise InputError("time_limit", f"'{text}' is not in 1 s … 90 days", "write 90s, 9m or 2h")
    return text
