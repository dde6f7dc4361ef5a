"""States read from a table: what a Markov chain is fitted to when it comes from a CSV file.

One column, top to bottom; gaps split it into unbroken sequences. Numbers stay text.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

from kineograph.values.errors import InputError, LimitError

MAX_BYTES = 100_000_000
GAPS = {"", "na", "n/a", "nan", "null", "?"}  # cells that say nothing, in lower case


class Record(NamedTuple):
    """One column: its name, unbroken sequences of states, gaps, and what a person should know."""

    column: str
    sequences: list[list[str]]
    gaps: int
    notes: list[str]


def read_states(path: Path, column: str | None = None) -> Record:
    """The states in one column of a CSV file (UTF-8; comma, semicolon or tab); see `states_in`."""
    return states_in(read_table(path, "states"), column, path.name)


def states_in(text: str, column: str | None = None, name: str = "the table") -> Record:
    """The states in one column of a CSV text.

    column: a name from the first line, or a number from 1; not needed when there is only one.
    An empty or missing cell, a blank line, NA, N/A, NaN, null or ? is a gap. The first line is
    read as names unless its cell in this column comes back below as a state.
    """
    table = _cells(text, "states", name)
    place = _place(table[0], column, max(map(len, table)), name)
    cells = [line[place].strip() if place < len(line) else "" for line in table]
    title, known, notes = cells[0], column or str(place + 1), []
    if title == column or title not in cells[1:]:
        cells, known = cells[1:], title or known
        notes.append(f"the first line was read as the column's name, '{title}'")
    while cells and not cells[-1]:  # blank lines at the end of a file are no gap
        cells.pop()

    sequences: list[list[str]] = [[]]
    gaps = 0
    for cell in cells:
        if cell.lower() not in GAPS:
            sequences[-1].append(cell)
            continue
        gaps += 1
        if sequences[-1]:
            sequences.append([])
    if not sequences[-1]:
        sequences.pop()
    if gaps:
        notes.append(f"gaps: {gaps}, which leave {len(sequences)} unbroken sequences")
    return Record(known, sequences, gaps, notes)


def _place(names: list[str], column: str | None, width: int, table: str) -> int:
    """Which column is meant, from 0."""
    names = [name.strip() for name in names]
    if column is None:
        if width == 1:
            return 0
        listed = ", ".join(names)
        raise InputError("column", f"missing, and '{table}' has {width}", f"choose from {listed}")
    if column in names:
        return names.index(column)
    if column.isdecimal() and 1 <= int(column) <= width:
        return int(column) - 1
    listed = ", ".join(names[:20])
    raise InputError("column", f"'{column}' is not in '{table}'", f"choose from {listed}")


class Given(NamedTuple):
    """A transition matrix: S states, C contexts of k states each, oldest first, C rows of S."""

    states: list[str]
    contexts: list[tuple[str, ...]]
    rows: list[list[float]]


def matrix_in(text: str, name: str = "the table") -> Given:
    """The matrix of a CSV text: contexts in columns `… ago` and `from`, then a column `to X` each.

    Raises InputError when it is none.
    """
    first, *lines = (line for line in _cells(text, "matrix", name) if line)
    order = next((i for i, cell in enumerate(first) if cell.startswith("to ")), 0)
    states = [cell.removeprefix("to ") for cell in first[order:]]
    if not order or any(not cell.startswith("to ") for cell in first[order:]):
        problem = f"'{name}' has no columns 'from' and 'to …'"
        raise InputError("matrix", problem, "give what a chain wrote")
    try:
        rows = [[float(cell) for cell in line[order:]] for line in lines]
    except ValueError as error:
        raise InputError("matrix", f"'{name}' holds a share that is no number ({error})") from None
    return Given(states, [tuple(line[:order]) for line in lines], rows)


def read_table(path: Path, field: str) -> str:
    """The text of a CSV file in UTF-8, at most MAX_BYTES long."""
    if not path.is_file():
        raise InputError(field, f"'{path}' is not a file", "give a CSV file")
    if path.stat().st_size > MAX_BYTES:
        raise LimitError(f"{field}: '{path}' is above {MAX_BYTES // 10**6} MB; split the file")
    data = path.read_bytes()
    if b"\0" in data:
        raise InputError(field, f"'{path}' is binary", "export it as CSV in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"'{path}' is not UTF-8 (byte {error.start})"
        raise InputError(field, problem, "save it as UTF-8") from error


def _cells(text: str, field: str, name: str) -> list[list[str]]:
    """The lines of a CSV text as cells, from the first line that is not blank."""
    text = text.lstrip("\r\n ")
    if not text:
        raise InputError(field, f"'{name}' is empty", "put one state a line")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        problem = f"'{name}' is not a CSV file ({error})"
        raise InputError(field, problem, "export it as CSV in UTF-8") from error
