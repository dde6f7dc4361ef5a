"""torchrun -m kineograph.training: the same training on many devices; not a verb of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from kineograph.cli import door
from kineograph.cli.make import flags_named
from kineograph.cli.options import Door, command
from kineograph.training.settings import Spreading
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

app = typer.Typer(add_completion=False)


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Check what was asked, join the other processes, train every part."""
    started = time.perf_counter()
    with flags_named((Spreading,)):
        settings = Spreading(**values)
        train(settings, asked, started)


def train(settings: Spreading, asked: Door, started: float) -> None:
    import torch

    from kineograph.cli.train import read_recipe
    from kineograph.training import loop, spread
    from kineograph.training.objectives import data_of

    torch.set_num_threads(settings.threads or 1)
    about = read_recipe(settings.recipe)
    names = [part.name for part in about.parts]
    if settings.stage and settings.stage not in names:
        raise InputError(
            "stage", f"'{settings.stage}' is unknown", f"use one of {', '.join(names)}"
        )
    how = spread.Spread(
        settings.pieces, settings.shards, settings.checkpointing, not settings.exact
    )
    data = settings.data_folder
    with spread.team(how) as crew:
        if crew.leads:
            loop.Run(about, settings.out).begin(resume=settings.resume)
        run = spread.Run(
            about, settings.out, crew, how, settings.every, settings.limit, data_of(about, data)
        )
        steps = _steps(run, settings.stage, data)
        if crew.leads:
            door.watch(steps, about.name)
            door.report(asked.as_json, started, [settings.out], model=about.name)
        else:
            for _ in steps:
                pass


def _steps(run: Any, only: str, data: Path | None) -> Any:
    """Every part in order as Progress."""
    from kineograph.training.objectives import objective_of

    parts = [part for part in run.recipe.parts if only in ("", part.name)]
    for i, part in enumerate(parts):
        total = sum(phase.samples for phase in part.phases)
        lesson = objective_of(run.recipe, part, data, run=run.folder)
        for step in run.part(part, lesson):
            share = (i + min(1.0, step.report.seen / total)) / len(parts)
            seen, loss = step.report.seen, step.report.loss
            yield Progress(share, f"{part.name} {seen:,} seen, loss {loss:.4f}", None)
            if step.stop:
                return
    yield Progress(1.0, "done", None)


_HELP = "Train a model on many devices; the same samples in the same order, however many there are."
app.command(help=_HELP)(command("train", (Spreading,), run, _HELP, door=("as_json",)))
