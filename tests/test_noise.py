"""Noise levels in closed form: the schedule, its zero-terminal variant, its lowest share."""

import math

import pytest
import torch

from kineograph.diffusion.schedule import Lowest, Schedule, ZeroTerminal, edm, v


def test_the_zero_terminal_variant_keeps_the_first_level_and_ends_without_signal():
    plain = Schedule(low=0.01, high=20.0)
    zero = ZeroTerminal(plain)
    ends = zero.sigma(torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert float(ends[0]) == pytest.approx(0.01, rel=1e-9)
    assert float(ends[1]) == pytest.approx(1e4, rel=1e-6)
    u = torch.linspace(0, 0.999, 50, dtype=torch.float64)
    alpha, old = (1 + zero.sigma(u) ** 2).rsqrt(), (1 + plain.sigma(u) ** 2).rsqrt()
    first, last = 1 / math.sqrt(1 + 0.01**2), 1 / math.sqrt(1 + 20.0**2)
    assert torch.allclose(alpha, (old - last) * first / (first - last), atol=1e-9)  # Lin, alg. 1
    assert (zero.grid(20).diff() < 0).all()


@pytest.mark.parametrize("of", [v, edm])
def test_a_network_can_be_asked_where_no_signal_is(of):
    found = of(ZeroTerminal(Schedule(0.01, 20.0)).sigma(torch.ones(1)))
    assert float(found.skip) < 1e-7
    assert all(torch.isfinite(part).all() for part in found)


def test_the_lowest_share_holds_the_levels_below_it_and_no_other():
    plain = Schedule(low=0.005, high=100.0)
    low = Lowest(plain, 0.6)
    drawn = low.draw(1000, torch.Generator().manual_seed(0))
    top = float(plain.sigma(torch.tensor(0.6)))
    assert float(drawn.max()) <= top * (1 + 1e-6)
    assert float(drawn.max()) > 0.95 * top
    assert float(low.grid(5)[0]) == pytest.approx(top)
    assert float(low.grid(5)[-1]) == 0
