"""N-grams as a Model: a corpus in, text that reads like it out. It starts without torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kineograph.families.language.plots import draw_choices
from kineograph.families.language.settings import ByCounts, times_of
from kineograph.families.language.words import (
    Corpus,
    bits_by_order,
    choices,
    ngrams,
    read_corpus,
    read_text,
)
from kineograph.families.language.words.occurrences import LONGEST
from kineograph.families.language.words.saved import SUFFIX, read_counts, save_counts
from kineograph.families.language.words.writing import Written, write
from kineograph.products import FileProduct, TextProduct, pyplot
from kineograph.record import record_of
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.source import Source

HIGHEST = {"letter": 14, "word": 8, "line": 4}  # order of the plot
SEEN = 4_000  # letters, the last of the text so far, that a step shows
# Measured with one thread on a text of 4 MB, by word and by letter.
START, COUNTED, COPIED = 0.6, 1e-6, 5e-7  # seconds; a token of the corpus; a token written
EACH = {"letter": 1, "word": 5, "line": 40}  # bytes of a token, of English


class CountsModel:
    """N-grams (Shannon 1948) behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[ByCounts]) -> Forecast:
        """Reading, sorting and copying, each by its measured rate."""
        settings = request.settings.resolved()
        assert settings.n is not None
        letters = sum(length_of(source, name) * times for name, source, times in _corpora(settings))
        if settings.counts is not None:
            letters = settings.counts.there("counts").stat().st_size // 4 * EACH[settings.unit]
        tokens = letters / EACH[settings.unit]
        seconds = START + COUNTED * tokens + COPIED * settings.n
        told = f"{settings.n:,} {settings.unit}s of order {settings.order} from {letters:,} letters"
        file = EACH[settings.unit] * settings.n
        memory = int(200e6 + 80 * tokens + 20 * settings.n)
        return Forecast(seconds, memory, file, told, {"letters": letters})

    def make(self, request: Request[ByCounts], seed: int) -> Iterator[Progress[str]]:
        """The text as it grows, its last letters; the last step carries it with its map."""
        request = replace(request, settings=request.settings.resolved())
        settings = request.settings
        assert settings.order is not None and settings.n is not None
        order = settings.order
        if "plot" in request.extras:
            pyplot()  # tells now, not after the work, when it is not there
        corpus = _counted(settings)
        steps = write(
            ngrams(corpus, order),
            settings.n,
            seed,
            copy_limit=settings.copy_limit,
            start=settings.start,
        )
        made: Written | None = None
        so_far = settings.start
        for step in steps:
            if isinstance(step.value, Written):
                made = step.value
            else:
                so_far = (so_far + step.value)[-SEEN:]
                yield step._replace(done=min(step.done, 0.99), value=so_far)
        assert made is not None
        facts = _facts(made) | ({} if request.form else {"text": made.text})
        extras = {
            "map": FileProduct(lambda path: _save_map(made, path), (".npz",)),
            "save": FileProduct(lambda path: save_counts(corpus, order, path), (SUFFIX,)),
        }
        if "plot" in request.extras:
            extras["plot"] = _plot(made, facts)
        record = record_of(self, request, seed)
        result: Result[str] = Result(
            TextProduct(made.text), seed, record, tuple(_notes(made)), facts, extras
        )
        yield Progress(1.0, "done", made.text[-SEEN:], None, result)


def text_of(source: Source, field: str = "corpus") -> str:
    """The text of a file or of a value. Raises InputError, naming the field, for anything else."""
    if source.path is not None:
        return read_text(source.path, field)
    if not isinstance(source.value, str):
        raise InputError(field, f"a {type(source.value).__name__} is no text", "give a text file")
    try:
        source.value.encode()
    except UnicodeEncodeError as error:
        raise InputError(field, "holds half a surrogate pair", "read it as UTF-8") from error
    return source.value


def length_of(source: Source, field: str = "corpus") -> int:
    """About how many letters a text has, without reading it."""
    if source.path is None:
        return len(text_of(source, field))
    return source.there(field).stat().st_size


def _corpora(settings: ByCounts) -> list[tuple[str, Source, int]]:
    """Each corpus with its field's name, and how many times it counts."""
    times = times_of(settings.weights) if settings.weights else (1,) * (1 + len(settings.also))
    if settings.corpus is None:
        return []
    named = [("corpus", settings.corpus), *(("also", one) for one in settings.also)]
    return [(name, source, many) for (name, source), many in zip(named, times, strict=True)]


def _counted(settings: ByCounts) -> Corpus:
    """The corpus that is counted, or that was counted and saved."""
    if settings.counts is None:
        return read_corpus(_read(settings), settings.unit)
    return read_counts(settings.counts.there("counts"))


def _read(settings: ByCounts) -> str:
    """All corpora as one text, each as often as it counts, parted by blank lines."""
    parts: list[str] = []
    for name, source, times in _corpora(settings):
        parts += [text_of(source, name)] * times
    return "\n\n".join(parts)


def _save_map(written: Written, path: Path) -> None:
    np.savez_compressed(path, **written.source_map())  # type: ignore[arg-type]


def _plot(written: Written, facts: dict[str, Any]) -> FileProduct:
    """The two curves as a file, and as facts."""
    corpus = written.model.corpus
    highest = min(HIGHEST[corpus.unit], len(corpus) // 2)
    said = choices(corpus.ids, highest)
    orders = range(min(highest, 8) + 1)
    costs = bits_by_order(corpus, orders, round(0.9 * len(corpus))) if len(corpus) >= 100 else []
    facts["choices"] = [choice._asdict() for choice in said]
    facts["bits"] = [cost._asdict() for cost in costs]
    return FileProduct(lambda path: draw_choices(corpus, said, costs, path), (".png",))


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
        said.append("the start holds tokens that the corpus lacks; context begins after them")
    if 0 < written.branching < 1.5:
        ways = ["a lower order", "a longer corpus", "a copy limit"]
        ways += ["the unit letter"] * (corpus.unit == "word")
        said.append(f"mostly copied: use {', '.join(ways[:-1])} or {ways[-1]}")
    return said
