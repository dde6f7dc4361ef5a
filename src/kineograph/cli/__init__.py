"""The command: a table of verbs, each loaded when it is called, and errors turned into exit codes.

A verb lives in `cli/<name>.py`, which exposes a Typer `app`. Doors hold no maths.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import click

from kineograph.errors import InputError, KineographError

VERBS = {
    # name: (module, one line of help)
    "video": ("video", "Make a clip from words."),
    "train": ("train", "Teach a model from its recipe, in pieces of any length."),
    "measure": ("measure", "Measure a model or a clip, as figures."),
    "models": ("models", "List models, show their cards, check their files."),
    "write": ("write", "Write text that reads like a corpus, by counting (n-grams)."),
    "chain": ("chain", "Fit a Markov chain to states in a CSV file and ask it what comes next."),
    "loop": ("loop", "Make a clip that never ends: an endless player, or a seamless loop."),
    "texture": ("texture", "Grow, fill or extend a picture from examples of it."),
    "data": ("data", "Fetch and prepare a named data set."),
}


class _Verbs(click.Group):
    """Knows every verb by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        import typer

        module, _ = VERBS[name]
        command = typer.main.get_command(import_module(f"kineograph.cli.{module}").app)
        command.name = name
        return command  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kineograph")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def root(debug: bool) -> None:
    """Moving pictures from words, from a picture, from a ladder of prompts, or from an example."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit code (0, 1, 2, 3, 4, 5 or 130)."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        root.main(args=words, prog_name="kineograph", standalone_mode=False)
        code = 0
    except (KeyboardInterrupt, click.Abort):
        code = _fail("interrupted", "interrupted; nothing was written under the final name", 130)
    except Exception as error:
        if type(error).__name__ == "Exit":  # typer's own copy of click's, raised after --help
            sys.exit(getattr(error, "exit_code", 0))
        if "--debug" in words:
            raise
        code = _told(error, "--json" in words)
    sys.exit(code)


def _told(error: Exception, as_json: bool) -> int:
    """Tell a person what went wrong; returns the exit code."""
    extra: dict[str, Any] = {}
    if isinstance(error, KineographError):
        code, message = error.exit_code, str(error)
        if isinstance(error, InputError):
            extra["field"] = error.field
    elif hasattr(error, "format_message"):  # click's usage errors, and typer's own copy of them
        code, message = 2, error.format_message()
    else:
        code, message = (
            1,
            f"{type(error).__name__}: {error} (add --debug before the command to see where)",
        )
    return _fail(type(error).__name__, message, code, as_json=as_json, **extra)


def _fail(kind: str, message: str, code: int, as_json: bool = False, **extra: Any) -> int:
    print(f"kineograph: {message}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": kind, "message": message, "exit": code, **extra}))
    return code
