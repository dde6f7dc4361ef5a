"""What a denoising stage learns from: clips, noise, and pictures beside the clips.

The loss is Precond's (the papers' weighted squared error). Joint image-video training adds a batch
of pictures to each batch of clips; the stage below is seen through a little noise whose level is
drawn anew (noise-conditioning augmentation, Ho et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from kineograph.data.feed import Feed as StickerFeed
from kineograph.data.scenes.feed import ScenesFeed
from kineograph.diffusion.denoiser import Precond
from kineograph.own_code import found, is_place
from kineograph.recipe import Cascade, Phase, Stage
from kineograph.training.binding import misplaced, watching
from kineograph.training.seeds import mixed
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


class Feed(Protocol):
    """Training examples of one stage: a pure function of (seed, seen).

    Returns clean (B, C, T, H, W) in model range with B = `batch` and T = `frames`, and conditions
    whose `low` is still without noise.
    """

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]: ...


Apart = Callable[[Tensor, Tensor], Tensor]
"Clips as estimated and as they are, both (B, C, T, H, W), to how far apart they look, (B,)."


@dataclass(frozen=True)
class Denoising:
    """The lesson of one stage of a cascade. apart: how unlike two clips look, if that counts."""

    stage: Stage
    feed: Feed
    apart: Apart | None = None

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        for clean, cond, share, rng in groups(self.stage, self.feed, phase, seed, seen):
            sigma = self.stage.schedule.draw(len(clean), rng)
            noise = torch.randn(clean.shape, generator=rng)
            told = (clean, noise, sigma, cond)
            if self.stage.binding and cond.parts is None:
                problem = f"{self.stage.binding} needs data that says which word names which thing"
                raise InputError(f"stages.{self.stage.name}.binding", problem, "use composed")
            if self.stage.perceptual and self.apart is None:
                problem = f"{self.stage.perceptual} needs a network that looks"
                remedy = "use a recipe of pictures that names a recognizer"
                raise InputError(f"stages.{self.stage.name}.perceptual", problem, remedy)
            with watching(net) if self.stage.binding else nullcontext() as attended:
                learned = cast(Precond, net).learned(*told, weighting=self.stage.weigh)
            loss = learned.loss.mean()
            if attended is not None:
                loss = loss + self.stage.binding * misplaced(attended, cond)
            low = sigma < self.stage.perceptual_below  # above, an estimate is a mean of many
            if self.apart is not None and low.any():
                far = self.apart(learned.clean[low], clean[low]).sum() / len(clean)
                loss = loss + self.stage.perceptual * far
            yield loss * share


def groups(
    stage: Stage, feed: Feed, phase: Phase, seed: int, seen: int
) -> Iterator[tuple[Tensor, Cond, float, torch.Generator]]:
    """Clips and, in joint training, the pictures beside them: clean, cond, share, rng."""
    parts = [(phase.batch, phase.frames), (phase.pictures, 1)]
    total = sum(batch * frames for batch, frames in parts)
    for kind, (batch, frames) in enumerate(parts):
        if not batch:
            continue
        rng = torch.Generator().manual_seed(mixed(seed, 2 * seen + kind))
        clean, cond = feed(batch, frames, seed=seed, seen=2 * seen + kind)
        cond = cond.drop_words(torch.rand(batch, generator=rng) < stage.no_text)
        if cond.low is not None:
            low_sigma = torch.rand(batch, generator=rng) * stage.augmentation_most
            noise = torch.randn(cond.low.shape, generator=rng)
            noisy = cond.low + low_sigma.view(-1, 1, 1, 1, 1) * noise
            cond = replace(cond, low=noisy, low_sigma=low_sigma)
        yield clean, cond, batch * frames / total, rng


def of_cascade(recipe: Cascade, part: Stage, folder: Path | None) -> Denoising:
    """The objective of a stage of a cascade."""
    return Denoising(part, own_feed(recipe.data, part) or _feed(recipe.data, part, folder))


def own_feed(data: str, stage: Stage) -> Feed | None:
    """A person's own training examples, made of the stage; None for a data set of ours.

    data: `package.module:name` of what takes a Stage and returns a Feed.
    """
    if not is_place(data):
        return None
    made: Feed = found(data, "recipe.data")(stage)
    return made


def _feed(data: str, stage: Stage, folder: Path | None) -> Feed:
    """Training examples of a stage from the data set of that name."""
    match data:
        case "stickers":
            return StickerFeed(
                stage.frames,
                stage.size,
                low_frames=stage.low_frames,
                low_size=stage.low_size,
                crop=stage.crop,
                folder=folder,
            )
        case "scenes":
            return ScenesFeed(stage.size, low_size=stage.low_size, crop=stage.crop, folder=folder)
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers or scenes")
