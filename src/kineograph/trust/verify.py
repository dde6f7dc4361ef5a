"""What can be told of where a file came from? One report, of files of ours and of anybody's.

Signs are looked for in what the file says of itself (record, source type, manifest) and in its
pixels. Their absence says nothing: they are lost when some programs copy a file, and anybody may
write them. A report never calls a file authentic.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from kineograph import recipe, record
from kineograph.files import sha256_of
from kineograph.record import BESIDE, Record
from kineograph.trust import manifest
from kineograph.trust.source import MEANS, named_in
from kineograph.values.errors import InputError, KineographError

MOST_FRAMES = 32  # frames that the mark is looked for in


@dataclass(frozen=True)
class Mark:
    """The watermark: whether it is there, its score, the score above which it is."""

    found: bool
    score: float
    threshold: float


@dataclass(frozen=True)
class Report:
    """What is found in a file.

    kind: as its bytes say, "" where it is no picture, clip or page. sha256: of the file, "" of a
    folder. record: verb, version, model and seed that it tells, None without one. label: whether a
    label alone is there, its record left out. source: the IPTC's term, "" when none is named.
    manifest: state of the C2PA manifest. mark: None where there are no pixels to look at. weights:
    by file, known | other | absent. inputs: by field, same | other | absent. failures: what does
    not hold.
    """

    file: str
    kind: str
    sha256: str
    record: dict[str, Any] | None
    label: bool
    source: str
    manifest: str
    mark: Mark | None
    weights: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)

    @property
    def signs(self) -> bool:
        """Whether anything tells of a machine's making."""
        found = self.mark is not None and self.mark.found
        return bool(self.record or self.label or self.source or found) or self.manifest[:2] == "a "


def report(path: Path) -> Report:
    """Everything that can be told of one file, page or folder of frames.

    Raises InputError when there is no such file.
    """
    if not path.exists():
        raise InputError("file", f"'{path}' is not there", "check its name")
    known, label = _record(path)
    kind, mark = _pixels(path)
    state, told = manifest.state_of(path)
    source = named_in(path) or named_in_beside(path)
    if not source and known is not None and known.whole.get("source") in MEANS:
        source = str(known.whole["source"])
    failures = list(told)
    weights = _weights(known) if known else {}
    inputs = _inputs(known, path.parent) if known else {}
    failures += [
        f"weights {name} are not those it names" for name, s in weights.items() if s == "other"
    ]
    failures += [f"input {name} has another hash" for name, s in inputs.items() if s == "other"]
    return Report(
        file=path.name,
        kind=kind,
        sha256=sha256_of(path) if path.is_file() else "",
        record=_told(known) if known else None,
        label=label,
        source=source,
        manifest=state,
        mark=mark,
        weights=weights,
        inputs=inputs,
        failures=tuple(failures),
    )


def named_in_beside(path: Path) -> str:
    """The source type in the record beside a text or a table."""
    beside = path.with_name(path.name + BESIDE)
    found = record.plain_note(path) if beside.is_file() else None
    source = found.get("source") if found else None
    return source if isinstance(source, str) and source in MEANS else ""


def _record(path: Path) -> tuple[Record | None, bool]:
    """The record that it carries, and whether there is a label alone."""
    try:
        found = record.plain_note(path)
    except KineographError:  # no file of ours to read
        return None, False
    if found is None:
        return None, False
    if "label" in found and "record" not in found:
        return None, True
    try:
        return record.parsed(found), False
    except InputError:
        return None, False


def _pixels(path: Path) -> tuple[str, Mark | None]:
    """What kind of file it is, and the mark in its frames; "" and None when it has none."""
    from kineograph import media
    from kineograph.trust import watermark

    try:
        kind = media.probe(path).kind
        frames: Iterator[Any] = islice(media.stream(path), MOST_FRAMES)
        found = watermark.detected(frames)
    except KineographError:
        suffix = path.suffix.lower()
        return (suffix[1:] if suffix in (".html", ".txt", ".csv", ".npz") else ""), None
    return kind, Mark(found.there, round(found.score, 2), round(found.threshold, 2))


def _told(known: Record) -> dict[str, Any]:
    """The few things of a record that say what it is."""
    model = known.model.get("name", "") if isinstance(known.model, dict) else ""
    facts = {"verb": known.verb, "version": known.version, "model": model, "seed": known.seed}
    return facts | {"status": known.status, "mark": known.whole.get("mark")}


def _weights(known: Record) -> dict[str, str]:
    """Whether the weights that a record names are those of a model that ships."""
    named = known.model.get("weights")
    name = known.model.get("name")
    if not isinstance(named, dict) or not isinstance(name, str):
        return {}
    shipped = set(recipe.models())
    ours = recipe.known_hashes()
    states = {}
    for file, digest in list(named.items())[:100]:
        if digest in ours:
            states[str(file)] = "known"
        else:
            states[str(file)] = "other" if name in shipped else "absent"
    return states


def _inputs(known: Record, folder: Path) -> dict[str, str]:
    """Whether the inputs that a record names lie beside the file, and are the same."""
    from kineograph.values.source import Source

    states = {}
    for place, facts in list(known.inputs.items())[:100]:
        name = str(facts.get("name", ""))
        plain = name and os.sep not in name and "/" not in name and name not in (".", "..")
        beside = folder / name if plain and len(name) < 256 else None
        if beside is None or not beside.exists():
            states[str(place)] = "absent"
        else:
            states[str(place)] = "same" if Source(beside).sha256() == facts["sha256"] else "other"
    return states
