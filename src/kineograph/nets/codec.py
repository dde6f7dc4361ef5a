"""How is a picture said in few numbers? One convolutional encoder and decoder, two bottlenecks.

`latent` numbers a place, kept near a unit Gaussian (KL; Kingma and Welling 2014, Rombach et al.
2022), or the nearest of `codes` learned vectors (VQ; van den Oord et al. 2017): then a picture is a
grid of symbols. Convolutions and norms over channels only, so that every number out depends on a
neighbourhood of pixels (`reach`) and tiles equal the whole. Frames are folded into the batch.
Legend: B batch, T frames, C channels, H W pixels, h w places, D width, K codes, N = B*T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Block, Conv, norm
from kineograph.values.errors import InputError

MOST = {"patch": 64, "widths": 16384, "depth": 64, "latent": 16384}
TILE = 64  # places of a tile's side


@dataclass(frozen=True)
class CodecShape:
    """Sizes of a codec; none has a default."""

    patch: int
    "Pixels on a side folded into channels at the first layer."
    widths: tuple[int, ...]
    "Channels of each level, finest first; each level halves height and width."
    depth: tuple[int, int]
    "Residual blocks of a level, in the encoder and in the decoder."
    latent: int
    "Numbers of a place between encoder and decoder."
    codes: int
    "Vectors in the codebook; 0 keeps the numbers as they are (KL)."
    critic: int
    "Width of the critic that training holds against the decoder; 0 is none."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                if not 1 <= one <= most:
                    raise InputError(name, f"{one} is not in 1 … {most:,}")
        if not 1 <= len(self.widths) <= 8:
            raise InputError("widths", f"{len(self.widths)} levels are not in 1 … 8")
        if len(self.depth) != 2 or not all(1 <= one <= MOST["depth"] for one in self.depth):
            raise InputError("depth", f"{self.depth} is not two numbers in 1 … {MOST['depth']}")
        for name, least, most in (("codes", 2, 1 << 20), ("critic", 1, 16384)):
            value = getattr(self, name)
            if value and not least <= value <= most:
                raise InputError(name, f"{value} is neither 0 nor in {least} … {most:,}")

    @property
    def factor(self) -> int:
        """Pixels on the side of a place."""
        return self.patch * int(2 ** (len(self.widths) - 1))

    @property
    def reach(self) -> int:
        """A number out depends on the places at most so far away, on the way in or out."""
        furthest = 0
        for depth in self.depth:
            cells = [2 * depth] * len(self.widths)  # two convolutions a block
            cells[0] += 1  # the pixels' convolution
            cells[-1] += 1  # the latents' convolution
            pixels = self.patch * sum(count * 2**i for i, count in enumerate(cells))
            furthest = max(furthest, pixels)
        return -(-furthest // self.factor) + 1


class Encoder(nn.Module):
    """Pictures (N, 3, H, W) in model range to (N, h, w, D_out)."""

    def __init__(self, shape: CodecShape, d_out: int) -> None:
        super().__init__()
        self.patch, widths = shape.patch, shape.widths
        self.enter = Conv(3 * shape.patch**2, widths[0])
        self.levels = nn.ModuleList(_level(width, shape.depth[0]) for width in widths)
        self.shrink = nn.ModuleList(nn.Linear(4 * a, b) for a, b in pairwise(widths))
        self.leave = Conv(widths[-1], d_out)

    def forward(self, x: Tensor) -> Tensor:
        fold = "n c (h p) (w q) -> n h w (c p q)"
        h = self.enter(rearrange(x, fold, p=self.patch, q=self.patch))  # (N, H/P, W/P, D)
        for i, level in enumerate(self.levels):
            h = level(h)
            if i < len(self.shrink):
                h = self.shrink[i](rearrange(h, "n (h p) (w q) d -> n h w (p q d)", p=2, q=2))
        out: Tensor = self.leave(F.silu(norm(h)))  # (N, h, w, D_out)
        return out


class Decoder(nn.Module):
    """(N, h, w, latent) to pictures (N, 3, H, W) in model range, unclamped."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.patch, widths = shape.patch, shape.widths[::-1]
        self.enter = Conv(shape.latent, widths[0])
        self.levels = nn.ModuleList(_level(width, shape.depth[1]) for width in widths)
        self.widen = nn.ModuleList(nn.Linear(a, 4 * b) for a, b in pairwise(widths))
        self.leave = Conv(widths[-1], 3 * shape.patch**2)

    def forward(self, z: Tensor) -> Tensor:
        h = self.enter(z)  # (N, h, w, D)
        for i, level in enumerate(self.levels):
            h = level(h)
            if i < len(self.widen):
                h = rearrange(self.widen[i](h), "n h w (p q d) -> n (h p) (w q) d", p=2, q=2)
        h = self.leave(F.silu(norm(h)))
        unfold = "n h w (c p q) -> n c (h p) (w q)"
        return rearrange(h, unfold, p=self.patch, q=self.patch).float()  # (N, 3, H, W)


