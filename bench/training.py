"""How fast does the base learn? Samples a second, and the share of the machine's convolution peak.

    python bench/training.py [--steps 8]

Random pictures and texts stand in for the data, so that only the network and the optimizer are
timed. The peak is the fastest bfloat16 3x3 convolution (channels last) of a few sizes, forward
only, timed seconds before in the same process. Floating-point operations are torch's own count of
forward and backward; the optimizer's are not counted.
"""

from __future__ import annotations

import argparse
import runpy
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from kineograph import recipe as recipes
from kineograph.diffusion.loss import WEIGHTINGS
from kineograph.recipe import Cascade, Phase, Stage
from kineograph.training import loop
from kineograph.training.denoising import Denoising
from kineograph.values.prompt import Cond

RECIPE = Path(__file__).parent.parent / "recipes" / "stickers.py"


def convolution_peak() -> float:
    """GFLOP/s of the fastest bfloat16 convolution found."""
    best = 0.0
    for batch, width, side in ((256, 256, 8), (64, 256, 16), (256, 512, 8), (32, 128, 32)):
        x = torch.randn(batch, width, side, side, dtype=torch.bfloat16)
        x = x.contiguous(memory_format=torch.channels_last)
        weight = torch.randn(width, width, 3, 3, dtype=torch.bfloat16)
        weight = weight.contiguous(memory_format=torch.channels_last)
        flop = 2 * 9 * x.numel() * width
        for _ in range(8):
            begun = time.perf_counter()
            torch.nn.functional.conv2d(x, weight, padding=1)
            best = max(best, flop / (time.perf_counter() - begun) / 1e9)
    return best


def lesson(recipe: Cascade, stage: Stage, phase: Phase, steps: int) -> tuple[float, float]:
    """Samples a second and GFLOP/s of a training step: the median of `steps`, after a first."""
    rng = torch.Generator().manual_seed(0)
    clean = torch.randn(phase.batch, 3, phase.frames, stage.size, stage.size, generator=rng)
    words = torch.randn(phase.batch, 24, stage.shape.text, generator=rng)
    cond = Cond(words, torch.ones(phase.batch, 24, dtype=torch.bool), words.mean(1))
    sigma, noise = stage.schedule.draw(phase.batch, rng), torch.randn_like(clean)
    net, weigh = recipes.network(stage), WEIGHTINGS[stage.weighting]
    with FlopCounterMode(display=False) as counter:
        net.loss(clean, noise, sigma, cond, weighting=weigh).mean().backward()

    alone = replace(stage, phases=(replace(phase, pictures=0, samples=10**9),))
    run = loop.fit(
        recipe,
        alone,
        loop.fresh(recipe, stage),
        Denoising(alone, lambda *_, **__: (clean, cond)),
    )
    times = []
    for _ in range(steps + 1):
        begun = time.perf_counter()
        next(run)
        times.append(time.perf_counter() - begun)
    took = sorted(times[1:])[steps // 2]
    return phase.batch / took, counter.get_total_flops() / took / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    steps = parser.parse_args().steps

    recipe = runpy.run_path(str(RECIPE))["recipe"]
    stage = recipe.stages[0]
    peak = convolution_peak()
    print(f"{torch.get_num_threads()} threads, bfloat16 convolution peak {peak:,.0f} GFLOP/s")
    for phase in stage.phases:
        samples, speed = lesson(recipe, stage, phase, steps)
        print(
            f"{phase.frames} x {stage.size}x{stage.size}, batch {phase.batch}: "
            f"{samples:.1f} samples/s, {speed:,.0f} GFLOP/s, {speed / peak:.0%} of the peak"
        )


if __name__ == "__main__":
    main()
