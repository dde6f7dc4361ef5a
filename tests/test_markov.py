"""Markov chains: closed forms (the weather matrix, standard errors, entropies) and invariants."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kineograph.sequence.draw import Draw, extend, row_generators
from kineograph.sequence.markov import fit, from_matrix
from kineograph.values.errors import InputError, LimitError

WEATHER = ["cloudy", "rainy", "sunny"]
MATRIX = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.2, 0.1, 0.7]])


def sampled(chain, rows, n, seed=0):
    """`rows` sequences of n states, one generator each."""
    start = torch.zeros(rows, 0, dtype=torch.int64)
    steps = extend(chain, start, n, Draw(), row_generators(range(seed, seed + rows)))
    return [[chain.states[s] for s in row] for row in torch.stack(list(steps), 1).tolist()]


def test_the_weather_of_the_lecture_gives_its_matrix_back():
    days = sampled(from_matrix(WEATHER, MATRIX), rows=400, n=101)
    chain = fit(days)
    from_state = np.array([sum(d[:-1].count(s) for d in days) for s in WEATHER])
    error = np.sqrt(MATRIX * (1 - MATRIX) / from_state[:, None])  # binomial, given the row's count
    assert chain.contexts == [(s,) for s in WEATHER]
    assert (abs(chain.matrix - MATRIX) < 4 * error).all()


def test_a_rainy_day_predicts_powers_of_the_matrix():
    ahead = from_matrix(WEATHER, MATRIX).predict(["rainy"], 20)
    for n in (1, 2, 20):
        assert np.allclose(ahead[n - 1], np.linalg.matrix_power(MATRIX, n)[1], atol=1e-14)


def test_the_long_run_is_the_left_eigenvector_and_its_entropy_the_weighted_row_entropy():
    end = from_matrix(WEATHER, MATRIX).long_run()
    values, vectors = np.linalg.eig(MATRIX.T)
    pi = np.real(vectors[:, np.argmax(values.real)])
    pi /= pi.sum()
    assert np.allclose(end.shares, pi[None], atol=1e-14)
    assert np.isclose(end.bits[0], -(pi[:, None] * MATRIX * np.log2(MATRIX)).sum())
    assert end.periods == (1,)
    assert end.notes == []


def test_a_reducible_chain_says_so_and_gives_every_end():
    P = np.zeros((5, 5))
    P[0] = [0.2, 0.4, 0.0, 0.4, 0.0]  # a leads to {b, c} or to {d, e} and is left for good
    P[1, 2] = P[2, 1] = 1  # {b, c} swaps: period 2
    P[3] = P[4] = [0, 0, 0, 0.25, 0.75]
    end = from_matrix("abcde", P).long_run()
    assert np.allclose(end.shares, [[0, 0.5, 0.5, 0, 0], [0, 0, 0, 0.25, 0.75]])
    assert end.periods == (2, 1)
    assert end.passing == ["a"]
    assert [note.split(":")[0] for note in end.notes] == [
        "reducible",
        "class 1 is periodic",
        "left for good sooner or later",
    ]


@pytest.mark.parametrize("d", [2, 3, 7])
def test_a_ring_of_d_states_has_period_d_and_no_surprise(d):
    end = fit([list(range(d)) * 3]).long_run()
    assert end.periods == (d,)
    assert np.allclose(end.shares, 1 / d)
    assert end.bits.tolist() == [0.0]


def test_nearly_split_chains_keep_full_accuracy():
    tiny = 1e-13
    end = from_matrix("ab", np.array([[1 - tiny, tiny], [3 * tiny, 1 - 3 * tiny]])).long_run()
    assert np.allclose(end.shares, [[0.75, 0.25]], rtol=1e-3)  # 1 - tiny itself is rounded


def test_a_large_class_settles_to_what_a_small_one_is_solved_to(monkeypatch):
    letters = "the cat that sat on the mat saw the rat that ate the oats " * 3
    solved = fit([letters], order=2).long_run()
    monkeypatch.setattr("kineograph.sequence.markov.DENSE_CLASS", 1)
    settled = fit([letters], order=2).long_run()
    assert np.allclose(settled.shares, solved.shares, atol=1e-7)
    assert np.allclose(fit([list(range(4)) * 3]).long_run().shares, 1 / 4)
    monkeypatch.setattr("kineograph.sequence.markov.MAX_WORK", 100)
    with pytest.raises(LimitError, match="settles too slowly"):
        fit([letters], order=2).long_run()


def test_order_two_remembers_two_states():
    chain = fit([list("aabb") * 20], order=2)
    assert [chain.after(h).tolist() for h in ("aa", "ab", "bb", "ba")] == [
        [0, 1],
        [0, 1],
        [1, 0],
        [1, 0],
    ]
    assert "".join(chain.sample(8, torch.Generator().manual_seed(1), start="aa")) == "bbaabbaa"
    assert chain.predict("aa", 4).tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]
    assert np.allclose(chain.long_run().shares, 0.5)


def test_a_context_that_was_never_continued_backs_off_and_is_named():
    chain = fit([["a", "b", "a", "b", "c"]])
    assert chain.dead_ends == [("c",)]
    assert np.allclose(chain.after(["c"]), [0.4, 0.4, 0.2])  # overall frequency
    assert len(list(chain.sample(200, torch.Generator().manual_seed(2)))) == 200
    two = fit([list("abcabd")], order=2)
    assert two.dead_ends[0] == ("b", "d")
    assert np.isclose(two.predict("bd", 3).sum(axis=1), 1).all()


def test_nothing_is_counted_across_sequences():
    assert fit([["a", "b"], ["a", "b"]]).after("a").tolist() == [0, 1]
    assert (1, 0) not in fit([list("aab"), list("aab")], order=2).heard


def test_states_of_any_kind_keep_their_identity():
    chain = fit([[(0, 1), "x", None, (0, 1), "x", None, (0, 1)]])
    assert chain.states == ((0, 1), "x", None)
    assert next(chain.sample(1, torch.Generator(), start=[None])) == (0, 1)


def test_likelihood_is_the_product_of_transitions():
    chain = from_matrix(WEATHER, MATRIX)
    got = chain.log2_likelihood(["sunny", "sunny", "rainy", "cloudy"])
    assert math.isclose(got, math.log2(0.7 * 0.1 * 0.4))
    assert fit([list("abab")]).log2_likelihood("aab") == -math.inf


def test_long_samples_cost_the_entropy_rate():
    chain = from_matrix(WEATHER, MATRIX)
    days = sampled(chain, rows=200, n=201, seed=9)
    spent = -sum(map(chain.log2_likelihood, days)) / (200 * 200)
    assert abs(spent - chain.long_run().bits[0]) < 0.015


@pytest.mark.parametrize(
    ("sequences", "order", "told"),
    [
        ([], 1, "states: there are none"),
        ([["a", "a", "a"]], 1, "only one, 'a'"),
        ([["a", "b"]], 2, "longest unbroken sequence has 2"),
        ([["a", "b"]], 0, "order: 0 is below 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(sequences, order, told):
    with pytest.raises(InputError, match=told):
        fit(sequences, order)


def test_a_matrix_that_is_no_law_is_refused():
    for bad in (np.eye(3), [[1, 0], [0, 0]], [[1, -1], [0, 1]], [[1, np.nan], [0, 1]]):
        with pytest.raises(InputError, match="matrix"):
            from_matrix("ab", np.array(bad))


def test_too_many_states_meet_a_clear_limit_and_unknown_ones_a_clear_error():
    with pytest.raises(LimitError, match="use a lower order"):
        fit([list(range(6000))], order=1)
    with pytest.raises(InputError, match="'z' is not a known state"):
        fit(["abab"]).predict("z", 1)


def test_the_example_runs(capsys):
    runpy.run_path(str(Path(__file__).parents[1] / "examples/weather.py"))
    assert "in the long run:" in capsys.readouterr().out


# -- properties ----------------------------------------------------------------------------------

sequences = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), max_size=5)


@settings(max_examples=60, deadline=None)
@given(sequences, st.integers(1, 3), st.randoms())
def test_any_fitted_chain_is_a_law_and_obeys_the_contract(data, order, random):
    states = {s for row in data for s in row}
    if len(states) < 2 or max(map(len, data)) <= order:
        with pytest.raises(InputError):
            fit(data, order)
        return
    chain = fit(data, order)
    assert np.allclose(chain.matrix.sum(axis=1), 1)
    end = chain.long_run()
    assert np.allclose(end.shares.sum(axis=1), 1)
    assert (end.bits > -1e-12).all() and (end.bits <= math.log2(chain.size) + 1e-9).all()

    heard = torch.tensor([[random.randrange(chain.size) for _ in range(6)] for _ in range(3)])
    at_once, _ = chain.advance(heard, None, None)
    _, memory = chain.advance(heard[:, :2], None, None)
    in_pieces, _ = chain.advance(heard[:, 2:], memory, None)
    alone, _ = chain.advance(heard[1:2], None, None)
    assert torch.equal(at_once, in_pieces)
    assert torch.equal(at_once[1:2], alone)
    history = [chain.states[s] for s in heard[0]]
    assert np.allclose(at_once[0].exp().numpy(), chain.after(history))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_long_run_is_unmoved_by_one_more_step(size, seed):
    rng = np.random.default_rng(seed)
    P = rng.random((size, size)) * (rng.random((size, size)) < 0.4)
    P += np.eye(size) * (P.sum(axis=1) == 0)[:, None]
    chain = from_matrix(list(range(size)), P)
    for share in chain.long_run().shares:
        assert np.allclose(share @ chain.matrix, share, atol=1e-12)
