"""A small conditional GAN: noise and a text in, a picture out; a critic that hears the text.

The generator enlarges a learned grid step by step, its blocks told noise and text; the critic
shrinks a picture and takes the product of what it saw with the text (projection: Miyato & Koyama
2018). The losses are the relativistic pairs with zero-centred gradient penalties of R3GAN (Huang et
al. 2024), which need no further tricks. Pictures are clips with one frame.
Legend: B batch, H W, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Block, Conv, Residual, norm, zeroed
from kineograph.values.errors import InputError

MOST = {"size": 1024, "start": 64, "depth": 64, "noise": 16384, "state": 16384, "text": 16384}


@dataclass(frozen=True)
class GanShape:
    """Sizes of generator and critic; none has a default."""

    size: int
    "Height and width of a picture, pixels."
    start: int
    "Height and width of the coarsest grid; each level doubles it."
    widths: tuple[int, ...]
    "Channels of each level, finest first."
    depth: int
    "Blocks of a level."
    noise: int
    "Numbers drawn for a picture."
    state: int
    "Width of the state that carries noise and text to every block."
    text: int
    "Width of the pooled state of a text."
    channels: int
    "Numbers of a pixel."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise InputError(name, f"{getattr(self, name)} is not in 1 … {most:,}")
        if not self.widths or any(not 1 <= width <= 16384 for width in self.widths):
            raise InputError("widths", f"{self.widths} are not in 1 … 16,384")
        if self.start * 2 ** (len(self.widths) - 1) != self.size:
            levels = f"{len(self.widths)} levels from {self.start}"
            raise InputError("size", f"{levels} do not end at {self.size}")


class Generator(nn.Module):
    """(B, noise) and the pooled text (B, text) to pictures (B, C, 1, H, W) in model range."""

    ends = ("grid", "enter.", "leave.")

    def __init__(self, shape: GanShape) -> None:
        super().__init__()
        self.shape = shape
        coarse_first = shape.widths[::-1]
        self.enter = nn.Linear(shape.noise + shape.text, shape.state)
        self.mixed = nn.Linear(shape.state, shape.state)
        self.grid = nn.Parameter(
            nn.init.normal_(torch.empty(shape.start, shape.start, coarse_first[0]))
        )
        self.levels = nn.ModuleList(
            nn.ModuleList(Residual(width, shape.state) for _ in range(shape.depth))
            for width in coarse_first
        )
        self.widen = nn.ModuleList(nn.Linear(a, 4 * b) for a, b in pairwise(coarse_first))
        self.leave = Conv(coarse_first[-1], shape.channels)

    def forward(self, noise: Tensor, pooled: Tensor) -> Tensor:
        state = F.silu(self.enter(torch.cat([noise, pooled], dim=1)))
        state = F.silu(self.mixed(state))  # (B, S)
        h = self.grid.expand(len(noise), *self.grid.shape)  # (B, H, W, D)
        for i, blocks in enumerate(self.levels):
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, state)
            if i < len(self.widen):
                h = rearrange(self.widen[i](h), "b h w (p q d) -> b (h p) (w q) d", p=2, q=2)
        picture = self.leave(F.silu(norm(h)))  # (B, H, W, C)
        return rearrange(picture, "b h w c -> b c 1 h w")


class Critic(nn.Module):
    """How real pictures (B, C, 1, H, W) look for their texts: (B,), only differences count."""

    ends = ("enter.", "leave.", "heard.")

    def __init__(self, shape: GanShape) -> None:
        super().__init__()
        self.enter = Conv(shape.channels, shape.widths[0])
        self.levels = nn.ModuleList(
            nn.ModuleList(Block(width) for _ in range(shape.depth)) for width in shape.widths
        )
        self.shrink = nn.ModuleList(nn.Linear(4 * a, b) for a, b in pairwise(shape.widths))
        last = shape.widths[-1] * shape.start**2
        self.seen = nn.Linear(last, shape.state)
        self.heard = nn.Linear(shape.text, shape.state)
        self.leave = zeroed(nn.Linear(shape.state, 1))

    def forward(self, x: Tensor, pooled: Tensor) -> Tensor:
        h = self.enter(rearrange(x, "b c 1 h w -> b h w c"))
        for i, blocks in enumerate(self.levels):
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h)
            if i < len(self.shrink):
                h = self.shrink[i](rearrange(h, "b (h p) (w q) d -> b h w (p q d)", p=2, q=2))
        seen = F.silu(self.seen(rearrange(h, "b h w d -> b (h w d)")))  # (B, S)
        product = (seen * self.heard(pooled)).sum(1) * seen.shape[1] ** -0.5
        alone: Tensor = self.leave(seen).squeeze(1)
        return alone + product


def generator_loss(critic: Critic, real: Tensor, made: Tensor, pooled: Tensor) -> Tensor:
    """The generator's relativistic loss: made ones should look more real than their real pairs."""
    return F.softplus(critic(real, pooled).detach() - critic(made, pooled)).mean()


def critic_loss(
    critic: Critic, real: Tensor, made: Tensor, pooled: Tensor, *, penalty: float
) -> Tensor:
    """The critic's relativistic loss, and gradient penalties on real and made pictures alike."""
    real, made = real.detach().requires_grad_(), made.detach().requires_grad_()
    on_real, on_made = critic(real, pooled), critic(made, pooled)
    slopes = torch.autograd.grad([on_real.sum() + on_made.sum()], [real, made], create_graph=True)
    steep = sum(slope.square().flatten(1).sum(1).mean() for slope in slopes)
    return F.softplus(on_made - on_real).mean() + penalty / 2 * steep
