"""What a step of moving pictures draws: by the odds, by the seed, and by nothing else."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from kineograph.animate.space import CHANNELS
from kineograph.data import motions
from kineograph.data.animations import stride
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.schedule import Schedule, edm
from kineograph.families.image_to_video.encoder_objective import Contrast, shifted
from kineograph.families.image_to_video.objective import Animating, Refining, clips, paces
from kineograph.families.image_to_video.recipe import MotionPart
from kineograph.nets.image_to_video_unet import (
    ImageToVideoUNet,
    ImageToVideoUNetShape,
    Routes,
    amount_of,
    repeated,
)
from kineograph.nets.picture_encoder import PictureEncoder, PictureShape
from kineograph.recipe import Phase
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

SHAPE = ImageToVideoUNetShape(
    channels=3,
    sees=3,
    patch=4,
    fold=4,
    widths=(16,),
    depth=1,
    attention=(True,),
    head=8,
    state=16,
    text=4,
    tokens=8,
    embedding=6,
    period=2.0,
)
ROUTES = Routes(semantics=True, detail="beside", fps=True)
PHASE = Phase(samples=100, batch=4, frames=32, rate=1e-3)


def mover(**changes):
    sizes = {"schedule": Schedule(0.01, 10.0), "phases": (PHASE,), "centred": True}
    return MotionPart(
        **({"name": "base", "size": 16, "shape": SHAPE, "routes": ROUTES} | sizes | changes)
    )


def chi_square(counts, odds):
    expected = np.array(odds) * sum(counts) / sum(odds)
    return float(((np.array(counts) - expected) ** 2 / expected).sum())


def test_frames_and_rates_come_at_the_papers_odds():
    part, draws = mover(), 8000
    assert (part.frames, part.frame_odds) == ((1, 8, 16, 32), (1, 1, 1, 5))
    assert (part.fps, part.fps_odds) == ((1, 4, 8, 16), (1, 2, 4, 1))
    rng = torch.Generator().manual_seed(0)
    found = [paces(part, 32, rng) for _ in range(draws)]
    for i, (values, odds) in enumerate(((part.frames, (1, 1, 1, 5)), (part.fps, (1, 2, 4, 1)))):
        counts = [sum(pace[i] == value for pace in found) for value in values]
        assert chi_square(counts, odds) < 16.27  # 99.9 % of chi-square with 3 degrees of freedom


def test_an_earlier_phase_draws_no_longer_clips_than_its_own():
    rng = torch.Generator().manual_seed(0)
    assert {paces(mover(), 16, rng)[0] for _ in range(200)} == {1, 8, 16}
    assert {paces(mover(), 1, rng)[0] for _ in range(20)} == {1}


def test_a_batch_of_short_clips_holds_more_of_them_but_not_without_end():
    assert [clips(PHASE, frames) for frames in (32, 16, 8, 1)] == [4, 8, 16, 16]


def test_a_rate_is_a_stride_over_the_loop_and_one_is_a_still():
    assert [stride(fps) for fps in (1, 4, 8, 16)] == [0, 4, 2, 1]
    for fps in (3, 32):
        with pytest.raises(InputError, match="fps"):
            stride(fps)


class Blocks:
    def __init__(self):
        self.asked = []

    def __call__(self, batch, frames, fps, *, seed, seen):
        self.asked.append((batch, frames, fps))
        rng = torch.Generator().manual_seed(100 * seed + seen)
        clean = torch.rand(batch, 3, frames, 16, 16, generator=rng) * 2 - 1
        words = torch.ones(batch, 2, 4)
        mask = torch.ones(batch, 2, dtype=torch.bool)
        rate = torch.full((batch,), float(fps))
        return clean, Cond(words, mask, words.mean(1), first=clean[:, :, :1], fps=rate)


def eye():
    torch.manual_seed(0)
    return PictureEncoder(PictureShape(16, 4, (8,), 1, 4, 6))


def test_a_step_is_a_pure_function_of_weights_seed_and_samples_seen():
    torch.manual_seed(0)
    net = Precond(ImageToVideoUNet(SHAPE, ROUTES, 0.5), edm, repeated)
    part = mover(frames=(1, 4), frame_odds=(1, 1))
    lesson = Animating(part, Blocks(), eye())
    losses = [
        sum(loss.item() for loss in lesson(net, PHASE, seed=1, seen=seen)) for seen in (0, 4, 0)
    ]
    assert losses[0] == losses[2] != losses[1]


def test_a_base_is_told_how_much_moves_and_learns_to_guess_it_of_what_moves():
    torch.manual_seed(0)
    routes = dataclasses.replace(ROUTES, amount=True)
    net = Precond(ImageToVideoUNet(SHAPE, routes, 0.5), edm, repeated)
    told = []
    net.net.register_forward_pre_hook(lambda _, given: told.append(given[2].amount))

    def gradient(fps, frames=4):
        part = mover(frames=(frames,), frame_odds=(1,), fps=(fps,), fps_odds=(1,))
        net.zero_grad()
        lesson = Animating(dataclasses.replace(part, routes=routes), Blocks(), eye())
        sum(lesson(net, PHASE, seed=1, seen=0)).backward()
        return net.net.expects.bias.grad

    moved = gradient(8)
    clean, _ = Blocks()(len(told[0]), 4, 8, seed=1, seen=0)
    assert torch.allclose(told[0], amount_of(clean))
    assert moved is not None and float(moved.abs()) > 0
    for still in (gradient(1), gradient(8, frames=1)):
        assert still is None or float(still.abs()) == 0


def test_some_texts_and_picture_states_are_left_out_and_no_more():
    lesson = Animating(mover(no_text=0.25, no_picture=0.5), Blocks(), eye())
    _, cond = Blocks()(400, 1, 8, seed=0, seen=0)
    seen = lesson._seen(cond, torch.Generator().manual_seed(0))
    assert 0.18 < float((~seen.mask[:, 0]).float().mean()) < 0.32
    assert 0.42 < float((seen.picture == 0).all(1).float().mean()) < 0.58


def test_the_refinement_is_told_text_alone_and_taught_the_low_levels_alone():
    told = []

    class Net(Precond):
        def loss(self, clean, noise, sigma, cond, *, weighting):
            told.append((sigma, cond))
            return super().loss(clean, noise, sigma, cond, weighting=weighting)

    part = mover(
        name="refine", routes=Routes(), share=0.6, centred=False, schedule=Schedule(0.01, 100)
    )

    def feed(batch, frames, *, seed, seen):
        clean, cond = Blocks()(batch, frames, 8, seed=seed, seen=seen)
        return clean, replace(cond, low=clean)

    phase = Phase(samples=8, batch=64, frames=1, rate=1e-3)
    list(
        Refining(part, feed)(
            Net(ImageToVideoUNet(SHAPE, Routes(), 0.5), edm), phase, seed=0, seen=0
        )
    )
    sigma, cond = told[0]
    assert cond.first is None and cond.low is None and cond.picture is None and cond.fps is None
    assert float(sigma.max()) <= float(Schedule(0.01, 100).sigma(torch.tensor(0.6)))


def test_a_picture_encoder_learns_which_caption_is_whose():
    torch.manual_seed(0)
    net = PictureEncoder(PictureShape(16, 4, (16, 16), 1, 4, 8))
    colours = torch.eye(3).repeat(2, 1)[:, :, None, None, None].expand(6, 3, 1, 16, 16) * 2 - 1
    words = torch.eye(4)[:3].repeat(2, 1)

    def feed(batch, frames, *, seed, seen):
        return colours, Cond(words[:, None], torch.ones(6, 1, dtype=torch.bool), words)

    lesson = Contrast(feed)
    rows = torch.optim.Adam(net.parameters(), 1e-2)
    phase = Phase(samples=8, batch=6, frames=1, rate=1e-3)
    losses = []
    for seen in range(40):
        loss = next(iter(lesson(net, phase, seed=0, seen=seen)))
        rows.zero_grad()
        loss.backward()
        rows.step()
        losses.append(loss.item())
    # two rows share each caption: the best to be had is ln 2
    assert losses[0] > 1.2 * losses[-1]
    with torch.no_grad():
        match = net(colours[:3, :, 0]) @ net.words(words[:3]).T
    assert (match.argmax(1) == torch.arange(3)).all()


def test_shifted_pictures_keep_their_size_and_range():
    made = shifted(torch.rand(5, 3, 16, 16) * 2 - 1, torch.Generator().manual_seed(0))
    assert made.shape == (5, 3, 16, 16)
    assert float(made.abs().max()) <= 1


def test_a_mirror_turns_the_flow_around():
    z = torch.randn(2, CHANNELS, 3, 4, 4)
    turned = motions.mirrored(z)
    assert torch.equal(turned[:, 0], -z[:, 0].flip(-1))
    assert torch.equal(turned[:, 1:], z[:, 1:].flip(-1))
    assert torch.equal(motions.mirrored(turned), z)


def test_every_second_frame_of_a_loop_is_told_by_its_flow_the_others_lie_between():
    loop = np.full((32, 16, 16, 3), 255, np.uint8)
    for k in range(32):
        loop[k, 4:10, 2 + min(k, 32 - k) // 4 : 8 + min(k, 32 - k) // 4] = 40
    found = motions.motion_of(loop).astype(np.float32)
    assert found.shape == (32, CHANNELS, 4, 4)
    assert np.abs(found[0]).max() < 1e-3
    assert np.allclose(found[1::2], (found[::2] + np.roll(found[::2], -1, 0)) / 2, atol=2e-3)
    assert np.abs(found[16]).max() > 0.1
