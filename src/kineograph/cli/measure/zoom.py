"""kineograph measure zoom: ladders filled jointly and in three other ways."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

from kineograph import recipe
from kineograph.cli.door import plain, report, watch
from kineograph.cli.measure import grounds, tables
from kineograph.cli.options import Door
from kineograph.data.scenes.packs import load
from kineograph.data.sticker_features import lite0
from kineograph.evaluation import ladders as study
from kineograph.evaluation.settings import Ladders
from kineograph.families.zoom.maker import zoomed


def tell(settings: Ladders, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    scenes = load()
    count = grounds.stages_to(settings.model, scenes.small.shape[1], "model")
    made = recipe.load(settings.model, stages=count)
    walked = zoomed(made.stages, living=False)
    stages = [replace(stage, steps=settings.steps or stage.steps) for stage in walked]
    if settings.guidance is not None:
        stages[0] = replace(stages[0], guidance=settings.guidance)
    how = {"count": settings.ladders, "seeds": settings.seeds}
    found = watch(study.ladders(stages, made.read, scenes, lite0(), **how), "zoom")
    ways = {name: plain(asdict(figures)) for name, figures in found.ways.items()}
    facts: dict[str, object] = {
        f"painted, {company}": part for company, part in found.accuracy.items()
    }
    facts["photo, dB"] = found.photo
    facts |= {f"fit at, {name}": found.fit_at[name] for name in found.ways}
    if not asked.as_json:
        tables.table([f.name for f in fields(study.Way)], ways)
        tables.facts("classifier on painted pictures; photo; levels", plain(facts))
    report(
        asked.as_json,
        started,
        tables.sheet(found.sheet, asked.extras.get("sheet")),
        model=settings.model,
        ladders=settings.ladders,
        seeds=settings.seeds,
        steps=[stage.steps for stage in stages],
        guidance=[stage.guidance for stage in stages],
        ways=ways,
        facts=plain(facts),
    )
