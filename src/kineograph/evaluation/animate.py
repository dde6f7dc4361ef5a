"""How well does a model move a picture? Held-out stickers, and still emoji that never move.

Every way of making a clip from a picture is judged alike: the model, the model with some of its
routes closed, the picture repeated, and the picture warped by another clip's motion. Identity is
the mean cosine of Lite0's features of every frame with those of the picture; real clips stand
beside. Clip features are Lite0's of four frames; the Fréchet distance is told in the 64 principal
axes of the training clips, from the real clips of the same concepts. Intervals are over concepts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.animate.maker import AnimateMaker, Sampling, drift
from kineograph.animate.picture import resized
from kineograph.data.sticker_features import LOOKS, Look, RealClips, evenly
from kineograph.data.stickers import Stickers
from kineograph.evaluation.motion import energy
from kineograph.evaluation.sets import Estimate, bootstrap, frechet, mean, median, principal
from kineograph.evaluation.warping import borrowed
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.prompt import Progress, Prompt

AXES = 64
MOST_DECIBEL = 60.0
STILLS = 30
SETS = ("held out", "motion held out", "other styles")


class Case(NamedTuple):
    """A picture to move: its name, its picture, and the real clip when there is one."""

    name: str
    picture: Clip
    real: Clip | None


@dataclass(frozen=True)
class Figures:
    """What one way of making clips gets on one set.

    psnr: of the first frame against the picture, decibels, at most 60. identity: see above.
    motion_ratio: median motion energy over the real clip's (over the real clips' median where a
    picture has no clip). frechet: None where no real clips are.
    """

    count: int
    psnr: Estimate
    identity: Estimate
    motion_ratio: Estimate
    frechet: float | None


class Study(NamedTuple):
    """figures[way][set]; sheet: rows of clips, a concept's by turns as `ways` names them."""

    figures: dict[str, dict[str, Figures]]
    ways: list[str]
    sheet: list[Clip]


Way = Callable[[Sequence[Case]], Iterator[Progress]]  # the last value is a list of Clips


def cases(packs: Stickers, *, frames: int, limit: int = 0) -> dict[str, list[Case]]:
    """The held-out sets; `limit` takes the first of each, 0 all."""
    found: dict[str, list[Case]] = {}
    for name, split in zip(SETS, ("val", "val_motion"), strict=False):
        rows = packs.clip_rows(split, tones=False)
        found[name] = []
        for row in rows[: limit or None]:
            whole = from_bytes(packs.clips[row])
            real = Clip(evenly(whole, frames).clone(), whole.fps)
            record = packs.clip_records[row]
            found[name].append(Case(record.name, Clip(real.frames[:1]), real))
    moving = {record.key for record in packs.clip_records}
    stills = [
        int(row)
        for row in packs.still_rows("train", "val", "val_motion", styles=("flat", "noto"))
        if packs.still_records[row].key not in moving
    ]
    stills.sort(key=lambda row: hashlib.sha256(packs.still_records[row].key.encode()).digest())
    found[SETS[2]] = [
        Case(packs.still_records[row].name, from_bytes(packs.stills[row][None]), None)
        for row in stills[: limit or STILLS]
    ]
    return found


# -- ways of making a clip ------------------------------------------------------------------------


def modelled(maker: AnimateMaker, sampling: Sampling, *, seed: int, batch: int = 8) -> Way:
    """By the model, with the concept's name as its text."""

    def make(some: Sequence[Case]) -> Iterator[Progress]:
        clips: list[Clip] = []
        for first in range(0, len(some), batch):
            part = some[first : first + batch]
            prompts = [Prompt(case.name, image=case.picture, seconds=0) for case in part]
            seeds = range(seed + first, seed + first + len(part))
            made: list[Clip] = []
            for step in maker.make_all(prompts, list(seeds), sampling):
                made = step.value
                yield Progress((first + step.done * len(part)) / len(some), step.note, None)
            clips += made
        yield Progress(1.0, "made", clips)

    return make


def repeating(frames: int) -> Way:
    """The picture in every frame."""

    def make(some: Sequence[Case]) -> Iterator[Progress]:
        clips = [Clip(case.picture.over().frames.repeat(frames, 1, 1, 1)) for case in some]
        yield Progress(1.0, "repeated", clips)

    return make


def warping(packs: Stickers, *, frames: int, seed: int) -> Way:
    """The picture along the flow of a training clip drawn at random."""
    rows = packs.clip_rows("train", tones=False)

    def make(some: Sequence[Case]) -> Iterator[Progress]:
        rng = torch.Generator().manual_seed(seed)
        clips = []
        for i, case in enumerate(some):
            row = rows[int(torch.randint(len(rows), (1,), generator=rng))]
            moving = evenly(from_bytes(packs.clips[row]), frames)
            clips.append(Clip(borrowed(case.picture.over().frames[0], moving)))
            yield Progress((i + 1) / len(some), f"warped {i + 1} of {len(some)}", clips)

    return make


