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
from kineograph.zoom.maker import MOST_PIXELS, zoomed


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
        tuple(stages),
        read,
        recipe.seconds,
        recipe.style,
        recipe.styles,
        recipe.size,
        recipe.threshold,
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


STARTUP = 1.7  # measured: the whole start and the encoding, over the imports that came first
BYTES_AT_REST, BYTES_A_CLIP_PIXEL = 400e6, 250  # measured: 434 MB for 32x64x64, 524 MB for 32x128²


def plan(recipe: Cascade, knobs: Knobs, *, forecast: bool = True, begun: float = 0.0) -> Plan:
    """The plan for one clip. The forecast times a convolution.

    `begun`: seconds that the command has spent on imports; the rest of its start is reckoned from
    them, and 0 counts no start.
    """

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
        seconds=gflop / convolution_speed() + STARTUP * begun if forecast else 0.0,
        bytes=int(BYTES_AT_REST + values * BYTES_A_CLIP_PIXEL),
    )


class ZoomPlan(NamedTuple):
    """What a zoom will do: levels, their pixels and frames, network evaluations, forecasts.

    evaluations are 0 when there is no network. film: frames of the flight.
    """

    levels: int
    size: int
    frames: int
    evaluations: int
    gflop: float
    film: int
    seconds: float
    bytes: int

    def told(self) -> str:
        moving = f" of {self.frames} frames" if self.frames > 1 else ""
        work = f"{self.evaluations} network evaluations" if self.evaluations else "by example"
        return (
            f"{self.levels} levels of {self.size}x{self.size}{moving}: {work}, "
            f"{self.gflop:,.0f} GFLOP, then {self.film} frames of film; "
            f"about {self.seconds:.0f} s and {self.bytes / 2**20:,.0f} MiB on this machine"
        )


def zoom_plan(
    recipe: Cascade, levels: int, film: tuple[int, int], *, living: bool, begun: float = 0.0
) -> ZoomPlan:
    """The plan of a zoom by text; film: frames and pixels of a side. begun: as for `plan`."""
    stages = zoomed(recipe.stages, living)
    steps = [recipe.steps[recipe.stages.index(stage)] for stage in stages]
    scales = [recipe.guidance[recipe.stages.index(stage)] for stage in stages]
    frames = [stage.frames if living else 1 for stage in stages]
    calls = [levels * n * (1 if w == 1 else 2) for n, w in zip(steps, scales, strict=True)]
    gflop = sum(
        count * stage.shape.flop(t, stage.size) / 1e9
        for count, stage, t in zip(calls, stages, frames, strict=True)
    )
    held = max(t * stage.size**2 for t, stage in zip(frames, stages, strict=True))
    at_once = max(MOST_PIXELS, held) * (2 if max(scales) > 1 else 1)
    return ZoomPlan(
        levels=levels,
        size=stages[-1].size,
        frames=frames[-1],
        evaluations=sum(calls),
        gflop=gflop,
        film=film[0],
        seconds=gflop / convolution_speed() + film_seconds(*film) + STARTUP * begun,
        bytes=int(BYTES_BY_TEXT + at_once * BYTES_A_PIXEL + levels * held * STACK_BYTES),
    )


def example_plan(
    gflop: float,
    levels: int,
    size: int,
    film: tuple[int, int],
    *,
    frames: int = 1,
    begun: float = 0.0,
) -> ZoomPlan:
    """The plan of a zoom by example, whose searches are matrix products in float32."""
    searched = gflop / (PRODUCT_SHARE * convolution_speed())
    seconds = searched + film_seconds(*film) + STARTUP * begun
    held = BYTES_BY_EXAMPLE + levels * frames * size**2 * EXAMPLE_BYTES
    return ZoomPlan(levels, size, frames, 0, gflop, film[0], seconds, int(held))


def film_seconds(count: int, size: int) -> float:
    """Seconds to render and write `count` frames of size x size pixels."""
    return count * (0.004 + size**2 * FRAME_SECONDS)


# Measured: 463, 447 and 411 MB for 8, 3 and 2 levels of 256 pixels, 558 MB for 2 living ones; by
# example 369 and 341 MB for 6 and 2 levels of 128 pixels, 309 MB for 3 of 64.
BYTES_BY_TEXT, BYTES_A_PIXEL, STACK_BYTES = 375e6, 130, 60
BYTES_BY_EXAMPLE, EXAMPLE_BYTES = 300e6, 700
FRAME_SECONDS = 1.6e-7  # measured: rendering and encoding one pixel of a film
NETWORK_SHARE = 0.42  # measured: 0.38 in the base of stickers, 0.41 to 0.46 from space32 on
PRODUCT_SHARE = 0.55  # measured: searches over networks, 2,153 GFLOP in 34 s and 558 in 10 s


def convolution_speed(seconds: float = 0.15) -> float:
    """GFLOP/s that a network's forward pass reaches: a share of a bfloat16 convolution's speed."""
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
    return NETWORK_SHARE * flop / (time.perf_counter() - begun) / 1e9
