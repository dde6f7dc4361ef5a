"""What will a moved picture, or a refined clip, cost on this machine?"""

from __future__ import annotations

from kineograph.animate.maker import Sampling
from kineograph.families.image_to_video.recipe import Animate
from kineograph.machine import convolution_speed
from kineograph.recipe.plan import Plan

BYTES_A_PIXEL = 130  # measured: of every frame of the clip


def forecast(recipe: Animate, sampling: Sampling, seconds: float) -> Plan:
    """What a clip of so many seconds costs on this machine; start-up is not counted."""
    frames = sampling.frames or recipe.frames
    total = frames
    if not sampling.loop:
        total = max(frames, round(seconds * frames / recipe.seconds))
    fresh = max(1, frames - min(recipe.pinned, frames - 1))
    blocks = 1 + max(0, -(-(total - frames) // fresh))
    scales = (
        recipe.guidance[0] if sampling.guidance is None else sampling.guidance,
        recipe.guidance[1],
    )
    calls = [blocks * (sampling.steps or recipe.steps[0]) * (1 + (scales[0] != 1))]
    gflop = calls[0] * recipe.base.shape.flop(frames, recipe.base.size) / 1e9
    size = sampling.size or recipe.base.size
    if sampling.refine:
        size = recipe.refine.size
        upward = recipe.steps[1] if recipe.noising == "ddim" else 0
        calls.append(-(-total // frames) * (recipe.steps[1] * (1 + (scales[1] != 1)) + upward))
        gflop += calls[1] * recipe.refine.shape.flop(frames, size) / 1e9
    bytes_ = int(800e6 + total * size**2 * BYTES_A_PIXEL)
    return Plan(len(calls), size, total, sum(calls), gflop, gflop / convolution_speed(), bytes_)
