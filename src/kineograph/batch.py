"""Many requests from one file, made one after another into a folder; what is finished is kept.

A request is one flat object: `verb`, its fields as in `kineograph schema VERB`, `seed`, optional
`out`, and where its second outputs go (`map`, `trace`). `grid` makes several of one:
{"grid": {"seed": [1, 2], "guidance": [1, 2.5]}}. A folder holds the files, `batch.json` (what each
was made from), `sheet.png` and `index.html`. A run that was cut is started again with the same
command: files are whole or not there, so it goes on where it was.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kineograph import models, pieces
from kineograph.files import placed
from kineograph.pages import Page
from kineograph.record import record_of, second_of
from kineograph.values.errors import InputError, KineographError, LimitError
from kineograph.values.progress import Progress, finished
from kineograph.values.request import Model, Request, checked_seed
from kineograph.values.settings import Settings, seconds
from kineograph.values.source import Source

MOST_BYTES = 32 * 2**20
MOST_ITEMS = 100_000
INDEX, SHEET, PAGE = "batch.json", "sheet.png", "index.html"
OWN = (INDEX, SHEET, PAGE)
STYLE = """
.batch main { justify-content: start; }
.batch section { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr));
  gap: 1.5rem; width: 100%; }
.batch figure { margin: 0; }
.batch img, .batch video { width: 100%; image-rendering: pixelated; }
.batch figcaption { overflow-wrap: anywhere; font-size: 0.85rem; }
"""
USUAL = {"video": ".webp", "image": ".png", "zoom": ".mp4", "write": ".txt", "chain": ".csv"}
"Suffix of an item that names no output; of the other verbs their first form."


class Item(NamedTuple):
    """One request: its number, validated settings, seed, file name, and the digest of all that.

    extras: file names of the second outputs that it asks for, by what they are.
    """

    number: int
    settings: Settings
    seed: int
    out: str
    digest: str
    extras: Mapping[str, str] = {}

    @property
    def files(self) -> list[str]:
        """Every file it makes; its own is written last."""
        known = seconds(type(self.settings))
        beside = [
            str(Path(file).with_suffix(known[name].beside))
            for name, file in self.extras.items()
            if known[name].beside
        ]
        return [*self.extras.values(), *beside, self.out]


class Done(NamedTuple):
    """What became of an item: made, kept (it was there), or failed with a message."""

    item: Item
    state: str
    message: str = ""


class Made(NamedTuple):
    """An item that ended, and what it failed with; None where its file is there."""

    item: Item
    error: KineographError | None


class Engine(Protocol):
    """Makes items into a folder and yields each as it ends; one may send them to other machines."""

    def __call__(self, items: Sequence[Item], folder: Path) -> Iterator[Made]: ...


def read(path: Path, *, trusted: bool = False) -> list[Item]:
    """The items of a .jsonl or .toml file; files they name are relative to it.

    trusted: the person who runs it says that it may name code.
    Raises InputError, naming the line and the field, for the first that is refused.
    """
    if not path.is_file():
        raise InputError("file", f"'{path}' is not there", "check its name")
    if path.stat().st_size > MOST_BYTES:
        raise LimitError(f"file: '{path.name}' is over {MOST_BYTES:,} bytes; split it")
    requests = [one for row in _rows(path) for one in _grid(*row)]
    if not requests:
        raise InputError("file", f"'{path.name}' holds no request", "write one a line")
    if len(requests) > MOST_ITEMS:
        raise LimitError(f"file: {len(requests):,} requests, the limit is {MOST_ITEMS:,}; split it")
    items = [
        item_of(values, path.parent, number=number, place=place, trusted=trusted)
        for number, (place, values) in enumerate(requests, 1)
    ]
    names = Counter(name.casefold() for item in items for name in item.files)
    for name in (name for item in items for name in item.files):
        if names[name.casefold()] > 1:
            raise InputError("out", f"'{name}' is named twice", "give each its own")
        if name.casefold() in OWN:
            raise InputError("out", f"'{name}' is what a batch writes itself", "choose another")
    return items


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Place and object of every request in the file."""
    place = "the file"
    try:
        text = path.read_text("utf-8-sig")
        named: list[tuple[str, Any]] = []
        if path.suffix.lower() == ".toml":
            rows = tomllib.loads(text).get("request", [])
            rows = rows if isinstance(rows, list) else [rows]
            named += [(f"request {i}", row) for i, row in enumerate(rows, 1)]
        else:  # a line ends with \n alone: U+2028 may stand in a text
            for i, line in enumerate(text.split("\n"), 1):
                place = f"line {i}"
                if line.strip():
                    named.append((place, json.loads(line)))
    except (ValueError, RecursionError) as error:
        told = str(error)
        if isinstance(error, json.JSONDecodeError):
            told = f"{error.msg}, column {error.colno}"
        where = f"{place} of '{path.name}' cannot be read ({told})"
        raise InputError("file", where, "write one JSON object a line, or TOML") from error
    for place, row in named:
        if not isinstance(row, dict):
            raise InputError("file", f"{place} is no object", 'write {"verb": "video", …}')
    return named


