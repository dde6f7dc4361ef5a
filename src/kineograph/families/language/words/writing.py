"""Text that reads like a corpus: n-grams of letters, words or lines (Shannon 1948; Mark V. Shaney).

`write` is the maker. Its walk is the loop of `sequence/draw.py` compiled for one case, evenly drawn
places; `Ngrams` gives the same probabilities to `extend`, where every draw rule works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kineograph.families.language.words.corpus import Corpus, Ids, tidy
from kineograph.families.language.words.counts import continuations
from kineograph.families.language.words.occurrences import (
    LONGEST,
    Copied,
    Index,
    everywhere,
    index,
    longest_copied,
    runs,
    stretch,
    walk,
)
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from kineograph.values.prompt import Cond

MAX_ORDER = 1_000
MAX_WRITTEN = 100_000_000
PIECE = 250_000  # tokens between two reports
SHOWN = 64  # tokens, from the first, that are reports of their own, with their choices
MOST_COUNTED = 50_000  # places of a context whose continuations are counted for a report


@dataclass(frozen=True)
class Ngrams:
    """A corpus that says what comes next after up to `index.order` tokens; a NextSymbol."""

    corpus: Corpus
    index: Index = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.corpus.vocabulary)

    @cached_property
    def continuations(self) -> NDArray[np.int64]:
        """(N,) how many different tokens follow the context of `order` tokens that ends here."""
        if self.index.order == 0:
            return np.full(len(self.corpus), self.size, np.int64)
        return continuations(self.corpus.ids, self.index.order)

    def counts(self, context: Ids) -> NDArray[np.int64]:
        """(V,) how often each token follows the longest end of `context` that is continued."""
        for length in range(min(self.index.order, len(context)), -1, -1):
            low, high = stretch(self.index.ids, self.index.places, context, len(context), length)
            if high > low:
                return np.bincount(self.following(low, high), minlength=self.size)
        raise AssertionError("a corpus has two tokens or more, so the empty context is continued")

    def following(self, low: int, high: int) -> Ids:
        """The tokens after the places low … high - 1 of the index."""
        return self.corpus.ids[(self.index.places[low:high] + 1) % len(self.corpus)]

    def advance(
        self, symbols: Tensor, memory: Tensor | None, cond: Cond | None
    ) -> tuple[Tensor, Tensor]:
        """NextSymbol: (B, V) log-counts after the last tokens; may begin from nothing."""
        import torch

        past = symbols if memory is None else torch.cat([memory, symbols], dim=1)
        past = past[:, max(0, past.shape[1] - self.index.order) :]  # (B, up to order)
        rows = [self.counts(row) for row in past.cpu().numpy().astype(np.int32)]
        return torch.from_numpy(np.stack(rows)).double().log().to(symbols.device), past


def ngrams(corpus: Corpus, order: int) -> Ngrams:
    """The n-grams of a corpus: contexts of up to `order` tokens, 0 ≤ order < N.

    Order 0 has no context: every token is drawn by its share of the whole corpus.
    """
    if not 0 <= order <= MAX_ORDER:
        raise InputError("order", f"{order} is not in 0 … {MAX_ORDER:,}")
    if len(corpus) <= order:
        raise InputError(
            "corpus",
            f"has {len(corpus):,} {corpus.unit}s, too few for order {order}",
            "use a lower order or a longer text",
        )
    return Ngrams(corpus, index(corpus.ids, order) if order else everywhere(corpus.ids))


@dataclass(frozen=True)
class Written:
    """What was written and where each token came from.

    text: the tokens joined. ids: (n,) token numbers, V for a given token the corpus lacks.
    source: (n,) position in the corpus each was copied from; -1 for given ones.
    used: (n,) length of the context it was drawn with, cut below the order by back-off; 0 for
    the `given` first ones.
    """

    text: str
    ids: Ids = field(repr=False)
    source: Ids = field(repr=False)
    used: NDArray[np.int16] = field(repr=False)
    given: int
    model: Ngrams = field(repr=False)

    @cached_property
    def copied(self) -> Copied:
        """The longest run that stands in the corpus word for word, exactly."""
        return longest_copied(self.ids, self.model.corpus.ids)

    def source_map(self) -> dict[str, NDArray[np.int64]]:
        """Where each token came from, (n,) each; -1 for given tokens.

        source: its position in the corpus; source_letter: the letter of the tidy corpus where it
        begins; text_letter: the letter of `text` where it begins; used: length of its context.
        """
        corpus, given = self.model.corpus, np.arange(len(self.ids)) < self.given
        sizes = np.array([len(token) for token in (*corpus.vocabulary, "")])
        ends = len(self.text) - np.cumsum(sizes[self.ids[::-1]])[::-1]
        return {
            "source": self.source.astype(np.int64),
            "source_letter": np.where(given, -1, corpus.offsets()[self.source]),
            "text_letter": np.where(given, -1, np.maximum(ends, 0)),
            "used": np.where(given, -1, self.used),
        }

    @property
    def branching(self) -> float:
        """Mean number of different tokens that could follow the visited contexts of full order.

        1 means that the text had no choice and is a copy; 0 that no context of full order was met.
        """
        full = np.flatnonzero(self.used[1:] == self.model.index.order)
        places = self.source[1:][full] - 1  # the place whose continuation was copied
        return float(self.model.continuations[places].mean()) if len(full) else 0.0

    @property
    def backed_off(self) -> float:
        """Share of the drawn tokens whose context was cut below the order, in 0 … 1."""
        drawn = self.used[max(self.given, self.model.index.order) :]
        return float((drawn < self.model.index.order).mean()) if len(drawn) else 0.0

    @property
    def adjacent(self) -> float:
        """Share of the drawn tokens copied from right after their neighbour's place, in 0 … 1."""
        steps = np.diff(self.source[self.given :])
        return float((steps == 1).mean()) if len(steps) else 0.0


