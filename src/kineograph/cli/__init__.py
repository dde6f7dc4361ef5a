"""The command: a table of verbs, each loaded when it is called, and errors turned into exit codes.

A verb lives in `cli/<name>.py`, which exposes a Typer `app`. Doors hold no maths.
"""

from __future__ import annotations

import difflib
import json
import os
import signal
import sys
import threading
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kineograph import memory
from kineograph.values.errors import InputError, KineographError, LimitError, is_full, is_memory

VERBS = {
    # name: (module, one line of help)
    "video": ("video", "Make a clip from words or from a picture; refine a clip."),
    "image": ("image", "Make a picture from words."),
    "train": ("train", "Train a model from its recipe, in pieces of any length."),
    "tune": ("tune", "Tune a model to a pack of yours: an adapter, with its card."),
    "distill": ("distill", "Train a model to need fewer steps, from itself."),
    "influences": ("influences", "Name the training examples nearest to what a model made."),
    "measure": ("measure", "Measure a model or a clip, as figures."),
    "study": ("study", "Study what the papers say, as figures: sizes, costs, fleets."),
    "models": ("models", "List models, show their cards, check their files."),
    "write": ("write", "Write text that reads like a corpus, by counting or by a transformer."),
    "chain": ("chain", "Fit a Markov chain to states in a CSV file and ask it what comes next."),
    "vectors": ("vectors", "Learn which words of a text keep like company, and ask."),
    "loop": ("loop", "Make a clip that never ends: an endless player, or a seamless loop."),
    "sprite": ("sprite", "Cut out what moves in a clip and let it follow the mouse, in a page."),
    "texture": ("texture", "Grow, fill or extend a picture from examples of it."),
    "analogy": ("analogy", "Change a picture the way an example pair shows: A : A2 :: B : OUT."),
    "show": ("show", "Print what a file says of itself: its record."),
    "verify": ("verify", "Tell where a file came from: record, source type, watermark, hashes."),
    "rerun": ("rerun", "Make a file again from its record: the same bytes."),
    "explain": ("explain", "Tell how a file was made, step by step and with pictures: a page."),
    "batch": ("batch", "Make many things from one file of requests."),
    "schema": ("schema", "Print the JSON Schema of a command's request."),
    "sheet": ("sheet", "Lay the frames of a clip side by side in one picture."),
    "zoom": ("zoom", "Fly through one world at every scale, from texts or from pictures."),
    "studio": ("studio", "Open a page on this machine that makes all of it, and shows how."),
    "serve": ("serve", "Listen for requests over HTTP, for programs: no page, several workers."),
    "data": ("data", "Fetch and prepare a named data set."),
}

LIGHT = (
    "show",
    "schema",
    "chain",
    "write",
    "vectors",
    "--help",
    "-h",
    "--version",
)  # need no torch


class _Verbs(TyperGroup):
    """Knows every verb by name and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            near = difflib.get_close_matches(cmd_name, VERBS, 1)
            remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(VERBS)}"
            raise InputError("verb", f"'{cmd_name}' is unknown", remedy)
        module, _ = VERBS[cmd_name]
        command = typer.main.get_command(import_module(f"kineograph.cli.{module}").app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


root = typer.Typer(
    cls=_Verbs,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED, TERMINATED = 130, 143
BUSY, SPINS = 0.5, 1000  # programs that run beside, in the mean of a minute; turns waited awake


def _print_version(asked: bool) -> None:
    if asked:
        from kineograph import version

        print(f"kineograph {version}")
        raise typer.Exit


@root.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Moving pictures from words, from a picture, from a ladder of prompts, or from an example."""


def main(arguments: list[str] | None = None, *, command: typer.Typer | None = None) -> None:
    """Run one command and leave with its exit code (0, 1, 2, 3, 4, 5 or 130).

    command: instead of the table of verbs, for a module that is run by itself.
    """
    words = sys.argv[1:] if arguments is None else arguments
    _open_streams()
    _share_cores()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
    try:
        if words and words[0] not in LIGHT and not {"-h", "--help"} & set(words):
            memory.check_libraries()
        called = typer.main.get_command(command or root)
        code = called.main(args=words, prog_name="kineograph", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit) as left:  # typer leaves with 1 for a closed pipe
        if isinstance(left, SystemExit) and not isinstance(left.__context__, BrokenPipeError):
            raise
        _let_go_of_stdout()
        sys.exit(0)
    except Exception as error:
        if "--debug" in words:
            raise
        sys.exit(_told(error, "--json" in words))
    if code == INTERRUPTED:  # typer answers Ctrl-C with this code
        trains = words[:1] in (["train"], ["tune"], ["distill"])
        kept = "; what was trained is saved, --resume goes on" if trains else ""
        told = kept or "; nothing was written under the final name"
        _fail("Interrupted", "interrupted" + told, INTERRUPTED, "--json" in words)
    sys.exit(code if isinstance(code, int) else 0)


def _open_streams() -> None:
    """A closed stdin, stdout or stderr leads nowhere: its number must not become a file's."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _share_cores() -> None:
    """Where other programs keep a core busy, threads that wait for one another go to sleep.

    OpenMP's wait awake, for some 300,000 turns, and so use up the time of the one that they wait
    for. No result depends on it. What a person has set stays.
    """
    busy = hasattr(os, "getloadavg") and os.getloadavg()[0] >= BUSY
    if busy and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def _let_go_of_stdout() -> None:
    """The reader has read enough (`| head`): what is still to be said goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminated(*_: object) -> None:
    """Leave as by an error, so that everything half made is removed and a training run is saved."""
    sys.exit(TERMINATED)


def _told(error: Exception, as_json: bool) -> int:
    """Tell a person what went wrong; returns the exit code."""
    extra: dict[str, Any] = {}
    if type(error).__name__ == "NoArgsIsHelpError":  # the help itself, already shown when rich
        print(error, end="\n" if str(error) else "", file=sys.stderr)
        return 2
    if not isinstance(error, KineographError) and hasattr(error, "format_message"):
        usage = error.format_message()  # of typer and of click
        return _fail(type(error).__name__, usage, 2, as_json=as_json)
    known = error if isinstance(error, KineographError) else _known(error)
    if known is not None:
        if isinstance(known, InputError):
            extra["field"] = known.field
        return _fail(type(known).__name__, str(known), known.exit_code, as_json=as_json, **extra)
    kind = type(error).__name__
    message = f"{kind}: {error} (a fault of ours; add --debug before the command to see where)"
    return _fail(kind, message, 1, as_json=as_json)


def _known(error: Exception) -> KineographError | None:
    """What the system says of disk, memory or a file, as one of our errors."""
    if is_full(error):
        return LimitError("no space left where the output goes; free some or write elsewhere")
    if is_memory(error):
        return LimitError("memory ran out; ask for less, or close other programs")
    if isinstance(error, UnicodeError):
        return InputError("input", "is not UTF-8 text", "save it as UTF-8")
    if isinstance(error, OSError) and error.strerror:
        named = "'" + os.fspath(error.filename) + "': " if isinstance(error.filename, str) else ""
        return InputError("file", f"{named}{error.strerror}", "check its name, place and rights")
    return None


def _fail(kind: str, message: str, code: int, as_json: bool = False, **extra: Any) -> int:
    from kineograph.cli.door import harmless

    shown = "\n".join(map(harmless, message.split("\n")))
    try:
        print(f"kineograph: {shown}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": kind, "message": message, "exit": code, **extra}))
        sys.stdout.flush()
    except OSError:  # stdout or stderr is full or closed: the exit code still tells
        _let_go_of_stdout()
    return code
