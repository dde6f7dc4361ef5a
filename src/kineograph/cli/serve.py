"""kineograph serve: the studio's interface without its page, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from kineograph.cli import door
from kineograph.cli.make import flags_named
from kineograph.cli.options import Door, command
from kineograph.studio.settings import Serving
from kineograph.values.errors import MissingError

app = typer.Typer(add_completion=False)


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Check what was asked, then listen until Ctrl-C."""
    with flags_named((Serving,)):
        settings = Serving(**values)
        try:
            from kineograph.studio.service import serve
        except ImportError as error:
            raise MissingError(
                f"serving needs {error.name}; install it: pip install 'kineograph[studio]'"
            ) from error
        serve(settings, tell=door.say)


_HELP = "Listen for requests over HTTP, without a page; several workers, health, metrics."
app.command(help=_HELP)(command("serve", (Serving,), run, _HELP, door=()))
