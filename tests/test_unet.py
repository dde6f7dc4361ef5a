"""The body of both video U-Nets: one way down, one way up, the same weights drawn in one order."""

import pytest
import torch

from kineograph.nets.moving import MovingShape
from kineograph.nets.space_time import SpaceTime, SpaceTimeShape
from kineograph.nets.unet import UNet, body_flop, check_sides
from kineograph.values.errors import InputError


def shape(**changed):
    sizes = {"patch": 2, "widths": (16, 32), "depth": 1, "attention": (False, True)}
    sizes |= {"time": "attention", "head": 16, "state": 16, "text": 8, "low": False}
    return SpaceTimeShape(**(sizes | {"circular": True} | changed))


class Plain(UNet):
    """A U-Net whose levels keep what they are given and say when they ran."""

    def __init__(self, shape):
        super().__init__()
        self.build(shape, lambda i, depth: torch.nn.Identity())


def test_levels_run_down_then_up_at_their_sizes():
    net, ran = Plain(shape()), []

    def run(level, h):
        ran.append(tuple(h.shape))
        return level(h)

    h = torch.zeros(3, 8, 8, 16)
    assert net.walked(h, run).shape == h.shape
    assert ran == [(3, 8, 8, 16), *[(3, 4, 4, 32)] * 3, (3, 8, 8, 16)]
    assert len(net.levels()) == len(ran)


def test_a_body_of_one_level_neither_halves_nor_widens():
    net = Plain(shape(widths=(16,), attention=(True,)))
    assert len(net.shrink) == len(net.widen) == 0
    assert net.walked(torch.zeros(1, 4, 4, 16), lambda level, h: h).shape == (1, 4, 4, 16)


def test_counted_operations_are_those_that_run():
    """Every convolution and product of a forward pass, counted by hooks, beside `flop`."""
    from kineograph.nets.blocks import Conv
    from kineograph.values.prompt import Cond

    sizes = shape(attention=(False, False), time="none")
    net, counted = SpaceTime(sizes), 0

    def count(module, given, made):
        nonlocal counted
        if isinstance(module, Conv):
            counted += 2 * made.numel() * module.weight.shape[1]
        elif made.ndim == 4:  # products over positions; those of the state are not in it
            counted += 2 * made.numel() * module.in_features

    for module in net.modules():
        if isinstance(module, Conv | torch.nn.Linear):
            module.register_forward_hook(count)
    net(torch.zeros(1, 3, 1, 16, 16), torch.ones(1), Cond())
    assert counted == pytest.approx(sizes.flop(1, 16), rel=0.02)


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="attention: 1 levels for 2 widths"):
        shape(attention=(True,))
    with pytest.raises(InputError, match="widths: 9 levels, the limit is 8"):
        shape(widths=(16,) * 9, attention=(False,) * 9)
    with pytest.raises(InputError, match="head: 7 does not divide"):
        shape(head=7)
    with pytest.raises(InputError, match="12x10 is not a multiple of 4"):
        check_sides(shape(), 10, 12)


def test_both_networks_count_alike():
    moving = MovingShape(
        channels=3, sees=3, fold=2, patch=2, widths=(16, 32), depth=1, attention=(False, True),
        head=16, state=16, text=8, tokens=8, embedding=8, period=2.0,
    )  # fmt: skip
    ends = 27 * 3 * 4 * 16
    assert moving.flop(4, 16) == body_flop(shape(), 4, 16, ends=ends, time=True)
