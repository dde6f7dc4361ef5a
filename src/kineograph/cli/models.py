"""kineograph models: what is here, what it was made from, whether it is whole."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from kineograph.cli import door
from kineograph.cli.make import check_outputs, flags_named
from kineograph.cli.options import Door, command
from kineograph.values.errors import InputError, MissingError
from kineograph.values.export import Export, Shrink

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("list")
def list_models(as_json: door.Json = False) -> None:
    """Every model that ships with the package: parts, data, bytes."""
    from kineograph import recipe

    rows: list[dict[str, Any]] = []
    for name in recipe.models():
        about, folder = recipe.read(recipe.folder_of(name)), recipe.folder_of(name)
        files = sorted(folder.glob("*.safetensors"))
        parts = [_told(part) for part in about.parts]
        size = sum(file.stat().st_size for file in files)
        rows.append({"name": name, "data": about.data, "parts": parts, "bytes": size})
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['name']}: {row['bytes'] / 1e6:.1f} MB, trained on {row['data']}")
        for part in row["parts"]:
            typer.echo(f"  {part}")


def _told(part: Any) -> str:
    """A part in a few words: its name, and the block of frames it makes when it is a stage."""
    if isinstance(getattr(part, "frames", None), int):
        return f"{part.name} {part.frames}x{part.size}x{part.size}"
    return str(part.name)


@app.command()
def card(name: Annotated[str, typer.Argument(help="A shipped model's name, or a folder.")]) -> None:
    """The model card: data, licence, recipe, time, numbers, limits."""
    from kineograph import recipe

    path = recipe.folder_of(name) / "CARD.md"
    if not path.is_file():
        raise MissingError(f"model '{name}' has no card ('{path}')")
    typer.echo(path.read_text("utf-8"))


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="A shipped model's name, or a folder.")],
    as_json: door.Json = False,
) -> None:
    """Read every weight: names, shapes, finite values; print each file's sha256."""
    from kineograph.checkpoints.folder import digests as published
    from kineograph.checkpoints.folder import is_checkpoint

    digests = published(name) if is_checkpoint(name) else _digests(name)
    if as_json:
        typer.echo(json.dumps({"model": name, "sha256": digests}))
        return
    for file, digest in digests.items():
        typer.echo(f"{digest}  {file}")


def _digests(name: str) -> dict[str, str]:
    """sha256 by file of a model of ours, once all its tensors were read."""
    from kineograph import recipe
    from kineograph.files import sha256_of

    folder, digests = recipe.folder_of(name), {}
    for part in recipe.read(folder).parts:
        path = folder / f"{part.name}.safetensors"
        recipe.load_tensors(path, recipe.network(part).state_dict())
        digests[path.name] = sha256_of(path)
    return digests


def _export(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Write a network as a torch.export file, checked against ours."""
    started = time.perf_counter()
    from kineograph.own_parts import exported

    with flags_named((Export,)):
        settings = Export(**values)
        check_outputs(settings, asked)
        assert asked.out is not None
        facts = exported(settings, asked.out)
    notes = [f"differs from ours by at most {facts['apart']:.1g}"]
    door.report(asked.as_json, started, [asked.out], model=settings.name, notes=notes, **facts)


_EXPORT = "Write a model's first network as a torch.export file, checked against the original."
app.command("export", help=_EXPORT)(
    command("models export", (Export,), _export, _EXPORT, door=("force", "as_json"))
)


def _shrink(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Write a model with its weights in eight bits."""
    started = time.perf_counter()
    from kineograph import recipe

    with flags_named((Shrink,)):
        settings = Shrink(**values)
        check_outputs(settings, asked)
        assert asked.out is not None
        if asked.out.exists():
            raise InputError("out", f"'{asked.out}' is there already", "name a new folder")
    made = recipe.shrink(recipe.folder_of(settings.name), asked.out)
    size = sum(path.stat().st_size for path in made)
    door.report(asked.as_json, started, [asked.out], model=settings.name, bytes=size)


_SHRINK = "Write a model anew with its weights in eight bits: half as large."
app.command("shrink", help=_SHRINK)(
    command("models shrink", (Shrink,), _shrink, _SHRINK, door=("as_json",))
)
