"""Which ladder begins with these words? Subjects that the model knows, each within the one before.

A vocabulary's names go from the widest to the smallest. The words stand for the name whose state is
nearest; below it the names are chosen whose neighbours are most like one another, by the frozen
encoder's states. No rule reads the words.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from kineograph.diffusion.cascade import Texts
from kineograph.values.errors import InputError
from kineograph.vocabulary import Vocabulary

NEAR = 0.55  # cosine of two texts' states; "red leaves" beside "green leaves, close up" has .60


def proposed(text: str, count: int, known: Vocabulary, read: Texts) -> tuple[str, ...]:
    """A text a level, widest first, as the model was taught: each says what is around what.

    The words themselves are the widest level where the model knows them all and they are NEAR a
    name, else that name.
    Raises InputError when so many levels do not fit below it.
    """
    (nearest, cosine), *_ = known.ranked(text, read, 1)
    first = known.names.index(nearest)
    if count > (most := len(known.names) - first):
        problem = f"{count - 1} within '{nearest}', the model knows {most - 1}"
        fewer = f"ask for at most {most}, or " if most > 1 else ""
        raise InputError("levels", problem, f"{fewer}begin wider")
    chosen = [known.names[i] for i in _walk(known.states[first:], count, first)]
    chosen[0] = text if cosine >= NEAR and not known.unknown(text) else nearest
    return (*(f"{wider} around {closer}" for wider, closer in pairwise(chosen)), chosen[-1])


def _walk(states: Tensor, count: int, first: int) -> list[int]:
    """Rising places of `count` names, the first being 0, whose neighbours are most alike in sum.

    states (N, D) of unit length. Dynamic programming over how many are chosen (Bellman 1957).
    """
    like = (states @ states.T).double()
    like = like.masked_fill(torch.ones_like(like).tril().bool(), -torch.inf)  # a later one only
    best = torch.full((len(states),), -torch.inf, dtype=torch.float64)
    best[0] = 0
    before: list[Tensor] = []
    for _ in range(count - 1):
        best, came = (best[:, None] + like).max(0)
        before.append(came)
    walk = [int(best.argmax())]
    for came in reversed(before):
        walk.append(int(came[walk[-1]]))
    return [first + place for place in reversed(walk)]
