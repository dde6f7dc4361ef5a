"""A cascade's recipe as stages ready to run, and what a run of them will cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from kineograph.cascade import CascadeMaker, CascadeStage, Knobs, Texts
from kineograph.denoise import Denoiser
from kineograph.prompt import Cond
from kineograph.recipe.cascade import Cascade


def cascade_stage(
    recipe: Cascade, i: int, denoise: Denoiser, prepare: Callable[[Cond], Cond] = lambda cond: cond
) -> CascadeStage:
    stage = recipe.stages[i]
    first = next((s.name for s in recipe.stages if 0 < s.low_size < s.size), "")
    oscillating = recipe.oscillating or (recipe.stages[0].name, first)
    return CascadeStage(
        name=stage.name,
        denoise=denoise,
        schedule=stage.schedule,
        frames=stage.frames,
        size=stage.size,
        steps=recipe.steps[i],
        guidance=recipe.guidance[i],
        low_noise=stage.low_noise,
        sampler=recipe.samplers[i] if recipe.samplers else "dpm",
        guided=stage.guided,
        oscillates=stage.name in oscillating,
        prepare=prepare,
        cost=stage.shape.flop(stage.frames, stage.size) / 1e9,
    )


def cascade_maker(recipe: Cascade, stages: Sequence[CascadeStage], read: Texts) -> CascadeMaker:
    return CascadeMaker(
        tuple(stages), read, recipe.seconds, recipe.style, recipe.styles, recipe.size
    )


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
            f"{self.evaluations} network evaluations, {self.gflop:,.0f} GFLOP, "
            f"about {self.seconds:.0f} s and {self.bytes / 2**20:,.0f} MiB on this machine"
        )


def plan(recipe: Cascade, knobs: Knobs, *, forecast: bool = True) -> Plan:
    """The plan for one clip. The forecast times a convolution; start-up is not counted."""

    def nothing(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        raise NotImplementedError

    ready = [cascade_stage(recipe, i, nothing) for i in range(len(recipe.stages))]
    maker = cascade_maker(recipe, ready, lambda texts: Cond())
    chosen = maker.chosen(knobs)
    calls = [stage.evaluations(knobs) for stage in chosen]
    gflop = sum(count * stage.cost for count, stage in zip(calls, chosen, strict=True))
    values = max(stage.frames * stage.size**2 for stage in chosen)
    return Plan(
        stages=len(chosen),
        size=chosen[-1].size,
        frames=chosen[-1].frames,
        evaluations=sum(calls),
        gflop=gflop,
        seconds=gflop / convolution_speed() if forecast else 0.0,
        bytes=int(800e6 + values * BYTES_A_PIXEL),
    )


BYTES_A_PIXEL = 600  # measured: peak memory of the widest stage over its pixels


def convolution_speed(seconds: float = 0.15) -> float:
    """GFLOP/s that a network's forward pass reaches: half of a bfloat16 convolution's speed."""
    x = torch.randn(64, 128, 8, 8, dtype=torch.bfloat16).contiguous(
        memory_format=torch.channels_last
    )
    weight = torch.randn(128, 128, 3, 3, dtype=torch.bfloat16)
    torch.nn.functional.conv2d(x, weight, padding=1)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        torch.nn.functional.conv2d(x, weight, padding=1)
        count += 1
    flop = 2 * x.numel() * 9 * 128 * count
    return 0.5 * flop / (time.perf_counter() - begun) / 1e9
