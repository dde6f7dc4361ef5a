"""The network that moves a picture: routes that are truly closed, pictures, loops, carrying."""

from dataclasses import fields, replace

import pytest
import torch

from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.schedule import edm
from kineograph.nets.image_to_video_unet import (
    REACH,
    ImageToVideoUNet,
    ImageToVideoUNetShape,
    Routes,
    amount_of,
    repeated,
)
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

ALL = Routes(
    semantics=True,
    whole=True,
    detail="beside",
    local=True,
    summary=True,
    text=True,
    fps=True,
    carry=True,
    amount=True,
)


def shape(**changes):
    sizes = {
        "channels": 3,
        "sees": 3,
        "patch": 2,
        "fold": 2,
        "widths": (16, 16),
        "depth": 1,
        "attention": (False, True),
        "head": 8,
        "state": 16,
        "text": 12,
        "tokens": 8,
        "embedding": 6,
        "period": 2.0,
    }
    return ImageToVideoUNetShape(**(sizes | changes))


def shaken(routes=ALL, **changes):
    """A network whose every weight is something, zeroed ones too."""
    torch.manual_seed(0)
    net = ImageToVideoUNet(shape(**changes), routes, 0.25)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return net


def conditions(batch=1, size=16, fps=8.0, seed=1):
    rng = torch.Generator().manual_seed(seed)
    return Cond(
        torch.randn(batch, 5, 12, generator=rng),
        torch.ones(batch, 5, dtype=torch.bool),
        torch.randn(batch, 12, generator=rng),
        first=torch.rand(batch, 3, 1, size, size, generator=rng),
        picture=torch.randn(batch, 6, generator=rng),
        fps=torch.full((batch,), fps),
        amount=torch.randn(batch, generator=rng),
    )


