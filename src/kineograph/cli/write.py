"""kineograph write: text that reads like a corpus, by counting or by a transformer."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

add(app, "write", "Write text that reads like the corpus, by counting or by a transformer.")
