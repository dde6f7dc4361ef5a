"""Which painted pictures come next? Batches of `scenes`, a pure function of (seed, samples seen).

Every picture is shown turned by a quarter and mirrored at random: seen from above or through a
microscope, up is nowhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.feed import lowered
from kineograph.data.scenes.packs import CROP, DRAWN, SMALL, load, scenes_folder
from kineograph.data.sticker_texts import load_texts
from kineograph.values.clip import bytes_to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

FULL = 0.8  # share of pictures shown with their full caption


class ScenesFeed:
    """Batches for one stage: whole pictures up to 64 pixels, or crops of 64 or 256; those below."""

    def __init__(
        self, size: int, *, low_size: int = 0, crop: int = 0, folder: Path | None = None
    ) -> None:
        folder = folder or scenes_folder()
        scenes, self.text = load(folder), load_texts(folder)
        whole = not crop and size > 0 and SMALL % size == 0
        part = 0 < crop <= {SMALL: SMALL, DRAWN: CROP}.get(size, 0)
        if not whole and not part:
            raise InputError(
                "size",
                f"{size} pixels with crops of {crop}",
                f"scenes have {SMALL} or a part of it, or {DRAWN} in crops up to {CROP}",
            )
        self.crop, self.factor = crop, size // low_size if low_size else 1
        self.low, self.shrink = bool(low_size), SMALL // size if whole else 1
        self.pictures = scenes.crops if size == DRAWN else scenes.small
        self.rows = np.flatnonzero(~scenes.held)
        self.captions = np.array(
            [[self.text.row[each[0]], self.text.row[each[-1]]] for each in scenes.captions]
        )

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """(B, 3, 1, S, S) in model range, and conditions; S is the crop or the size."""
        if frames != 1:
            raise InputError("frames", f"{frames}; scenes are pictures", "use 1")
        rng = np.random.Generator(np.random.Philox(key=(seed, seen)))
        rows = rng.choice(self.rows, batch)
        pictures = [self._shown(np.asarray(self.pictures[row]), rng) for row in rows]
        clean = bytes_to_model(torch.from_numpy(np.stack(pictures))[:, None])
        clean = lowered(clean, 1, self.shrink)
        low = lowered(clean, 1, self.factor) if self.low else None
        texts = np.where(rng.random(batch) < FULL, *self.captions[rows].T)
        return clean, Cond(*self._states(texts), low=low)

    def _shown(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """The picture, or a square of it, turned and mirrored."""
        if self.crop:
            places = (len(picture) - self.crop) // self.factor + 1
            top, left = rng.integers(places, size=2) * self.factor
            picture = picture[top : top + self.crop, left : left + self.crop]
        picture = np.rot90(picture, int(rng.integers(4)))
        return picture[:, ::-1] if rng.random() < 0.5 else picture

    def _states(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Words (B, L, D), mask (B, L), pooled (B, D) of the cached text states."""
        words = torch.from_numpy(np.asarray(self.text.states[rows])).float()
        mask = torch.from_numpy(np.asarray(self.text.mask[rows]))
        return words, mask, torch.from_numpy(np.asarray(self.text.pooled[rows])).float()
