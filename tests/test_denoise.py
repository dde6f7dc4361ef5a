"""The sampling loop, its wrappers and the loss, against closed forms and another implementation."""

import math

import pytest
import torch

from kineograph.diffusion.denoiser import Ideal, Precond
from kineograph.diffusion.guidance import (
    GuidanceEmbedding,
    GuidanceSchedule,
    Guided,
    Pinned,
    ReconstructionGuidance,
    Thresholded,
    oscillating,
)
from kineograph.diffusion.loss import WEIGHTINGS
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.diffusion.schedule import PARAMETERIZATIONS, Schedule, edm
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


def rngs(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def last(steps):
    *_, end = steps
    return end


class Shrink:
    """The exact Denoiser of N(mean, deviation^2) in every value: a line in x."""

    def __init__(self, mean: float, deviation: float) -> None:
        self.mean, self.variance = mean, deviation**2

    def __call__(self, x, sigma, cond):
        s2 = sigma.to(x).view(-1, 1, 1, 1, 1) ** 2
        return (self.variance * x + s2 * self.mean) / (self.variance + s2)


# -- agreement with diffusers -------------------------------------------------------------------


def wavy(x, sigma, cond):
    """A clean estimate that is no line in x, so that wrong steps show."""
    return torch.tanh(x / (1 + sigma.to(x).view(-1, 1, 1, 1, 1))) + 0.1 * torch.sin(3 * x)


def discrete_levels(scheduler):
    """The sigma of every time step that a diffusers scheduler visits, then 0."""
    alphas = scheduler.alphas_cumprod.double()
    sigmas = ((1 - alphas) / alphas).sqrt()
    return torch.cat([sigmas[scheduler.timesteps.long()], torch.zeros(1, dtype=torch.float64)])


def theirs(scheduler, start, clean_of, levels, **options):
    """diffusers' own walk in its variance-preserving coordinates, back on the sigma axis."""
    scale = (1 + levels[0] ** 2).rsqrt()
    z = start * scale
    for time, sigma in zip(scheduler.timesteps, levels[:-1], strict=True):
        x = z * (1 + sigma**2).sqrt()
        clean = clean_of(x, sigma.expand(len(x)), Cond())
        z = scheduler.step(clean, time, z, **options).prev_sample
    return z


@pytest.mark.parametrize("steps", [5, 20])
def test_ddim_takes_the_steps_of_diffusers(steps):
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="sample", clip_sample=False
    )
    scheduler.set_timesteps(steps)
    levels = discrete_levels(scheduler)
    # diffusers steps by a fixed stride of time; the level it goes to next is the one it visits next
    x = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64) * levels[0]
    ours = last(integrate(wavy, x, levels, Cond())).x
    torch.testing.assert_close(ours, theirs(scheduler, x, wavy, levels), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("variance", "name"), [(0.0, "fixed_small"), (1.0, "fixed_large")])
def test_ancestral_sampling_takes_the_steps_of_ddpm(variance, name):
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        variance_type=name,
    )
    scheduler.set_timesteps(20)
    levels = discrete_levels(scheduler)
    x = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64) * levels[0]

    generator = torch.Generator().manual_seed(3)
    ours = [
        step.x / math.sqrt(1 + step.sigma**2)
        for step in integrate(
            wavy,
            x,
            levels,
            Cond(),
            churn=1.0,
            variance=variance,
            noise_like=lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype),
        )
    ]
    generator.manual_seed(3)
    z = x * (1 + levels[0] ** 2).rsqrt()
    for i, time in enumerate(scheduler.timesteps):
        clean = wavy(z * (1 + levels[i] ** 2).sqrt(), levels[i].expand(len(z)), Cond())
        z = scheduler.step(clean, time, z, generator=generator).prev_sample
        torch.testing.assert_close(ours[i], z, atol=1e-4, rtol=0)


