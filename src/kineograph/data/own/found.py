"""What lies in a folder that a person brings? Pictures, clips or texts, and what is said of them.

Four layouts are told apart: plain files; tar shards in the manner of WebDataset (a pack of ours is
one); tables of Hugging Face `datasets` (Arrow or Parquet, with pyarrow); text files. Every picture
is handed on as a file, since only `media` opens those; what lies inside an archive is put into a
temporary one first.
"""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kineograph.values.errors import InputError, LimitError, MissingError

PICTURES = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".webp",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
        ".bmp",
        ".tif",
        ".tiff",
        ".mp4",
        ".m4v",
        ".mov",
        ".webm",
        ".mkv",
        ".avi",
        ".ogv",
        ".mpg",
        ".mpeg",
    ]
)
"Suffixes of files that are tried as pictures or clips; what they are is seen in their bytes."
TABLES = (".arrow", ".parquet")
HELD = frozenset(("val", "valid", "validation", "test", "dev", "held-out", "held_out"))
"Names of folders, shards and tables that say: not to be trained on."
MOST_FILES = 200_000
MOST_BYTES = 2**30  # of one member of an archive
MOST_TEXT = 64 * 2**20  # bytes of one text or JSON member
SAID = ("caption", "text", "txt", "prompt", "label_text", "sentence", "name")
SHOWN = ("image", "img", "picture", "video", "clip", "webp", "png", "jpg", "jpeg")


@dataclass(frozen=True)
class Found:
    """One thing that lies there.

    name: its path in the source. caption: what the source itself says of it, "" where nothing.
    held: whether the source says that it is not to be trained on. file: a context in which it is a
    file.
    """

    name: str
    caption: str
    held: bool
    file: Callable[[], Any]


def layout_of(folder: Path) -> str:
    """What a folder is: files, shards, table or texts.

    Raises InputError when nothing of use lies in it.
    """
    if not folder.is_dir():
        raise InputError("folder", f"'{folder}' is no folder", "name the one with the pictures")
    kinds: dict[str, int] = {}
    for path in files_in(folder):
        kinds[path.suffix.lower()] = kinds.get(path.suffix.lower(), 0) + 1
    if any(kinds.get(suffix) for suffix in TABLES):
        return "table"
    if kinds.get(".tar"):
        return "shards"
    if any(suffix in PICTURES for suffix in kinds):
        return "files"
    if kinds.get(".txt"):
        return "texts"
    raise InputError(
        "folder",
        f"'{folder.name}' holds no pictures, clips, tar shards, tables or .txt texts",
        "name the folder in which they lie",
    )


def things_in(folder: Path, layout: str) -> Iterator[Found]:
    """Everything that may be a picture or a clip, in the order of names."""
    match layout:
        case "table":
            yield from _rows(folder)
        case "shards":
            for path in files_in(folder):
                if path.suffix.lower() == ".tar":
                    yield from _members(path, path.relative_to(folder).as_posix())
        case _:
            for path in files_in(folder):
                if path.suffix.lower() in PICTURES:
                    name = path.relative_to(folder).as_posix()
                    yield Found(name, "", _is_held(name), _lying(path))


def texts_in(folder: Path) -> Iterator[Found]:
    """Every .txt file, in the order of names."""
    for path in files_in(folder):
        if path.suffix.lower() == ".txt":
            name = path.relative_to(folder).as_posix()
            yield Found(name, "", _is_held(name), _lying(path))


def files_in(folder: Path) -> list[Path]:
    """Files below a folder by name, hidden ones and links left out."""
    found = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if any(part.startswith((".", "__MACOSX")) for part in inner) or path.is_symlink():
            continue
        if path.is_file():
            found.append(path)
        if len(found) > MOST_FILES:
            raise LimitError(f"'{folder.name}' holds over {MOST_FILES:,} files; bring it in parts")
    return found


def _is_held(name: str) -> bool:
    """Whether a place says of itself that it is held out: `val/a.png`, `test-00000.tar`."""
    first = re.split(r"[-_.]?\d", name.split("/")[-1])[0].lower()
    return any(part.lower() in HELD for part in name.split("/")[:-1]) or first in HELD


def _lying(path: Path) -> Callable[[], Any]:
    @contextmanager
    def file() -> Iterator[Path]:
        yield path

    return file


def _held_in_memory(content: bytes, suffix: str) -> Callable[[], Any]:
    @contextmanager
    def file() -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="kineograph-") as place:
            path = Path(place) / f"picture{suffix}"
            path.write_bytes(content)
            yield path

    return file


