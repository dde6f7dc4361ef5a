"""kineograph study ways, targets, guidance: small models taught and judged, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kineograph.cli.door import plain, report, watch
from kineograph.cli.options import Door
from kineograph.evaluation.sets import Estimate
from kineograph.files import placed
from kineograph.products import pyplot
from kineograph.study import compared, moving
from kineograph.study.compared import Row
from kineograph.study.settings import Distilling, Guiding, Joint, OneSize, Targets, Taught, Ways
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress

KINDS = ("autoregressive", "diffusion", "adversarial")
STEPS = (2, 4, 8, 16, 32)
HALVED = (16, 8, 4, 2, 1)
SCALES = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
NAMES = {"right": "right", "off": "off, levels", "spread": "spread", "memory": "memory"}


def tell(settings: Taught, asked: Door, started: float) -> None:
    """Teach, judge, print the table, draw, report."""
    rows: list[Row] = watch(_steps(settings), settings.verb)
    if not asked.as_json:
        print("\n".join(table(rows)))
    plot = asked.extras.get("plot")
    if plot is not None:
        draw(settings, rows, plot)
    notes = [
        f"{settings.budget:,.0f} GFLOP of training each, {settings.count} pictures judged, "
        f"seed {settings.seed}; intervals are of the pictures, not of the seed"
    ]
    facts = {"rows": [asdict(row) | {"judged": row.judged} for row in rows]}
    outputs = [] if plot is None else [plot]
    report(asked.as_json, started, outputs, seed=settings.seed, notes=notes, **plain(facts))


def _steps(settings: Taught) -> Iterator[Progress[list[Row]]]:
    common: dict[str, Any] = {
        "flop": 1e9 * settings.budget, "count": settings.count, "seed": settings.seed,
    }  # fmt: skip
    if isinstance(settings, Ways):
        return compared.ways(KINDS, range(settings.sizes), shares(settings.data), **common)
    assert isinstance(settings, OneSize)
    common |= {"data": settings.figures, "size": settings.size}
    if isinstance(settings, Targets):
        return compared.targets(STEPS, **common)
    if isinstance(settings, Joint):
        return moving.joint(stills=settings.stills, **common)
    if isinstance(settings, Distilling):
        return compared.distillation(HALVED, **common)
    return compared.guidance(SCALES, **common)


def shares(data: Sequence[str]) -> list[int]:
    """Numbers of training figures. Raises InputError for what is none."""
    try:
        found = [int(one) for one in data]
    except ValueError as error:
        raise InputError("data", f"{error}", "write a whole number") from error
    if not found or min(found) < 64 or max(found) > 10**6:
        raise InputError("data", f"{found} are not in 64 … 1,000,000")
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: a model a line, every figure with its interval."""
    lines = [
        "| model | weights | figures | seen | " + " | ".join(NAMES.values()) + " | ms a picture |",
        "|---|--:|--:|--:|" + "--:|" * (len(NAMES) + 1),
    ]
    for row in rows:
        cells = [shown(getattr(row.judged, name)) for name in NAMES]
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.data:,} | {row.seen:,} | "
            + " | ".join(cells)
            + f" | {1000 * row.seconds:.1f} |"
        )
    return lines


def shown(one: Estimate) -> str:
    return f"{one.value:.2f} ({one.low:.2f} … {one.high:.2f})"


# -- plots -----------------------------------------------------------------------------------------


def draw(settings: Taught, rows: Sequence[Row], path: Path) -> None:
    plot = pyplot()
    if isinstance(settings, Ways):
        figure = _by_data(plot, rows)
    elif isinstance(settings, Guiding):
        figure = _front(plot, rows)
    elif isinstance(settings, Joint):
        figure = _lines(plot, rows, tuple(NAMES), "training clips", _by_clips)
    else:
        figure = _lines(plot, rows, ("right", "off", "spread"), "sampling steps", _by_steps)
    with placed(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    plot.close(figure)


def _band(axes: Any, x: Sequence[float], rows: Sequence[Row], name: str, **how: Any) -> None:
    found = [getattr(row.judged, name) for row in rows]
    down = [one.value - one.low for one in found]
    up = [one.high - one.value for one in found]
    axes.errorbar(x, [one.value for one in found], (down, up), capsize=2, lw=1, ms=3, **how)


def _by_number(axes: Any, numbers: Iterable[int], **labels: str) -> None:
    """A logarithmic axis whose ticks are the numbers there are."""
    every = sorted(set(numbers))
    axes.set(xscale="log", **labels)
    axes.set_xticks(every, [f"{one:,}" for one in every])
    axes.minorticks_off()


def _by_data(plot: Any, rows: Sequence[Row]) -> Any:
    """Each figure against the share of data: a colour a way, darker the larger the model."""
    figure, all_axes = plot.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
    for axes, (name, told) in zip(all_axes, NAMES.items(), strict=True):
        for colour, kind in enumerate(KINDS):
            own = [row for row in rows if row.name == kind]
            sizes = sorted({row.parameters for row in own})
            for i, weights in enumerate(sizes):
                line = [row for row in own if row.parameters == weights]
                shade = 0.35 + 0.65 * (i + 1) / len(sizes)
                _band(axes, [row.data for row in line], line, name, color=f"C{colour}",
                      alpha=shade, marker="os^Dv"[i], label=f"{kind}, {weights:,}")  # fmt: skip
        _by_number(axes, [row.data for row in rows], xlabel="training figures", title=told)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].legend(frameon=False, fontsize=6)
    return figure


def _by_clips(row: Row) -> tuple[str, int]:
    """A line with and one without stills, against the number of clips."""
    return row.name, row.data


def _by_steps(row: Row) -> tuple[str, int]:
    """A line a name, against the steps that stand at its end."""
    line, _, steps = row.name.rpartition(", ")
    return line, int(steps.split()[0])


def _lines(
    plot: Any,
    rows: Sequence[Row],
    names: Sequence[str],
    xlabel: str,
    place: Callable[[Row], tuple[str, int]],
) -> Any:
    """Some figures against a number; place: of a row, its line and its number."""
    lines: dict[str, list[tuple[int, Row]]] = {}
    for row in rows:
        line, number = place(row)
        lines.setdefault(line, []).append((number, row))
    size = (4 + 2 * len(names), 3.2)
    figure, all_axes = plot.subplots(1, len(names), figsize=size, layout="constrained")
    for axes, name in zip(all_axes, names, strict=True):
        for line, own in lines.items():
            numbers, some = zip(*own, strict=True)
            _band(axes, numbers, some, name, marker="o", label=line)
        every = (number for own in lines.values() for number, _ in own)
        _by_number(axes, every, xlabel=xlabel, title=NAMES[name])
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].legend(frameon=False, fontsize=8)
    return figure


def _front(plot: Any, rows: Sequence[Row]) -> Any:
    """What is right against what varies, and how far from any drawing; a line a way of guidance."""
    figure, all_axes = plot.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for axes, name in zip(all_axes, ("right", "off"), strict=True):
        for how in ("plain", "thresholded", "oscillating"):
            own = [row for row in rows if row.name.endswith(how)]
            x = [row.judged.spread.value for row in own]
            _band(axes, x, own, name, marker="o", label=how)
            for at, row in zip(x, own, strict=True):
                axes.annotate(row.name.split()[0], (at, getattr(row.judged, name).value),
                              fontsize=6, textcoords="offset points", xytext=(3, 3))  # fmt: skip
        axes.set(xlabel="spread (1 is the truth's)", ylabel=NAMES[name])
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].legend(frameon=False, fontsize=8)
    return figure
