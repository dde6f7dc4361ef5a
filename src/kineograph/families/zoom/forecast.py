"""What will a zoom cost on this machine?"""

from __future__ import annotations

from typing import NamedTuple

from kineograph.families.zoom.maker import MOST_PIXELS, zoomed
from kineograph.machine import convolution_speed
from kineograph.recipe.cascade import Cascade

# Measured: 463, 447 and 411 MB for 8, 3 and 2 levels of 256 pixels, 558 MB for 2 living ones; by
# example 369 and 341 MB for 6 and 2 levels of 128 pixels, 309 MB for 3 of 64.
BYTES_BY_TEXT, BYTES_A_PIXEL, STACK_BYTES = 375e6, 130, 60
BYTES_BY_EXAMPLE, EXAMPLE_BYTES = 300e6, 700
FRAME_SECONDS = 1.6e-7  # measured: rendering and encoding one pixel of a film
PRODUCT_SHARE = 0.55  # measured: searches over networks, 2,153 GFLOP in 34 s and 558 in 10 s


Film = tuple[int, tuple[int, int]]


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
            f"{self.gflop:,.0f} GFLOP, then {self.film} frames of film"
        )


def zoom_plan(recipe: Cascade, levels: int, film: Film, *, living: bool) -> ZoomPlan:
    """The plan of a zoom by text; film: frames and (width, height)."""
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
        seconds=gflop / convolution_speed() + film_seconds(*film),
        bytes=int(BYTES_BY_TEXT + at_once * BYTES_A_PIXEL + levels * held * STACK_BYTES),
    )


def example_plan(
    gflop: float,
    levels: int,
    size: int,
    film: Film,
    *,
    frames: int = 1,
) -> ZoomPlan:
    """The plan of a zoom by example, whose searches are matrix products in float32."""
    searched = gflop / (PRODUCT_SHARE * convolution_speed())
    seconds = searched + film_seconds(*film)
    held = BYTES_BY_EXAMPLE + levels * frames * size**2 * EXAMPLE_BYTES
    return ZoomPlan(levels, size, frames, 0, gflop, film[0], seconds, int(held))


def film_seconds(count: int, size: tuple[int, int]) -> float:
    """Seconds to render and write `count` frames of (width, height) pixels."""
    return count * (0.004 + size[0] * size[1] * FRAME_SECONDS)