@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # inside diffusers
@pytest.mark.parametrize("kind", ["dpmsolver++", "sde-dpmsolver++"])
def test_second_order_takes_the_steps_of_dpm_solver(kind):
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        algorithm_type=kind,
        solver_order=2,
        final_sigmas_type="zero",
        lower_order_final=True,
    )
    scheduler.set_timesteps(12)
    levels = scheduler.sigmas.double()
    x = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64) * levels[0]
    draws = [torch.randn(x.shape, dtype=torch.float64) for _ in range(12)]
    mine, other = iter(draws), iter(draws)

    ours = last(
        integrate(
            wavy,
            x,
            levels,
            Cond(),
            order=2,
            churn=float(kind.startswith("sde")),
            noise_like=lambda _: next(mine),
        )
    ).x
    z = x * (1 + levels[0] ** 2).rsqrt()
    for time, sigma in zip(scheduler.timesteps, levels[:-1], strict=True):
        clean = wavy(z * (1 + sigma**2).sqrt(), sigma.expand(len(z)), Cond())
        z = scheduler.step(clean, time, z, variance_noise=next(other)).prev_sample
    torch.testing.assert_close(ours, z, atol=1e-4, rtol=1e-4)


# -- closed forms -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [
        {},
        {"churn": 1.0},
        {"order": 2},
        {"order": 2, "churn": 1.0},
        {"n_step": True},
    ],
)
def test_a_gaussian_reaches_its_mean_and_deviation(sampler):
    mean, deviation = 0.3, 0.5
    draw = noise_from(rngs(64))
    schedule = Schedule(0.002, 200.0)
    x = draw(torch.empty(64, 3, 2, 8, 8)) * schedule.high
    steps = integrate(
        Shrink(mean, deviation), x, schedule.grid(128), Cond(), noise_like=draw, **sampler
    )
    end = last(steps).x
    # 24,576 values: the standard error of mean and deviation is 0.003; 4 of them, and 1 % of
    # discretisation
    assert abs(float(end.mean()) - mean) < 0.013
    assert abs(float(end.std()) - deviation) < 0.018


def test_ddim_of_a_gaussian_is_its_closed_form():
    # dx/dsigma = (x - clean)/sigma has the solution
    # x(s) = mean + (x0 - mean) sqrt((v + s^2)/(v + s0^2))
    schedule = Schedule(0.002, 80.0)
    x = torch.randn(1, 3, 1, 2, 2, dtype=torch.float64) * 80
    end = last(integrate(Shrink(0.3, 0.5), x, schedule.grid(4000), Cond(), order=2)).x
    exact = 0.3 + (x - 0.3) * math.sqrt(0.25 / (0.25 + 6400))
    torch.testing.assert_close(end, exact, atol=2e-3, rtol=0)


def test_ideal_reproduces_its_data_set():
    clips = torch.rand(5, 3, 2, 4, 4) * 2 - 1
    schedule = Schedule(0.01, 100.0)
    draw = noise_from(rngs(16))
    x = draw(torch.empty(16, 3, 2, 4, 4)) * schedule.high
    end = last(integrate(Ideal(clips), x, schedule.grid(60), Cond())).x
    nearest = torch.cdist(end.flatten(1), clips.flatten(1)).min(1)
    assert float(nearest.values.max()) < 1e-3
    assert len(nearest.indices.unique()) > 1


def test_one_step_from_the_ideal_is_the_posterior_mean():
    clips = torch.stack([torch.full((3, 1, 2, 2), value) for value in (-1.0, 1.0)])
    x = torch.full((1, 3, 1, 2, 2), 0.1)
    clean = Ideal(clips)(x, torch.tensor([2.0]), Cond())
    torch.testing.assert_close(
        clean, torch.full_like(x, math.tanh(12 * 0.1 / 4)), atol=1e-6, rtol=0
    )


# -- parameterizations, loss --------------------------------------------------------------------


class Knows(torch.nn.Module):
    """A network that answers with the value that makes its parameterization return `clean`."""

    def __init__(self, clean, noise, sigma, coeffs):
        super().__init__()
        self.answer = (clean - coeffs.skip * (clean + sigma * noise)) / coeffs.out

    def forward(self, x, label, cond):
        return self.answer


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0, 80.0])
def test_the_four_parameterizations_agree(name, sigma):
    parameterization = PARAMETERIZATIONS[name]
    clean, noise = torch.randn(2, 1, 3, 2, 4, 4, dtype=torch.float64)
    level = torch.tensor([sigma], dtype=torch.float64)
    net = Knows(clean, noise, sigma, parameterization(level))
    back = Precond(net, parameterization)(clean + sigma * noise, level, Cond())
    torch.testing.assert_close(back, clean, atol=1e-9, rtol=0)


