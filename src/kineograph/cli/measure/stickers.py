"""kineograph measure stickers: trained and held-out concepts beside real clips."""

from __future__ import annotations

from dataclasses import asdict, fields

from kineograph.cli.door import plain, report, watch
from kineograph.cli.measure import grounds, tables
from kineograph.cli.options import Door
from kineograph.evaluation import stickers as study
from kineograph.evaluation.settings import Stickers


def tell(settings: Stickers, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    sampling = grounds.sampling_of(settings)
    maker, plan = grounds.maker_of(settings.model, sampling)
    seen, count, seed = grounds.seen_at(plan.size), settings.concepts, settings.seed
    ground = grounds.ground_at(seen)
    steps = study.stickers(
        maker, ground, sampling=sampling, count=count, seed=seed, batch=settings.batch
    )
    found = watch(steps, "stickers")
    parts = {part: plain(asdict(figures)) for part, figures in found.parts.items()}
    reference = plain(asdict(found.reference))
    if not asked.as_json:
        tables.table([f.name for f in fields(study.Part)], parts)
        tables.facts("real against real", reference)
    report(
        asked.as_json,
        started,
        tables.sheet(found.sheet, asked.extras.get("sheet")),
        seed=seed,
        model=settings.model,
        size=plan.size,
        frames=plan.frames,
        seen=seen,
        steps=settings.steps,
        guidance=settings.guidance,
        parts=parts,
        reference=reference,
        answers=plain([asdict(answer) for answer in found.answers]),
    )
