"""kineograph tune: make a model one's own, from a pack of pictures or texts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import typer

from kineograph.cli import door
from kineograph.cli.make import check_outputs, flags_named
from kineograph.cli.options import Door, command
from kineograph.tuning.settings import Tune

app = typer.Typer(add_completion=False)
HELP = "Tune a model to a pack: an adapter beside its weights, with a card and a sheet."


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Tune, and tell what came of it."""
    started = time.perf_counter()
    with flags_named((Tune,)):
        settings = Tune(**values)
        check_outputs(settings, asked)
        assert asked.out is not None
        import torch

        from kineograph.tuning.tune import tuned

        if settings.threads:
            torch.set_num_threads(settings.threads)
        files, figures = door.watch(tuned(settings, asked.out), "tune")
    notes = []
    if figures.style is not None:
        notes.append(f"in the pack's style: {figures.style[0]:.0%}, now {figures.style[1]:.0%}")
    if figures.copies:
        notes.append(
            f"{figures.copies:.0%} of what it made is nearer to the pack than it should be"
        )
    notes.append(f"its card: {asked.out / 'CARD.md'}")
    facts = {"style": figures.style, "nearest": figures.nearest, "copies": figures.copies}
    door.report(asked.as_json, started, files, model=settings.model, notes=notes, **facts)


app.command("tune", help=HELP)(command("tune", (Tune,), run, HELP, door=("force", "as_json")))
