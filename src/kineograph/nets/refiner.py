"""How does a network hear the order of words? A small transformer over a frozen encoder's states.

A sentence encoder is taught that texts of like meaning are alike: "a cat left of a tree" and "a
tree left of a cat" nearly are. Here the tokens look at one another once more, each told its place,
and are learned with the pictures (a token refiner, as in Ma et al. 2024, Exploring the Role of
Large Language Models in Decoder-Only Diffusion, and HunyuanVideo 2024, §4.2). What it adds begins
as nothing, so a network that has learned without it goes on from where it stood.
Legend: B batch, L tokens, D width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Fourier, attend, norm, zeroed

WIDTH, HEAD = 256, 32
PLACE = 1 / 8  # of the embedding's label, a token: waves of 1 to 200 tokens


class Refiner(nn.Module):
    """Token states to token states that know of one another, and one more state for the text."""

    ends = ("enter.", "place.", "leave.", "whole.")

    def __init__(self, text: int, depth: int) -> None:
        super().__init__()
        self.enter = nn.Linear(text, WIDTH)
        self.place = nn.Sequential(Fourier(64), nn.Linear(64, WIDTH))
        self.blocks = nn.ModuleList(_Block() for _ in range(depth))
        self.leave = zeroed(nn.Linear(WIDTH, text))
        self.whole = zeroed(nn.Linear(WIDTH, text))

    def forward(self, words: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """words (B, L, D), the empty word first; bias (B, 1, 1, L) on the logits, closed ones low.

        Returns words like these, and (B, D) to be added to the pooled state.
        """
        places = torch.arange(words.shape[1], device=words.device) * PLACE
        h = self.enter(norm(words)) + self.place(places)
        for block in self.blocks:
            h = block(h, bias)
        h = norm(h)
        return words + self.leave(h), self.whole(h[:, 0])


class _Block(nn.Module):
    """Tokens look at one another, then think (pre-norm; Vaswani et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = zeroed(nn.Linear(WIDTH, WIDTH))
        self.widen = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = zeroed(nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x (B, L, WIDTH)."""
        q, k, v = rearrange(self.qkv(norm(x)), "b l (k a e) -> k b a l e", k=3, e=HEAD)
        x = x + self.out(rearrange(attend(q, k, v, bias), "b a l e -> b l (a e)"))
        seen: Tensor = self.narrow(F.silu(self.widen(norm(x))))
        return x + seen
