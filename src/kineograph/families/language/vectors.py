"""Word vectors as a Model: a text in; a vector a word, likenesses, analogies and a map out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kineograph.families.language.model import length_of, text_of
from kineograph.families.language.plots import draw_map
from kineograph.families.language.settings import Vectors, three
from kineograph.families.language.words.skipgram import (
    MOST_WORDS,
    Near,
    Read,
    WordVectors,
    learned,
    read_words,
)
from kineograph.files import placed
from kineograph.products import FileProduct, beside, pyplot
from kineograph.record import record_of
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result

READINGS = 12_000_000  # words read in about a minute, at the usual width and window
MOST_EPOCHS = 100
START, LEARNED = 3.0, 4.5e-8  # seconds; of a word read, a number of it and a neighbour's place
LETTERS = 5.3  # of a word and its space
MAPPED, FUNCTION = 120, 60  # words of a map nobody chose: the commonest after so many
SHORT = 20_000  # words of a text that is told to be too short
NEIGHBOURS = 8  # of a word asked about, on the map


@dataclass(frozen=True)
class Answers:
    """Vectors, and what was asked of them; str() is the answers as a person reads them."""

    vectors: WordVectors
    like: Mapping[str, list[Near]] = field(default_factory=dict)
    analogy: Mapping[str, list[Near]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"like {word}: {_listed(found)}" for word, found in self.like.items()]
        for text, found in self.analogy.items():
            a, b, c = three(text)
            lines.append(f"{a} : {b} :: {c} : {_listed(found)}")
        return "\n".join(lines) or str(self.vectors)


@dataclass(frozen=True)
class VectorsProduct:
    """Vectors as word2vec's text format: "V D", then a word and its numbers a line."""

    answers: Answers

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (".txt",)

    def value(self) -> Answers:
        return self.answers

    def written(self, path: Path, record: Mapping[str, Any] | None) -> Iterator[Progress[Any]]:
        vectors = self.answers.vectors
        with placed(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(vectors.words)} {vectors.table.shape[1]}\n")
            for word, row in zip(vectors.words, vectors.table, strict=True):
                file.write(f"{word} {' '.join(f'{number:.6g}' for number in row.tolist())}\n")
        beside(path, record)
        yield Progress(1.0, "written", None)


class VectorsModel:
    """Skip-gram vectors behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[Vectors]) -> Forecast:
        """Learning by its measured rate."""
        settings = request.settings.resolved()
        source = settings.corpus or settings.vectors
        assert source is not None
        letters = length_of(source, "corpus" if settings.corpus else "vectors")
        if settings.corpus is None:
            return Forecast(1 + 4e-8 * letters, int(150e6 + 3 * letters), letters, "saved vectors")
        words = int(letters / LETTERS)
        epochs = settings.epochs or usual_epochs(words)
        width, window = settings.width or 100, settings.window or 5
        seconds = START + LEARNED * words * epochs * width * window / 5
        told = f"{words:,} words read {epochs} times"
        facts = {"letters": letters, "epochs": epochs}
        memory = int(250e6 + 20 * letters + 8 * width * min(MOST_WORDS, words // 20))
        return Forecast(seconds, memory, 10 * width * words // 100, told, facts)

    def make(self, request: Request[Vectors], seed: int) -> Iterator[Progress[Answers]]:
        """The epochs as they go by; the last step carries vectors and answers."""
        request = replace(request, settings=request.settings.resolved())
        settings = request.settings
        if "map" in request.extras:
            pyplot()  # tells now, not after the work, when it is not there
        facts: dict[str, Any] = {}
        vectors: WordVectors | None = None
        if settings.corpus is None:
            assert settings.vectors is not None
            vectors = parsed(text_of(settings.vectors, "vectors"))
        else:
            read = read_words(text_of(settings.corpus), settings.rare or 5)
            settings = settings.changed(epochs=settings.epochs or usual_epochs(len(read.ids)))
            request = replace(request, settings=settings)
            for step in _learning(read, settings, seed):
                vectors = step.value
                yield step._replace(value=None)
            facts["read"] = len(read.ids)
        assert vectors is not None
        answers = Answers(
            vectors,
            {word: vectors.like(word) for word in settings.like},
            {text: vectors.analogy(*three(text)) for text in settings.analogy},
        )
        facts |= {"words": len(vectors.words), "width": vectors.table.shape[1]}
        for name in ("like", "analogy"):
            if found := getattr(answers, name):
                facts[name] = {asked: [n._asdict() for n in near] for asked, near in found.items()}
        extras = {}
        if "map" in request.extras:
            extras["map"] = _map(answers, settings.show)
        record = record_of(self, request, seed)
        result: Result[Answers] = Result(
            VectorsProduct(answers), seed, record, tuple(_notes(settings, vectors)), facts, extras
        )
        yield Progress(1.0, "done", answers, None, result)


def usual_epochs(words: int) -> int:
    """How often a text of so many words is read in about a minute."""
    return max(1, min(MOST_EPOCHS, round(READINGS / max(1, words))))


def parsed(text: str) -> WordVectors:
    """The vectors of word2vec's text format. Raises InputError, naming the field, for others."""
    lines = text.split("\n")
    try:
        size, width = (int(part) for part in lines[0].split())
        if not (2 <= size <= 10 * MOST_WORDS and 2 <= width <= 1000 and size < len(lines)):
            raise ValueError(lines[0])
        rows = [line.rstrip().rsplit(" ", width) for line in lines[1 : size + 1]]
        table = np.array([row[1:] for row in rows], np.float32)
        words = tuple(row[0] for row in rows)
        if table.shape != (size, width) or len(set(words)) < size or not np.isfinite(table).all():
            raise ValueError(table.shape)
    except ValueError as error:
        problem, remedy = "holds no word vectors", "give a file in word2vec's text format"
        raise InputError("vectors", problem, remedy) from error
    return WordVectors(words, np.zeros(size, np.int64), table)


def _learning(read: Read, settings: Vectors, seed: int) -> Iterator[Progress[Any]]:
    assert settings.width and settings.window and settings.epochs
    width, window, epochs = settings.width, settings.window, settings.epochs
    return learned(read, seed, width=width, window=window, epochs=epochs)


def _map(answers: Answers, show: tuple[str, ...]) -> FileProduct:
    """The words asked about in a plane; where none are, common ones with a meaning of their own."""
    vectors, arrows = answers.vectors, []
    words = [*show]
    if not show:
        for word, found in answers.like.items():
            words += [word, *(near.word for near in found[:NEIGHBOURS])]
    for text, found in answers.analogy.items():
        a, b, c = three(text)
        arrows += [(a, b), (c, found[0].word)]
        words += [a, b, c, found[0].word]
    if not words:
        words = list(vectors.words[FUNCTION : FUNCTION + MAPPED] or vectors.words[:MAPPED])
    rows = list(dict.fromkeys(vectors.place(word, "show") for word in words))
    if len(rows) < 3:
        raise InputError("show", f"{len(rows)} words make no map", "name three or more")
    joined = [(vectors.place(a), vectors.place(b)) for a, b in arrows]
    return FileProduct(lambda path: draw_map(vectors, rows, joined, path), (".png",))


def _notes(settings: Vectors, vectors: WordVectors) -> Iterator[str]:
    if settings.corpus is not None:
        yield f"{vectors}, learned in {settings.epochs} readings"
        if (read := int(vectors.counts.sum())) < SHORT:
            yield f"only {read:,} words were read, which says little of any; a book tells more"


def _listed(found: list[Near]) -> str:
    return ", ".join(f"{near.word} {near.cosine:.2f}" for near in found)
