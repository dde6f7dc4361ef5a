"""Four cells, one of them a hole: which codes stand in the hole, and which pixels?

A transformer that sees both ways (MaskGIT, Chang et al. 2022) over the places of two registered
pairs of cells: example and answer, query and hole (Bar et al. 2022). A place holds the same patch
of both cells of its pair. What is known enters as pixels, what is decided as codes of a codebook of
patches (k-means), what is hidden as nothing. Out come log-weights of the codes of every answering
place, and the hole's pixels: codes choose what stands where, a few convolutions that also see the
query finish it.
Legend: B batch, N places of a cell, K codes, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Conv
from kineograph.nets.causal import Block, Turn, rms
from kineograph.nets.codec import moved, nearest, revived
from kineograph.values.errors import InputError

MOST = {"cell": 1024, "patch": 64, "width": 16384, "depth": 256, "head": 1024, "detail": 1024}


@dataclass(frozen=True)
class MaskedShape:
    """Sizes of a masked transformer over grids of four cells; none has a default."""

    cell: int
    "Height and width of a cell, pixels."
    patch: int
    "Height and width of a place, pixels."
    width: int
    "Channels of a place."
    depth: int
    "Blocks."
    head: int
    "Width of one attention head, a multiple of 8."
    codes: int
    "Patches in the codebook."
    detail: int
    "Channels of the convolutions that finish the pixels."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise InputError(name, f"{getattr(self, name)} is not in 1 … {most:,}")
        if not 2 <= self.codes <= 1 << 20:
            raise InputError("codes", f"{self.codes} is not in 2 … {1 << 20:,}")
        if self.cell % self.patch:
            raise InputError("patch", f"{self.patch} does not divide cell {self.cell}")
        if self.head % 8 or self.width % self.head:
            raise InputError(
                "head", f"{self.head} is no multiple of 8 or does not divide width {self.width}"
            )

    @property
    def places(self) -> int:
        """Places of a cell."""
        return int((self.cell // self.patch) ** 2)


class Guess(NamedTuple):
    """log_weights: (B, 2, N, K) of the codes of A' and of the hole; pixels: (B, 3, S, S), whole."""

    log_weights: Tensor
    pixels: Tensor


def patches(pictures: Tensor, side: int) -> Tensor:
    """(…, 3, S, S) to (…, N, 3*side*side), places row by row."""
    return rearrange(pictures, "... c (h p) (w q) -> ... (h w) (c p q)", p=side, q=side)


def unfolded(flat: Tensor, side: int, places: int) -> Tensor:
    """(B, N, C*side*side) to (B, S, S, C), channels last."""
    high = round(places**0.5)
    return rearrange(flat, "b (h w) (c p q) -> b (h p) (w q) c", h=high, p=side, q=side)


