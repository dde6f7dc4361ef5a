"""What do frozen networks see in the real cut-outs? Computed once, kept in the cache.

Everything is laid over white first. Lite0 looks twice: with 64 pixels (fine) and with 16 (coarse:
what is shown, whatever its texture).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from kineograph.data import cutouts
from kineograph.data.cutouts import Cutout
from kineograph.data.sticker_features import COARSE, MOST_SEEN, Look, facts_of, kept, lite0, reduced
from kineograph.values.prompt import Progress

LAYOUT = 1  # of the cached file; raised when what is stored changes
BATCH = 64


class RealCutouts(NamedTuple):
    """Stills of every style: N records, and features fine, coarse (N, 1280)."""

    records: tuple[Cutout, ...]
    fine: Tensor
    coarse: Tensor


def over_white(x: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] of premultiplied pictures (N, 4, H, W) in [0, 1]."""
    return (x[:, :3] + 1 - x[:, 3:]).clamp(0, 1)


def pixels(packs: cutouts.Cutouts, rows: list[int]) -> Tensor:
    """(N, 4, 64, 64) in [0, 1], premultiplied, of some stills."""
    straight = torch.from_numpy(cutouts.premultiplied(packs.stills[rows]))
    return rearrange(straight, "n h w c -> n c h w")


def real_cutouts(*, look: Look | None = None, folder: Path | None = None) -> Iterator[Progress]:
    """Features of all stills; the last value is a RealCutouts."""
    folder = folder or cutouts.cutout_folder()
    packs = cutouts.load(folder)

    def compute() -> Iterator[Progress]:
        see = look or lite0()
        fine, coarse, total = [], [], len(packs.stills)
        for first in range(0, total, BATCH):
            shown = over_white(pixels(packs, list(range(first, min(first + BATCH, total)))))
            fine.append(see(reduced(shown, MOST_SEEN)))
            coarse.append(see(reduced(shown, COARSE)))
            yield Progress(first / total, f"seeing real cut-outs, {first} of {total}", None)
        yield Progress(1.0, "seen", {"fine": torch.cat(fine), "coarse": torch.cat(coarse)})

    facts = facts_of(folder / "index.json", LAYOUT, COARSE) if look is None else None
    for progress in kept("cutouts", facts, compute):
        if progress.value is not None:
            found = progress.value
            looks = RealCutouts(packs.still_records, found["fine"], found["coarse"])
            progress = progress._replace(value=looks)
        yield progress
