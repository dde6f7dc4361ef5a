"""Counts kept in a file: a corpus as token numbers, from which the same text is written again.

N-grams here are places in a corpus, not a table, so what is kept is the corpus itself, numbered:
token numbers, vocabulary, beginnings of sentences. Any order can be asked of it. The file is a
plain `.npz` without pickles or packing, with a hash over its contents; it is checked when read.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kineograph.families.language.words.corpus import MAX_TOKENS, Corpus, Unit
from kineograph.values.errors import InputError, LimitError

SUFFIX = ".npz"
KIND = "kineograph n-grams 1"
MAX_FILE = 512 * 2**20  # bytes
PARTS = ("about", "vocabulary", "ids", "starts")
DAMAGED = "save the counts again"


def save_counts(corpus: Corpus, order: int, path: Path) -> None:
    """Write a corpus and its usual order."""
    vocabulary = _bytes_of(list(corpus.vocabulary))
    kept: dict[str, NDArray[Any]] = {
        "vocabulary": vocabulary,
        "ids": corpus.ids,
        "starts": corpus.starts,
    }
    about: dict[str, Any] = {"kind": KIND, "unit": corpus.unit, "order": order}
    about["sha256"] = _hash(about, kept)
    with path.open("wb") as file:
        np.savez(file, about=_bytes_of(about), **kept)  # type: ignore[arg-type]


def read_about(path: Path, field: str = "counts") -> tuple[Unit, int]:
    """The unit and the usual order of saved counts; InputError where they are none."""
    about = _about(_read(path, field, PARTS[:1]), path, field)
    return about["unit"], about["order"]


def read_counts(path: Path, field: str = "counts") -> Corpus:
    """The corpus of saved counts; InputError where they are damaged, LimitError above MAX_FILE."""
    kept = _read(path, field, PARTS)
    about = _about(kept, path, field)
    del kept["about"]
    if about.pop("sha256") != _hash(about, kept):
        raise InputError(field, f"'{path.name}' does not match its hash", DAMAGED)
    vocabulary, ids, starts = _json(kept["vocabulary"], path, field), kept["ids"], kept["starts"]
    sound = (
        isinstance(vocabulary, list)
        and all(isinstance(token, str) and token for token in vocabulary)
        and len(set(vocabulary)) == len(vocabulary)
        and ids.dtype == starts.dtype == np.int32
        and ids.ndim == starts.ndim == 1
        and 2 <= len(ids) <= MAX_TOKENS
        and len(starts) > 0
        and _within(ids, len(vocabulary))
        and _within(starts, len(ids))
    )
    if not sound:
        raise InputError(field, f"'{path.name}' holds no counts", DAMAGED)
    return Corpus(about["unit"], tuple(vocabulary), ids, starts)


def _within(numbers: NDArray[Any], size: int) -> bool:
    return int(numbers.min()) >= 0 and int(numbers.max()) < size


def _read(path: Path, field: str, parts: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The named parts of the file, once it is small enough and packs nothing."""
    if not path.is_file():
        raise InputError(field, f"'{path}' is not a file", "give saved counts")
    if (size := path.stat().st_size) > MAX_FILE:
        raise LimitError(f"{field}: '{path.name}' has {size:,} bytes, the limit is {MAX_FILE:,}")
    try:
        with zipfile.ZipFile(path) as whole:
            listed = whole.infolist()
            plain = all(one.compress_type == zipfile.ZIP_STORED for one in listed)
            if [one.filename for one in listed] != [f"{name}.npy" for name in PARTS] or not plain:
                raise ValueError("its parts are others")
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in parts}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(field, f"'{path.name}' holds no saved counts", f"{DAMAGED}") from error


def _about(kept: dict[str, NDArray[Any]], path: Path, field: str) -> dict[str, Any]:
    about = _json(kept["about"], path, field)
    if (
        not isinstance(about, dict)
        or about.get("kind") != KIND
        or about.get("unit") not in get_args(Unit)
        or type(about.get("order")) is not int
        or not 0 <= about["order"] <= 1000
        or set(about) != {"kind", "unit", "order", "sha256"}
    ):
        raise InputError(field, f"'{path.name}' holds no counts of this version", DAMAGED)
    return about


def _json(data: NDArray[Any], path: Path, field: str) -> Any:
    try:
        return json.loads(data.tobytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(field, f"'{path.name}' is damaged", DAMAGED) from error


def _bytes_of(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode(), np.uint8)


def _hash(about: dict[str, Any], kept: dict[str, NDArray[Any]]) -> str:
    """Over what the file says of itself and every part, in order."""
    whole = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in PARTS[1:]:
        part = np.ascontiguousarray(kept[name])
        whole.update(f"{name} {part.dtype} {part.shape} ".encode())
        whole.update(part.tobytes())
    return whole.hexdigest()
