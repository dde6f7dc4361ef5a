"""The denoiser that knows only example pictures."""

import pytest
import torch
from torch.nn import functional as F

from kineograph.diffusion.exemplar import Example, Exemplar, Matching
from kineograph.measure.zoom import band_powers, psnr
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


def stripes(size=48, period=8, seed=0, frames=1):
    """(3, T, size, size): slanted stripes with some noise of their own."""
    rng = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    wave = torch.sin(2 * torch.pi * (x + y / 2) / period)
    grain = F.avg_pool2d(torch.randn(3, frames, size + 2, size + 2, generator=rng), 3, stride=1)
    return (0.6 * wave + 0.3 * grain).clamp(-1, 1)


def noised(x, sigma, seed=1):
    return x + sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def denoised(denoise, x, sigma):
    return denoise(x, torch.full((len(x),), sigma), Cond())


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0])
def test_a_noisy_example_comes_back_clean(sigma):
    clean = stripes()
    answer = denoised(Exemplar([[Example(clean)]]), noised(clean, sigma)[None], sigma)[0]
    inside = (..., slice(4, -4), slice(4, -4))  # patches across the border are in no example
    assert psnr(answer[inside], clean[inside]) > psnr(noised(clean, sigma), clean) + 9


def test_answers_keep_the_power_of_every_band():
    """What a posterior mean loses: the middle and high frequencies of an unseen picture."""
    clean, other = stripes(seed=0), stripes(seed=5)
    answer = denoised(Exemplar([[Example(clean)]]), noised(other, 0.4)[None], 0.4)[0]
    gap = (band_powers(answer) - band_powers(clean))[1:]  # 2 … 4 cycles: 20 dB under the stripes
    assert float(gap.abs().max()) < 1


def test_equal_inputs_give_equal_answers_and_rows_do_not_touch():
    banks = [[Example(stripes(seed=0))], [Example(stripes(period=12, seed=1))]]
    x = noised(torch.stack([stripes(), stripes(period=12)]), 0.5)
    both = denoised(Exemplar(banks), x, 0.5)
    assert torch.equal(both, denoised(Exemplar(banks), x, 0.5))
    alone = denoised(Exemplar(banks[1:]), x[1:], 0.5)
    torch.testing.assert_close(both[1:], alone)


def test_colours_may_differ_from_the_examples_by_the_freedom_given():
    clean = stripes()
    shifted = clean + 0.6  # farther than other patches' means reach
    free = denoised(Exemplar([[Example(clean)]], Matching(freedom=2.0)), shifted[None], 0.05)
    bound = denoised(Exemplar([[Example(clean)]], Matching(freedom=0.01)), shifted[None], 0.05)
    assert float((free - shifted).mean().abs()) < 0.03
    assert float((bound - shifted).mean().abs()) > 0.2


def test_an_example_is_copied_only_where_it_may_be():
    dark, light = torch.full((3, 1, 32, 32), -0.8), torch.full((3, 1, 32, 32), 0.8)
    bank = [Example(light, (0.5, 9.0)), Example(dark, (0.0, 0.5))]
    rng = torch.Generator().manual_seed(0)
    bank = [Example(p + 0.05 * torch.randn(p.shape, generator=rng), at) for p, at in bank]
    grey = torch.zeros(1, 3, 1, 32, 32)
    answer = denoised(Exemplar([bank], Matching(freedom=0.01)), grey, 0.5)[0]
    assert float(answer[..., 15:17, 15:17].mean()) < -0.5
    assert float(answer[..., :4, :4].mean()) > 0.5


def test_frames_of_a_clip_are_answered_together():
    clip = stripes(frames=3)
    answer = denoised(Exemplar([[Example(clip)]]), noised(clip, 0.3)[None], 0.3)
    assert answer.shape == (1, 3, 3, 48, 48)
    assert psnr(answer, clip[None]) > 20


def test_bad_banks_are_named():
    with pytest.raises(InputError, match="examples"):
        Exemplar([])
    with pytest.raises(InputError, match="patch"):
        Matching(patch=4)
    with pytest.raises(InputError, match="2 samples for 1 banks"):
        denoised(Exemplar([[Example(stripes())]]), torch.zeros(2, 3, 1, 16, 16), 0.1)
    with pytest.raises(InputError, match="level 0"):
        denoised(Exemplar([[Example(torch.zeros(3, 1, 4, 4))]]), torch.zeros(1, 3, 1, 16, 16), 0.1)
