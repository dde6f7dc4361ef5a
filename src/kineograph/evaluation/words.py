"""What does the end of a text cost, counted and learned, in bits a letter, on equal terms?

Counting (interpolated Kneser-Ney of words and of letters, every order) and the transformer are
trained on the same first part of the same tidy text and pay for the same rest, letter for letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kineograph.families.language.objective import first_part, trained_on
from kineograph.families.language.words import bits_by_order, read_corpus
from kineograph.families.language.words.corpus import tidy
from kineograph.families.language.words.language import LanguageModel, cost
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

HELD_OUT = 0.1
HIGHEST: dict[Literal["word", "letter"], int] = {"word": 6, "letter": 10}


@dataclass(frozen=True)
class Counted:
    """What one n-gram pays: unit and order, bits a letter."""

    unit: str
    order: int
    a_letter: float


@dataclass(frozen=True)
class Compared:
    """Bits a letter of the held-out end of a text.

    trained, held_out: letters. counted: every n-gram. learned: the transformer.
    """

    trained: int
    held_out: int
    counted: tuple[Counted, ...]
    learned: float

    @property
    def best(self) -> Counted:
        """The n-gram that pays least."""
        return min(self.counted, key=lambda row: row.a_letter)


def compared(
    text: str, language: LanguageModel | None, *, seconds: float = 180.0, seed: int = 0
) -> Iterator[Progress]:
    """Measure on the last tenth of a text; the last value is a Compared.

    language: a model that has not seen the last tenth, or None to teach one for so many seconds.
    """
    text = tidy(text, "word")
    begin = first_part(text, HELD_OUT)
    end = text[len(begin) :]
    if len(end) < 100:
        raise InputError("corpus", f"has {len(text):,} letters", "give 1,000 or more")
    if language is None:
        for step in trained_on(begin, "measured", seconds=seconds, seed=seed):
            yield Progress(0.6 * step.done, f"teaching, {step.note}", None)
        language = step.value[1]
    yield Progress(0.6, "transformer", None)
    learned = cost(language, end)
    counted: list[Counted] = []
    for i, (unit, highest) in enumerate(HIGHEST.items()):
        yield Progress(0.7 + 0.1 * i, f"{unit}s", None)
        corpus = read_corpus(text, unit)
        fitted = int(np.searchsorted(corpus.offsets(), len(begin)))
        rows = bits_by_order(corpus, range(highest + 1), fitted)
        counted += [Counted(unit, row.order, row.a_letter) for row in rows]
    yield Progress(1.0, "done", Compared(len(begin), len(end), tuple(counted), learned))