def _grid(place: str, row: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The requests of one row: itself, or one for every combination of its grid."""
    grid = row.get("grid")
    plain = {name: value for name, value in row.items() if name != "grid"}
    if grid is None:
        yield place, plain
        return
    lists = isinstance(grid, dict) and all(isinstance(v, list) and v for v in grid.values())
    if not lists:
        raise InputError("grid", f"of {place} is no table of lists", 'write {"seed": [1, 2]}')
    for name in ("out", *_seconds(plain.get("verb"))):
        if name in plain:
            raise InputError(name, f"of {place} names one file for a grid", "leave it out")
    for combination in itertools.product(*grid.values()):
        yield place, plain | dict(zip(grid, combination, strict=True))


def item_of(
    values: Mapping[str, Any],
    folder: Path,
    *,
    number: int = 1,
    place: str = "the request",
    trusted: bool = False,
) -> Item:
    """One flat request, checked; files that it names are relative to `folder`.

    number: gives the seed and the name where none is said. place: where it stands, for refusals.
    trusted: the person who runs it says that it may name code.
    Raises InputError, naming the field.
    """
    asked = dict(values)
    verb, seed, out = asked.pop("verb", None), asked.pop("seed", number), asked.pop("out", None)
    if not isinstance(verb, str):
        raise InputError("verb", f"is missing in {place}", "say which command, as in the help")
    seed = checked_seed(seed, of=f" of {place}")
    extras = {name: asked.pop(name) for name in _seconds(verb) if name in asked}
    try:
        settings = models.settings_of(verb, _beside(verb, asked, folder), trusted=trusted)
        for field, source in settings.sources():
            source.there(field.partition(".")[0])
    except InputError as error:
        raise InputError(error.field, f"{error.problem} ({place})", error.remedy) from error
    if out is None:
        suffix = USUAL.get(verb, settings.forms[0])
        suffix = suffix if suffix in settings.forms else settings.forms[0]
        out = f"{number:04d}-{_slug(values)}{suffix}"
    _check_name("out", out, settings.forms, place)
    for name, file in extras.items():
        if name not in seconds(type(settings)):
            raise InputError(name, f"of {place} is not for {settings.about}", "leave it out")
        _check_name(name, file, seconds(type(settings))[name].suffixes, place)
    said = {"verb": verb, "settings": settings.plain(), "seed": seed, "out": out}
    said |= {"extras": extras} if extras else {}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return Item(number, settings, seed, out, digest, extras)


def _seconds(verb: Any) -> list[str]:
    """Names of the second outputs of a command; none of what is no command."""
    return [*seconds(*models.families(verb))] if verb in models.VERBS else []


def _beside(verb: str, values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values with what is read named relative to the file of requests."""

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(moved(one) for one in value)
        return Source(folder / value) if isinstance(value, str) else value

    read = read_by(verb)
    return {
        name: moved(value) if name in read else tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
    }


def read_by(verb: str) -> set[str]:
    """The fields of a command that name what is read."""
    from kineograph.values.settings import fields

    known = fields(*models.families(verb))
    return {name for name, field in known.items() if _reads(field.annotation)}


def _reads(kind: Any) -> bool:
    from typing import get_args

    return kind is Source or any(_reads(inner) for inner in get_args(kind))


def _check_name(field: str, out: Any, forms: Sequence[str], place: str) -> None:
    if not isinstance(out, str) or not re.fullmatch(r"[^/\\\0]{1,200}", out) or out[0] == ".":
        raise InputError(field, f"{out!r} of {place} is no file name", "write a name, no folder")
    if Path(out).suffix.lower() not in forms:
        known = ", ".join(form or "a folder" for form in forms)
        raise InputError(field, f"'{out}' of {place} cannot be written", f"use {known}")


def _slug(values: Mapping[str, Any]) -> str:
    text = str(values.get("text") or values["verb"])
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "item"


# -- making ----------------------------------------------------------------------------------------


@dataclass
class Local:
    """The engine of one process: the last model stays loaded for the items that follow."""

    kept: tuple[tuple[Any, ...], Model[Any, Any]] | None = None

    def __call__(self, items: Sequence[Item], folder: Path) -> Iterator[Made]:
        """Engine: one after another."""
        for item in items:
            try:
                self.make(item, folder)
            except KineographError as error:
                yield Made(item, error)
                continue
            yield Made(item, None)

    def make(self, item: Item, folder: Path) -> None:
        """Make one item into a folder, its second outputs first.

        Long ones keep their finished pieces; those of another request are dropped.
        """
        out, trace = folder / item.out, item.extras.get("trace")
        asked = partial(record_of, self.model(item), request_of(item), item.seed)
        with nullcontext() if trace else pieces.keeping(out, asked, force=True):
            self._made(item, folder, trace)

    def _made(self, item: Item, folder: Path, trace: str | None) -> None:
        from kineograph.trace import traced

        steps = self.steps(item)
        if trace:
            steps = traced(steps, folder / trace)
        result = finished(steps)
        for name, file in item.extras.items():
            if name != "trace":
                for _ in result.extras[name].written(folder / file, second_of(result.record, name)):
                    pass
        result.save(folder / item.out)

    def steps(self, item: Item, extras: frozenset[str] = frozenset()) -> Iterator[Progress[Any]]:
        """The making of an item; its last step carries the result. extras: second outputs too."""
        asked = request_of(item)
        return self.model(item).make(replace(asked, extras=asked.extras | extras), item.seed)

    def model(self, item: Item) -> Model[Any, Any]:
        """The model of an item, loaded or kept."""
        settings = item.settings
        names = ("model", "text_encoder", "living", "motion")
        key = (type(settings), *(getattr(settings, name, None) for name in names))
        if self.kept is None or self.kept[0] != key:
            self.kept = (key, models.model_of(settings))
        return self.kept[1]


def request_of(item: Item) -> Request[Settings]:
    """What an item asks of its model."""
    form = Path(item.out).suffix.lower() or "folder"
    return Request(item.settings, form, frozenset(item.extras))


def run(
    items: Sequence[Item],
    folder: Path,
    *,
    engine: Engine | None = None,
    force: bool = False,
    go_on: bool = False,
) -> Iterator[Progress[list[Done]]]:
    """Make what is not finished yet; the last value is the list of Done.

    force: make anew what was made from another request. go_on: a failed item does not end the run.
    Raises InputError for a file in the folder that is not this batch's.
    """
    engine = engine or Local()
    folder.mkdir(parents=True, exist_ok=True)
    known = _known(folder)
    waiting = [item for item in items if not _is_there(item, folder, known, force)]
    _plan(folder, items, known)
    done = [Done(item, "kept") for item in items if item not in waiting]
    ended = engine(waiting, folder)
    for number, item in enumerate(waiting):
        yield Progress(number / len(waiting), f"{number + 1} of {len(waiting)}: {item.out}", done)
        one, error = next(ended)
        if error is None:
            done.append(Done(one, "made"))
        elif go_on:
            done.append(Done(one, "failed", str(error)))
        else:
            raise error
    for step in overview(items, folder):
        yield step._replace(done=0.999, value=done)
    yield Progress(1.0, "done", done)


def _known(folder: Path) -> dict[str, str]:
    """Digest by file name of what an earlier run planned."""
    path = folder / INDEX
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text("utf-8"))["items"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "out", f"'{path}' is damaged ({error})", "choose another folder"
        ) from error


