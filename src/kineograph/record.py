"""One record in every file: what was asked, by which program, from which inputs and weights.

    {"kineograph": "0.2.0", "record": 1, "verb": "video", "form": ".mp4", "settings": {…},
     "seed": 7,
     "inputs": {"image": {"name": …, "sha256": …}}, "model": {"name": …, "weights": {file: sha256}},
     "source": "trainedAlgorithmicMedia", "mark": true,
     "status": "complete", "threads": 2, "torch": "2.13.0", "numbers": "bfloat16"}

`numbers` are those that our networks compute in on the processor, which its kind decides.

`extras` names the second outputs that were asked for, where there were any: a map, the trace. Each
carries the same record, and as `extra` which it is.
Nothing in it differs between two equal runs: no time, no date, no path. What is read back comes
from a stranger: its size and depth are capped, it is data, and nothing of it runs unasked.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Collection, Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, NamedTuple

from kineograph.files import sequence_of
from kineograph.trust.source import source_type
from kineograph.values.errors import InputError
from kineograph.values.request import Model, Request
from kineograph.values.settings import Settings
from kineograph.values.source import Source

SCHEMA = 1
MOST_BYTES = 2**20
MOST_DEPTH = 12
MOST_PAGE = 300 * 10**6  # bytes of a page that is searched for its record
MOST_ESCAPED = 8 * MOST_BYTES  # bytes of a record with its marks written out, as in a page
UNMARKED = (".html", ".txt", ".csv", ".npz", ".toml")  # forms without frames of their own
BESIDE = ".record.json"
"Suffix of the record beside a file that can hold none: a text, a table."
_OPENED, _CLOSED = b'<script type="application/json" id="kineograph">', b"</script>"


class Record(NamedTuple):
    """What a file says of itself.

    version: of the program. verb, form, settings, seed, inputs, model, status: as in the module's
    example. threads, torch: of the arithmetic, 0 and "" where torch took no part. schema: 0 for a
    note from before there was one.
    """

    version: str
    verb: str
    form: str
    settings: Mapping[str, Any]
    seed: int | None
    inputs: Mapping[str, Mapping[str, Any]]
    model: Mapping[str, Any]
    status: str
    threads: int
    torch: str
    schema: int
    whole: Mapping[str, Any]


def record_of(
    model: Model[Any, Any],
    request: Request[Any],
    seed: int,
    *,
    verb: str = "",
    status: str = "complete",
) -> dict[str, Any]:
    """The record of what a model makes of a request, as JSON values."""
    import kineograph

    settings: Settings = request.settings
    sources = dict(settings.sources())
    about = model.about
    kept = {
        name: value
        for name, value in settings.plain().items()
        if not any(place.split(".")[0] == name for place in sources)
    }
    found: dict[str, Any] = {
        "kineograph": kineograph.version,
        "record": SCHEMA,
        "verb": verb or settings.verb,
        "form": request.form,
        "settings": kept,
        "seed": seed,
        "inputs": {place: _input(source) for place, source in sources.items()},
        "status": status,
    }
    found["source"] = source_type(about, settings)
    if about.is_trained and hasattr(settings, "unmarked") and request.form not in UNMARKED:
        found["mark"] = not settings.unmarked
    if about.name:
        if "model" in kept:
            kept["model"] = about.name  # never the path of a folder
        found["model"] = {"name": about.name, "weights": dict(sorted(about.weights.items()))}
    if request.extras:
        found["extras"] = sorted(request.extras)
    if about.torch:
        found |= {"threads": threads(), "torch": torch_version()}
    if about.torch and about.is_trained:
        found["numbers"] = numbers()
    return found


def _input(source: Source) -> dict[str, Any]:
    """What an input is, and what reading it changed: HDR, profiles, interlacing, uneven times."""
    from kineograph import media

    changed = media.changes_of(source)
    facts: dict[str, Any] = {"name": source.name, "sha256": source.sha256()}
    return facts | ({"changed": list(changed)} if changed else {})


def second_of(record: Mapping[str, Any] | None, name: str) -> dict[str, Any] | None:
    """The record of a second output: that of the thing it belongs to, and which it is."""
    return None if record is None else {**record, "extra": name}


def label_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What stays when a record is left out: the kind of making, and whether it is marked."""
    told = {name: record[name] for name in ("kineograph", "source", "mark") if name in record}
    return told | {"label": SCHEMA}


