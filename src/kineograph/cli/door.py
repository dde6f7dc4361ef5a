"""What every verb does at the door: check the output, choose the seed, show progress, report."""

from __future__ import annotations

import json
import math
import secrets
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from kineograph import files, pieces
from kineograph.values.errors import InputError, unwritable
from kineograph.values.prompt import Progress as Making

Seed = Annotated[
    int | None, typer.Option(help="Whole number ≥ 0; the same seed gives the same bytes.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing output.")]
NoManifest = Annotated[
    bool, typer.Option("--no-manifest", help="Write no C2PA manifest, though the extra is there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"Marks that turn the direction of writing: what stands after them is not read as it is."


def chosen_seed(seed: int | None) -> int:
    """The seed given, or a fresh one below 2**32 that is printed."""
    if seed is None:
        seed = secrets.randbelow(2**32)
        print(f"seed {seed}", file=sys.stderr)
    if not 0 <= seed < 2**63:
        raise InputError("--seed", f"{seed} is not in 0 … 2**63 - 1")
    return seed


def checked_output(path: Path, suffixes: Sequence[str], force: bool, field: str = "-o") -> Path:
    """The path, once its suffix is known, its folder can be written and nothing is overwritten.

    `suffixes` holds lower-case suffixes with the dot; "" stands for a folder of frames.
    """
    if path.suffix.lower() not in suffixes:
        known = ", ".join(s or "a folder" for s in suffixes)
        raise InputError(field, f"cannot write '{path.name}'", f"use one of {known}")
    with _named(path, field):
        if path.suffix and path.is_dir():
            raise InputError(field, f"'{path}' is a folder", "choose another name")
        if path.exists() and not force:
            raise InputError(field, f"'{path}' exists", "choose another name or add --force")
        folder = path.parent
        if not folder.is_dir():
            raise InputError(field, f"folder '{folder}' does not exist", "make it first")
        files.sweep(folder)
        pieces.sweep(folder)
        probe = files.beside(path)
        probe.touch(exist_ok=False)
        probe.unlink()
    return path


@contextmanager
def only_ours(path: Path, force: bool, field: str = "-o") -> Iterator[None]:
    """Keep an output's name for this process; nobody took it since it was checked."""
    with files.claimed(path):
        if path.exists() and not force:
            raise InputError(field, f"'{path}' exists", "choose another name or add --force")
        yield


@contextmanager
def _named(path: Path, field: str) -> Iterator[None]:
    """A name that the system does not take, or a place it does not let us write."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise unwritable(path.name[:80], error, field) from error


def watch(steps: Iterator[Making], label: str) -> Any:
    """Run a maker to its end with progress and time left on stderr; returns the last value."""
    value = None
    with Progress(
        TextColumn(label, markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("", total=1.0)
        for step in steps:
            bar.update(task, completed=step.done, description=harmless(step.note))
            value = step.value
    return value


def report(
    as_json: bool,
    started: float,
    outputs: Sequence[Path],
    *,
    seed: int | None = None,
    model: str | None = None,
    notes: Sequence[str] = (),
    **more: Any,
) -> None:
    """Say what was made: one line a file for people, one JSON object with --json.

    `started` is time.perf_counter() at the beginning of the command.
    """
    seconds = round(time.perf_counter() - started, 3)
    if as_json:
        facts = {
            "outputs": [str(o) for o in outputs],
            "seed": seed,
            "model": model,
            "seconds": seconds,
            "notes": list(notes),
            **more,
        }
        print(json.dumps(facts))
        return
    for note in notes:
        print(harmless(note), file=sys.stderr)
    for output in outputs:
        say(str(output))
    print(f"{seconds:.1f} s", file=sys.stderr)


def tell(told: str) -> None:
    """Say something on stderr at once."""
    print(harmless(told), file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print a text; a terminal is shown no control marks, a file or a pipe gets what it is."""
    print("\n".join(map(_quiet, text.split("\n"))) if sys.stdout.isatty() else text)


def _quiet(line: str) -> str:
    """A line without what moves a terminal's cursor or turns the direction of what follows."""
    return "".join(
        f"\\u{ord(one):04x}"
        if (unicodedata.category(one) == "Cc" and one != "\t") or one in TURNING
        else one
        for one in line
    )


def harmless(value: Any) -> str:
    """A stranger's text as a terminal may show it: control and direction marks are escaped."""
    return "".join(
        one if unicodedata.category(one)[0] not in "CZ" or one == " " else f"\\u{ord(one):04x}"
        for one in str(value)
    )


def plain(value: Any) -> Any:
    """Figures as JSON: estimates as objects, four digits, null for what is not finite."""
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value