def _level(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(depth)))


class Critic(nn.Module):
    """Does each patch of (N, 3, H, W) look real? Scores (N, H/8, W/8), higher is more real."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Linear(3 * 4**2, width)
        self.fine = Conv(width, width)
        self.shrink = nn.Linear(4 * width, width)
        self.coarse = Conv(width, width)
        self.leave = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(rearrange(x, "n c (h p) (w q) -> n h w (c p q)", p=4, q=4))
        h = self.fine(F.silu(norm(h)))
        h = self.shrink(rearrange(F.silu(norm(h)), "n (h p) (w q) d -> n h w (p q d)", p=2, q=2))
        h = self.coarse(F.silu(norm(h)))
        score: Tensor = self.leave(F.silu(norm(h)))
        return score[..., 0].float()


# -- the two bottlenecks ------------------------------------------------------------------------


class Squeezed(NamedTuple):
    """What a bottleneck makes in training: values (N, h, w, latent) and its own loss.

    of: the numbers before, (N, h, w, latent). ids: (N, h, w) chosen codes, None for KL.
    """

    values: Tensor
    loss: Tensor
    of: Tensor
    ids: Tensor | None = None


class Gaussian(nn.Module):
    """Mean and deviation a place; the mean, centred and scaled to deviation 1, is the latent.

    centre, spread: (latent,) moments of the means over the data, running as training goes (what
    public codecs keep as one scaling factor).
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(latent))
        self.register_buffer("spread", torch.ones(latent))

    def forward(self, h: Tensor, noise: Tensor) -> Squeezed:
        """h (N, h, w, 2*latent), noise (N, h, w, latent)."""
        mean, log_variance = h.float().chunk(2, dim=-1)
        log_variance = log_variance.clamp(-20, 10)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)  # eq. 10
        return Squeezed(mean + (0.5 * log_variance).exp() * noise, kl.mean(), mean)

    def latents(self, h: Tensor) -> Tensor:
        return (h.float().chunk(2, dim=-1)[0] - self.centre) / self.spread

    def values(self, latents: Tensor) -> Tensor:
        return latents * self.spread + self.centre

    @torch.no_grad()
    def learn(self, squeezed: Squeezed, *, decay: float) -> None:
        """Move the moments towards those of a batch."""
        flat = squeezed.of.detach().flatten(0, -2)
        self.centre.lerp_(flat.mean(0), 1 - decay)
        self.spread.lerp_(flat.std(0).clamp(min=1e-3), 1 - decay)


