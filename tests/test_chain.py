"""What comes next: draw rules, the loop, Markov chains; closed forms and invariants, no weights."""

from __future__ import annotations

import pytest
import torch

from kineograph.sequence.draw import Draw, drawn, extend, only_top_k, only_top_p, row_generators
from kineograph.values.errors import InputError, KineographError

# -- draw rules


def test_top_k_keeps_exactly_k_and_the_lower_symbol_of_equals():
    kept = only_top_k(torch.zeros(2, 5), 2)
    assert kept.isfinite().tolist() == [[True, True, False, False, False]] * 2


def test_top_k_above_the_vocabulary_changes_nothing():
    weights = torch.randn(3, 4)
    assert torch.equal(Draw(top_k=50)(weights), weights)


@pytest.mark.parametrize(
    ("p", "kept"), [(1e-9, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.99, 4), (1, 4)]
)
def test_the_nucleus_is_the_shortest_list_that_reaches_p(p, kept):
    weights = torch.tensor([[0.125, 0.5, 0.25, 0.125]]).log()
    assert int(only_top_p(weights, p).isfinite().sum()) == kept


def test_temperature_zero_takes_the_best_and_tiny_temperatures_agree():
    weights = torch.tensor([[0.1, 3.0, 2.9], [1.0, 1.0, -4.0]])
    rngs = row_generators([1, 2])
    assert drawn(Draw(temperature=0)(weights), rngs).tolist() == [1, 0]
    assert int(drawn(Draw(temperature=1e-4)(weights), rngs)[0]) == 1


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.5}])
def test_a_draw_rule_that_keeps_nothing_is_refused(bad):
    with pytest.raises(InputError):
        Draw(**bad)


def test_symbols_are_drawn_as_often_as_their_weights_say():
    p = torch.tensor([0.5, 0.0, 0.3, 0.2], dtype=torch.float64)
    n = 20_000
    seen = drawn(p.log().expand(n, 4), row_generators(range(n))).bincount(minlength=4)
    assert seen[1] == 0
    chi2 = ((seen - n * p)[p > 0] ** 2 / (n * p)[p > 0]).sum()
    assert chi2 < 13.8  # 99.9 % point at 2 degrees of freedom


def test_half_precision_weights_are_drawn_in_full_precision():
    weights = torch.zeros(1, 70_000, dtype=torch.bfloat16)
    assert Draw(top_p=0.5)(weights).dtype == torch.float32
    assert 0 <= int(drawn(weights, row_generators([3]))) < 70_000


@pytest.mark.parametrize("hole", [-torch.inf, torch.nan])
def test_a_row_that_allows_nothing_is_told(hole):
    weights = torch.tensor([[0.0, 0.0], [hole, hole]])
    with pytest.raises(KineographError, match="row 1: nothing can follow"):
        drawn(weights, row_generators([0, 1]))


# -- the loop


class Sum:
    """A NextSymbol with memory: prefers (all symbols so far summed) mod size."""

    size = 7

    def advance(self, symbols, memory, cond):
        total = symbols.sum(1) + (0 if memory is None else memory)
        return torch.nn.functional.one_hot(total % self.size, self.size) * 2.0, total


def run(seeds, start, n=30):
    return torch.stack(list(extend(Sum(), start, n, Draw(), row_generators(seeds))), 1)


def test_row_seven_is_the_same_alone_and_in_a_batch():
    start = torch.arange(8)[:, None] % 7
    assert torch.equal(run(range(8), start)[7], run([7], start[7:])[0])


def test_a_run_resumes_where_it_stopped():
    start, rngs = torch.tensor([[3]]), row_generators([5])
    whole = run([5], start)
    first = torch.stack(list(extend(Sum(), start, 12, Draw(), rngs)), 1)
    rest = extend(Sum(), torch.cat([start, first], 1), 18, Draw(), rngs)
    assert torch.equal(torch.cat([first, torch.stack(list(rest), 1)], 1), whole)


def test_the_loop_is_lazy_and_ends_after_n():
    steps = extend(Sum(), torch.zeros(2, 1, dtype=torch.int64), 3, Draw(), row_generators([1, 2]))
    assert [tuple(s.shape) for s in steps] == [(2,)] * 3


@pytest.mark.parametrize(
    ("start", "seeds", "field"),
    [
        (torch.zeros(1, 1), [1], "start"),
        (torch.tensor([[7]]), [1], "start"),
        (torch.tensor([[-1]]), [1], "start"),
        (torch.tensor([[1]]), [1, 2], "rngs"),
    ],
)
def test_the_loop_names_what_is_wrong_before_it_starts(start, seeds, field):
    with pytest.raises(InputError, match=field):
        extend(Sum(), start, 3, Draw(), row_generators(seeds))
