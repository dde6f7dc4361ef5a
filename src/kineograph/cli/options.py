"""Flags from settings: a command's parameters are the fields of what its families take.

Nothing is typed again here: name, type, limits, unit, default and help come from the field. A value
that was not given is left out, so that the settings alone know the defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from kineograph.values.settings import TRACE, Settings, choices, fields, limits_of
from kineograph.values.source import Source

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Door:
    """What the command itself is told, beside the settings.

    out: the output; None where nothing is written. extras: files of second outputs by name. trace:
    where the steps are written.
    """

    extras: Mapping[str, Path]
    out: Path | None = None
    seed: int | None = None
    force: bool = False
    as_json: bool = False
    dry_run: bool = False
    trace: Path | None = None
    no_record: bool = False
    sign: bool = False
    no_manifest: bool = False


Run = Callable[[str, Values, Door], None]

_DOOR: dict[str, tuple[Any, Any]] = {
    "seed": (
        int | None,
        typer.Option(help="Whole number ≥ 0; the same seed gives the same bytes."),
    ),
    "dry_run": (bool, typer.Option("--dry-run", help="Print the plan and stop.")),
    "trace": (
        Path | None,
        typer.Option(help=f"{TRACE.help}."),
    ),
    "no_record": (
        bool,
        typer.Option("--no-record", help="Leave the record out; what kind of making it was stays."),
    ),
    "sign": (
        bool,
        typer.Option(
            "--sign", help="Sign the C2PA manifest beside the output by a key that stays."
        ),
    ),
    "no_manifest": (
        bool,
        typer.Option("--no-manifest", help="Write no C2PA manifest, though the extra is there."),
    ),
    "force": (bool, typer.Option("--force", help="Overwrite an existing output.")),
    "as_json": (bool, typer.Option("--json", help="Print one JSON object on stdout.")),
}


def flag(name: str) -> str:
    """The flag of a field: `text_encoder` is --text-encoder, `n` is -n."""
    return f"-{name}" if len(name) == 1 else "--" + name.rstrip("_").replace("_", "-")


def command(
    verb: str,
    families: tuple[type[Settings], ...],
    run: Run,
    help: str,
    *,
    door: Sequence[str] = tuple(_DOOR),
) -> Any:
    """A function that Typer makes a command of; it calls run(verb, values, door).

    door: what else it is told, beside the output, which only families with forms have.
    """
    known = fields(*families)
    extras = {name: extra for family in families for name, extra in family.extras.items()}

    def called(**given: Any) -> None:
        values = {name: given[name] for name in known if _said(given[name])}
        many = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        second = {name: given[name] for name in extras if given[name] is not None}
        own = [name for name in ("out", *_DOOR) if name not in known]  # `out` may be a field
        rest = {name: given[name] for name in own if name in given}
        run(verb, values | many, Door(extras=second, **rest))

    parameters = [_parameter(name, known[name], _words(families, name)) for name in known]
    suffixes = dict.fromkeys(suffix for family in families for suffix in family.forms)
    if suffixes:
        told = " ".join(suffix or "or a folder of frames" for suffix in suffixes)
        told = told if any(suffixes) else "a folder"
        out = typer.Option("-o", "--out", help=f"Output: {told}.", show_default=False)
        parameters.append(_typed("out", Path | None, out))
    for name, extra in extras.items():
        kinds = ", ".join(suffix or "a folder" for suffix in extra.suffixes)
        how = typer.Option(flag(name), help=f"{extra.help} ({kinds}).")
        parameters.append(_typed(name, Path | None, how))
    parameters += [_typed(name, *_DOOR[name]) for name in door]
    # What is taken by place comes first.
    parameters.sort(key=lambda p: not isinstance(get_args(p.annotation)[1], _ARGUMENT))
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    called.__doc__ = help
    return called


def _said(value: Any) -> bool:
    """Whether a command line gave a value: a switch off, or an empty list, is none."""
    return value is not None and value is not False and value != []


_ARGUMENT = type(typer.Argument())


def _words(families: tuple[type[Settings], ...], name: str) -> str:
    """What a field chooses from in any of the families, as `counts|transformer`."""
    found = (choices(one.model_fields[name]) for one in families if name in one.model_fields)
    return "|".join(dict.fromkeys(str(word) for words in found for word in words))


def _parameter(name: str, field: FieldInfo, chosen: str) -> inspect.Parameter:
    """The parameter of one field; chosen: the words of all families, "" where it is free."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    kind, metavar = _type_of(field)
    if metavar is not None and metavar in chosen:
        metavar = chosen
    help = _help(field, extra)
    if extra.get("place"):
        place = typer.Argument(help=help, metavar=name.upper() + ("..." if kind is _MANY else ""))
        return _typed(name, kind, place)
    words = [flag(name)]
    if letter := extra.get("letter"):
        words.insert(0, f"-{letter}")
    panel = str(extra["panel"]) if extra.get("panel") else None
    how = typer.Option(
        *words, help=help, metavar=metavar, show_default=False, rich_help_panel=panel
    )
    return _typed(name, kind, how)


def _typed(name: str, kind: Any, how: Any) -> inspect.Parameter:
    default = False if kind is bool else None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, how]
    )


_MANY = list[str] | None


def _type_of(field: FieldInfo) -> tuple[Any, str | None]:
    """The type that Typer reads a field as, always optional, and a metavar."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("words"):
        return str | None, str(extra["words"])
    words = choices(field)
    if words == [True]:
        return bool, None
    if words:
        return int | None if isinstance(words[0], int) else str | None, "|".join(map(str, words))
    kind = field.annotation
    if get_origin(kind) is tuple:
        return _MANY, "FILE" if _holds(kind, Source) else None
    if _holds(kind, Source):
        return str | None, "FILE"
    for plain in (bool, float, int):
        if _holds(kind, plain):
            return bool if plain is bool else plain | None, None
    return str | None, None


def _holds(kind: Any, wanted: type) -> bool:
    """Whether a type is `wanted`, or a union, a tuple or an annotation of it."""
    return kind is wanted or any(_holds(inner, wanted) for inner in get_args(kind))


def _help(field: FieldInfo, extra: Mapping[str, Any]) -> str:
    """The field's line of help with its limits, unit and default."""
    told = field.description or ""
    facts = []
    limits = limits_of(field)
    if limits:
        facts.append(f"{limits} {extra.get('unit', '')}".strip())
    default = field.default
    if not field.is_required() and default not in (None, "", (), False):
        facts.append(f"default {default}")
    return f"{told} ({'; '.join(facts)})" if facts else told
