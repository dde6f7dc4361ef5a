"""I2VGen-XL under our loop: what its network sees, steps as the library takes them, clips."""

from itertools import islice

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import public_folders
from kineograph import checkpoints
from kineograph.checkpoints.codecs import PictureCodec
from kineograph.checkpoints.folder import Checkpoint, weights_in
from kineograph.checkpoints.i2vgen import I2VGen, I2VGenNet, ramped
from kineograph.checkpoints.levels import levels_of
from kineograph.diffusion.cascade import Sampling
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.guidance import Guided
from kineograph.diffusion.sampling import integrate
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, Prompt

FULL = {  # the published configurations of ali-vilab/i2vgen-xl, but for what is default
    "unet": {
        "sample_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": [320, 640, 1280, 1280],
        "cross_attention_dim": 1024,
        "num_attention_heads": 64,
    },
    "vae": {
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
        "sample_size": 768,
        "scaling_factor": 0.18125,
    },
    "text_encoder": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "vocab_size": 49408,
        "projection_dim": 1024,
    },
    "image_encoder": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "patch_size": 14,
        "image_size": 224,
        "projection_dim": 1024,
    },
}
CLASSES = {
    "unet": "I2VGenXLUNet",
    "vae": "AutoencoderKL",
    "text_encoder": "CLIPTextModel",
    "image_encoder": "CLIPVisionModelWithProjection",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return public_folders.i2vgen(tmp_path_factory.mktemp("i2v") / "tiny")


@pytest.fixture(scope="module")
def unet(folder):
    return checkpoints.load(folder).checkpoint.load("unet")


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def seen(seed=1):
    """Conditions of one sample, as the tiny network takes them."""
    return Cond(
        words=noise(1, 77, 16, seed=seed),
        picture=noise(1, 16, seed=seed + 1),
        first=noise(1, 4, 1, 8, 8, seed=seed + 2),
        fps=torch.tensor([16.0]),
    )


def picture(height=20, width=36):
    return Clip(torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3)))


def last(maker, prompt, seed=1, **sampling):
    *_, end = maker.make(
        prompt, seed, Sampling(**{"size": 16, "steps": 2, "frames": 4, **sampling})
    )
    assert end.done == 1
    return end.value


# -- what the network sees -------------------------------------------------------------------------


def test_the_ramp_tells_each_frame_its_place():
    planes = ramped(torch.full((1, 4, 1, 2, 2), 7.0), 5)[0, 0, :, 0, 0]
    assert planes.tolist() == [7.0, 0.25, 0.5, 0.75, 1.0]
    assert ramped(torch.zeros(1, 4, 1, 2, 2), 1).shape[2] == 1


def test_the_context_has_145_tokens_and_the_input_eight_channels(unet):
    shapes = {}
    conv = unet.conv_in.register_forward_pre_hook(
        lambda _net, args: shapes.update(conv=tuple(args[0].shape))
    )
    cross = unet.down_blocks[0].attentions[0].transformer_blocks[0].attn2
    attn = cross.register_forward_pre_hook(
        lambda _net, _args, kwargs: shapes.update(
            context=tuple(kwargs["encoder_hidden_states"].shape)
        ),
        with_kwargs=True,
    )
    answer = I2VGenNet(unet)(noise(1, 4, 3, 8, 8), torch.tensor([981.0]), seen())
    conv.remove(), attn.remove()
    assert answer.shape == (1, 4, 3, 8, 8)
    assert shapes["conv"] == (3, 8, 8, 8)  # a frame a row, 4 + 4 channels
    assert shapes["context"][1] == 77 + 64 + 4 == 145


@pytest.mark.parametrize("field", ["words", "picture", "first", "fps"])
def test_each_condition_reaches_the_answer(unet, field):
    net, x, at = I2VGenNet(unet), noise(1, 4, 3, 8, 8), torch.tensor([501.0])
    one, other = seen(1), seen(40)
    other = Cond(**{**vars(other), "fps": torch.tensor([4.0])})
    mixed = Cond(**{**vars(one), field: getattr(other, field)})
    assert (net(x, at, one) - net(x, at, mixed)).abs().max() > 1e-5


