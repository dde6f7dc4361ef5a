"""How good is a model that makes cut-outs from words? Figures by how it saw a concept.

Each concept is asked for once in words and compared with the real 3d stills of all trained concepts
and its own, some 1,774: retrieval, fine (64 pixels) and coarse (16). Distances between sets are
taken with two networks: Lite0, and a small one that pictures and captions trained together, which
no picture model is trained with. A third, the recognizer, names what it sees. Every figure stands
beside what real pictures get.
Pictures are (N, 4, S, S) in [0, 1], premultiplied; they are brought to 64 pixels for the networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.data.cutout_features import RealCutouts, over_white, pixels
from kineograph.data.cutouts import SIZE, STYLES, Cutout, Cutouts
from kineograph.data.phrases import STYLE_WORDS, plain, with_article, without_article
from kineograph.data.sticker_features import COARSE, Look, reduced
from kineograph.evaluation.alpha import edge_width, ground_error
from kineograph.evaluation.influences import copied_share, nearest_distance
from kineograph.evaluation.sets import (
    Estimate,
    bootstrap,
    closeness,
    frechet,
    halves,
    kid,
    mean,
    median,
    principal,
    ranks,
    within,
)
from kineograph.evaluation.spectrum import BANDS, bands, spectrum
from kineograph.evaluation.styles import Classifier, fitted
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

FRECHET_AXES = 64
BATCH = 32
FINISHED = 8  # pictures enlarged at once
PARTS = ("seen as clip", "seen as still", "held out")
ASKED = (
    "{0} please",
    "can you draw {0}",
    "i want {0}",
    "one single {1}",
    "show me {0}",
    "cute little {1}",
)  # wordings that no caption has; {0} is the thing with its article, {1} without
STYLE_SHARE = 4  # a style is asked for with one in so many concepts
SHRUNK = 32  # pixels of the real pictures that a finisher is given beside the made ones
REAL_SHRUNK = f"real at {SHRUNK} pixels"
Make = Callable[[Sequence[str], Sequence[int]], Tensor]
"Texts and seeds to premultiplied pictures (N, 4, S, S) in [0, 1]."
Finish = Callable[[Tensor], Tensor]
"Premultiplied pictures (N, 4, S, S) in [0, 1] to larger ones."


class Eyes(NamedTuple):
    """What looks: pictures (N, 3, 64, 64) in [0, 1] to features (N, D); texture tells styles.

    things: premultiplied pictures (N, 4, 64, 64) in [0, 1] to the keys of what they show.
    """

    lite0: Look
    other: Look
    texture: Look
    things: Callable[[Tensor], list[str]]


@dataclass(frozen=True)
class Figures:
    """One picture a concept, Estimates with the 95 % interval over concepts.

    first, in_five: share whose own concept is the nearest real one, among the five nearest;
    coarse_*: looked at with 16 pixels. kid, kid_other: made against real pictures of the same
    concepts, by Lite0 and by the other network; *_real: real against real, halves of the part.
    frechet, frechet_real: the same by Fréchet distance in 64 axes. bands: made over real power.
    ground: mean alpha left on the ground. edge, edge_real: median width of the alpha edge, pixels.
    recognized: share that the recognizer names by the concept. style: share taken for the style
    asked. nearest: median 1 - cosine to the nearest training
    picture. copies: share nearer than 95 % of the real held-out pictures are.
    """

    pictures: int
    first: Estimate
    in_five: Estimate
    coarse_first: Estimate
    coarse_in_five: Estimate
    kid: Estimate
    kid_real: Estimate
    kid_other: Estimate
    frechet: float
    frechet_real: float
    bands: dict[str, float]
    ground: Estimate
    edge: Estimate
    edge_real: float
    recognized: Estimate
    style: Estimate
    nearest: Estimate
    copies: float


@dataclass(frozen=True)
class Answer:
    """One concept: the words, how many real ones came before the true one, the nearest."""

    text: str
    part: str
    rank: int
    nearest: str


@dataclass(frozen=True)
class Study:
    """What `pictures` ends with. first, in_five: over all trained 3d concepts asked for plainly.

    They, and the answers, are of the finished pictures where there is a finisher. parts: figures
    as the model makes them, by "seen as clip", "seen as still", "held out", and "free wording".
    finished: the same as a finisher enlarges them, and of real pictures shrunk to SHRUNK pixels and
    finished; {} without one. styles: share taken for the style asked, by style, finished where
    there is a finisher. styles_real: share of each style's real held-out pictures taken for it.
    """

    first: float
    in_five: float
    parts: dict[str, Figures]
    finished: dict[str, Figures]
    styles: dict[str, Estimate]
    styles_real: dict[str, float]
    answers: tuple[Answer, ...]


# -- what is asked ------------------------------------------------------------------------------


def panel(packs: Cutouts, count: int) -> dict[str, list[int]]:
    """Rows of 3d stills to ask for, by part: at most `count` of each, by the hash of their key."""
    moving = {record.key for record in packs.frame_records}
    found: dict[str, list[int]] = {part: [] for part in PARTS}
    rows = packs.still_rows("train", "val_motion", "val", styles=("3d",)).tolist()
    for row in sorted(rows, key=lambda row: _hash(packs.still_records[row].key)):
        record = packs.still_records[row]
        seen = "seen as clip" if record.key in moving else "seen as still"
        found["held out" if record.split == "val" else seen].append(row)
    return {part: some[:count] if count else some for part, some in found.items()}


def freely(record: Cutout) -> str:
    """The thing asked for in words that no caption has."""
    thing = with_article(record)
    way = ASKED[int(_hash(record.key)[:8], 16) % len(ASKED)]
    return way.format(thing, without_article(thing))


def in_style(record: Cutout, style: str) -> str:
    """The plain caption of the thing in a style."""
    return plain(record) if style == "3d" else f"{STYLE_WORDS[style]}: {plain(record)}"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


# -- the figures --------------------------------------------------------------------------------


class Gallery:
    """The real pictures ready to be compared with: candidates are the trained 3d stills."""

    def __init__(self, packs: Cutouts, real: RealCutouts, eyes: Eyes) -> None:
        self.packs, self.real, self.eyes = packs, real, eyes
        records = real.records
        self.trained = [i for i, r in enumerate(records) if r.split != "val"]
        self.held = [i for i, r in enumerate(records) if r.split == "val"]
        self.candidates = [i for i in self.trained if records[i].style == "3d"]
        self.axes = principal(real.fine[self.candidates], FRECHET_AXES)
        self.held_apart = nearest_distance(real.fine[self.held], real.fine[self.trained])
        styles = torch.tensor([STYLES.index(record.style) for record in records])
        labels = styles[self.trained].repeat_interleave(real.texture.shape[1])
        self.styles: Classifier = fitted(
            real.texture[self.trained].flatten(0, 1), labels, len(STYLES)
        )
        named, held = self.styles(real.texture[self.held, 0]), styles[self.held]
        self.styles_real = {
            style: float((named[held == n] == n).double().mean())
            for n, style in enumerate(STYLES)
            if (held == n).any()
        }

    def looks(self, made: Tensor, *, coarse: bool = False) -> Tensor:
        """(N, 1280) features of made pictures."""
        side = COARSE if coarse else SIZE
        parts = torch.split(over_white(brought(made, SIZE)), BATCH)
        return torch.cat([self.eyes.lite0(reduced(part, side)) for part in parts])

    def found(
        self, looks: Tensor, rows: Sequence[int], *, coarse: bool = False
    ) -> tuple[Tensor, Tensor]:
        """(N,) ranks of the true ones among the candidates, and which rows are the nearest.

        A true one that is no candidate (held out) is added to them for its own picture.
        """
        features = self.real.coarse if coarse else self.real.fine
        close = closeness(looks, features[self.candidates])
        own = F.cosine_similarity(looks, features[list(rows)])[:, None]  # the true one, last
        nearest = torch.tensor(self.candidates)[close.argmax(1)]
        place = {row: i for i, row in enumerate(self.candidates)}
        for n, row in enumerate(rows):
            if row in place:
                close[n, place[row]] = -1.0  # it is the last one already
        truth = torch.full((len(rows),), close.shape[1])
        return ranks(torch.cat([close, own], dim=1), truth), nearest

    def named(self, made: Tensor, style: str) -> Tensor:
        """(N,) whether pictures are taken for the style."""
        look = _seen(self.eyes.texture, brought(made, SIZE))
        return self.styles(look) == STYLES.index(style)

    def figures(
        self, made: Tensor, rows: Sequence[int], rng: torch.Generator, *, style: str = "3d"
    ) -> Figures:
        """Figures of made pictures (N, 4, S, S) of the concepts whose 3d stills are `rows`."""
        if len(rows) != len(made) or len(rows) < 8:
            raise InputError("made", f"{len(made)} pictures of {len(rows)} concepts; at least 8")
        looks, real = self.looks(made), self.real.fine[list(rows)]
        rank, _ = self.found(looks, rows)
        rough, _ = self.found(self.looks(made, coarse=True), rows, coarse=True)
        there = pixels(self.packs, list(rows))
        shown = brought(made, SIZE)
        other, other_real = (_seen(self.eyes.other, x) for x in (shown, there))
        named = self.named(shown, style)
        keys = [self.real.records[row].key for row in rows]
        right = [key == seen for key, seen in zip(keys, self.eyes.things(shown), strict=True)]
        apart = nearest_distance(looks, self.real.fine[self.trained])
        a, b = halves(len(rows) // 2, len(rows), rng)
        return Figures(
            pictures=len(rows),
            first=bootstrap(within(rank, 1), rng),
            in_five=bootstrap(within(rank, 5), rng),
            coarse_first=bootstrap(within(rough, 1), rng),
            coarse_in_five=bootstrap(within(rough, 5), rng),
            kid=kid(looks, real, rng, paired=True),
            kid_real=kid(real[a], real[b], rng),
            kid_other=kid(other, other_real, rng, paired=True),
            frechet=frechet(self.axes(looks), self.axes(real)),
            frechet_real=frechet(self.axes(real[a]), self.axes(real[b])),
            bands=_bands(shown, there),
            ground=bootstrap(ground_error(shown[:, 3]), rng),
            edge=bootstrap(edge_width(shown[:, 3]), rng, statistic=median),
            edge_real=float(median(edge_width(there[:, 3]))),
            recognized=bootstrap(torch.tensor(right).double(), rng, statistic=mean),
            style=bootstrap(named, rng, statistic=mean),
            nearest=bootstrap(apart, rng, statistic=median),
            copies=copied_share(apart, self.held_apart),
        )


def _seen(eye: Look, x: Tensor) -> Tensor:
    """(N, D) features of premultiplied pictures over white."""
    return torch.cat([eye(over_white(part)) for part in torch.split(x, BATCH)])


def brought(x: Tensor, side: int) -> Tensor:
    """Pictures (N, 4, S, S) with `side` pixels: means of areas down, cubic up."""
    if x.shape[-1] == side:
        return x
    if x.shape[-1] > side:
        return F.interpolate(x, side, mode="area")
    return F.interpolate(x, side, mode="bicubic", align_corners=False).clamp(0, 1)


def _bands(made: Tensor, real: Tensor) -> dict[str, float]:
    """Median of made over real power in three bands."""
    here, there = (
        [bands(spectrum(Clip(one[None]))) for one in over_white(x)] for x in (made, real)
    )
    pairs = list(zip(here, there, strict=True))
    ratios = {name: [a[name] / max(b[name], 1e-9) for a, b in pairs] for name in BANDS}
    return {name: float(median(torch.tensor(some))) for name, some in ratios.items()}


# -- the study ----------------------------------------------------------------------------------


def pictures(
    make: Make,
    gallery: Gallery,
    *,
    count: int = 100,
    seed: int = 0,
    finish: Finish | None = None,
) -> Iterator[Progress]:
    """Ask `make` for the concepts of the panel and judge the pictures; the last value is a Study.

    count: concepts of each part, 0 for all. A concept's sample has the seed `seed` + its row.
    """
    asked = panel(gallery.packs, count)
    records = gallery.packs.still_records
    trained = [*asked["seen as clip"], *asked["seen as still"]]
    some = trained[::STYLE_SHARE]
    jobs = [(part, rows, [plain(records[row]) for row in rows]) for part, rows in asked.items()]
    jobs.append(("free wording", trained, [freely(records[row]) for row in trained]))
    for style in STYLES:
        jobs.append((f"style {style}", some, [in_style(records[row], style) for row in some]))
    total = sum(len(rows) for _, rows, _ in jobs)

    study = Study(0.0, 0.0, {}, {}, {}, gallery.styles_real, ())
    judged = 0
    for part, rows, texts in jobs:
        made = []
        for start in range(0, len(rows), BATCH):
            now = slice(start, start + BATCH)
            made.append(make(texts[now], [seed + row for row in rows[now]]))
            yield Progress(0.9 * (judged + start) / total, f"{part}: {start} of {len(rows)}", None)
        judged += len(rows)
        study = _judged(study, gallery, torch.cat(made), part, rows, texts, seed, finish)
    if finish is not None:
        x = brought(pixels(gallery.packs, trained), SHRUNK)
        real = gallery.figures(_finished(finish, x), trained, torch.Generator().manual_seed(seed))
        study = replace(study, finished={**study.finished, REAL_SHRUNK: real})
    seen = [answer for answer in study.answers if answer.part in PARTS[:2]]
    first, in_five = (sum(a.rank < k for a in seen) / len(seen) for k in (1, 5))
    yield Progress(1.0, "judged", replace(study, first=first, in_five=in_five))


def _judged(
    study: Study,
    gallery: Gallery,
    x: Tensor,
    part: str,
    rows: Sequence[int],
    texts: Sequence[str],
    seed: int,
    finish: Finish | None,
) -> Study:
    """The study with one part more."""

    def rng() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    if part.startswith("style "):
        style = part.removeprefix("style ")
        named = gallery.named(x if finish is None else _finished(finish, x), style)
        return replace(study, styles={**study.styles, style: bootstrap(named, rng())})
    parts = {**study.parts, part: gallery.figures(x, rows, rng())}
    finished, shown = study.finished, x
    if finish is not None:
        shown = _finished(finish, x)
        finished = {**finished, part: gallery.figures(shown, rows, rng())}
    rank, nearest = gallery.found(gallery.looks(shown), rows)
    records = gallery.packs.still_records
    answers = tuple(
        Answer(text, part, int(r), records[int(n)].name)
        for text, r, n in zip(texts, rank, nearest, strict=True)
    )
    return replace(study, parts=parts, finished=finished, answers=study.answers + answers)


def _finished(finish: Finish, x: Tensor) -> Tensor:
    """Pictures as they look enlarged, at the size that the networks look at."""
    return torch.cat([brought(finish(part), SIZE) for part in torch.split(x, FINISHED)])