def drifting(
    maker: AnimateMaker, some: Sequence[Case], *, blocks: int, seed: int
) -> Iterator[Progress]:
    """Clips of so many blocks; the last value: each block's drift from the first, Estimates."""
    seconds = maker.seconds * blocks
    found = []
    for i, case in enumerate(some):
        clip = case.picture
        prompt = Prompt(case.name, image=case.picture, seconds=seconds)
        for step in maker.make(prompt, seed + i, Sampling()):
            clip = step.value
            yield Progress((i + 0.99 * step.done) / len(some), f"drift: {step.note}", None)
        found.append(drift(clip, maker.frames))
    rng = torch.Generator().manual_seed(0)
    gaps = torch.tensor(found).T  # (blocks, N)
    yield Progress(1.0, "drift", [bootstrap(gap, rng, statistic=mean) for gap in gaps])


# -- judging --------------------------------------------------------------------------------------


def psnr(made: Clip, picture: Clip) -> float:
    """Of the first frame against the picture, at most 60 decibels; sizes are brought together."""
    a, b = made.over().frames[:1], picture.over().frames[:1]
    a = resized(a, *b.shape[-2:])
    error = float((a - b).square().mean())
    return min(MOST_DECIBEL, float(-10 * torch.log10(torch.tensor(error + 1e-12))))


def identity(made: Clip, picture: Clip, look: Look, seen: int) -> float:
    """Mean cosine of the frames' features with the picture's, both at `seen` pixels."""
    both = (picture.over().frames[:1], made.over().frames)
    frames = torch.cat([resized(some, seen, seen) for some in both])
    features = F.normalize(look(frames), dim=1)
    return float((features[1:] @ features[0]).mean())


def looks(clip: Clip, look: Look, seen: int) -> Tensor:
    """(4, 1280) features of four evenly spaced frames."""
    return look(resized(evenly(clip, LOOKS), seen, seen))


def judged(
    clips: Sequence[Clip], some: Sequence[Case], ground: Ground, rng: torch.Generator
) -> Figures:
    """The figures of one way on one set."""
    seen = ground.seen
    first = torch.tensor([psnr(c, case.picture) for c, case in zip(clips, some, strict=True)])
    same = [
        identity(c, case.picture, ground.look, seen) for c, case in zip(clips, some, strict=True)
    ]
    made = [energy(resized(c.over().frames, seen, seen)) for c in clips]
    real = [ground.usual if case.real is None else energy(case.real.frames) for case in some]
    ratio = torch.tensor(made) / torch.tensor(real).clamp(min=1e-6)
    apart = None
    if all(case.real is not None for case in some) and len(some) > 1:
        features = torch.stack([looks(c, ground.look, seen) for c in clips])
        truth = torch.stack([looks(case.real, ground.look, seen) for case in some if case.real])
        basis = principal(ground.real.looks.flatten(1), AXES)
        apart = frechet(basis(features.flatten(1)), basis(truth.flatten(1)))
    return Figures(
        len(some),
        bootstrap(first, rng, statistic=mean),
        bootstrap(torch.tensor(same), rng, statistic=mean),
        bootstrap(ratio, rng, statistic=median),
        apart,
    )


@dataclass(frozen=True)
class Ground:
    """What clips are held against. usual: median motion energy of the real held-out clips."""

    look: Look
    real: RealClips
    seen: int
    usual: float


def study(
    ways: dict[str, Way],
    sets: dict[str, list[Case]],
    look: Look,
    real: RealClips,
    *,
    seen: int,
    rows: int = 6,
) -> Iterator[Progress]:
    """Every way on every set; the last value is a Study. "real" is added to the ways."""
    energies = [energy(case.real.frames) for some in sets.values() for case in some if case.real]
    ground = Ground(look, real, seen, float(torch.tensor(energies or [1.0]).median()))
    figures: dict[str, dict[str, Figures]] = {}
    shown: dict[tuple[str, int], list[Clip]] = {}
    total = len(ways) * len(sets)
    for n, (way, make) in enumerate(ways.items()):
        figures[way] = {}
        for m, (name, some) in enumerate(sets.items()):
            clips: list[Clip] = []
            for step in make(some):
                clips = step.value
                share = (n * len(sets) + m + 0.8 * step.done) / total
                yield Progress(share, f"{way}, {name}: {step.note}", None)
            rng = torch.Generator().manual_seed(0)
            figures[way][name] = judged(clips, some, ground, rng)
            for i, clip in enumerate(clips[:rows]):
                small = Clip(resized(clip.over().frames, seen, seen))
                shown.setdefault((name, i), []).append(small)
    rng = torch.Generator().manual_seed(0)
    figures["real"] = {
        name: judged([case.real for case in some if case.real], some, ground, rng)
        for name, some in sets.items()
        if all(case.real is not None for case in some)
    }
    sheet: list[Clip] = []
    for (name, i), clips in shown.items():
        truth = sets[name][i].real
        sheet += [*([truth] if truth else []), *clips]
    yield Progress(1.0, "measured", Study(figures, list(ways), sheet))
