"""kineograph schema: the JSON Schema of a command's request."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def schema(
    verb: Annotated[
        list[str], typer.Argument(help="A command that makes something: video, texture grow, …")
    ],
) -> None:
    """Print the JSON Schema of a flat request: what `batch`, HTTP and the page take."""
    from kineograph import models
    from kineograph.values.settings import schema as schema_of

    name = " ".join(verb)
    typer.echo(json.dumps(schema_of(name, models.families(name)), indent=1, ensure_ascii=False))
