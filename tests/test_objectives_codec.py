"""What a codec learns from: who gets which gradient, and exact resume of codes and critic."""

import pytest
import torch

from kineograph.families.image_tokens.codec_objective import Reconstruction, cropped
from kineograph.families.image_tokens.codec_recipe import CodecPart, CodecRecipe
from kineograph.nets.codec import CodecShape
from kineograph.nets.lite0 import Lite0
from kineograph.recipe import Phase, network
from kineograph.training import loop
from kineograph.values.prompt import Cond

BATCH = 4


def part(codes=8, **more):
    shape = CodecShape(patch=4, widths=(8,), depth=(1, 1), latent=4, codes=codes, critic=8)
    phases = (Phase(samples=10 * BATCH, batch=BATCH, frames=1, rate=2e-3, warm=BATCH),)
    facts = {"perceptual": 0.0, "critic_from": 2 * BATCH, "bottleneck": 0.25} | more
    return CodecPart("codec", 16, 0, shape, phases, **facts)


def feed(batch, frames, *, seed, seen):
    rng = torch.Generator().manual_seed(1000 * seed + seen)
    return torch.rand(batch, 3, frames, 16, 16, generator=rng) * 2 - 1, Cond()


def taught(one, stops, folder):
    """Weights and losses of a run cut after so many steps each, and resumed from its checkpoint."""
    about = CodecRecipe("tiny", "none", one)
    losses = []
    for steps in stops:
        state = loop.fresh(about, one)
        loop.restore(state, folder)
        for report in loop.fit(about, one, state, Reconstruction(one, feed, None)):
            losses.append(report.loss)
            steps -= 1
            if not steps:
                break
        loop.save(state, folder)
    return state, losses


def test_the_decoder_learns_first_with_the_critic_still_then_the_critic_alone():
    one = part()
    net = network(one)
    losses = Reconstruction(one, feed, None)(net, one.phases[0], seed=0, seen=2 * BATCH)
    next(losses).backward()
    assert all(p.grad is None for p in net.critic.parameters())
    assert net.encoder.enter.weight.grad is not None
    assert all(p.requires_grad for p in net.critic.parameters())
    before = [p.grad.clone() for p in (*net.encoder.parameters(), *net.decoder.parameters())]
    next(losses).backward()
    assert all(p.grad is not None for p in net.critic.parameters())
    after = [p.grad for p in (*net.encoder.parameters(), *net.decoder.parameters())]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert next(losses, None) is None


def test_before_its_turn_there_is_no_critic():
    one = part()
    losses = list(Reconstruction(one, feed, None)(network(one), one.phases[0], seed=0, seen=0))
    assert len(losses) == 1


def test_the_first_step_fills_the_codebook_from_the_data():
    one = part()
    net = network(one)
    before = net.squeeze.codes.clone()
    list(Reconstruction(one, feed, None)(net, one.phases[0], seed=0, seen=0))
    assert (net.squeeze.counts > 0).all() and not torch.equal(net.squeeze.codes, before)


def test_the_kl_bottleneck_learns_its_moments():
    one = part(codes=0)
    net = network(one)
    list(Reconstruction(one, feed, None)(net, one.phases[0], seed=0, seen=0))
    assert not torch.equal(net.squeeze.spread, torch.ones(4))


@pytest.mark.parametrize("codes", [0, 8])
def test_a_run_cut_and_resumed_is_an_unbroken_one(tmp_path, codes):
    whole, losses = taught(part(codes), (6,), tmp_path / "whole")
    pieces, others = taught(part(codes), (1, 3, 2), tmp_path / "pieces")
    assert losses == others
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, pieces.net.state_dict()[name]), name


def test_the_loss_falls():
    one = part(codes=0, critic_from=10**6, bottleneck=1e-4)
    about = CodecRecipe("tiny", "none", one)
    state = loop.fresh(about, one)

    def flat(batch, frames, *, seed, seen):
        return torch.full((batch, 3, frames, 16, 16), 0.8), Cond()

    reports = list(loop.fit(about, one, state, Reconstruction(one, flat, None)))
    assert len(reports) == 10 and reports[-1].loss < 0.8 * reports[0].loss


def test_the_frozen_network_is_looked_at_and_does_not_learn():
    one = part(perceptual=1.0, looked=1)
    look, net = Lite0(), network(one)
    with_look = next(Reconstruction(one, feed, look)(net, one.phases[0], seed=0, seen=0))
    without = next(Reconstruction(one, feed, None)(net, one.phases[0], seed=0, seen=0))
    assert with_look > without
    with_look.backward()
    assert all(p.grad is None for p in look.parameters())


def test_crops_are_drawn_from_their_generator():
    x = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8)
    one, two = (cropped(x, 4, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(one, two) and one.shape == (2, 3, 4, 4)
    assert (one[:, :, 0, 1] - one[:, :, 0, 0] == 1).all()
    assert (one[:, :, 1, 0] - one[:, :, 0, 0] == 8).all()
