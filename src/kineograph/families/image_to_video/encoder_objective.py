"""What a picture encoder learns from: pictures beside their captions, each batch a puzzle.

Which caption belongs to which picture (Radford et al. 2021)? Captions come as the frozen text
encoder's mean states. Pictures are shifted and lightened a little, so that places and shades tell
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.families.image_to_video.recipe import EncoderPart
from kineograph.nets.picture_encoder import PictureEncoder
from kineograph.recipe.fields import Phase
from kineograph.training.earlier import pictures
from kineograph.training.seeds import mixed
from kineograph.values.prompt import Cond

SHIFT = 4  # pixels at most, on white


class Feed(Protocol):
    """Pictures and texts: a pure function of (seed, seen)."""

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]: ...


@dataclass(frozen=True)
class Contrast:
    """The lesson of a picture encoder."""

    feed: Feed

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        clean, cond = self.feed(phase.batch, 1, seed=seed, seen=seen)
        pictures = shifted(clean[:, :, 0], rng)
        assert cond.pooled is not None
        yield cast(PictureEncoder, net).loss(pictures, cond.pooled)


def shifted(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """(N, 3, H, W) moved by up to SHIFT pixels on white, contrast and light changed by a tenth."""
    height, width = pictures.shape[-2:]
    corners = torch.randint(2 * SHIFT + 1, (len(pictures), 2), generator=rng).tolist()
    wide = F.pad(pictures, (SHIFT,) * 4, value=1.0)
    moved = torch.stack(
        [one[:, y : y + height, x : x + width] for one, (y, x) in zip(wide, corners, strict=True)]
    )
    contrast, light = 0.2 * torch.rand(2, len(pictures), 1, 1, 1, generator=rng) - 0.1
    lit: Tensor = (moved * (1 + contrast) + light).clamp(-1, 1)
    return lit


def of_encoder(data: str, part: EncoderPart, folder: Path | None) -> Contrast:
    """The objective of a picture encoder."""
    return Contrast(pictures(data, part.shape.size, folder))
