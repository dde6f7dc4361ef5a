"""Joint sampling beside the paper's three baselines, by text: do levels agree, and show their text?

Wang et al. 2024, section 5.2. Every way has the same denoiser, noise levels, texts and seeds.
Agreement is measured on what the network itself answers at the last step, before anything is
blended, rendered or pinned. Whether a level shows its text is judged by a linear classifier of
subjects on Lite0 features, trained on the painters' own pictures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kineograph.data.scenes.packs import Scenes
from kineograph.data.scenes.subjects import SUBJECTS, caption
from kineograph.data.sticker_features import softened
from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.guidance import Thresholded
from kineograph.evaluation.sets import Estimate, bootstrap
from kineograph.evaluation.styles import Classifier, fitted
from kineograph.evaluation.zoom import agreement, psnr, seam_energy
from kineograph.families.zoom import maker
from kineograph.families.zoom.baselines import independent, outpainted, superresolved
from kineograph.families.zoom.joint import shared_noise
from kineograph.families.zoom.maker import TextStage
from kineograph.families.zoom.stack import shrunk
from kineograph.values.clip import Clip, bytes_to_model, to_clips
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, Progress

RATIO = 2
LOOKED_AT = 60  # painted pictures of a subject that teach the classifier; a tenth as many test it
BELOW = 10_000  # added to a seed for the noise through which the stage below is seen
LADDERS = (  # subjects, widest first
    "galaxy, star field, planet, continent, forest, leaves, plant cells, molecules",
    "nebula, star field, planet, clouds, mountains, river delta, pebbles, crystal",
    "continent, islands, waves, dunes, sand, crystal, bacteria, molecules",
    "planet, continent, fields, city, roofs, lawn, flowers, petal",
    "clouds, forest, leaves, leaf veins, plant cells, tissue, blood, bacteria",
)

Look = Callable[[Tensor], Tensor]  # pictures (N, 3, H, W) in 0 … 1 to features (N, D)


@dataclass(frozen=True)
class Way:
    """One way to fill the levels, over all ladders and seeds.

    agreement: decibels, mean over neighbours. least: the worst ladder and seed's mean. seam: mean
    over borders; 1 is none. seam_most: the worst ladder and seed's. fit: share of levels whose
    subject the classifier names. cost: processor time beside that of as many ordinary pictures, the
    levels sampled independently; all ladders and seeds together.
    """

    agreement: Estimate
    least: float
    seam: Estimate
    seam_most: float
    fit: Estimate
    cost: float


@dataclass(frozen=True)
class Study:
    """What `ladders` ends with.

    accuracy: of the classifier on painted pictures it was not trained on, by whether the subject is
    alone or around another: most levels are around others. photo: PSNR of level 0 to the photograph
    it is held to, decibels, the least of all. fit_at: share of right answers at each level, by way.
    sheet: a row a way, a column a level.
    """

    ways: dict[str, Way]
    fit_at: dict[str, list[float]]
    accuracy: dict[str, float]
    photo: float
    levels: int
    sheet: list[Clip]


class Heard:
    """A Denoiser that keeps its last answer."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.last = denoise, torch.empty(0)

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        self.last = self.denoise(x, sigma, cond)
        return self.last


