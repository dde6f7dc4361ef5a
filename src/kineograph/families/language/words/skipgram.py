"""Which words keep like company? A vector a word, learned by guessing its neighbours.

Skip-gram with negative sampling (Mikolov et al. 2013, arXiv 1310.4546): the vector v of a word and
the vector u of a word near it are drawn together, those of k words drawn by chance apart:

    loss = -ln s(u.v) - sum over k of ln s(-u_k.v)        s(x) = 1 / (1 + exp(-x))

With room enough u.v becomes ln of how much oftener the two meet than chance has it, less ln k (Levy
and Goldberg 2014). One thread, one generator: a seed gives one table on one kind of processor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kineograph.families.language.words.corpus import Ids, read_corpus
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

Table = NDArray[np.float32]

MOST_WORDS = 100_000  # with a vector; the commonest
LEAST_WORDS = 20
POWER = 0.75  # of the counts by which words are drawn by chance
DRAWS = 2**20  # places of the table they are drawn from
PIECE = 100_000  # words of the text between two reports
RATE, LAST = 0.025, 0.01  # of learning; share of it that is left at the end


class Near(NamedTuple):
    """A word and the cosine to what was asked, -1 ... 1."""

    word: str
    cosine: float


@dataclass(frozen=True)
class WordVectors:
    """V words, commonest first, and their vectors.

    counts: (V,) how often each was met, 0 where that is not known. table: (V, D) float32.
    str() is one line.
    """

    words: tuple[str, ...] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    table: Table = field(repr=False)

    def __str__(self) -> str:
        return f"{len(self.words):,} words, {self.table.shape[1]} numbers each"

    def place(self, word: str, name: str = "word") -> int:
        """The row of a word, in whatever case it is given; InputError where it has none."""
        for form in (word.strip(), word.strip().lower()):
            if form in self.words:
                return self.words.index(form)
        raise InputError(name, f"'{word}' has no vector", "it is not in the text, or too rare")

    def like(self, word: str, count: int = 10) -> list[Near]:
        """The words with the nearest vectors, nearest first."""
        row = self.place(word, "like")
        return self._nearest(self.unit()[row], (row,), count)

    def analogy(self, a: str, b: str, c: str, count: int = 5) -> list[Near]:
        """What is to c as b is to a: the words nearest to b - a + c, none of the three."""
        rows = tuple(self.place(word, "analogy") for word in (a, b, c))
        one, two, three = self.unit()[list(rows)]
        return self._nearest(two - one + three, rows, count)

    def unit(self) -> NDArray[np.float64]:
        """(V, D) the vectors at length 1."""
        table = self.table.astype(np.float64)
        length = np.linalg.norm(table, axis=1, keepdims=True)
        unit: NDArray[np.float64] = table / np.maximum(length, 1e-12)
        return unit

    def _nearest(
        self, vector: NDArray[np.float64], without: tuple[int, ...], count: int
    ) -> list[Near]:
        cosines = self.unit() @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
        cosines[list(without)] = -2
        best = np.argsort(-cosines, kind="stable")[: min(count, len(cosines) - len(without))]
        return [Near(self.words[i], float(cosines[i])) for i in best]


class Read(NamedTuple):
    """A text as rows of a table: words, (V,) counts, (n,) rows, and where sentences begin."""

    words: tuple[str, ...]
    counts: NDArray[np.int64]
    ids: Ids
    starts: Ids


def read_words(text: str, least: int = 5) -> Read:
    """The words of a text in lower case, without marks; rows of those met `least` times or more.

    Raises InputError where fewer than 20 words are.
    """
    corpus = read_corpus(text, "word")
    forms = [token.strip().lower() for token in corpus.vocabulary]
    met = Counter[str]()
    for form, count in zip(forms, np.bincount(corpus.ids).tolist(), strict=True):
        if any(map(str.isalpha, form)):
            met[form] += count
    chosen = [word for word, count in met.most_common(MOST_WORDS) if count >= least]
    if len(chosen) < LEAST_WORDS:
        problem = f"has {len(chosen)} words that are met {least} times or more"
        raise InputError("corpus", problem, "give a longer text, or count rarer words in")
    rows = {word: row for row, word in enumerate(chosen)}
    of_token = np.array([rows.get(form, -1) for form in forms], np.int32)
    kept = of_token[corpus.ids] >= 0
    places = np.concatenate([[0], np.cumsum(kept)])
    starts = np.unique(places[corpus.starts]).astype(np.int32)
    ids = of_token[corpus.ids][kept]
    counts = np.array([met[word] for word in chosen], np.int64)
    return Read(tuple(chosen), counts, ids, starts[starts < len(ids)])


def learned(
    read: Read,
    seed: int,
    *,
    width: int = 100,
    window: int = 5,
    epochs: int = 10,
    chance: int = 5,
    common: float = 1e-3,
) -> Iterator[Progress]:
    """Learn the vectors; reports on the way, at the end `WordVectors`.

    window: words on each side that are neighbours, at most, within a sentence. chance: words drawn
    by chance for each neighbour. common: share of the text above which a word is left out at times.
    """  # fmt: skip
    rng = np.random.default_rng(seed)
    size = len(read.words)
    inner = ((rng.random((size, width), np.float32) - 0.5) / width).astype(np.float32)
    outer = np.zeros((size, width), np.float32)
    drawn, kept = draws(read.counts), keeping(read.counts, common)
    bounds = np.append(read.starts, len(read.ids))
    ends = np.searchsorted(bounds, np.arange(PIECE, len(read.ids) + PIECE, PIECE))
    pieces = sorted({0, *np.minimum(ends, len(read.starts)).tolist()})
    state = np.array([rng.integers(2**63)], np.uint64)
    for epoch in range(epochs):
        loss, pairs = 0.0, 0
        for first, last in pairwise(pieces):
            done = (epoch + bounds[first] / len(read.ids)) / epochs
            rate = RATE * max(LAST, 1 - done)
            more = train(
                read.ids, bounds[first : last + 1], kept, drawn, inner, outer, window, chance,
                rate, state,
            )  # fmt: skip
            loss, pairs = loss + more[0], pairs + more[1]
            told = f"epoch {epoch + 1} of {epochs}, loss {loss / max(1, pairs):.3f}"
            yield Progress(min(0.99, done), told, None)
    yield Progress(1.0, "learned", WordVectors(read.words, read.counts, inner))


def draws(counts: NDArray[np.int64]) -> Ids:
    """(DRAWS,) rows; each word in a share by its count to the power 3/4."""
    share = np.cumsum(counts**POWER)
    at = (np.arange(DRAWS) + 0.5) / DRAWS * share[-1]
    found: Ids = np.searchsorted(share, at).astype(np.int32)
    return found


def keeping(counts: NDArray[np.int64], common: float) -> NDArray[np.float32]:
    """(V,) the chance that a word of the text is kept, 0 ... 1 (word2vec's own rule)."""
    if common <= 0:
        return np.ones(len(counts), np.float32)
    ratio = common * counts.sum() / counts
    kept: Table = np.minimum(1, np.sqrt(ratio) + ratio).astype(np.float32)
    return kept


def _compiled(function: Any) -> Any:
    """Sums may be taken in the order that the processor likes."""
    return njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})(function)


