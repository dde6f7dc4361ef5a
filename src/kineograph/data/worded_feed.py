"""What is said and what is meant: pictures with their plain captions, and other words for these.

The frozen encoder reads the other words once (`encode`). A batch is a pure function of (seed,
seen).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kineograph.data import cutouts, fonts, wordings
from kineograph.data.composed.feed import ComposedFeed, Counts, Ground
from kineograph.data.cutout_feed import TRAINED
from kineograph.data.cutout_texts import CutoutTexts, Read, beside, captions_of, load_texts, store
from kineograph.data.fonts import Glyphs
from kineograph.data.phrases import STYLE_WORDS, plain, styled_as, with_article
from kineograph.data.sticker_texts import Encoder
from kineograph.nets.encoders import TOKENS, minilm_folder
from kineograph.nets.minilm import tokenizer
from kineograph.values.prompt import Cond, Progress

THREE_D, AMID = 18, 8  # wordings of a thing in 3d, and among unknown words
STRANGE = 6_000  # unknown words, those that are most common
SCENES = Counts(3_000, 5_000, 500)  # numbers of the streams that are put in other words
SHARES = (0.55, 0.15, 0.3)  # of things in 3d, things in other styles, and scenes
SAID, KEPT = 5, 3  # other words for a picture; captions that go on being heard as they are


class Worded(NamedTuple):
    """Pictures, what is meant, what is said.

    clean (B, 4, 1, S, S) in [-1, 1], premultiplied; meant: their plain captions (B). said: other
    words for each (B*SAID), those of one picture side by side. kept: any captions (B*KEPT).
    """

    clean: Tensor
    meant: Cond
    said: Cond
    kept: Cond


class _Pair(NamedTuple):
    """A plain caption and other words for it. of: the row of a still, or the number of a scene."""

    of: int
    meant: str
    said: tuple[str, ...]


class Wordings:
    """Every plain caption that is put in other words, in fixed order.

    Of a thing in 3d there are THREE_D + AMID, in another style three, of a scene two.
    """

    def __init__(
        self,
        packs: cutouts.Cutouts,
        ground: Ground,
        counts: Counts = SCENES,
        strange: Sequence[str] = (),
    ) -> None:
        """strange: words that say nothing of any thing; those of no caption if left out."""
        self.scenes = [scene for scene in ground.streamed(counts) if not scene.held]
        said = [text for some in captions_of(packs.records) for text in some]
        said += [text for scene in self.scenes for text in scene.texts]
        strange = strange or strange_words(said)
        self.things: list[_Pair] = []
        self.styled: list[_Pair] = []
        self.composed: list[_Pair] = []
        for row in packs.still_rows(*TRAINED).tolist():
            record = packs.still_records[row]
            name, key = with_article(record), f"{record.key} {record.style}"
            if record.style == "3d":
                told = [wordings.reworded(name, wordings.drawn(key, n)) for n in range(THREE_D)]
                rngs = (wordings.drawn(key, THREE_D + n) for n in range(AMID))
                told += [wordings.amid(name, strange, rng) for rng in rngs]
                self.things.append(_Pair(row, plain(record), tuple(told)))
                continue
            word = STYLE_WORDS[record.style]
            styled = (styled_as(name, word, form) for form in (1, 2, 4))
            some = (wordings.reworded(one, wordings.drawn(key, n)) for n, one in enumerate(styled))
            self.styled.append(_Pair(row, styled_as(plain(record), word, 0), tuple(some)))
        for n, scene in enumerate(self.scenes):
            text, rng = scene.texts[0], wordings.drawn("scene", n)
            pair = wordings.asked(text, rng), wordings.amid(text, strange, rng)
            self.composed.append(_Pair(n, text, pair))

    def texts(self) -> list[str]:
        """All other words, each once, the empty text first."""
        every = [*self.things, *self.styled, *self.composed]
        return list(dict.fromkeys(["", *(text for pair in every for text in pair.said)]))


def strange_words(captions: Iterable[str]) -> list[str]:
    """The most common words of the text encoder that stand in no caption."""
    known = {word for text in captions for word in text.split()} | wordings.UNTAUGHT
    every = tokenizer(minilm_folder(), TOKENS).get_vocab()
    words = [word for word in sorted(every, key=every.get) if len(word) > 2 and word.isalpha()]
    return [word for word in words if word.isascii() and word not in known][:STRANGE]


def worded_folder() -> Path:
    """Where the states of other words lie: beside the packs in the user's cache."""
    return cutouts.cutout_folder().with_name("worded")


