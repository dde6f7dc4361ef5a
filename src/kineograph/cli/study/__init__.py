"""kineograph study: what the papers say, at a size of ours or on paper; a file a study."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer

from kineograph.cli.make import check_outputs, flags_named
from kineograph.cli.options import Door, command
from kineograph.scale import settings as scale
from kineograph.study import settings as taught
from kineograph.values.settings import Settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Study what the papers say, as figures."
)

STUDIES: dict[str, tuple[type[Settings], str]] = {
    "ways": (
        taught.Ways,
        "Autoregressive, diffusion and adversarial models of the same drawn figures: sizes x "
        "shares of data at equal compute; quality, diversity, memory, speed.",
    ),
    "targets": (
        taught.Targets,
        "The network estimates v, the noise or the clean picture: few and many steps.",
    ),
    "guidance": (
        taught.Guiding,
        "Guidance scales, plain, thresholded, oscillating: what is right against what varies.",
    ),
    "scale": (
        scale.Sizes,
        "The papers' models as networks of ours: parameters beside the papers', FLOP, memory with "
        "sharding, bytes on the wire and days on so many devices. Nothing large is allocated.",
    ),
    "cost": (
        scale.Costs,
        "Fit the cost model on three small sizes, forecast three others and measure them.",
    ),
    "fleet": (
        scale.Fleets,
        "Lose workers and wait for slow ones in a simulation; the closed form stands beside it.",
    ),
}


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Check what was asked, then let the study's file compute and tell."""
    started = time.perf_counter()
    subject = verb.split(" ")[-1]
    kind, _ = STUDIES[subject]
    file = "taught" if issubclass(kind, taught.Taught) else subject
    with flags_named((kind,)):
        settings = kind(**values)
        check_outputs(settings, asked)
        import_module(f"kineograph.cli.study.{file}").tell(settings, asked, started)


for _name, (_kind, _help) in STUDIES.items():
    _told = command(f"study {_name}", (_kind,), run, _help, door=("force", "as_json"))
    app.command(_name, help=_help)(_told)
