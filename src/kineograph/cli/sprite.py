"""kineograph sprite: what moves in a clip, cut out, in a page where it follows the pointer."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

add(app, "sprite", "Make a figure that follows the mouse, a finger or the arrow keys.")
