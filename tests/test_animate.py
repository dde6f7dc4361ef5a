"""Moving a picture with known denoisers: held frames, blocks that agree, shapes given back."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from kineograph import recipe
from kineograph.animate.maker import AnimateMaker, Sampling, Stage, drift, start_noise
from kineograph.animate.picture import framed, matted, unmixed
from kineograph.animate.space import FLOW, Motion, Pixels
from kineograph.diffusion.denoiser import Ideal
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.diffusion.schedule import Schedule
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError, LimitError
from kineograph.values.progress import last
from kineograph.values.prompt import Cond, Prompt

SIZE = 16


def read(texts):
    rows = torch.zeros(len(texts), 2, 4)
    return Cond(rows, torch.ones(len(texts), 2, dtype=torch.bool), rows.mean(1))


class EncoderPart:
    def __call__(self, pictures):
        return pictures.mean((2, 3))

    def words(self, pooled):
        return torch.ones(len(pooled), 3)


class Brightens:
    """Every frame is a little lighter than the one before, whatever the noise."""

    def __init__(self):
        self.seen = []

    def __call__(self, x, sigma, cond):
        self.seen.append(cond)
        ramp = torch.arange(x.shape[2]).view(1, 1, -1, 1, 1) / 64
        return (cond.first + ramp).expand_as(x)


def maker(denoise, refine=None, **changes):
    levels = Schedule(0.01, 10.0, 0.25)
    base = Stage("base", denoise, levels, SIZE, 3, offset=0.1)
    finer = Stage("refine", refine, Schedule(0.005, 100.0), 2 * SIZE, 4) if refine else None
    whole = AnimateMaker(base, finer, read, EncoderPart(), Pixels(), 8, 2.0, 2.0, pinned=2)
    return replace(whole, **changes)


def picture(height=SIZE, width=SIZE, channels=3, seed=0):
    frames = torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))
    return Clip(0.8 * frames)


def made(maker, prompt, sampling=None, seed=0):
    return list(maker.make(prompt, seed, sampling or Sampling()))[-1].value


# -- blocks ---------------------------------------------------------------------------------------


def test_the_first_frame_is_the_picture_and_the_rest_follows_the_denoiser():
    image = picture()
    clip = made(maker(Brightens()), Prompt(image=image, seconds=2))
    assert len(clip) == 8
    assert clip.fps == pytest.approx(4.0)
    assert torch.allclose(clip.frames[0], image.frames[0], atol=1e-6)
    assert torch.allclose(clip.frames[5], (image.frames[0] + 5 / 128).clamp(0, 1), atol=1e-5)


def test_blocks_agree_in_the_frames_they_share_and_go_on_from_there():
    image = picture()
    clip = made(maker(Brightens()), Prompt(image=image, seconds=5))
    assert len(clip) == 20
    steps = (clip.frames[1:] - clip.frames[:-1]).mean((1, 2, 3))
    # two frames of a block are handed on: the seam's steps are like any other
    assert torch.allclose(steps, torch.full_like(steps, 1 / 128), atol=1e-4)


def test_a_looped_clip_makes_one_block():
    clip = made(maker(Brightens()), Prompt(image=picture(), seconds=9), Sampling(loop=True))
    assert len(clip) == 8


def test_motion_is_told_as_frames_a_second_and_words_are_read():
    for motion, fps in ((1.0, 4.0), (2.0, 2.0), (0.5, 8.0)):
        net = Brightens()
        made(maker(net), Prompt("a dog", image=picture(), seconds=2), Sampling(motion=motion))
        assert float(net.seen[0].fps) == fps


def test_how_much_moves_is_what_is_usual_at_any_pace_times_what_is_asked():
    paces = []

    def usual(frames, cond):
        paces.append(float(cond.fps))
        return torch.full((len(cond.first),), 0.5)

    heard = Brightens()
    moving = maker(heard, amount=1.7, expect=usual)
    prompt = Prompt(image=picture(), seconds=6.0)
    made(moving, prompt, Sampling(amount=2.0, motion=2.0, guidance=3.0))
    told = torch.cat([cond.amount for cond in heard.seen])
    assert len(told) > 4  # of every block, with words and without
    assert torch.allclose(told, torch.tensor(0.5 + math.log(3.4)))
    assert paces == [4.0]  # eight frames of the two seconds of a loop, however many are shown
    with pytest.raises(InputError, match="amount: 5 is not in"):
        made(moving, prompt, Sampling(amount=5.0))
    with pytest.raises(InputError, match="not told how far things move"):
        made(maker(Brightens()), prompt, Sampling(amount=2.0))


def test_a_sample_is_the_same_alone_and_beside_others():
    clips = torch.rand(3, 3, 8, SIZE, SIZE) * 2 - 1
    one = maker(Ideal(clips))
    prompts = [Prompt(image=picture(seed=i), seconds=2) for i in range(2)]
    both = list(one.make_all(prompts, [5, 6], Sampling(pin=False)))[-1].value
    alone = made(one, prompts[1], Sampling(pin=False), seed=6)
    assert torch.allclose(both[1].frames, alone.frames, atol=1e-5)
    others = [made(one, prompts[1], Sampling(pin=False), seed=seed) for seed in range(7, 15)]
    assert any(not torch.equal(alone.frames, other.frames) for other in others)


def test_one_frame_gives_the_picture_back():
    image = picture()
    clip = made(maker(Brightens()), Prompt(image=image, seconds=0), Sampling(frames=1))
    assert torch.allclose(clip.frames, image.frames, atol=1e-6)


def test_what_may_not_move_stays_as_it_is_and_the_rest_follows():
    image, moves = picture(), torch.zeros(1, 3, SIZE, SIZE)
    moves[..., SIZE // 2 :] = 1  # the right half may
    clip = made(maker(Brightens()), Prompt(image=image, seconds=5), Sampling(moves=Clip(moves)))
    still, right = clip.frames[..., : SIZE // 2], clip.frames[..., SIZE // 2 :]
    assert torch.allclose(still, image.frames[..., : SIZE // 2].expand_as(still), atol=1e-6)
    free = made(maker(Brightens()), Prompt(image=image, seconds=5))
    assert torch.allclose(right, free.frames[..., SIZE // 2 :], atol=1e-6)
    all_white = Sampling(moves=Clip(torch.ones(1, 3, SIZE, SIZE)))
    same = made(maker(Brightens()), Prompt(image=image, seconds=5), all_white)
    assert torch.equal(same.frames, free.frames)


def test_what_is_held_may_guide_the_rest():
    class Leans:
        """The mean of the frames, so that what is held reaches the others."""

        def __call__(self, x, sigma, cond):
            return x.mean(2, keepdim=True).expand_as(x)

    one, prompt = maker(Leans()), Prompt(image=picture(), seconds=2)
    plain, led = made(one, prompt), made(one, prompt, Sampling(recall=4.0))
    gap = [(clip.frames[1:] - clip.frames[:1]).abs().mean() for clip in (plain, led)]
    assert gap[1] < gap[0]


def test_a_still_does_not_drift_and_one_that_brightens_does():
    still = Clip(picture().frames.repeat(16, 1, 1, 1))
    assert drift(still, 8) == [0.0, 0.0]
    clip = made(maker(Brightens()), Prompt(image=Clip(picture().frames / 4), seconds=6))
    gaps = drift(clip, 8)
    assert gaps[1] == pytest.approx(8 / 128, abs=1e-3)
    assert gaps[2] == pytest.approx(16 / 128, abs=1e-3)


def test_the_offset_adds_one_value_a_frame_and_channel():
    shape = (2, 3, 50, 8, 8)
    rngs = [torch.Generator().manual_seed(i) for i in range(2)]
    noise = start_noise(shape, 0.5, noise_from(rngs))
    means = noise.mean((3, 4)).flatten()
    assert float(means.std()) == pytest.approx((0.5**2 + 1 / 64) ** 0.5, rel=0.15)


def test_sampling_out_of_range_are_named():
    one = maker(Brightens())
    bad = {"frames": 99, "motion": 9.0, "steps": -1, "guidance": -1.0, "level": 0, "refine": True}
    for name, value in bad.items():
        with pytest.raises(InputError):
            one.check(Sampling(**{name: value}))
    with pytest.raises(InputError, match="image"):
        made(one, Prompt("a dog"))


def textured(shift, size=32):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    grey = 0.4 * ((x - shift) * 0.5).sin() * (y * 0.4).cos() + 0.3 * ((x - shift + y) * 0.23).sin()
    return grey.expand(3, -1, -1)


def test_motion_says_a_shift_as_its_flow_and_gives_the_clip_back():
    x = torch.stack([textured(shift) for shift in (0.0, 1.0, 2.0)], dim=1)[None]
    space, first = Motion(), x[:, :, :1]
    z = space.encode(x, first)
    assert tuple(z.shape) == (1, 5, 3, 8, 8)
    assert float(z[:, :, 0].abs().max()) < 1e-3  # the picture itself has not moved
    inside = z[0, 0, 2, 2:-2, 2:-2] * FLOW
    assert float((inside + 2).abs().mean()) < 0.2  # fetched from two pixels to the left
    back = space.decode(z, first)
    assert float((back - x)[..., 8:-8].abs().mean()) < 0.02
    assert float((first - x)[..., 8:-8].abs().mean()) > 0.08


def test_a_motion_moves_the_same_picture_at_any_size():
    x = torch.stack([textured(shift) for shift in (0.0, 2.0)], dim=1)[None]
    z = Motion().encode(x, x[:, :, :1])
    y, s = torch.meshgrid(torch.arange(64) / 2 - 0.25, torch.arange(64) / 2 - 0.25, indexing="ij")

    def fine(shift):
        grey = 0.4 * ((s - shift) * 0.5).sin() * (y * 0.4).cos()
        return (grey + 0.3 * ((s - shift + y) * 0.23).sin()).expand(3, -1, -1)

    large = torch.stack([fine(0.0), fine(2.0)], dim=1)[None]
    back = Motion().decode(z, large[:, :, :1])
    assert float((back - large)[..., 16:-16].abs().mean()) < 0.03
    clip = made(
        maker(Zero(), space=Motion()), Prompt(image=picture(), seconds=2), Sampling(size=40)
    )
    assert tuple(clip.frames.shape) == (8, 3, 40, 40)
    with pytest.raises(InputError, match="size"):
        maker(Brightens()).check(Sampling(size=40))


def test_smooth_motion_calms_what_is_rough_and_leaves_an_even_flow():
    x = textured(0.0)[None, :, None]
    even, rough = torch.zeros(2, 1, 5, 1, 8, 8)
    even[:, 0] = 0.5
    rough[:, 0] = (torch.arange(8) % 2 * 2 - 1) * 0.5
    plain, smooth = Motion(), Motion(smooth=True)
    assert torch.allclose(smooth.decode(even, x), plain.decode(even, x), atol=1e-6)
    gap = [float((space.decode(rough, x) - x).abs().mean()) for space in (plain, smooth)]
    assert gap[1] < 0.6 * gap[0]


class Zero:
    def __call__(self, x, sigma, cond):
        return torch.zeros_like(x)


def test_blocks_of_motion_go_on_from_the_one_picture():
    class Slides:
        def __call__(self, x, sigma, cond):
            Slides.firsts = (*Slides.firsts, cond.first)
            flow = torch.arange(x.shape[2]).view(1, 1, -1, 1, 1) / 8 * torch.ones_like(x[:, :1])
            return torch.cat([flow, torch.zeros_like(x[:, 1:])], dim=1)

        firsts = ()

    one = maker(Slides(), space=Motion())
    clip = made(one, Prompt(image=picture(seed=3), seconds=5))
    assert tuple(clip.frames.shape) == (20, 3, SIZE, SIZE)
    assert all(torch.equal(first, Slides.firsts[0]) for first in Slides.firsts)
    assert torch.allclose(clip.frames[0], picture(seed=3).frames[0], atol=1e-3)


# -- refinement -----------------------------------------------------------------------------------


@pytest.mark.parametrize("noising", ["ddim", "drawn"])
def test_refining_leads_to_what_the_refinement_knows(noising):
    known = torch.rand(1, 3, 1, 1, 1).expand(1, 3, 8, 2 * SIZE, 2 * SIZE) * 2 - 1
    one = maker(Brightens(), Ideal(known), noising=noising)
    clip = Clip(torch.rand(8, 3, SIZE, SIZE))
    made = list(one.refined(clip, Prompt("a dog"), 0, Sampling(level=500)))[-1].value
    assert tuple(made.frames.shape) == (8, 3, 2 * SIZE, 2 * SIZE)
    assert torch.allclose(made.frames, (known[0].transpose(0, 1) + 1) / 2, atol=1e-4)


def test_noise_that_the_refinement_was_not_taught_is_refused_by_field():
    one = maker(Brightens(), Brightens())
    taught = replace(one, refine=replace(one.refine, share=0.6))
    with pytest.raises(InputError, match=r"level: 601 is not in 1 … 600"):
        taught.check(Sampling(level=601))
    taught.check(Sampling(level=600))
    one.check(Sampling(level=1000))


@pytest.mark.slow
@pytest.mark.parametrize("level", [200, 600])
def test_a_white_ground_stays_white_when_shipped_weights_refine_it(level):
    """600 is the paper's level; earlier weights tinted the ground there."""
    frames = np.full((2, 64, 64, 3), 255, np.uint8)
    frames[:, 24:40, 24:40] = (220, 30, 40)
    clip = from_bytes(frames, 8)
    made = last(
        recipe.load("animate").refined(clip, Prompt("a red square"), 1, Sampling(level=level))
    )
    ground = made.frames[..., :24, :]  # (T, 3, 24, W)
    assert ground.shape[-1] == 128
    colour = ground.mean((0, 2, 3)) * 255
    assert colour.min() > 251 and colour.max() - colour.min() < 1


