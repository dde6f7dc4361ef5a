"""Joint sampling: against plain sampling, the paper's own loop, and worlds known in full."""

from itertools import pairwise

import pytest
import torch

from kineograph.diffusion.denoiser import Chunked, Ideal
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.diffusion.schedule import Schedule
from kineograph.evaluation.zoom import agreement, band_powers, psnr, seam_energy
from kineograph.families.zoom import maker
from kineograph.families.zoom.baselines import independent, outpainted, superresolved
from kineograph.families.zoom.joint import BlankStart, Joint, shared_noise
from kineograph.families.zoom.photo import descended, photo_views, photo_window, projected
from kineograph.families.zoom.stack import blended, centre, rendered, rendered_noise, shrunk
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

SIZE, LEVELS = 16, 3
SCHEDULE = Schedule(0.02, 40.0)


def worlds(count, seed=0):
    """(count, K, 3, 1, SIZE, SIZE): worlds of one colour each, with a little detail at every scale.

    What a world is shows at every level. Were it told by each level's own detail alone, levels
    that share no detail could not know of each other's choice.
    """
    rng = torch.Generator().manual_seed(seed)
    detail = torch.randn(count, LEVELS, 3, 1, SIZE, SIZE, generator=rng) / 20
    drawn = detail + torch.randn(count, 1, 3, 1, 1, 1, generator=rng) / 2
    return torch.stack([rendered(world, 2) for world in drawn])


class ByLevel:
    """The exact denoiser of each level's pictures, a level a row."""

    def __init__(self, known):
        self.levels = [Ideal(known[:, i]) for i in range(known.shape[1])]

    def __call__(self, x, sigma, cond):
        rows = zip(self.levels, x.split(1), sigma.split(1), strict=True)
        return torch.cat([level(row, s, cond) for level, row, s in rows])


def rngs(seed, levels=LEVELS):
    return [torch.Generator().manual_seed(seed + i) for i in range(levels)]


def test_one_level_is_plain_sampling_bit_for_bit():
    known = worlds(4)[:, 0]
    sigmas = SCHEDULE.grid(12)

    def sampled(denoise, noise):
        x = noise(torch.empty(1, *known.shape[1:])) * SCHEDULE.high
        return [s.x for s in integrate(denoise, x, sigmas, Cond(), churn=1.0, noise_like=noise)][-1]

    plain = sampled(Ideal(known), noise_from(rngs(5, 1)))
    joint = sampled(Joint(Ideal(known), 2), shared_noise(rngs(5, 1), 2))
    assert torch.equal(plain, joint)


@pytest.mark.parametrize("seed", range(4))
def test_the_joint_sampler_returns_a_stack_of_a_known_world(seed):
    known = worlds(5)
    noise = shared_noise(rngs(10 * seed), 2)
    start = noise(torch.empty(known.shape[1:])) * SCHEDULE.high
    walk = maker.jointly(ByLevel(known), start, SCHEDULE.grid(150), Cond(), noise=noise, ratio=2)
    *_, made = walk
    assert min(float((made - world).abs().max()) for world in known) < 1e-3


def test_levels_sampled_alone_do_not_agree_on_a_world():
    """The fault that joint sampling is for; the same denoiser and seeds."""
    known = worlds(5)
    found = []
    for seed in range(4):
        alone = independent(
            ByLevel(known).levels,
            torch.zeros_like(known[0]),
            SCHEDULE.grid(40),
            Cond(),
            range(10 * seed, 10 * seed + 3),
        )
        found += [min(float((alone - world).abs().max()) for world in known)]
        assert min(agreement(alone, 2)) < 30
    assert max(found) > 0.5


def test_the_papers_order_is_the_plain_one_after_a_blank_start():
    """Algorithm 1 in the paper's own letters: VP, stack of the previous call, posterior step."""
    known = worlds(5)
    sigmas = SCHEDULE.grid(10)
    *_, ours = maker.jointly(
        ByLevel(known), (noise := shared_noise(rngs(3), 2))(torch.empty(known.shape[1:])) * 40.0,
        sigmas, Cond(), noise=noise, ratio=2, order="paper",
    )  # fmt: skip

    draw = noise_from(rngs(3))
    estimate = ByLevel(known)
    alpha = (1 + sigmas**2).rsqrt()
    z = alpha[0] * 40.0 * rendered_noise(draw(torch.empty(known.shape[1:])), 2)
    stack = torch.zeros_like(z)
    for t, s in pairwise(range(len(sigmas))):
        x, eps = rendered(stack, 2), None
        weight = torch.exp(2 * sigmas[s].log() - 2 * sigmas[t].log())  # e^(lambda_t - lambda_s)
        mean = weight * (alpha[s] / alpha[t]) * z + (1 - weight) * alpha[s] * x
        z, deviation = mean, ((1 - weight) * sigmas[s] ** 2 * alpha[s] ** 2).sqrt()
        if deviation > 0:
            eps = rendered_noise(draw(z), 2)
            z = z + deviation * eps
        if sigmas[s] == 0:
            stack = z
            break
        clean = estimate((z / alpha[s]).float(), sigmas[s].float().expand(LEVELS), Cond())
        stack = blended(clean, 2)
    torch.testing.assert_close(ours, rendered(stack, 2).float(), atol=1e-3, rtol=0)


