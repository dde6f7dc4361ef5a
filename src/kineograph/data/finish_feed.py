"""What does a finisher see, and what should it make of it? Crops of cut-outs, small and large.

The large ones are the pack of 256 pixels; the small ones are its means of areas, or, for a share of
them, the picture network's own answers to noised real pictures, whose faults it will meet: a file
`answers_SIZE.npy` in the pack's folder, written by `answer`. A pure function of (seed, seen).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.cutout_shards import shard_folder
from kineograph.data.cutouts import premultiplied, shrunk, straightened
from kineograph.data.shards import read
from kineograph.data.stickers import order
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Progress

LARGE = 256  # pixels of the pack
Answer = Callable[[Tensor, Sequence[str]], Tensor]
"Pictures (B, 4, S, S) in [0, 1], premultiplied, and their keys to answers like them."


class FinishFeed:
    """Pairs (small, large), premultiplied, from the trained splits.

    size: pixels of the small picture. answered: share of the small ones that are answers.
    """

    def __init__(
        self,
        size: int,
        *,
        answered: float = 0.0,
        folder: Path | None = None,
    ) -> None:
        if size < 1 or LARGE % size:
            raise InputError("size", f"{size} does not divide {LARGE}")
        folder = folder or shard_folder(LARGE)
        if not (folder / "pack.json").is_file():
            remedy = f"run 'kineograph data cutouts --pack {LARGE}'"
            raise MissingError(f"cut-outs: no pack of {LARGE} pixels in '{folder}'; {remedy}")
        kept = [sample for sample in read(folder) if sample.facts["split"] != "val"]
        self.keys = [sample.key for sample in kept]
        self.large = np.stack([np.asarray(sample.pixels) for sample in kept])  # (N, 256, 256, 4)
        self.size, self.answered = size, answered
        self.answers: NDArray[np.uint8] | None = None  # (V, N, size, size, 4), straight
        if answered:
            self.answers = _answers(folder, (len(kept), size, size, 4))

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
            if self.answers is not None and kind < self.answered:
                answer = self.answers[int(which * len(self.answers)), row]
                small.append(premultiplied(answer[y : y + crop, x : x + crop]))
            else:
                blocks = rearrange(square, "(h p) (w q) c -> h w (p q) c", p=times, q=times)
                small.append(blocks.mean(2))
        pair = (torch.from_numpy(np.stack(some)) for some in (small, large))
        first, second = (rearrange(one, "b h w c -> b c h w").contiguous() for one in pair)
        return first, second


def _answers(folder: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    path = folder / f"answers_{shape[1]}.npy"
    if not path.is_file():
        raise MissingError(f"no answers in '{folder}': '{path.name}' is not there; see `answer`")
    found: NDArray[np.uint8] = np.load(path)
    if found.shape[1:] != shape:
        raise InputError("answers", f"shape {found.shape} does not fit {shape[0]} pictures")
    return found


def answer(
    feed: FinishFeed, asked: Sequence[Answer], folder: Path | None = None, *, batch: int = 64
) -> Iterator[Progress]:
    """Keep what each of some networks answers to all small pictures; the last value is the path."""
    folder = folder or shard_folder(LARGE)
    count, size = len(feed.large), feed.size
    found = np.zeros((len(asked), count, size, size, 4), np.uint8)
    for version, ask in enumerate(asked):
        for start in range(0, count, batch):
            rows = slice(start, start + batch)
            small = premultiplied(shrunk(feed.large[rows], LARGE // size))
            x = rearrange(torch.from_numpy(small), "b h w c -> b c h w")
            made = rearrange(ask(x, feed.keys[rows]), "b c h w -> b h w c").clamp(0, 1)
            found[version, rows] = straightened(made.numpy())
            yield Progress((version + start / count) / len(asked), "answering", None)
    path = folder / f"answers_{size}.npy"
    with placed(path) as part, part.open("wb") as file:
        np.save(file, found)
    yield Progress(1.0, "answered", path)
