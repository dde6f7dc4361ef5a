"""kineograph chain: a Markov chain from a column of states; matrix, forecast, samples, long run."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False)

HELP = "What comes next, by counting: fit a Markov chain to states and say what it knows."

add(app, "chain", HELP)
