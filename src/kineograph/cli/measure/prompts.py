"""kineograph measure prompts: tasks shown by a pair of pictures."""

from __future__ import annotations

from typing import Any

from kineograph import recipe
from kineograph.cli.door import plain, report, watch
from kineograph.cli.measure import tables
from kineograph.cli.options import Door
from kineograph.data.grids import TASKS
from kineograph.data.grids import Grids as Feed
from kineograph.data.sticker_features import perceptual
from kineograph.evaluation import prompts as study
from kineograph.evaluation.settings import Grids
from kineograph.families.visual_prompts.filler import Filler
from kineograph.values.errors import InputError


def tell(settings: Grids, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    filler = recipe.load(settings.model)
    if not isinstance(filler, Filler):
        raise InputError("model", f"'{settings.model}' fills no grids", "use visual-prompts")
    made = study.prompts(
        filler.with_rounds(settings.rounds),
        Feed(),
        perceptual(),
        tasks=list(settings.task) or list(TASKS),
        count=settings.grids,
        seed=settings.seed,
        examples=settings.examples,
    )
    found = watch(made, "prompts")
    rows = {name: plain(row._asdict()) for name, row in found.rows.items()}
    if not asked.as_json:
        for name, row in rows.items():
            tables.facts(name, row)
    saved = tables.sheet(found.sheet, asked.extras.get("sheet"))
    about: dict[str, Any] = {"examples": settings.examples, "tasks": rows}
    report(asked.as_json, started, saved, seed=settings.seed, model=settings.model, **about)
