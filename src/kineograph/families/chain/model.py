"""Markov chains as a Model: states or a matrix in; matrix, forecast, samples, long run out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from kineograph.families.chain.settings import Chain as Settings
from kineograph.families.chain.states import Record, matrix_in, read_states, read_table, states_in
from kineograph.products import TableProduct
from kineograph.record import record_of
from kineograph.sequence.markov import Chain, fit, from_contexts
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.source import Source

MOST_LINES = 40  # rows and columns of a table that a person reads; the CSV holds all of it
SHOWN = 64  # states, from the first, that are steps of their own
LATEST = 200  # states that a step shows
# Measured with one thread on 200 and on 200,000 states of four kinds.
START, LINE, DRAWN = 1.2, 4e-6, 3e-5  # seconds; a line read and counted; a state drawn


@dataclass(frozen=True)
class ChainTables:
    """What a chain knows. S states, C contexts of `order` states each, oldest first.

    matrix: (C, S) shares of what follows. long_run: a closed class each, its `shares` (S,) of the
    time, `bits_a_step` and `period`. history: what `predicted` (n, S) and `sampled` go on from.
    str() is the tables as a person reads them.
    """

    order: int
    states: list[str]
    contexts: list[list[str]]
    matrix: list[list[float]]
    long_run: list[dict[str, Any]]
    gaps: int
    history: list[str]
    predicted: list[list[float]]
    sampled: list[str]

    def __str__(self) -> str:
        names = [" ".join(context) for context in self.contexts]
        lines = _table("transitions", self.states, names, self.matrix)
        ends = self.long_run
        classes = [f"class {i + 1}" if len(ends) > 1 else "share of time" for i in range(len(ends))]
        lines += _table("long run", self.states, classes, [end["shares"] for end in ends])
        rates = ", ".join(f"{end['bits_a_step']:.3f}" for end in ends)
        lines += [f"entropy rate {rates} bits a step", ""]
        if self.predicted:
            steps = [f"+{i + 1}" for i in range(len(self.predicted))]
            title = f"forecast after {' '.join(self.history)}"
            lines += _table(title, self.states, steps, self.predicted)
        if self.sampled:
            lines.append(" ".join(self.sampled))
        return "\n".join(lines)

    def csv(self) -> str:
        """The matrix: a context a line, oldest state first, then one column a state."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        past = [f"{ago} ago" if ago > 1 else "from" for ago in range(self.order, 0, -1)]
        writer.writerow(past + [f"to {state}" for state in self.states])
        for context, row in zip(self.contexts, self.matrix, strict=True):
            writer.writerow([*context, *(f"{p:.17g}" for p in row)])
        return text.getvalue()

    def facts(self) -> dict[str, Any]:
        """Everything but what was not asked for, as JSON values."""
        found = dict(vars(self))
        if not self.predicted:
            del found["predicted"], found["history"]
        if not self.sampled:
            del found["sampled"]
        return found


