"""Markov chains of order k over any hashable states: the weather forecaster of the lecture.

Counts become a transition matrix (Markov 1913; maximum likelihood); from it come predictions,
samples, the long run and its entropy (Shannon 1948). A context that was never continued backs off
to the longest shorter one that was. A `Chain` answers the question of `sequence/draw.py`, so
`extend` runs it. It forgets when a sequence began: there is no start or end mark.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.sequence.draw import Draw, extend
from kineograph.values.errors import InputError, LimitError
from kineograph.values.prompt import Cond

MAX_CELLS = 20_000_000  # contexts × states: 160 MB of float64
DENSE_CLASS = 1_000  # contexts in one closed class up to which it is solved as a dense matrix
MAX_WORK = 4_000_000_000  # cells touched while a larger class settles: about a minute

Floats = NDArray[np.float64]
Context = tuple[int, ...]  # state numbers, oldest first


@dataclass(frozen=True)
class Chain:
    """A Markov chain of order k.

    states: the S states; a state's number is its place here. order: k ≥ 1.
    rows: for every context of 0 … k states that was continued, its row in `weights`.
    weights: (R, S) float64 ≥ 0; counts when fitted, probabilities when given. No row is all 0.
    heard: contexts of k states that were seen, continued or not.
    """

    states: tuple[Hashable, ...]
    order: int
    rows: dict[Context, int] = field(repr=False)
    weights: Floats = field(repr=False)
    heard: tuple[Context, ...] = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.states)

    @cached_property
    def numbers(self) -> dict[Hashable, int]:
        """The number of each state."""
        return {state: i for i, state in enumerate(self.states)}

    @cached_property
    def _law(self) -> Floats:
        law: Floats = self.weights / self.weights.sum(axis=1, keepdims=True)
        return law

    def numbered(self, sequence: Iterable[Hashable], field: str = "sequence") -> Context:
        """The numbers of states, or InputError at the first one the chain does not know."""
        sequence = tuple(sequence)
        for state in sequence:
            if state not in self.numbers:
                known = ", ".join(map(str, self.states[:12])) + (" …" if self.size > 12 else "")
                raise InputError(field, f"'{state}' is not a known state", f"known are {known}")
        return tuple(self.numbers[state] for state in sequence)

    def _row(self, context: Context) -> int:
        """The row of the longest end of `context` that was ever continued (back-off)."""
        for cut in range(max(0, len(context) - self.order), len(context) + 1):
            if context[cut:] in self.rows:
                return self.rows[context[cut:]]
        raise InputError("context", f"{context} has no continuation and there is no shorter one")

    def after(self, history: Sequence[Hashable]) -> Floats:
        """(S,) probabilities of the state that follows `history`, oldest state first."""
        law: Floats = self._law[self._row(self.numbered(history, "history"))]
        return law

    # -- the whole chain as a matrix

    def _closure(self, starts: Iterable[Context]) -> tuple[list[Context], Floats, NDArray[np.intp]]:
        """All C reachable contexts, (C, S) probabilities, (C, S) the next context's place.

        Where the probability is 0 the place is 0 and means nothing.
        """
        places = {context: i for i, context in enumerate(dict.fromkeys(starts))}
        contexts, law, following = list(places), [], []
        for context in contexts:  # grows while it is read
            law.append(self._law[self._row(context)])
            if len(contexts) * self.size > MAX_CELLS:
                raise LimitError(
                    f"order: {len(contexts):,} contexts × {self.size:,} states is above"
                    f" {MAX_CELLS:,} cells; use a lower order or fewer states"
                )
            step = np.zeros(self.size, np.intp)
            for s in np.flatnonzero(law[-1]).tolist():
                then = (*context, s)[-self.order :]
                if then not in places:
                    places[then] = len(contexts)
                    contexts.append(then)
                step[s] = places[then]
            following.append(step)
        return contexts, np.array(law), np.array(following)

    @property
    def matrix(self) -> Floats:
        """(C, S) transition probabilities; row i belongs to `contexts[i]`. At order 1, C = S."""
        return self._whole[1]

    @property
    def contexts(self) -> list[tuple[Hashable, ...]]:
        """The contexts of `matrix`, oldest state first; at order 1 in the order of `states`."""
        return [tuple(self.states[s] for s in context) for context in self._whole[0]]

    @property
    def dead_ends(self) -> list[tuple[Hashable, ...]]:
        """Contexts that were never continued; their row in `matrix` is that of a shorter one."""
        return [
            named
            for context, named in zip(self._whole[0], self.contexts, strict=True)
            if context not in self.rows
        ]

    @cached_property
    def _whole(self) -> tuple[list[Context], Floats, NDArray[np.intp]]:
        return self._closure(self.heard)

    # -- what it is asked

    def predict(self, history: Sequence[Hashable], n: int) -> Floats:
        """(n, S) probabilities of each state 1, 2, … n steps after `history`, oldest first."""
        if n < 1:
            raise InputError("n", f"{n} is below 1")
        begin = self.numbered(history, "history")[-self.order :]
        contexts, law, following = self._closure([begin])
        mass: Floats = np.eye(1, len(contexts))[0]
        ahead = np.empty((n, self.size))
        for step in range(n):
            flow = mass[:, None] * law  # (C, S)
            ahead[step] = flow.sum(axis=0)
            mass = np.bincount(following.ravel(), flow.ravel(), len(contexts)).astype(np.float64)
        return ahead

    def advance(
        self, symbols: Tensor, memory: Tensor | None, cond: Cond | None
    ) -> tuple[Tensor, Tensor]:
        """NextSymbol: (B, S) log-probabilities after the last k symbols; may begin from nothing."""
        past = symbols if memory is None else torch.cat([memory, symbols], dim=1)
        past = past[:, max(0, past.shape[1] - self.order) :]  # (B, up to k)
        law = self._law[[self._row(tuple(context)) for context in past.tolist()]]
        return torch.from_numpy(law).log().to(symbols.device), past

    def sample(
        self,
        n: int,
        rng: torch.Generator,
        *,
        start: Sequence[Hashable] = (),
        draw: Draw | None = None,
    ) -> Iterator[Hashable]:
        """Yields n states that follow `start`; without it the first one comes by frequency."""
        begin = torch.tensor([self.numbered(start, "start")], dtype=torch.int64)
        for symbol in extend(self, begin, n, draw or Draw(), [rng]):
            yield self.states[int(symbol)]

    def log2_likelihood(self, sequence: Sequence[Hashable]) -> float:
        """log2 of the probability of `sequence` given its first k states; -inf when impossible."""
        numbers = self.numbered(sequence)
        steps = [
            self._law[self._row(numbers[i - self.order : i]), numbers[i]]
            for i in range(self.order, len(numbers))
        ]
        with np.errstate(divide="ignore"):
            return float(np.log2(steps).sum())

    def long_run(self) -> LongRun:
        """What the chain does in the end; see `LongRun`."""
        contexts, law, following = self._whole
        groups = _closed_classes(law, following)
        shares = np.zeros((len(groups), self.size))
        bits = np.zeros(len(groups))
        last = np.array([context[-1] for context in contexts])
        entropy = 0 - (law * np.log2(law, out=np.zeros_like(law), where=law > 0)).sum(axis=1)
        for i, group in enumerate(groups):
            time = _stationary(law, following, group)
            shares[i] = np.bincount(last[group], time, minlength=self.size)
            bits[i] = time @ entropy[group]
        return LongRun(self.states, shares, bits, tuple(_period(law, following, g) for g in groups))


class LongRun(NamedTuple):
    """What a chain does in the end, one entry for each of its J closed classes.

    A closed class is a set of states that is never left once entered; with more than one (a
    reducible chain) the end depends on the start and no single stationary distribution exists.

    shares: (J, S) share of time spent in each state, rows sum to 1; periodic classes have it too.
    bits: (J,) entropy rate in bits a step (Shannon 1948, §7). periods: 1 where the class forgets
    its start; d > 1 where it goes round in d steps and its distribution never settles.
    """

    states: tuple[Hashable, ...]
    shares: Floats
    bits: Floats
    periods: tuple[int, ...]

    @property
    def passing(self) -> list[Hashable]:
        """States that are left for good sooner or later."""
        return [
            s for s, share in zip(self.states, self.shares.sum(axis=0), strict=True) if not share
        ]

    @property
    def notes(self) -> list[str]:
        """What a person should know before trusting `shares`: one line a finding, often none."""
        said = []
        if len(self.shares) > 1:
            said.append(f"reducible: {len(self.shares)} closed classes, the start decides which")
        said += [
            f"class {i + 1} is periodic: it goes round in {d} steps and never settles"
            for i, d in enumerate(self.periods)
            if d > 1
        ]
        if self.passing:
            said.append(f"left for good sooner or later: {', '.join(map(str, self.passing))}")
        return said


# -- making one ------------------------------------------------------------------------------------


def fit(sequences: Iterable[Sequence[Hashable]], order: int = 1) -> Chain:
    """The chain of maximum likelihood for unbroken sequences; nothing is counted across them.

    States are numbered in sorted order, or as they appear when they cannot be compared.
    Example: `fit([["sun", "sun", "rain", "sun"]]).predict(["rain"], 3)`
    """
    sequences = [tuple(sequence) for sequence in sequences]
    if order < 1:
        raise InputError("order", f"{order} is below 1", "1 looks at one state, 2 at two")
    found = list(dict.fromkeys(state for sequence in sequences for state in sequence))
    if not found:
        raise InputError("states", "there are none", "give at least one sequence")
    if len(found) < 2:
        raise InputError("states", f"only one, '{found[0]}'", "a chain needs two or more")
    if max(map(len, sequences)) <= order:
        longest = max(map(len, sequences))
        raise InputError(
            "order",
            f"{order}, but the longest unbroken sequence has {longest} states",
            f"use an order below {longest}" if longest > 1 else "give longer sequences",
        )
    states = _sorted_if_possible(found)
    numbers = {state: i for i, state in enumerate(states)}
    numbered = [tuple(numbers[state] for state in sequence) for sequence in sequences]
    grams: Counter[Context] = Counter()
    for sequence in numbered:
        for length in range(1, order + 2):
            grams.update(zip(*(sequence[i:] for i in range(length)), strict=False))
    rows: dict[Context, int] = {}
    for gram in grams:
        rows.setdefault(gram[:-1], len(rows))
    if len(rows) * len(states) > MAX_CELLS:
        raise LimitError(
            f"order: {len(rows):,} contexts × {len(states):,} states is above {MAX_CELLS:,} cells;"
            " use a lower order or fewer states"
        )
    weights = np.zeros((len(rows), len(states)))
    for gram, count in grams.items():
        weights[rows[gram[:-1]], gram[-1]] = count
    heard = tuple(sorted(gram for gram in grams if len(gram) == order))
    return Chain(tuple(states), order, rows, weights, heard)


def from_matrix(states: Sequence[Hashable], matrix: Floats) -> Chain:
    """The chain of order 1 with a given (S, S) matrix ≥ 0; rows are scaled to sum to one.

    matrix[i, j] is the weight of going from states[i] to states[j]. The empty context draws evenly.
    """
    weights = np.asarray(matrix, np.float64)
    if weights.shape != (len(states), len(states)) or len(states) < 2:
        raise InputError("matrix", f"shape {weights.shape} for {len(states)} states is not (S, S)")
    if len(set(states)) < len(states):
        raise InputError("states", "some are listed twice")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum(axis=1).all()):
        raise InputError("matrix", "holds a row of zeros, or entries below 0 or not finite")
    heard = tuple((i,) for i in range(len(states)))
    rows: dict[Context, int] = {(): 0} | {context: i + 1 for i, context in enumerate(heard)}
    return Chain(tuple(states), 1, rows, np.vstack([np.ones(len(states)), weights]), heard)


def from_contexts(
    states: Sequence[Hashable], contexts: Sequence[Sequence[Hashable]], matrix: Floats
) -> Chain:
    """The chain of order k with a given (C, S) matrix ≥ 0, as `Chain.matrix` has it.

    matrix[i, j] is the weight of states[j] after contexts[i], k states each, oldest first; rows are
    scaled to sum to one. Every context that can be reached must have a row.
    """
    weights, orders = np.asarray(matrix, np.float64), {len(context) for context in contexts}
    if len(orders) != 1 or 0 in orders or weights.shape != (len(contexts), len(states)):
        problem = f"shape {weights.shape} for {len(contexts)} contexts and {len(states)} states"
        raise InputError("matrix", problem, "give one row a context, one column a state")
    if len(states) < 2 or len(set(states)) < len(states):
        raise InputError("matrix", "lists fewer than two states, or one twice")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum(axis=1).all()):
        raise InputError("matrix", "holds a row of zeros, or entries below 0 or not finite")
    order, numbers = orders.pop(), {state: i for i, state in enumerate(states)}
    if unknown := [state for context in contexts for state in context if state not in numbers]:
        raise InputError("matrix", f"'{unknown[0]}' is in a context and no state", "add a column")
    heard = tuple(tuple(numbers[state] for state in context) for context in contexts)
    rows: dict[Context, int] = {context: i for i, context in enumerate(heard)}
    if len(rows) < len(heard):
        raise InputError("matrix", "lists a context twice")
    for context, row in zip(heard, weights, strict=True):
        for s in np.flatnonzero(row).tolist():
            if (then := (*context, s)[-order:]) not in rows:
                told = " ".join(str(states[i]) for i in then)
                raise InputError("matrix", f"'{told}' can be reached and has no row", "add it")
    return Chain(tuple(states), order, rows, weights, heard)


def _sorted_if_possible(found: list[Hashable]) -> list[Hashable]:
    try:
        return sorted(found)  # type: ignore[type-var]
    except TypeError:
        return found


# -- the long run ----------------------------------------------------------------------------------


def _closed_classes(law: Floats, following: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The closed classes of C contexts, each its sorted places, in the order of their first.

    Strongly connected components by two depth-first walks (Kosaraju; Sharir 1981), kept when no
    edge leaves them.
    """
    onward = [following[c][law[c] > 0].tolist() for c in range(len(law))]
    backward: list[list[int]] = [[] for _ in onward]
    for c, ends in enumerate(onward):
        for end in ends:
            backward[end].append(c)
    label = np.full(len(onward), -1)
    for root in reversed(_by_finish(onward)):
        if label[root] < 0:
            stack = [root]
            label[root] = root
            while stack:
                for c in backward[stack.pop()]:
                    if label[c] < 0:
                        label[c] = root
                        stack.append(c)
    leaking = {
        int(label[c]) for c, ends in enumerate(onward) if any(label[e] != label[c] for e in ends)
    }
    closed = [np.flatnonzero(label == one) for one in set(label.tolist()) - leaking]
    return sorted(closed, key=lambda group: int(group[0]))