def threads() -> int:
    """Threads that torch computes with."""
    import torch

    return torch.get_num_threads()


def numbers() -> str:
    """What networks compute in on this processor: bfloat16, or float32."""
    from kineograph.machine import halves_pay

    return "bfloat16" if halves_pay() else "float32"


def torch_version() -> str:
    """The version of torch, without the name of its build."""
    return installed("torch").split("+")[0]


def read(path: Path) -> Record:
    """The record that a file, a page or a folder of frames carries, or that lies beside it.

    Raises InputError when there is no such file, or it carries none.
    """
    if not path.exists():
        raise InputError("file", f"'{path}' is not there", "check its name")
    found = _raw(path)
    if found is None:
        raise InputError("file", f"'{path.name}' carries no record", "name a file of kineograph's")
    return parsed(found)


def parsed(found: Mapping[str, Any]) -> Record:
    """A record from JSON values, in today's schema or in the two notes that came before it.

    Raises InputError when it is none, or one of a later program.
    """
    if _depth(found) > MOST_DEPTH:
        raise InputError("record", f"is nested deeper than {MOST_DEPTH}", "it is none of ours")
    schema = found.get("record", 0)
    if "label" in found and not schema:
        raise InputError("file", "carries a label alone: its record was left out", "make it anew")
    if schema == 0:
        return _before(found)
    if schema != SCHEMA:
        raise InputError(
            "record", f"has schema {schema!r}, this program reads {SCHEMA}", "use a newer program"
        )
    kinds = {"verb": str, "form": str, "settings": dict, "inputs": dict, "status": str}
    for name, kind in kinds.items():
        if not isinstance(found.get(name), kind):
            raise InputError("record", f"its '{name}' is no {kind.__name__}", "it is none of ours")
    model, seed = found.get("model", {}), found.get("seed")
    inputs = found["inputs"]
    hashed = all(isinstance(one, dict) and _hash(one.get("sha256")) for one in inputs.values())
    whole = isinstance(seed, int | None) and not isinstance(seed, bool)
    if not (isinstance(model, dict) and hashed and whole):
        raise InputError("record", "its model, inputs or seed are malformed", "it is none of ours")
    return Record(
        version=str(found.get("kineograph", "")),
        verb=found["verb"],
        form=found["form"],
        settings=found["settings"],
        seed=seed,
        inputs=inputs,
        model=model,
        status=found["status"],
        threads=int(found.get("threads") or 0),
        torch=str(found.get("torch", "")),
        schema=SCHEMA,
        whole=found,
    )


def _before(found: Mapping[str, Any]) -> Record:
    """A note of 0.1: `kineograph` or `verb` named the command, settings lay beside it."""
    verb = found.get("verb") or found.get("kineograph")
    if not isinstance(verb, str):
        raise InputError("record", "names no command", "it is none of ours")
    seed = found.get("seed")
    model = found.get("model")
    known = ("kineograph", "verb", "seed", "model", "knobs")
    settings = {k: v for k, v in found.items() if k not in known and v is not None}
    if isinstance(found.get("knobs"), dict):
        settings |= found["knobs"]
    return Record(
        version="0.1.0",
        verb=verb,
        form="",
        settings=settings,
        seed=seed if isinstance(seed, int) else None,
        inputs={},
        model={"name": model} if isinstance(model, str) else {},
        status="complete",
        threads=0,
        torch="",
        schema=0,
        whole=found,
    )


def plain_note(path: Path) -> Mapping[str, Any] | None:
    """The JSON object that a file carries, whatever it says, or None. It is a stranger's word."""
    return _raw(path)


def _raw(path: Path) -> Mapping[str, Any] | None:
    """The JSON object that a file carries, or None."""
    suffix = path.suffix.lower()
    if suffix == ".html":
        return _in_page(path)
    if suffix in (".txt", ".csv", ".npz", ".toml", ".json"):
        beside = path if path.name.endswith(BESIDE) else path.with_name(path.name + BESIDE)
        return _json(beside.read_bytes()) if _small(beside) else None
    from kineograph import media

    return media.note(path)


