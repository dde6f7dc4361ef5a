"""Which cut-outs come next? Batches of pictures, a pure function of (seed, samples seen).

Every concept comes once an epoch, one with an animation twice: these are people, hands and faces,
which are told apart by little. Within a concept 3d has the share THREE_D where there is another
style, frames of its animation MOVED of that, and the other styles share the rest evenly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data import cutouts
from kineograph.data.cutout_texts import captions_of, load_texts
from kineograph.data.stickers import order
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

THREE_D = 0.5  # share of 3d among the draws of a concept
MOVED = 0.35  # share of frames among the 3d draws of a concept that has an animation
PLAIN = 0.15  # share of captions that are the plain one
TRAINED = ("train", "val_motion")  # splits


class CutoutFeed:
    """Pictures of `size` pixels, RGBA premultiplied; `styles` limits it to some."""

    def __init__(
        self,
        size: int,
        *,
        styles: tuple[str, ...] = cutouts.STYLES,
        folder: Path | None = None,
    ) -> None:
        if size < 1 or cutouts.SIZE % size:
            raise InputError("size", f"{size} does not divide {cutouts.SIZE}")
        packs = cutouts.load(folder)
        factor = cutouts.SIZE // size
        self.stills = cutouts.shrunk(packs.stills, factor)
        self.frames = cutouts.shrunk(packs.frames, factor)
        self.text = load_texts(folder)
        self.captions = [
            np.array([self.text.row[text] for text in some]) for some in captions_of(packs.records)
        ]
        concepts = _concepts(packs, styles)
        self.turns = concepts + [one for one in concepts if len(one[1])]  # of an epoch
        if not self.turns:
            raise InputError("styles", f"{styles} hold no trained concept")

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """clean (B, 4, 1, S, S) in [-1, 1], premultiplied; -1 in every channel is nothing there."""
        if frames != 1:
            raise InputError("frames", f"{frames}; cut-outs are pictures, use 1")
        rng = np.random.default_rng((seed, seen))
        chosen = order(len(self.turns), seed=seed, seen=seen // 2, batch=batch)
        pictures, texts = [], []
        for turn in chosen:
            row, moment = self._drawn(self.turns[turn], rng)
            texts.append(self._said(row, rng))
            frame = row - len(self.stills)
            pictures.append(self.stills[row] if moment < 0 else self.frames[frame, moment])
        x = torch.from_numpy(cutouts.premultiplied(np.stack(pictures)) * 2 - 1)
        clean = x.permute(0, 3, 1, 2)[:, :, None].contiguous()  # (B, 4, 1, S, S)
        return clean, Cond(*self.text.batch(np.array(texts)))

    def _drawn(self, concept: Concept, rng: np.random.Generator) -> tuple[int, int]:
        """A record's row and, of an animation, which of its frames; -1 for a still."""
        own, moving, others = concept
        kind, which = rng.random(), rng.random()
        if len(others) and (not len(own) or kind >= THREE_D):
            return int(others[int(which * len(others))]), -1
        if len(moving) and rng.random() < MOVED:
            return int(moving[0]), int(which * cutouts.MOMENTS)
        return int(own[0]), -1

    def _said(self, row: int, rng: np.random.Generator) -> int:
        """A caption's row: the plain one or any of the others."""
        known = self.captions[row]
        if len(known) == 1 or rng.random() < PLAIN:
            return int(known[0])
        return int(known[1 + rng.integers(len(known) - 1)])


Concept = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"Rows of a concept's records: its 3d still, its animation, its stills of other styles."


def _concepts(packs: cutouts.Cutouts, styles: tuple[str, ...]) -> list[Concept]:
    """The trained concepts in order of their keys. Animations are counted after all stills."""
    found: dict[str, tuple[list[int], list[int], list[int]]] = {}
    for row in packs.still_rows(*TRAINED, styles=styles):
        record = packs.still_records[row]
        place = found.setdefault(record.key, ([], [], []))
        place[0 if record.style == "3d" else 2].append(int(row))
    for row, record in enumerate(packs.frame_records):
        if record.key in found and found[record.key][0] and record.split in TRAINED:
            found[record.key][1].append(len(packs.stills) + row)
    arrays = [tuple(np.array(rows, dtype=np.int64) for rows in found[key]) for key in sorted(found)]
    return [(own, moving, others) for own, moving, others in arrays]
