"""kineograph rerun: make a file again from its record."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from kineograph import models, pieces
from kineograph.again import Again, again
from kineograph.cli import door
from kineograph.cli.make import Traced, made, manifested
from kineograph.cli.options import MANY, type_of
from kineograph.files import sha256_of
from kineograph.record import BESIDE, read, record_of, second_of
from kineograph.values.errors import InputError
from kineograph.values.request import Model, Request
from kineograph.values.result import Result
from kineograph.values.settings import Settings, fields, seconds

app = typer.Typer(add_completion=False)


@app.command()
def rerun(
    file: Annotated[Path, typer.Argument(help="A file that kineograph made.", metavar="FILE")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Output; NAME.again.SUFFIX when not given, NAME_again of a folder."
        ),
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
    """Make a file again: the same bytes by the same version, weights, threads and numbers.

    Second outputs that were asked for are made again too, beside it: NAME.again.map.npz. A map, a
    plot or a trace that is named itself is made again alone.
    """
    started = time.perf_counter()
    file = _told_of(file)
    changed = _changes(file, changes)
    inputs = {name: Path(value) for name, value in _pairs("input", given)}
    asked = again(file, changed=changed, inputs=inputs)
    request, settings = asked.request, asked.request.settings
    target = out or _next_to(file)
    second = seconds(type(settings)).get(asked.second)
    if not second and request.form and target.suffix.lower() != file.suffix.lower():
        request = request.to(target.suffix.lower() or "folder")
    door.checked_output(target, second.suffixes if second else settings.forms, force or dry_run)
    model = models.model_of(settings)
    if dry_run:
        typer.echo(model.forecast(request).told())
        return
    more = {asked.second: target} if second else _beside(request, target, force)
    before = None if changed or target.suffix != file.suffix else _hashes(file)
    result = _made(model, asked, request, target, more, force)
    plain = no_manifest or second is not None
    signed, told = ([], []) if plain else manifested(target, result.record)
    notes = [*result.notes, *told, *asked.changes]
    same = before is not None and before == _hashes(target)
    if before is not None:
        notes.append("the same bytes" if same else f"the bytes differ from those of '{file.name}'")
    facts: dict[str, Any] = {"same": same, "differences": list(asked.changes)}
    outputs = [*dict.fromkeys([target, *more.values()]), *signed]
    door.report(as_json, started, outputs, seed=asked.seed, notes=notes, **facts)


def _made(
    model: Model[Any, Any],
    asked: Again,
    request: Request[Settings],
    target: Path,
    more: dict[str, Path],
    force: bool,
) -> Result[Any]:
    """Make it and write what is asked for: the thing itself, unless a second output was named."""
    with ExitStack() as stack:
        if "trace" not in more:
            record = partial(record_of, model, request, asked.seed)
            stack.enter_context(pieces.keeping(target, record, force=force, warn=door.tell))
        traced = Traced(more.get("trace"))
        result = made(model, request, asked.seed, trace=traced, label="rerun")
        if not asked.second:
            door.watch(result.saving(target), "writing")
        for name, path in more.items():
            if name in result.extras:
                said = second_of(result.record, name)
                door.watch(result.extras[name].written(path, said), "writing")
    return result


def _beside(request: Request[Settings], target: Path, force: bool) -> dict[str, Path]:
    """Where the second outputs of a request go, by name."""
    known = seconds(type(request.settings))
    found = {}
    for name in sorted(request.extras):
        suffixes = known[name].suffixes
        called = f"{target.stem}.{name}{suffixes[0]}"
        if not suffixes[0]:  # a folder, whose name has no dot
            called = f"{target.stem}_{name}".replace(".", "_")
        path = target.with_name(called)
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


def _told_of(file: Path) -> Path:
    """The file itself, where the record beside it was named; a folder by its full name."""
    if file.name.endswith(BESIDE):
        return file.with_name(file.name.removesuffix(BESIDE))
    return file if file.name else file.resolve()


def _next_to(file: Path) -> Path:
    """Where a file is made again when no place is named; a dot would be a folder's suffix."""
    if not file.suffix:
        return file.with_name(f"{file.name}_again")
    return file.with_name(f"{file.stem}.again{file.suffix}")


def _changes(file: Path, given: list[str] | None) -> dict[str, Any]:
    """The fields of --set, each read as its flag would be; JSON lists and null are taken too."""
    pairs = _pairs("set", given)
    known = fields(*models.families(read(file).verb)) if pairs else {}
    return {name: _value(text, known.get(name)) for name, text in pairs}


def _value(text: str, field: FieldInfo | None) -> Any:
    """A JSON value where the field takes one; a text field keeps 7 and true as they are written."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    kind = type_of(field)[0] if field is not None else None
    if kind == str | None and isinstance(value, bool | int | float):
        return text
    if kind == MANY and not isinstance(value, list | None):
        return [text]
    return value


def _hashes(path: Path) -> dict[str, str]:
    """The sha256 of a file, or of every file in a folder of frames by name."""
    if path.is_file():
        return {"": sha256_of(path)}
    return {one.name: sha256_of(one) for one in sorted(path.iterdir()) if one.is_file()}
