"""What does a finisher see, and what should it make of it? Crops of cut-outs, small and large.

The large ones are the pack of 256 pixels; the small ones are its means of areas, or, where they
were kept beside it, the picture network's own answers to noised real pictures, whose faults it
will meet. A pure function of (seed, samples seen).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.cutout_shards import shard_folder
from kineograph.data.cutouts import premultiplied
from kineograph.data.shards import read
from kineograph.data.stickers import order
from kineograph.values.errors import InputError

LARGE = 256  # pixels of the pack
ANSWERED = 0.5  # share of samples that are answers, where there are some


class FinishFeed:
    """Pairs (small, large), premultiplied, from the trained splits.

    size: pixels of the small picture. answers: (V, N, size, size, 4) uint8, straight: what the
    picture network made of the same N pictures, V times; None for none.
    """

    def __init__(
        self,
        size: int,
        *,
        styles: Sequence[str] = (),
        answers: NDArray[np.uint8] | None = None,
        folder: Path | None = None,
    ) -> None:
        if size < 1 or LARGE % size:
            raise InputError("size", f"{size} does not divide {LARGE}")
        samples = read(folder or shard_folder(LARGE))
        kept = [
            sample
            for sample in samples
            if sample.facts["split"] != "val" and (not styles or sample.facts["style"] in styles)
        ]
        self.keys = [sample.key for sample in kept]
        self.large = np.stack([sample.pixels for sample in kept])  # (N, 256, 256, 4)
        self.size, self.answers = size, answers
        if answers is not None and answers.shape[1:] != (len(kept), size, size, 4):
            raise InputError("answers", f"shape {answers.shape} does not fit {len(kept)} pictures")

    def __call__(self, batch: int, crop: int, *, seed: int, seen: int) -> tuple[Tensor, Tensor]:
        """small (B, 4, crop, crop), large (B, 4, R crop, R crop) in [0, 1], the same square."""
        rng = np.random.default_rng((seed, seen))
        times = LARGE // self.size
        small, large = [], []
        for row in order(len(self.large), seed=seed, seen=seen, batch=batch):
            y, x = rng.integers(self.size - crop + 1, size=2)
            kind, which = rng.random(), rng.random()
            square = premultiplied(
                self.large[row, y * times : (y + crop) * times, x * times : (x + crop) * times]
            )
            large.append(square)
            if self.answers is not None and kind < ANSWERED:
                answer = self.answers[int(which * len(self.answers)), row]
                small.append(premultiplied(answer[y : y + crop, x : x + crop]))
            else:
                blocks = rearrange(square, "(h p) (w q) c -> h w (p q) c", p=times, q=times)
                small.append(blocks.mean(2))
        pair = (torch.from_numpy(np.stack(some)) for some in (small, large))
        first, second = (rearrange(one, "b h w c -> b c h w").contiguous() for one in pair)
        return first, second
