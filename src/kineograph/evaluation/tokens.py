"""How good is a model that writes pictures in codes? Its codebook, its codec, its pictures.

The codec is judged on pictures of held-out concepts; pictures asked for by caption stand beside
those of another maker, beside real ones, and beside real ones that went through the codec: no
writer can do better than these. Retrieval and Fréchet distance are those of `measure.stickers`,
told of one picture a concept: a picture is compared with all real clips, each the mean of the
features of four frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kineograph.data.sticker_features import COARSE, evenly, reduced
from kineograph.data.stickers import Stickers, variants
from kineograph.evaluation.making import Ground
from kineograph.evaluation.sets import Estimate, bootstrap, closeness, frechet, ranks, within
from kineograph.evaluation.stickers import Gallery, panel
from kineograph.families.image_tokens.maker import ImageTokenizer
from kineograph.values.clip import Clip, from_bytes, to_clips, to_model
from kineograph.values.prompt import Progress, Prompt

BATCH = 32  # pictures looked at together
SHEET_COLUMNS = 4  # concepts in a row of the contact sheet
SHEET_ROWS = 10

Make = Callable[[Sequence[Prompt], Sequence[int]], Iterator[Progress]]
"Prompts and seeds to pictures; the last Progress holds a Clip of one frame for each."


@dataclass(frozen=True)
class Spelled:
    """What the codec does to pictures it was not trained.

    usage: share of the codes that occur in these pictures; usage_trained: in pictures it was
    trained on. perplexity: 2 to the entropy of the codes, in codes. psnr: decibels, mean over
    pictures. features: 1 - cosine of Lite0 features to the real picture; features_other: of a real
    picture to the one nearest to it, for scale.
    """

    pictures: int
    usage: float
    usage_trained: float
    perplexity: float
    psnr: Estimate
    features: Estimate
    features_other: Estimate


@dataclass(frozen=True)
class Pictures:
    """Figures of one picture a concept, with the interval over concepts.

    retrieval_at_1, retrieval_at_5: share whose true concept is the nearest, among the five nearest,
    of all real clips; coarse_*: the same looked at with 16 pixels. frechet: to real frames of the
    same concepts, in 64 axes. nearest: median 1 - cosine to the nearest training clip.
    """

    concepts: int
    retrieval_at_1: Estimate
    retrieval_at_5: Estimate
    coarse_at_1: Estimate
    coarse_at_5: Estimate
    frechet: float
    nearest: float


@dataclass(frozen=True)
class Study:
    """What `tokens` ends with. made: figures by part, of every maker by its name."""

    codec: Spelled
    made: dict[str, dict[str, Pictures]]
    sheet: Clip


def tokens(
    spelling: ImageTokenizer,
    makers: dict[str, Make],
    ground: Ground,
    *,
    count: int,
    seed: int,
    batch: int = 16,
) -> Iterator[Progress]:
    """Judge a codec and the pictures of some makers; the last value is a Study.

    A concept's sample has the seed `seed` + its place among the real clips, whatever the panel.
    """
    asked = panel(ground.real, count)
    rows = [i for part in asked.values() for i in part]
    prompts = [Prompt(variants(ground.real.records[i])[0], seconds=0) for i in rows]
    seeds = [seed + i for i in rows]
    real = torch.stack([_first_frame(ground, i) for i in rows])
    made = {"real": real, "real, through the codec": through(spelling, real)}
    for n, (name, make) in enumerate(makers.items()):
        found: list[Tensor] = []
        for first in range(0, len(rows), batch):
            some = slice(first, first + batch)
            for step in make(prompts[some], seeds[some]):
                share = (n + min(1.0, (first + step.done * batch) / len(rows))) / len(makers)
                yield Progress(0.9 * share, f"{name}: picture {first + 1} of {len(rows)}", None)
            found += [clip.over().frames[0] for clip in step.value]
        made[name] = torch.stack(found)

    yield Progress(0.9, "the codec", None)
    codec = spelled(spelling, ground, seed=seed)
    yield Progress(0.95, "comparing", None)
    gallery, coarse = Gallery(ground.real), Gallery(ground.coarse)
    figures = {
        name: _figures(frames, asked, ground, gallery, coarse, seed)
        for name, frames in made.items()
    }
    yield Progress(1.0, "compared", Study(codec, figures, _sheet(made)))


# -- the codec ----------------------------------------------------------------------------------


def through(spelling: ImageTokenizer, frames: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) in [0, 1] spelled and shown again."""
    parts = []
    for some in torch.split(frames, BATCH):
        x = to_model([Clip(frame[None]) for frame in some])
        shown = to_clips(spelling.show(spelling.spell(x)), 1.0)
        parts += [clip.frames[0] for clip in shown]
    return torch.stack(parts)