def test_any_clip_is_refined_at_its_own_shape_block_by_block():
    class Same:
        def __call__(self, x, sigma, cond):
            self.frames = x.shape[2]
            return torch.zeros_like(x)

    net = Same()
    clip = Clip(torch.rand(11, 4, 10, 20))
    made = list(maker(Brightens(), net).refined(clip, Prompt(), 0, Sampling()))[-1].value
    assert tuple(made.frames.shape) == (11, 3, 16, 32)
    assert net.frames == 3  # 8 and the 3 that were left


def test_noise_found_against_the_samplers_direction_leads_back():
    clips = torch.rand(4, 3, 1, 4, 4, dtype=torch.float64) * 2 - 1
    rising = torch.logspace(-2, 1, 400, dtype=torch.float64)
    start = clips[:1] + 0.01 * torch.randn(1, 3, 1, 4, 4, dtype=torch.float64)
    noised = list(integrate(Ideal(clips), start, rising, Cond()))[-1].x
    back = list(integrate(Ideal(clips), noised, rising.flip(0), Cond()))[-1].x
    assert float(noised.std()) > 5
    assert torch.allclose(back, start, atol=0.05)
    with pytest.raises(InputError, match="do not fall"):
        list(integrate(Ideal(clips), start, rising, Cond(), order=2))


