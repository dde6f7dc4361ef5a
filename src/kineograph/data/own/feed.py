"""Which pictures of a pack come next? Batches, a pure function of (seed, samples seen).

Beside the pack's own pictures a batch may hold two other kinds. Where the pack shows one thing that
has a name, it is also composed (`composing`). And pictures that the model itself made before it was
tuned, with their texts (Ruiz et al. 2022, DreamBooth, prior preservation), so that it keeps what it
knew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.cutout_texts import CutoutTexts, heard
from kineograph.data.feed import lowered
from kineograph.data.own.composing import Composing
from kineograph.data.own.pack import Pack
from kineograph.data.phrases import article_of
from kineograph.data.sticker_texts import Encoder
from kineograph.trajectories.placed import Placed, rendered
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

COMPOSED, KEPT = 0.4, 0.15  # shares of a batch, where there are such pictures
MOST_HELD = 64  # samples that are judged
JITTER, SHIFT, TURN = 0.06, 0.03, 0.02  # of size, place and turns of a picture of the pack
SIDED = re.compile(r"\b(left|right)\b")  # said of a picture, it is not mirrored
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
    """The word that most captions share and that is no little one; "" where there is none.

    Of those shared alike the one that comes first: "a blip waving" is about a blip.
    """
    places: dict[str, list[int]] = {}
    for text in captions:
        said = [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in LITTLE]
        for word in dict.fromkeys(said):
            places.setdefault(word, []).append(said.index(word))
    if not places or len(captions) < 2:
        return ""
    word = max(places, key=lambda one: (len(places[one]), -sum(places[one]), one))
    return word if len(places[word]) >= SHARED * len(captions) else ""


class Samples:
    """A pack's samples with their captions, and what is kept, as every feed draws them.

    styled: what a model's doors make of a text before it is read.
    """

    def __init__(
        self,
        pack: Pack,
        kept: Kept = NOTHING,
        *,
        encoder: Encoder | None = None,
        styled: Callable[[str], str] = lambda text: text,
        more: Sequence[str] = (),
    ) -> None:
        if not len(pack.trained):
            raise InputError("pack", "holds nothing that is not held out", "hold out less")
        self.pack, self.kept, self.styled = pack, kept, styled
        self.said = [variants(text, kept.subject) for text in pack.captions]
        texts = [*(text for some in self.said for text in some), *kept.texts, *more]
        self.text: CutoutTexts = heard([styled(text) for text in texts], encoder)
        self.frames = [pack.frames_of(sample) for sample in range(len(pack.captions))]

    @property
    def captions(self) -> tuple[str, ...]:
        """Of what is trained on."""
        return tuple(self.pack.captions[one] for one in self.pack.trained)

    def batch(self, texts: Sequence[str]) -> Cond:
        """The texts as a network is told them."""
        rows = np.array([self.text.row[self.styled(text)] for text in texts])
        return Cond(*self.text.batch(rows))

    def drawn(self, rng: np.random.Generator) -> tuple[str, int]:
        """A caption of what is trained on, and a row of the pack that shows it."""
        sample = int(rng.choice(self.pack.trained))
        known = self.said[sample]
        return known[int(rng.integers(len(known)))], int(rng.choice(self.frames[sample]))

    def remembered(self, rng: np.random.Generator) -> tuple[str, Tensor]:
        """A text and a picture (C, S, S) in [0, 1] of what is kept."""
        row = int(rng.integers(len(self.kept.texts)))
        return self.kept.texts[row], self.kept.pictures[row].float() / 255

    def held_out(self) -> tuple[list[str], list[int]]:
        """Captions of what is held out, and the first row that shows each."""
        samples = self.pack.kept_out[:MOST_HELD]
        return [self.said[one][0] for one in samples], [int(self.frames[one][0]) for one in samples]


def variants(caption: str, subject: str) -> list[str]:
    """A caption as it was written, and without its article; the subject where nothing is said."""
    if not caption:
        return [f"{article_of(subject)} {subject}"] if subject else [""]
    bare = re.sub(r"^(an?|the) ", "", caption)
    return list(dict.fromkeys([caption, bare]))


class CutoutsOfPack:
    """Pictures with alpha at the pack's size, for a network that makes whole cut-outs."""

    def __init__(self, pack: Pack, kept: Kept = NOTHING, *, encoder: Encoder | None = None) -> None:
        if len(kept.pictures) and kept.pictures.shape[-1] != pack.size:
            raise InputError("prior", f"{kept.pictures.shape[-1]} pixels, the pack {pack.size}")
        self.compose = Composing(kept.subject, named(kept)) if kept.subject else None
        more = self.compose.texts if self.compose else ()
        self.samples = Samples(pack, kept, encoder=encoder, more=more)
        self.pack, self.size = pack, pack.size
        self.usual = _usual(pack)

    @property
    def captions(self) -> tuple[str, ...]:
        """Of what is trained on."""
        return self.samples.captions

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """clean (B, 4, 1, S, S) in [-1, 1], premultiplied; -1 in every channel is nothing there."""
        if frames != 1:
            raise InputError("frames", f"{frames}; a pack's cut-outs are pictures, use 1")
        rng = np.random.default_rng((seed, seen))
        laid = round(COMPOSED * batch) if self.compose else 0
        old = round(KEPT * batch) if len(self.samples.kept.texts) else 0
        made: list[Tensor] = []
        texts: list[str] = []
        for place in range(batch):
            if place < laid:
                picture, text = self._composed(rng)
            elif place < laid + old:
                text, picture = self.samples.remembered(rng)
            else:
                picture, text = self._own(rng)
            made.append(picture)
            texts.append(text)
        clean = torch.stack(made)[:, :, None] * 2 - 1
        return clean, self.samples.batch(texts)

    def held_out(self) -> tuple[Tensor, Cond] | None:
        """What is held out, as a batch, every sample's first frame; None where nothing is."""
        texts, rows = self.samples.held_out()
        if not rows:
            return None
        clean = self.pack.pictures(np.array(rows))[:, :, None] * 2 - 1
        return clean, self.samples.batch(texts)

    def _own(self, rng: np.random.Generator) -> tuple[Tensor, str]:
        """A picture of the pack, a little moved, turned and sized; mirrored where none minds."""
        text, row = self.samples.drawn(rng)
        picture = self.pack.pictures(np.array([row]))[0]
        alpha = picture[3]
        if bool((alpha[0] > 0.9).all() and (alpha[-1] > 0.9).all()):
            return picture, text  # it fills its frame
        size = 1 - JITTER + 2 * JITTER * float(rng.random())
        x, y = (0.5 + SHIFT * (2 * rng.random(2) - 1)).tolist()
        turn = TURN * (2 * float(rng.random()) - 1)
        mirrored = bool(rng.random() < 0.5) and not SIDED.search(text)
        place = Placed(0, x, y, size, turn=turn, mirrored=mirrored)
        return rendered([picture], [place], self.size), text

    def _composed(self, rng: np.random.Generator) -> tuple[Tensor, str]:
        assert self.compose is not None
        row = int(rng.choice(self.samples.frames[int(rng.choice(self.usual))]))
        return self.compose(self.pack.pictures(np.array([row]))[0], self.size, rng)


