"""kineograph image: a picture from words, by diffusion or written in codes."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

add(
    app,
    "image",
    "Make a picture from words.",
)
