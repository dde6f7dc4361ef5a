"""The video U-Net: an image is a clip of one frame, a circle of time has no beginning; bad input.

Output layers and time biases begin at zero, so every weight is drawn anew: no branch is idle.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch

from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.schedule import edm
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape, enlarged
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

TEXT = 12
BASE = VideoUNetShape(
    patch=2,
    widths=(32, 64),
    depth=1,
    attention=(True, True),
    time="attention",
    head=16,
    state=32,
    text=TEXT,
    low=False,
    circular=True,
)
CONV = replace(BASE, time="convolution", attention=(False, True))
ABOVE = replace(BASE, time="convolution", attention=(False, False), low=True)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def net(shape, seed=0):
    """Every parameter drawn anew, so that no branch is zero."""
    made = VideoUNet(shape)
    draw = rng(seed)
    for parameter in made.parameters():
        size = 0.5 * parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.1
        parameter.data = size * torch.randn(parameter.shape, generator=draw)
    return made.double().requires_grad_(False).eval()


def clips(batch, frames, size=8, seed=1):
    return torch.randn(batch, 3, frames, size, size, generator=rng(seed), dtype=torch.float64)


def words(batch, length=5, kept=None, seed=2):
    """Text conditions; the first `kept` tokens of every text are there."""
    states = torch.randn(batch, length, TEXT, generator=rng(seed), dtype=torch.float64)
    mask = torch.arange(length).expand(batch, length) < (length if kept is None else kept)
    states = states * mask[..., None]
    pooled = states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    return Cond(states, mask, pooled)


def low(batch, frames, size, seed=3):
    x = torch.randn(batch, 3, frames, size, size, generator=rng(seed), dtype=torch.float64)
    return x, torch.linspace(0.1, 0.5, batch, dtype=torch.float64)


LABEL = torch.tensor([-0.7, 0.4], dtype=torch.float64)


def gap(a, b):
    return float((a - b).abs().max())


# -- an image is a clip of one frame --------------------------------------------------------------


@pytest.mark.parametrize("shape", [BASE, CONV, replace(BASE, circular=False)])
def test_clips_packed_as_pictures_are_the_same_pictures_one_by_one(shape):
    made, clip, cond = net(shape), clips(2, 3), words(2)
    packed = clip.transpose(1, 2).reshape(6, 3, 1, 8, 8)  # (B*T, C, 1, H, W)
    rows = torch.arange(2).repeat_interleave(3)
    together = made(packed, LABEL[rows], cond[rows])
    for row in range(6):
        one = slice(row, row + 1)
        alone = made(packed[one], LABEL[rows][one], cond[rows][one])
        assert gap(alone, together[one]) < 1e-12


@pytest.mark.parametrize("shape", [BASE, CONV])
def test_with_one_frame_nothing_of_time_is_used(shape):
    made = net(shape)
    before = made(clips(2, 1), LABEL, words(2))
    for name, parameter in made.named_parameters():
        if ".time." in name:
            parameter.data = torch.full_like(parameter, torch.nan)
    assert torch.equal(made(clips(2, 1), LABEL, words(2)), before)


@pytest.mark.parametrize("shape", [BASE, CONV])
def test_frames_of_a_clip_see_one_another(shape):
    made, clip, cond = net(shape), clips(2, 4), words(2)
    changed = clip.clone()
    changed[:, :, 2] += 1
    assert gap(made(clip, LABEL, cond)[:, :, 1], made(changed, LABEL, cond)[:, :, 1]) > 1e-4


@pytest.mark.parametrize("shape", [BASE, CONV, ABOVE])
def test_a_sample_is_the_same_in_any_batch(shape):
    made, clip, cond = net(shape), clips(2, 4), words(2)
    if shape.low:
        below, level = low(2, 2, 4)
        cond = replace(cond, low=below, low_sigma=level)
    together = made(clip, LABEL, cond)
    assert together.shape == clip.shape
    for row in range(2):
        one = slice(row, row + 1)
        assert gap(made(clip[one], LABEL[one], cond[one]), together[one]) < 1e-12


# -- a circle of time -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [BASE, CONV])
@pytest.mark.parametrize("frames", [2, 5, 8])
@pytest.mark.parametrize("by", [1, 3])
def test_rolled_frames_in_are_rolled_frames_out_on_a_circle(shape, frames, by):
    made, clip, cond = net(shape), clips(2, frames), words(2)
    rolled = made(clip.roll(by, dims=2), LABEL, cond)
    # the bias of attention is a float32 sum over harmonics, hence not 1e-12
    assert gap(rolled, made(clip, LABEL, cond).roll(by, dims=2)) < 1e-5


def test_a_stage_above_rolls_with_the_stage_below():
    made, clip, cond = net(ABOVE), clips(2, 6), words(2)
    below, level = low(2, 3, 4)
    whole = made(clip, LABEL, replace(cond, low=below, low_sigma=level))
    rolled = replace(cond, low=below.roll(1, dims=2), low_sigma=level)  # 2 frames each
    assert gap(made(clip.roll(2, dims=2), LABEL, rolled), whole.roll(2, dims=2)) < 1e-12


@pytest.mark.parametrize("shape", [replace(BASE, circular=False), replace(CONV, circular=False)])
def test_a_line_of_time_has_ends(shape):
    made, clip, cond = net(shape), clips(2, 5), words(2)
    rolled = made(clip.roll(1, dims=2), LABEL, cond)
    assert gap(rolled, made(clip, LABEL, cond).roll(1, dims=2)) > 1e-4


def test_a_line_of_time_knows_its_direction():
    made, clip, cond = net(replace(BASE, circular=False)), clips(2, 5), words(2)
    assert gap(made(clip.flip(2), LABEL, cond), made(clip, LABEL, cond).flip(2)) > 1e-4


# -- the text -------------------------------------------------------------------------------------


def test_padding_never_changes_the_answer():
    made, clip, cond = net(BASE), clips(2, 3), words(2, length=6, kept=3)
    plain = made(clip, LABEL, cond)
    noise = torch.randn(cond.words.shape, generator=rng(9), dtype=torch.float64)
    loud = replace(cond, words=torch.where(cond.mask[..., None], cond.words, 50 * noise))
    longer = replace(
        cond,
        words=torch.nn.functional.pad(cond.words, (0, 0, 0, 4)),
        mask=torch.nn.functional.pad(cond.mask, (0, 4)),
    )
    cut = replace(cond, words=cond.words[:, :3], mask=cond.mask[:, :3])
    for other in (loud, longer, cut):
        assert gap(made(clip, LABEL, other), plain) < 1e-12


def test_words_are_seen():
    made, clip = net(BASE), clips(2, 3)
    assert gap(made(clip, LABEL, words(2)), made(clip, LABEL, words(2, seed=5))) > 1e-4
    other = replace(words(2), pooled=words(2, seed=5).pooled)
    assert gap(made(clip, LABEL, words(2)), made(clip, LABEL, other)) > 1e-4


def test_an_empty_text_is_the_unconditional_text():
    made, clip, cond = net(BASE), clips(2, 3), words(2)
    empty = words(2, kept=0)
    dropped = cond.drop_words(torch.tensor([True, True]))
    plain = made(clip, LABEL, cond.without_words())
    assert gap(made(clip, LABEL, empty), plain) < 1e-12
    assert gap(made(clip, LABEL, dropped), plain) < 1e-12
    assert torch.isfinite(plain).all()


def test_one_text_dropped_leaves_the_others():
    made, clip, cond = net(BASE), clips(2, 3), words(2)
    answer = made(clip, LABEL, cond.drop_words(torch.tensor([True, False])))
    assert gap(answer[0], made(clip, LABEL, cond.without_words())[0]) < 1e-12
    assert gap(answer[1], made(clip, LABEL, cond)[1]) < 1e-12


# -- the stage below ------------------------------------------------------------------------------


def test_the_stage_below_and_its_noise_level_are_seen():
    made, clip, cond = net(ABOVE), clips(2, 4), words(2)
    below, level = low(2, 2, 4)
    plain = made(clip, LABEL, replace(cond, low=below, low_sigma=level))
    other = made(clip, LABEL, replace(cond, low=below + 1, low_sigma=level))
    louder = made(clip, LABEL, replace(cond, low=below, low_sigma=level + 1))
    assert gap(plain, other) > 1e-4
    assert gap(plain, louder) > 1e-4


def test_the_stage_below_may_have_any_size_and_any_divisor_of_the_frames():
    made, clip, cond = net(ABOVE), clips(2, 4), words(2)
    for frames, size in ((1, 2), (2, 4), (4, 8)):
        below, level = low(2, frames, size)
        assert made(clip, LABEL, replace(cond, low=below, low_sigma=level)).shape == clip.shape


def test_enlarging_repeats_frames_and_keeps_a_flat_picture_flat():
    below = torch.arange(3.0).view(1, 1, 3, 1, 1).expand(1, 3, 3, 2, 2)
    large = enlarged(below, torch.zeros(1, 3, 6, 4, 4), smooth=False, circular=True)
    assert large.shape == (1, 3, 6, 4, 4)
    assert torch.equal(large[0, 0, :, 1, 1], torch.tensor([0.0, 0.0, 1.0, 1.0, 2.0, 2.0]))


@pytest.mark.parametrize(("circular", "last"), [(True, 1.5), (False, 3.0)])
def test_smooth_enlarging_lies_on_lines_between_frames(circular, last):
    below = torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 3, 1, 1).expand(1, 3, 3, 4, 4)
    large = enlarged(below, torch.zeros(1, 3, 6, 8, 8), smooth=True, circular=circular)
    assert torch.allclose(large[0, 0, :, 3, 3], torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, last]))
    wave = torch.randn(2, 3, 2, 6, 6, generator=rng())
    like = torch.zeros(2, 3, 8, 12, 12)
    made = enlarged(wave, like, smooth=True, circular=True)
    cubic = torch.nn.functional.interpolate(wave[:, :, 0], scale_factor=2, mode="bicubic")
    assert torch.allclose(made[:, :, 0], cubic, atol=1e-6)
    turned = enlarged(wave.roll(1, 2), like, smooth=True, circular=True)
    assert torch.allclose(turned, made.roll(4, 2), atol=1e-6)


def test_a_smooth_stage_begins_as_the_smooth_enlargement():
    about = replace(ABOVE, smooth=True)
    below, level = low(2, 2, 4)
    stage = Precond(VideoUNet(about), partial(edm, sigma_data=0.1), about.below).double()
    cond = replace(words(2), low=below, low_sigma=level)
    with torch.no_grad():
        made = stage(torch.zeros(2, 3, 4, 8, 8).double(), torch.full((2,), 50.0), cond)
    smooth = enlarged(below, made, smooth=True, circular=True)
    assert torch.allclose(made, smooth, atol=1e-3)


@pytest.mark.parametrize("given", [{}, {"low": True}, {"low_sigma": True}])
def test_a_missing_stage_below_is_named(given):
    below, level = low(2, 2, 4)
    cond = replace(
        words(2),
        low=below if "low" in given else None,
        low_sigma=level if "low_sigma" in given else None,
    )
    with pytest.raises(InputError, match="low: this stage needs the result of the stage below"):
        net(ABOVE)(clips(2, 4), LABEL, cond)


def test_frames_that_do_not_divide_are_named():
    below, level = low(2, 3, 4)
    with pytest.raises(InputError, match="low: 3 frames do not divide 4"):
        net(ABOVE)(clips(2, 4), LABEL, replace(words(2), low=below, low_sigma=level))


# -- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [BASE, CONV, replace(BASE, attention=(False, False))])
def test_keys_made_once_are_the_keys_made_at_every_step(shape):
    made, clip, cond = net(shape), clips(2, 3), words(2)
    assert torch.equal(made(clip, LABEL, made.prepared(cond)), made(clip, LABEL, cond))
    assert made.prepared(Cond()) == Cond()
    empty = made.prepared(cond).without_words()
    assert empty.keys is None
    assert torch.equal(made(clip, LABEL, empty), made(clip, LABEL, cond.without_words()))


def test_keys_of_a_batch_are_the_keys_of_its_rows():
    made, cond = net(BASE), words(2)
    whole = made.prepared(cond).keys
    for row in range(2):
        assert gap(made.prepared(cond[row : row + 1]).keys, whole[row : row + 1]) < 1e-14


def test_a_network_that_takes_guidance_begins_deaf_to_it_and_learns_to_hear():
    made, clip = VideoUNet(BASE, guided=True).double().requires_grad_(False), clips(2, 3)
    torch.nn.init.normal_(made.leave.weight)
    for level in (*made.down, made.middle, *made.up):
        torch.nn.init.normal_(level.space.text_out.weight)
    scale = torch.tensor([1.0, 4.0], dtype=torch.float64)
    cond = replace(words(2), guidance=scale)
    assert torch.equal(made(clip, LABEL, cond), made(clip, LABEL, words(2)))
    torch.nn.init.normal_(made.guide[1].weight)
    assert gap(made(clip, LABEL, cond), made(clip, LABEL, words(2))) > 1e-3
    alone = made(clip[1:], LABEL[1:], cond[1:])
    assert gap(alone, made(clip, LABEL, cond)[1:]) < 1e-12


# -- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 6, 10, 13])
def test_a_size_that_is_not_a_multiple_of_the_factor_is_named(size):
    assert BASE.factor == 4
    with pytest.raises(InputError, match=f"size: {size}x{size} is not a multiple of 4 pixels"):
        net(BASE)(clips(2, 2, size), LABEL, words(2))


def test_height_and_width_may_differ():
    made = net(BASE)
    x = torch.randn(2, 3, 3, 8, 12, generator=rng(), dtype=torch.float64)
    assert made(x, LABEL, words(2)).shape == x.shape


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"widths": (32, 40)}, "head: 16 does not divide the widths"),
        ({"widths": (32,)}, "attention: 2 levels for 1 widths"),
        ({"widths": (), "attention": ()}, "attention: 0 levels"),
        ({"widths": (0, 64)}, "widths"),
        ({"widths": (-32, 64)}, "widths"),
        ({"head": 0}, "head"),
        ({"head": -16}, "head"),
        ({"patch": 0}, "patch"),
        ({"depth": 0}, "depth"),
        ({"state": 0}, "state"),
        ({"text": -1}, "text"),
        ({"time": "magic"}, "time: 'magic' is not attention, convolution or none"),
    ],
)
def test_impossible_shapes_are_named(change, said):
    with pytest.raises(InputError, match=said):
        replace(BASE, **change)


def test_the_answer_keeps_the_type_of_the_input():
    made = net(BASE).float()
    x = clips(2, 2).float()
    cond = words(2)
    cond = Cond(cond.words.float(), cond.mask, cond.pooled.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert made(x, LABEL.float(), cond).dtype == torch.float32
