"""What can be set when text is written that reads like a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from kineograph.values.adapters import Adapted
from kineograph.values.duration import seconds_of
from kineograph.values.errors import InputError
from kineograph.values.settings import Extra, Settings, setting
from kineograph.values.source import Source, TextSource

LEARNED = "Of a transformer"
UNIT, BY = "What is counted, or read.", "What answers: counting, or a learned model."
COUNT = "Tokens to write: 200 words, 1000 letters, 20 lines; a transformer 300 pieces."
MOST_TIMES = 1000
USUAL = {"letter": (6, 1000), "word": (2, 200), "line": (1, 20)}
"unit: (order, tokens to write)"
MAP = Extra(suffixes=(".npz",), help="Write where each token came from")
PLOT = Extra(suffixes=(".png",), help="Draw how little choice and how many bits each order leaves")
ATTENTION = Extra(suffixes=(".png",), help="Draw where it looked as it wrote")
MAPPED = Extra(suffixes=(".png",), help="Draw words as places in a plane")
SAVE = Extra(suffixes=(".npz",), help="Save what was counted in this file")
KEEP = Extra(suffixes=("",), help="Keep the model learned in this folder")


class ByCounts(Settings):
    """N-grams of letters, words or lines (Shannon 1948; Mark V. Shaney)."""

    verb: ClassVar[str] = "write"
    about: ClassVar[str] = "text by counts"
    forms: ClassVar[tuple[str, ...]] = (".txt",)
    spoken: ClassVar[bool] = True
    extras: ClassVar[Mapping[str, Extra]] = {"map": MAP, "plot": PLOT, "save": SAVE}

    corpus: TextSource | None = setting(None, "Text file in UTF-8.", place=True)
    by: Literal["counts"] = setting("counts", BY)
    counts: Source | None = setting(None, "What was counted and saved before, in place of a text.")
    unit: Literal["word", "letter", "line"] = setting("word", UNIT)
    order: int | None = setting(
        None, "Tokens of context: by word 2, by letter 6, by line 1; 0 none.", least=0, most=1000
    )
    n: int | None = setting(None, COUNT, least=1, most=100_000_000)
    also: tuple[TextSource, ...] = setting((), "Another corpus beside the first.")
    weights: str = setting(
        "", "How much each corpus counts for its length, as 2,1; usually the same."
    )
    copy_limit: int = setting(
        0, "Never copy more tokens in a row than this; 0 sets no limit.", least=0, most=2000
    )
    start: str = setting("", "How the text begins.")

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return not Learned.wanted(values)

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if (self.corpus is None) == (self.counts is None):
            problem = "is missing" if self.corpus is None else "and saved counts are both given"
            raise InputError("corpus", problem, "give a text to count, or saved counts")
        if self.counts is not None and self.also:
            raise InputError("also", "is not for saved counts", "count both texts anew")
        if self.weights and len(times_of(self.weights)) != 1 + len(self.also):
            problem = f"'{self.weights}' is not one number for each of {1 + len(self.also)} corpora"
            raise InputError("weights", problem, "write them as 2,1")
        return self

    def resolved(self) -> Self:
        """With the order and the length that the unit, or saved counts, usually have."""
        unit, (order, n) = self.unit, USUAL[self.unit]
        if self.counts is not None:
            from kineograph.families.language.words.saved import read_about

            unit, order = read_about(self.counts.there("counts"))
            n = USUAL[unit][1]
            if "unit" in self.model_fields_set and self.unit != unit:
                raise InputError("unit", f"'{self.unit}', but {unit}s were counted", "leave it out")
        return self.changed(
            unit=unit,
            order=order if self.order is None else self.order,
            n=n if self.n is None else self.n,
        )


def times_of(weights: str) -> tuple[int, ...]:
    """How many times each corpus is read, from "2,1" or "0.5,1": whole numbers in that ratio.

    Raises InputError when one is no number in 0.01 … 100, or their ratio needs over 1,000 times.
    """
    try:
        ratios = [Fraction(word.strip()).limit_denominator(100) for word in weights.split(",")]
    except (ValueError, ZeroDivisionError):
        raise InputError("weights", f"'{weights}' are no numbers", "write them as 2,1") from None
    if not all(Fraction(1, 100) <= ratio <= 100 for ratio in ratios):
        raise InputError("weights", f"'{weights}' are not in 0.01 … 100", "write them as 2,1")
    whole = lcm(*(ratio.denominator for ratio in ratios))
    times = [int(ratio * whole) for ratio in ratios]
    shared = gcd(*times)
    if max(times) // shared > MOST_TIMES:
        raise InputError("weights", f"'{weights}' have no simple ratio", "write them as 2,1")
    return tuple(one // shared for one in times)


class Learned(Adapted):
    """A transformer over byte pairs, trained on the corpus or kept from before."""

    verb: ClassVar[str] = "write"
    about: ClassVar[str] = "text by a transformer"
    forms: ClassVar[tuple[str, ...]] = (".txt",)
    spoken: ClassVar[bool] = True
    extras: ClassVar[Mapping[str, Extra]] = {"attention": ATTENTION, "keep": KEEP}

    corpus: TextSource | None = setting(None, "Text file in UTF-8.", place=True)
    by: Literal["transformer"] = setting("transformer", BY)
    unit: Literal["word", "letter"] = setting("word", UNIT)
    n: int | None = setting(None, COUNT, least=1, most=1_000_000)
    start: str = setting("", "How the text begins.")
    model: str | None = setting(None, "Let a kept model go on: words, or a folder.", panel=LEARNED)
    time_limit: str = setting(
        "", "Learn the corpus for this long: 90s, 3m, 1h. Usually 3m.", panel=LEARNED
    )
    temperature: float = setting(1.0, "Below 1 bolder, 0 the best always.", least=0, panel=LEARNED)
    top_k: int | None = setting(None, "Draw from the k best.", least=1, panel=LEARNED)
    top_p: float = setting(
        1.0, "Draw from the best that hold this share.", above=0, most=1, panel=LEARNED
    )
    nearest: str = setting("", "Name the words nearest to this one.", panel=LEARNED)

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return bool(values.get("by", values.get("model") and "transformer") == "transformer")

    @field_validator("time_limit")
    @classmethod
    def _limit(cls, text: str) -> str:
        if text and not 1 <= (seconds := seconds_of(text)) <= 30 * 86400:
            raise InputError("time_limit", f"{seconds:g} s is not in 1 s … 30 days")
        return text

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.corpus is None) == (not self.model):
            problem = "and a model are both given" if self.model else "is missing"
            raise InputError("corpus", problem, "give a text to learn from, or a kept model")
        if self.adapter and not self.model:
            raise InputError("adapter", "is of a kept model, and none is named", "name its model")
        if self.model and self.time_limit:
            raise InputError("time_limit", "is for learning, a kept model has learned", "leave it")
        return self

    def resolved(self) -> Self:
        """With the time that is usually taken to learn."""
        learns = self.corpus is not None and not self.time_limit
        return self.changed(time_limit="3m") if learns else self


def three(text: str) -> tuple[str, str, str]:
    """(A, B, C) from "A,B,C"."""
    words = [part.strip() for part in text.split(",")]
    if len(words) != 3 or not all(words):
        raise InputError("analogy", f"'{text}' are not three words", "write man,king,woman")
    return words[0], words[1], words[2]


class Vectors(Settings):
    """A vector a word, learned by guessing which words stand near it (Mikolov et al. 2013)."""

    verb: ClassVar[str] = "vectors"
    about: ClassVar[str] = "word vectors"
    forms: ClassVar[tuple[str, ...]] = (".txt",)
    spoken: ClassVar[bool] = True
    aloud: ClassVar[bool] = True
    extras: ClassVar[Mapping[str, Extra]] = {"map": MAPPED}

    corpus: TextSource | None = setting(None, "Text file in UTF-8.", place=True)
    vectors: TextSource | None = setting(None, "Vectors saved before, in place of a text.")
    like: tuple[str, ...] = setting((), "Name the words most like this one; repeat.")
    analogy: tuple[str, ...] = setting(
        (), "Three words, as man,king,woman: what is to woman as king is to man? Repeat."
    )
    show: tuple[str, ...] = setting((), "A word of the map; repeat. Usually those asked about.")
    width: int | None = setting(None, "Numbers a word; usually 100.", least=2, most=1000)
    window: int | None = setting(
        None, "Words on each side that are neighbours; usually 5.", least=1, most=100
    )
    epochs: int | None = setting(
        None,
        "How often the text is read; usually for a minute, at most 100 times.",
        least=1,
        most=10_000,
    )
    rare: int | None = setting(
        None, "Words met fewer times have no vector; usually 5.", least=1, most=1_000_000
    )

    @field_validator("analogy")
    @classmethod
    def _threes(cls, questions: tuple[str, ...]) -> tuple[str, ...]:
        for text in questions:
            three(text)
        return questions

    @property
    def drawn(self) -> bool:  # type: ignore[override]
        """Chance takes part in learning alone."""
        return self.vectors is None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.corpus is None) == (self.vectors is None):
            problem = "is missing" if self.corpus is None else "and saved vectors are both given"
            raise InputError("corpus", problem, "give a text, or saved vectors")
        for name in ("width", "window", "epochs", "rare"):
            if self.vectors is not None and getattr(self, name) is not None:
                raise InputError(name, "is for learning, and saved vectors are given", "leave it")
        return self

    def resolved(self) -> Self:
        """With what is usual where vectors are learned; the model says how often a text is read."""
        if self.corpus is None:
            return self
        usual = {"width": 100, "window": 5, "rare": 5}
        said = {name: getattr(self, name) for name in usual if getattr(self, name) is not None}
        return self.changed(**(usual | said))
