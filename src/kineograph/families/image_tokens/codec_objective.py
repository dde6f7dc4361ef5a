"""What a codec learns from: pictures made again, their features, and a critic of patches.

L1 distance of pixels, distance of frozen Lite0 features (Zhang et al. 2018), the bottleneck's own
loss, and in the last part of training a hinge-loss critic (Esser et al. 2021, VQGAN). The generator
is scored with the critic's weights held still; then the critic learns from the same pictures,
detached. At the end of a step the running means of codebook or latents take in the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.data.sticker_features import lite0
from kineograph.families.image_tokens.codec_recipe import CodecPart
from kineograph.nets.codec import Codebook, Codec, Squeezed
from kineograph.nets.lite0 import Lite0, distance
from kineograph.recipe.fields import Phase
from kineograph.training.earlier import pictures
from kineograph.training.seeds import mixed
from kineograph.training.still import still
from kineograph.values.prompt import Cond

LOOK = 64  # pixels at which the frozen network looks


class Feed(Protocol):
    """Pictures: a pure function of (seed, seen). Returns (B, 3, T, H, W) in model range."""

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]: ...


@dataclass(frozen=True)
class Reconstruction:
    """The lesson of a codec. look: the frozen network, None to do without the perceptual term."""

    part: CodecPart
    feed: Feed
    look: Lite0 | None

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        part, codec = self.part, cast(Codec, net)
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        clean, _ = self.feed(phase.batch, phase.frames, seed=seed, seen=seen)
        x = rearrange(clean, "b c t h w -> (b t) c h w")
        if part.crop:
            x = cropped(x, part.crop, rng)
        side = x.shape[-1] // part.shape.factor
        noise = torch.randn(len(x), side, side, part.shape.latent, generator=rng).to(x.device)

        made, squeezed = codec(x, noise)
        loss = (made - x).abs().mean() + part.bottleneck * squeezed.loss
        if self.look is not None and part.perceptual:
            some = slice(0, part.looked or len(x))
            loss = loss + part.perceptual * apart(self.look, made[some], x[some])
        critic = codec.critic if seen >= part.critic_from and part.adversarial else None
        if critic is not None:
            with still(critic):
                loss = loss - part.adversarial * critic(made).mean()
        yield loss

        if critic is not None:
            false = F.relu(1 + critic(made.detach())).mean()
            yield 0.5 * (F.relu(1 - critic(x)).mean() + false)  # hinge
        learn(codec, squeezed, part.decay, rng)


def apart(look: Lite0, made: Tensor, real: Tensor) -> Tensor:
    """Mean perceptual distance of pictures (N, 3, H, W) in model range."""
    size = min(LOOK, real.shape[-1])
    with torch.autocast(real.device.type, enabled=False):
        seen = look.layers((made.clamp(-1, 1) + 1) / 2, size=size)
        with torch.no_grad():
            aim = look.layers((real + 1) / 2, size=size)
        return distance(seen, aim).mean()


def learn(codec: Codec, squeezed: Squeezed, decay: float, rng: torch.Generator) -> None:
    """The bottleneck's running means take in a batch; a dead code is revived from it."""
    if isinstance(codec.squeeze, Codebook):
        codec.squeeze.learn(squeezed, decay=decay, rng=rng)
    else:
        codec.squeeze.learn(squeezed, decay=decay)


def cropped(x: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """A random square of (N, 3, H, W) a picture."""
    places = x.shape[-1] - side + 1
    corners = torch.randint(places, (len(x), 2), generator=rng).tolist()
    pairs = zip(x, corners, strict=True)
    return torch.stack([one[:, y : y + side, z : z + side] for one, (y, z) in pairs])


def of_codec(data: str, part: CodecPart, folder: Path | None) -> Reconstruction:
    """The objective of a codec, by itself or within a model of tokens."""
    feed = pictures(data, part.size, folder)
    return Reconstruction(part, feed, lite0() if part.perceptual else None)