def classifier(scenes: Scenes, look: Look, batch: int = 64) -> tuple[Classifier, dict[str, float]]:
    """The classifier of subjects, and its accuracy on pictures held out of everything, by company.

    It learns subjects alone and around others, sharp and soft, so that neither is what it tells
    them by; it is tested on them as they were painted.
    """
    trained, tested = [], []
    for number, pure in product(range(len(SUBJECTS)), (True, False)):
        of = (scenes.pure == pure) & (scenes.subject == number)
        trained += (of & ~scenes.held).nonzero()[0][:LOOKED_AT].tolist()
        tested += (of & scenes.held).nonzero()[0][: max(2, LOOKED_AT // 10)].tolist()

    def looks(rows: list[int], *, soft: bool) -> Tensor:
        """(N, S, D) of pictures, as they are or in all sharpnesses."""
        seen = []
        for start in range(0, len(rows), batch):
            pictures = torch.from_numpy(scenes.small[rows[start : start + batch]])
            shown = bytes_to_model(pictures[:, None])[:, :, 0].add(1).div(2)
            seen.append(torch.stack([look(x) for x in (softened(shown) if soft else [shown])], 1))
        return torch.cat(seen)

    labels = torch.from_numpy(scenes.subject)
    x = looks(trained, soft=True)
    found = fitted(x.flatten(0, 1), labels[trained].repeat_interleave(x.shape[1]), len(SUBJECTS))
    right = found(looks(tested, soft=False)[:, 0]) == labels[tested]
    alone = torch.from_numpy(scenes.pure)[tested]
    parts = {"alone": alone, "around another": ~alone}
    return found, {name: float(right[of].double().mean()) for name, of in parts.items() if of.any()}


def subjects_of(ladder: str) -> list[int]:
    """The numbers of the subjects in a line of LADDERS."""
    names = [one.name for one in SUBJECTS]
    return [names.index(name) for name in ladder.split(", ")]


def texts_of(subjects: Sequence[int], seed: int) -> list[str]:
    """A text a level, with words drawn by the seed: each names what it shows and what is within."""
    rng = torch.Generator().manual_seed(seed)
    alone = []
    for number in subjects:
        one = SUBJECTS[number]
        word = {
            key: choice[int(torch.randint(len(choice), (1,), generator=rng))]
            for key, choice in one.words.items()
        }
        alone.append(caption(one, word))
    return [f"{wider} around {closer}" for wider, closer in pairwise(alone)] + alone[-1:]


def ladders(
    stages: Sequence[TextStage],
    read: Callable[[Sequence[str]], Cond],
    scenes: Scenes,
    look: Look,
    *,
    count: int = len(LADDERS),
    seeds: int = 3,
) -> Iterator[Progress]:
    """Fill `count` ladders with every way from `seeds` seeds; the last value is a Study.

    stages: the first stages of a text model; the pictures of the last are looked at. look: Lite0.
    """
    if not 1 <= count <= len(LADDERS):
        raise InputError("ladders", f"{count} is not in 1 … {len(LADDERS)}")
    if seeds < 1:
        raise InputError("seeds", f"{seeds} is less than 1")
    yield Progress(0.0, "teaching the classifier", None)
    judge, accuracy = classifier(scenes, look)
    tallies: dict[str, list[_Tally]] = {}
    photos: list[float] = []
    rows: list[Clip] = []
    total, done = count * seeds, 0
    for number, ladder in enumerate(LADDERS[:count]):
        subjects = subjects_of(ladder)
        for k in range(seeds):
            texts = texts_of(subjects, 100 * number + k)
            cond = reduce(Cond.stack, [read([text]) for text in texts])
            own = maker.level_seeds(1000 * number + 100 * k, len(texts))
            for name, (heard, shown, seconds) in filled(stages, cond, own).items():
                looks = look(shown[:, :, 0].add(1).div(2).clamp(0, 1))
                tallies.setdefault(name, []).append(
                    _Tally(
                        agreement(heard, RATIO),
                        seam_energy(shown, RATIO),
                        (judge(looks) == torch.tensor(subjects)).double().tolist(),
                        seconds,
                    )
                )
                if not number and not k:
                    rows.append(Clip(torch.cat([clip.frames for clip in to_clips(shown, 8.0)])))
            photos.append(_held(stages, cond, own, scenes, subjects[0], k))
            done += 1
            yield Progress(done / total, f"ladder {number + 1}, seed {k + 1}", None)
    alone = math.fsum(one.seconds for one in tallies["independent"])
    study = Study(
        ways={name: _way(each, alone) for name, each in tallies.items()},
        fit_at={
            name: torch.tensor([one.fit for one in each]).mean(0).tolist()
            for name, each in tallies.items()
        },
        accuracy=accuracy,
        photo=min(photos),
        levels=len(subjects_of(LADDERS[0])),
        sheet=rows,
    )
    yield Progress(1.0, "measured", study)


class Filled(NamedTuple):
    """heard: what the network answered last; shown: the levels; both (K, 3, 1, H, W). seconds: of
    the processor."""

    heard: Tensor
    shown: Tensor
    seconds: float


def filled(stages: Sequence[TextStage], cond: Cond, seeds: Sequence[int]) -> dict[str, Filled]:
    """The levels, filled every way: every stage in that way, on what the stage below made so."""
    return {name: _filled(way, stages, cond, seeds) for name, way in WAYS.items()}


def _filled(
    way: Callable[..., Filled], stages: Sequence[TextStage], cond: Cond, seeds: Sequence[int]
) -> Filled:
    seconds, found = 0.0, None
    for stage in stages:
        if found is not None:
            cond = maker.above(found.shown, stage, cond, _noise([seed + BELOW for seed in seeds]))
        found = way(stage, cond, seeds)
        seconds += found.seconds
    assert found is not None
    return found._replace(seconds=seconds)


def _jointly(
    stage: TextStage, cond: Cond, seeds: Sequence[int], photo: maker.Photo | None = None
) -> Filled:
    begun, noise, sigmas = time.process_time(), _noise(seeds), stage.schedule.grid(stage.steps)
    heard = Heard(Thresholded(maker.guided(stage), stage.threshold))
    start = stage.begun(noise(torch.empty(len(seeds), 3, 1, stage.size, stage.size)), cond)
    how: dict[str, Any] = {"noise": noise, "ratio": RATIO, "trust": maker.TRUST, "photo": photo}
    *_, shown = maker.jointly(heard, start, sigmas, cond, **how)
    return Filled(heard.last, shown, time.process_time() - begun)


def _alone(
    fill: Callable[..., Tensor], stage: TextStage, cond: Cond, seeds: Sequence[int]
) -> Filled:
    """By a baseline, which asks for one level at a time."""
    begun, sigmas = time.process_time(), stage.schedule.grid(stage.steps)
    denoise = Thresholded(maker.guided(stage), stage.threshold)
    levels = [Heard(denoise) for _ in seeds]
    around = stage.begun(torch.zeros(len(seeds), 3, 1, stage.size, stage.size), cond)
    shown = fill(levels, around, sigmas, cond, seeds)
    return Filled(torch.cat([level.last for level in levels]), shown, time.process_time() - begun)


WAYS: dict[str, Callable[..., Filled]] = {
    "joint": _jointly,
    "independent": partial(_alone, independent),
    "outpainting": partial(_alone, partial(outpainted, ratio=RATIO)),
    "super-resolution": partial(_alone, partial(superresolved, ratio=RATIO)),
}


def _noise(seeds: Sequence[int]) -> Callable[[Tensor], Tensor]:
    return shared_noise([torch.Generator().manual_seed(seed) for seed in seeds], RATIO)


def _held(
    stages: Sequence[TextStage],
    cond: Cond,
    seeds: Sequence[int],
    scenes: Scenes,
    subject: int,
    k: int,
) -> float:
    """PSNR of level 0 to a painted picture that it is held to, decibels."""
    rows = (scenes.held & (scenes.subject == subject)).nonzero()[0]
    picture = np.array(scenes.small[rows[k % len(rows)]])  # a copy: packs are read-only
    window = bytes_to_model(torch.from_numpy(picture[None, None]))

    def way(stage: TextStage, cond: Cond, seeds: Sequence[int]) -> Filled:
        seen = shrunk(window, window.shape[-1] // stage.size)
        return _jointly(stage, cond, seeds, maker.Photo(seen))

    return psnr(_filled(way, stages, cond, seeds).shown[:1], window)


@dataclass(frozen=True)
class _Tally:
    """One ladder and seed filled one way."""

    agreement: list[float]
    seam: list[float]
    fit: list[float]
    seconds: float


def _way(each: Sequence[_Tally], alone: float) -> Way:
    def estimate(values: list[float]) -> Estimate:
        return bootstrap(torch.tensor(values), torch.Generator().manual_seed(0))

    agreed = [math.fsum(one.agreement) / len(one.agreement) for one in each]
    seams = [math.fsum(one.seam) / len(one.seam) for one in each]
    fits = [math.fsum(one.fit) / len(one.fit) for one in each]
    cost = math.fsum(one.seconds for one in each) / alone
    return Way(estimate(agreed), min(agreed), estimate(seams), max(seams), estimate(fits), cost)
