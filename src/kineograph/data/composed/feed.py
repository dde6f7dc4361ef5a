"""Which composed pictures come next, beside the plain ones? A pure function of (seed, seen).

A share of every batch are scenes of the three streams, drawn from their first numbers, whose
captions the frozen encoder has read once. Held-out combinations are passed over. Of what moves the
picture is the thing at rest, whole: another model moves it. The rest are the cut-outs as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.data import cutouts, fonts
from kineograph.data.composed.colours import mean_hue, recoloured
from kineograph.data.composed.letters import Letters
from kineograph.data.composed.mixed import mixed
from kineograph.data.composed.scenes import KINDS, Scene, Scenes
from kineograph.data.composed.spoken import Spoken
from kineograph.data.cutout_features import pixels
from kineograph.data.cutout_feed import TRAINED, CutoutFeed
from kineograph.data.cutout_texts import load_texts, store
from kineograph.data.fonts import Glyphs
from kineograph.data.sticker_texts import Encoder
from kineograph.trajectories.placed import Placed, rendered
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, Progress

COUNT, MIXED, LETTERS = 30_000, 24_000, 12_000  # numbers of the streams that are drawn from
SHARE = 0.33  # of a batch
MIX = {
    "colour": 0.06,
    "count": 0.08,
    "place": 0.06,
    "relation": 0.24,
    "ground": 0.14,
    "movement": 0.05,
    "mixed": 0.31,
    "letter": 0.06,
}  # share of each kind among them: what is hard to learn comes more often
STILL = tuple(kind for kind in KINDS if kind != "movement")


class Counts(NamedTuple):
    """How many numbers of each stream are drawn from."""

    scenes: int = COUNT
    mixed: int = MIXED
    letters: int = LETTERS


EVERY = Counts()


class Ground:
    """What scenes are made of, ready to be drawn: trained 3d stills, then letters.

    glyphs: the letters; without them there is no stream of letters.
    """

    def __init__(self, packs: cutouts.Cutouts, glyphs: Glyphs | None = None) -> None:
        self.rows = packs.still_rows(*TRAINED, styles=("3d",)).tolist()
        self.pictures = pixels(packs, self.rows)  # (N, 4, 64, 64) in [0, 1], premultiplied
        records = [packs.still_records[row] for row in self.rows]
        self.scenes = Scenes(records, [mean_hue(picture)[1] for picture in self.pictures])
        self.letters = None if glyphs is None else Letters(glyphs, len(self.rows))
        if self.letters is not None:
            self.pictures = torch.cat([self.pictures, self.letters.pictures])

    def streamed(self, counts: Counts) -> Iterator[Scene]:
        """The first scenes of the streams."""
        yield from (self.scenes(number) for number in range(counts.scenes))
        yield from (mixed(self.scenes, number) for number in range(counts.mixed))
        if self.letters is not None:
            yield from (self.letters(number) for number in range(counts.letters))

    def some(self, rng: np.random.Generator, counts: Counts) -> Scene:
        """One of the first scenes of the streams, its kind drawn by MIX."""
        kind = str(rng.choice(list(MIX), p=list(MIX.values())))
        if kind == "mixed":
            return mixed(self.scenes, int(rng.integers(counts.mixed)))
        if kind == "letter":
            if self.letters is None:
                raise InputError("glyphs", "are missing", "run 'kineograph data fonts'")
            return self.letters(int(rng.integers(counts.letters)))
        turn = list(KINDS).index(kind)  # kinds come in turn in the first stream
        return self.scenes(turn + len(KINDS) * int(rng.integers(counts.scenes // len(KINDS))))

    def drawn(self, scene: Scene, side: int, *, time: float | None = 0.0) -> Tensor:
        """(4, side, side) in [0, 1], premultiplied: the scene at a time of its loop.

        time: None shows what moves at rest, and whole.
        """
        shown = [
            self.pictures[row] if hue is None else recoloured(self.pictures[row], hue)
            for row, hue in zip(scene.rows, scene.hues, strict=True)
        ]
        ground = None if scene.ground is None else torch.tensor(scene.ground)
        if time is None:
            resting = (Placed(0),) if scene.movement else scene.things
            return rendered(shown, resting, side, ground)
        return rendered(shown, scene.at(time), side, ground)


def composed_folder() -> Path:
    """Where the captions' states lie: beside the packs in the user's cache."""
    return cutouts.cutout_folder().with_name("composed")


def encode(
    folder: Path | None = None,
    *,
    packs: cutouts.Cutouts | None = None,
    glyphs: Glyphs | None = None,
    counts: Counts = EVERY,
    encoder: Encoder | None = None,
) -> Iterator[Progress]:
    """Store the states of the captions of the first scenes; the last value is their number.

    packs, glyphs: those in the user's cache if left out.
    """
    ground = Ground(packs or cutouts.load(), glyphs or fonts.load())
    said = (text for scene in ground.streamed(counts) for text in scene.texts)
    texts = list(dict.fromkeys(["", *said]))
    yield from store(folder or composed_folder(), texts, encoder=encoder)


class ComposedFeed:
    """As `CutoutFeed`, with composed pictures in some places of every batch."""

    def __init__(
        self,
        size: int,
        *,
        share: float = SHARE,
        counts: Counts = EVERY,
        glyphs: Glyphs | None = None,
        styles: tuple[str, ...] = cutouts.STYLES,
        folder: Path | None = None,
        texts: Path | None = None,
        named: bool = False,
    ) -> None:
        """named: whether conditions say which token names which thing, and where each is.

        glyphs: those in the user's cache if left out.
        """
        self.plain = CutoutFeed(size, styles=styles, folder=folder)
        self.ground = Ground(cutouts.load(folder), glyphs or fonts.load())
        self.text = load_texts(texts or composed_folder())
        self.size, self.share = size, share
        self.counts = counts
        self.spoken = Spoken() if named else None

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """clean (B, 4, 1, S, S) in [-1, 1], premultiplied; composed pictures come first."""
        many = round(self.share * batch)
        rng = np.random.default_rng((seed, seen, 1))
        made: list[Tensor] = []
        rows: list[int] = []
        scenes: list[tuple[Scene, str]] = []
        while len(made) < many:
            scene = self.ground.some(rng, self.counts)
            if scene.held:
                continue
            made.append(self.ground.drawn(scene, self.size, time=None))
            text = scene.texts[int(rng.integers(len(scene.texts)))]
            rows.append(self.text.row[text])
            scenes.append((scene, text))
        if not many:
            return self.plain(batch, frames, seed=seed, seen=seen)
        first = torch.stack(made)[:, :, None] * 2 - 1  # (M, 4, 1, S, S)
        said = Cond(*self.text.batch(np.array(rows)))
        if self.spoken is not None:
            said = self.spoken.told(said, scenes)
        if many == batch:
            return first, said
        clean, cond = self.plain(batch - many, frames, seed=seed, seen=seen)
        return torch.cat([first, clean]), joined(said, cond)


def joined(first: Cond, second: Cond) -> Cond:
    """Both batches as one, the texts padded to the longer of them; what one has of things is kept.

    Only the first may have it.
    """
    masks = [cond.mask for cond in (first, second) if cond.mask is not None]
    longest = max(mask.shape[1] for mask in masks)

    def padded(x: Tensor | None, rows: int = 0) -> Tensor:
        """(B, L, …) with so many tokens, and so many empty rows more."""
        assert x is not None
        return F.pad(x, (*(0,) * (2 * x.ndim - 4), 0, longest - x.shape[1], 0, rows))

    parts, places, more = first.parts, first.places, len(masks[1])
    return Cond(
        torch.cat([padded(cond.words) for cond in (first, second)]),
        torch.cat([padded(mask) for mask in masks]),
        torch.cat([cond.pooled for cond in (first, second) if cond.pooled is not None]),
        parts=None if parts is None else padded(parts, more),
        places=None if places is None else F.pad(places, (*(0,) * 6, 0, more)),
    )
