"""What is said of each picture? Captions from a table, from files beside, or from file names.

A table is CSV with the columns `file,caption`, or JSON lines with the like; the names that other
tools give these columns are known too.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from kineograph.data.own.found import said_in
from kineograph.values.errors import InputError, LimitError
from kineograph.values.prompt import clean_text

NAMED = ("captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl")
"Tables that are taken when none is named, the first that is there."
FILES = ("file", "file_name", "filename", "image", "path")
BESIDE = (".txt", ".caption")
MOST_LETTERS = 500  # of a caption; what is longer is cut
MOST_BYTES = 256 * 2**20  # of a table


class Captions:
    """Captions by the path of a file in its folder; a table may also name the file alone."""

    def __init__(self, table: Mapping[str, str], beside: Path | None, said: str) -> None:
        self.table, self.beside, self.told = table, beside, said
        self.used: set[str] = set()

    def of(self, name: str) -> str:
        """The caption of a file, "" where there is none."""
        for known in (name, Path(name).name, Path(name).stem):
            if known in self.table:
                self.used.add(known)
                return self.table[known]
        if self.beside is not None:
            for suffix in BESIDE:
                path = (self.beside / name).with_suffix(suffix)
                if path.is_file() and path.stat().st_size < 64 * MOST_LETTERS:
                    return tidy(path.read_text("utf-8", "replace"))
        return ""

    def unused(self) -> list[str]:
        """What the table names and nobody asked for."""
        return sorted(set(self.table) - self.used)


def captions_for(folder: Path, given: str) -> Captions:
    """The captions a person names: a table's path, `beside`, or "" for what the folder has."""
    if given == "beside":
        return Captions({}, folder, "from text files beside")
    if given:
        path = next((p for p in (Path(given), folder / given) if p.is_file()), None)
        if path is None:
            raise InputError(
                "captions", f"'{given}' is not there", "name a .csv, a .jsonl or beside"
            )
        return Captions(dict(_table(path)), None, f"from {path.name}")
    for name in NAMED:
        if (folder / name).is_file():
            return Captions(dict(_table(folder / name)), None, f"from {name}")
    texts = any(folder.rglob("*.txt"))
    return Captions({}, folder if texts else None, "from text files beside" if texts else "")


def _table(path: Path) -> Iterator[tuple[str, str]]:
    if path.stat().st_size > MOST_BYTES:
        raise LimitError(f"captions '{path.name}' has over {MOST_BYTES:,} bytes")
    match path.suffix.lower():
        case ".csv":
            yield from _csv(path)
        case ".jsonl":
            yield from _jsonl(path)
        case suffix:
            raise InputError(
                "captions", f"'{path.name}' is a {suffix or 'nameless'} file", "use .csv"
            )


def _csv(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "captions", f"'{path.name}' is not UTF-8 text", "save it as UTF-8"
        ) from error
    lines = text.splitlines()
    mark = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=mark)
    columns = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    file = next((columns[name] for name in FILES if name in columns), None)
    said = next((columns[name] for name in ("caption", "text", "prompt") if name in columns), None)
    if file is None or said is None:
        raise InputError(
            "captions",
            f"'{path.name}' has the columns {', '.join(columns) or 'none'}",
            "its first line must be file,caption",
        )
    for row in reader:
        if row.get(file):
            yield _plain(row[file]), tidy(row.get(said) or "")


def _jsonl(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text("utf-8-sig", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError) as error:
            told = f"line {number} of '{path.name}' is not JSON"
            raise InputError("captions", told, "write an object a line") from error
        name = next((told[key] for key in FILES if isinstance(told, dict) and key in told), None)
        if not isinstance(name, str):
            told = f"line {number} of '{path.name}' names no file"
            raise InputError("captions", told, 'write {"file": …, "caption": …}')
        yield _plain(name), tidy(said_in({k: v for k, v in told.items() if k != "name"}))


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./")


def tidy(text: str) -> str:
    """A caption on one line, cut where it is very long; "" where it says nothing."""
    try:
        return clean_text(" ".join(text.split())[:MOST_LETTERS], "captions")
    except InputError:
        return ""


def from_name(name: str) -> str:
    """What a file's name says: `blip_jumping-03.png` is "blip jumping"; "" where it is a number."""
    stem = Path(name).stem
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)
    words = [word.strip("0123456789") for word in re.split(r"[\W_]+", apart)]
    kept = [word.lower() for word in words if len(word) > 1 or word.lower() in ("a", "i")]
    if not kept or {"img", "dsc", "image", "screenshot", "picture"} >= set(kept):
        return ""
    return tidy(" ".join(kept))