def _in_page(path: Path) -> Mapping[str, Any] | None:
    """Of a page, which is read by pieces: a stranger's may be hundreds of megabytes."""
    if path.stat().st_size > MOST_PAGE:
        return None
    held = b""
    with path.open("rb") as file:
        while piece := file.read(MOST_BYTES):
            held += piece
            begin = held.find(_OPENED)
            if begin < 0:
                held = held[-len(_OPENED) :]
                continue
            held = held[begin:]
            if (end := held.find(_CLOSED)) >= 0:
                inside = held[len(_OPENED) : end].decode("utf-8", "replace")
                return _json(html.unescape(inside).encode())
            if len(held) > MOST_ESCAPED:
                break
    return None


def _small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= MOST_BYTES


def _json(text: bytes) -> Mapping[str, Any] | None:
    if not text or len(text) > MOST_BYTES:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _depth(value: Any) -> int:
    deepest, rest = 0, [(value, 1)]
    while rest:
        one, depth = rest.pop()
        if isinstance(one, Mapping | list):
            deepest = max(deepest, depth)
            if depth <= MOST_DEPTH:
                inside = one.values() if isinstance(one, Mapping) else one
                rest += [(each, depth + 1) for each in inside]
    return deepest


# -- finding what a record stands on ---------------------------------------------------------------


def found_inputs(
    record: Record,
    beside: Path,
    given: Mapping[str, Path] | None = None,
    *,
    but: Collection[str] = (),
) -> dict[str, Any]:
    """Field -> path (or list of paths) of every input, checked by its hash.

    beside: a folder to look in, by name. given: files by place (`sample.0`; `sample` where it is
    the only one), which are looked at first. but: fields that are left out. Raises InputError that
    tells the name and hash of what is not there or has changed, or a place that there is not.
    """
    lie = _by_place(record, given or {})
    found: dict[str, Any] = {}
    for place, facts in record.inputs.items():
        name, digest = str(facts.get("name", "")), str(facts["sha256"])
        if place.partition(".")[0] in but:
            continue
        if place in lie:
            path = lie[place]
        else:
            if not name or os.sep in name or name in (".", "..") or "/" in name:
                raise InputError("record", f"names input {name!r}", "it is none of ours")
            path = beside / name
        if not path.exists() and not sequence_of(path):
            raise InputError(
                place,
                f"'{name}' (sha256 {digest}) is not in '{beside}'",
                f"name where it lies, as {place}=FILE",
            )
        if Source(path).sha256() != digest:
            raise InputError(
                place,
                f"'{path.name}' is not the file this was made from (sha256 {digest})",
                f"name where that one lies, as {place}=FILE",
            )
        _put(found, place.split("."), path)
    return found


def _by_place(record: Record, given: Mapping[str, Path]) -> dict[str, Path]:
    """The files given, by the places of a record's inputs."""
    found = {}
    for named, path in given.items():
        places = [one for one in record.inputs if named in (one, one.partition(".")[0])]
        if len(places) != 1:
            there = ", ".join(places or record.inputs)
            problem = "is several inputs" if places else "is no input of this file"
            remedy = f"name one of {there}" if there else "leave it out: it was made from none"
            raise InputError(named, problem, remedy)
        found[places[0]] = path
    return found


def _put(tree: dict[str, Any], place: list[str], path: Path) -> None:
    """Set `field`, `field.0` or `field.0.1`; places come in order, so a list grows at its end."""
    field, *numbers = place
    if not numbers:
        tree[field] = path
        return
    if any(not number.isdecimal() or len(number) > 4 for number in numbers):
        raise InputError("record", f"names input {'.'.join(place)!r}", "it is none of ours")
    row: list[Any] = tree.setdefault(field, [])
    for number in map(int, numbers[:-1]):
        if number == len(row):
            row.append([])
        row = row[min(number, len(row) - 1)]
    row.append(path)
