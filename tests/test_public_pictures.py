"""Pixel and latent picture models: one step like the library's, and zooms end to end."""

from functools import cache
from itertools import islice, pairwise

import diffusers
import pytest
import torch

import public_folders
from kineograph import checkpoints
from kineograph.checkpoints.codecs import PictureCodec
from kineograph.checkpoints.levels import levels_of
from kineograph.checkpoints.pictures import PictureNet
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.sampling import integrate
from kineograph.families.zoom import maker
from kineograph.families.zoom.latent import LatentJoint, by_latents
from kineograph.families.zoom.photo import photo_window
from kineograph.families.zoom.stack import blended, centre, rendered, shrunk
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Cond

TEXTS = ("a forest", "a tree", "a leaf")


@pytest.fixture(scope="module")
def deepfloyd(tmp_path_factory):
    config = {**public_folders.IF, "num_train_timesteps": 20}
    torch.manual_seed(0)  # untaught networks, the same whatever ran before
    return public_folders.deepfloyd(tmp_path_factory.mktemp("if") / "if", config)


@pytest.fixture(scope="module")
def stable(tmp_path_factory):
    torch.manual_seed(0)
    return public_folders.stable(tmp_path_factory.mktemp("sd") / "sd")


@pytest.fixture(scope="module")
def codec(stable):
    return PictureCodec(checkpoints.pictures(stable).checkpoint.load("vae"))


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def worded(words):
    return Cond(words=words, mask=torch.ones(words.shape[:2]).bool(), pooled=words.mean(1))


def agreement(stack):
    """Largest difference of a level's middle from the next level, shrunk."""
    layers = stack.layers
    return max(float((centre(a, 2) - shrunk(b, 2)).abs().max()) for a, b in pairwise(layers))


# -- one step --------------------------------------------------------------------------------------


def test_a_pixel_step_equals_the_librarys_with_its_noise(deepfloyd):
    settings = {k: v for k, v in public_folders.IF.items() if not k.startswith("_")}
    settings |= {"variance_type": "fixed_small", "thresholding": False, "clip_sample": False}
    scheduler = diffusers.DDPMScheduler(**settings)
    scheduler.set_timesteps(10)
    unet = checkpoints.pictures(deepfloyd).checkpoint.load("unet")
    levels, words = levels_of(public_folders.IF), noise(1, 7, 8, seed=1)
    denoise = Precond(PictureNet(unet, torch.zeros(1, 7, 8)), levels)
    z = noise(1, 3, 16, 16, seed=2)
    x = z[:, :, None] * levels.start(10)
    mine, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    walk = integrate(
        denoise,
        x,
        levels.grid(10),
        worded(words),
        churn=1.0,
        noise_like=lambda x: torch.randn(x.shape, generator=mine),
    )
    for t, step in islice(zip(scheduler.timesteps, walk, strict=True), 4):
        with torch.no_grad():
            answer = unet(z, t, encoder_hidden_states=words).sample
        assert answer.shape[1] == 6  # noise, and a variance that nobody uses
        z = scheduler.step(answer[:, :3], t, z, generator=theirs).prev_sample
        alpha = (1 + step.sigma**2) ** -0.5
        assert (alpha * step.x[:, :, 0] - z).abs().max() < 1e-4


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_latent_step_equals_the_librarys(stable, prediction):
    config = {**public_folders.SCALED, "prediction_type": prediction}
    settings = {k: v for k, v in config.items() if not k.startswith("_")}
    scheduler = diffusers.DDIMScheduler(**settings)
    scheduler.set_timesteps(10)
    unet = checkpoints.pictures(stable).checkpoint.load("unet")
    levels, words = levels_of(config), noise(1, 7, 8, seed=1)
    z = noise(1, 4, 16, 16, seed=2)
    walk = integrate(
        Precond(PictureNet(unet, torch.zeros(1, 7, 8)), levels),
        z[:, :, None] * levels.start(10),
        levels.grid(10),
        worded(words),
    )
    for t, step in islice(zip(scheduler.timesteps, walk, strict=True), 4):
        with torch.no_grad():
            answer = unet(z, t, encoder_hidden_states=words).sample
        z = scheduler.step(answer, t, z).prev_sample
        alpha = (1 + step.sigma**2) ** -0.5
        assert (alpha * step.x[:, :, 0] - z).abs().max() < 1e-4


