"""The recipe of a model that tells how a thing moves: one denoising stage of tracks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kineograph.recipe import loading
from kineograph.recipe.cascade import Stage
from kineograph.recipe.fields import Recipe, within
from kineograph.recipe.loading import Loading
from kineograph.trajectories.maker import TrajectoryMaker
from kineograph.trajectories.track import CHANNELS
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class Trajectories(Recipe):
    """Text to the track of a thing over one loop: place, turn, size, opacity."""

    family: ClassVar[str] = "trajectories"

    text: str
    "Text encoder."
    seconds: float
    "Length of one loop, seconds."
    base: Stage
    "The network; its clips are one pixel large and have six channels."
    steps: int = 24
    "Sampling steps."
    guidance: float = 2.0
    "Guidance scale; 1 is none."

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, seconds=(1e-3, 3600), steps=(1, 1000), guidance=(0, 50))
        shape = self.base.shape
        if self.base.size != 1 or self.base.low_size or shape.channels != CHANNELS:
            raise InputError("base", "is not a stage of one pixel and six channels by itself")

    @property
    def parts(self) -> tuple[Stage, ...]:
        """What is trained."""
        return (self.base,)

    def objective(self, part: Stage, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.trajectory.objective import of_trajectories

        return of_trajectories(part, folder)

    def ready(self, folder: Path, how: Loading) -> TrajectoryMaker:
        """What tells how things move, with the weights in a folder."""
        net = loading.trained(self.base, folder)
        read = loading.of_width(loading.texts(how.text_encoder), self.base.shape.text)
        return TrajectoryMaker(
            loading.frozen(net),
            read,
            self.base.schedule,
            self.base.frames,
            self.seconds,
            self.steps,
            self.guidance,
        )
