"""Writing by occurrence: find where the context stands, pick one of the places, copy what follows.

Picking a place evenly is drawing the next token by its count (Shannon 1948, §3): no table of
probabilities is built. Positions are sorted by the tokens that end there, latest first, so the
places of every context of 0 … k tokens are one stretch of one array; no hash stands in for them.
A context without a continuation backs off to its longest end that has one.

The copy limit is exact: a token is refused when it would complete a run of limit + 1 tokens that
stands anywhere in the corpus. Runs are looked up by a rolling hash and compared token by token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kineograph.families.language.words.corpus import Ids

Spans = NDArray[np.int32]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no token is lost modulo 2**64
_ONE = np.uint64(1)
LONGEST = 2_000  # the longest run that is looked for, in tokens
_TRIES = 8  # blind draws before the allowed places of a stretch are listed


def compiled(function: Any) -> Any:
    """Compiled by numba, kept on disk: the second start compiles nothing."""
    return njit(cache=True, nogil=True)(function)


def gram_classes(ids: NDArray[Any], length: int) -> NDArray[np.int64]:
    """(N,) one number for each different run of `length` tokens, at the position where it ends.

    Numbers are sorted by the run read backwards, and without holes if those of `ids` are. Before
    the text stands one token below all others, 0 at length 1. Runs are joined by doubling (Karp,
    Miller and Rosenberg 1972).
    """
    classes = np.zeros(len(ids), np.int64)  # of `done` tokens
    block, size, done = ids.astype(np.int64) + 1, 1, 0
    while True:
        if length >> (size.bit_length() - 1) & 1:
            classes = joined_classes(classes, block, done) if done else block
            done += size
        if done == length:
            return classes
        block, size = joined_classes(block, block, size), 2 * size


def joined_classes(
    late: NDArray[np.int64], early: NDArray[np.int64], gap: int
) -> NDArray[np.int64]:
    """Classes of the runs (early, late), where `early` ends `gap` positions before `late`."""
    before = np.zeros_like(early)
    before[gap:] = early[: max(0, len(early) - gap)] + 1
    keys = late * (int(early.max(initial=0)) + 2) + before
    dense: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    return dense


@dataclass(frozen=True)
class Index:
    """All places of every context of up to `order` tokens.

    places: (N - 1,) positions that something follows, sorted by the tokens that end there.
    spans: (N, 2) for each position, the stretch of `places` with the same `order` tokens.
    """

    order: int
    ids: Ids = field(repr=False)
    places: Ids = field(repr=False)
    spans: Spans = field(repr=False)


def index(ids: Ids, order: int) -> Index:
    """The index of a corpus of N ≥ 2 tokens for contexts of up to `order` ≥ 1 tokens."""
    classes = gram_classes(ids, order)
    places = np.argsort(classes[:-1], kind="stable").astype(np.int32)
    count = np.bincount(classes[:-1], minlength=int(classes.max()) + 1)
    ends = np.cumsum(count)
    spans = np.stack([ends - count, ends], axis=1).astype(np.int32)[classes]
    return Index(order, ids, places, np.ascontiguousarray(spans))


def everywhere(ids: Ids) -> Index:
    """The index for no context at all: every place of a corpus of N tokens, its end included.

    What follows the last token is the first; spans have N + 1 rows, one for that turn.
    """
    places = np.arange(len(ids), dtype=np.int32)
    spans = np.tile(np.array([0, len(ids)], np.int32), (len(ids) + 1, 1))
    return Index(0, ids, places, spans)


# -- runs of tokens that stand in a text -----------------------------------------------------------


@compiled
def _mixed(x):  # type: ignore[no-untyped-def]
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def _rolled(ids, end, length):  # type: ignore[no-untyped-def]
    """The hash of the `length` tokens that end before `end`."""
    h = np.uint64(0)
    for i in range(end - length, end):
        h = h * _BASE + np.uint64(ids[i]) + _ONE
    return h


@compiled
def _power(length):  # type: ignore[no-untyped-def]
    p = _ONE
    for _ in range(length):
        p *= _BASE
    return p


@compiled
def _found(table, ids, h, others, end, last, length):  # type: ignore[no-untyped-def]
    """The slot of a run in `table`, or -1 - the free slot where it would go.

    The run is the `length` - 1 tokens of `others` before `end`, then `last`; `h` is its hash.
    table: position + 1 of the last token of each run in `ids`, 0 where free.
    """
    mask = len(table) - 1
    slot = np.int64(_mixed(h)) & mask
    while table[slot]:
        at = table[slot] - 1
        if ids[at] == last:
            d = 1
            while d < length and ids[at - d] == others[end - d]:
                d += 1
            if d == length:
                return slot
        slot = (slot + 1) & mask
    return -1 - slot


@compiled
def _filled(table, ids, length):  # type: ignore[no-untyped-def]
    """Put every different run of `length` tokens of `ids` into an empty table."""
    if len(ids) < length:
        return
    oldest = _power(length - 1)
    h = _rolled(ids, length - 1, length - 1)
    for i in range(length - 1, len(ids)):
        h = h * _BASE + np.uint64(ids[i]) + _ONE
        slot = _found(table, ids, h, ids, i, ids[i], length)
        if slot < 0:
            table[-1 - slot] = i + 1
        h -= (np.uint64(ids[i - length + 1]) + _ONE) * oldest


def runs(ids: Ids, length: int) -> Ids:
    """A table of all runs of `length` tokens in `ids`; at most half full."""
    table = np.zeros(1 << max(1, 2 * len(ids) - 1).bit_length(), np.int32)
    _filled(table, ids, length)
    return table


@compiled
def _first_shared(table, ids, others, length):  # type: ignore[no-untyped-def]
    """(end in `others`, end in `ids`) of the first run of `length` tokens in both, or (-1, -1)."""
    if len(others) < length:
        return -1, -1
    oldest = _power(length - 1)
    h = _rolled(others, length - 1, length - 1)
    for i in range(length - 1, len(others)):
        h = h * _BASE + np.uint64(others[i]) + _ONE
        slot = _found(table, ids, h, others, i, others[i], length)
        if slot >= 0:
            return i, np.int64(table[slot] - 1)
        h -= (np.uint64(others[i - length + 1]) + _ONE) * oldest
    return -1, -1


class Copied(NamedTuple):
    """A run that stands in both texts: `length` tokens from `at` here and from `origin` there."""

    length: int
    at: int
    origin: int


def longest_copied(ids: Ids, corpus: Ids) -> Copied:
    """The longest run of `ids` that stands somewhere in `corpus`, exactly; length 0 when none does.

    Bisects the length (a part of a shared run is shared too); the shorter text is the hashed one.
    Looks no further than LONGEST tokens, so that texts which repeat themselves take bounded time.
    """
    swapped = len(corpus) < len(ids)
    small, large = (corpus, ids) if swapped else (ids, corpus)

    def shared(length: int) -> Copied:
        ends = _first_shared(runs(small, length), small, large, length)
        in_large, in_small = (int(end) - length + 1 for end in ends)
        at, origin = (in_large, in_small) if swapped else (in_small, in_large)
        return Copied(length if ends[0] >= 0 else 0, at, origin)

    best, above = Copied(0, 0, 0), 1  # a run of best.length is shared; of `above` not yet known
    most = min(len(small), LONGEST)
    while above <= most and (found := shared(above)).length:
        best, above = found, 2 * above
    above = min(above, most + 1)  # not shared, or longer than what is looked for
    while above - best.length > 1:
        middle = (best.length + above) // 2
        found = shared(middle)
        best, above = (found, above) if found.length else (best, middle)
    return best


# -- the walk --------------------------------------------------------------------------------------


@compiled
def _share(seed, i, attempt):  # type: ignore[no-untyped-def]
    """A number in [0, 1) that depends on the seed, the token and the attempt alone (53 bits)."""
    key = _mixed(np.uint64(seed) + _BASE) + np.uint64(i) * np.uint64(16) + np.uint64(attempt)
    return np.float64(_mixed(key * _BASE) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def _side(ids, at, out, n, length, after):  # type: ignore[no-untyped-def]
    """Whether the context at `at` sorts before the last `length` of out[:n]; `after` when equal."""
    for d in range(length):
        have = ids[at - d] if at >= d else -1
        want = out[n - 1 - d]
        if have != want:
            return have < want
    return after


@compiled
def stretch(ids, places, out, n, length):  # type: ignore[no-untyped-def]
    """(low, high): the stretch of `places` where the last `length` tokens of out[:n] stand."""
    low, high = 0, len(places)
    while low < high:
        middle = (low + high) // 2
        if _side(ids, places[middle], out, n, length, False):
            low = middle + 1
        else:
            high = middle
    first, high = low, len(places)
    while low < high:
        middle = (low + high) // 2
        if _side(ids, places[middle], out, n, length, True):
            low = middle + 1
        else:
            high = middle
    return first, low


@compiled
def _picked(ids, places, low, high, table, limit, h, out, i, seed):  # type: ignore[no-untyped-def]
    """An even draw among the places low … high - 1 whose next token is allowed; -1 when none is.

    `h` is the hash of the last `limit` tokens of out[:i]; limit 0 allows everything.
    """
    width = high - low
    free = limit == 0 or i < limit
    if free or width > _TRIES:
        for attempt in range(_TRIES):
            place = places[low + np.int64(_share(seed, i, attempt) * width)]
            if free:
                return place
            last = ids[place + 1]
            whole = h * _BASE + np.uint64(last) + _ONE
            if _found(table, ids, whole, out, i, last, limit + 1) < 0:
                return place
    allowed = 0
    for turn in range(2):  # count the allowed ones, then take one of them
        target = -1 if turn == 0 else np.int64(_share(seed, i, _TRIES) * allowed)
        seen = 0
        for j in range(low, high):
            last = ids[places[j] + 1]
            whole = h * _BASE + np.uint64(last) + _ONE
            if _found(table, ids, whole, out, i, last, limit + 1) < 0:
                if seen == target:
                    return places[j]
                seen += 1
        allowed = seen
        if allowed == 0:
            return -1
    return -1


@compiled
def walk(ids, places, spans, order, table, limit, out, source, used, begin, end, seed):  # type: ignore[no-untyped-def]
    """Write tokens begin … end - 1 after out[:begin]; returns the first one it could not write.

    Fills out (token), source (position in the corpus, -1 where given) and used (length of the
    context it followed). All state is in these arrays: a walk in pieces equals a walk in one.
    """
    oldest = _power(limit)
    h = _rolled(out, begin, min(limit, begin))
    at = source[begin - 1] if begin else -1
    known = 0  # tokens before `begin` that stand in the corpus up to `at`
    while (
        at >= known
        and known < order
        and begin > known
        and out[begin - 1 - known] == ids[at - known]
    ):
        known += 1
    for i in range(begin, end):
        if known >= order:
            length = order
            low, high = spans[at, 0], spans[at, 1]
        else:
            length = min(order, i)
            low, high = stretch(ids, places, out, i, length)
        while True:
            place = -1
            if high > low:
                place = _picked(ids, places, low, high, table, limit, h, out, i, seed)
            if place >= 0:
                break
            if length == 0:
                return i
            length -= 1
            low, high = stretch(ids, places, out, i, length)
        at, known = place + 1, length + 1
        out[i], source[i], used[i] = ids[at], at, length
        h = h * _BASE + np.uint64(out[i]) + _ONE
        if i >= limit:
            h -= (np.uint64(out[i - limit]) + _ONE) * oldest
    return end
