"""What will a cascade's run do, and cost on this machine?"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from kineograph.diffusion.cascade import Sampling
from kineograph.machine import convolution_speed
from kineograph.recipe.cascade import Cascade, cascade_maker, cascade_stage
from kineograph.values.prompt import Cond


class Plan(NamedTuple):
    """What a run will do: stages to load, pixels, frames, network evaluations, GFLOP, forecasts."""

    stages: int
    size: int
    frames: int
    evaluations: int
    gflop: float
    seconds: float
    bytes: int

    def told(self) -> str:
        return (
            f"{self.frames} frames of {self.size}x{self.size} through {self.stages} stages: "
            f"{self.evaluations} network evaluations, {self.gflop:,.0f} GFLOP"
        )


BYTES_AT_REST, BYTES_A_CLIP_PIXEL = 400e6, 250  # measured: 434 MB for 32x64x64, 524 MB for 32x128²


def plan(recipe: Cascade, sampling: Sampling, *, forecast: bool = True) -> Plan:
    """The plan for one clip. The forecast times a convolution; start-up is not counted."""

    def nothing(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        raise NotImplementedError

    ready = [cascade_stage(recipe, i, nothing) for i in range(len(recipe.stages))]
    maker = cascade_maker(recipe, ready, lambda texts: Cond())
    chosen = maker.chosen(sampling)
    calls = [stage.evaluations(sampling) for stage in chosen]
    gflop = sum(count * stage.cost for count, stage in zip(calls, chosen, strict=True))
    values = max(stage.frames * stage.size**2 for stage in chosen)
    return Plan(
        stages=len(chosen),
        size=chosen[-1].size,
        frames=chosen[-1].frames,
        evaluations=sum(calls),
        gflop=gflop,
        seconds=gflop / convolution_speed() if forecast else 0.0,
        bytes=int(BYTES_AT_REST + values * BYTES_A_CLIP_PIXEL),
    )
