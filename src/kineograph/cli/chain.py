"""kineograph chain: a Markov chain from a column of states; matrix, forecast, samples, long run."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.files import placed
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

app = typer.Typer(add_completion=False)

MOST_LINES = 40  # rows and columns of a table that a person reads; -o writes all of it


@app.command()
def chain(
    states: Annotated[Path, typer.Argument(help="CSV file, one state a line.", metavar="STATES")],
    order: Annotated[int, typer.Option(help="How many past states count, from 1.")] = 1,
    column: Annotated[str | None, typer.Option(help="Name or number of the column.")] = None,
    predict: Annotated[int, typer.Option(help="Forecast so many steps after the last state.")] = 0,
    sample: Annotated[int, typer.Option(help="Draw so many states after the last one.")] = 0,
    out: Annotated[Path | None, typer.Option("-o", help="Write the matrix as CSV.")] = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """What comes next, by counting: fit a Markov chain to states and say what it knows."""
    started = time.perf_counter()
    for name, value in (("--predict", predict), ("--sample", sample)):
        if not 0 <= value <= 1_000_000:
            raise InputError(name, f"{value} is not in 0 … 1,000,000")
    if out is not None:
        checked_output(out, [".csv"], force)

    import torch

    from kineograph.sequence.markov import fit
    from kineograph.states import read_states

    record = read_states(states, column)
    fitted = fit(record.sequences, order)
    history = record.sequences[-1][-order:]
    end = fitted.long_run()
    notes = record.notes + end.notes
    if fitted.dead_ends:
        named = "; ".join(" ".join(map(str, c)) for c in fitted.dead_ends[:5])
        notes.append(f"never continued, so forecast from shorter contexts: {named}")

    facts: dict[str, Any] = {
        "order": order,
        "states": list(fitted.states),
        "contexts": [list(context) for context in fitted.contexts],
        "matrix": fitted.matrix.tolist(),
        "long_run": [
            {"shares": s.tolist(), "bits_a_step": float(b), "period": d}
            for s, b, d in zip(end.shares, end.bits, end.periods, strict=True)
        ],
        "gaps": record.gaps,
    }
    if predict:
        facts["history"] = history
        facts["predicted"] = fitted.predict(history, predict).tolist()
    if sample:
        seed = chosen_seed(seed)
        rng = torch.Generator().manual_seed(seed)
        drawn = fitted.sample(sample, rng, start=history)
        facts["sampled"] = watch(_counted(drawn, sample), "drawing")
    if out is not None:
        with placed(out) as part:
            part.write_text(_matrix_csv(facts), encoding="utf-8", newline="")
    if not as_json:
        _show(facts)
    outputs = [] if out is None else [out]
    report(as_json, started, outputs, seed=seed if sample else None, notes=notes, **facts)


def _counted(states: Iterator[Any], n: int) -> Iterator[Progress]:
    """The states as a list that grows, with the share that is there."""
    drawn: list[Any] = []
    for state in states:
        drawn.append(state)
        if len(drawn) % 500 == 0 or len(drawn) == n:
            yield Progress(len(drawn) / n, f"{len(drawn):,} states", drawn)


def _matrix_csv(facts: dict[str, Any]) -> str:
    """The matrix as CSV: a context a line, oldest state first, then one column a state."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    past = [f"{ago} ago" if ago > 1 else "from" for ago in range(facts["order"], 0, -1)]
    writer.writerow(past + [f"to {state}" for state in facts["states"]])
    for context, row in zip(facts["contexts"], facts["matrix"], strict=True):
        writer.writerow([*context, *(f"{p:.17g}" for p in row)])
    return text.getvalue()


def _show(facts: dict[str, Any]) -> None:
    """Print the tables for a person."""
    names = [" ".join(context) for context in facts["contexts"]]
    _table("transitions", facts["states"], names, facts["matrix"])
    ends = facts["long_run"]
    classes = [f"class {i + 1}" if len(ends) > 1 else "share of time" for i in range(len(ends))]
    _table("long run", facts["states"], classes, [end["shares"] for end in ends])
    rates = ", ".join(f"{end['bits_a_step']:.3f}" for end in ends)
    print(f"entropy rate {rates} bits a step\n")
    if "predicted" in facts:
        steps = [f"+{i + 1}" for i in range(len(facts["predicted"]))]
        title = f"forecast after {' '.join(facts['history'])}"
        _table(title, facts["states"], steps, facts["predicted"])
    if "sampled" in facts:
        print(" ".join(facts["sampled"]))


def _table(title: str, columns: list[str], names: list[str], rows: list[list[float]]) -> None:
    """Print one table of probabilities, shortened to what fits a screen."""
    width = max(len(title), *map(len, names[:MOST_LINES]))
    print(title.ljust(width), *(c[:12].rjust(max(6, len(c[:12]))) for c in columns[:MOST_LINES]))
    for name, row in list(zip(names, rows, strict=True))[:MOST_LINES]:
        cells = (
            f"{p:.3f}".rjust(max(6, len(c[:12])))
            for c, p in zip(columns[:MOST_LINES], row, strict=False)
        )
        print(name.ljust(width), *cells)
    if len(names) > MOST_LINES or len(columns) > MOST_LINES:
        print(f"({len(names)} × {len(columns)} in all; -o or --json for the whole)")
    print()