def encode(folder: Path | None = None, *, encoder: Encoder | None = None) -> Iterator[Progress]:
    """Store the states of all other words; the last value is their number."""
    packs = cutouts.load()
    texts = Wordings(packs, Ground(packs, fonts.load())).texts()
    yield from store(folder or worded_folder(), texts, encoder=encoder)


class WordedFeed:
    """Batches of `Worded`."""

    def __init__(
        self,
        size: int,
        *,
        counts: Counts = SCENES,
        glyphs: Glyphs | None = None,
        folder: Path | None = None,
        composed: Path | None = None,
        texts: Path | None = None,
        strange: Sequence[str] = (),
    ) -> None:
        """folder, composed, texts: of the packs, the scenes' captions and the other words."""
        self.feed = ComposedFeed(size, glyphs=glyphs, folder=folder, texts=composed)
        self.words = Wordings(cutouts.load(folder), self.feed.ground, counts, strange)
        self.plain, self.composed = self.feed.plain.text, self.feed.text
        self.other = load_texts(texts or worded_folder())

    def __call__(self, batch: int, *, seed: int, seen: int) -> Worded:
        rng = np.random.default_rng((seed, seen, 2))
        pictures: list[Tensor] = []
        meant, said, kept = list[Read](), list[Read](), list[Read]()
        for kind in rng.choice(3, batch, p=SHARES):
            pairs = (self.words.things, self.words.styled, self.words.composed)[kind]
            pair = pairs[rng.integers(len(pairs))]
            of_scene = kind == 2
            meant.append(_read(self.composed if of_scene else self.plain, pair.meant))
            chosen = rng.integers(len(pair.said), size=SAID)
            said += [_read(self.other, pair.said[one]) for one in chosen]
            kept += [self._caption(None if of_scene else pair.of, rng) for _ in range(KEPT)]
            pictures.append(self._scene(pair.of) if of_scene else self._still(pair.of))
        clean = torch.stack(pictures)[:, :, None] * 2 - 1
        return Worded(clean, *(Cond(*beside(texts)) for texts in (meant, said, kept)))

    def _caption(self, row: int | None, rng: np.random.Generator) -> Read:
        """A caption as it is: of the still itself, of another, of a scene, or none."""
        drawn = rng.random()
        if drawn < 0.05:
            return _read(self.plain, "")
        if drawn < 0.35:
            texts = self.words.scenes[rng.integers(len(self.words.scenes))].texts
            return _read(self.composed, texts[rng.integers(len(texts))])
        if row is None or drawn < 0.7:
            pairs = self.words.things if rng.random() < 0.6 else self.words.styled
            row = pairs[rng.integers(len(pairs))].of
        known = self.feed.plain.captions[row]
        return self.plain.read(int(known[rng.integers(len(known))]))

    def _still(self, row: int) -> Tensor:
        """(4, S, S) in [0, 1], premultiplied."""
        still = cutouts.premultiplied(self.feed.plain.stills[row][None])[0]
        return torch.from_numpy(still).permute(2, 0, 1)

    def _scene(self, number: int) -> Tensor:
        return self.feed.ground.drawn(self.words.scenes[number], self.feed.size, time=None)


def _read(store: CutoutTexts, text: str) -> Read:
    return store.read(store.row[text])
