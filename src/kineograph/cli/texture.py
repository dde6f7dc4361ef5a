"""kineograph texture: grow, fill and extend pictures from examples; use a source map again."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

add(app, "texture grow", "Grow a new picture of any size that looks like the samples.")
add(app, "texture fill", "Fill the hole of a picture from the rest; all else stays as it is.")
add(app, "texture extend", "Continue a picture past its border.")
add(app, "texture apply", "Copy other channels (normals, depth, 16 bits) the way a map says.")