def _by_finish(onward: list[list[int]]) -> list[int]:
    """All places in the order in which a depth-first walk is done with them."""
    seen, finished = [False] * len(onward), []
    for root in range(len(onward)):
        if seen[root]:
            continue
        seen[root] = True
        path = [(root, iter(onward[root]))]
        while path:
            c, ends = path[-1]
            fresh = next((e for e in ends if not seen[e]), None)
            if fresh is None:
                finished.append(c)
                path.pop()
            else:
                seen[fresh] = True
                path.append((fresh, iter(onward[fresh])))
    return finished


def _stationary(law: Floats, following: NDArray[np.intp], group: NDArray[np.intp]) -> Floats:
    """Share of time in each context of one closed class.

    By elimination without subtraction (Grassmann, Taksar and Heyman 1985), exact to rounding for
    periodic and nearly split classes too; above DENSE_CLASS contexts by iteration.
    """
    if len(group) > DENSE_CLASS:
        return _settled(law[group], np.searchsorted(group, following[group]))
    place = {int(c): i for i, c in enumerate(group)}
    P = np.zeros((len(group), len(group)))
    for i, c in enumerate(group):
        for s in np.flatnonzero(law[c]):
            P[i, place[int(following[c, s])]] += law[c, s]
    for n in range(len(group) - 1, 0, -1):
        P[:n, n] /= P[n, :n].sum()
        P[:n, :n] += np.outer(P[:n, n], P[n, :n])
    time: Floats = np.ones(len(group))
    for n in range(1, len(group)):
        time[n] = time[:n] @ P[:n, n]
    time /= time.sum()
    return time