class ChainModel:
    """Markov chains behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[Settings]) -> Forecast:
        """Reading, counting and drawing, each by its measured rate."""
        settings = request.settings.resolved()
        chain, record = _chain(settings)
        cells = len(chain.heard) * chain.size
        lines = sum(map(len, record.sequences)) if record else 0
        seconds = START + LINE * lines + 1e-6 * cells + DRAWN * settings.sample
        told = f"order {chain.order}, {len(chain.heard):,} contexts of {chain.size:,} states"
        facts = {"contexts": len(chain.heard), "states": chain.size}
        return Forecast(seconds, int(300e6 + 50 * cells), 25 * cells, told, facts)

    def make(self, request: Request[Settings], seed: int) -> Iterator[Progress[ChainTables]]:
        """The states as they are drawn, with their shares; the last step carries the tables."""
        request = replace(request, settings=request.settings.resolved())
        settings = request.settings
        chain, record = _chain(settings)
        chain.numbered(settings.start, "start")
        history = list(settings.start)
        if not history and record is not None:
            history = record.sequences[-1][-chain.order :]
        if settings.matrix is not None and 0 < len(history) < chain.order:
            problem = f"{len(history)} states, the matrix looks back at {chain.order}"
            raise InputError("start", problem, "name more, oldest first")
        end = chain.long_run()
        notes = [*(record.notes if record else ()), *end.notes]
        if chain.dead_ends:
            named = "; ".join(" ".join(map(str, c)) for c in chain.dead_ends[:5])
            notes.append(f"never continued, so forecast from shorter contexts: {named}")
        ahead = chain.predict(history, settings.predict).tolist() if settings.predict else []
        sampled: list[str] = []
        for step in _drawn(chain, history, settings.sample, seed):
            sampled = step.value
            yield step._replace(done=0.99 * step.done, value=" ".join(sampled[-LATEST:]))
        tables = ChainTables(
            chain.order,
            [str(state) for state in chain.states],
            [[str(state) for state in context] for context in chain.contexts],
            chain.matrix.tolist(),
            [
                {"shares": s.tolist(), "bits_a_step": float(b), "period": d}
                for s, b, d in zip(end.shares, end.bits, end.periods, strict=True)
            ],
            record.gaps if record else 0,
            history,
            ahead,
            sampled,
        )
        product = TableProduct(tables.csv(), tables)
        record_made = record_of(self, request, seed)
        result: Result[ChainTables] = Result(
            product, seed, record_made, tuple(notes), tables.facts()
        )
        yield Progress(1.0, "done", str(tables), None, result)


def _chain(settings: Settings) -> tuple[Chain, Record | None]:
    """The chain that is asked, and the states it was fitted to; None where a matrix was given."""
    if settings.matrix is not None:
        given = matrix_in(_text(settings.matrix, "matrix"), settings.matrix.name)
        rows = [row for row in given.rows if len(row) == len(given.states)]
        if len(rows) < len(given.rows) or not rows:
            raise InputError("matrix", "has rows that are not as long as its first line")
        return from_contexts(given.states, given.contexts, np.array(rows)), None
    assert settings.states is not None and settings.order is not None
    record = _record(settings.states, settings.column)
    return fit(record.sequences, settings.order), record


def _record(source: Source, column: str | None) -> Record:
    """The states of a file, of a CSV text, or of a sequence in memory."""
    if source.path is not None:
        return read_states(source.path, column)
    if isinstance(source.value, str):
        return states_in(source.value, column, source.name)
    if not isinstance(source.value, Sequence | np.ndarray) or column is not None:
        kind = type(source.value).__name__
        raise InputError("states", f"a {kind} is no table", "give a CSV file or a list of states")
    return Record("states", [[str(state) for state in source.value]], 0, [])


def _text(source: Source, field: str) -> str:
    if source.path is not None:
        return read_table(source.path, field)
    if not isinstance(source.value, str):
        kind = type(source.value).__name__
        raise InputError(field, f"a {kind} is no table", "give a CSV file")
    return source.value


def _drawn(chain: Chain, history: list[str], n: int, seed: int) -> Iterator[Progress[Any]]:
    """The states as a list that grows; the first steps tell of which shares each was drawn."""
    if not n:
        return
    drawn: list[Any] = []
    rng = torch.Generator().manual_seed(seed)
    for state in chain.sample(n, rng, start=history):
        alone = len(drawn) < SHOWN
        facts = {"choices": _choices(chain, [*history, *drawn])} if alone else None
        drawn.append(state)
        if alone or len(drawn) % 500 == 0 or len(drawn) == n:
            yield Progress(len(drawn) / n, f"{len(drawn):,} states", drawn, facts)


def _choices(chain: Chain, history: list[Any]) -> list[list[Any]]:
    """The likeliest states after a history, and their shares."""
    shares = chain.after(history[-chain.order :])
    best = (-shares).argsort(kind="stable")[:8]
    return [[str(chain.states[i]), float(shares[i])] for i in best if shares[i] > 0]


def _table(title: str, columns: list[str], names: list[str], rows: list[list[float]]) -> list[str]:
    """The lines of one table of probabilities, shortened to what fits a screen."""
    width = max(len(title), *map(len, names[:MOST_LINES]))
    heads = [c[:12].rjust(max(6, len(c[:12]))) for c in columns[:MOST_LINES]]
    lines = [" ".join([title.ljust(width), *heads])]
    for name, row in list(zip(names, rows, strict=True))[:MOST_LINES]:
        cells = [
            f"{p:.3f}".rjust(max(6, len(c[:12])))
            for c, p in zip(columns[:MOST_LINES], row, strict=False)
        ]
        lines.append(" ".join([name.ljust(width), *cells]))
    if len(names) > MOST_LINES or len(columns) > MOST_LINES:
        lines.append(f"({len(names)} × {len(columns)} in all; the CSV holds the whole)")
    return [*lines, ""]