def test_no_text_is_the_empty_texts_states_not_zeros(stable):
    unet = checkpoints.pictures(stable).checkpoint.load("unet")
    empty, words = noise(1, 7, 8, seed=1), noise(2, 7, 8, seed=2)
    net, x, at = PictureNet(unet, empty), noise(2, 4, 1, 16, 16), torch.tensor([500.0, 500.0])
    away = net(x, at, worded(words).without_words())
    told = net(x, at, worded(empty.expand(2, -1, -1)))
    assert torch.equal(away, told)
    assert not torch.equal(away, net(x, at, worded(words)))


def test_texts_are_encoded_as_the_library_does(deepfloyd, stable):
    import transformers

    model = checkpoints.pictures(deepfloyd).prepared(["A Tree"])
    tokens = checkpoints.pictures(deepfloyd).checkpoint.tokenizer()(
        ["a tree"], padding="max_length", max_length=77, return_tensors="pt"
    )
    kind = transformers.T5EncoderModel
    with torch.no_grad():
        theirs = kind.from_pretrained(deepfloyd / "text_encoder").eval()(**tokens)[0]
    assert torch.allclose(model.read(["A Tree"]).words, theirs, atol=1e-5)

    model = checkpoints.pictures(stable).prepared(["a tree"])
    assert model.read(["a tree"]).words.shape == (1, 77, 8)


def test_a_whole_latent_run_equals_the_librarys_own_pipeline(stable):
    model = checkpoints.pictures(stable).prepared(["a tree"], steps=5)
    z = noise(1, 4, 16, 16, seed=4)
    walk = integrate(
        model.stage.denoise,
        z[:, :, None] * model.stage.schedule.high,
        model.stage.schedule.grid(5),
        model.read(["a tree"]),
    )
    *_, ours = walk

    checkpoint = checkpoints.pictures(stable).checkpoint
    settings = {k: v for k, v in public_folders.SCALED.items() if not k.startswith("_")}
    pipeline = diffusers.StableDiffusionPipeline(
        **{part: checkpoint.load(part) for part in ("vae", "text_encoder", "unet")},
        tokenizer=checkpoint.tokenizer(),
        scheduler=diffusers.DDIMScheduler(**{**settings, "set_alpha_to_one": True}),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    told = {"num_inference_steps": 5, "guidance_scale": 7.5, "output_type": "latent"}
    theirs = pipeline("a tree", latents=z, **told).images
    assert (ours.clean[:, :, 0] - theirs).abs().max() < 1e-4


def test_a_whole_pixel_run_equals_the_librarys_own_pipeline(tmp_path):
    config = {**public_folders.IF, "thresholding": False, "clip_sample": False}
    folder = public_folders.deepfloyd(tmp_path / "if", {**config, "variance_type": "fixed_small"})
    model = checkpoints.pictures(folder).prepared(["a tree"], steps=5)
    rng = torch.Generator().manual_seed(6)
    x = torch.randn(1, 3, 16, 16, generator=rng)[:, :, None] * model.stage.schedule.high
    walk = integrate(
        model.stage.denoise,
        x,
        model.stage.schedule.grid(5),
        model.read(["a tree"]),
        churn=1.0,
        noise_like=lambda x: torch.randn(x.shape, generator=rng),
    )
    *_, ours = walk

    checkpoint = checkpoints.pictures(folder).checkpoint
    settings = {k: v for k, v in checkpoint.scheduler().items() if not k.startswith("_")}
    pipeline = diffusers.IFPipeline(
        **{part: checkpoint.load(part) for part in ("text_encoder", "unet")},
        tokenizer=checkpoint.tokenizer(),
        scheduler=diffusers.DDPMScheduler(**settings),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    told = {"num_inference_steps": 5, "guidance_scale": 7.0, "output_type": "none"}
    seeded = torch.Generator().manual_seed(6)
    theirs = pipeline("A Tree", clean_caption=False, generator=seeded, **told).images
    theirs = torch.as_tensor(theirs).permute(0, 3, 1, 2)  # (B, C, H, W) in [0, 1], clamped
    mine = (ours.clean[:, :, 0] / 2 + 0.5).clamp(0, 1)
    assert (mine - theirs).abs().max() < 1e-4
    assert mine.std() > 0.05


# -- zooms -----------------------------------------------------------------------------------------


@cache
def prepared(folder):
    return checkpoints.pictures(folder).prepared(TEXTS, steps=4)


def zoomed(folder, **how):
    model = prepared(folder)
    seeds = maker.level_seeds(1, len(TEXTS))
    if model.codec is None:
        return [*maker.by_text(TEXTS, [model.stage], model.read, seeds=seeds, **how)]
    return [*by_latents(TEXTS, model.stage, model.codec, model.read, seeds=seeds, **how)]


def test_a_pixel_model_zooms(deepfloyd):
    steps = zoomed(deepfloyd)
    stack = steps[-1].value
    assert stack.layers.shape == (3, 3, 1, 16, 16)
    assert torch.isfinite(stack.layers).all()
    assert agreement(stack) < 1e-5
    assert torch.equal(stack.layers, zoomed(deepfloyd)[-1].value.layers)


def test_a_latent_model_zooms(stable):
    steps = zoomed(stable)
    stack = steps[-1].value
    assert [step.done for step in steps] == [0.25, 0.5, 0.75, 1.0]
    assert stack.layers.shape == (3, 3, 1, 32, 32)
    assert torch.isfinite(stack.layers).all()
    assert agreement(stack) < 1e-5
    assert torch.equal(stack.layers, zoomed(stable)[-1].value.layers)


def test_both_zooms_begin_in_a_photograph(deepfloyd, stable):
    shot = Clip(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)))
    for folder in (deepfloyd, stable):
        plain = zoomed(folder)[-1].value.layers
        held = zoomed(folder, photo=lambda size: maker.Photo(photo_window(shot, size)))
        window = photo_window(shot, plain.shape[-1])[0]
        far, near = ((layers[0] - window).abs().mean() for layers in (plain, held[-1].value.layers))
        assert near < far