def test_networks_estimate_what_their_names_say():
    clean, noise, sigma = torch.randn(4), torch.randn(4), torch.tensor(0.7)
    alpha = (1 + sigma**2).rsqrt()
    truth = {"eps": noise, "v": alpha * noise - sigma * alpha * clean, "flow": noise - clean}
    for name, target in truth.items():
        c = PARAMETERIZATIONS[name](sigma)
        found = (clean - c.skip * (clean + sigma * noise)) / c.out
        torch.testing.assert_close(found, target, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "weighting"), [("eps", "eps"), ("v", "v"), ("eps", "even"), ("flow", "even")]
)
def test_weightings_make_the_loss_the_error_they_name(name, weighting):
    # a network that answers 0 has exactly the mean square of its target as loss
    class Silent(torch.nn.Module):
        def forward(self, x, label, cond):
            return torch.zeros_like(x)

    clean, noise = torch.randn(2, 2, 3, 1, 4, 4, dtype=torch.float64)
    sigma = torch.tensor([0.2, 3.0], dtype=torch.float64)
    wide = sigma.view(-1, 1, 1, 1, 1)
    alpha = (1 + wide**2).rsqrt()
    truth = {"eps": noise, "v": alpha * noise - wide * alpha * clean, "flow": noise - clean}
    target = truth[name]
    model = Precond(Silent(), PARAMETERIZATIONS[name])
    loss = model.loss(clean, noise, sigma, Cond(), weighting=WEIGHTINGS[weighting])
    torch.testing.assert_close(loss, target.square().flatten(1).mean(1))


def test_the_alpha_squared_weight_turns_a_v_error_into_a_noise_error():
    sigma = torch.tensor([0.1, 1.0, 10.0])
    alpha_squared = 1 / (1 + sigma**2)
    eps, v = (WEIGHTINGS[name](sigma, torch.ones(3)) for name in ("eps", "v"))
    torch.testing.assert_close(eps, v * alpha_squared)


# -- wrappers -----------------------------------------------------------------------------------


def texted(rows: int) -> Cond:
    return Cond(torch.ones(rows, 2, 4), torch.ones(rows, 2, dtype=torch.bool), torch.ones(rows, 4))


def test_guidance_of_one_is_no_guidance_bit_for_bit():
    x, sigma, cond = torch.randn(2, 3, 1, 4, 4), torch.tensor([1.0, 1.0]), texted(2)
    assert torch.equal(Guided(wavy, 1.0)(x, sigma, cond), wavy(x, sigma, cond))


def test_guidance_moves_away_from_the_empty_or_the_negative_text():
    def by_text(x, sigma, cond):
        return x * 0 + cond.pooled.mean(1).view(-1, 1, 1, 1, 1)

    x, sigma = torch.randn(1, 3, 1, 2, 2), torch.tensor([1.0])
    assert float(Guided(by_text, 3.0)(x, sigma, texted(1)).mean()) == pytest.approx(3.0)
    half = Cond(texted(1).words, texted(1).mask, texted(1).pooled / 2)
    assert float(Guided(by_text, 3.0, negative=half)(x, sigma, texted(1)).mean()) == 2.0


def test_a_track_gives_every_step_its_own_scale_and_spreads_fewer_over_the_steps():
    levels = Schedule(0.01, 100.0).grid(4)[:-1].tolist()
    assert [GuidanceSchedule(levels, (9, 7, 5, 3))(level) for level in levels] == [9, 7, 5, 3]
    assert [GuidanceSchedule(levels, (9, 3))(level * 1.001) for level in levels] == [9, 9, 3, 3]
    assert GuidanceSchedule(levels, (2.5,))(1e-3) == 2.5
    with pytest.raises(InputError, match="guidance: 5 scales for 4 steps"):
        GuidanceSchedule(levels, (1, 2, 3, 4, 5))


def test_oscillating_guidance_is_constant_first_and_then_takes_turns_with_none():
    assert oscillating((15.0,) * 8) == (15, 1, 15, 1, 15, 1, 15, 1)
    assert oscillating((6.0,) * 30, first=0.1)[:6] == (6, 6, 6, 1, 6, 1)
    assert oscillating((6.0, 5.0, 4.0), low=2.0) == (6, 2, 4)


