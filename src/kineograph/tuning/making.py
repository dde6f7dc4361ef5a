"""What does a model make of some prompts, with adapters or without? Pictures, all at one size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kineograph import recipe as recipes
from kineograph.diffusion.cascade import CascadeMaker, CascadeStage
from kineograph.diffusion.cascade import Sampling as CascadeSampling
from kineograph.diffusion.sampling import integrate
from kineograph.families.image_tokens.maker import TokenSampling, TokensMaker
from kineograph.families.text_to_image.maker import PictureMaker, Sampling, Within
from kineograph.values.progress import Progress
from kineograph.values.prompt import Cond, Prompt

AT_ONCE = 8  # pictures in one network call


def pictures(
    maker: Any, prompts: Sequence[str], *, seed: int, steps: int = 0
) -> Iterator[Progress[Any]]:
    """A picture a prompt, seeds in a row; the last value is (N, C, S, S) in [0, 1].

    C is 4, premultiplied, of a maker of cut-outs, else 3. steps: 0 is the model's own.
    """
    asked = [Prompt(text, seconds=0) for text in prompts]
    made: list[Tensor] = []
    for first in range(0, len(asked), AT_ONCE):
        some = asked[first : first + AT_ONCE]
        seeds = list(range(seed + first, seed + first + len(some)))
        walk = deque[Tensor](maxlen=1)
        for share, x in _walk(maker, some, seeds, steps):
            walk.append(x)
            yield Progress((first + share * len(some)) / len(asked), "making pictures", None)
        made.append(walk.pop())
    yield Progress(1.0, "made", torch.cat(made))


def _walk(
    maker: Any, some: list[Prompt], seeds: list[int], steps: int
) -> Iterator[tuple[float, Tensor]]:
    if isinstance(maker, PictureMaker):
        for share, x in maker.pixels(some, seeds, Sampling(steps, chunk=len(some))):
            yield share, (x[:, :, 0] + 1) / 2
        return
    if isinstance(maker, TokensMaker):
        for step in maker.make_all(some, seeds, TokenSampling(candidates=1)):
            if step.value is not None:
                yield step.done, torch.stack([clip.frames[0] for clip in step.value])
        return
    assert isinstance(maker, CascadeMaker)
    for step in maker.still().make_all(some, seeds, CascadeSampling(steps=steps)):
        yield step.done, torch.stack([clip.frames[0] for clip in step.value])


def of_stage(stage: CascadeStage, cond: Cond, rng: torch.Generator) -> Tensor:
    """(B, 3, T, S, S) in [-1, 1] of one stage by itself, from conditions that hold what is below.

    cond: with `low` as it is, without noise; T is the stage's.
    """
    assert cond.words is not None
    count = len(cond.words)
    if cond.low is not None:
        noise = torch.randn(cond.low.shape, generator=rng)
        level = torch.full((count,), stage.augmentation)
        cond = replace(cond, low=cond.low + stage.augmentation * noise, low_sigma=level)
    shape = (count, 3, stage.frames, stage.size, stage.size)
    x = stage.begun(torch.randn(shape, generator=rng), cond)
    levels = stage.schedule.grid(stage.steps)
    *_, last = integrate(Within(stage.denoise), x, levels, stage.prepare(cond), order=2)
    return last.clean


def maker_of(model: str, adapters: Sequence[recipes.Worn] = ()) -> Any:
    """The maker of a model by name or folder, with adapters."""
    return recipes.load(model, adapters=adapters)
