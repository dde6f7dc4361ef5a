"""A is to A' as B is to what? A grid of four cells, its fourth filled by a learned matcher.

Bar et al. 2022 (visual prompting by inpainting) with the rounds of MaskGIT (Chang et al. 2022):
all codes of the hole are guessed at once, the surest stay, the rest are guessed again; at the end
the pixels are drawn around the codes. Without temperature the code of least expected distance is
taken, not the likeliest: where the model knows "something blue" but not which of many blue codes,
the one code of white would win, and shapes would fade. Several example pairs each make a grid of
their own; their log-weights and pixels are averaged. The loop knows no network: a `Filler` brings
its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from kineograph.sequence.draw import Draw, drawn, row_generators
from kineograph.values.clip import Clip, to_clips, to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

SMALLEST = 8  # pixels of a side
MOST_PAIRS = 16

Pair = tuple[Clip, Clip]
Guess = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(cells (B, 4, 3, S, S), hidden (B, N), ids (B, N)) to log-weights (B, N, K) of the codes of the
hole, and its pixels (B, 3, S, S). ids are looked at where `hidden` is false; of the fourth cell
nothing is."""
Far = Callable[[Tensor], Tensor]
"How far pictures (B, 3, S, S) lie from the codebook, (B,): mean absolute error in model range."


