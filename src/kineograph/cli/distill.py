"""kineograph distill: teach a model to need fewer steps, in pieces of any length."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli import door
from kineograph.cli.train import plotted, read_recipe, seconds_of
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

app = typer.Typer(add_completion=False)


@app.command()
def distill(
    recipe: Annotated[str, typer.Argument(help="A .json or a .py recipe of a distillation.")],
    teacher: Annotated[
        str, typer.Option(help="The model to make quick: its folder, or a shipped one's name.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run.")] = Path("runs/distill"),
    time_limit: Annotated[str, typer.Option(help="Stop after this long: 90s, 9m, 2h.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 is torch's choice.")] = 0,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the finished laps and the teacher's rest as a model; stop."),
    ] = None,
    lap: Annotated[str, typer.Option(help="With --export: laps up to this one alone.")] = "",
    as_json: door.Json = False,
) -> None:
    """Train a model to need fewer steps; --resume goes on exactly where a run was cut."""
    started = time.perf_counter()
    import torch

    from kineograph import recipe as recipes
    from kineograph.training.distillation import graduated
    from kineograph.training.loop import Run
    from kineograph.training.objectives import data_of

    if threads:
        torch.set_num_threads(threads)
    about = read_recipe(recipe)
    if not isinstance(about, recipes.Distillation):
        raise InputError("recipe", f"'{recipe}' is no distillation", "use kineograph train")
    folder = recipes.folder_of(teacher)
    of = recipes.read(folder)
    if not isinstance(of, recipes.Cascade):
        raise InputError("--teacher", f"'{teacher}' is no cascade")
    about = replace(about, teacher=of)
    run = Run(about, out, data=data_of(about), warn=door.tell)
    if export is not None:
        door.report(as_json, started, graduated(run, folder, export, lap), model=about.name)
        return
    if lap:
        raise InputError("--lap", "is for --export", "leave it out")

    run.begin(resume=resume)
    door.watch(_laps(run, folder, seconds_of(time_limit)), about.name)
    notes = [] if plotted(out) else ["no loss plot: pip install matplotlib"]
    door.report(as_json, started, [out], model=about.name, notes=notes)


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
