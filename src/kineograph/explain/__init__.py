"""What made this file? Its record read, its making run again and watched, and told as a page.

The steps are real ones: the file is made once more from its record, as `rerun` does, and what comes
meanwhile is kept. So its inputs must be there, checked by hash; what has changed since is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kineograph import models
from kineograph.again import Again, again
from kineograph.explain.chapters import asked_of, ending, told_of
from kineograph.explain.seen import Seen
from kineograph.explain.settings import Explain
from kineograph.explain.story import page
from kineograph.record import record_of
from kineograph.values.errors import KineographError
from kineograph.values.progress import Progress
from kineograph.values.request import Request
from kineograph.values.result import Result
from kineograph.values.source import Source

__all__ = ["Explain", "asked", "explained"]

MADE = 0.9  # share of the progress at which the file is made again


def asked(explain: Explain) -> Again:
    """The request that a file was made from.

    Raises InputError when it carries no record, or an input is not there; MissingError when its
    model is not here.
    """
    changed = {"model": explain.model} if explain.model else {}
    return again(Path(explain.file), changed=changed, inputs=explain.inputs)


def explained(explain: Explain, known: Again) -> Iterator[Progress[str]]:
    """Make the file once more, watching; the last value is the page as HTML."""
    model = models.model_of(known.request.settings)
    seen = Seen()
    result: Result[Any] | None = None
    for step in model.make(known.request, known.seed):
        seen.add(step)
        result = step.result
        yield step._replace(done=MADE * step.done, value=None, result=None)
    if result is None:
        raise KineographError("nothing was made: the model ended without a result")
    settings = known.request.settings
    chapters = [asked_of(settings, known)]
    chapters += told_of(settings, model, seen, result, explain.steps, known.seed)
    chapters.append(ending(Path(explain.file), known, seen, result))
    file = Path(explain.file)
    record = record_of(model, Request(explain, ".html"), known.seed)
    record["settings"]["file"] = file.name
    record["settings"].pop("input", None)
    record["settings"].pop("model", None)  # a record names no path
    record["inputs"] = {"file": {"name": file.name, "sha256": Source(file).sha256()}}
    yield Progress(1.0, "told", page(f"How {file.name} was made", chapters, record))