@_compiled
def _drawn(state):  # type: ignore[no-untyped-def]
    """64 bits by splitmix64 (Steele, Lea and Flood 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    x = state[0]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@_compiled
def pull(v, outer, row, met, rate, change):  # type: ignore[no-untyped-def]
    """One word's u against v: -ln s(u.v) where they met, else -ln s(-u.v); the loss.

    u goes down its gradient at once; what v is to go is added to `change`.
    """
    u = outer[row]
    dot = np.float32(0)
    for i in range(len(v)):
        dot += u[i] * v[i]
    signed = dot if met else -dot
    wrong = 1 / (1 + np.exp(signed))  # s(-signed), the slope
    step = np.float32(rate * (wrong if met else -wrong))
    for i in range(len(v)):
        change[i] += step * u[i]
        u[i] += step * v[i]
    return np.log1p(np.exp(-signed)) if signed > -30 else -signed


@_compiled
def train(ids, bounds, kept, drawn, inner, outer, window, chance, rate, state):  # type: ignore[no-untyped-def]
    """Sentences bounds[i] ... bounds[i + 1] of a text once; (sum of losses, pairs)."""
    change = np.zeros(inner.shape[1], np.float32)
    loss, pairs = 0.0, 0
    for sentence in range(len(bounds) - 1):
        words = ids[bounds[sentence] : bounds[sentence + 1]].copy()
        count = 0
        for word in words:
            if kept[word] >= 1 or _drawn(state) / 2.0**64 < kept[word]:
                words[count] = word
                count += 1
        for i in range(count):
            reach = 1 + int(_drawn(state) % np.uint64(window))
            v = inner[words[i]]
            for j in range(max(0, i - reach), min(count, i + reach + 1)):
                if j == i:
                    continue
                change[:] = 0
                loss += pull(v, outer, words[j], True, rate, change)
                for _ in range(chance):
                    other = drawn[_drawn(state) % np.uint64(len(drawn))]
                    if other != words[j]:
                        loss += pull(v, outer, other, False, rate, change)
                for k in range(len(v)):
                    v[k] += change[k]
                pairs += 1
    return loss, pairs