@dataclass(frozen=True)
class Filler:
    """Fills the fourth cell.

    apart: (K, K) distances of codes. cell: pixels of a side. places: N of a cell. rounds: in which
    codes are decided; 0 takes the pixels at once. temperature: 0 takes the code of least expected
    distance, otherwise codes are drawn. far, usual: how far pictures lie from the codebook, and the
    distance that 99 of 100 pictures it was taught stay under; 0 where that is not known.
    """

    guess: Guess
    apart: Tensor
    cell: int
    places: int
    rounds: int = 0
    temperature: float = 0.0
    far: Far | None = None
    usual: float = 0.0

    def unlike(self, clips: Sequence[Clip]) -> list[int]:
        """Which of the pictures, by their place, are unlike all but 1 in 100 that it was taught."""
        if self.far is None or not self.usual:
            return []
        far = self.far(self._cells(clips))
        return [i for i, one in enumerate(far.tolist()) if one > self.usual]

    def make(self, pairs: Sequence[Pair], query: Clip, seed: int) -> Iterator[Progress]:
        """The answer to `query`, of the query's size, as the last value: a Clip of one frame."""
        size = checked(pairs, query)
        first, second = (self._cells([pair[i] for pair in pairs]) for i in (0, 1))
        shown = torch.stack([first, second], dim=1)[None]  # (1, P, 2, 3, S, S)
        for step in self.filled(shown, self._cells([query]), [seed]):
            whole = F.interpolate(step.value, (size, size), mode="bilinear", align_corners=False)
            yield step._replace(value=to_clips(whole[:, :, None], query.fps)[0])

    def with_rounds(self, rounds: int | None) -> Filler:
        """The same with another number of rounds; None changes nothing."""
        if rounds is None:
            return self
        if not 0 <= rounds <= self.places:
            raise InputError("rounds", f"{rounds} is not in 0 … {self.places}", "0 … 6 is usual")
        return replace(self, rounds=rounds)

    def filled(self, pairs: Tensor, queries: Tensor, seeds: Sequence[int]) -> Iterator[Progress]:
        """Answers (B, 3, S, S) in model range, the last value; the best guess so far before.

        pairs: (B, P, 2, 3, S, S) in model range, P examples of each. queries: (B, 3, S, S).
        """
        batch, count = pairs.shape[:2]
        asked = queries[:, None].expand(-1, count, -1, -1, -1)
        cells = torch.stack([*pairs.unbind(2), asked, torch.zeros_like(asked)], dim=2)
        cells = rearrange(cells, "b p c ... -> (b p) c ...")
        rngs = row_generators(seeds)
        hidden = torch.ones(batch, self.places, dtype=torch.bool)
        ids = torch.zeros(batch, self.places, dtype=torch.int64)
        for i in range(self.rounds + 1):
            seen = (x.repeat_interleave(count, 0) for x in (hidden, ids))
            log_weights, pixels = self.guess(cells, *seen)
            picture = rearrange(pixels, "(b p) c h w -> b p c h w", p=count).mean(1).clamp(-1, 1)
            if i == self.rounds:
                yield Progress(1.0, "filled", picture)
                return
            weights = rearrange(log_weights.log_softmax(-1), "(b p) n k -> b p n k", p=count)
            new, doubt = self._decided(weights.mean(1).log_softmax(-1), rngs)
            ids = torch.where(hidden, new, ids)
            hidden = self._unsure(doubt, hidden, i)
            facts = {"grid": round(self.places**0.5), "codes": _written(ids[0], hidden[0])}
            yield Progress((i + 1) / (self.rounds + 1), f"round {i + 1}", picture, facts)

    def _decided(self, weights: Tensor, rngs: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        """Codes (B, N) of log-weights (B, N, K), and how much each is in doubt (B, N)."""
        if self.temperature == 0:
            risk = (weights.exp() @ self.apart).min(-1)
            return risk.indices, risk.values
        draw, rows = Draw(self.temperature), zip(weights, rngs, strict=True)
        new = torch.stack([drawn(draw(row), [rng] * self.places) for row, rng in rows])
        return new, -weights.gather(-1, new[..., None])[..., 0]

    def _unsure(self, doubt: Tensor, hidden: Tensor, i: int) -> Tensor:
        """(B, N) the places that stay hidden after round i: those most in doubt.

        Their share falls as the cosine of i (MaskGIT, section 3.2); what was decided stays.
        """
        left = math.floor(self.places * math.cos(math.pi / 2 * (i + 1) / self.rounds) + 1e-6)
        doubt = doubt.masked_fill(~hidden, -torch.inf)
        return doubt.argsort(stable=True, dim=-1, descending=True).argsort(dim=-1) < left

    def _cells(self, clips: Sequence[Clip]) -> Tensor:
        """(N, 3, S, S) in model range: means of areas on the way down, bilinear upwards."""
        x = to_model(clips)[:, :, 0]
        if x.shape[-1] > self.cell:
            return F.interpolate(x, (self.cell, self.cell), mode="area")
        return F.interpolate(x, (self.cell, self.cell), mode="bilinear", align_corners=False)


def _written(ids: Tensor, hidden: Tensor) -> list[int]:
    """Codes (N,) of a picture, -1 where one is still open."""
    return torch.where(hidden, -1, ids).tolist()


def checked(pairs: Sequence[Pair], query: Clip) -> int:
    """The side of the cells in pixels, once all are single square pictures of one size."""
    if not 1 <= len(pairs) <= MOST_PAIRS:
        raise InputError("pairs", f"{len(pairs)} example pairs are not in 1 … {MOST_PAIRS}")
    named = [(name, clip) for pair in pairs for name, clip in zip(("a", "a2"), pair, strict=True)]
    height, width = named[0][1].frames.shape[-2:]
    for name, clip in [*named, ("b", query)]:
        if len(clip) != 1:
            raise InputError(name, f"has {len(clip)} frames", "a cell is one picture")
        high, wide = clip.frames.shape[-2:]
        if (high, wide) != (height, width):
            raise InputError(
                name,
                f"is {wide}×{high} pixels, A is {width}×{height}",
                "the cells of a grid have one size",
            )
    if height != width:
        raise InputError("a", f"is {width}×{height} pixels", "cells are square: crop the pictures")
    if height < SMALLEST:
        raise InputError("a", f"is {width}×{height} pixels", f"use {SMALLEST} or more a side")
    return int(height)