def _settled(law: Floats, following: NDArray[np.intp]) -> Floats:
    """Share of time in each of C contexts of one class, to 1e-9 in all; LimitError if too slow.

    Iterates half a step at a time, t ← (t + t P) / 2, which has the same end and no period. The
    probabilities are (C, S); where one is 0, `following` may hold anything.
    """
    following = np.where(law > 0, following, 0)
    time: Floats = np.full(len(law), 1 / len(law))
    for _ in range(0, MAX_WORK, law.size):
        moved = np.bincount(following.ravel(), (time[:, None] * law).ravel(), len(law))
        if np.abs(moved - time).sum() < 1e-9:
            return time
        time = (time + moved) / 2
    raise LimitError(
        f"order: a closed class of {len(law):,} contexts settles too slowly; use a lower order"
    )


def _period(law: Floats, following: NDArray[np.intp], group: NDArray[np.intp]) -> int:
    """The period of one closed class: the greatest common divisor of the lengths of its cycles.

    Every edge u → v adds level(u) + 1 - level(v), levels from a walk in breadth (Denardo 1977).
    """
    level = {int(group[0]): 0}
    queue, period = [int(group[0])], 0
    for c in queue:  # grows while it is read
        for end in following[c][law[c] > 0].tolist():
            if end not in level:
                level[end] = level[c] + 1
                queue.append(end)
            period = math.gcd(period, level[c] + 1 - level[end])
    return period