class Codebook(nn.Module):
    """The nearest of K learned vectors; vectors are running means of what chose them.

    codes (K, latent), counts (K,) and sums (K, latent) are buffers of the checkpoint; counts begin
    at zero, so that the first revival fills the book from the data.
    """

    def __init__(self, codes: int, latent: int) -> None:
        super().__init__()
        self.codes: Tensor
        self.counts: Tensor
        self.sums: Tensor
        self.register_buffer("codes", torch.empty(codes, latent).uniform_(-1, 1))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, latent))

    def forward(self, h: Tensor, noise: Tensor) -> Squeezed:
        """h (N, h, w, latent); noise is not used. The gradient passes straight through."""
        of = self.latents(h)
        ids = self.ids(of)
        chosen = self.vectors(ids)
        loss = (of - chosen).square().mean()  # commitment: van den Oord et al., eq. 3
        return Squeezed(of + (chosen - of).detach(), loss, of, ids)

    def latents(self, h: Tensor) -> Tensor:
        return norm(h.float())

    def values(self, latents: Tensor) -> Tensor:
        return latents

    def ids(self, latents: Tensor) -> Tensor:
        """(…, latent) to (…,) int64: the nearest code; the lower of equals."""
        return nearest(latents.detach().flatten(0, -2), self.codes).view(latents.shape[:-1])

    def vectors(self, ids: Tensor) -> Tensor:
        """(…,) to (…, latent)."""
        return self.codes[ids]

    @torch.no_grad()
    def learn(self, squeezed: Squeezed, *, decay: float, rng: torch.Generator) -> None:
        """Move the codes towards the means of what chose them; revive the dead from the batch."""
        assert squeezed.ids is not None
        flat = squeezed.of.detach().flatten(0, -2)
        ids = squeezed.ids.flatten()
        counts, sums = moved(self.counts, self.sums, flat, ids, decay=decay)
        error = (flat - self.codes[ids]).square().sum(1)
        counts, sums = revived(counts, sums, flat, error, rng)
        self.counts.copy_(counts)
        self.sums.copy_(sums)
        self.codes.copy_(sums / counts[:, None])


DEAD = 0.1  # a code chosen less often than this a batch, in the running mean, is dead


def nearest(x: Tensor, codes: Tensor) -> Tensor:
    """(M,) index of the code (K, D) nearest to each row of x (M, D)."""
    with torch.autocast(x.device.type, enabled=False):  # halves would tie where codes are close
        x, codes = x.float(), codes.float()
        distance = codes.square().sum(1) - 2 * x @ codes.T  # |x|² is the same for all
        return distance.argmin(1)


def moved(
    counts: Tensor, sums: Tensor, x: Tensor, ids: Tensor, *, decay: float
) -> tuple[Tensor, Tensor]:
    """Running counts (K,) and sums (K, D) after a batch x (M, D) chose ids (M,).

    van den Oord et al. 2017, equations 6 and 7; with decay 0 one step of k-means.
    """
    hits = torch.zeros_like(counts).index_add_(0, ids, torch.ones_like(x[:, 0]))
    total = torch.zeros_like(sums).index_add_(0, ids, x)
    return counts * decay + hits * (1 - decay), sums * decay + total * (1 - decay)


