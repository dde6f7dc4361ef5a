"""kineograph video: a clip from words, from a picture, or from another clip."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

add(
    app,
    "video",
    "Make a clip from words; or move a picture (--image); or refine a clip (--refine).",
)
