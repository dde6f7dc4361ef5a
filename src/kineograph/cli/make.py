"""One run of any making command: check, plan, make, write, report.

No verb of its own: every command whose families stand in `models` comes through here, and so do
`rerun` and `batch`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import typer

from kineograph import memory, pieces
from kineograph.cli import door
from kineograph.cli.options import Door, command, flag
from kineograph.record import label_of, record_of
from kineograph.values.errors import InputError, KineographError, LimitError, is_memory
from kineograph.values.progress import Progress
from kineograph.values.request import Model, Request
from kineograph.values.result import Result
from kineograph.values.settings import Settings, fields

LARGE = 25 * 10**6  # bytes of an output that are more than most chats and mails take
START = 1.7  # measured: a command's whole start over the imports that came first, torch's


def add(app: typer.Typer, verb: str, help: str) -> None:
    """Give an app a command whose flags are the fields of the verb's families."""
    from kineograph import models

    app.command(verb.split(" ")[-1], help=help)(command(verb, models.families(verb), run, help))


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Make what a command line asks for."""
    started = time.perf_counter()
    from kineograph import models

    with ExitStack() as stack:
        stack.enter_context(flags_named(models.families(verb)))
        values = stack.enter_context(standard_input(values))
        settings = models.settings_of(verb, values, trusted=True)
        check_outputs(settings, asked)
        second = {*asked.extras, *(["trace"] if asked.trace else ())}
        request = Request(settings, form_of(asked.out), frozenset(second))
        model = models.model_of(settings)
        if asked.dry_run:
            for field, source in settings.sources():
                if source.path is not None:
                    source.there(field.partition(".")[0])
            plan = model.forecast(request)
            begun = START * (time.perf_counter() - started) if model.about.torch else 0.0
            plan = plan._replace(seconds=plan.seconds + begun)
            told = {name: value for name, value in plan._asdict().items() if name != "facts"}
            facts = {**plan.facts, **told}
            typer.echo(json.dumps(facts) if asked.as_json else plan.told())
            return
        for path in named_outputs(asked):
            stack.enter_context(door.only_ours(path, asked.force))
        seed = chosen_seed(model, request, asked) if settings.drawn else 0
        stack.enter_context(within_memory(model, request))
        stack.enter_context(kept(model, request, seed, asked))
        result = made(model, request, seed, trace=asked.trace, label=verb)
        outputs, more = written(result, asked)
        result = result.noting([note for note in more if note not in result.notes])
        shown = settings.aloud or (asked.out is None and settings.spoken)
        if shown and not asked.as_json and (text := str(result.value)):
            door.say(text)
        about = model.about.name or None
        door.report(
            asked.as_json,
            started,
            outputs,
            seed=seed,
            model=about,
            notes=result.notes,
            **result.facts,
            record=result.record,
        )


def made(
    model: Model[Any, Any], request: Request[Any], seed: int, *, trace: Path | None, label: str
) -> Result[Any]:
    """Run a model to its end with progress on stderr; the steps go to `trace` when it is named."""
    steps = model.make(request, seed)
    if trace is not None:
        from kineograph.trace import traced

        steps = traced(steps, trace)
    kept: list[Result[Any]] = []

    def watched() -> Iterator[Progress[Any]]:
        for step in steps:
            if step.result is not None:
                kept.append(step.result)
            yield step

    door.watch(watched(), label)
    return kept[-1]


def chosen_seed(model: Model[Any, Any], request: Request[Any], asked: Door) -> int:
    """The seed given; else that of the pieces which lie beside the output; else a fresh one."""
    begun = pieces.begun(pieces.run_folder(asked.out)) if asked.out and asked.seed is None else None
    seed = None if begun is None else begun.get("seed")
    if isinstance(seed, int) and pieces.plain(record_of(model, request, seed)) == begun:
        door.tell(f"seed {seed}, as it was begun")
        return seed
    return door.chosen_seed(asked.seed)


@contextmanager
def kept(model: Model[Any, Any], request: Request[Any], seed: int, asked: Door) -> Iterator[None]:
    """Finished pieces of long work stay beside the output until it is whole.

    With a trace nothing is kept: what an earlier run passed would be missing in it.
    """
    if asked.out is None or asked.trace is not None:
        yield
        return
    record = partial(record_of, model, request, seed)
    with pieces.keeping(asked.out, record, force=asked.force, warn=door.tell):
        yield


@contextmanager
def within_memory(model: Model[Any, Any], request: Request[Any]) -> Iterator[None]:
    """Too little memory ends in LimitError with the forecast: before the work where it is known."""
    if memory.is_limited():
        memory.check(model.forecast(request).memory)
    try:
        yield
    except KineographError:
        raise
    except Exception as error:
        if not is_memory(error):
            raise
        told = model.forecast(request).told()
        raise LimitError(
            f"memory ran out; ask for less, or close other programs: {told}"
        ) from error


def named_outputs(asked: Door) -> list[Path]:
    """Every file or folder that a command line names to be written."""
    return [*([asked.out] if asked.out else []), *asked.extras.values()]


def written(result: Result[Any], asked: Door) -> tuple[list[Path], list[str]]:
    """Write the result and what else was asked for; the paths, the result's first, and notes."""
    record = label_of(result.record) if asked.no_record else result.record
    outputs: list[Path] = []
    notes: list[str] = []
    named = [] if asked.out is None else [(asked.out, result.product)]
    named += [(path, result.extras[name]) for name, path in asked.extras.items()]
    for path, product in named:
        told = door.watch(product.written(path, record), "writing")
        notes += told if isinstance(told, list) else []
        outputs.append(path)
    if asked.out is not None and not asked.no_manifest:
        signed, told = manifested(asked.out, result.record, asked.sign)
        outputs += signed
        notes += told
    notes += [_large(path) for path in outputs if path.is_file() and path.stat().st_size > LARGE]
    if asked.trace is not None:
        if asked.trace.exists():
            outputs.append(asked.trace)
        else:
            notes.append(f"no '{asked.trace.name}': nothing of this making can be seen")
    return outputs, notes


