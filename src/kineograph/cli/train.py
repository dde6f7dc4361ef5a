"""kineograph train: teach a model from its recipe, in pieces of any length."""

from __future__ import annotations

import json
import runpy
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from kineograph.cli import door
from kineograph.cli.make import flags_named
from kineograph.cli.options import Door, command
from kineograph.files import placed, sha256_of
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
    pack = settings.data.there("data") if settings.data is not None else None
    about, out, stage = _recipe_of(settings, pack), settings.out, settings.stage
    names = [part.name for part in about.parts]
    if stage and stage not in names:
        raise InputError("stage", f"'{stage}' is unknown", f"use one of {', '.join(names)}")
    if settings.export is not None:
        door.report(as_json, started, exported(about, out, settings.export), model=about.name)
        return

    learns = sha256_of(pack / "pack.json") if pack is not None else data_of(about)
    run = Run(about, out, data=learns, warn=door.tell)
    run.begin(resume=settings.resume)
    notes: list[str] = []
    if pack is None:
        door.watch(_steps(run, stage, settings), about.name)
    else:
        from kineograph.tuning.train import trained_on

        steps = trained_on(run, pack, only=stage, time_limit=settings.limit)
        notes = door.watch(steps, about.name)
    notes += [] if plotted(out) else ["no loss plot: pip install matplotlib"]
    door.report(as_json, started, [out], model=about.name, notes=notes)


def _recipe_of(settings: Train, pack: Path | None) -> Any:
    """What is trained: a recipe that is named, the run's own, or one built for a pack."""
    from kineograph import recipe as recipes

    if settings.recipe is not None and settings.like is not None:
        raise InputError("like", "is given beside a recipe", "give one of them")
    going_on = settings.resume or settings.export is not None
    if going_on and settings.recipe is None and (settings.out / "recipe.json").is_file():
        return recipes.read(settings.out)
    if settings.like is not None:
        if pack is None:
            raise InputError("data", "is missing: a recipe is built for a pack", "name one")
        from kineograph.tuning.train import expected

        found = expected(settings.like, pack, settings.limit)
        for told in found.told:
            door.tell(told)
        return found.recipe
    if settings.recipe is None:
        raise InputError("recipe", "is missing", "name one, or say what it should be like")
    about = read_recipe(settings.recipe)
    if pack is None:
        return about
    from kineograph.data.shards import read_about

    return replace(about, data=read_about(pack)["name"])


HELP = "Train a model from its recipe, or on a pack; --resume goes on exactly where it was cut."
app.command(help=HELP)(command("train", (Train,), run, HELP, door=("as_json",)))


def _steps(run: Any, only: str, settings: Train) -> Any:
    """Every part in order as Progress; the loss is smoothed over about fifty steps."""
    from kineograph.training.objectives import objective_of

    limit, start = settings.limit, settings.start
    trusted = settings.own_code or (settings.recipe or "").endswith(".py")
    parts = [part for part in run.recipe.parts if only in ("", part.name)]
    for i, part in enumerate(parts):
        total = sum(phase.samples for phase in part.phases)
        mean: float | None = None
        lesson = objective_of(run.recipe, part, run=run.folder, own_code=trusted)
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
