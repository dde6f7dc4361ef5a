"""A foreign network under our loop answers as diffusers' own model and scheduler do."""

import diffusers
import pytest
import torch

import public_folders
from kineograph.checkpoints.levels import TOP, Flow, Trained, Walked, levels_of
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.sampling import integrate
from kineograph.diffusion.schedule import eps, v
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

COSINE, SCALED, IF, FLOW = (
    public_folders.COSINE,
    public_folders.SCALED,
    public_folders.IF,
    public_folders.FLOW,
)


def public(config):
    """The library's scheduler for a configuration: its class, and what that class is told."""
    name = config["_class_name"].replace("PNDM", "DDIM")  # SD's own is of no use one step at a time
    settings = {k: value for k, value in config.items() if not k.startswith("_")}
    return getattr(diffusers, name), settings


def bent(z, label, cond):
    """A smooth function that stands for a network; it depends on the time step."""
    return torch.tanh(0.7 * z + 0.1 * z.roll(1, -1) + (label / 300).sin().view(-1, 1, 1, 1, 1))


class Raw(torch.nn.Module):
    def forward(self, z, label, cond):
        return bent(z, label, cond)


def clip(seed):
    return torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", [COSINE, SCALED, IF])
def test_the_table_of_levels_is_the_librarys(config):
    kind, settings = public(config)
    bar = kind(**settings).alphas_cumprod
    ours = levels_of(config).sigmas
    theirs = ((1 - bar.double()) / bar.double()).sqrt()
    finite = theirs < 4000
    assert torch.allclose(ours[finite], theirs[finite], rtol=1e-6)
    assert int((~finite).sum()) == (1 if config is COSINE or config is IF else 0)


def test_i2vgen_visits_981_to_1():
    steps = levels_of(COSINE).visited(50).tolist()
    assert steps == list(range(981, 0, -20))


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [1, 7, 50])
def test_visited_steps_are_the_librarys(spacing, steps):
    config = {**SCALED, "_class_name": "DDIMScheduler", "timestep_spacing": spacing}
    kind, settings = public(config)
    theirs = kind(**settings)
    theirs.set_timesteps(steps)
    assert levels_of(config).visited(steps).tolist() == theirs.timesteps.tolist()


def test_a_level_finds_its_own_time_step():
    levels = levels_of(COSINE)
    steps = levels.visited(50)
    label = levels(levels.sigmas[steps].float()).label
    assert torch.equal(label, steps.float())


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
def test_ddim_steps_equal_the_librarys(prediction):
    config = {**COSINE, "prediction_type": prediction}
    kind, settings = public(config)
    theirs, levels = kind(**settings), levels_of(config)
    theirs.set_timesteps(20)
    z = clip(1)
    x = z * levels.start(20)  # the library starts from unit variance
    walk = integrate(Precond(Raw(), levels), x, levels.grid(20), Cond())
    for t, step in zip(theirs.timesteps, walk, strict=True):
        z = theirs.step(bent(z, t.float().expand(2), None), t, z).prev_sample
        alpha = (1 + step.sigma**2) ** -0.5
        assert (alpha * step.x - z).abs().max() < 1e-4


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # the library's own
@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
def test_dpm_solver_steps_equal_the_librarys(prediction):
    config = {**SCALED, "prediction_type": prediction}
    _, settings = public(config)
    solver = diffusers.DPMSolverMultistepScheduler(
        **{k: s for k, s in settings.items() if k not in ("clip_sample", "set_alpha_to_one")},
        timestep_spacing="leading",
        algorithm_type="dpmsolver++",
        final_sigmas_type="zero",
        lower_order_final=True,
    )
    solver.set_timesteps(12)
    levels = levels_of(config)
    sigmas = torch.cat([levels.sigmas[solver.timesteps], torch.zeros(1, dtype=torch.float64)])
    z = clip(2)
    x = z * float(torch.hypot(torch.ones(()).double(), sigmas[0]))
    walk = integrate(Precond(Raw(), levels), x, sigmas, Cond(), order=2)
    for t, step in zip(solver.timesteps, walk, strict=True):
        z = solver.step(bent(z, t.float().expand(2), None), t, z).prev_sample
        alpha = (1 + step.sigma**2) ** -0.5
        assert (alpha * step.x - z).abs().max() < 1e-4


