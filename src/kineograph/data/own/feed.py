"""Which pictures of a pack come next? Batches, a pure function of (seed, samples seen).

Beside the pack's own pictures a batch may hold two other kinds. Where the pack shows one thing that
has a name, it is also laid on coloured grounds, in places and in numbers, with captions that say so
(`composed`): so a model learns that the thing is a thing. And pictures that the model itself made
before it was tuned, with their texts (Ruiz et al. 2022, DreamBooth, prior preservation), so that it
keeps what it knew.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kineograph.data.composed.scenes import COUNTS, GROUNDS, PLACES
from kineograph.data.cutout_texts import CutoutTexts, heard
from kineograph.data.feed import lowered
from kineograph.data.own.pack import Pack
from kineograph.data.phrases import plural
from kineograph.data.sticker_texts import Encoder
from kineograph.trajectories.placed import Placed, rendered
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

COMPOSED, KEPT = 0.35, 0.2  # shares of a batch, where there are such pictures
MOST_HELD = 64  # samples that are judged
JITTER, SHIFT = 0.06, 0.03  # of the size and the place of a picture of the pack
SHARED = 0.7  # share of captions that a word must stand in to be the subject
LITTLE = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "on",
        "in",
        "at",
        "with",
        "and",
        "or",
        "to",
        "for",
        "from",
        "by",
        "is",
        "are",
        "as",
        "it",
        "its",
        "this",
        "that",
        "two",
        "three",
        "one",
        "some",
        "picture",
        "drawing",
        "photo",
        "image",
        "style",
        "texture",
        "pattern",
    ]
)


@dataclass(frozen=True)
class Kept:
    """Pictures that the model made before, with their texts; subject: the pack's, "" for none.

    pictures: (P, C, S, S) uint8, premultiplied where there are four channels.
    """

    pictures: Tensor
    texts: tuple[str, ...]
    subject: str = ""


NOTHING = Kept(torch.zeros(0, 4, 1, 1, dtype=torch.uint8), ())


def subject_of(captions: Sequence[str]) -> str:
    """The word that most captions share and that is no little one; "" where there is none."""
    words = Counter(
        word for text in captions for word in set(re.findall(r"[^\W\d_]+", text.lower()))
    )
    usual = [(count, word) for word, count in words.items() if word not in LITTLE]
    if not usual or len(captions) < 2:
        return ""
    count, word = max(usual, key=lambda pair: (pair[0], len(pair[1]), pair[1]))
    return word if count >= SHARED * len(captions) else ""


def article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


class _Said:
    """Captions of a pack and of what is composed of it, read once by the frozen encoder."""

    def __init__(self, pack: Pack, kept: Kept, encoder: Encoder | None) -> None:
        self.subject = kept.subject
        self.own = [variants(text, self.subject) for text in pack.captions]
        texts = [text for some in self.own for text in some]
        if self.subject:
            texts += [text for kind in composed_texts(self.subject).values() for text in kind]
        self.text: CutoutTexts = heard([*texts, *kept.texts], encoder)

    def batch(self, texts: Sequence[str]) -> Cond:
        rows = np.array([self.text.row[text] for text in texts])
        return Cond(*self.text.batch(rows))


def variants(caption: str, subject: str) -> list[str]:
    """A caption as it was written, and without its article; the subject where nothing is said."""
    if not caption:
        return [f"{article(subject)} {subject}"] if subject else [""]
    bare = re.sub(r"^(an?|the) ", "", caption)
    return list(dict.fromkeys([caption, bare]))


def composed_texts(subject: str) -> dict[tuple[str, str], list[str]]:
    """What is said of every composed picture: (kind, which) -> captions."""
    one, many = f"{article(subject)} {subject}", plural(subject)
    said = {
        ("count", str(count)): [f"{word} {many}", f"{count} {many}"]
        for count, word in COUNTS.items()
        if count < 5
    }
    for colour in GROUNDS:
        ground = f"{article(colour)} {colour}"
        said["ground", colour] = [f"{one} on {ground} ground", f"{one} on {ground} background"]
    for place in PLACES:
        said["place", place] = [f"a small {subject} {place}", f"a little {subject} {place}"]
    return said


class CutoutsOfPack:
    """Pictures with alpha at the pack's size, for a network that makes whole cut-outs."""

    def __init__(self, pack: Pack, kept: Kept = NOTHING, *, encoder: Encoder | None = None) -> None:
        if not len(pack.trained):
            raise InputError("pack", "holds nothing that is not held out", "hold out less")
        if len(kept.pictures) and kept.pictures.shape[-1] != pack.size:
            raise InputError("prior", f"{kept.pictures.shape[-1]} pixels, the pack {pack.size}")
        self.pack, self.kept, self.size = pack, kept, pack.size
        self.said = _Said(pack, kept, encoder)
        self.frames = [pack.frames_of(sample) for sample in range(len(pack.captions))]
        self.scenes = composed_texts(kept.subject) if kept.subject else {}

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """clean (B, 4, 1, S, S) in [-1, 1], premultiplied; -1 in every channel is nothing there."""
        if frames != 1:
            raise InputError("frames", f"{frames}; a pack's cut-outs are pictures, use 1")
        rng = np.random.default_rng((seed, seen))
        laid = round(COMPOSED * batch) if self.scenes else 0
        old = round(KEPT * batch) if len(self.kept.texts) else 0
        made: list[Tensor] = []
        texts: list[str] = []
        for place in range(batch):
            if place < laid:
                picture, text = self._laid(rng)
            elif place < laid + old:
                row = int(rng.integers(len(self.kept.texts)))
                picture, text = self.kept.pictures[row].float() / 255, self.kept.texts[row]
            else:
                picture, text = self._own(rng)
            made.append(picture)
            texts.append(text)
        clean = torch.stack(made)[:, :, None] * 2 - 1
        return clean, self.said.batch(texts)

    @property
    def captions(self) -> tuple[str, ...]:
        """Of what is trained on."""
        return tuple(self.pack.captions[one] for one in self.pack.trained)

    def held_out(self) -> tuple[Tensor, Cond] | None:
        """What is held out, as a batch, every sample's first frame; None where nothing is."""
        samples = self.pack.kept_out[:MOST_HELD]
        if not len(samples):
            return None
        rows = np.array([self.frames[sample][0] for sample in samples])
        clean = self.pack.pictures(rows)[:, :, None] * 2 - 1
        return clean, self.said.batch([self.said.own[sample][0] for sample in samples])

    def _picture(self, rng: np.random.Generator) -> tuple[int, Tensor]:
        """A sample that is trained on, and one of its frames (4, S, S)."""
        sample = int(rng.choice(self.pack.trained))
        row = int(rng.choice(self.frames[sample]))
        return sample, self.pack.pictures(np.array([row]))[0]

    def _own(self, rng: np.random.Generator) -> tuple[Tensor, str]:
        sample, picture = self._picture(rng)
        known = self.said.own[sample]
        text = known[int(rng.integers(len(known)))]
        alpha = picture[3]
        if bool((alpha[0] > 0.9).all() and (alpha[-1] > 0.9).all()):
            return picture, text  # it fills its frame
        size = 1 - JITTER + 2 * JITTER * float(rng.random())
        x, y = (0.5 + SHIFT * (2 * rng.random(2) - 1)).tolist()
        return rendered([picture], [Placed(0, x, y, size)], self.size), text

    def _laid(self, rng: np.random.Generator) -> tuple[Tensor, str]:
        """The subject in a number, on a ground, or in a place."""
        _, picture = self._picture(rng)
        kind = str(rng.choice(["count", "ground", "place"]))
        those = [which for of, which in self.scenes if of == kind]
        which = str(rng.choice(those))
        texts = self.scenes[kind, which]
        text = texts[int(rng.integers(len(texts)))]
        ground = torch.tensor(GROUNDS[which]) if kind == "ground" else None
        return rendered([picture], _places(kind, which), self.size, ground), text


