"""kineograph study cost: the cost model fitted on three sizes and tested on three others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kineograph.cli.door import report, watch
from kineograph.cli.options import Door
from kineograph.files import placed
from kineograph.products import pyplot
from kineograph.scale.measured import Error, Tested, tested
from kineograph.scale.papers import FIT, TEST
from kineograph.scale.settings import Costs

BATCHES = (1, 3)


def tell(settings: Costs, asked: Door, started: float) -> None:
    """Measure, print the table of errors, draw, report."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        steps = tested(FIT, TEST, batches=BATCHES, rounds=settings.rounds)
        found: Tested = watch(steps, "cost")
    finally:
        torch.set_num_threads(threads)
    if not asked.as_json:
        print("| size | s measured | s forecast | off | MB measured | MB forecast | off |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for name, rows in (("fitted", found.seen), ("**tested**", found.unseen)):
            for row in rows:
                print(line(name, row))
    plot = asked.extras.get("plot")
    if plot is not None:
        draw(found, plot)
    notes = [f"worst forecast of a step's time on sizes not fitted: {found.worst:.1%} off"]
    facts: dict[str, Any] = {"fit": vars(found.fit), "worst": found.worst}
    facts |= {
        "seen": [r._asdict() for r in found.seen],
        "unseen": [r._asdict() for r in found.unseen],
    }
    report(asked.as_json, started, [] if plot is None else [plot], notes=notes, **facts)


def line(name: str, row: Error) -> str:
    return (
        f"| {row.name}, {name} | {row.seconds:.3f} | {row.forecast:.3f} | {row.off:+.1%} "
        f"| {row.memory / 1e6:,.0f} | {row.memory_forecast / 1e6:,.0f} | {row.memory_off:+.1%} |"
    )


def draw(found: Tested, path: Path) -> None:
    """Forecast against measured seconds; a perfect forecast lies on the line."""
    plot = pyplot()
    figure, axes = plot.subplots(figsize=(4.2, 4), layout="constrained")
    for rows, mark, name in ((found.seen, "o", "fitted"), (found.unseen, "D", "not fitted")):
        axes.loglog([r.seconds for r in rows], [r.forecast for r in rows], mark, label=name)
    ends = [min(r.seconds for r in found.seen) / 2, max(r.seconds for r in found.unseen) * 2]
    axes.plot(ends, ends, color="0.6", lw=1)
    axes.fill_between(ends, [0.85 * e for e in ends], [1.15 * e for e in ends], color="0.92")
    axes.set(xlabel="measured, seconds of a step", ylabel="forecast", xlim=ends, ylim=ends)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    with placed(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    plot.close(figure)
