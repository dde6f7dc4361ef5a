"""What can be set when a run is spread over many devices."""

from __future__ import annotations

from typing import ClassVar

from kineograph.values.settings import Settings, setting


class Spreading(Settings):
    """A training run on many processes."""

    verb: ClassVar[str] = "train"
    about: ClassVar[str] = "a training run on many devices"
    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False

    recipe: str = setting(..., "A shipped model's name, a .json or a .py recipe.", place=True)
    folder: str = setting("runs/train", "Folder of the run.")
    part: str = setting("", "Train only this part.")
    data_folder: str = setting("", "Folder of the data set; the user's cache if left out.")
    pieces: int = setting(
        8, "Parts that a batch is drawn in; the processes divide it.", least=1, most=65536
    )
    shards: int = setting(
        1, "Processes that hold one copy of the weights together.", least=1, most=65536
    )
    checkpointing: bool = setting(False, "Compute activations again instead of keeping them.")
    exact: bool = setting(False, "Compute in float32, not in bfloat16 where it pays.")
    every: float = setting(240.0, "Between checkpoints.", unit="seconds", least=0, most=1e9)
    time_limit: str = setting("", "Stop after this long: 90s, 9m, 2h.")
    resume: bool = setting(False, "Go on with the run in the folder.")
    threads: int = setting(1, "CPU threads of a process; 0 is torch's choice.", least=0, most=1024)
