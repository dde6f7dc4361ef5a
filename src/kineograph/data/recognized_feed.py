"""What is shown: cut-outs, each with the number of its thing.

Things are the trained concepts, in order of their keys. Pictures come in every style and pose,
moved, turned, blurred and noised a little, as a picture network's answers differ from what they
mean. A batch is a pure function of (seed, seen).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data import cutouts
from kineograph.data.cutout_feed import TRAINED

SHARES = (0.5, 0.32, 0.18)  # of stills in 3d, in other styles, frames of animations
TURN, GROW, SHIFT = 0.12, (0.9, 1.12), 0.1  # radians; times; half pictures
BLURRED, BLURS, NOISE = 0.3, (24, 32, 40), 0.12  # share; pixels it goes through; model units


def keys_of(packs: cutouts.Cutouts) -> list[str]:
    """The things, in order."""
    rows = packs.still_rows(*TRAINED)
    return sorted({packs.still_records[row].key for row in rows})


class RecognizedFeed:
    """Batches of cut-outs and their things."""

    def __init__(self, *, folder: Path | None = None) -> None:
        packs = cutouts.load(folder)
        self.keys = keys_of(packs)
        number = {key: i for i, key in enumerate(self.keys)}
        self.stills, self.frames = packs.stills, packs.frames
        records = packs.still_records
        rows = packs.still_rows(*TRAINED).tolist()
        self.thing_of = {row: number[records[row].key] for row in rows}
        self.rows = [row for row in rows if records[row].style == "3d"]
        self.others = [row for row in rows if records[row].style != "3d"] or self.rows
        self.moving = [
            (i, number[record.key])
            for i, record in enumerate(packs.frame_records)
            if record.split in TRAINED and record.key in number
        ]

    def __call__(self, batch: int, *, seed: int, seen: int) -> tuple[Tensor, Tensor]:
        """Pictures (B, 4, 64, 64) in model range, premultiplied, and their things (B,)."""
        rng = np.random.default_rng((seed, seen, 3))
        shown = [self._picture(kind, rng) for kind in rng.choice(3, batch, p=SHARES)]
        x = torch.from_numpy(np.stack([picture for picture, _ in shown])).permute(0, 3, 1, 2)
        x = changed(x, torch.Generator().manual_seed(int(rng.integers(2**62))))
        return x, torch.tensor([thing for _, thing in shown])

    def _picture(self, kind: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
        """(S, S, 4) in model range, premultiplied, and its thing."""
        if kind == 2 and self.moving:
            which, thing = self.moving[rng.integers(len(self.moving))]
            pixels = np.asarray(self.frames[which, rng.integers(self.frames.shape[1])])
        else:
            rows = self.others if kind == 1 else self.rows
            row = rows[rng.integers(len(rows))]
            pixels, thing = np.asarray(self.stills[row]), self.thing_of[row]
        return cutouts.premultiplied(pixels[None])[0] * 2 - 1, thing


def changed(x: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures (B, C, S, S) in model range turned, grown, moved, some blurred, all noised."""
    count, size = len(x), x.shape[-1]

    def between(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape or (count,), generator=rng) * (high - low) + low

    turn, times = between(-TURN, TURN), between(*GROW)
    flat = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(count, 2, 2)
    move = between(-SHIFT, SHIFT, count, 2, 1)
    grid = F.affine_grid(
        torch.cat([flat * times.view(-1, 1, 1), move], 2), list(x.shape), align_corners=False
    )
    x = F.grid_sample(x + 1, grid, align_corners=False) - 1  # nothing comes in from outside
    through = BLURS[int(torch.randint(len(BLURS), (1,), generator=rng))]
    small = F.interpolate(x, (through, through), mode="bilinear", antialias=True)
    soft = F.interpolate(small, (size, size), mode="bicubic").clamp(-1, 1)
    x = torch.where(between(0, 1, count, 1, 1, 1) < BLURRED, soft, x)
    return x + between(0, NOISE, count, 1, 1, 1) * torch.randn(x.shape, generator=rng)