# -- pictures of any shape ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "out"),
    [(16, 16, (16, 16)), (8, 32, (4, 16)), (1, 1, (16, 16)), (300, 1, (16, 2)), (40, 100, (6, 16))],
)
def test_a_clip_gets_its_pictures_shape_back(height, width, out):
    frame = framed(picture(height, width), SIZE)
    assert frame.square.frames.shape == (1, 3, SIZE, SIZE)
    clip = made(maker(Brightens()), Prompt(image=picture(height, width), seconds=2))
    assert tuple(clip.frames.shape[2:]) == out
    assert clip.frames.shape[1] == 3


def disc(hole=True):
    """A red disc on nothing, with a white eye and a hole, (1, 4, 32, 32)."""
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    inside = ((y - 16) ** 2 + (x - 16) ** 2 < 144).float()
    colour = torch.stack([inside, inside * 0.1, inside * 0.1])
    eye = ((y - 12) ** 2 + (x - 12) ** 2 < 9).bool()
    colour[:, eye] = 1.0
    if hole:
        inside[20:23, 18:21] = 0
    return Clip(torch.cat([colour, inside[None]])[None])


def test_transparency_comes_back_whole_where_nothing_changed():
    image = disc()
    clip = made(maker(Still()), Prompt(image=image, seconds=2))
    alone = framed(image, SIZE)
    assert clip.frames.shape[1] == 4
    assert torch.allclose(clip.frames[0, 3:], alone.alpha[0], atol=1e-6)
    over = clip.over().frames[0]
    assert torch.allclose(over, alone.square.frames[0], atol=1e-4)


