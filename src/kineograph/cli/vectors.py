"""kineograph vectors: a vector a word from one's own text; likenesses, analogies, a map."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

add(app, "vectors", "Learn which words of a text keep like company, and ask what is like what.")
