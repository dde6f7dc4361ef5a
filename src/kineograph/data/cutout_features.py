"""What do frozen networks see in the real cut-outs? Computed once, kept in the cache.

Everything is laid over white first. Lite0 looks with 64 pixels (fine) and with 16 (coarse: what is
shown, whatever its texture); mean, deviation and maximum of its early layers say how it is drawn,
of the picture as it is and less sharp, so that sharpness is no sign of a style.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from kineograph.data import cutouts
from kineograph.data.cutouts import Cutout
from kineograph.data.sticker_features import (
    COARSE,
    LOOKS,
    MOST_SEEN,
    Look,
    facts_of,
    kept,
    lite0,
    reduced,
    softened,
)
from kineograph.nets.lite0 import Lite0
from kineograph.values.prompt import Progress

LAYOUT = 3  # of the cached file; raised when what is stored changes
BATCH = 64
EARLY = 4  # layers that say how a picture is drawn


class RealCutouts(NamedTuple):
    """Stills of every style: N records, features fine, coarse (N, 1280).

    texture (N, 3, 576): how each is drawn, as it is and less sharp, in the order of `softened`.
    """

    records: tuple[Cutout, ...]
    fine: Tensor
    coarse: Tensor
    texture: Tensor


def over_white(x: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] of premultiplied pictures (N, 4, H, W) in [0, 1]."""
    return (x[:, :3] + 1 - x[:, 3:]).clamp(0, 1)


def pixels(packs: cutouts.Cutouts, rows: list[int]) -> Tensor:
    """(N, 4, 64, 64) in [0, 1], premultiplied, of some stills."""
    straight = torch.from_numpy(cutouts.premultiplied(packs.stills[rows]))
    return rearrange(straight, "n h w c -> n c h w")


def texture(net: Lite0) -> Look:
    """How pictures (N, 3, H, W) in [0, 1] are drawn: statistics (N, 576) of the first layers."""

    def look(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            layers = net.layers(pictures, size=MOST_SEEN)[:EARLY]
        told = [(x.mean((2, 3)), x.std((2, 3)), x.amax((2, 3))) for x in layers]
        return torch.cat([one for three in told for one in three], dim=1)

    return look


def real_cutouts(
    *, look: Look | None = None, drawn: Look | None = None, folder: Path | None = None
) -> Iterator[Progress]:
    """Features of all stills; the last value is a RealCutouts. look, drawn: other networks."""
    folder = folder or cutouts.cutout_folder()
    packs = cutouts.load(folder)

    def compute() -> Iterator[Progress]:
        net = lite0() if look is None or drawn is None else None
        see, how = look or net, drawn or texture(cast(Lite0, net))
        assert see is not None
        fine, coarse, manner, total = [], [], [], len(packs.stills)
        for first in range(0, total, BATCH):
            shown = over_white(pixels(packs, list(range(first, min(first + BATCH, total)))))
            fine.append(see(reduced(shown, MOST_SEEN)))
            coarse.append(see(reduced(shown, COARSE)))
            manner.append(torch.stack([how(x) for x in softened(shown)], 1))
            yield Progress(first / total, f"seeing real cut-outs, {first} of {total}", None)
        made = {"fine": fine, "coarse": coarse, "texture": manner}
        yield Progress(1.0, "seen", {name: torch.cat(parts) for name, parts in made.items()})

    ours = look is None and drawn is None
    facts = facts_of(folder / "index.json", LAYOUT, COARSE, EARLY) if ours else None
    for progress in kept("cutouts", facts, compute):
        if progress.value is not None:
            found = progress.value
            looks = RealCutouts(packs.still_records, **found)
            progress = progress._replace(value=looks)
        yield progress


def moving_looks(*, look: Look | None = None, folder: Path | None = None) -> Iterator[Progress]:
    """Mean features (M, 1280) of LOOKS moments of every animation; they are the last value."""
    packs, see = cutouts.load(folder), look or lite0()
    made, total = [], len(packs.frames)
    for row in range(total):
        moments = np.asarray(packs.frames[row][:: cutouts.MOMENTS // LOOKS])
        straight = torch.from_numpy(cutouts.premultiplied(moments))
        shown = over_white(rearrange(straight, "n h w c -> n c h w"))
        made.append(see(reduced(shown, MOST_SEEN)).mean(0))
        yield Progress(row / total, f"seeing animations, {row} of {total}", None)
    yield Progress(1.0, "seen", torch.stack(made))