def test_ddpm_steps_equal_the_librarys_with_its_noise():
    config = {**IF, "thresholding": False, "clip_sample": False, "variance_type": "fixed_small"}
    kind, settings = public(config)
    theirs, levels = kind(**settings), levels_of(config)
    theirs.set_timesteps(20)
    z = clip(3)
    x = z * levels.start(20)
    rng = torch.Generator().manual_seed(5)
    ours = torch.Generator().manual_seed(5)
    walk = integrate(
        Precond(Raw(), levels),
        x,
        levels.grid(20),
        Cond(),
        churn=1.0,
        noise_like=lambda x: torch.randn(x.shape, generator=ours),
    )
    for t, step in zip(theirs.timesteps[:-1], walk, strict=False):
        z = theirs.step(bent(z, t.float().expand(2), None), t, z, generator=rng).prev_sample
        alpha = (1 + step.sigma**2) ** -0.5
        assert (alpha * step.x - z).abs().max() < 1e-4


@pytest.mark.parametrize("shift", [1.0, 3.0, 5.0])
def test_flow_euler_steps_equal_the_librarys(shift):
    config = {**FLOW, "shift": shift}
    kind, settings = public(config)
    theirs, levels = kind(**settings), levels_of(config)
    theirs.set_timesteps(10)
    z = clip(4)
    x = z * levels.start(10)
    walk = integrate(Precond(Raw(), levels), x, levels.grid(10), Cond())
    for t, step in zip(theirs.timesteps, walk, strict=True):
        z = theirs.step(bent(z, t.expand(2), None), t, z).prev_sample
        assert (step.x / (1 + step.sigma) - z).abs().max() < 1e-4


def test_other_flow_solvers_times_are_the_librarys():
    config = {"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True, "flow_shift": 5.0}
    theirs = diffusers.UniPCMultistepScheduler(
        use_flow_sigmas=True, flow_shift=5.0, prediction_type="flow_prediction"
    )
    theirs.set_timesteps(9)
    ours = levels_of(config).times(9).float()
    assert torch.allclose(ours, theirs.sigmas[:-1], atol=2e-6)  # theirs starts at 1 - 1e-6


def test_pure_noise_of_a_flow_is_a_finite_level():
    levels = Flow(3.0)
    assert float(levels.grid(4)[0]) == TOP
    assert float(levels(torch.tensor([TOP])).label) == 1000.0


def test_the_estimates_are_ours():
    assert levels_of(COSINE).estimate is v
    assert levels_of(SCALED).estimate is eps


def test_a_zooms_schedule_starts_where_its_grid_does():
    walked = Walked(levels_of(SCALED), 10)
    assert walked.high == pytest.approx(float(walked.grid(10)[0]), rel=1e-2)
    assert isinstance(walked.levels, Trained)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"beta_schedule": "sigmoid"}, "beta_schedule"),
        ({"prediction_type": "sample"}, "prediction_type"),
        ({"timestep_spacing": "odd"}, "timestep_spacing"),
        ({"num_train_timesteps": "many"}, "num_train_timesteps"),
        ({"beta_end": -1}, "beta_end"),
        ({"use_dynamic_shifting": True}, "use_dynamic_shifting"),
    ],
)
def test_what_is_not_known_is_named(change, named):
    with pytest.raises(InputError, match=named):
        levels_of({**SCALED, **change})


def test_more_steps_than_trained_are_refused():
    with pytest.raises(InputError, match="trained steps"):
        levels_of({**SCALED, "num_train_timesteps": 20}).grid(21)