# -- tar shards ---------------------------------------------------------------------------------


def _members(path: Path, shown: str) -> Iterator[Found]:
    """Samples of a shard: members that share a key up to the first dot, one after the other."""
    held, key, parts = _is_held(shown), "", dict[str, bytes]()
    try:
        with tarfile.open(path, "r:*") as tar:
            for entry in tar:
                if not entry.isfile():
                    continue
                front, _, kind = entry.name.rpartition("/")[2].partition(".")
                own = f"{entry.name.rpartition('/')[0]}/{front}".lstrip("/")
                if own != key and parts:
                    yield from _sample(shown, key, parts, held)
                    parts = {}
                if entry.size > MOST_BYTES:
                    raise LimitError(f"'{shown}': {entry.name} is over {MOST_BYTES:,} bytes")
                file = tar.extractfile(entry)
                key, parts[kind.lower()] = own, b"" if file is None else file.read()
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            "folder", f"shard '{shown}' is damaged ({error})", "get it again"
        ) from error
    if parts:
        yield from _sample(shown, key, parts, held)


def _sample(shown: str, key: str, parts: dict[str, bytes], held: bool) -> Iterator[Found]:
    kinds = [kind for kind in parts if f".{kind.split('.')[-1]}" in PICTURES]
    if not kinds:
        return
    caption = ""
    for kind in ("txt", "caption", "json"):
        if kind in parts and not caption:
            caption = _caption_in(parts[kind], kind)
    content = parts[kinds[0]]
    suffix = f".{kinds[0].split('.')[-1]}"
    yield Found(f"{shown}/{key}{suffix}", caption, held, _held_in_memory(content, suffix))


def _caption_in(content: bytes, kind: str) -> str:
    if len(content) > MOST_TEXT:
        return ""
    text = content.decode("utf-8", "replace")
    if kind != "json":
        return text
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return said_in(told)


def said_in(told: Any) -> str:
    """What an object says of a picture, under one of the usual names; "" where nothing."""
    if not isinstance(told, dict):
        return ""
    for name in SAID:
        value = told.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str) and value.strip():
            return value
    return ""


# -- tables of Hugging Face datasets ------------------------------------------------------------


def _rows(folder: Path) -> Iterator[Found]:
    """Rows of Arrow and Parquet files whose image column holds bytes, or a path in the folder."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingError(
            f"'{folder.name}' is a table of datasets; to read it: pip install pyarrow"
        ) from error
    for path in files_in(folder):
        shown, suffix = path.relative_to(folder).as_posix(), path.suffix.lower()
        if suffix not in TABLES:
            continue
        try:
            if suffix == ".parquet":
                batches = parquet.ParquetFile(path).iter_batches(batch_size=64)
            else:
                batches = _arrow_batches(pa, path)
            number = 0
            for batch in batches:
                for row in batch.to_pylist():
                    yield from _row(folder, shown, number, row)
                    number += 1
        except pa.ArrowException as error:
            told = f"table '{shown}' is damaged ({error})"
            raise InputError("folder", told, "get it again") from error


def _arrow_batches(pa: Any, path: Path) -> Iterator[Any]:
    """Batches of an Arrow file, whether it is written as a stream or as a file."""
    with pa.memory_map(str(path)) as source:
        try:
            reader = pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            reader = pa.ipc.open_file(source)
            yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
            return
        yield from reader


def _row(folder: Path, shown: str, number: int, row: dict[str, Any]) -> Iterator[Found]:
    name, caption = f"{shown}/{number}", said_in(row)
    for column in SHOWN:
        value = row.get(column)
        if isinstance(value, dict):  # the encoding of the Image feature
            inner, content = value.get("path"), value.get("bytes")
            suffix = Path(str(inner or "")).suffix.lower()
            if isinstance(content, bytes):
                file = _held_in_memory(content, suffix)
                yield Found(f"{name}{suffix}", caption, _is_held(shown), file)
                return
            value = inner
        if isinstance(value, bytes):
            yield Found(name, caption, _is_held(shown), _held_in_memory(value, ""))
            return
        if isinstance(value, str) and Path(value).suffix.lower() in PICTURES:
            inside = (folder / value).resolve()
            if inside.is_relative_to(folder.resolve()) and inside.is_file():
                yield Found(f"{shown}/{value}", caption, _is_held(shown), _lying(inside))
                return
