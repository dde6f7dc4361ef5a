"""kineograph show: what a file says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli import door

app = typer.Typer(add_completion=False)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A file that kineograph made.", metavar="FILE")],
    as_json: door.Json = False,
) -> None:
    """Print the record of a file: what was asked, by which program, from which inputs."""
    from kineograph import record

    known = record.read(file)
    if as_json:
        typer.echo(json.dumps(known.whole))
        return
    told = {**known.whole, **known._asdict()}
    for name in ("verb", "form", "seed", "version", "status", "threads", "torch", "numbers"):
        if told.get(name) not in (None, "", 0):
            typer.echo(f"{name:10} {door.harmless(told[name])}")
    for name in ("source", "mark", "extra", "extras"):
        if name in known.whole:
            typer.echo(f"{name:10} {_shown(known.whole[name])}")
    for name, value in known.settings.items():
        typer.echo(f"{'setting':10} {door.harmless(name)} = {_shown(value)}")
    for name, facts in known.inputs.items():
        named = f"{door.harmless(facts.get('name', ''))} (sha256 {facts['sha256']})"
        typer.echo(f"{'input':10} {door.harmless(name)} = {named}")
    if known.model:
        typer.echo(f"{'model':10} {door.harmless(known.model.get('name', ''))}")
        weights = known.model.get("weights")
        for name, digest in weights.items() if isinstance(weights, dict) else ():
            typer.echo(f"{'weights':10} {door.harmless(name)} (sha256 {door.harmless(digest)})")


def _shown(value: Any) -> str:
    return door.harmless(json.dumps(value, ensure_ascii=False))
