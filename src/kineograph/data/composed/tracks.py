"""How does a thing move, in numbers? Tracks of place, turn, size and opacity, with their captions.

Movements are those of the composed scenes; a caption that tells of none has a track at rest. Tracks
begin anywhere in their loop.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kineograph.data import cutouts
from kineograph.data.composed.feed import COUNT, Ground, composed_folder, joined
from kineograph.data.composed.scenes import KINDS
from kineograph.data.cutout_feed import TRAINED
from kineograph.data.cutout_texts import captions_of, load_texts
from kineograph.trajectories.placed import Placed
from kineograph.trajectories.track import to_track
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

RESTING = 0.4  # share of captions that tell of no movement
_KIND = list(KINDS).index("movement")


class TrackFeed:
    """Tracks with the captions of composed movements, and of cut-outs, which are at rest."""

    def __init__(
        self, *, count: int = COUNT, folder: Path | None = None, texts: Path | None = None
    ) -> None:
        packs = cutouts.load(folder)
        self.scenes = Ground(packs).scenes
        self.numbers = np.arange(_KIND, count, len(KINDS))
        self.text = load_texts(texts or composed_folder())
        self.still_text = load_texts(folder)
        said = {
            text
            for record, some in zip(packs.still_records, captions_of(packs.records), strict=False)
            if record.split in TRAINED
            for text in some
        }
        self.still = np.array(sorted(self.still_text.row[text] for text in said))
        if not len(self.numbers):
            raise InputError("count", f"{count} scenes hold no movement")

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """clean (B, 6, T, 1, 1), moving ones first; held-out combinations are passed over."""
        rng = np.random.default_rng((seed, seen, 2))
        many = max(1, batch - round(RESTING * batch))
        tracks: list[Tensor] = []
        rows: list[int] = []
        while len(tracks) < many:
            scene = self.scenes(int(rng.choice(self.numbers)))
            if scene.held:
                continue
            start = int(rng.integers(frames))
            times = [((t + start) % frames) / frames for t in range(frames)]
            tracks.append(to_track([scene.at(time)[-1] for time in times]))
            rows.append(self.text.row[scene.texts[int(rng.integers(len(scene.texts)))]])
        moving = Cond(*self.text.batch(np.array(rows)))
        rest = batch - many
        if not rest:
            return torch.stack(tracks)[..., None, None], moving
        tracks += [to_track([Placed(0)] * frames)] * rest
        still = Cond(*self.still_text.batch(rng.choice(self.still, rest)))
        return torch.stack(tracks)[..., None, None], joined(moving, still)
