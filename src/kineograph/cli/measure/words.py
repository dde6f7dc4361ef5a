"""kineograph measure words: bits a letter of a text's end, by counting and by a transformer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from kineograph import recipe
from kineograph.cli.door import report, watch
from kineograph.cli.options import Door
from kineograph.evaluation.settings import Bits
from kineograph.evaluation.words import Compared, compared
from kineograph.families.language.words import read_text
from kineograph.families.language.words.language import LanguageModel
from kineograph.files import placed
from kineograph.products import pyplot
from kineograph.values.duration import seconds_of
from kineograph.values.errors import InputError


def tell(settings: Bits, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    text = read_text(settings.corpus.there("corpus"))
    language: Any = recipe.load(settings.model) if settings.model else None
    if settings.model and not isinstance(language, LanguageModel):
        raise InputError("model", f"'{settings.model}' is no language model", "use words")
    limit = seconds_of(settings.time_limit)
    found: Compared = watch(compared(text, language, seconds=limit, seed=settings.seed), "words")

    best, plot = found.best, asked.extras.get("plot")
    if not asked.as_json:
        for unit in ("word", "letter"):
            rows = [row for row in found.counted if row.unit == unit]
            print(f"{unit}s, order {rows[0].order} to {rows[-1].order}:", end=" ")
            print("  ".join(f"{row.a_letter:.3f}" for row in rows))
        print(f"transformer: {found.learned:.3f} bits a letter", end=" ")
        print(f"({found.learned / best.a_letter - 1:+.1%} beside the best n-gram)")
    if plot is not None:
        _draw(found, plot)
    notes = [
        f"trained on {found.trained:,} letters, measured on {found.held_out:,}",
        f"best n-gram: {best.unit}s, order {best.order}: {best.a_letter:.3f} bits a letter",
    ]
    facts = asdict(found) | {"best": asdict(best)}
    report(
        asked.as_json,
        started,
        [] if plot is None else [plot],
        seed=settings.seed,
        model=settings.model or None,
        notes=notes,
        **facts,
    )


def _draw(found: Compared, path: Path) -> None:
    draw = pyplot()
    figure, axes = draw.subplots(figsize=(5.2, 3), layout="constrained")
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
    draw.close(figure)
