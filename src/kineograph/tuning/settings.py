"""What can be set when a model is tuned to a person's own data."""

from __future__ import annotations

from typing import ClassVar

from kineograph.training.settings import Training
from kineograph.values.settings import setting
from kineograph.values.source import FolderSource


class Tune(Training):
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
    time_limit: str = setting("10m", "Stop after this long: 90s, 9m, 2h.")
    samples: int | None = setting(
        None, "Samples seen, in place of what the time limit allows.", least=1, most=10**9
    )
    rate: float = setting(0.0, "Learning rate; 0 is the usual one.", least=0, most=1)
    prior: int = setting(
        32, "Pictures of the model's own that are kept in mind; 0 none.", least=0, most=1024
    )
    seed: int = setting(0, "Seed of the run.", least=0, most=2**62 - 1)