def write(
    model: Ngrams, n: int, seed: int, *, copy_limit: int = 0, start: str = ""
) -> Iterator[Progress]:
    """Write n tokens after `start`; yields pieces of text on the way and a `Written` at the end.

    The facts of the first steps hold `choices`: of which tokens the last was drawn, with shares.

    copy_limit: no run of more tokens than this stands in the corpus (runs inside `start` are not
    ours); it must be above the order, whose contexts are copies themselves; 0 sets no limit.
    start: what has been said; without it a sentence of the corpus begins.
    """
    corpus, order = model.corpus, model.index.order
    if not 1 <= n <= MAX_WRITTEN:
        raise InputError("n", f"{n:,} is not in 1 … {MAX_WRITTEN:,}")
    if copy_limit and not order < copy_limit <= LONGEST:
        raise InputError(
            "copy_limit",
            f"{copy_limit}, but order {order} copies {order + 1} {corpus.unit}s at every step",
            f"use {order + 1} … {LONGEST:,}, or a lower order",
        )
    given = corpus.encode(start, inside=True)
    return _written(model, given, n, seed, copy_limit, start)


def _written(
    model: Ngrams, given: Ids, n: int, seed: int, limit: int, start: str
) -> Iterator[Progress]:
    corpus, places = model.corpus, model.index
    out = np.concatenate([given, np.zeros(n, np.int32)])
    source = np.full(len(out), -1, np.int32)
    used = np.zeros(len(out), np.int16)
    begin = len(given)
    if begin == 0:
        first = np.random.default_rng(seed).choice(corpus.starts)
        out[0], source[0], begin = corpus.ids[first], first, 1
    table = runs(corpus.ids, limit + 1) if limit else np.zeros(1, np.int32)
    # without a context the first token follows the last, so that it can be drawn too
    ids = corpus.ids if places.order else np.append(corpus.ids, corpus.ids[:1])

    text = [tidy(start, corpus.unit) if start else corpus.text(out[:1]).lstrip()]
    while begin < len(out):
        alone = begin < len(given) + SHOWN
        end = min(begin + (1 if alone else PIECE), len(out))
        reached = walk(
            ids, places.places, places.spans, places.order, table, limit,
            out, source, used, begin, end, seed,
        )  # fmt: skip
        if reached < end:
            raise InputError(
                "copy_limit",
                f"{limit}: after {reached - len(given):,} {corpus.unit}s every continuation would"
                " complete a longer copy",
                "raise it",
            )
        source[begin:end] %= len(corpus)
        text.append(corpus.text(out[begin:end]))
        facts = {"choices": _choices(model, out, begin, int(used[begin]))} if alone else None
        begin = end
        yield Progress((begin - len(given)) / n, f"{begin:,} {corpus.unit}s", text[-1], facts)
    whole = Written("".join(text), out, source, used, len(given), model)
    yield Progress(1.0, "done", whole)


def _choices(model: Ngrams, out: Ids, i: int, length: int) -> list[list[str | float]]:
    """What could stand in place of token i after its `length` tokens: the 8 likeliest, and shares.

    None are listed where counting them would take longer than drawing did.
    """
    low, high = stretch(model.index.ids, model.index.places, out, i, length)
    if high - low > MOST_COUNTED:
        return []
    tokens, counts = np.unique(model.following(low, high), return_counts=True)
    best = np.argsort(-counts, kind="stable")[:8]
    names, shares = model.corpus.vocabulary, counts / counts.sum()
    return [[names[tokens[k]], float(shares[k])] for k in best]
