"""kineograph train: teach a model from its recipe, in pieces of any length."""

from __future__ import annotations

import json
import runpy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from kineograph.cli import door
from kineograph.cli.make import flags_named
from kineograph.cli.options import Door, command
from kineograph.files import placed
from kineograph.training.settings import Train
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Progress

app = typer.Typer(add_completion=False)


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Train a model, or export what a run has so far."""
    started = time.perf_counter()
    with flags_named((Train,)):
        _train(Train(**values), started, asked.as_json)


def _train(settings: Train, started: float, as_json: bool) -> None:
    import torch

    from kineograph.training.loop import Run, exported
    from kineograph.training.objectives import data_of

    if settings.threads:
        torch.set_num_threads(settings.threads)
    about, out, stage = read_recipe(settings.recipe), settings.out, settings.stage
    names = [part.name for part in about.parts]
    if stage and stage not in names:
        raise InputError("stage", f"'{stage}' is unknown", f"use one of {', '.join(names)}")
    if settings.export is not None:
        door.report(as_json, started, exported(about, out, settings.export), model=about.name)
        return

    run = Run(about, out, data=data_of(about), warn=door.tell)
    run.begin(resume=settings.resume)
    door.watch(_steps(run, stage, settings.limit, settings.start), about.name)
    notes = [] if plotted(out) else ["no loss plot: pip install matplotlib"]
    door.report(as_json, started, [out], model=about.name, notes=notes)


HELP = "Train a model; --resume goes on exactly where a run was cut."
app.command(help=HELP)(command("train", (Train,), run, HELP, door=("as_json",)))


def _steps(run: Any, only: str, limit: float, start: str) -> Any:
    """Every part in order as Progress; the loss is smoothed over about fifty steps."""
    from kineograph.training.objectives import objective_of

    parts = [part for part in run.recipe.parts if only in ("", part.name)]
    for i, part in enumerate(parts):
        total = sum(phase.samples for phase in part.phases)
        mean: float | None = None
        lesson = objective_of(run.recipe, part, run=run.folder)
        first = _first(part, start) if start else None
        for report in run.part(part, lesson, start=first, time_limit=limit):
            mean = report.loss if mean is None else 0.98 * mean + 0.02 * report.loss
            share = (i + min(1.0, report.seen / total)) / len(parts)
            yield Progress(share, f"{part.name} {report.seen:,} seen, loss {mean:.4f}", None)
        if run.out_of_time(limit):
            return
    yield Progress(1.0, "done", None)


def _first(part: Any, start: str) -> Any:
    """The network that a part begins as: with a model's weights, or with Real-ESRGAN's."""
    if start == "realesrgan":
        from kineograph.checkpoints.realesrgan import beginning

        return beginning()
    from kineograph.recipe import started

    return started(part, start)


def plotted(run: Path) -> bool:
    """Draw loss against samples seen, a line a stage, into loss.png; false without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    lines: dict[str, list[tuple[int, float]]] = {}
    for entry in map(_entry, (run / "log.jsonl").read_text("utf-8").splitlines()):
        if "loss" in entry:
            lines.setdefault(entry["stage"], []).append((entry["seen"], entry["loss"]))
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for stage, points in lines.items():
        group = max(1, len(points) // 200)
        seen, loss = zip(*points, strict=True)
        means = [sum(loss[i : i + group]) / group for i in range(0, len(loss) - group + 1, group)]
        axes.plot(seen[group - 1 :: group], means, label=stage)
    axes.set(xlabel="samples seen", ylabel="loss", yscale="log")
    axes.legend()
    with placed(run / "loss.png") as part:
        figure.savefig(part, dpi=120)
    return True


def _entry(line: str) -> dict[str, Any]:
    """What a line of the log says; nothing, where a full disk or a kill left half a line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def read_recipe(name: str) -> Any:
    """The recipe of a shipped model, of a JSON file, or the name `recipe` in a Python file."""
    from kineograph import recipe

    path = Path(name)
    if path.suffix == ".py":
        if not path.is_file():
            raise MissingError(f"recipe '{path}' is not there")
        found = runpy.run_path(str(path)).get("recipe")
        if not isinstance(found, recipe.Recipe):
            raise InputError("recipe", f"'{path}' defines nothing named recipe that is one")
        return found
    if path.suffix == ".json":
        if not path.is_file():
            raise MissingError(f"recipe '{path}' is not there")
        if path.stat().st_size > recipe.MAX_RECIPE_BYTES:
            raise InputError("recipe", f"'{path}' is over {recipe.MAX_RECIPE_BYTES:,} bytes")
        try:
            return recipe.from_json(path.read_text("utf-8"))
        except UnicodeDecodeError as error:
            raise InputError("recipe", f"'{path}' is not UTF-8 text", "save it so") from error
    return recipe.read(recipe.folder_of(name))