def test_rescaled_guidance_has_the_deviation_of_the_conditional_answer():
    def by_text(x, sigma, cond):
        return x * (1 + cond.pooled.mean(1)).view(-1, 1, 1, 1, 1)

    x, sigma, cond = torch.randn(2, 3, 2, 4, 4), torch.ones(2), texted(2)
    plain, full, half = (
        Guided(by_text, 4.0, rescale=share)(x, sigma, cond).flatten(1).std(dim=1)
        for share in (0.0, 1.0, 0.5)
    )
    wanted = by_text(x, sigma, cond).flatten(1).std(dim=1)
    assert torch.allclose(full, wanted)
    assert torch.allclose(half, (plain + full) / 2)
    with pytest.raises(InputError, match=r"rescale: 1.5 is not in 0 … 1"):
        Guided(by_text, 4.0, rescale=1.5)


def test_a_network_told_its_scale_is_asked_once():
    asked = []

    def heard(x, sigma, cond):
        asked.append(cond.guidance)
        return x

    GuidanceEmbedding(heard, lambda sigma: 2 * sigma)(
        torch.zeros(2, 3, 1, 2, 2), torch.full((2,), 3.0), Cond()
    )
    assert [row.tolist() for row in asked] == [[6.0, 6.0]]


def test_thresholding_never_leaves_the_range_and_leaves_small_clips_alone():
    def loud(x, sigma, cond):
        return x

    x = torch.randn(3, 3, 2, 4, 4) * torch.tensor([0.05, 1.0, 9.0]).view(-1, 1, 1, 1, 1)
    clean = Thresholded(loud, 0.9)(x, torch.ones(3), Cond())
    assert float(clean.abs().max()) <= 1
    assert torch.equal(clean[0], x[0].clamp(-1, 1))


def test_pinned_frames_stay_and_the_rest_is_denoised():
    known = torch.zeros(1, 3, 2, 2, 2)
    known[:, :, 0] = 0.7
    mask = torch.zeros(1, 1, 2, 1, 1)
    mask[:, :, 0] = 1
    schedule = Schedule(0.01, 10.0)
    x = torch.randn(1, 3, 2, 2, 2) * 10
    end = last(integrate(Pinned(Shrink(-0.5, 0.01), known, mask), x, schedule.grid(20), Cond())).x
    torch.testing.assert_close(end[:, :, 0], known[:, :, 0])
    assert float(end[:, :, 1].mean()) == pytest.approx(-0.5, abs=0.05)


# -- state and noise ----------------------------------------------------------------------------


def test_a_sample_has_the_same_noise_alone_and_in_a_batch():
    batch = noise_from(rngs(3))
    alone = noise_from([torch.Generator().manual_seed(2)])
    for _ in range(2):
        together = batch(torch.empty(3, 3, 2, 4, 4))
        assert torch.equal(alone(torch.empty(1, 3, 2, 4, 4))[0], together[2])


def test_a_walk_can_go_on_from_any_step():
    schedule = Schedule(0.01, 10.0)
    grid = schedule.grid(8)
    x = torch.randn(1, 3, 1, 2, 2) * 10
    whole = list(integrate(wavy, x, grid, Cond()))
    rest = list(integrate(wavy, whole[2].x, grid[3:], Cond()))
    assert torch.equal(rest[-1].x, whole[-1].x)


def test_grids_of_half_the_steps_are_half_the_grid():
    schedule = Schedule(0.01, 100.0)
    assert torch.equal(schedule.grid(16)[::2], schedule.grid(8))
    assert schedule.grid(8)[0] == pytest.approx(100.0)
    assert schedule.grid(8)[-1] == 0


def test_training_levels_are_spread_evenly_over_the_cosine_schedule():
    schedule = Schedule(0.01, 100.0)
    u = torch.atan(schedule.draw(64, rngs(1)[0]).double())
    ends = torch.atan(torch.tensor([0.01, 100.0], dtype=torch.float64))
    ranks = ((u - ends[0]) / (ends[1] - ends[0]) * 64).sort().values
    assert torch.equal(ranks.floor(), torch.arange(64, dtype=torch.float64)) or (
        float((ranks.diff() - 1).abs().max()) < 1e-3
    )


