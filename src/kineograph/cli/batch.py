"""kineograph batch: many requests from one file."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli import door

app = typer.Typer(add_completion=False)


@app.command()
def batch(
    file: Annotated[
        Path, typer.Argument(help="Requests, a JSON object a line or a TOML table each.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")],
    go_on: Annotated[
        bool, typer.Option("--continue-on-error", help="A failed request does not end the run.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, list, and stop.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Make anew what was made from another request.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="Where it is made: here, or on a Ray cluster.", metavar="local|ray")
    ] = "local",
    address: Annotated[
        str, typer.Option(help="Ray's head, HOST:PORT or auto; left out, one starts here.")
    ] = "",
    own_code: Annotated[
        bool,
        typer.Option("--own-code", help="Requests may name code of yours: a denoiser."),
    ] = False,
    as_json: door.Json = False,
) -> None:
    """Make every request of a file; started again, it goes on where it was."""
    started = time.perf_counter()
    from kineograph import batch as many
    from kineograph.values.errors import KineographError

    items = many.read(file, trusted=own_code)
    if dry_run:
        for item in items:
            typer.echo(f"{item.out}  seed {item.seed}")
        return
    steps = many.run(items, out, engine=engine_of(engine, address), force=force, go_on=go_on)
    done: list[many.Done] = door.watch(steps, "batch")
    counts = Counter(one.state for one in done)
    notes = [f"{one.item.out}: {one.message}" for one in done if one.state == "failed"]
    notes.append(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    outputs = [out / one.item.out for one in done if one.state != "failed"]
    facts: dict[str, Any] = {state: counts[state] for state in ("made", "kept", "failed")}
    door.report(as_json, started, outputs if as_json else [out], notes=notes, **facts)
    if counts.get("failed"):
        raise KineographError(f"{counts['failed']} of {len(items)} requests failed; they are named")


def engine_of(name: str, address: str) -> Any:
    """The engine of that name."""
    from kineograph import batch as many
    from kineograph.values.errors import InputError

    if name == "local" and not address:
        return many.Local()
    if name != "ray":
        wrong = InputError("--engine", f"'{name}' is unknown", "use local or ray")
        raise wrong if name != "local" else InputError("--address", "is for the engine ray")
    from kineograph.engines.cluster import Ray

    return Ray(address)