def _is_there(item: Item, folder: Path, known: Mapping[str, str], force: bool) -> bool:
    there = [name for name in item.files if (folder / name).exists()]
    if item.out not in there:
        return False
    if known.get(item.out) == item.digest and len(there) < len(item.files):
        return False
    if known.get(item.out) == item.digest:
        return True
    if force:
        return False
    problem = f"'{item.out}' is in '{folder}' already, made from another request"
    raise InputError("out", problem, "choose another folder or make it anew by force")


def _plan(folder: Path, items: Sequence[Item], known: Mapping[str, str]) -> None:
    """Say, before any is made, what each file is made from."""
    facts = {"items": {**known, **{item.out: item.digest for item in items}}}
    with placed(folder / INDEX) as part:
        part.write_text(json.dumps(facts, indent=1), "utf-8")


# -- looking at it ---------------------------------------------------------------------------------


def overview(items: Sequence[Item], folder: Path) -> Iterator[Progress]:
    """Write `sheet.png`, a picture of every item that has one, and `index.html`."""
    from kineograph import media
    from kineograph.trace import STILL

    pictures = []
    for item in items:
        path = folder / item.out
        if path.exists() and path.suffix.lower() not in (".html", ".txt", ".csv", ".npz"):
            clip = media.read(path)
            pictures.append(clip[len(clip) // 2 : len(clip) // 2 + 1])
            yield Progress(0.0, f"sheet: {item.out}", None)
    if pictures:
        media.save(media.sheet(_alike(pictures)), folder / SHEET)
    page = _page([item for item in items if (folder / item.out).exists()], STILL)
    with placed(folder / PAGE) as part:
        part.write_text(page, "utf-8", newline="\n")


def _alike(pictures: Sequence[Any]) -> Any:
    """Pictures of any sizes as frames of one clip, each centred on white."""
    import torch

    from kineograph.values.clip import Clip

    height = max(one.frames.shape[2] for one in pictures)
    width = max(one.frames.shape[3] for one in pictures)
    page = torch.ones(len(pictures), 3, height, width)
    for row, one in zip(page, pictures, strict=True):
        frame = one.over().frames[0]
        top, left = (height - frame.shape[1]) // 2, (width - frame.shape[2]) // 2
        row[:, top : top + frame.shape[1], left : left + frame.shape[2]] = frame
    return Clip(page)


def _page(items: Sequence[Item], still: Sequence[str]) -> str:
    """A page that shows every file beside what it was made from."""
    figures = []
    for item in items:
        name, suffix = html.escape(item.out), Path(item.out).suffix.lower()
        if suffix in (".mp4", ".webm"):
            shown = f'<video src="{name}" autoplay loop muted playsinline></video>'
        elif suffix in (*still, ".gif", ".webp", ".apng"):
            shown = f'<img src="{name}" alt="">'
        else:
            shown = f'<a href="{name}">{name}</a>'
        said = {k: v for k, v in item.settings.plain().items() if v not in ("", None, [], False)}
        lines = "<br>".join(html.escape(f"{k}: {_shown(v)}") for k, v in said.items())
        told = f"<b>{name}</b><br>seed: {item.seed}<br>{lines}"
        figures.append(f"<figure>{shown}<figcaption>{told}</figcaption></figure>")
    body = f"<main><h1>{len(items)} files</h1><section>{''.join(figures)}</section></main>"
    return Page("kineograph batch", body, kind="batch", style=STYLE).html()


def _shown(value: Any) -> str:
    """A setting for people: what is read by its name, a row with commas."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return str(value["name"]) if isinstance(value, dict) else str(value)
