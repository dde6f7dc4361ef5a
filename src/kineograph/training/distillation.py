"""What a student learns from: its teacher's answers on noised clips, with clips beside pictures.

A lap of no number of steps matches the guided teacher at every noise level, the guidance scale
drawn anew for each sample and told to the student; a lap of N steps stands on the N levels that its
sampler visits and aims where several of the teacher's steps end (`distillation.target`). A large
scale has large differences, so a sample's loss is divided by its scale.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from kineograph.diffusion import distillation as distill
from kineograph.diffusion.denoiser import Denoiser, Precond
from kineograph.diffusion.loss import WEIGHTINGS
from kineograph.files import filled
from kineograph.recipe import (
    Distillation,
    Phase,
    Stage,
    Student,
    frozen,
    save_beside,
    save_tensors,
    seal,
    trained,
)
from kineograph.recipe.fields import one_of
from kineograph.training.denoising import Feed, groups
from kineograph.training.loop import Report, Run, fresh, phase_at, restore
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


@dataclass(frozen=True)
class Distilling:
    """The lesson of one lap. The teacher of a lap of steps is told guidance scales itself."""

    student: Student
    feed: Feed
    teacher: Denoiser

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        for clean, cond, share, rng in groups(self.student.stage, self.feed, phase, seed, seen):
            scale = distill.scales(len(clean), self.student.stage.guided, rng)
            noise = torch.randn(clean.shape, generator=rng)
            told = replace(cond, guidance=scale)
            sigma, x, target = self._aim(clean, noise, cond, told, rng)
            losses = cast(Precond, net).miss(
                x, sigma, target, told, weighting=WEIGHTINGS[self.student.lap.weighting]
            )
            yield (losses / scale).mean() * share

    def _aim(
        self, clean: Tensor, noise: Tensor, cond: Cond, told: Cond, rng: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Where each sample stands (sigma, x) and the clean clip that its student should answer."""
        lap, schedule = self.student.lap, self.student.stage.schedule
        if not lap.steps:
            sigma = schedule.draw(len(clean), rng)
            x = clean + sigma.view(-1, 1, 1, 1, 1) * noise
            assert told.guidance is not None
            return sigma, x, distill.guided(self.teacher, x, sigma, cond, told.guidance)
        offset = torch.randint(lap.steps, (1,), generator=rng)
        places = (offset + torch.arange(len(clean)) * lap.steps // len(clean)) % lap.steps
        levels = distill.moves(schedule, lap.steps, places, hops=lap.hops, n_step=lap.n_step)
        sigma = levels[0].float()
        x = clean + sigma.view(-1, 1, 1, 1, 1) * noise
        return sigma, x, distill.target(self.teacher, x, levels, told)


# -- laps, one after another --------------------------------------------------------------------


def rounds(
    run: Run, teacher: Path, feed: Callable[[Stage], Feed], *, time_limit: float = math.inf
) -> Iterator[tuple[Student, Report]]:
    """Train every lap in order, each by the one before; yields steps until all is done or time.

    `teacher` is the model folder that the first lap of each stage begins as.
    """
    recipe = run.recipe
    assert isinstance(recipe, Distillation)
    feeds: dict[str, Feed] = {}
    for student in recipe.parts:
        before = recipe.before(student)
        master = _stage_of(teacher, student) if before is None else student_of(run, before)
        if master is None:
            return
        if phase_at(student, _seen(run, student)) is None:
            continue
        stage = student.stage
        feeds = {stage.name: feeds.get(stage.name) or feed(stage)}
        lesson = Distilling(student, feeds[stage.name], frozen(master))
        for report in run.part(student, lesson, start=master, time_limit=time_limit):
            yield student, report
        if run.out_of_time(time_limit):
            return


def student_of(run: Run, student: Student) -> Precond | None:
    """The network of a lap that is through, frozen; None before that."""
    state = fresh(run.recipe, student)
    restore(state, run.folder / student.name)
    if phase_at(student, state.seen) is not None:
        return None
    return cast(Precond, state.net.requires_grad_(False).eval())


def _seen(run: Run, student: Student) -> int:
    """Samples that a lap has seen."""
    state = fresh(run.recipe, student)
    restore(state, run.folder / student.name)
    return state.seen


def graduated(run: Run, teacher: Path, folder: Path, last: str = "") -> list[Path]:
    """Write the quick model: the last finished lap of each stage, the rest as the teacher has it.

    Laps after `last` are left out. Returns the files written.
    """
    recipe = run.recipe
    assert isinstance(recipe, Distillation)
    names = [student.name for student in recipe.parts]
    if last:
        one_of("lap", last, names)
    wanted = recipe.parts[: names.index(last or names[-1]) + 1]
    nets = {student.name: student_of(run, student) for student in wanted}
    model, source = recipe.graduate(tuple(name for name, net in nets.items() if net is not None))
    if not source:
        raise InputError("out", f"'{run.folder}' holds no finished lap", "go on with it")
    names = ["recipe.json"]
    with filled(folder) as place:
        for stage in model.stages:
            name = f"{stage.name}.safetensors"
            if stage.name in source:
                net = nets[source[stage.name]]
                assert net is not None
                half = {k: v.to(torch.bfloat16) for k, v in net.state_dict().items()}
                save_tensors(place / name, half, {"part": stage.name, "lap": source[stage.name]})
            elif (kept := teacher / name).is_file():
                shutil.copyfile(kept, place / name)
            else:
                continue
            names.append(name)
        names += save_beside(model, place)
        seal(model, place)
    return [folder / name for name in names]


def _stage_of(teacher: Path, student: Student) -> Precond:
    """The teacher's stage, which takes no guidance itself."""
    return cast(Precond, trained(replace(student.stage, guided=0.0), teacher))