# -- the joint of latents --------------------------------------------------------------------------


class Shrinking:
    """A codec that loses detail and does not commute with cropping: a 2 x 2 mean and an offset."""

    channels, factor = 3, 2

    def encode(self, x):
        ramp = torch.linspace(-1, 1, x.shape[-1] // 2)
        return 1.7 * torch.tanh(shrunk(x, 2)) + 0.2 * ramp

    def decode(self, z):
        ramp = torch.linspace(-1, 1, z.shape[-1])
        flat = ((z - 0.2 * ramp) / 1.7).clamp(-0.99, 0.99).atanh()
        return flat.repeat_interleave(2, -1).repeat_interleave(2, -2)


def test_one_level_of_latents_is_left_alone(codec):
    z = noise(1, 4, 1, 16, 16)
    given = lambda x, sigma, cond: x * 0.7  # noqa: E731
    joint = LatentJoint(given, codec, 2)
    assert torch.allclose(joint(z, torch.ones(1), Cond()), z * 0.7, atol=1e-5)


def test_levels_agree_better_in_pixels_than_blended_as_latents():
    codec, z = Shrinking(), 0.3 * noise(3, 3, 1, 16, 16)
    given = lambda x, sigma, cond: x  # noqa: E731

    def gap(latents):
        pictures = codec.decode(latents)
        return float((pictures - rendered(pictures, 2)).square().mean())

    through_pixels = gap(LatentJoint(given, codec, 2)(z, torch.ones(3), Cond()))
    as_latents = gap(rendered(blended(z, 2), 2))
    assert through_pixels < 0.6 * as_latents < 0.6 * gap(z)


def test_what_the_codec_loses_is_carried_past_it():
    class Lossy(Shrinking):
        def decode(self, z):
            return 0.5 * super().decode(z)

    z = 0.3 * noise(1, 3, 1, 16, 16)
    given = lambda x, sigma, cond: x  # noqa: E731
    assert not torch.allclose(Lossy().encode(Lossy().decode(z)), z, atol=1e-2)
    kept = LatentJoint(given, Lossy(), 2)(z, torch.ones(1), Cond())
    assert torch.allclose(kept, z, atol=1e-5)


# -- refusals and the plan -------------------------------------------------------------------------


def test_networks_that_cannot_begin_a_picture_are_refused(tmp_path, stable):
    import json
    import shutil

    folder = shutil.copytree(stable, tmp_path / "sd")
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"in_channels": 9}))
    with pytest.raises(MissingError, match="takes 9 channels"):
        checkpoints.pictures(folder).prepared(["a"])
    change = {"in_channels": 4, "addition_embed_type": "text_time"}
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MissingError, match="more than a text"):
        checkpoints.pictures(folder).prepared(["a"])


def test_a_canvas_that_does_not_divide_is_refused(stable):
    model = checkpoints.pictures(stable).prepared(TEXTS, steps=1)
    with pytest.raises(InputError, match="twice the ratio"):
        next(by_latents(TEXTS, model.stage, model.codec, model.read, seeds=(1, 2, 3), ratio=16))


def test_the_plan_counts_weights_before_reading_any(stable, deepfloyd):
    for folder, size in ((stable, 32), (deepfloyd, 16)):
        plan = checkpoints.pictures(folder).plan(5, steps=10)
        assert plan.size == (size, size) and plan.evaluations == 100
        assert "5 levels" in plan.told()
        assert plan.peak > sum(part.bytes for part in plan.parts if part.name == "unet")