class Masked(nn.Module):
    """Grids with a hole to guesses; keeps the codebook of patches in its buffers.

    codes (K, 3*patch*patch), counts (K,) and sums are the state of k-means, which `learn` moves.
    """

    ends = ("enter.", "say.", "leave.")

    def __init__(self, shape: MaskedShape) -> None:
        super().__init__()
        self.shape = shape
        flat, width = 3 * shape.patch**2, shape.width
        self.enter = nn.Linear(2 * flat + 2, width)
        self.role = nn.Embedding(2, width)
        nn.init.normal_(self.role.weight, std=0.5)
        self.blocks = nn.ModuleList(
            Block(width, shape.head, causal=False) for _ in range(shape.depth)
        )
        self.say = nn.Linear(width, shape.codes)
        self.spread = nn.Linear(width, shape.detail * shape.patch**2)
        self.first = Conv(shape.detail + 7, 2 * shape.detail)
        self.second = Conv(2 * shape.detail, 2 * shape.detail)
        self.leave = Conv(2 * shape.detail, 3)
        self.codes: Tensor
        self.counts: Tensor
        self.sums: Tensor
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("codes", torch.zeros(shape.codes, flat))
        self.register_buffer("counts", torch.zeros(shape.codes))
        self.register_buffer("sums", torch.zeros(shape.codes, flat))
        cos, sin = turn_of(shape.cell // shape.patch, shape.head)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, cells: Tensor, hidden: Tensor, ids: Tensor | None = None) -> Guess:
        """cells: (B, 4, 3, S, S) in model range: A, A', B, B'. hidden: (B, 2, N) true where a place
        of A' or B' is to be guessed. ids: (B, N) the codes that stand in B' where it is not hidden;
        None takes those of B' itself.
        """
        side, places = self.shape.patch, self.shape.places
        flat = rearrange(patches(cells, side), "b (r s) n d -> s b r n d", r=2)  # roles, sides
        before, after = flat[0], flat[1].clone()
        after[:, 1] = self.values(self.ids(after[:, 1]) if ids is None else ids)
        after = after * ~hidden[..., None]  # (B, 2, N, 3pp)
        coded = torch.zeros_like(hidden)
        coded[:, 1] = ~hidden[:, 1]
        marks = torch.stack([hidden, coded], dim=-1).to(after.dtype)
        x = self.enter(torch.cat([before, after, marks], dim=-1))  # (B, 2, N, D)
        x = rms(rearrange(x + self.role.weight[:, None], "b r n d -> b (r n) d"))
        turn: Turn = (self.cos, self.sin)
        for block in self.blocks:
            x = block(x, turn)
        x = rearrange(rms(x), "b (r n) d -> b r n d", r=2)

        known = unfolded(after[:, 1], side, places)  # (B, S, S, 3)
        open_ = hidden[:, 1, :, None].expand(-1, -1, side**2).to(after.dtype)
        asked = rearrange(cells[:, 2], "b c h w -> b h w c")
        parts = [unfolded(self.spread(x[:, 1]), side, places), asked, known]
        h = torch.cat([*parts, unfolded(open_, side, places)], dim=-1)
        h = F.silu(self.first(h))
        h = self.leave(h + F.silu(self.second(h)))
        return Guess(self.say(x), rearrange(h, "b h w c -> b c h w"))

    # -- the codebook ---------------------------------------------------------------------------

    def ids(self, flat: Tensor) -> Tensor:
        """(…, 3pp) patches to (…) int64, the nearest codes."""
        return nearest(flat.flatten(0, -2), self.codes).view(flat.shape[:-1])

    def values(self, ids: Tensor) -> Tensor:
        """(…) codes to (…, 3pp) patches."""
        return self.codes[ids]

    @torch.no_grad()
    def learn(self, flat: Tensor, *, decay: float, rng: torch.Generator) -> None:
        """One step of k-means over patches (M, 3pp); codes that nothing chooses are revived."""
        ids = self.ids(flat)
        error = (flat - self.codes[ids]).square().sum(1)
        counts, sums = moved(self.counts, self.sums, flat, ids, decay=decay)
        counts, sums = revived(counts, sums, flat, error, rng)
        self.counts.copy_(counts)
        self.sums.copy_(sums)
        self.codes.copy_(sums / counts[:, None])


def turn_of(high: int, head: int) -> Turn:
    """Cosine and sine (2*N, head/2): a quarter of the angles for the pair, the rest for y and x."""
    share = head // 8
    y, x = torch.meshgrid(torch.arange(high), torch.arange(high), indexing="ij")
    place = torch.stack([y.flatten(), x.flatten()]).double()  # (2, N)
    last = head // 2 - 3 * share
    angles = []
    for role in range(2):
        of_role = role * torch.linspace(0.5, 2, last, dtype=torch.float64).expand(high**2, -1)
        slow = 16.0 ** -torch.linspace(0, 1, 3 * share - 3 * share // 2, dtype=torch.float64)
        fast = slow[: 3 * share // 2]
        angles.append(
            torch.cat([place[0][:, None] * slow, place[1][:, None] * fast, of_role], dim=1)
        )
    angle = torch.cat(angles)
    return angle.cos().float(), angle.sin().float()