def test_a_blank_start_answers_nothing_at_the_top_only():
    blank = BlankStart(Ideal(worlds(2)[:, 0]), 40.0)
    x = torch.ones(1, 3, 1, SIZE, SIZE)
    assert not blank(x, torch.tensor([40.0]), Cond()).any()
    assert blank(x, torch.tensor([39.0]), Cond()).any()


def test_chunks_change_nothing():
    known = worlds(4)[:, 0]
    x = torch.randn(5, *known.shape[1:], generator=torch.Generator().manual_seed(1))
    sigma = torch.full((5,), 0.5)
    whole = Ideal(known)(x, sigma, Cond())
    torch.testing.assert_close(Chunked(Ideal(known), 2)(x, sigma, Cond()), whole)
    with pytest.raises(InputError, match="rows"):
        Chunked(Ideal(known), 0)


# -- photographs -----------------------------------------------------------------------------------


def test_projection_reaches_the_photo_exactly_and_adam_comes_nearer():
    stack = torch.randn(5, 3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    views = photo_views(torch.rand(1, 3, 1, 32, 32) * 2 - 1, 5, 2)
    assert len(views) == 5

    def errors(levels):
        gaps = zip(range(5), views, strict=True)
        return [float((shrunk(levels[i : i + 1], 2**i) - v).square().mean()) for i, v in gaps]

    assert max(errors(projected(stack, views, 2))) < 1e-10
    assert all(
        a < b for a, b in zip(errors(descended(stack, views, 2)), errors(stack), strict=True)
    )


@pytest.mark.parametrize(("method", "share"), [("projection", 1.0), ("adam", 1.0)])
def test_a_grounded_zoom_shows_the_photo(method, share):
    """The photo is not among the worlds; the widest level reproduces it all the same."""
    known = worlds(5)
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    window = (torch.stack([y, x, x * y]) * 0.8)[None, :, None]
    noise = shared_noise(rngs(2), 2)
    start = noise(torch.empty(known.shape[1:])) * SCHEDULE.high

    def toward_grey(x, sigma, cond):  # a denoiser with little to say, as a Gaussian's is
        return x / (1 + sigma.view(-1, 1, 1, 1, 1) ** 2)

    photo = maker.Photo(window, share, method)
    *_, made = maker.jointly(
        toward_grey, start, SCHEDULE.grid(50), Cond(), noise=noise, ratio=2, photo=photo
    )
    assert psnr(made[:1], window) >= 28
    free = list(maker.jointly(toward_grey, start, SCHEDULE.grid(50), Cond(), noise=noise, ratio=2))[
        -1
    ]
    assert psnr(free[:1], window) < 15


def test_the_photo_is_cropped_about_the_target():
    frames = torch.zeros(1, 3, 60, 100)
    frames[..., 40, 70] = 1.0
    window = photo_window(Clip(frames), 16, (70.5 / 100, 40.5 / 60))
    peak = window[0, 0, 0].argmax().item()
    assert divmod(peak, 16) in {(7, 7), (7, 8), (8, 7), (8, 8)}


def test_a_photo_too_small_or_a_target_too_near_the_border_is_refused():
    with pytest.raises(InputError, match="smaller than the canvas"):
        photo_window(Clip(torch.zeros(1, 3, 100, 60)), 64)
    with pytest.raises(InputError, match="target"):
        photo_window(Clip(torch.zeros(1, 3, 100, 100)), 64, (0.1, 0.5))
    with pytest.raises(InputError, match="target"):
        photo_window(Clip(torch.zeros(1, 3, 100, 100)), 64, (1.5, 0.5))


# -- baselines and figures -------------------------------------------------------------------------


def test_outpainting_keeps_the_closer_level_in_the_middle():
    known = worlds(3)
    made = outpainted(
        ByLevel(known).levels,
        torch.zeros_like(known[0]),
        SCHEDULE.grid(20),
        Cond(),
        (1, 2, 3),
        ratio=2,
    )
    for wider, finer in pairwise(made):
        torch.testing.assert_close(centre(wider, 2), shrunk(finer, 2), atol=1e-5, rtol=0)


def test_super_resolution_starts_from_the_wider_level():
    known = worlds(3)
    grid = SCHEDULE.grid(40)
    made = superresolved(
        ByLevel(known).levels,
        torch.zeros_like(known[0]),
        grid,
        Cond(),
        (1, 2, 3),
        ratio=2,
        begin=0.3,
    )
    assert min(float((made[0] - world[0]).abs().max()) for world in known) < 1e-3
    assert min(agreement(made, 2)) > 60  # each level's own picture of the world above it


def test_figures_know_their_extremes():
    stack = rendered(torch.randn(3, 3, 1, 64, 64), 2)
    assert min(agreement(stack, 2)) > 100
    smooth = torch.linspace(-1, 1, 64).expand(3, 3, 1, 64, 64).contiguous()
    assert max(seam_energy(torch.randn(3, 3, 1, 64, 64), 2)) < 1.6
    marked = smooth.clone()
    marked[1] += 1
    assert seam_energy(marked, 2)[0] > 10
    wave = torch.sin(2 * torch.pi * 12 * torch.arange(64) / 64).expand(3, 1, 64, 64)
    assert int(band_powers(wave).argmax()) == 2  # 8 … 16 cycles
