"""What do fewer steps cost? One table of a teacher and its students, constant and oscillating.

The rows of Imagen Video's table 1, for our models: network evaluations and seconds of a clip beside
the figures that `stickers` knows, on the same trained concepts and seeds. Seconds are the least of
two clips made alone, without start and file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kineograph.data.stickers import variants
from kineograph.diffusion.cascade import CascadeMaker, Sampling
from kineograph.evaluation.making import Ground, Kept, made
from kineograph.evaluation.sets import Estimate
from kineograph.evaluation.stickers import Part, judged, panel
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress, Prompt


@dataclass(frozen=True)
class Way:
    """One way to make clips: a model and its sampling."""

    name: str
    maker: CascadeMaker
    sampling: Sampling


@dataclass(frozen=True)
class Row:
    """What one way costs and gives; see `stickers.Part`.

    base_evaluations, evaluations: network evaluations of the first stage and of all for a clip.
    """

    base_evaluations: int
    evaluations: int
    seconds: float
    retrieval_at_1: Estimate
    retrieval_at_5: Estimate
    coarse_at_1: Estimate
    coarse_at_5: Estimate
    frechet: float
    motion_ratio: Estimate


def walking(maker: CascadeMaker, steps: int) -> CascadeMaker:
    """The same maker, its first stage in so many steps."""
    first, *rest = maker.stages
    return replace(maker, stages=(replace(first, steps=steps), *rest))


def ways(name: str, maker: CascadeMaker, sampling: Sampling, high: float) -> list[Way]:
    """A model with its own constant guidance, and oscillating between `high` and none."""
    turns = replace(sampling, guidance=high, oscillate=True)
    return [Way(f"{name}, constant", maker, sampling), Way(f"{name}, ({high:g}, 1)", maker, turns)]


def table(
    rows: Sequence[Way], ground: Ground, *, count: int, seed: int, batch: int = 16
) -> Iterator[Progress]:
    """Ask every way for the same trained concepts; the last value is {name: Row}."""
    if count < 2:
        raise InputError("concepts", f"{count}", "ask for at least two")
    asked = {"trained": panel(ground.real, count)["trained"]}
    texts = [variants(ground.real.records[i])[0] for i in asked["trained"]]
    seeds = [seed + i for i in asked["trained"]]
    found: dict[str, Row] = {}
    for n, way in enumerate(rows):
        clips: list[Kept] = []
        for step in made(way.maker, texts, seeds, way.sampling, ground, batch=batch):
            clips = step.value or clips
            yield Progress((n + step.done) / (len(rows) + 1), f"{way.name}: {step.note}", None)
        part = judged(clips, asked, ground, seed=seed).parts["trained"]
        found[way.name] = _row(way, part, texts[0], seed)
    yield Progress(1.0, "done", found)


def _row(way: Way, part: Part, text: str, seed: int) -> Row:
    stages = way.maker.chosen(way.sampling)
    calls = [stage.evaluations(way.sampling) for stage in stages]
    return Row(
        base_evaluations=calls[0],
        evaluations=sum(calls),
        seconds=min(_seconds(way, text, seed) for _ in range(2)),
        retrieval_at_1=part.retrieval_at_1,
        retrieval_at_5=part.retrieval_at_5,
        coarse_at_1=part.coarse_at_1,
        coarse_at_5=part.coarse_at_5,
        frechet=part.frechet,
        motion_ratio=part.motion_ratio,
    )


def _seconds(way: Way, text: str, seed: int) -> float:
    begun = time.perf_counter()
    for _ in way.maker.make(Prompt(text), seed, way.sampling):
        pass
    return time.perf_counter() - begun