def test_a_guided_step_equals_the_librarys_own(unet):
    scheduler = diffusers.DDIMScheduler(
        **{k: v for k, v in public_folders.COSINE.items() if not k.startswith("_")}
    )
    scheduler.set_timesteps(50)
    levels, cond = levels_of(public_folders.COSINE), seen()
    away = Cond(**{**vars(cond), "words": noise(1, 77, 16, seed=9), "picture": torch.zeros(1, 16)})
    z = noise(1, 4, 3, 8, 8, seed=7)
    x = z * levels.start(50)
    ours = integrate(
        Guided(Precond(I2VGenNet(unet), levels), 9.0, negative=away), x, levels.grid(50), cond
    )
    first = ramped(cond.first, 3)
    for t, step in islice(zip(scheduler.timesteps, ours, strict=True), 3):
        with torch.no_grad():
            u, c = unet(
                torch.cat([z, z]),
                t,
                fps=torch.tensor([16, 16]),
                image_latents=torch.cat([first, first]),
                image_embeddings=torch.cat([away.picture, cond.picture])[:, None],
                encoder_hidden_states=torch.cat([away.words, cond.words]),
            ).sample.chunk(2)
        z = scheduler.step(u + 9.0 * (c - u), t, z).prev_sample
        alpha = (1 + step.sigma**2) ** -0.5
        assert (alpha * step.x - z).abs().max() < 1e-4


# -- the codec -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.18125, 0.18215])
def test_both_published_scaling_factors_are_understood(tmp_path, scale):
    public_folders.picture_codec(tmp_path, scale)
    net = Checkpoint(tmp_path, {"vae": "AutoencoderKL"}, {}).load("vae")
    codec, x = PictureCodec(net), noise(1, 3, 2, 8, 8).clamp(-1, 1)
    z = codec.encode(x)
    with torch.no_grad():
        theirs = net.encode(x[:, :, 1]).latent_dist.mean * scale
        back = net.decode(theirs / scale).sample
    assert z.shape == (1, 4, 2, 4, 4)
    assert torch.allclose(z[:, :, 1], theirs, atol=1e-5)
    assert torch.allclose(codec.decode(z)[:, :, 1], back, atol=1e-5)


def test_frames_pass_the_codec_one_by_one(folder):
    net = checkpoints.load(folder).checkpoint.load("vae")
    rows = []
    net.decoder.register_forward_pre_hook(lambda _net, args: rows.append(len(args[0])))
    PictureCodec(net).decode(noise(1, 4, 5, 4, 4))
    assert rows == [1] * 5


# -- end to end ------------------------------------------------------------------------------------


def test_a_picture_becomes_a_clip(folder):
    maker = checkpoints.load(folder)
    prompt = Prompt("a cat", image=picture(), seconds=4 / 16)
    clip = last(maker, prompt)
    assert clip.frames.shape == (4, 3, 16, 28)  # 16 x 1280/704, to whole latents
    assert clip.fps == 16
    assert torch.equal(clip.frames, last(maker, prompt).frames)
    assert not torch.equal(clip.frames, last(maker, prompt, seed=2).frames)
    other = last(maker, Prompt("a cat", "fog", image=picture(), seconds=4 / 16))
    assert not torch.equal(clip.frames, other.frames)


def test_stronger_motion_is_fewer_frames_a_second_told_and_shown_as_before(folder):
    maker = checkpoints.load(folder, motion=2.0)
    told = []
    own = I2VGenNet.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(I2VGenNet, "forward", lambda *a: told.append(float(a[3].fps[0])) or own(*a))
        clip = last(maker, Prompt("", image=picture(), seconds=4 / 16), steps=1)
    assert told == [8.0] and clip.fps == 16
    with pytest.raises(InputError, match="motion"):
        checkpoints.load(folder, motion=5.0)


def test_alpha_and_other_sizes_are_taken(folder):
    image = Clip(torch.rand(1, 4, 3, 50, generator=torch.Generator().manual_seed(3)))
    clip = last(checkpoints.load(folder), Prompt("a cat", image=image, seconds=4 / 16))
    assert clip.frames.shape == (4, 3, 16, 28)


def test_longer_clips_lead_on_from_pinned_frames(folder):
    clip = last(checkpoints.load(folder), Prompt("a cat", image=picture(), seconds=7 / 16))
    assert len(clip) == 7
    short = last(checkpoints.load(folder), Prompt("a cat", image=picture(), seconds=4 / 16))
    assert torch.equal(clip.frames[:4], short.frames)


def test_every_progress_shows_something_and_shares_grow(folder):
    steps = list(
        checkpoints.load(folder).make(
            Prompt("a cat", image=picture(), seconds=7 / 16), 1, Sampling(16, 4, 2)
        )
    )
    assert all(isinstance(step.value, Clip) for step in steps)
    shares = [step.done for step in steps]
    assert shares == sorted(shares) and shares[-1] == 1