def revived(
    counts: Tensor, sums: Tensor, x: Tensor, error: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Counts and sums with every dead code put on a row of x (M, D), counted 1.

    Rows are drawn from rng in proportion to their error (M,), the squared distance to the code they
    chose (k-means++, Arthur and Vassilvitskii 2007): a background that is served needs no more.
    """
    dead = (counts < DEAD).nonzero()[:, 0]
    if not len(dead):
        return counts, sums
    drawn = torch.multinomial(error.float().cpu() + 1e-9, len(dead), True, generator=rng)
    counts, sums = counts.clone(), sums.clone()
    counts[dead], sums[dead] = 1.0, x[drawn.to(x.device)].to(sums.dtype)
    return counts, sums


# -- the codec ----------------------------------------------------------------------------------


class Codec(nn.Module):
    """Pictures and clips to latents or symbols and back.

    Example: `codec.decode(codec.encode(x))`, or with a codebook
    `codec.decode(codec.vectors(codec.symbols(codec.encode(x))))`.
    """

    ends = ("encoder.enter.", "encoder.leave.", "decoder.enter.", "decoder.leave.", "critic.")

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.shape = shape
        self.squeeze: Gaussian | Codebook
        if shape.codes:
            self.squeeze = Codebook(shape.codes, shape.latent)
        else:
            self.squeeze = Gaussian(shape.latent)
        self.encoder = Encoder(shape, shape.latent * (1 if shape.codes else 2))
        self.decoder = Decoder(shape)
        self.critic = Critic(shape.critic) if shape.critic else None

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Squeezed]:
        """Training: pictures (N, 3, H, W) made again, and what the bottleneck did.

        noise: (N, h, w, latent) standard normal, for the KL bottleneck.
        """
        squeezed: Squeezed = self.squeeze(self.encoder(x), noise)
        return self.decoder(squeezed.values), squeezed

    def encode(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) in model range to latents (B, latent, T, h, w) of deviation about 1."""
        factor = self.shape.factor
        if x.shape[-1] % factor or x.shape[-2] % factor:
            size = f"{x.shape[-1]}x{x.shape[-2]}"
            raise InputError("size", f"{size} is not a multiple of {factor} pixels")
        flat = self.squeeze.latents(self.encoder(rearrange(x, "b c t h w -> (b t) c h w")))
        return rearrange(flat, "(b t) h w d -> b d t h w", t=x.shape[2])

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, latent, T, h, w) to (B, 3, T, H, W) in model range, unclamped."""
        flat = rearrange(latents, "b d t h w -> (b t) h w d")
        frames = self.decoder(self.squeeze.values(flat))
        return rearrange(frames, "(b t) c h w -> b c t h w", t=latents.shape[2])

    def symbols(self, latents: Tensor) -> Tensor:
        """Latents (B, latent, T, h, w) to the nearest codes (B, T, h, w) int64."""
        return self._book().ids(rearrange(latents, "b d t h w -> b t h w d"))

    def vectors(self, ids: Tensor) -> Tensor:
        """Codes (B, T, h, w) to their latents (B, latent, T, h, w)."""
        return rearrange(self._book().vectors(ids), "b t h w d -> b d t h w")

    def _book(self) -> Codebook:
        if not isinstance(self.squeeze, Codebook):
            raise InputError("codes", "this codec has no codebook", "give codes of 2 or more")
        return self.squeeze


# -- bounded memory -----------------------------------------------------------------------------


def encoded(codec: Codec, x: Tensor, *, tile: int = TILE) -> Tensor:
    """`codec.encode(x)`, frame by frame in tiles of `tile` x `tile` places, without gradients.

    Each tile is seen with all that its numbers depend on: equal to the whole but for rounding.
    """
    return _tiled(codec.encode, x, codec.shape, tile, 1 / codec.shape.factor)


def decoded(codec: Codec, latents: Tensor, *, tile: int = TILE) -> Tensor:
    """`codec.decode(latents)`, frame by frame in tiles of `tile` x `tile` places."""
    return _tiled(codec.decode, latents, codec.shape, tile, codec.shape.factor)


@torch.no_grad()
def _tiled(
    run: Callable[[Tensor], Tensor], x: Tensor, shape: CodecShape, tile: int, scale: float
) -> Tensor:
    """run on every frame and tile of x, each with a margin of `shape.reach` places."""
    if tile < 1:
        raise InputError("tile", f"{tile} is less than 1")
    place = 1 if scale > 1 else shape.factor  # values of x on the side of a place
    high, wide = (n // place for n in x.shape[-2:])
    frames = []
    for t in range(x.shape[2]):
        rows = []
        for top in range(0, high, tile):
            row = []
            for left in range(0, wide, tile):
                tall, broad = (
                    _span(top, tile, high, shape.reach),
                    _span(left, tile, wide, shape.reach),
                )
                part = x[:, :, t : t + 1, *(slice(a * place, b * place) for a, b in (tall, broad))]
                out = run(part)
                unit = round(place * scale)
                y, z = (top - tall[0]) * unit, (left - broad[0]) * unit
                ends = min(tile, high - top) * unit, min(tile, wide - left) * unit
                row.append(out[..., y : y + ends[0], z : z + ends[1]])
            rows.append(torch.cat(row, dim=-1))
        frames.append(torch.cat(rows, dim=-2))
    return torch.cat(frames, dim=2)


def _span(first: int, tile: int, size: int, reach: int) -> tuple[int, int]:
    return max(0, first - reach), min(size, first + tile + reach)
