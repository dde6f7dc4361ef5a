"""kineograph measure words: bits a letter of a text's end, by counting and by a transformer."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Force, Json, checked_output, report, watch
from kineograph.cli.train import seconds_of
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError

if TYPE_CHECKING:
    from kineograph.measure.words import Compared


def words(
    corpus: Annotated[Path, typer.Argument(help="Text file in UTF-8.", metavar="CORPUS")],
    model: Annotated[
        str,
        typer.Option(help="A model that has not seen the last tenth, as words has not of its own."),
    ] = "",
    time_limit: Annotated[
        str, typer.Option(help="Without --model, teach one for this long: 90s, 3m.")
    ] = "3m",
    plot: Annotated[Path | None, typer.Option(help="Also draw the figures (.png).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the model taught.")] = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Bits a letter of the last tenth of a text, taught from the rest: n-grams, a transformer."""
    started = time.perf_counter()
    if plot is not None:
        checked_output(plot, (".png",), force, "--plot")
    from kineograph import recipe
    from kineograph.measure.words import compared
    from kineograph.words import read_text
    from kineograph.words.language import LanguageModel

    text = read_text(corpus)
    language: Any = recipe.load(model) if model else None
    if model and not isinstance(language, LanguageModel):
        raise InputError("--model", f"'{model}' is no language model", "use words")
    steps = compared(text, language, seconds=seconds_of(time_limit), seed=seed)
    found: Compared = watch(steps, "words")

    best = found.best
    if not as_json:
        for unit in ("word", "letter"):
            rows = [row for row in found.counted if row.unit == unit]
            print(f"{unit}s, order {rows[0].order} to {rows[-1].order}:", end=" ")
            print("  ".join(f"{row.a_letter:.3f}" for row in rows))
        print(f"transformer: {found.learned:.3f} bits a letter", end=" ")
        print(f"({found.learned / best.a_letter - 1:+.1%} beside the best n-gram)")
    if plot is not None:
        _draw(found, plot)
    notes = [
        f"taught from {found.taught:,} letters, measured on {found.held_out:,}",
        f"best n-gram: {best.unit}s, order {best.order}: {best.a_letter:.3f} bits a letter",
    ]
    outputs = [plot] if plot is not None else []
    facts = asdict(found) | {"best": asdict(best)}
    report(as_json, started, outputs, seed=seed, model=model or None, notes=notes, **facts)


def _draw(found: Compared, path: Path) -> None:
    try:
        import matplotlib
    except ImportError as error:
        raise MissingError("--plot needs matplotlib; install it: pip install matplotlib") from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.2, 3), layout="constrained")
    for unit, style in (("word", "o-"), ("letter", "s--")):
        rows = [row for row in found.counted if row.unit == unit]
        orders, costs = [row.order for row in rows], [row.a_letter for row in rows]
        axes.plot(orders, costs, style, ms=3, label=f"n-grams of {unit}s")
    axes.axhline(found.learned, color="C3", label=f"transformer, {found.learned:.2f}")
    axes.set(xlabel="order", ylabel="bits a letter, held-out tenth")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    with placed(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
