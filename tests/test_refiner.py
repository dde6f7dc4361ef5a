"""Words that look at one another: order is heard, padding is not; a place hears its own name."""

from dataclasses import replace

import pytest
import torch

from kineograph.nets.video_unet import VideoUNet, VideoUNetShape
from kineograph.training.binding import misplaced, watching
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

SHAPE = VideoUNetShape(
    patch=4,
    widths=(32, 64),
    depth=1,
    attention=(False, True),
    time="none",
    head=32,
    state=64,
    text=48,
    low=False,
    circular=True,
    channels=4,
    refined=2,
)


def network(shape=SHAPE, *, blank=False):
    torch.manual_seed(0)
    net = VideoUNet(shape)
    if not blank:  # layers that begin as nothing say something
        for weights in net.parameters():
            if not weights.any():
                torch.nn.init.normal_(weights, std=0.05)
    return net


def asked(batch=3, tokens=7):
    rng = torch.Generator().manual_seed(1)
    words, pooled = (
        torch.randn(batch, tokens, 48, generator=rng),
        torch.randn(batch, 48, generator=rng),
    )
    mask = torch.arange(tokens)[None] < torch.tensor([3, 7, 5])[:batch, None]
    x = torch.randn(batch, 4, 1, 32, 32, generator=rng)
    return x, torch.tensor([0.1, 0.2, 0.3])[:batch], Cond(words * mask[..., None], mask, pooled)


def test_it_begins_as_nothing():
    x, label, cond = asked()
    plain = network(replace(SHAPE, refined=0))
    refined = network(blank=True)
    refined.load_state_dict(plain.state_dict(), strict=False)
    assert torch.equal(refined(x, label, cond), plain(x, label, cond))


def test_the_order_of_words_is_heard_and_was_not():
    x, label, cond = asked()
    order = torch.tensor([1, 0, 2, 3, 4, 5, 6])
    turned = replace(cond, words=cond.words[:, order])
    net, deaf = network(), network(replace(SHAPE, refined=0))
    assert (net(x, label, cond) - net(x, label, turned)).abs().max() > 0.01
    assert torch.allclose(deaf(x, label, cond), deaf(x, label, turned), atol=1e-5)


def test_what_is_no_token_changes_nothing():
    x, label, cond = asked()
    more = torch.nn.functional.pad(cond.words, (0, 0, 0, 5), value=3.0)
    longer = replace(cond, words=more, mask=torch.nn.functional.pad(cond.mask, (0, 5)))
    net = network()
    assert torch.allclose(net(x, label, cond), net(x, label, longer), atol=1e-5)


def test_prepared_words_give_the_same_picture():
    x, label, cond = asked()
    net = network()
    ready = net.prepared(cond)
    assert torch.allclose(net(x, label, ready), net(x, label, cond), atol=1e-5)
    dropped = cond.drop_words(torch.tensor([True, False, True]))
    stacked = Cond.stack(ready, dropped)  # keys of one alone are left out and made anew
    both = net(torch.cat([x, x]), torch.cat([label, label]), stacked)
    assert torch.allclose(both[:3], net(x, label, cond), atol=1e-5)
    assert torch.allclose(both[3:], net(x, label, dropped), atol=1e-5)


def test_more_blocks_than_there_may_be_are_told():
    with pytest.raises(InputError, match="refined"):
        replace(SHAPE, refined=17)


# -- binding ------------------------------------------------------------------------------------


def scene(cond):
    """Two things: tokens 0 and 1 name the left one, token 2 the right one."""
    parts = torch.zeros(cond.mask.shape, dtype=torch.int64)
    parts[:, :2], parts[:, 2] = 1, 2
    places = torch.zeros(len(parts), 2, 16, 16)
    places[:, 0, :, :8], places[:, 1, :, 8:] = 1, 1
    return replace(cond, parts=parts, places=places)


def test_the_share_is_what_a_plain_softmax_says():
    x, label, cond = asked()
    cond, net = scene(cond), network()
    with watching(net) as seen:
        net(x, label, cond)
    assert len(seen) == 3  # the level down, the middle, the level up
    told = []
    for one in seen:
        queries = one.queries.flatten(1, 2).unflatten(-1, (-1, one.head))  # (B, HW, A, E)
        keys = one.keys[..., : one.keys.shape[-1] // 2].unflatten(-1, (-1, one.head))
        logits = torch.einsum("bpae,blae->bapl", queries, keys)[..., 1:4] / one.head**0.5
        share = logits.softmax(-1).mean(1).unflatten(1, one.queries.shape[1:3])  # (B, H, W, 3)
        half = share.shape[2] // 2
        left, right = share[:, :, :half, :2].sum(-1), share[:, :, half:, 2]
        told.append(-torch.cat([left.log(), right.log()], 2).mean())
    assert torch.allclose(misplaced(seen, cond), torch.stack(told).mean(), atol=1e-5)


def test_scenes_without_two_names_cost_nothing():
    x, label, cond = asked()
    net = network()
    one = scene(cond)
    one = replace(one, parts=torch.where(one.parts == 2, 0, one.parts))
    empty = scene(cond).drop_words(torch.ones(3, dtype=torch.bool))
    for some in (one, empty):
        with watching(net) as seen:
            net(x, label, some)
        assert float(misplaced(seen, some)) == 0


def test_a_network_learns_to_look_at_its_own_word():
    x, label, cond = asked()
    cond, net = scene(cond), network()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    costs = []
    for _ in range(40):
        with watching(net) as seen:
            net(x, label, cond)
        cost = misplaced(seen, cond)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(float(cost.detach()))
    assert costs[-1] < 0.2 * costs[0]
    assert not any(layer._forward_hooks for layer in net.modules())  # nothing is left behind