class Still:
    def __call__(self, x, sigma, cond):
        return cond.first.expand_as(x)


def test_a_moved_shape_keeps_its_white_parts_and_uncovers_nothing():
    image = disc(hole=False)
    white = image.over().frames
    moved = white[0].roll(5, -1)
    found = matted(moved[None], white, image.frames[:, 3:])[0]
    truth = image.frames[0, 3].roll(5, -1)
    assert float((found[3] - truth).abs().mean()) < 0.02
    assert float(found[3, 12, 17]) == 1.0  # the eye, white and moved, is no hole
    over = found[:3] * found[3:] + 1 - found[3:]
    assert torch.allclose(over, moved, atol=1e-4)


def test_a_large_matte_is_that_of_the_small_one():
    image = disc(hole=False)
    white = image.over().frames
    large = torch.nn.functional.interpolate(image.frames, (384, 384), mode="nearest")
    frame = torch.nn.functional.interpolate(white, (384, 384), mode="nearest")[0].roll(30, -1)
    found = matted(frame[None], frame.roll(-30, -1)[None], large[:, 3:])[0]
    assert float((found[3] - large[0, 3].roll(30, -1)).abs().mean()) < 0.02


def test_a_clip_that_would_not_fit_is_refused():
    one = maker(Zero(), space=Motion())
    with pytest.raises(LimitError, match="size"):
        made(one, Prompt(image=picture(), seconds=600), Sampling(size=1024))


