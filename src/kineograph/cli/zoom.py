"""kineograph zoom: a ladder of texts or pictures becomes one flight through all its scales."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

add(
    app,
    "zoom",
    "Fly through one world at every scale: give a ladder, or two or more --level texts, or two or "
    "more --example pictures.",
)
