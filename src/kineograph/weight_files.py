"""A safetensors file, read once: hashed, checked and taken from the same bytes.

The format is eight bytes of length, a JSON header of name -> dtype, shape and place, and the
numbers. The file is opened once and mapped; its hash, its header and its tensors come from that one
mapping, so that nobody changes it in between. What the format's own readers let pass is refused: a
name given twice, tensors that overlap or leave gaps, a header of any length.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kineograph.values.errors import LimitError, MissingError

MOST_HEADER = 4 * 2**20  # bytes
MOST_TENSORS = 20_000
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class DamagedError(ValueError):
    """The file is none, or not whole; the text says how."""


def read(path: Path, *, sha256: str = "", most: int = 2**40) -> dict[str, Tensor]:
    """Every tensor of a file by name, sharing one mapping of it.

    sha256: what the file must hash to; "" for any. most: bytes it may have. Raises MissingError,
    naming the file and the tensor, LimitError for a larger file.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size > most:
                raise LimitError(f"'{path}' has {size:,} bytes, the limit is {most:,}")
            if size < 8:
                raise DamagedError(f"it has {size} bytes")
            whole = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
    except FileNotFoundError as error:
        raise MissingError(
            f"weights '{path}' are not there; import or train the model first"
        ) from error
    except OSError as error:
        raise MissingError(f"weights '{path}' cannot be read ({error.strerror})") from error
    except DamagedError as error:
        raise MissingError(f"weights '{path}' are damaged ({error})") from error
    found = hashlib.sha256(whole).hexdigest() if sha256 else ""
    if found != sha256:
        raise MissingError(
            f"weights '{path}' are not those of the model (sha256 {found}, not {sha256}); "
            "get the file again"
        )
    try:
        return _tensors(whole)
    except DamagedError as error:
        raise MissingError(f"weights '{path}' are damaged ({error})") from error


class _Row(NamedTuple):
    """One tensor as the header says it: where its bytes begin and end after the header."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    begins: int
    ends: int


def _tensors(whole: mmap.mmap) -> dict[str, Tensor]:
    length = int.from_bytes(whole[:8], "little")
    if length > MOST_HEADER:
        raise DamagedError(f"its header has {length:,} bytes, the limit is {MOST_HEADER:,}")
    if 8 + length > len(whole):
        raise DamagedError(f"its header has {length:,} bytes, the file {len(whole):,}")
    rows = _rows(whole[8 : 8 + length])
    at = 0
    for row in sorted(rows, key=lambda row: (row.begins, row.ends)):
        if row.begins != at:
            raise DamagedError(f"tensor {row.name} begins at {row.begins:,}, not at {at:,}")
        at = row.ends
    if 8 + length + at != len(whole):
        raise DamagedError(f"it has {len(whole):,} bytes, its tensors end at {8 + length + at:,}")
    made = {}
    for row in rows:
        count = math.prod(row.shape)
        flat = torch.empty(0, dtype=row.dtype)
        if count:
            flat = torch.frombuffer(
                whole, dtype=row.dtype, count=count, offset=8 + length + row.begins
            )
        made[row.name] = flat.reshape(row.shape)
    return made


def _rows(header: bytes) -> list[_Row]:
    try:
        told = json.loads(header, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"its header is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise DamagedError("its header is no object")
    told.pop("__metadata__", None)
    if len(told) > MOST_TENSORS:
        raise DamagedError(f"it names {len(told):,} tensors, the limit is {MOST_TENSORS:,}")
    return [_row(name, facts) for name, facts in told.items()]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)} is named twice")
    return told


def _row(name: str, facts: Any) -> _Row:
    if not isinstance(facts, Mapping):
        raise DamagedError(f"tensor {name} is not described")
    kind: Any = facts.get("dtype")
    shape: Any = facts.get("shape")
    places: Any = facts.get("data_offsets")
    dtype = DTYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise DamagedError(f"tensor {name} is of type {kind!r}")
    for numbers, most in ((shape, 16), (places, 2)):
        whole = isinstance(numbers, list) and len(numbers) <= most
        if not whole or not all(type(n) is int and 0 <= n < 2**48 for n in numbers):
            raise DamagedError(f"tensor {name} has no shape or no place")
    if len(places) != 2 or places[1] - places[0] != math.prod(shape) * dtype.itemsize:
        raise DamagedError(f"tensor {name} is {shape} {kind} in {places}")
    return _Row(name, dtype, tuple(shape), *places)
