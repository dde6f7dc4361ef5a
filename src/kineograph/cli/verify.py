"""kineograph verify: what can be told of where a file came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kineograph.cli import door
from kineograph.values.errors import KineographError

app = typer.Typer(add_completion=False)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="Any picture, clip or page.", metavar="FILE")],
    as_json: door.Json = False,
) -> None:
    """Tell what a file says of its making, and what its pixels say; exit 1 if a hash fails."""
    from kineograph.trust.source import MEANS
    from kineograph.trust.verify import report

    found = report(file)
    if as_json:
        typer.echo(json.dumps(found.plain))
    else:
        rows = [("file", f"{found.file} ({found.kind or 'no picture, clip or page'})")]
        if found.record:
            told = ", ".join(f"{k} {v}" for k, v in found.record.items() if v not in ("", None))
            rows.append(("record", told))
        else:
            rows.append(("record", "left out, its label stays" if found.label else "none"))
        means = f"{found.source}: {MEANS.get(found.source, 'a term of the IPTC')}"
        rows.append(("source", means if found.source else "none named"))
        rows.append(("manifest", found.manifest))
        if found.mark is not None:
            there = "there" if found.mark.found else "no sign of it"
            score = f"score {found.mark.score:.1f}, there above {found.mark.threshold:.1f}"
            rows.append(("watermark", f"{there} ({score})"))
        rows += [("weights", f"{name}: {state}") for name, state in found.weights.items()]
        rows += [("input", f"{name}: {state}") for name, state in found.inputs.items()]
        rows += [("FAILS", failure) for failure in found.failures]
        if not found.signs:
            rows.append(("", "no sign of a machine's making; that is no sign of its absence"))
        for name, told in rows:
            door.say(f"{name:10} {door.harmless(told)}")
    if found.failures:
        raise KineographError(f"{len(found.failures)} of what the file says does not hold")