def manifested(
    out: Path, record: Mapping[str, Any], sign: bool = False
) -> tuple[list[Path], list[str]]:
    """Write the C2PA manifest beside an output; its path where there is one, and notes.

    Unasked, it costs no output that it cannot be written.
    """
    from kineograph.trust import manifest

    label = label_of(record)
    if sign:
        return [manifest.sign(out, label)], []
    try:
        made = manifest.unasked(out, label)
    except KineographError as error:
        return [], [f"no manifest: {error}"]
    return [made] if made else [], []


def _large(path: Path) -> str:
    size = path.stat().st_size / 1e6
    return f"'{path.name}' has {size:,.0f} MB; --size, --fps or --max-bytes make it smaller"


def check_outputs(settings: Settings, asked: Door) -> None:
    """Refuse, before any work, an output that cannot be written."""
    needed = settings.forms and not settings.spoken and not asked.dry_run
    if asked.sign and asked.no_manifest:
        raise InputError("sign", "is given beside --no-manifest", "give one of them")
    if asked.out is None and needed:
        raise InputError("out", "is missing", f"name one: -o NAME{settings.forms[0]}")
    if asked.out is not None:
        door.checked_output(asked.out, settings.forms, asked.force or asked.dry_run)
        if asked.out.suffix.lower() in (".mp4", ".webm") and not asked.dry_run:
            from kineograph.media import probe_writer

            probe_writer(asked.out, fps=8, size=(16, 16))  # the encoder is there, and works
    for name, path in asked.extras.items():
        if name not in settings.extras:
            raise InputError(name, f"is not for {settings.about}", "leave it out")
        extra = settings.extras[name]
        door.checked_output(path, extra.suffixes, asked.force, flag(name))
        if extra.beside:
            also = path.with_suffix(extra.beside)
            if also == asked.out:
                raise InputError(flag(name), f"would overwrite '{also}'", "choose another name")
            door.checked_output(also, (extra.beside,), asked.force, flag(name))


def form_of(out: Path | None) -> str:
    """The form a result is made for: the output's suffix, `folder` where it has none."""
    return "" if out is None else out.suffix.lower() or "folder"


@contextmanager
def flags_named(families: tuple[type[Settings], ...]) -> Iterator[None]:
    """At the command a field goes by its flag: `size: …` becomes `--size: …`."""
    try:
        yield
    except InputError as error:
        known = fields(*families)
        name = error.field.partition("[")[0]
        if any(name in family.extras for family in families):
            raise InputError(flag(name), error.problem, error.remedy) from error
        if name not in known:
            raise
        extra = known[name].json_schema_extra
        placed = isinstance(extra, dict) and extra.get("place")
        told = error.field if placed else flag(name)
        raise InputError(told, error.problem, error.remedy) from error


@contextmanager
def standard_input(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The values with "-" put into a temporary file, where a command reads standard input."""
    if "-" not in values.values():
        yield values
        return
    from kineograph.values.source import Source

    with tempfile.NamedTemporaryFile(prefix="kineograph-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        source = Source(file.name, name="-")
        yield {name: source if value == "-" else value for name, value in values.items()}
