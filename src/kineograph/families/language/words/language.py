"""What comes next in a text, by a learned model: it writes, it has words' neighbours, it looks.

The model is any NextSymbol over byte pairs; the one loop of `chain` writes. Words that stand in
like company lie close in the learned table, measured by the cosine. `cost` gives bits a letter,
which may be compared with those of counting (`counts.bits`) on the same held-out text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from kineograph.families.language.words.byte_pairs import BytePairs
from kineograph.sequence.draw import Draw, NextSymbol, Observed, extend, row_generators, top_shares
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

MOST_WRITTEN = 1_000_000
MOST_LOOKED = 64  # symbols on a picture of attention
SHOWN = 64  # symbols, from the first, that are steps of their own


@dataclass(frozen=True)
class LanguageModel:
    """A learned model of texts. Legend: B rows, N symbols, D width, A heads.

    model: what comes next. pairs: texts to symbols and back. vectors: (size, D) learned table.
    foretell: (B, N) to log-weights (B, N, size) of each symbol from those before it, N ≤ window.
    look: (B, N) to (blocks, B, A, N, N): where each place looks as it foretells its symbol;
    column 0 is the beginning, column n symbol n - 1.
    """

    model: NextSymbol
    pairs: BytePairs
    vectors: Tensor = field(repr=False)
    foretell: Callable[[Tensor], Tensor] = field(repr=False)
    look: Callable[[Tensor], Tensor] = field(repr=False)
    window: int


@dataclass(frozen=True)
class Said:
    """What was written: `text`, its beginning included; `symbols` that were drawn."""

    text: str
    symbols: tuple[int, ...] = field(repr=False)


def continued(
    language: LanguageModel, n: int, seed: int, *, draw: Draw | None = None, start: str = ""
) -> Iterator[Progress]:
    """Write n symbols after `start`; yields the text so far and a `Said` at the end.

    The facts of a step hold `choices`: the likeliest pieces, of which its last one was drawn, and
    their shares. A start begins a paragraph; without one a paragraph begins.
    """
    if not 1 <= n <= MOST_WRITTEN:
        raise InputError("n", f"{n:,} is not in 1 … {MOST_WRITTEN:,}")
    return _continued(language, n, seed, draw or Draw(), start)


def _continued(
    language: LanguageModel, n: int, seed: int, draw: Draw, start: str
) -> Iterator[Progress]:
    pairs = language.pairs
    begin = pairs.tidy(start) + (" " if start.endswith(" ") else "")
    given = torch.from_numpy(pairs.symbols("\n\n" + begin)).long()[None]  # (1, N)
    said: list[int] = []
    model = Observed(language.model)
    for symbol in extend(model, given, n, draw, row_generators([seed])):
        said.append(int(symbol))
        if (len(said) <= SHOWN or len(said) % 32 == 0) and len(said) < n:
            note, so_far = f"{len(said):,} {pairs.unit}s", begin + pairs.text(said)
            yield Progress(len(said) / n, note, so_far, {"choices": _choices(model, draw, pairs)})
    text = (begin + pairs.text(said).rstrip("\ufffd")).lstrip("\n")
    yield Progress(1.0, "done", Said(text, tuple(said)))


def _choices(model: Observed, draw: Draw, pairs: BytePairs) -> list[list[str | float]]:
    """The pieces that could have come in place of the last one, with their shares."""
    assert model.log_weights is not None
    return [[pairs.text([i]), share] for i, share in top_shares(draw(model.log_weights)[0])]


# -- cost ------------------------------------------------------------------------------------------


def cost(language: LanguageModel, text: str, *, batch: int = 32) -> float:
    """Mean bits a letter of a text as it stands, each symbol foretold from those before it.

    Windows overlap, so that all symbols but the first have half a window before them or more.
    """
    symbols = torch.from_numpy(language.pairs.symbols(text)).long()
    window, step = language.window, max(1, language.window // 4)
    if not len(symbols):
        raise InputError("text", "is empty")
    starts = range(0, max(1, len(symbols) - window + step), step)
    nats, done = 0.0, 0
    rows: list[tuple[int, Tensor]] = []  # first symbol that counts, window of symbols
    for start in starts:
        row = symbols[start : start + window]
        rows.append((done - start, row))
        done = start + len(row)
        if len(rows) == batch or done == len(symbols):
            nats += _nats(language, rows)
            rows = []
    return nats / math.log(2) / len(text)


def _nats(language: LanguageModel, rows: list[tuple[int, Tensor]]) -> float:
    padded = torch.nn.utils.rnn.pad_sequence([row for _, row in rows], batch_first=True)
    said = language.foretell(padded).double().log_softmax(dim=-1)  # (B, N, size)
    told = said.gather(-1, padded[..., None])[..., 0]  # (B, N)
    return -sum(
        float(line[first : len(row)].sum()) for line, (first, row) in zip(told, rows, strict=True)
    )


# -- what it has learned ---------------------------------------------------------------------------


class Neighbour(NamedTuple):
    """A word and the cosine, in -1 … 1, of its vector with that of the word asked for."""

    word: str
    cosine: float


def nearest(language: LanguageModel, word: str, count: int = 10) -> list[Neighbour]:
    """The words closest to a word in the learned table, best first.

    Only words that are one symbol have a vector of their own; for another, InputError names the
    nearest in letters.
    """
    words = language.pairs.words
    if not words:
        raise InputError("nearest", "this model reads bytes, not words", "use unit word")
    if word not in words:
        import difflib

        near = difflib.get_close_matches(word, words, 3, cutoff=0.5)
        remedy = f"try {', '.join(near)}" if near else "try a common word of the text"
        raise InputError("nearest", f"'{word}' is not one symbol of this model", remedy)
    table = torch.nn.functional.normalize(language.vectors.double(), dim=-1)
    cosines = table @ table[words[word]]
    others = ((float(cosines[i]), other) for other, i in words.items() if other != word)
    return [Neighbour(other, cosine) for cosine, other in sorted(others, reverse=True)[:count]]


class Looked(NamedTuple):
    """Where a model looks. pieces: N texts, the beginning first; shares: (blocks, A, N, N), row n
    the look that foretells what follows piece n, over pieces 0 … n; each row sums to 1."""

    pieces: list[str]
    shares: Tensor


def attended(language: LanguageModel, text: str) -> Looked:
    """Where the model looks as it reads the last MOST_LOOKED symbols, or fewer, of a text."""
    symbols = language.pairs.symbols(language.pairs.tidy(text))
    if not len(symbols):
        raise InputError("start", "is empty", "say which text the model shall look at")
    shown = symbols[-min(MOST_LOOKED, language.window - 1) :]
    padded = torch.from_numpy(shown).long()[None]
    looks = language.look(torch.nn.functional.pad(padded, (0, 1)))[:, 0]  # the last is foretold
    pieces = ["begin", *(language.pairs.text([int(i)]) for i in shown)]
    return Looked(pieces, looks)
