"""kineograph rerun: make a file again from its record."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph import pieces
from kineograph.cli import door
from kineograph.cli.make import made, manifested
from kineograph.record import record_of
from kineograph.values.errors import InputError
from kineograph.values.request import Request
from kineograph.values.settings import Settings, seconds

app = typer.Typer(add_completion=False)


@app.command()
def rerun(
    file: Annotated[Path, typer.Argument(help="A file that kineograph made.", metavar="FILE")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Output; NAME.again.SUFFIX when not given."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a field, seed too; repeat.", metavar="FIELD=VALUE"),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--input", help="Where an input lies, if not beside FILE; repeat.", metavar="FIELD=FILE"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    no_manifest: door.NoManifest = False,
    force: door.Force = False,
    as_json: door.Json = False,
) -> None:
    """Make a file again: the same bytes by the same version, weights and thread count.

    Second outputs that were asked for are made again too, beside it: NAME.again.map.npz.
    """
    started = time.perf_counter()
    from kineograph import models
    from kineograph.again import again

    changed = {name: _value(value) for name, value in _pairs("set", changes)}
    inputs = {name: Path(value) for name, value in _pairs("input", given)}
    asked = again(file, changed=changed, inputs=inputs)
    request, settings = asked.request, asked.request.settings
    target = out or file.with_name(f"{file.stem}.again{file.suffix}")
    if request.form and target.suffix.lower() != file.suffix.lower():
        request = request.to(target.suffix.lower() or "folder")
    door.checked_output(target, settings.forms, force or dry_run)
    model = models.model_of(settings)
    if dry_run:
        typer.echo(model.forecast(request).told())
        return
    more = _beside(request, target, force)
    with ExitStack() as stack:
        if "trace" not in more:
            record = partial(record_of, model, request, asked.seed)
            stack.enter_context(pieces.keeping(target, record, force=force, warn=door.tell))
        result = made(model, request, asked.seed, trace=more.get("trace"), label="rerun")
        door.watch(result.saving(target), "writing")
        for name, path in more.items():
            if name in result.extras:
                door.watch(result.extras[name].written(path, result.record), "writing")
    signed, told = ([], []) if no_manifest else manifested(target, result.record)
    notes = [*result.notes, *told, *asked.changes]
    same = False
    if not changed and target.suffix == file.suffix:
        same = _equal(file, target)
        notes.append("the same bytes" if same else f"the bytes differ from those of '{file.name}'")
    facts: dict[str, Any] = {"same": same, "differences": list(asked.changes)}
    outputs = [target, *more.values(), *signed]
    door.report(as_json, started, outputs, seed=asked.seed, notes=notes, **facts)


def _beside(request: Request[Settings], target: Path, force: bool) -> dict[str, Path]:
    """Where the second outputs of a request go, by name."""
    known = seconds(type(request.settings))
    found = {}
    for name in sorted(request.extras):
        suffixes = known[name].suffixes
        path = target.with_name(f"{target.stem}.{name}{suffixes[0]}")
        found[name] = door.checked_output(path, suffixes, force)
    return found


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise InputError(f"--{option}", f"'{one}' is not FIELD=VALUE", "write seed=7")
        pairs.append((name.replace("-", "_"), value))
    return pairs


def _value(text: str) -> Any:
    """A JSON value where the text is one; otherwise the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _equal(one: Path, other: Path) -> bool:
    """Whether two files, or two folders of frames, hold the same bytes."""
    if one.is_dir() != other.is_dir():
        return False
    if one.is_file():
        return one.read_bytes() == other.read_bytes()
    names = [sorted(path.name for path in folder.iterdir()) for folder in (one, other)]
    return names[0] == names[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names[0]
    )
