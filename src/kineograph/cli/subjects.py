"""A command of several subjects, each with settings of its own and a file that answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import typer

from kineograph.cli.make import check_outputs, flags_named
from kineograph.cli.options import Door, command
from kineograph.values.settings import Settings

Subjects = Mapping[str, tuple[type[Settings], str]]
"Settings and help of each subject, by its word."


def added(app: typer.Typer, verb: str, subjects: Subjects, file: Callable[[str], str]) -> None:
    """The subjects as commands of `verb`.

    file: the module that tells of a subject, imported when it is asked for.
    """

    def run(name: str, values: Mapping[str, Any], asked: Door) -> None:
        """Check what was asked, then let the subject's file work and tell."""
        started = time.perf_counter()
        subject = name.split(" ")[-1]
        kind, _ = subjects[subject]
        with flags_named((kind,)):
            settings = kind(**values)
            check_outputs(settings, asked)
            import_module(file(subject)).tell(settings, asked, started)

    for subject, (kind, told) in subjects.items():
        made = command(f"{verb} {subject}", (kind,), run, told, door=("force", "as_json"))
        app.command(subject, help=told)(made)