def spelled(spelling: ImageTokenizer, ground: Ground, *, seed: int) -> Spelled:
    """Figures of the codec on every still and four frames of every clip of held-out concepts."""
    held = pictures_of(ground.packs, "val")
    codes = _codes(spelling, held)
    trained = _codes(spelling, pictures_of(ground.packs, "train", "val_motion", frames=1))
    size = spelling.codes
    share = torch.bincount(codes.flatten(), minlength=size).double() / codes.numel()
    entropy = -(share * share.clamp(min=1e-12).log2()).sum()

    shown = through(spelling, held)
    error = (shown - held).square().mean((1, 2, 3)).clamp(min=1e-10)
    real, seen = (looked(ground, frames) for frames in (held, shown))
    apart = 1 - closeness(real, real).fill_diagonal_(-1).amax(1)
    rng = torch.Generator().manual_seed(seed)
    return Spelled(
        len(held),
        float((share > 0).double().mean()),
        len(torch.unique(trained)) / size,
        float(2**entropy),
        bootstrap(-10 * error.log10(), rng),
        bootstrap(1 - torch.cosine_similarity(real, seen), rng),
        bootstrap(apart, rng),
    )


def pictures_of(packs: Stickers, *splits: str, frames: int = 4) -> Tensor:
    """(N, 3, S, S) in [0, 1]: stills of every style and evenly spaced frames of clips, no tones."""
    clips = packs.clip_rows(*splits, tones=False)
    moving = [evenly(from_bytes(packs.clips[i]), frames) for i in clips]
    still = from_bytes(packs.stills[packs.still_rows(*splits)]).frames
    return torch.cat([*moving, still])


def _codes(spelling: ImageTokenizer, frames: Tensor) -> Tensor:
    parts = torch.split(frames, BATCH)
    return torch.cat([spelling.spell(to_model([Clip(one[None]) for one in p])) for p in parts])


# -- the pictures -------------------------------------------------------------------------------


def looked(ground: Ground, frames: Tensor, *, coarse: bool = False) -> Tensor:
    """(N, 1280) features of pictures, brought to what the real ones were seen with."""
    pixels = COARSE if coarse else ground.seen
    return torch.cat([ground.look(reduced(some, pixels)) for some in torch.split(frames, BATCH)])


def _figures(
    frames: Tensor,
    asked: dict[str, list[int]],
    ground: Ground,
    gallery: Gallery,
    coarse: Gallery,
    seed: int,
) -> dict[str, Pictures]:
    fine, rough = looked(ground, frames), looked(ground, frames, coarse=True)
    found, first = {}, 0
    for name, rows in asked.items():
        rng, some = torch.Generator().manual_seed(seed), slice(first, first + len(rows))
        truth = torch.tensor(rows)
        close = closeness(fine[some], gallery.clips)
        place = ranks(close, truth)
        roughly = ranks(closeness(rough[some], coarse.clips), truth)
        real = gallery.frame(ground.real.looks[rows].flatten(0, 1))
        found[name] = Pictures(
            concepts=len(rows),
            retrieval_at_1=bootstrap(within(place, 1), rng),
            retrieval_at_5=bootstrap(within(place, 5), rng),
            coarse_at_1=bootstrap(within(roughly, 1), rng),
            coarse_at_5=bootstrap(within(roughly, 5), rng),
            frechet=frechet(gallery.frame(fine[some]), real),
            nearest=float((1 - close[:, gallery.train].amax(1)).median()),
        )
        first += len(rows)
    return found


def _first_frame(ground: Ground, i: int) -> Tensor:
    """(3, S, S) the rest pose of the i-th real clip."""
    return from_bytes(ground.packs.clips[int(ground.real.rows[i])][:1]).frames[0]


def _sheet(made: dict[str, Tensor]) -> Clip:
    """Of each concept a picture a maker, real ones first; trained concepts, then held-out ones."""
    count = len(next(iter(made.values())))
    most = SHEET_COLUMNS * SHEET_ROWS
    half = most // 2
    shown = [*range(min(half, count)), *range(max(half, count - half), count)]
    side = next(iter(made.values())).shape[-1]
    gap = torch.full((3, side, side // 4), 0.8)
    blocks = [
        torch.cat(
            [*(torch.nn.functional.interpolate(m[i][None], side)[0] for m in made.values()), gap], 2
        )
        for i in shown
    ]
    blank = torch.ones_like(blocks[0])
    blocks += [blank] * (-len(blocks) % SHEET_COLUMNS)
    at = range(0, len(blocks), SHEET_COLUMNS)
    return Clip(torch.cat([torch.cat(blocks[i : i + SHEET_COLUMNS], 2) for i in at], 1)[None])
