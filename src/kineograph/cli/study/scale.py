"""kineograph study scale: the papers' models, counted and billed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kineograph.cli.door import report
from kineograph.cli.door import tell as say
from kineograph.cli.options import Door
from kineograph.files import placed
from kineograph.products import pyplot
from kineograph.scale.cost import DEVICES, Bill, Count, Training, bill, count_of
from kineograph.scale.papers import ALL, Published
from kineograph.scale.settings import Sizes

Row = tuple[Published, Count, Bill]


def tell(settings: Sizes, asked: Door, started: float) -> None:
    """Count, print a table, draw, report."""
    wanted = {"imagen-video": "Imagen Video", "i2vgen-xl": "I2VGen-XL", "parti": "Parti"}
    chosen = [m for m in ALL if settings.paper == "all" or m.paper == wanted[settings.paper]]
    how = Training(
        DEVICES[settings.device],
        settings.devices,
        settings.batch,
        float(settings.batch) * settings.steps,
        settings.share,
        settings.checkpointing == "yes",
    )
    rows: list[Row] = []
    for model in chosen:
        say(f"counting {model.paper} {model.name}")
        count = count_of(model)
        rows.append((model, count, bill(count, how)))
    if not asked.as_json:
        print("\n".join(table(rows)))
    plot = asked.extras.get("plot")
    if plot is not None:
        draw(rows, how, plot)
    facts = {
        f"{model.paper} {model.name}": {
            "billions": model.billions, **vars(count), **billed._asdict(),
        }
        for model, count, billed in rows
    }  # fmt: skip
    outputs = [] if plot is None else [plot]
    report(asked.as_json, started, outputs, models=facts, notes=notes(settings, how, rows))


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: a model a line."""
    lines = [
        "| model | paper, B | ours, B | off | TFLOP a sample | shards | at once | GB a device "
        "| GB sent a step | s a step | days |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for model, count, cost in rows:
        own = count.parameters / 1e9
        wide = "" if cost.fits else " (does not fit)"
        lines.append(
            f"| {model.paper} {model.name} | {model.billions:g} | {own:.3f} "
            f"| {own / model.billions - 1:+.1%} | {count.flop / 1e12:,.2f} | {cost.shards} "
            f"| {cost.together} | {cost.memory / 1e9:,.0f}{wide} | {cost.wire / 1e9:,.1f} "
            f"| {max(cost.compute, cost.sending):,.2f} | {cost.days:,.0f} |"
        )
    return lines


def notes(settings: Sizes, how: Training, rows: Sequence[Row]) -> list[str]:
    told = [
        f"{how.devices:,} {how.device.name}, {how.batch:,} samples a step, {settings.steps:,} "
        f"steps, {how.share:.0%} of the peak; failures are not counted (study fleet)"
    ]
    if any(not cost.fits for *_, cost in rows):
        told.append("what does not fit needs crops, a smaller share of a clip, or more memory")
    return told


def draw(rows: Sequence[Row], how: Training, path: Path) -> None:
    """Days against devices, a line a model."""
    from dataclasses import replace

    plot = pyplot()
    figure, axes = plot.subplots(figsize=(7, 4), layout="constrained")
    counts = [2**k for k in range(3, 13)]
    for model, count, _ in rows:
        billed = [bill(count, replace(how, devices=n)) for n in counts]
        style = "--" if model.paper == "Parti" else ":" if model.paper == "I2VGen-XL" else "-"
        days = [one.days for one in billed]
        axes.plot(counts, days, style, marker=".", ms=4, label=f"{model.paper} {model.name}")
    axes.set(xlabel=f"devices, {how.device.name}", ylabel="days", xscale="log", yscale="log")
    axes.legend(frameon=False, fontsize=7, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    with placed(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    plot.close(figure)
