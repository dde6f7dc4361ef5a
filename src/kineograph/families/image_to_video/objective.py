"""What a network that moves pictures learns from: blocks of frames, at many lengths and rates.

The base (I2VGen-XL, Zhang et al. 2023, section 3): every step draws how many frames, up to those
of the phase, and how many a second (1 means a still); the noise has an offset, text and picture
state are sometimes left out. The refinement sees text alone, on crops of large frames, and
the lower noise levels alone. The loss weighs the network's own error evenly at every level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from kineograph.animate.space import Space
from kineograph.data.animations import STILL, Animations
from kineograph.data.feed import Feed as StickerFeed
from kineograph.data.motions import MotionFeed
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.loss import WEIGHTINGS
from kineograph.families.image_to_video.recipe import Animate, MotionPart, space_of
from kineograph.nets.image_to_video_unet import ImageToVideoUNet, amount_of
from kineograph.nets.picture_encoder import PictureEncoder
from kineograph.recipe import load
from kineograph.recipe.fields import Phase
from kineograph.training.earlier import trained_before
from kineograph.training.seeds import mixed
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

GUESS = 0.1  # weight of guessing how much moves
MOST_TIMES = 4  # short clips fill a batch with at most so many times the phase's clips


class Feed(Protocol):
    """Clips and texts: a pure function of (seed, seen)."""

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]: ...


class Blocks(Protocol):
    """Blocks of frames at a rate, and their pictures: a pure function of (seed, seen)."""

    def __call__(
        self, batch: int, frames: int, fps: int, *, seed: int, seen: int
    ) -> tuple[Tensor, Cond]: ...


@dataclass(frozen=True)
class Animating:
    """The lesson of a base. eye: the frozen picture encoder.

    space: what pixels are turned into; None where the feed's clips are in it already.
    """

    part: MotionPart
    feed: Blocks
    eye: PictureEncoder | None
    space: Space | None = None

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        part = self.part
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        frames, fps = paces(part, phase.frames, rng)
        batch = clips(phase, frames)
        clean, cond = self.feed(batch, frames, fps, seed=seed, seen=seen)
        cond = self._seen(cond, rng)
        if self.space is not None and cond.first is not None:
            clean = self.space.encode(clean, cond.first)
            cond = replace(cond, first=self.space.seen(cond.first))
        guess = None
        if part.routes.amount:
            guess = cast(ImageToVideoUNet, cast(Precond, net).net).expected(frames, cond)
            cond = self.told(cond, clean)
        loss = denoising_loss(cast(Precond, net), part, clean, cond, rng)
        if guess is not None and cond.amount is not None and fps != STILL and frames > 1:
            loss = loss + GUESS * (guess.float() - cond.amount).square().mean()
        yield loss

    def told(self, cond: Cond, clean: Tensor) -> Cond:
        """The conditions with how much moves in what is denoised, where the base is told that."""
        if not self.part.routes.amount:
            return cond
        return replace(cond, amount=amount_of(clean))

    def _seen(self, cond: Cond, rng: torch.Generator) -> Cond:
        """The conditions with the picture's state, some texts and states left out."""
        first = cond.first
        assert first is not None
        count = len(first)
        cond = cond.drop_words(torch.rand(count, generator=rng) < self.part.no_text)
        if self.eye is None:
            return cond
        with torch.no_grad():
            state = self.eye(first[:, :, 0])
        keep = torch.rand(count, 1, generator=rng) >= self.part.no_picture
        return replace(cond, picture=state * keep)


@dataclass(frozen=True)
class Refining:
    """The lesson of a refinement: text alone, crops of large pictures and clips."""

    part: MotionPart
    feed: Feed

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        for kind, (batch, frames) in enumerate(((phase.batch, phase.frames), (phase.pictures, 1))):
            if not batch:
                continue
            clean, cond = self.feed(batch, frames, seed=seed, seen=2 * seen + kind)
            cond = Cond(cond.words, cond.mask, cond.pooled)
            cond = cond.drop_words(torch.rand(batch, generator=rng) < self.part.no_text)
            share = batch * frames / (phase.batch * phase.frames + phase.pictures)
            precond = cast(Precond, net)
            yield share * denoising_loss(precond, self.part, clean, cond, rng)


def denoising_loss(
    net: Precond, part: MotionPart, clean: Tensor, cond: Cond, rng: torch.Generator
) -> Tensor:
    """The mean loss at levels in the trained share, with offset noise, weighed evenly."""
    sigma = part.levels.draw(len(clean), rng)
    noise = torch.randn(clean.shape, generator=rng)
    noise = noise + part.offset * torch.randn(clean.shape[:3], generator=rng)[..., None, None]
    return net.loss(clean, noise, sigma, cond, weighting=WEIGHTINGS["even"]).mean()


def paces(part: MotionPart, most: int, rng: torch.Generator) -> tuple[int, int]:
    """Frames, at most so many, and frames a second of the next step: the short ones come first."""
    odds = [
        odd * (frames <= most) for frames, odd in zip(part.frames, part.frame_odds, strict=True)
    ]
    return picked(part.frames, odds, rng), picked(part.fps, part.fps_odds, rng)


def picked(values: Sequence[int], odds: Sequence[int], rng: torch.Generator) -> int:
    """One of the values, by their odds."""
    weights = torch.tensor(odds, dtype=torch.float64)
    return values[int(torch.multinomial(weights, 1, generator=rng))]


def clips(phase: Phase, frames: int) -> int:
    """Clips of so many frames that cost what the phase's batch does, within bounds."""
    return max(1, min(phase.batch * phase.frames // frames, MOST_TIMES * phase.batch))


def of_mover(
    recipe: Animate, part: MotionPart, folder: Path | None, run: Path | None
) -> Animating | Refining:
    """The lesson of base or refinement; the base sees with the run's own picture encoder."""
    if recipe.data != "stickers":
        raise InputError("recipe.data", f"'{recipe.data}' is unknown", "use stickers")
    if part.name == recipe.refine.name:
        low = {"low_frames": recipe.frames, "low_size": part.size // 2} if part.crop else {}
        return Refining(
            part, StickerFeed(recipe.frames, part.size, crop=part.crop, folder=folder, **low)
        )
    eye = trained_before(recipe, recipe.picture, run) if part.routes.picture else None
    if recipe.space == "motion":
        blocks = MotionFeed(part.size, rest=part.rest, folder=folder)
        return Animating(part, blocks, cast(PictureEncoder | None, eye))
    space = space_of(recipe, load(recipe.codec) if recipe.codec else None)
    feed = Animations(part.size, rest=part.rest, folder=folder)
    return Animating(part, feed, cast(PictureEncoder | None, eye), space)