def _places(kind: str, which: str) -> list[Placed]:
    """Where the subject stands in a composed picture, as in `composed.scenes`."""
    if kind == "ground":
        return [Placed(0, size=0.86)]
    if kind == "place":
        return [Placed(0, *PLACES[which], 0.42)]
    count = int(which)
    across, down = {2: (2, 1), 3: (3, 1), 4: (2, 2)}[count]
    size = min(1 / across, 1 / down) * 0.96
    spots = [((i % across + 0.5) / across, (i // across + 0.5) / down) for i in range(count)]
    return [Placed(0, x, y, size) for x, y in spots]


class PaintingsOfPack:
    """Opaque pictures for one stage of a cascade: whole ones, or crops; and those below them."""

    def __init__(
        self,
        pack: Pack,
        kept: Kept = NOTHING,
        *,
        size: int,
        low_size: int = 0,
        crop: int = 0,
        encoder: Encoder | None = None,
    ) -> None:
        if pack.size % size or (low_size and size % low_size):
            raise InputError("size", f"{size} pixels on {low_size}, of a pack of {pack.size}")
        self.pack, self.kept, self.crop = pack, kept, crop
        self.shrink, self.factor = pack.size // size, size // low_size if low_size else 1
        self.low = bool(low_size)
        self.said = _Said(pack, kept, encoder)
        self.frames = [pack.frames_of(sample) for sample in range(len(pack.captions))]

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """(B, 3, 1, S, S) in [-1, 1], and conditions; S is the crop or the size."""
        if frames != 1:
            raise InputError("frames", f"{frames}; a pack's paintings are pictures, use 1")
        rng = np.random.default_rng((seed, seen))
        old = round(KEPT * batch) if len(self.kept.texts) else 0
        made, texts = [], []
        for place in range(batch):
            if place < old:
                row = int(rng.integers(len(self.kept.texts)))
                picture, text = self.kept.pictures[row].float() / 255, self.kept.texts[row]
            else:
                sample = int(rng.choice(self.pack.trained))
                row = int(rng.choice(self.frames[sample]))
                picture, text = self._opaque(row), self.said.own[sample][0]
            made.append(self._shown(picture, rng))
            texts.append(text)
        return self._lowered(torch.stack(made), texts)

    @property
    def captions(self) -> tuple[str, ...]:
        """Of what is trained on."""
        return tuple(self.pack.captions[one] for one in self.pack.trained)

    def held_out(self) -> tuple[Tensor, Cond] | None:
        """What is held out, as a batch; None where nothing is."""
        samples = self.pack.kept_out[:MOST_HELD]
        if not len(samples):
            return None
        rng = np.random.default_rng(0)
        made = [self._shown(self._opaque(int(self.frames[one][0])), rng) for one in samples]
        return self._lowered(torch.stack(made), [self.said.own[one][0] for one in samples])

    def _opaque(self, row: int) -> Tensor:
        """(3, S, S) in [0, 1] of a row, on white."""
        x = self.pack.pictures(np.array([row]))[0]
        return x[:3] + 1 - x[3:]

    def _shown(self, picture: Tensor, rng: np.random.Generator) -> Tensor:
        """The picture at the stage's size, or a square of it, turned by quarters and mirrored."""
        x = torch.nn.functional.avg_pool2d(picture[None], self.shrink)[0]
        if self.crop:
            places = (x.shape[-1] - self.crop) // self.factor + 1
            top, left = (rng.integers(places, size=2) * self.factor).tolist()
            x = x[:, top : top + self.crop, left : left + self.crop]
        x = torch.rot90(x, int(rng.integers(4)), (1, 2))
        return x.flip(2) if rng.random() < 0.5 else x

    def _lowered(self, pictures: Tensor, texts: Sequence[str]) -> tuple[Tensor, Cond]:
        clean = pictures[:, :, None] * 2 - 1  # (B, 3, 1, S, S)
        cond = self.said.batch(texts)
        low = lowered(clean, 1, self.factor) if self.low else None
        return clean, Cond(cond.words, cond.mask, cond.pooled, low=low)
