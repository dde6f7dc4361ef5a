"""kineograph measure steps: what fewer steps cost."""

from __future__ import annotations

from dataclasses import asdict, fields

from kineograph.cli.door import plain, report, watch
from kineograph.cli.measure import grounds, tables
from kineograph.cli.options import Door
from kineograph.evaluation import quickness as study
from kineograph.evaluation.settings import Steps


def tell(settings: Steps, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    sampling, rows = grounds.sampling_of(settings), []
    size = 0
    for i, model in enumerate(settings.models):
        maker, plan = grounds.maker_of(model, sampling)
        size = plan.size
        if settings.most and not i:
            slow = study.walking(maker, settings.most)
            rows += study.ways(f"{model} in {settings.most}", slow, sampling, settings.high)
        rows += study.ways(model, maker, sampling, settings.high)
    ground = grounds.ground_at(grounds.seen_at(size))
    count, seed = settings.concepts, settings.seed
    made = study.table(rows, ground, count=count, seed=seed, batch=settings.batch)
    ways = {name: plain(asdict(row)) for name, row in watch(made, "steps").items()}
    if not asked.as_json:
        tables.table([f.name for f in fields(study.Row)], ways)
    report(asked.as_json, started, [], seed=seed, concepts=count, size=size, ways=ways)
