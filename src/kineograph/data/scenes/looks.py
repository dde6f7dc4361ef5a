"""Features of the painted pictures, for what is held against them: cached, like the stickers'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from kineograph.data.scenes.packs import load, scenes_folder
from kineograph.data.sticker_features import Look, facts_of, kept, lite0
from kineograph.values.clip import from_bytes
from kineograph.values.prompt import Progress

BATCH = 64


def painted_looks(*, look: Look | None = None, folder: Path | None = None) -> Iterator[Progress]:
    """(N, 1280) features of all whole pictures, in their order; the last value."""
    folder = folder or scenes_folder()
    scenes = load(folder)

    def compute() -> Iterator[Progress]:
        see, total = look or lite0(), len(scenes.small)
        looks = []
        for first in range(0, total, BATCH):
            looks.append(see(from_bytes(scenes.small[first : first + BATCH]).frames))
            yield Progress(first / total, f"seeing painted pictures, {first} of {total}", None)
        yield Progress(1.0, "seen", {"looks": torch.cat(looks)})

    facts = facts_of(folder / "index.json") if look is None else None
    for progress in kept("scenes", facts, compute):
        if progress.value is not None:
            looks: Tensor = progress.value["looks"]
            progress = progress._replace(value=looks)
        yield progress