@pytest.mark.parametrize(
    ("field", "call"),
    [
        (
            "sigmas",
            lambda: list(integrate(wavy, torch.zeros(1, 3, 1, 2, 2), torch.ones(3), Cond())),
        ),
        ("order", lambda: list(integrate(wavy, torch.zeros(1), torch.ones(1), Cond(), order=3))),
        ("steps", lambda: Schedule(0.1, 1.0).grid(0)),
        ("percentile", lambda: Thresholded(wavy, 0.0)),
        ("rngs", lambda: noise_from(rngs(1))(torch.zeros(2, 3))),
    ],
)
def test_wrong_arguments_are_named(field, call):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.field == field


def test_a_centre_moves_the_clip_and_a_silent_network_is_the_best_linear_guess():
    # clean = centre + N(0, s^2): the posterior mean is centre + s^2 / (s^2 + sigma^2) (x - centre)
    class Silent(torch.nn.Module):
        def forward(self, x, label, cond):
            return torch.zeros_like(x)

    spread, sigma = 0.2, torch.tensor([0.1, 0.7], dtype=torch.float64)
    centre, rest, noise = torch.randn(3, 2, 3, 1, 4, 4, dtype=torch.float64)
    model = Precond(Silent(), lambda s: edm(s, spread), lambda x, cond: centre)
    x = centre + rest + sigma.view(-1, 1, 1, 1, 1) * noise
    share = (spread**2 / (spread**2 + sigma**2)).view(-1, 1, 1, 1, 1)
    torch.testing.assert_close(model(x, sigma, Cond()), centre + share * (x - centre))

    weigh = WEIGHTINGS["v"]
    far = model.loss(centre + rest, noise, sigma, Cond(), weighting=weigh)
    plain = Precond(Silent(), lambda s: edm(s, spread))
    torch.testing.assert_close(far, plain.loss(rest, noise, sigma, Cond(), weighting=weigh))


def test_the_middle_of_a_schedule_moves_its_levels_and_keeps_its_ends():
    near = Schedule(0.01, 10.0, middle=0.1)
    u = torch.tensor([0.0, 0.5, 1.0])
    assert near.sigma(u)[0] == pytest.approx(0.01)
    assert near.sigma(u)[2] == pytest.approx(10.0)
    assert float(near.sigma(u)[1]) < 0.15 < float(Schedule(0.01, 10.0).sigma(u)[1])


class Twins:
    """The exact Denoiser of two frames that are one picture, N(0, 1) in every value."""

    def __call__(self, x, sigma, cond):
        s2 = sigma.to(x).view(-1, 1, 1, 1, 1) ** 2
        return (x.sum(2, keepdim=True) / (2 + s2)).expand_as(x)


def test_what_is_known_guides_the_rest_by_its_gradient():
    x, sigma = torch.randn(2, 3, 2, 4, 4), torch.tensor([0.5, 3.0])
    known, mask = torch.ones_like(x), torch.zeros_like(x)
    mask[:, :, 0] = 1
    clean = Twins()(x, sigma, Cond())
    led = ReconstructionGuidance(Twins(), known, mask, 4.0)(x, sigma, Cond())
    assert torch.equal(led[:, :, 0], clean[:, :, 0])
    pull = 4.0 * (1 - clean[:, :, 0]) / (2 + sigma.view(-1, 1, 1, 1) ** 2)  # in closed form
    assert torch.allclose(led[:, :, 1], clean[:, :, 1] + pull, atol=1e-5)
    assert not led.requires_grad
    with pytest.raises(InputError, match="no gradient"):
        ReconstructionGuidance(lambda x, sigma, cond: x.detach(), known, mask, 1.0)(
            x, sigma, Cond()
        )


def test_a_frame_made_beside_a_known_one_comes_nearer_to_it():
    known, mask = torch.ones(1, 3, 2, 8, 8), torch.zeros(1, 3, 2, 8, 8)
    mask[:, :, 0] = 1
    x = 20 * torch.randn(1, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    levels = Schedule(0.01, 20.0).grid(40)

    def made(denoise):
        return last(integrate(Pinned(denoise, known, mask), x, levels, Cond())).x[:, :, 1]

    plain, led = made(Twins()), made(ReconstructionGuidance(Twins(), known, mask, 2.0))
    assert float((led - 1).abs().mean()) < 0.5 * float((plain - 1).abs().mean())
