"""Does a style move that was seen in stills only? A linear style classifier and what it says.

Clips exist in 3d alone; flat and noto are trained as stills beside them (joint training, Ho et al.
2022, Video Diffusion Models, §3.1). Asked for "flat: X", a model that has learned style and motion
apart gives frames in the flat style that move as the 3d clip of X does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kineograph.data.sticker_features import RealClips, RealStills, reduced
from kineograph.data.stickers import STYLES
from kineograph.diffusion.cascade import Sampling
from kineograph.evaluation.making import Ground, Kept, Maker, looks_of, made
from kineograph.evaluation.motion import energy
from kineograph.evaluation.sets import Estimate, bootstrap, median
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

RIDGE = 1e-2  # weight decay, in units of the standardised features' variance


@dataclass(frozen=True)
class Classifier:
    """argmax of ((x - mean) / scale) @ weights + offset, over features (N, D)."""

    mean: Tensor
    scale: Tensor
    weights: Tensor
    offset: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """(N,) class numbers of features (N, D)."""
        return (((x.double() - self.mean) / self.scale) @ self.weights + self.offset).argmax(1)


def fitted(x: Tensor, labels: Tensor, classes: int, *, ridge: float = RIDGE) -> Classifier:
    """The linear classifier by ridge regression on one-hot labels (Hastie et al. 2009, §4.2).

    x: (N, D). labels: (N,) in 0 … classes - 1. Closed form, so it has no seed; every class weighs
    the same whatever its number of samples.
    """
    counts = torch.bincount(labels, minlength=classes).double()
    if len(counts) != classes or bool((counts == 0).any()):
        raise InputError("labels", f"counts {counts.long().tolist()}", "each class needs samples")
    weight = (1 / (classes * counts))[labels][:, None]  # (N, 1), sums to 1
    mean = (weight * x.double()).sum(0)
    scale = (weight * (x.double() - mean).square()).sum(0).sqrt().clamp(min=1e-6)
    z = (x.double() - mean) / scale
    targets = torch.nn.functional.one_hot(labels, classes).double() - 1 / classes
    normal = z.T @ (weight * z) + ridge * torch.eye(z.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(normal, z.T @ (weight * targets))
    return Classifier(mean, scale, weights, torch.full((classes,), 1 / classes).double())


def shares(labels: Tensor, classes: int) -> list[float]:
    """The share of each class among labels (N,)."""
    share: list[float] = (torch.bincount(labels, minlength=classes) / max(1, len(labels))).tolist()
    return share


# -- the study ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class StyleFigures:
    """One style word over all concepts asked for.

    in_style: share of frames the classifier puts in it. frames_as: share of frames by style.
    motion_ratio: median of made over real 3d motion energy. loop_gap: median of made clips.
    """

    in_style: Estimate
    frames_as: dict[str, float]
    motion_ratio: Estimate
    loop_gap: Estimate


@dataclass(frozen=True)
class StyleStudy:
    """What `styles` ends with.

    accuracy: share of held-out stills the classifier puts in the right style; clips_as: where it
    puts frames of the real (3d) clips. sheet: a row a concept; per style the real still, then four
    frames of the made clip.
    """

    accuracy: float
    clips_as: dict[str, float]
    styles: dict[str, StyleFigures]
    names: tuple[str, ...]
    sheet: list[Clip]


def classifier(stills: RealStills) -> tuple[Classifier, float]:
    """The style classifier of the trained stills, and its accuracy on those held out."""
    labels = torch.tensor([STYLES.index(record.style) for record in stills.records])
    held = torch.tensor([record.split == "val" for record in stills.records])
    found = fitted(stills.looks[~held], labels[~held], len(STYLES))
    right = found(stills.looks[held]) == labels[held]
    return found, float(right.double().mean())


def moving(real: RealClips, stills: RealStills, count: int) -> list[int]:
    """Trained concepts that move and have a still in every style: liveliest quarter, evenly chosen.

    One a family, at most `count`; positions among the real clips.
    """
    styled = {
        style: {r.key for r in stills.records if r.style == style and r.split != "val"}
        for style in STYLES
    }
    families: dict[str, int] = {}
    lively = sorted(range(len(real.records)), key=lambda i: -real.records[i].motion)
    for i in lively:
        record = real.records[i]
        everywhere = all(record.key in keys for keys in styled.values())
        if record.split == "train" and everywhere:
            families.setdefault(record.family, i)
    quarter = list(families.values())[: max(count, len(families) // 4)]
    return quarter[:: max(1, len(quarter) // count)][:count]


def styles(
    maker: Maker,
    ground: Ground,
    stills: RealStills,
    *,
    sampling: Sampling,
    count: int,
    seed: int,
    batch: int = 16,
) -> Iterator[Progress]:
    """Ask for `count` moving concepts in every style; the last value is a StyleStudy."""
    real = ground.real
    chosen = moving(real, stills, count)
    if not chosen:
        raise InputError("concepts", f"{count}", "no concept moves and has every style")
    sort, accuracy = classifier(stills)
    texts = [f"{style}: {real.records[i].name}" for style in STYLES for i in chosen]
    seeds = [seed + i for _ in STYLES for i in chosen]
    clips: list[Kept] = []
    for step in made(maker, texts, seeds, sampling, ground, batch=batch):
        clips = step.value or clips
        if step.value is None:
            yield step

    parts = {s: clips[i * len(chosen) : (i + 1) * len(chosen)] for i, s in enumerate(STYLES)}
    moves = [energy(ground.clip(i, clips[0].frames).frames) for i in chosen]
    rng = torch.Generator().manual_seed(seed)
    figures = {
        style: _judged(part, style, sort, torch.tensor(moves), rng) for style, part in parts.items()
    }
    of_clips = shares(sort(real.looks[chosen].flatten(0, 1)), len(STYLES))
    yield Progress(
        1.0,
        "measured",
        StyleStudy(
            accuracy,
            dict(zip(STYLES, of_clips, strict=True)),
            figures,
            tuple(real.records[i].name for i in chosen),
            [_row(ground, i, [parts[s][n] for s in STYLES]) for n, i in enumerate(chosen)],
        ),
    )


def _judged(
    clips: Sequence[Kept], style: str, sort: Classifier, real: Tensor, rng: torch.Generator
) -> StyleFigures:
    looks = looks_of(clips)
    labels = sort(looks.flatten(0, 1)).reshape(len(clips), -1)  # (N, 4)
    right = (labels == STYLES.index(style)).double().mean(1)
    ratio = torch.tensor([clip.motion.energy for clip in clips]) / real.clamp(min=1e-6)
    gaps = torch.tensor([clip.motion.loop_gap for clip in clips])
    return StyleFigures(
        bootstrap(right, rng),
        dict(zip(STYLES, shares(labels.flatten(), len(STYLES)), strict=True)),
        bootstrap(ratio, rng, statistic=median),
        bootstrap(gaps, rng, statistic=median),
    )


def _row(ground: Ground, i: int, clips: Sequence[Kept]) -> Clip:
    """One concept: for every style its real still, then the made frames."""
    cells = []
    for style, clip in zip(STYLES, clips, strict=True):
        side, packs = clip.shown.frames.shape[-1], ground.packs
        found = [
            row
            for row, record in enumerate(packs.still_records)
            if (record.key, record.style) == (ground.real.records[i].key, style)
        ]
        cells += [reduced(from_bytes(packs.stills[found[:1]]).frames, side), clip.shown.frames]
    return Clip(torch.cat(cells))
