"""What counting says about a text: how much choice it leaves, and how many bits a symbol costs.

`choices` is the lecture's closing argument: as the order grows, most contexts have been seen with
one continuation only, so counting can but copy, and what generalises has to take its place.
`bits` is what a learned model has to beat: interpolated Kneser-Ney with three discounts a length
(Kneser and Ney 1995; Chen and Goodman 1998, eq. 22-26) on the held-out end of the text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph.families.language.words.corpus import Corpus, Ids
from kineograph.families.language.words.occurrences import gram_classes, joined_classes
from kineograph.values.errors import InputError

Classes = NDArray[np.int64]
Floats = NDArray[np.float64]


class Choice(NamedTuple):
    """How free a text is after contexts of `order` tokens.

    contexts: different contexts that are continued. one_way: share of them with exactly one
    continuation, in 0 … 1; one_way_met: the same, each weighted by how often it stands in the text.
    branching: mean number of different continuations over all places in the text.
    """

    order: int
    contexts: int
    one_way: float
    one_way_met: float
    branching: float


def choices(ids: Ids, orders: int) -> list[Choice]:
    """The choice left by contexts of 1 … `orders` tokens in a text of N > orders tokens."""
    one = gram_classes(ids, 1)
    context, said = one, []
    for order in range(1, orders + 1):
        if order >= len(ids):
            break
        gram = joined_classes(one, context, 1)  # (N,) the context and the token after it
        at = context[order - 1 : -1]  # contexts that lie wholly in the text and are continued
        different = _different(at, gram[order:], int(context.max()) + 1)
        met = np.bincount(at, minlength=len(different))
        alone = different == 1
        said.append(
            Choice(
                order,
                int((different > 0).sum()),
                float(alone.sum() / (different > 0).sum()),
                float(met[alone].sum() / met.sum()),
                float(different @ met / met.sum()),
            )
        )
        context = gram
    return said


def continuations(ids: Ids, order: int) -> Classes:
    """(N,) how many different tokens follow the context of `order` tokens that ends here."""
    context = gram_classes(ids, order)
    gram = joined_classes(gram_classes(ids, 1), context, 1)
    return _different(context[:-1], gram[1:], int(context.max()) + 1)[context]


def _different(contexts: Classes, grams: Classes, size: int) -> Classes:
    """(size,) how many different `grams` go with each of `contexts`; each gram goes with one."""
    _, first = np.unique(grams, return_index=True)
    return np.bincount(contexts[first], minlength=size)


class Bits(NamedTuple):
    """What a held-out text costs under a model fitted to the text before it.

    a_token, a_letter: mean bits. unknown: share of tokens, in 0 … 1, that the fitted part lacks;
    they are spelled, so bits a letter may be compared between units and models.
    """

    order: int
    a_token: float
    a_letter: float
    unknown: float
    tokens: int


def bits(corpus: Corpus, order: int, held_out: float = 0.1) -> Bits:
    """Bits of the last share `held_out` of a corpus, fitted to the rest; contexts up to `order`."""
    if not 0 < held_out < 1:
        raise InputError("held_out", f"{held_out} is not between 0 and 1")
    return bits_by_order(corpus, [order], round(len(corpus) * (1 - held_out)))[0]


def bits_by_order(corpus: Corpus, orders: Sequence[int], fitted: int) -> list[Bits]:
    """Bits of a corpus from token `fitted` on, fitted to the tokens before it, for each order.

    One pass: every order stands on the counts of those below it.
    """
    if not max(orders) < fitted < len(corpus):
        raise InputError(
            "held_out", f"{fitted:,} of {len(corpus):,} tokens leave nothing to fit or to measure"
        )
    numbers, old = np.unique(corpus.ids[:fitted]), np.zeros(len(corpus.vocabulary), bool)
    old[numbers] = True
    known, held = old[corpus.ids], corpus.ids[fitted:]
    lengths = np.array([len(token) for token in corpus.vocabulary])
    letters = {letter for number in numbers.tolist() for letter in corpus.vocabulary[number]}
    new = held[~known[fitted:]]
    spelled = float((lengths[new] + 1).sum() * np.log2(len(letters) + 2))  # with an end, and a rest
    if corpus.unit == "letter":
        spelled = len(new) * 20.0  # code points are below 2**21; the rest is in the symbol itself
    unknown, count = len(new) / len(held), int(lengths[held].sum())
    found = []
    for order, chance in kneser_neys(corpus.ids, known, fitted, orders):
        total = float(-np.log2(chance).sum()) + spelled
        found.append(Bits(order, total / len(held), total / count, unknown, len(held)))
    return found


def kneser_ney(ids: Ids, known: NDArray[np.bool_], fitted: int, order: int) -> Floats:
    """(N - fitted,) the probability of each token from `fitted` on, given up to `order` before it.

    Counts come from ids[:fitted] alone. known: (N,) whether a token is in the fitted vocabulary;
    all others are one symbol more, so probabilities sum to one over V + 1 symbols.
    """
    return next(chance for _, chance in kneser_neys(ids, known, fitted, [order]))


def kneser_neys(
    ids: Ids, known: NDArray[np.bool_], fitted: int, orders: Collection[int]
) -> Iterator[tuple[int, Floats]]:
    """`kneser_ney` of each of `orders`, lowest first, with its order."""
    V = len(np.unique(ids[:fitted]))
    ids = np.where(known, ids, np.int32(ids.max() + 1))
    chance = np.full(len(ids) - fitted, 1 / (V + 1))  # length 0 rests on the even law
    one = gram_classes(ids, 1)
    before, gram = np.zeros(len(ids), np.int64), one
    for length in range(max(orders) + 1):
        if length in orders:
            count = np.bincount(gram[:fitted], minlength=int(gram.max()) + 1)
            yield length, _interpolated(before, gram, count, fitted, chance)
        if length < max(orders):  # below the top: after how many tokens, not how often
            longer = joined_classes(one, gram, 1)
            count = _different(gram[:fitted], longer[:fitted], int(gram.max()) + 1)
            chance = _interpolated(before, gram, count, fitted, chance)
            before, gram = np.concatenate([[gram.max() + 1], gram[:-1]]), longer


def _interpolated(
    context: Classes, gram: Classes, count: Classes, fitted: int, chance: Floats
) -> Floats:
    """One length of the recursion: (held,) chances from those of the next shorter length.

    context: (N,) class of the context before each token; gram: (N,) of context and token.
    """
    seen, first = np.unique(gram[:fitted], return_index=True)
    c = count[seen]
    discount = _discounts(c)[np.minimum(c, 3)]
    size = int(context.max()) + 1
    total = np.bincount(context[first], c, size)  # (contexts,)
    spared = np.bincount(context[first], discount, size)
    kept = np.zeros(int(gram.max()) + 1)
    kept[seen] = c - discount
    at, now = context[fitted:], gram[fitted:]
    mass = np.maximum(total[at], 1)
    mixed: Floats = (kept[now] + spared[at] * chance) / mass
    return np.where(total[at] > 0, mixed, chance)


def _discounts(count: Classes) -> Floats:
    """(4,) what is taken from counts of 0, 1, 2 and 3 or more (Chen and Goodman 1998, eq. 26).

    At least 0.1, so that an unseen symbol is never impossible; 0.5, 1 and 1.5 where the counts of
    counts do not tell.
    """
    n = np.bincount(np.minimum(count, 5), minlength=6)
    taken = np.array([0.0, 0.5, 1.0, 1.5])
    for i in (1, 2, 3):
        if n[1] and n[i]:
            taken[i] = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[i + 1] / n[i]
    taken[1:] = np.clip(taken[1:], 0.1, [0.95, 1.95, 2.95])
    return taken
