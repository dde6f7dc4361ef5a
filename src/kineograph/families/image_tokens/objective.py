"""What a writer of pictures learns from: the codes of a picture, each from those before it.

Pictures are spelled by the frozen codec as they come; the loss is the cross entropy of the next
code, in nats; some texts are dropped, so that guidance has an empty text to lean on (Parti, Yu et
al. 2022; Ho and Salimans 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.families.image_tokens.recipe import Tokens, Writer, spelling
from kineograph.nets.codec import Codec
from kineograph.recipe.fields import Phase
from kineograph.training.earlier import pictures, trained_before
from kineograph.training.seeds import mixed
from kineograph.values.prompt import Cond


class Feed(Protocol):
    """Pictures (B, 3, 1, S, S) in model range and their texts: a pure function of (seed, seen)."""

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]: ...


@dataclass(frozen=True)
class Writing:
    """The lesson of a writer. spell: pictures to codes (B, N), row by row."""

    part: Writer
    feed: Feed
    spell: Callable[[Tensor], Tensor]

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        clean, cond = self.feed(phase.batch, 1, seed=seed, seen=seen)
        cond = cond.drop_words(torch.rand(phase.batch, generator=rng) < self.part.no_text)
        with torch.no_grad():
            codes = self.spell(clean)
        log_weights = net(codes, cond.words, cond.mask)
        yield F.cross_entropy(log_weights.float().flatten(0, 1), codes.flatten())


def of_writer(recipe: Tokens, part: Writer, folder: Path | None, run: Path | None) -> Writing:
    """The objective of a token transformer, whose codec was trained before it in the same run."""
    codec = cast(Codec, trained_before(recipe, recipe.codec, run))
    feed = pictures(recipe.data, recipe.codec.size, folder)
    return Writing(part, feed, spelling(codec, recipe.codec).spell)
