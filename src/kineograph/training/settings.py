"""What can be set when a model is trained: settings types of the training commands."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import field_validator

from kineograph.values.duration import seconds_of
from kineograph.values.settings import Settings, setting
from kineograph.values.source import FolderSource

Like = Literal["pictures", "stickers", "scenes", "words"]


class Training(Settings):
    """What every run shares."""

    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False

    time_limit: str = setting("", "Stop after this long: 90s, 9m, 2h.")
    resume: bool = setting(False, "Go on with the run in its folder.")
    threads: int = setting(0, "CPU threads; 0 is torch's choice.", least=0, most=1024)

    @field_validator("time_limit")
    @classmethod
    def _read(cls, text: str) -> str:
        seconds_of(text)
        return text

    @property
    def limit(self) -> float:
        """Seconds after which the run stops; infinite where none is named."""
        return seconds_of(self.time_limit)


class Train(Training):
    """A model is trained from its recipe."""

    verb: ClassVar[str] = "train"
    about: ClassVar[str] = "training"

    recipe: str | None = setting(
        None, "A shipped model's name, a .json or a .py recipe.", place=True
    )
    like: Like | None = setting(None, "Build a recipe like this model's, of the right size.")
    data: FolderSource | None = setting(None, "A pack to learn from, in place of the named data.")
    out: Path = setting(Path("runs/train"), "Folder of the run.")
    stage: str = setting("", "Train only this part.")
    start: str = setting("", "Begin with the weights of this model, or with realesrgan.")
    export: Path | None = setting(None, "Write the weights so far as a model folder, and stop.")
    own_code: bool = setting(False, "The recipe's data may be code of yours: package.module:name.")


class Distill(Training):
    """A model is taught to need fewer steps."""

    verb: ClassVar[str] = "distill"
    about: ClassVar[str] = "a distillation"

    recipe: str = setting(..., "A .json or a .py recipe of a distillation.", place=True)
    teacher: str = setting(..., "The model to make quick: its folder, or a shipped one's name.")
    out: Path = setting(Path("runs/distill"), "Folder of the run.")
    export: Path | None = setting(
        None, "Write the finished laps and the teacher's rest as a model; stop."
    )
    lap: str = setting("", "With export: laps up to this one alone.")


class Spreading(Training):
    """A model is trained on many processes, which torchrun starts."""

    verb: ClassVar[str] = "train"
    about: ClassVar[str] = "training on many devices"

    recipe: str = setting(..., "A shipped model's name, a .json or a .py recipe.", place=True)
    out: Path = setting(Path("runs/train"), "Folder of the run.")
    stage: str = setting("", "Train only this part.")
    data_folder: Path | None = setting(
        None, "Folder of the data set; the user's cache if left out."
    )
    pieces: int = setting(
        8, "Parts that a batch is drawn in; the processes divide it.", least=1, most=65536
    )
    shards: int = setting(
        1, "Processes that hold one copy of the weights together.", least=1, most=65536
    )
    checkpointing: bool = setting(False, "Compute activations again instead of keeping them.")
    exact: bool = setting(False, "Compute in float32, not in bfloat16 where it pays.")
    every: float = setting(240.0, "Between checkpoints.", unit="seconds", least=0, most=1e9)