def named(kept: Kept) -> list[tuple[str, Tensor]]:
    """Single things among what is kept, with their pictures (4, S, S) in [0, 1]."""
    return [
        (text, picture.float() / 255)
        for text, picture in zip(kept.texts, kept.pictures, strict=True)
        if len(text.split()) <= 2 and not text.startswith("two ")
    ]


def _usual(pack: Pack) -> NDArray[np.int64]:
    """The half of what is trained on that looks most like all of it: the thing as it usually is."""
    rows = np.array([pack.frames_of(sample)[0] for sample in pack.trained])
    x = torch.nn.functional.adaptive_avg_pool2d(pack.pictures(rows), 16).flatten(1)
    apart = torch.cdist(x, x).mean(1)
    kept = apart.argsort(stable=True)[: max(1, (len(rows) + 1) // 2)]
    found: NDArray[np.int64] = pack.trained[np.sort(kept.numpy())]
    return found


@dataclass(frozen=True)
class Looks:
    """What a stage is shown of a painting or a clip.

    size, frames: of the stage; low_size, low_frames: of the one below, 0 and 1 for none. crop: side
    of a square that is cut out. spun: whether pictures are turned by quarters and mirrored, as
    textures may be.
    """

    size: int
    low_size: int = 0
    frames: int = 1
    low_frames: int = 1
    crop: int = 0
    spun: bool = False


class PaintingsOfPack:
    """Opaque pictures or clips for one stage of a cascade: whole ones, or crops; and those below.

    styled: what a model's doors make of a text before it is read.
    """

    def __init__(
        self,
        pack: Pack,
        looks: Looks,
        kept: Kept = NOTHING,
        *,
        styled: Callable[[str], str] = lambda text: text,
    ) -> None:
        size, low = looks.size, looks.low_size
        if pack.size % size or (low and size % low):
            raise InputError("size", f"{size} pixels on {low}, of a pack of {pack.size}")
        self.samples = Samples(pack, kept, styled=styled)
        self.pack, self.looks = pack, looks
        self.shrink, self.factor = pack.size // size, size // low if low else 1
        self.moving = [one for one in pack.trained if len(self.samples.frames[one]) > 1]

    @property
    def captions(self) -> tuple[str, ...]:
        """Of what is trained on."""
        return self.samples.captions

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """(B, 3, T, S, S) in [-1, 1], and conditions; S is the crop or the size.

        frames: 1, or the stage's: then clips alone, each from anywhere in its loop.
        """
        if frames not in (1, self.looks.frames):
            raise InputError("frames", f"{frames} is neither 1 nor the stage's {self.looks.frames}")
        if frames > 1 and not self.moving:
            raise InputError("pack", "holds no clip", "a model of clips learns movement of clips")
        rng = np.random.default_rng((seed, seen))
        old = round(KEPT * batch) if len(self.samples.kept.texts) and frames == 1 else 0
        made, texts = [], []
        for place in range(batch):
            if place < old:
                text, picture = self.samples.remembered(rng)
                clip = picture[None]
            elif frames == 1:
                text, row = self.samples.drawn(rng)
                clip = self._opaque([row])
            else:
                text, clip = self._moving(rng)
            made.append(self._shown(clip, rng))
            texts.append(text)
        return self._lowered(torch.stack(made), texts)

    def held_out(self) -> tuple[Tensor, Cond] | None:
        """What is held out, as a batch: of clips where any are and the stage makes them."""
        rng = np.random.default_rng(0)
        clips = [one for one in self.pack.kept_out[:MOST_HELD] if len(self.samples.frames[one]) > 1]
        if self.looks.frames > 1 and clips:
            moving = [self._shown(self._clip(one, 0), rng) for one in clips]
            return self._lowered(torch.stack(moving), [self.samples.said[one][0] for one in clips])
        texts, rows = self.samples.held_out()
        if not rows:
            return None
        made = [self._shown(self._opaque([row]), rng) for row in rows]
        return self._lowered(torch.stack(made), texts)

    def _moving(self, rng: np.random.Generator) -> tuple[str, Tensor]:
        """A caption and a clip of what is trained on, begun anywhere in its loop."""
        sample = int(rng.choice(self.moving))
        said = self.samples.said[sample]
        clip = self._clip(sample, int(rng.integers(len(self.samples.frames[sample]))))
        return said[int(rng.integers(len(said)))], clip

    def _clip(self, sample: int, start: int) -> Tensor:
        """(T, 3, P, P) of a clip that moves, the stage's frames evenly around its loop."""
        rows = self.pack.looping(self.samples.frames[sample])
        when = (start + np.arange(self.looks.frames) * len(rows) / self.looks.frames).astype(
            np.int64
        )
        return self._opaque(rows[when % len(rows)].tolist())

    def _opaque(self, rows: Sequence[int]) -> Tensor:
        """(T, 3, P, P) in [0, 1] of rows, on white."""
        x = self.pack.pictures(np.array(rows))
        return x[:, :3] + 1 - x[:, 3:]

    def _shown(self, clip: Tensor, rng: np.random.Generator) -> Tensor:
        """(3, T, S, S) at the stage's size, or a square of it; turned where it may be."""
        x = torch.nn.functional.avg_pool2d(clip, self.shrink)
        if self.looks.crop:
            room = (x.shape[-1] - self.looks.crop) // self.factor + 1
            top, left = (rng.integers(room, size=2) * self.factor).tolist()
            x = x[:, :, top : top + self.looks.crop, left : left + self.looks.crop]
        if self.looks.spun:
            x = torch.rot90(x, int(rng.integers(4)), (2, 3))
            x = x.flip(3) if rng.random() < 0.5 else x
        return x.transpose(0, 1)

    def _lowered(self, pictures: Tensor, texts: Sequence[str]) -> tuple[Tensor, Cond]:
        clean = pictures * 2 - 1  # (B, 3, T, S, S)
        cond = self.samples.batch(texts)
        low_frames = min(clean.shape[2], self.looks.low_frames)
        low = lowered(clean, low_frames, self.factor) if self.looks.low_size else None
        return clean, Cond(cond.words, cond.mask, cond.pooled, low=low)
