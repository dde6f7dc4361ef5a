"""What a finisher is trained by: how the enlarged cut-out looks over several grounds.

L1 distance over white, over black and over a colour of the sample's own (LayerDiffuse and AlphaVAE
compose so), the L1 distance of alpha, and for some pictures the distance of frozen Lite0 features
(Zhang et al. 2018) over that colour. What it sees has a little noise, for the picture network's own
pictures are not exact means of areas. A critic of patches may be held against it: relative to each
other, which is the more real, the made or the true (Jolicoeur-Martineau 2018)? Its gradient is kept
small where pictures are real or made by scoring them with a little noise too (approximated R1,
Lin et al. 2025, "APT", equation 5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.data import cutouts
from kineograph.data.cutout_texts import captions_of, load_texts
from kineograph.data.finish_feed import Answer, FinishFeed
from kineograph.data.sticker_features import lite0
from kineograph.diffusion.sampling import integrate
from kineograph.families.text_to_image.finisher_recipe import FinisherPart
from kineograph.families.text_to_image.maker import PictureMaker, Within
from kineograph.nets.lite0 import Lite0, distance
from kineograph.recipe.fields import Phase
from kineograph.training.seeds import mixed
from kineograph.training.still import still
from kineograph.values.prompt import Cond

ASKED = (1.0, 5.0)  # noise levels from which a network draws its own detail
ASKED_STEPS = 6
STEADY, STEADY_NOISE = 10.0, 0.05  # weight of approximated R1, deviation of its noise
LOOK = 64  # pixels at which the frozen network looks


class Feed(Protocol):
    """Pairs: a pure function of (seed, seen).

    Returns small (B, 4, crop, crop) and large (B, 4, R crop, R crop), premultiplied, in [0, 1].
    """

    def __call__(self, batch: int, crop: int, *, seed: int, seen: int) -> tuple[Tensor, Tensor]: ...


@dataclass(frozen=True)
class Finishing:
    """The objective of a finisher. look: the frozen network, None to do without it."""

    part: FinisherPart
    feed: Feed
    look: Lite0 | None

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        part, critic = self.part, getattr(net, "critic", None)
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        small, large = self.feed(phase.batch, part.crop, seed=seed, seen=seen)
        strength = part.noise * torch.rand(len(small), 1, 1, 1, generator=rng)
        noisy = small + strength * torch.randn(small.shape, generator=rng)
        own = torch.rand(len(small), 3, 1, 1, generator=rng)

        made = net(noisy)
        loss = self._apart(made, large, own)
        if critic is not None and part.adversarial and seen >= part.critic_from:
            with still(critic):
                ahead = critic(made) - critic(large)
            loss = loss + part.adversarial * F.softplus(-ahead).mean()
        yield loss

        if critic is not None:
            yield _criticised(critic, large, made.detach(), rng)

    def _apart(self, made: Tensor, large: Tensor, own: Tensor) -> Tensor:
        """How far what was made is from what is true, over grounds, by alpha and by features."""
        part, white, black = self.part, torch.ones_like(own), torch.zeros_like(own)
        seen_over = [(over(made, g) - over(large, g)).abs().mean() for g in (white, black, own)]
        loss = sum(seen_over, torch.zeros(())) / len(seen_over)
        loss = loss + part.alpha * (made[:, 3] - large[:, 3]).abs().mean()
        if self.look is not None and part.perceptual:
            some = slice(0, part.looked or len(made))
            pair = (over(x[some], own[some]).clamp(0, 1) for x in (made, large))
            loss = loss + part.perceptual * _apart(self.look, *pair)
        return loss


def _criticised(critic: nn.Module, real: Tensor, made: Tensor, rng: torch.Generator) -> Tensor:
    """What a critic learns from: pictures (N, 4, H, W) that are real, and that were made of them.

    The pair beside each other, and the same with a little noise, which should change no score.
    """
    true, false = critic(real), critic(made)
    loss = F.softplus(false - true).mean()
    for x, score in ((real, true), (made, false)):
        near = critic(x + STEADY_NOISE * torch.randn(x.shape, generator=rng))
        loss = loss + STEADY * (score - near).square().mean()
    return loss


def over(x: Tensor, ground: Tensor) -> Tensor:
    """(N, 3, H, W) premultiplied pictures (N, 4, H, W) laid over colours (N, 3, 1, 1)."""
    return x[:, :3] + (1 - x[:, 3:]) * ground


def _apart(look: Lite0, made: Tensor, real: Tensor) -> Tensor:
    """Mean perceptual distance of pictures (N, 3, H, W) in [0, 1]."""
    with torch.autocast(real.device.type, enabled=False):
        seen = look.layers(made.float(), size=min(LOOK, real.shape[-1]))
        with torch.no_grad():
            aim = look.layers(real, size=min(LOOK, real.shape[-1]))
        return distance(seen, aim).mean()


def of_finisher(part: FinisherPart, folder: Path | None) -> Finishing:
    """The objective of a finisher."""
    pairs = FinishFeed(part.size, answered=part.answered, folder=folder)
    return Finishing(part, pairs, lite0() if part.perceptual else None)


def answering(maker: PictureMaker, *, folder: Path | None = None, seed: int = 0) -> Answer:
    """What a picture network makes of real pictures, noised so that it must draw the detail anew.

    Each is asked for by its plain caption from one noise level between ASKED's on, so that things
    stay where they are and details are the network's own. folder: of the packs.
    """
    packs, texts = cutouts.load(folder), load_texts(folder)
    said = {
        f"{record.style}_{record.key}": texts.row[some[0]]
        for record, some in zip(packs.still_records, captions_of(packs.records), strict=False)
    }

    def answer(small: Tensor, keys: Sequence[str]) -> Tensor:
        rng = torch.Generator().manual_seed(mixed(seed, said[keys[0]]))
        cond = Cond(*texts.batch(np.array([said[key] for key in keys])))
        low, high = (math.log(level) for level in ASKED)
        top = math.exp(low + (high - low) * float(torch.rand((), generator=rng)))
        levels = torch.tensor([*np.geomspace(top, top / 16, ASKED_STEPS), 0.0])
        clean = (small * 2 - 1)[:, :, None]
        x = clean + top * torch.randn(clean.shape, generator=rng)
        *_, last = integrate(Within(maker.denoise), x, levels, maker.prepare(cond), order=2)
        return (last.clean[:, :, 0] + 1) / 2

    return answer
