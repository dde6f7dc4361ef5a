"""The recipe of a distillation: laps that make stages of a cascade quick, one after another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from torch import nn

from kineograph.diffusion.loss import WEIGHTINGS
from kineograph.recipe.cascade import Cascade, Stage
from kineograph.recipe.fields import Phase, Recipe, one_of, plain_word, within
from kineograph.recipe.loading import Loading
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class DistillationRound:
    """One lap: which stage, how many steps it is to need, and how that was trained."""

    name: str
    "Name of the lap and of its checkpoints."
    stage: str
    "Stage of the teacher."
    steps: int
    "Sampling steps the student is to need; 0 matches the guided teacher at every noise level."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    hops: int = 2
    "Steps of the teacher that one of the student's stands for; 2 halves them."
    n_step: bool = False
    "Whether for the stochastic N-step sampler, whose moves are twice as long."
    weighting: str = "snr"
    "Which error the loss weighs evenly: eps, v, snr (truncated) or the network's own (even)."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        one_of("weighting", self.weighting, WEIGHTINGS)
        within(self, steps=(0, 1024), hops=(1, 64))


@dataclass(frozen=True)
class Student:
    """A lap with its stage: one network to teach."""

    lap: DistillationRound
    stage: Stage

    @property
    def name(self) -> str:
        return self.lap.name

    @property
    def phases(self) -> tuple[Phase, ...]:
        return self.lap.phases

    def network(self) -> nn.Module:
        """Its stage's network with fresh weights."""
        return self.stage.network()


@dataclass(frozen=True)
class Distillation(Recipe):
    """Stages of a cascade trained to need fewer steps and one evaluation a step (Meng et al. 2022).

    The first lap of a stage begins with its teacher's weights, each later one with those of the lap
    before, which becomes its teacher.
    """

    family: ClassVar[str] = "distillation"

    laps: tuple[DistillationRound, ...]
    "First to last; the laps of one stage stand together."
    guided: float = 8.0
    "Largest guidance scale the students learn; 1 is none."
    ema: float = field(default=0.0, kw_only=True)
    "Half-life of the weights' running mean, as a share of the samples seen so far; 0 is none."
    teacher: Cascade | None = None
    "Recipe of the teacher; the command fills it in."

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, guided=(1, 50))
        if not self.laps:
            raise InputError("laps", "there are none")
        names = [lap.name for lap in self.laps]
        if len(set(names)) < len(names):
            raise InputError("laps", f"two of {', '.join(names)} have one name")
        for stage in {lap.stage for lap in self.laps}:
            first = next(lap for lap in self.laps if lap.stage == stage)
            if first.steps and self.guided > 1:
                raise InputError(
                    f"laps.{first.name}",
                    "is told guidance that its teacher does not take",
                    "let a lap of 0 steps come first, or set guided to 1",
                )
        if self.teacher is not None:
            for lap in self.laps:
                one_of(f"laps.{lap.name}", lap.stage, [s.name for s in self.teacher.stages])
                if self._stage(lap).guided:
                    raise InputError(
                        "teacher",
                        f"its stage '{lap.stage}' is a student already",
                        "name the model that it was trained by",
                    )

    @property
    def parts(self) -> tuple[Student, ...]:
        """What is trained, in order."""
        return tuple(
            Student(lap, replace(self._stage(lap), guided=self.guided)) for lap in self.laps
        )

    def before(self, student: Student) -> Student | None:
        """The lap whose network teaches this one; None when it is the teacher's own stage."""
        earlier = self.parts[: self.parts.index(student)]
        return next((s for s in reversed(earlier) if s.lap.stage == student.lap.stage), None)

    def graduate(self, finished: tuple[str, ...]) -> tuple[Cascade, dict[str, str]]:
        """The quick model's recipe after the laps named, and for each stage the lap it comes from.

        A stage without a finished lap stays the teacher's.
        """
        if self.teacher is None:
            raise InputError("teacher", "the recipe names none", "use kineograph distill")
        stages, steps = list(self.teacher.stages), list(self.teacher.steps)
        samplers = list(self.teacher.samplers or ("dpm",) * len(stages))
        source: dict[str, str] = {}
        for student in self.parts:
            if student.name not in finished:
                continue
            i = [stage.name for stage in stages].index(student.lap.stage)
            stages[i] = student.stage
            source[student.lap.stage] = student.name
            if student.lap.steps:
                steps[i] = student.lap.steps
                samplers[i] = "n-step" if student.lap.n_step else "ddim"
        model = replace(
            self.teacher,
            name=self.name,
            stages=tuple(stages),
            steps=tuple(steps),
            samplers=tuple(samplers),
        )
        return model, source

    def _stage(self, lap: DistillationRound) -> Stage:
        if self.teacher is None:
            raise InputError("teacher", "the recipe names none", "use kineograph distill")
        return next(stage for stage in self.teacher.stages if stage.name == lap.stage)

    def objective(self, part: Student, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        raise InputError(
            "recipe", "a distillation learns from its teacher", "use kineograph distill"
        )

    def ready(self, folder: Path, how: Loading) -> NoReturn:
        """Nothing: what it exports does."""
        raise InputError("model", f"'{folder}' is a distillation", "name what it exported")