def test_a_prompt_without_a_picture_is_refused(folder):
    with pytest.raises(InputError, match="image"):
        next(checkpoints.load(folder).make(Prompt("a cat"), 1, Sampling()))


@pytest.mark.parametrize(
    "sampling", [{"sampler": "euler"}, {"frames": 2}, {"guidance": 99.0}, {"size": 9999}]
)
def test_sampling_out_of_range_are_named(folder, sampling):
    with pytest.raises(InputError, match=next(iter(sampling))):
        next(
            checkpoints.load(folder).make(Prompt("a cat", image=picture()), 1, Sampling(**sampling))
        )


def test_a_whole_run_equals_the_librarys_own_pipeline(tmp_path, monkeypatch):
    """Text, picture in both ways, fps, guidance and five steps, against code that we never call."""
    from PIL import Image

    folder = public_folders.i2vgen(tmp_path / "i2v")
    path = next((folder / "vae").glob("*.safetensors"))
    vae = load_file(path)
    vae["quant_conv.weight"][4:] = 0  # a posterior without spread: theirs is drawn unseeded
    vae["quant_conv.bias"][4:] = -30
    save_file(vae, path)
    pixels = torch.randint(0, 256, (16, 16, 3), generator=torch.Generator().manual_seed(1))
    pixels = pixels.repeat_interleave(2, 0).repeat_interleave(2, 1)  # shrinks without rounding
    image = Clip(pixels.permute(2, 0, 1)[None].float() / 255)
    decoded = []
    own = PictureCodec.decode
    monkeypatch.setattr(PictureCodec, "decode", lambda self, z: decoded.append(z) or own(self, z))
    maker = checkpoints.load(folder)
    clip = last(maker, Prompt("a cat", "fog", image=image, seconds=4 / 16), size=9, steps=5)
    assert clip.frames.shape == (4, 3, 8, 16)

    nets = ("vae", "text_encoder", "unet", "image_encoder")
    parts = {part: maker.checkpoint.load(part) for part in nets}
    text = parts["text_encoder"]
    object.__setattr__(text, "text_model", text)  # the pipeline is older than transformers 5
    pipeline = diffusers.I2VGenXLPipeline(
        **parts,
        tokenizer=maker.checkpoint.tokenizer(),
        feature_extractor=transformers.CLIPImageProcessorPil(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
        scheduler=diffusers.DDIMScheduler(
            **{k: v for k, v in public_folders.COSINE.items() if not k.startswith("_")}
        ),
    )
    pipeline.set_progress_bar_config(disable=True)
    rng = torch.Generator().manual_seed(1)
    torch.randn(1, 4, 4, 8, generator=rng)  # ours drew from the posterior first
    theirs = pipeline(
        prompt="a cat",
        negative_prompt="fog",
        image=Image.fromarray(pixels.to(torch.uint8).numpy()),
        height=8,
        width=16,
        target_fps=16,
        num_frames=4,
        num_inference_steps=5,
        guidance_scale=9.0,
        clip_skip=1,
        latents=torch.randn(1, 4, 4, 4, 8, generator=rng),
        output_type="latent",
    ).frames
    assert (decoded[0] - theirs).abs().max() < 1e-4


# -- full size -------------------------------------------------------------------------------------


def test_the_full_size_network_has_1_42_billion_weights_and_a_memory_plan(tmp_path):
    public_folders.scheduler(tmp_path, public_folders.COSINE)
    for part, config in FULL.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(public_folders.json.dumps(config))
    parts = {part: ("diffusers", name) for part, name in CLASSES.items()}
    public_folders.index(tmp_path, "I2VGenXLPipeline", **parts)
    maker = checkpoints.load(tmp_path, dtype=torch.float16)
    assert isinstance(maker, I2VGen)
    assert weights_in(maker.checkpoint.empty("unet")) == 1_420_469_224

    plan = maker.plan(Prompt("a cat", image=picture(), seconds=1.0), Sampling())
    counts = {part.name: part.weights for part in plan.parts}
    assert counts["image_encoder"] == 632_076_800
    assert counts["vae"] == 83_653_863
    assert plan.size == (704, 1280) and plan.frames == 16 and plan.evaluations == 100
    told = plan.told()
    assert "1,420.5 M weights" in told and "float16" in told and "sampling" in told
    assert 2.8e9 < next(part.bytes for part in plan.parts if part.name == "unet") < 2.9e9
