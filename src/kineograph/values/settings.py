"""What can be set? One validated, frozen value a family, from which every door is derived.

A field says its type, limits, unit, default and one line of help once. The command's flags, the
check, the record, the JSON Schema, the HTTP body and the page's controls all read it from here.
Errors name the field (`size`), never a flag.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from kineograph.values.errors import InputError
from kineograph.values.source import Source

MOVING = (".mp4", ".webm", ".gif", ".webp", ".apng", "")
"Suffixes of outputs that move; none is a folder of frames."
STILL = (".png", ".jpg", ".jpeg", ".webp")
PAGE = (".html",)


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    letter: str = "",
    place: bool = False,
    panel: str = "",
    words: str = "",
    trusted: bool = False,
) -> Any:
    """One field of a family's settings.

    default: its value when it is not given; `...` when it must be. help: one line for people.
    least, most: limits, both allowed; above: a limit that is not. letter: a one-letter flag.
    place: the command takes it by place, not by flag. panel: heading of its flag in the help.
    words: how it is written where it is no plain number ("weak|strong|NUMBER"). trusted: it names
    code, and is taken from the person at the command or in Python alone: from no record, no file of
    requests and no page.
    """
    shown: dict[str, Any] = {
        "unit": unit,
        "letter": letter,
        "place": place,
        "panel": panel,
        "words": words,
    }
    shown["trusted"] = trusted
    extra: dict[str, Any] = {name: value for name, value in shown.items() if value}
    return Field(default, description=help, ge=least, le=most, gt=above, json_schema_extra=extra)


def unmarked() -> Any:
    """The field of every family whose trained model makes pictures."""
    return setting(False, "Leave the imperceptible watermark out; the record says so.")


class Extra(BaseModel):
    """A second output that a family can write: a source map, a plot.

    beside: suffix of a further file that it writes beside its own; "" where it writes none.
    """

    model_config = ConfigDict(frozen=True)

    suffixes: tuple[str, ...]
    help: str
    beside: str = ""


TRACE = Extra(
    suffixes=(*MOVING, ".png", ".jpg", ".jpeg"),
    help="Write the steps of the making too: a clip, a sheet or a folder",
)
"The second output that every family has."


class Settings(BaseModel):
    """A family's settings.

    verb: the command it belongs to. about: what it makes, for a sentence ("a picture that comes
    alive"). forms: suffixes of the outputs it can be saved as. spoken: whether the result is shown
    when no output is named; aloud: whether it is shown even then, as the file holds a part. drawn:
    whether chance takes part, so that a seed matters. extras: second outputs by name.

    Raises InputError, naming the field, the value and the remedy, when a value is refused.

        >>> class Dots(kg.Settings):
        ...     verb, about, forms = "dots", "a row of dots", (".png",)
        ...     count: int = 3
        >>> Dots(count=4).changed(count=5).plain()
        {'count': 5}
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    verb: ClassVar[str]
    about: ClassVar[str]
    forms: ClassVar[tuple[str, ...]]
    spoken: ClassVar[bool] = False
    aloud: ClassVar[bool] = False
    drawn: ClassVar[bool] = True
    extras: ClassVar[Mapping[str, Extra]] = {}

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _told(error, type(self), values) from None

    @model_validator(mode="before")
    @classmethod
    def _one_of_many(cls, values: Any) -> Any:
        """One name where a field takes several is a row of one."""
        if not isinstance(values, dict):
            return values
        several = {name for name, field in cls.model_fields.items() if _is_row(field)}
        return {
            name: (value,) if name in several and _is_one(value) else value
            for name, value in values.items()
        }

    @model_validator(mode="before")
    @classmethod
    def _no_switch(cls, values: Any) -> Any:
        """true is no number, though Python counts with it."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and bool not in _kinds(field):
                raise InputError(name, f"{value} is not for it", field.description or "")
        return values

    @model_validator(mode="after")
    def _unicode(self) -> Self:
        """Half a surrogate pair, which no file and no tokenizer takes, is refused everywhere."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, str) and any("\ud800" <= letter <= "\udfff" for letter in one):
                    raise InputError(name, "holds half a surrogate pair", "send it as UTF-8")
        return self

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        """Whether the values ask for this family, where a verb has several."""
        return True

    def resolved(self) -> Self:
        """The same request with everything said that a model or a file says for it."""
        return self

    def changed(self, **values: Any) -> Self:
        """A validated copy with some fields changed."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**kept | values)

    def sources(self) -> Iterator[tuple[str, Source]]:
        """What is read, with the field's name; `name.0`, `name.1` where it holds several."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            yield from _sources(name, value)

    def plain(self) -> dict[str, Any]:
        """Everything that is set as JSON values; what is read stands as {name, sha256}."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: _plain(value) for name, value in fields if value is not None}


def fields(*families: type[Settings]) -> dict[str, FieldInfo]:
    """Every field of some families by name, each once, in the order they are declared.

    Raises TypeError when two families mean different things by one name.
    """
    found: dict[str, FieldInfo] = {}
    for family in families:
        for name, field in family.model_fields.items():
            known = found.setdefault(name, field)
            if known.description != field.description:
                raise TypeError(f"{family.__name__}.{name} differs from its namesake")
    return found


def usual(families: Sequence[type[Settings]]) -> type[Settings]:
    """The family that answers when nothing chooses another: its defaults are those of a verb."""
    return next((family for family in families if family.wanted({})), families[-1])


def trusted(*families: type[Settings]) -> frozenset[str]:
    """The fields of some families that name code."""
    extras = {name: field.json_schema_extra for name, field in fields(*families).items()}
    return frozenset(
        name for name, extra in extras.items() if isinstance(extra, dict) and extra.get("trusted")
    )


def seconds(*families: type[Settings]) -> dict[str, Extra]:
    """Every second output of some families by name: those of their own, and the trace."""
    own = {name: extra for family in families for name, extra in family.extras.items()}
    return {**own, "trace": TRACE}


def schema(verb: str, families: tuple[type[Settings], ...]) -> dict[str, Any]:
    """The JSON Schema of a flat request: `verb`, every field, `seed` and `out`.

    A field that only some families take lists them under `families`; a second output, whose value
    is where it is written, lists its suffixes under `writes`. Where families differ in a default,
    the first is that of the usual family.
    """
    properties: dict[str, Any] = {"verb": {"const": verb}}
    first = usual(families)
    for name in fields(*families):
        takers = [family for family in families if name in family.model_fields]
        ranked = sorted(takers, key=lambda family: family is not first)
        part = _joined([_property(family, name) for family in ranked])
        if len(takers) < len(families):
            part = part | {"families": [family.about for family in takers]}
        properties[name] = part
    for name, extra in seconds(*families).items():
        about = {"type": "string", "description": f"{extra.help}.", "writes": [*extra.suffixes]}
        takers = [family for family in families if name in seconds(family)]
        if len(takers) < len(families):
            about["families"] = [family.about for family in takers]
        properties[name] = about
    properties["seed"] = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
    properties["out"] = {"type": "string", "description": "Where it is written."}
    required = [
        name
        for name in fields(*families)
        if all(n.model_fields[name].is_required() for n in families if name in n.model_fields)
        and all(name in family.model_fields for family in families)
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kineograph {verb}",
        "type": "object",
        "properties": properties,
        "required": ["verb", *required],
        "additionalProperties": False,
    }


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What a field may be in any of the families that take it."""
    first = parts[0]
    if all(part == first for part in parts):
        return first
    if words := sorted({word for part in parts for word in _words(part)}):  # `by`: one word each
        return {key: value for key, value in first.items() if key != "const"} | {"enum": words}
    alike = {key: value for key, value in first.items() if all(p.get(key) == value for p in parts)}
    own = [{key: value for key, value in p.items() if key not in alike} for p in parts]
    return alike | {"anyOf": own}


def _property(family: type[Settings], name: str) -> dict[str, Any]:
    part = _described(family)["properties"][name]
    return {key: value for key, value in part.items() if key != "title"}


@cache
def _described(family: type[Settings]) -> dict[str, Any]:
    """The schema of a family; the same dict each time, so nothing is to be put in it."""
    return family.model_json_schema()


def _words(part: dict[str, Any]) -> list[str]:
    return [part["const"]] if "const" in part else list(part.get("enum", ()))


def _sources(place: str, value: Any) -> Iterator[tuple[str, Source]]:
    if isinstance(value, Source):
        yield place, value
    elif isinstance(value, tuple):
        for i, one in enumerate(value):
            yield from _sources(f"{place}.{i}", one)


def _plain(value: Any) -> Any:
    if isinstance(value, Source):
        return {"name": value.name, "sha256": value.sha256()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


# -- refusals in words -----------------------------------------------------------------------------


def _told(error: ValidationError, family: type[Settings], values: Mapping[str, Any]) -> InputError:
    """The first thing refused, as a person would be told of it."""
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"]]
    name = where[0] if where else "settings"
    given, kind = first["input"], first["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, family.model_fields, 1)
        return InputError(
            name,
            f"is not for {family.about}",
            f"did you mean {near[0]}?" if near else "leave it out",
        )
    if kind == "missing":
        return InputError(name, "is missing", family.model_fields[name].description or "")
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, InputError):
        if inner.field == "source" and name in family.model_fields:
            return InputError(name, inner.problem, inner.remedy)
        return inner
    field = family.model_fields.get(name)
    remedy = ""
    if field is not None:
        words = choices(field)
        if words:
            return unknown(name, given, words)
        limits = limits_of(field)
        if limits and kind.startswith(("greater", "less", "finite")):
            return InputError(name, f"{given} is not {_within(limits)}", "")
        remedy = field.description or ""
    return InputError(name, f"{given!r}: {first['msg'][0].lower()}{first['msg'][1:]}", remedy)


def unknown(name: str, given: Any, words: Sequence[Any]) -> InputError:
    """The refusal of a word that a field does not know; it lists those it does."""
    *front, last = map(str, words)
    known = f"{', '.join(front)} or {last}" if front else last
    return InputError(name, f"'{given}' is unknown", f"use {known}")


def _is_row(field: FieldInfo) -> bool:
    """Whether a field takes any number of texts, or of what is read."""
    kind, inner = field.annotation, get_args(field.annotation)
    one = get_args(inner[0])[:1] or inner[:1] if inner else ()
    return get_origin(kind) is tuple and inner[-1] is Ellipsis and one[0] in (str, Source)


def _is_one(value: Any) -> bool:
    return isinstance(value, str | os.PathLike | Source)


def _kinds(field: FieldInfo) -> set[Any]:
    """The plain types a field takes, and those of the words it chooses from."""
    kinds = {field.annotation, *get_args(field.annotation)}
    return kinds | {type(word) for word in choices(field)}


def choices(field: FieldInfo) -> list[Any]:
    """The words a field chooses from; none where it is free."""
    kinds = [field.annotation, *get_args(field.annotation)]
    return [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]


def limits_of(field: FieldInfo) -> str:
    """The range a field is held to, as `1 … 600`; "" where it has none."""
    found: dict[str, float] = {}
    for rule in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(rule, name, None) is not None:
                found[name] = getattr(rule, name)
    low, high = found.get("ge", found.get("gt")), found.get("le", found.get("lt"))
    above = "above " if "gt" in found else ""
    if low is not None and high is not None:
        return f"{above}{_number(low)} … {_number(high)}"
    if low is not None:
        return f"{above}{_number(low)}" if above else f"{_number(low)} or more"
    return "" if high is None else f"… {_number(high)}"


def _within(limits: str) -> str:
    """A range after "is not": in 1 … 600, above 0 and at most 600, 0 or more, at most 9."""
    if limits.startswith("above"):
        return limits.replace(" … ", " and at most ")
    if limits.startswith("…"):
        return limits.replace("…", "at most")
    return limits if limits.endswith("or more") else f"in {limits}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
