"""kineograph study fleet: workers that fail and dawdle, simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kineograph.cli.door import report
from kineograph.cli.options import Door
from kineograph.files import placed
from kineograph.products import pyplot
from kineograph.scale.cost import DAY
from kineograph.scale.fleet import Fleet, Outcome, daly, outcome, young
from kineograph.scale.settings import Fleets

STEP = 10.0  # seconds; only its variation matters
TIMES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # of Young's interval


def tell(settings: Fleets, asked: Door, started: float) -> None:
    """Simulate at several intervals between checkpoints, print, draw, report."""
    work = settings.days * DAY
    whole = Fleet(
        settings.workers, settings.lifetime, 1.0, settings.checkpoint, settings.restart, STEP,
        settings.jitter, settings.slow,
    )  # fmt: skip
    best = max(young(whole), STEP)
    plain = replace(whole, jitter=0.0, slow=0.0)
    rows: list[tuple[Fleet, Outcome, float]] = []
    for times in TIMES:
        fleet = replace(whole, every=times * best)
        found = outcome(fleet, work, runs=settings.runs, seed=settings.seed)
        rows.append((fleet, found, work / daly(replace(plain, every=times * best), work)))
    if not asked.as_json:
        print("| minutes between checkpoints | useful (95 %) | without stragglers, in closed form "
              "| checkpoints | lost | restarts | waiting | failures |")  # fmt: skip
        print("|--:|--:|--:|--:|--:|--:|--:|--:|")
        for fleet, (month, low, high), exact in rows:
            shares = (month.checkpoints, month.lost, month.restarts, month.waiting)
            print(
                f"| {fleet.every / 60:.0f} | {month.useful:.1%} ({low:.1%} … {high:.1%}) "
                f"| {exact:.1%} | " + " | ".join(f"{share:.1%}" for share in shares)
                + f" | {month.failures} |"
            )  # fmt: skip
    plot = asked.extras.get("plot")
    if plot is not None:
        draw(rows, plot)
    facts = [
        {"every": fleet.every, "low": found.low, "high": found.high, "closed": exact,
         **found.month._asdict()}
        for fleet, found, exact in rows
    ]  # fmt: skip
    notes = [
        f"{settings.workers:,} workers, one of which fails every {whole.between / 3600:.0f} hours; "
        f"Young's interval is {best / 60:.0f} minutes"
    ]
    report(asked.as_json, started, [] if plot is None else [plot], notes=notes, rows=facts)


def draw(rows: list[tuple[Fleet, Outcome, float]], path: Path) -> None:
    """Where the time goes, against the interval between checkpoints."""
    plot = pyplot()
    figure, axes = plot.subplots(figsize=(6, 3.4), layout="constrained")
    minutes = [fleet.every / 60 for fleet, *_ in rows]
    names = ("useful", "waiting", "checkpoints", "lost", "restarts")
    shares = [[getattr(found.month, name) for _, found, _ in rows] for name in names]
    axes.stackplot(minutes, shares, labels=names, alpha=0.8)
    axes.plot(minutes, [exact for *_, exact in rows], "k--", lw=1, label="no stragglers, exactly")
    axes.set(xscale="log", xlabel="minutes between checkpoints", ylabel="share of the time")
    axes.set_ylim(min(shares[0]) - 0.1, 1)
    axes.legend(frameon=True, fontsize=7, loc="lower left")
    with placed(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    plot.close(figure)
