"""kineograph write: text that reads like a corpus, by counting or by a transformer."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.cli.language import Asked, write_learned
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError

if TYPE_CHECKING:
    from kineograph.words import Bits, Choice, Corpus, Written

app = typer.Typer(add_completion=False)


class Unit(StrEnum):
    letter = "letter"
    word = "word"
    line = "line"


class By(StrEnum):
    counts = "counts"
    transformer = "transformer"


LEARNED = "With --by transformer"
# unit: (order, tokens to write, highest order of the plot)
DEFAULTS = {Unit.letter: (6, 1000, 14), Unit.word: (2, 200, 8), Unit.line: (1, 20, 4)}


@app.command()
def write(
    corpus: Annotated[
        Path | None, typer.Argument(help="Text file in UTF-8.", metavar="CORPUS")
    ] = None,
    order: Annotated[
        int | None,
        typer.Option(
            help="Tokens of context. By word 2, by letter 6, by line 1.", show_default=False
        ),
    ] = None,
    unit: Annotated[Unit, typer.Option(help="What is counted.")] = Unit.word,
    by: Annotated[By, typer.Option(help="What answers: counting, or a learned model.")] = By.counts,
    n: Annotated[
        int | None,
        typer.Option(
            "-n",
            help="Tokens to write: 200 words, 1000 letters, 20 lines; a transformer 300 pieces.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", help="Text file to write.")] = None,
    copy_limit: Annotated[
        int, typer.Option(help="Never copy more tokens in a row than this; 0: no limit.")
    ] = 0,
    start: Annotated[str, typer.Option(help="How the text begins.")] = "",
    source_map: Annotated[
        Path | None, typer.Option("--map", help="Write where each token came from (.npz).")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw how little choice and how many bits each order leaves (.png)."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="Let a kept model go on: words, or a folder.", rich_help_panel=LEARNED),
    ] = "",
    time_limit: Annotated[
        str,
        typer.Option(
            help="Learn the corpus for this long: 90s, 3m, 1h. Usually 3m.", rich_help_panel=LEARNED
        ),
    ] = "",
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep the model learned in this folder.", rich_help_panel=LEARNED),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Below 1 bolder, 0 the best always.", rich_help_panel=LEARNED)
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Draw from the k best.", rich_help_panel=LEARNED)
    ] = None,
    top_p: Annotated[
        float,
        typer.Option(help="Draw from the best that hold this share.", rich_help_panel=LEARNED),
    ] = 1.0,
    nearest: Annotated[
        str, typer.Option(help="Name the words nearest to this one.", rich_help_panel=LEARNED)
    ] = "",
    attention: Annotated[
        Path | None,
        typer.Option(help="Draw where it looked as it wrote (.png).", rich_help_panel=LEARNED),
    ] = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """What comes next: write text that reads like the corpus, by counting or by a transformer."""
    started = time.perf_counter()
    learned = by is By.transformer or bool(model)
    drawn = (temperature, top_k, top_p) != (1.0, None, 1.0)
    _refuse(
        learned,
        {"--order": order, "--copy-limit": copy_limit, "--map": source_map, "--plot": plot},
        {"--time-limit": time_limit, "--keep": keep, "--temperature, --top-k, --top-p": drawn}
        | {"--nearest": nearest, "--attention": attention},
    )
    checks = ((out, [".txt"], "-o"), (source_map, [".npz"], "--map"), (plot, [".png"], "--plot"))
    for path, suffixes, name in (*checks, (attention, [".png"], "--attention")):
        if path is not None:
            checked_output(path, suffixes, force, name)
    if learned:
        draws = (temperature, top_k, top_p)
        options = (time_limit, keep, *draws, nearest, attention, as_json, started)
        write_learned(Asked(corpus, model, unit.value, n, out, start, seed, *options))
        return
    if corpus is None:
        raise InputError("CORPUS", "is missing", "give a text file, or --model words")
    usual_order, usual_n, highest = DEFAULTS[unit]
    seed = chosen_seed(seed)

    import numpy as np

    from kineograph.words import bits_by_order, choices, ngrams, read_corpus, read_text
    from kineograph.words import write as make

    text = read_corpus(read_text(corpus), unit.value)
    grams = ngrams(text, usual_order if order is None else order)
    steps = make(grams, usual_n if n is None else n, seed, copy_limit=copy_limit, start=start)
    written: Written = watch(steps, "writing")

    facts = _facts(written)
    if out is None:
        if not as_json:
            print(written.text)
        facts["text"] = written.text
    else:
        with placed(out) as part:
            part.write_text(written.text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    if source_map is not None:
        with placed(source_map) as part:
            np.savez_compressed(part, **written.source_map())  # type: ignore[arg-type]
    if plot is not None:
        highest = min(highest, len(text) // 2)
        said = choices(text.ids, highest)
        orders = range(min(highest, 8) + 1)
        costs = bits_by_order(text, orders, round(0.9 * len(text))) if len(text) >= 100 else []
        _draw(text, said, costs, plot)
        facts["choices"] = [choice._asdict() for choice in said]
        facts["bits"] = [cost._asdict() for cost in costs]
    outputs = [path for path, _, _ in checks if path is not None]
    report(as_json, started, outputs, seed=seed, notes=_notes(written), **facts)


def _refuse(learned: bool, counting: dict[str, Any], learning: dict[str, Any]) -> None:
    """No option of the one way of answering is passed over in silence by the other."""
    for name, given in (counting if learned else learning).items():
        if given:
            other = "counts" if learned else "transformer"
            raise InputError(name, "is not for this way of answering", f"use it with --by {other}")


def _facts(written: Written) -> dict[str, Any]:
    corpus = written.model.corpus
    length, at, origin = written.copied
    return {
        "unit": corpus.unit,
        "order": written.model.index.order,
        "corpus_tokens": len(corpus),
        "vocabulary": len(corpus.vocabulary),
        "branching": written.branching,
        "backed_off": written.backed_off,
        "adjacent": written.adjacent,
        "longest_copied": {"length": length, "at": at, "corpus_at": origin},
    }


def _notes(written: Written) -> list[str]:
    """The copy report, for people."""
    from kineograph.words.occurrences import LONGEST

    corpus, copied = written.model.corpus, written.copied
    quoted = corpus.text(corpus.ids[copied.origin : copied.origin + copied.length]).strip()
    quoted = quoted if len(quoted) <= 160 else f"{quoted[:80]} … {quoted[-80:]}"
    more = " or more" if copied.length == LONGEST else ""
    said = [
        f"corpus: {len(corpus):,} {corpus.unit}s, {len(corpus.vocabulary):,} different",
        f"mean branching factor {written.branching:.2f}, backed off {written.backed_off:.1%}",
        f"longest copied run: {copied.length:,}{more} {corpus.unit}s: {quoted}",
    ]
    if written.given and (written.ids[: written.given] == len(corpus.vocabulary)).any():
        said.append("--start holds tokens that the corpus lacks; context begins after them")
    if 0 < written.branching < 1.5:
        said.append("mostly copied: use a lower --order, a longer corpus or a --copy-limit")
    return said


def _draw(corpus: Corpus, said: list[Choice], costs: list[Bits], path: Path) -> None:
    """The lecture's closing argument as a picture."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingError("--plot needs matplotlib; install it: pip install matplotlib") from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained")
    orders = [choice.order for choice in said]
    left.plot(orders, [choice.one_way for choice in said], "o-", ms=3, label="of all contexts")
    left.plot(
        orders, [choice.one_way_met for choice in said], "s--", ms=3, label="as met in the text"
    )
    left.set(xlabel=f"context, {corpus.unit}s", ylim=(0, 1.02), title="share with one continuation")
    left.legend(frameon=False, fontsize=8)
    right.plot([c.order for c in costs], [c.a_letter for c in costs], "o-", ms=3, color="C2")
    right.set(xlabel=f"context, {corpus.unit}s", title="bits a letter, held-out tenth")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.title.set_fontsize(9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)
