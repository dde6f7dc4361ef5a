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
    """The states in one column of a CSV file (UTF-8; comma, semicolon or tab).

    column: a name from the first line, or a number from 1; not needed when there is only one.
    An empty or missing cell, a blank line, NA, N/A, NaN, null or ? is a gap. The first line is
    read as names unless its cell in this column comes back below as a state.
    """
    table = _table(path)
    place = _place(table[0], column, max(map(len, table)), path)
    cells = [line[place].strip() if place < len(line) else "" for line in table]
    title, name, notes = cells[0], column or str(place + 1), []
    if title == column or title not in cells[1:]:
        cells, name = cells[1:], title or name
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
    return Record(name, sequences, gaps, notes)


def _place(names: list[str], column: str | None, width: int, path: Path) -> int:
    """Which column is meant, from 0."""
    names = [name.strip() for name in names]
    if column is None:
        if width == 1:
            return 0
        listed = ", ".join(names)
        raise InputError(
            "--column", f"missing, and '{path.name}' has {width}", f"choose from {listed}"
        )
    if column in names:
        return names.index(column)
    if column.isdecimal() and 1 <= int(column) <= width:
        return int(column) - 1
    listed = ", ".join(names[:20])
    raise InputError("--column", f"'{column}' is not in '{path.name}'", f"choose from {listed}")


def _table(path: Path) -> list[list[str]]:
    """The lines of a CSV file as cells, from the first line that is not blank."""
    if not path.is_file():
        raise InputError("STATES", f"'{path}' is not a file", "give a CSV file")
    if path.stat().st_size > MAX_BYTES:
        raise LimitError(f"STATES: '{path}' is above {MAX_BYTES // 10**6} MB; split the file")
    data = path.read_bytes()
    if b"\0" in data:
        raise InputError("STATES", f"'{path}' is binary", "export it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig").lstrip("\r\n ")
    except UnicodeDecodeError as error:
        problem = f"'{path}' is not UTF-8 (byte {error.start})"
        raise InputError("STATES", problem, "save it as UTF-8") from error
    if not text:
        raise InputError("STATES", f"'{path}' is empty", "put one state a line")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        problem = f"'{path}' is not a CSV file ({error})"
        raise InputError("STATES", problem, "export it as CSV in UTF-8") from error
