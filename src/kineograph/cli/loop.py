"""kineograph loop: any clip becomes an endless player, a clip of any length, or a seamless loop."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

HELP = """Make a clip that never ends.

A .html output is a player that never ends. A file of --seconds plays the clip at random; with
--best-loop, or with no length given, it repeats without a seam.
"""

add(app, "loop", HELP)
