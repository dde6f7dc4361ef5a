"""Loops against brute force; every schedule is replayed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kineograph.frames import loops
from kineograph.frames.loops import Primitive
from kineograph.values.errors import InputError

PRIMITIVES = st.lists(
    st.builds(
        lambda first, size, cost: Primitive(first, first + size - 1, float(cost)),
        st.integers(0, 8),
        st.integers(1, 7),
        st.integers(1, 50),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda p: (p.first, p.last),
)


def hangs_together(chosen: tuple[Primitive, ...]) -> bool:
    reached, rest = [chosen[0]], list(chosen[1:])
    while True:
        near = [p for p in rest if any(p.meets(q) for q in reached)]
        if not near:
            return not rest
        reached += near
        rest = [p for p in rest if p not in near]


def brute(found: list[Primitive], length: int) -> float:
    """The least cost over every multiset of primitives that hangs together and has this length."""
    best = np.inf
    for count in range(1, length + 1):
        for chosen in combinations_with_replacement(found, count):
            if sum(p.length for p in chosen) == length and hangs_together(chosen):
                best = min(best, sum(p.cost for p in chosen))
    return best


def replayed(order: list[int], jumps: list[tuple[int, int]]) -> Counter[tuple[int, int]]:
    """Jumps taken on the way round; asserts that everything else plays on."""
    taken: Counter[tuple[int, int]] = Counter()
    allowed = set(jumps)
    for here, there in zip(order, order[1:] + order[:1], strict=True):
        if (here, there) in allowed:
            taken[here, there] += 1
        else:
            assert there == here + 1
    return taken


@settings(max_examples=25, deadline=None)
@given(PRIMITIVES, st.integers(1, 9))
def test_dynamic_programming_costs_what_brute_force_costs(found, length) -> None:
    best, _, _ = loops.best_compounds(found, length)
    assert best[length].min() == brute(found, length)


def test_it_does_so_for_six_primitives_and_length_20() -> None:
    found = [
        Primitive(0, 4, 7.0),
        Primitive(3, 5, 5.0),
        Primitive(5, 11, 9.0),
        Primitive(8, 12, 2.5),
        Primitive(14, 19, 1.0),
        Primitive(10, 14, 6.0),
    ]
    best, _, _ = loops.best_compounds(found, 20)
    for length in range(1, 21):
        small = [p for p in found if p.length <= length]
        assert best[length].min() == (brute(small, length) if small else np.inf) or length > 20


@settings(max_examples=150, deadline=None)
@given(PRIMITIVES, st.integers(1, 60), st.integers(0, 3))
def test_every_schedule_replays_legally_with_exactly_its_length(found, length, seed) -> None:
    best, own, other = loops.best_compounds(found, length)
    column = int(best[length].argmin())
    if not np.isfinite(best[length, column]):
        return
    counts = loops.taken(own, other, length, column)
    uses = Counter({found[k]: times for k, times in counts.items()})
    assert sum(found[k].cost * times for k, times in counts.items()) == best[length, column]
    rng = np.random.default_rng(seed) if seed else None
    order, jumps = loops.scheduled(uses, rng)
    assert len(order) == length
    assert replayed(order, jumps) == {(p.last, p.first): n for p, n in uses.items()}
    assert Counter(jumps) == replayed(order, jumps)


def test_a_schedule_of_loops_that_do_not_meet_is_refused() -> None:
    with pytest.raises(InputError, match="hang together"):
        loops.scheduled(Counter({Primitive(0, 3, 1.0): 1, Primitive(6, 9, 1.0): 1}))


def test_the_best_loop_of_a_clear_case_is_the_obvious_one() -> None:
    cost = np.full((30, 30), 9.0, dtype=np.float32)
    cost[19, 10] = 0.1  # ten frames, 10 … 19
    found = loops.best_loop(cost, 30)
    assert found.order == tuple([*range(10, 20)] * 3)
    assert found.cost == pytest.approx(0.3)
    assert found.jumps == ((19, 10),) * 3


def test_a_length_that_cannot_be_had_names_one_that_can() -> None:
    cost = np.full((8, 8), np.inf, dtype=np.float32)
    cost[6, 1] = 1.0
    with pytest.raises(InputError, match="6 or 12 frames would do"):
        loops.best_loop(cost, 13)
