"""kineograph explain: what made a file, step by step, as a page."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from kineograph.cli import door
from kineograph.cli.make import flags_named, within_memory
from kineograph.cli.options import Door, Values, command
from kineograph.explain.settings import Explain
from kineograph.values.errors import InputError

app = typer.Typer(add_completion=False)

HELP = "Tell how a file was made, step by step and with pictures: a page."


def run(verb: str, values: Values, asked: Door) -> None:
    """Make the file again, watching, and write the page."""
    started = time.perf_counter()
    with flags_named((Explain,)):
        settings = Explain(**values)
    from kineograph import explain, models
    from kineograph.files import placed

    file = Path(settings.file)
    out = asked.out or file.with_name(f"{file.stem}.explained.html")
    door.checked_output(out, settings.forms, asked.force or asked.dry_run)
    known = explain.asked(settings)
    model = models.model_of(known.request.settings)
    if asked.dry_run:
        typer.echo(model.forecast(known.request).told())
        return
    if out.exists() and out.samefile(file):
        raise InputError("out", "is the file itself", "choose another name")
    with door.only_ours(out, asked.force), within_memory(model, known.request):
        text = door.watch(explain.explained(settings, known), verb)
        with placed(out) as part:
            part.write_text(text, "utf-8", newline="\n")
    door.report(asked.as_json, started, [out], seed=known.seed, notes=list(known.changes))


app.command("explain", help=HELP)(
    command("explain", (Explain,), run, HELP, door=("dry_run", "force", "as_json"))
)
