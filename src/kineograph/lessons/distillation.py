"""What a student learns from: its teacher's answers on noised clips, with clips beside pictures.

A lap of no number of steps matches the guided teacher at every noise level, the guidance scale
drawn anew for each sample and told to the student; a lap of N steps stands on the N levels that
its sampler visits and aims where several of the teacher's steps end (`distill.target`). A large
scale has large differences, so a sample's loss is divided by its scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from kineograph import distill
from kineograph.denoise import WEIGHTINGS, Denoiser, Precond
from kineograph.lessons.denoising import Feed, groups
from kineograph.prompt import Cond
from kineograph.recipe import Phase
from kineograph.recipe.distillation import Student


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
        levels = distill.moves(schedule, lap.steps, places, hops=lap.hops, leap=lap.leap)
        sigma = levels[0].float()
        x = clean + sigma.view(-1, 1, 1, 1, 1) * noise
        return sigma, x, distill.target(self.teacher, x, levels, told)
