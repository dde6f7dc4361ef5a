"""How good is a model that makes stickers? Figures on trained and on held-out concepts.

Each concept is asked for by its plain caption, "3d: name". Real clips are looked at through the
same eyes and the same number of pixels, and every figure stands beside what real clips get.

Retrieval: a clip is the mean of the Lite0 features of four frames; clips are compared by cosine.
The network is easily led astray by texture: real clips of 64 pixels, blurred to 16 and with noise
of .05, find themselves first in .17 and among five in .38 of the cases, but in .89 and .97 when all
are looked at with 16 pixels. So retrieval is told twice, fine and coarse. Whitened features find
other skin tones a little more often (.72 against .66) but suffer more from noise: not used.
Fréchet distance: of single frames, in the 64 principal axes of the real frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kineograph.data.sticker_features import RealClips
from kineograph.data.stickers import variants
from kineograph.diffusion.cascade import Sampling
from kineograph.evaluation.influences import copied_share, nearest_distance
from kineograph.evaluation.making import SHOWN, Ground, Kept, Maker, looks_of, made
from kineograph.evaluation.motion import Motion, apart, motion
from kineograph.evaluation.sets import (
    Basis,
    Estimate,
    bootstrap,
    closeness,
    frechet,
    halves,
    mean,
    median,
    principal,
    ranks,
    within,
)
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

FRECHET_AXES = 64
DRAWS = 10  # random halves of the real clips
PARTS = {"trained": "train", "motion held out": "val_motion", "held out": "val"}
SHEET_ROWS = 32  # trained concepts on the contact sheet


@dataclass(frozen=True)
class Part:
    """Figures of the concepts of one split, Estimates with the interval over concepts.

    retrieval_at_1, retrieval_at_5: share whose true concept is the nearest, among the five nearest,
    of all real clips; coarse_*: the same looked at with 16 pixels. family_at_1: share whose nearest
    is of its family (man, woman, person X).
    frechet: made against real frames of the same concepts. frechet_same: other frames of the same
    real clips against these, the least to hope for. frechet_real: real frames of as many other
    concepts, mean and range of ten draws.
    motion_ratio: median of made over real motion energy. loop_gap, loop_gap_real: median step from
    last to first over the usual step.
    nearest_features, nearest_pixels: median distance to the nearest training clip, 1 - cosine and
    root mean square of thumbnails. copies: share nearer (by features) than 95 % of the real
    held-out clips are.
    """

    concepts: int
    retrieval_at_1: Estimate
    retrieval_at_5: Estimate
    coarse_at_1: Estimate
    coarse_at_5: Estimate
    family_at_1: Estimate
    frechet: float
    frechet_same: float
    frechet_real: Estimate
    motion_ratio: Estimate
    loop_gap: Estimate
    loop_gap_real: float
    nearest_features: Estimate
    nearest_pixels: Estimate
    copies: float


@dataclass(frozen=True)
class Reference:
    """What real clips get: the same figures with a real clip in the place of the made one.

    frames_*: other frames of the same clips. tones_*: the same concepts in a medium skin tone.
    held_out_features, held_out_pixels: median distance of held-out clips to the nearest training
    clip.
    """

    concepts: int
    frames_at_1: float
    frames_at_5: float
    tones_at_1: float
    tones_at_5: float
    held_out_features: float
    held_out_pixels: float


@dataclass(frozen=True)
class Answer:
    """One concept: what was asked, how many real concepts came before the true one, the nearest."""

    text: str
    part: str
    rank: int
    nearest: str
    motion_ratio: float
    loop_gap: float


@dataclass(frozen=True)
class Study:
    """What `stickers` ends with. sheet: a row a concept: made, nearest real, the true one."""

    parts: dict[str, Part]
    reference: Reference
    answers: tuple[Answer, ...]
    sheet: list[Clip]


class Gallery:
    """The real clips ready to be compared with."""

    def __init__(self, real: RealClips) -> None:
        self.real = real
        self.frame: Basis = principal(real.looks.flatten(0, 1), FRECHET_AXES)
        self.clips = real.looks.mean(1)  # (N, 1280)
        self.families = [record.family for record in real.records]
        self.train = self.of_split("train")
        held = torch.cat([self.of_split("val_motion"), self.of_split("val")])
        self.held_features = self.feature_distance(real.looks[held])
        self.held_pixels = self.pixel_distance(real.thumbs[held])

    def of_split(self, split: str) -> Tensor:
        """Positions of the clips of a split."""
        found = [i for i, record in enumerate(self.real.records) if record.split == split]
        return torch.tensor(found, dtype=torch.long)

    def close(self, looks: Tensor) -> Tensor:
        """(M, N) closeness of clips, as features (M, 4, 1280), to all real ones."""
        return closeness(looks.mean(1), self.clips)

    def feature_distance(self, looks: Tensor) -> Tensor:
        """(M,) 1 - cosine to the nearest training clip."""
        return nearest_distance(looks.mean(1), self.clips[self.train])

    def pixel_distance(self, thumbs: Tensor) -> Tensor:
        """(M,) root mean square to the nearest training clip, at the best starting frame."""
        many = self.real.thumbs[self.train].double()
        return torch.stack([apart(one, many).amin() for one in thumbs])

    def reference(self) -> Reference:
        """What real clips get."""
        same = ranks(self.close(self.real.between), torch.arange(len(self.clips)))
        found = {"tones_at_1": 0.0, "tones_at_5": 0.0}
        if len(self.real.toned):
            toned = ranks(self.close(self.real.toned), self.real.toned_of)
            found = {f"tones_at_{k}": float(mean(within(toned, k))) for k in (1, 5)}
        return Reference(
            len(self.clips),
            float(mean(within(same, 1))),
            float(mean(within(same, 5))),
            **found,
            held_out_features=float(median(self.held_features)),
            held_out_pixels=float(median(self.held_pixels)),
        )


def panel(real: RealClips, count: int) -> dict[str, list[int]]:
    """Concepts to ask for, by part: `count` trained ones by the hash of their key, all held out."""
    chosen: dict[str, list[int]] = {}
    for part, split in PARTS.items():
        rows = [i for i, record in enumerate(real.records) if record.split == split]
        rows.sort(key=lambda i: hashlib.sha256(real.records[i].key.encode()).hexdigest())
        chosen[part] = rows[:count] if split == "train" else rows
    if any(len(rows) < 2 for rows in chosen.values()):
        raise InputError("concepts", f"{count}", "each part needs at least two concepts")
    return chosen


def stickers(
    maker: Maker,
    ground: Ground,
    *,
    sampling: Sampling,
    count: int,
    seed: int,
    batch: int = 16,
) -> Iterator[Progress]:
    """Ask `maker` for every concept of the panel and judge the clips; the last value is a Study.

    A concept's sample has the seed `seed` + its place among the real clips, whatever the panel.
    """
    asked = panel(ground.real, count)
    rows = [i for part in asked.values() for i in part]
    texts = [variants(ground.real.records[i])[0] for i in rows]
    seeds = [seed + i for i in rows]
    clips: list[Kept] = []
    for step in made(maker, texts, seeds, sampling, ground, batch=batch):
        clips = step.value or clips
        if step.value is None:
            yield step
    yield Progress(1.0, "comparing", judged(clips, asked, ground, seed=seed))


def judged(
    clips: Sequence[Kept],
    asked: dict[str, list[int]],
    ground: Ground,
    *,
    seed: int,
) -> Study:
    """The figures of made clips, given in the order of `asked`."""
    real = ground.real
    gallery = Gallery(real)
    coarse = Gallery(ground.coarse)
    close = gallery.close(looks_of(clips))
    truth = torch.tensor([i for rows in asked.values() for i in rows])
    place, nearest = ranks(close, truth), close.argmax(1)
    true = [motion(ground.clip(int(i), clips[0].frames)) for i in truth]
    ratios = [c.motion.energy / max(t.energy, 1e-6) for c, t in zip(clips, true, strict=True)]

    parts, answers, first = {}, [], 0
    for name, rows in asked.items():
        some = slice(first, first + len(rows))
        parts[name] = _part(gallery, coarse, clips[some], true[some], rows, seed)
        for n in range(first, first + len(rows)):
            record, other = real.records[int(truth[n])], real.records[int(nearest[n])]
            answers.append(
                Answer(
                    variants(record)[0],
                    name,
                    int(place[n]),
                    other.name,
                    ratios[n],
                    clips[n].motion.loop_gap,
                )
            )
        first += len(rows)
    return Study(
        parts,
        gallery.reference(),
        tuple(answers),
        _sheet(clips, truth, nearest, len(asked["trained"]), ground),
    )


def _part(
    gallery: Gallery,
    coarse: Gallery,
    clips: Sequence[Kept],
    true: Sequence[Motion],
    rows: Sequence[int],
    seed: int,
) -> Part:
    rng = torch.Generator().manual_seed(seed)
    looks, real = looks_of(clips), gallery.real
    close = gallery.close(looks)
    place = ranks(close, torch.tensor(rows))
    roughly = ranks(coarse.close(looks_of(clips, coarse=True)), torch.tensor(rows))
    families = [
        gallery.families[int(n)] == gallery.families[i]
        for n, i in zip(close.argmax(1), rows, strict=True)
    ]
    features = gallery.feature_distance(looks)
    pixels = gallery.pixel_distance(torch.stack([clip.thumb for clip in clips]))
    here, between, there = (
        gallery.frame(x.flatten(0, 1)) for x in (looks, real.between[rows], real.looks[rows])
    )
    ratios = [c.motion.energy / max(t.energy, 1e-6) for c, t in zip(clips, true, strict=True)]
    gaps = torch.tensor([clip.motion.loop_gap for clip in clips])
    return Part(
        concepts=len(rows),
        retrieval_at_1=bootstrap(within(place, 1), rng),
        retrieval_at_5=bootstrap(within(place, 5), rng),
        coarse_at_1=bootstrap(within(roughly, 1), rng),
        coarse_at_5=bootstrap(within(roughly, 5), rng),
        family_at_1=bootstrap(torch.tensor(families), rng),
        frechet=frechet(here, there),
        frechet_same=frechet(between, there),
        frechet_real=_frechet_of_real(gallery, len(rows), rng),
        motion_ratio=bootstrap(torch.tensor(ratios), rng, statistic=median),
        loop_gap=bootstrap(gaps, rng, statistic=median),
        loop_gap_real=float(median(torch.tensor([one.loop_gap for one in true]))),
        nearest_features=bootstrap(features, rng, statistic=median),
        nearest_pixels=bootstrap(pixels, rng, statistic=median),
        copies=copied_share(features, gallery.held_features),
    )


def _frechet_of_real(gallery: Gallery, count: int, rng: torch.Generator) -> Estimate:
    """Real frames of `count` concepts (at most half of all) against those of as many others."""
    looks = gallery.real.looks
    found = []
    for _ in range(DRAWS):
        a, b = halves(count, len(looks), rng)
        found.append(
            frechet(gallery.frame(looks[a].flatten(0, 1)), gallery.frame(looks[b].flatten(0, 1)))
        )
    return Estimate(sum(found) / DRAWS, min(found), max(found))


def _sheet(
    clips: Sequence[Kept],
    truth: Tensor,
    nearest: Tensor,
    trained: int,
    ground: Ground,
) -> list[Clip]:
    """Two concepts a row: frames made, nearest real, true one; some trained, all held out."""
    blocks = []
    for n in [*range(min(trained, SHEET_ROWS)), *range(trained, len(clips))]:
        side = clips[n].shown.frames.shape[-1]
        grey = torch.full((1, 3, side, side), 0.8)
        cells = [clips[n].shown.frames]
        for i in (nearest[n], truth[n]):
            cells += [grey, ground.clip(int(i), SHOWN).frames]
        blocks.append(torch.cat([*cells, grey]))
    if len(blocks) % 2:
        blocks.append(torch.ones_like(blocks[0]))
    return [Clip(torch.cat(pair)) for pair in zip(blocks[::2], blocks[1::2], strict=True)]
