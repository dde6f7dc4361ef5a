"""kineograph study: what the papers say, at a size of ours or on paper; a file a study."""

from __future__ import annotations

import typer

from kineograph.cli.subjects import added
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
    "distillation": (
        taught.Distilling,
        "A teacher in fewer and fewer steps beside students that halve them one by one.",
    ),
    "joint": (
        taught.Joint,
        "Few clips, alone and with many stills beside them, at equal compute.",
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


def _file(subject: str) -> str:
    """What is taught here is told of by one file."""
    kind, _ = STUDIES[subject]
    return f"kineograph.cli.study.{'taught' if issubclass(kind, taught.Taught) else subject}"


added(app, "study", STUDIES, _file)