def answer(net, frames=4, cond=None, size=16):
    x = torch.randn(1, 3, frames, size, size, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return net(x, torch.tensor([0.1]), cond or conditions())


def test_a_fresh_network_answers_nothing_so_that_it_begins_as_the_picture_repeated():
    net = Precond(ImageToVideoUNet(shape(), ALL, 0.25), edm, repeated)
    cond = conditions()
    x = cond.first + 100 * torch.randn(1, 3, 4, 16, 16)
    made = net(x, torch.tensor([100.0]), cond)
    assert (made - cond.first).abs().max() < 0.02  # skip is (0.5 / 100)^2


def test_one_frame_is_a_picture_time_is_not_looked_at():
    net = shaken()
    before = answer(net, frames=1)
    for name, parameter in net.named_parameters():
        if ".time." in name:
            parameter.data.add_(1.0)
    assert torch.equal(answer(net, frames=1), before)
    assert not torch.equal(answer(net, frames=4), before.expand(-1, -1, 4, -1, -1))


SEEN = {  # which conditions each route alone reads
    "semantics": {"picture"},
    "whole": {"first"},
    "detail": {"first"},
    "local": {"first"},
    "summary": {"picture"},
    "text": {"words", "pooled"},
    "fps": {"fps"},
    "amount": {"amount"},
}


@pytest.mark.parametrize("route", SEEN)
def test_a_route_alone_reads_its_conditions_and_no_other(route):
    closed = Routes(text=False)
    net = shaken(replace(ALL, carry=False))
    net.routes = replace(closed, **{route: getattr(ALL, route)})
    other = conditions(fps=5.0, seed=9)
    before = answer(net)
    for name in ("words", "pooled", "first", "picture", "fps", "amount"):
        changed = replace(conditions(), **{name: getattr(other, name)})
        moved = not torch.allclose(answer(net, cond=changed), before, atol=1e-6)
        assert moved == (name in SEEN[route]), (route, name)


def test_with_every_route_closed_no_condition_is_used():
    net = shaken()
    net.routes = Routes(text=False)
    nothing = answer(net, cond=Cond())
    assert torch.equal(answer(net, cond=conditions()), nothing)


@pytest.mark.parametrize(
    ("closed", "names"),
    [({}, {"picture", "pooled", "fps"}), ({"text": False}, {"picture", "fps"})],
)
def test_how_much_moves_is_guessed_from_open_routes_alone(closed, names):
    net = shaken()
    net.routes = replace(ALL, **closed)
    usual = net.expected(16, conditions())
    assert usual.shape == (1,)
    other = conditions(fps=5.0, seed=9)
    for name in ("words", "pooled", "first", "picture", "fps", "amount"):
        changed = replace(conditions(), **{name: getattr(other, name)})
        assert torch.equal(net.expected(16, changed), usual) == (name not in names), name
    assert shaken(replace(ALL, amount=False)).expected(16, conditions()) is None


def test_the_amount_is_that_of_what_is_denoised():
    clip = torch.randn(2, 5, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    twice = amount_of(2 * clip) - amount_of(clip)
    assert torch.allclose(twice, torch.tensor(2.0).log().expand(2), atol=1e-3)
    assert torch.allclose(amount_of(0 * clip).exp(), torch.full((2,), 0.01))


@pytest.mark.parametrize("detail", ["noise", "beside"])
def test_both_forms_of_the_detail_route_need_the_picture(detail):
    net = shaken(Routes(detail=detail))
    with pytest.raises(InputError, match="image"):
        answer(net, cond=replace(conditions(), first=None))


def test_the_papers_detail_is_added_to_the_first_frames_noise():
    net = shaken(Routes(text=False, detail="noise"))
    cond, x = conditions(), torch.randn(1, 3, 4, 16, 16)
    with torch.no_grad():
        made = net(x, torch.tensor([0.1]), cond)
        net.routes = Routes(text=False)
        added = torch.cat([x[:, :, :1] + cond.first, x[:, :, 1:]], dim=2)
        net.taught = net.routes
        assert torch.allclose(net(added, torch.tensor([0.1]), cond), made, atol=1e-6)


def test_carrying_moves_the_picture_by_the_flow_the_network_gives():
    net = ImageToVideoUNet(shape(patch=1, fold=1, widths=(16,), attention=(False,)), ALL, 0.25)
    size, step = 16, 2
    flow = step * 2 / size / REACH  # pixels in units of the flow
    with torch.no_grad():
        net.leave.weight.zero_()
        net.leave.bias.zero_()
        net.leave.bias[3] = flow
        net.leave.bias[5] = 20.0  # the gate is open
    cond = conditions()
    sigma = torch.tensor([3.0])
    given = net(torch.zeros(1, 3, 2, size, size), sigma.log() / 4, cond)
    first = cond.first.expand(-1, -1, 2, -1, -1)
    moved = first.roll(-step, -1)
    factor = 3 / (0.25 * (3**2 + 0.25**2) ** 0.5)
    inside = slice(None, size - step)
    expected = factor * (moved - first)[..., inside]
    assert torch.allclose(given[..., inside], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("frames", "fps", "closes"),
    [(16, 8.0, True), (32, 16.0, True), (16, 16.0, False), (16, 4.0, True), (1, 8.0, False)],
)
def test_clips_that_span_whole_loops_close(frames, fps, closes):
    net = ImageToVideoUNet(shape(), ALL, 0.25)
    assert net.closes(frames, conditions(fps=fps)) == closes


def test_sizes_out_of_range_are_named():
    for changes in ({"head": 5}, {"period": 0.0}, {"channels": 0}, {"attention": (True,)}):
        with pytest.raises(InputError):
            shape(**changes)
    with pytest.raises(InputError, match="carry"):
        Routes(carry=True)
    with pytest.raises(InputError, match="multiple"):
        answer(shaken(), size=14)


def test_every_route_is_a_field_with_a_say():
    assert {field.name for field in fields(Routes)} == {*SEEN, "carry"}


def test_a_picture_of_other_values_stands_beside_or_not_at_all():
    changes = {"channels": 5, "patch": 1, "fold": 4}
    net = shaken(replace(ALL, carry=False), **changes)
    x = torch.randn(1, 5, 3, 4, 4)
    made = net(x, torch.tensor([0.1]), conditions())  # a picture of 16 pixels, 4 x 4 places
    assert made.shape == x.shape
    for routes in (ALL, Routes(detail="noise")):
        with pytest.raises(InputError, match="same values"):
            shaken(routes, **changes)
