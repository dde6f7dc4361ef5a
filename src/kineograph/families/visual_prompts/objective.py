"""What visual prompts learn from: grids whose fourth cell is hidden, wholly or in places.

Cross entropy of the codes of hidden places (Chang et al. 2022, MaskGIT, equation 1; the share
hidden follows their cosine), in the example's answer too; absolute error of the hole's pixels and
of their differences. The first samples also move the codebook, by k-means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.data.grids import Batch
from kineograph.data.grids import Grids as StickerGrids
from kineograph.families.visual_prompts.recipe import FillerPart, VisualPrompts
from kineograph.nets.masked import Masked, patches
from kineograph.recipe.fields import Phase
from kineograph.training.seeds import mixed
from kineograph.values.errors import InputError

DECAY = 0.9  # what the running means of the codebook keep at each step


class Grids(Protocol):
    """Training grids of one example each: a pure function of (seed, seen)."""

    def __call__(self, batch: int, *, seed: int, seen: int) -> Batch: ...


@dataclass(frozen=True)
class Filling:
    """The lesson of visual prompts."""

    part: FillerPart
    grids: Grids

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        part, masked = self.part, cast(Masked, net)
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        cells = self.grids(phase.batch, seed=seed, seen=seen).cells
        flat = patches(cells, part.shape.patch)  # (B, 4, N, 3pp)
        if seen < part.book:
            masked.learn(flat.flatten(0, 2), decay=DECAY, rng=rng)
        hidden = hidden_places(len(cells), part.shape.places, part.torn, rng)
        aims = masked.ids(flat[:, 1::2])  # (B, 2, N)

        guess = masked(cells, hidden, aims[:, 1])
        chosen = guess.log_weights[hidden].float()
        loss = F.cross_entropy(chosen, aims[hidden], label_smoothing=part.smoothing)
        made, answer = guess.pixels.float(), cells[:, 3]
        loss = loss + part.pixels * (made - answer).abs().mean()
        for axis in (2, 3):
            apart = made.diff(dim=axis) - answer.diff(dim=axis)
            loss = loss + part.slopes / 2 * apart.abs().mean()
        yield loss


def hidden_places(batch: int, places: int, torn: float, rng: torch.Generator) -> Tensor:
    """(B, 2, N) bool: what is hidden of A' and of B'.

    Of B' a share cos(u pi / 2), u even in 0 … 1, at least one place and in a quarter of the samples
    all, as at the first round; of A' nothing, or in a share `torn` of samples up to half.
    """
    share = torch.rand(batch, 2, generator=rng)
    share[:, 1] = (share[:, 1] * math.pi / 2).cos()
    share[:, 1].masked_fill_(torch.rand(batch, generator=rng) < 0.25, 1.0)
    share[:, 0] = share[:, 0] / 2 * (torch.rand(batch, generator=rng) < torn)
    rank = torch.rand(batch, 2, places, generator=rng).argsort(-1).argsort(-1)
    least = torch.tensor([0, 1])
    return rank < (share * places).ceil().long().clamp(min=least)[..., None]


def of_filler(recipe: VisualPrompts, part: FillerPart, folder: Path | None) -> Filling:
    """The objective of a masked transformer on grids."""
    return Filling(part, _grids(recipe.data, folder))


def _grids(data: str, folder: Path | None) -> Grids:
    """Grids of four cells from the data set of that name; the glyphs are always the cache's."""
    match data:
        case "stickers":
            return StickerGrids(folder=folder)
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers")
