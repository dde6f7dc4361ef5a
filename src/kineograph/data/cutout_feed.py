"""Which cut-outs come next? Batches of pictures, a pure function of (seed, samples seen).

Every concept comes once an epoch, one with an animation twice: these are people, hands and faces,
which are told apart by little. It comes as it is at rest: another model moves it, and a hand in the
middle of a wave is no sign. Within a concept 3d has the share THREE_D where there is another style,
and the other styles share the rest evenly.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

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
        self.text = load_texts(folder)
        self.captions = [
            np.array([self.text.row[text] for text in some])
            for some in captions_of(packs.still_records)
        ]
        concepts = _concepts(packs, styles)
        self.turns = concepts + [one for one in concepts if one.moves]  # of an epoch
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
            row = self._drawn(self.turns[turn], rng)
            texts.append(self._said(row, rng))
            pictures.append(self.stills[row])
        x = torch.from_numpy(cutouts.premultiplied(np.stack(pictures)) * 2 - 1)
        clean = x.permute(0, 3, 1, 2)[:, :, None].contiguous()  # (B, 4, 1, S, S)
        return clean, Cond(*self.text.batch(np.array(texts)))

    def _drawn(self, concept: Concept, rng: np.random.Generator) -> int:
        """A still's row."""
        kind, which = rng.random(), rng.random()
        if len(concept.others) and (not len(concept.own) or kind >= THREE_D):
            return int(concept.others[int(which * len(concept.others))])
        return int(concept.own[0])

    def _said(self, row: int, rng: np.random.Generator) -> int:
        """A caption's row: the plain one or any of the others."""
        known = self.captions[row]
        if len(known) == 1 or rng.random() < PLAIN:
            return int(known[0])
        return int(known[1 + rng.integers(len(known) - 1)])


class Concept(NamedTuple):
    """Rows of a concept's still in 3d and of those in other styles; whether the first moves too."""

    own: NDArray[np.int64]
    others: NDArray[np.int64]
    moves: bool


def _concepts(packs: cutouts.Cutouts, styles: tuple[str, ...]) -> list[Concept]:
    """The trained concepts in order of their keys."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    for row in packs.still_rows(*TRAINED, styles=styles):
        record = packs.still_records[row]
        place = found.setdefault(record.key, ([], []))
        place[0 if record.style == "3d" else 1].append(int(row))
    moving = {record.key for record in packs.frame_records if record.split in TRAINED}
    return [
        Concept(np.array(own, np.int64), np.array(others, np.int64), bool(own) and key in moving)
        for key, (own, others) in sorted(found.items())
    ]
