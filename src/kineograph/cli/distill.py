"""kineograph distill: teach a model to need fewer steps, in pieces of any length."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from kineograph.cli import door
from kineograph.cli.make import flags_named
from kineograph.cli.options import Door, command
from kineograph.cli.train import plotted, read_recipe
from kineograph.training.settings import Distill
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

app = typer.Typer(add_completion=False)


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Teach a model to need fewer steps, or export what a run has so far."""
    started = time.perf_counter()
    with flags_named((Distill,)):
        _distill(Distill(**values), started, asked.as_json)


def _distill(settings: Distill, started: float, as_json: bool) -> None:
    import torch

    from kineograph import recipe as recipes
    from kineograph.training.distillation import graduated
    from kineograph.training.loop import Run
    from kineograph.training.objectives import data_of

    if settings.threads:
        torch.set_num_threads(settings.threads)
    about = read_recipe(settings.recipe)
    if not isinstance(about, recipes.Distillation):
        problem = f"'{settings.recipe}' is no distillation"
        raise InputError("recipe", problem, "use kineograph train")
    folder = recipes.folder_of(settings.teacher)
    of = recipes.read(folder)
    if not isinstance(of, recipes.Cascade):
        raise InputError("teacher", f"'{settings.teacher}' is no cascade")
    about = replace(about, teacher=of)
    run = Run(about, settings.out, data=data_of(about), warn=door.tell)
    if settings.export is not None:
        made = graduated(run, folder, settings.export, settings.lap)
        door.report(as_json, started, made, model=about.name)
        return
    if settings.lap:
        raise InputError("lap", "is for --export", "leave it out")

    run.begin(resume=settings.resume)
    door.watch(_laps(run, folder, settings.limit), about.name)
    notes = [] if plotted(settings.out) else ["no loss plot: pip install matplotlib"]
    door.report(as_json, started, [settings.out], model=about.name, notes=notes)


HELP = "Train a model to need fewer steps; --resume goes on exactly where a run was cut."
app.command(help=HELP)(command("distill", (Distill,), run, HELP, door=("as_json",)))


def _laps(run: Any, teacher: Path, limit: float) -> Iterator[Progress]:
    """Every lap in order as Progress; the loss is smoothed over about fifty steps."""
    from kineograph.training.distillation import rounds
    from kineograph.training.objectives import objective_of

    parts = run.recipe.parts
    source = replace(run.recipe.teacher, data=run.recipe.data)

    def feed(stage: Any) -> Any:
        return objective_of(source, stage).feed  # type: ignore[attr-defined]

    means: dict[str, float] = {}
    for student, report in rounds(run, teacher, feed, time_limit=limit):
        total = sum(phase.samples for phase in student.phases)
        name = student.name
        means[name] = 0.98 * means.get(name, report.loss) + 0.02 * report.loss
        share = (parts.index(student) + min(1.0, report.seen / total)) / len(parts)
        yield Progress(share, f"{name} {report.seen:,} seen, loss {means[name]:.4f}", None)
    yield Progress(1.0, "done", None)