def test_a_picture_of_nothing_is_refused():
    with pytest.raises(InputError, match="fully transparent"):
        framed(Clip(torch.zeros(1, 4, 8, 8)), SIZE)


def test_pictures_are_ranked_by_the_picture_encoder():
    scores = maker(Brightens()).rank([picture(seed=1), Clip(torch.ones(1, 3, 4, 4))], "white")
    assert scores.shape == (2,)
    assert float(scores[1]) == pytest.approx(3.0)
    assert scores[1] > scores[0]


def test_alpha_goes_where_its_picture_goes_and_nothing_comes_from_outside():
    still = torch.zeros(1, 1, 1, 16, 16)
    still[..., 4:8, :4] = 1
    z = torch.zeros(1, 5, 2, 4, 4)
    z[:, 0, 1] = -1.0  # the second frame is fetched 4 pixels further left
    made = Motion().carried(z, still)
    assert torch.equal(made[0, 0, 0], still[0, 0, 0])
    assert torch.allclose(made[0, 0, 1], still[0, 0, 0].roll(4, 1), atol=1e-5)
    z[:, 0, 1] = 1.0
    assert float(Motion().carried(z, still)[0, 0, 1].abs().max()) < 1e-5


def test_a_frame_on_white_is_unmixed_by_its_known_alpha():
    torch.manual_seed(0)
    alpha = torch.rand(1, 8, 8)
    colour = torch.rand(3, 8, 8)
    found = unmixed(colour * alpha + 1 - alpha, alpha)
    assert torch.equal(found[3:], alpha)
    assert torch.allclose(found[:3], colour * (alpha > 0), atol=1e-3)
    clear = torch.zeros(1, 8, 8)
    black = unmixed(torch.zeros(3, 8, 8), clear)  # something that was not there before
    assert torch.equal(black[3:], torch.ones(1, 8, 8)) and not black[:3].any()
    assert not unmixed(torch.full((3, 8, 8), 0.95), clear).any()  # haze
