"""kineograph measure styles: whether a style seen in stills only moves."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from kineograph.cli.door import plain, report, watch
from kineograph.cli.measure import grounds, tables
from kineograph.cli.options import Door
from kineograph.data.sticker_features import real_stills
from kineograph.evaluation import styles as study
from kineograph.evaluation.settings import Styles


def tell(settings: Styles, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    sampling = grounds.sampling_of(settings)
    maker, plan = grounds.maker_of(settings.model, sampling)
    seen = grounds.seen_at(plan.size)
    stills, ground = watch(real_stills(seen), "real stills"), grounds.ground_at(seen)
    how: dict[str, Any] = {"count": settings.concepts, "seed": settings.seed}
    how["batch"] = settings.batch
    found = watch(study.styles(maker, ground, stills, sampling=sampling, **how), "styles")
    parts = {style: plain(asdict(figures)) for style, figures in found.styles.items()}
    facts = {"accuracy": plain(found.accuracy), "clips_as": plain(found.clips_as)}
    if not asked.as_json:
        tables.table([f.name for f in fields(study.StyleFigures)], parts)
        tables.facts("style classifier on real stills and clips", facts)
    report(
        asked.as_json,
        started,
        tables.sheet(found.sheet, asked.extras.get("sheet")),
        seed=settings.seed,
        model=settings.model,
        size=plan.size,
        frames=plan.frames,
        seen=seen,
        steps=settings.steps,
        guidance=settings.guidance,
        styles=parts,
        classifier=facts,
        concepts=list(found.names),
    )
