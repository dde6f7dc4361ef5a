"""Wan under our loop: how a picture enters, one step like the library's, clips end to end."""

import types
from itertools import islice, pairwise

import diffusers
import pytest
import torch
import transformers

import public_folders
from kineograph import checkpoints
from kineograph.checkpoints.codecs import VideoCodec
from kineograph.checkpoints.levels import levels_of
from kineograph.checkpoints.wan import Wan, WanNet, beside
from kineograph.diffusion.cascade import Sampling
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.guidance import Guided
from kineograph.diffusion.sampling import integrate
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, LimitError
from kineograph.values.prompt import Cond, Prompt

KINDS = ("words", "picture", "pair", "expanded")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("wan")
    return {kind: public_folders.wan(root / kind, kind) for kind in KINDS}


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def picture(height=20, width=36):
    return Clip(torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3)))


def net_of(folder, **how):
    checkpoint = checkpoints.load(folder).checkpoint
    return WanNet(lambda part: checkpoint.load(part), **how)


def last(folder, prompt, **sampling):
    sampling = Sampling(**{"size": 16, "frames": 9, "steps": 2, **sampling})
    *_, end = checkpoints.load(folder).make(prompt, 1, sampling)
    assert end.done == 1
    return end.value


# -- what the network sees -------------------------------------------------------------------------


def test_a_mask_stands_beside_the_pictures_latents():
    first = noise(1, 4, 3, 2, 2)
    put = beside(first, 8)
    assert put.shape == (1, 8, 3, 2, 2)
    assert torch.equal(put[:, 4:], first)
    assert (put[:, :4, 0] == 1).all() and (put[:, :4, 1:] == 0).all()


def test_a_guided_step_equals_the_librarys_own(folders):
    settings = {k: v for k, v in public_folders.FLOW.items() if not k.startswith("_")}
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**settings)
    scheduler.set_timesteps(8)
    levels = levels_of(public_folders.FLOW)
    net = net_of(folders["picture"])
    words, away = noise(1, 6, 8, seed=1), noise(1, 6, 8, seed=2)
    cond = Cond(words=words, first=noise(1, 4, 3, 4, 4, seed=3), picture=noise(1, 5, 8, seed=4))
    z = noise(1, 4, 3, 4, 4, seed=5)
    x = z * levels.start(8)
    negative = Cond(**{**vars(cond), "words": away})
    ours = integrate(Guided(Precond(net, levels), 5.0, negative=negative), x, levels.grid(8), cond)
    theirs = checkpoints.load(folders["picture"]).checkpoint.load("transformer")
    mask = torch.zeros(1, 4, 3, 4, 4)
    mask[:, :, 0] = 1
    for t, step in islice(zip(scheduler.timesteps, ours, strict=True), 4):
        seen = torch.cat([z, mask, cond.first], 1)
        told = {"timestep": t.expand(1), "encoder_hidden_states_image": cond.picture}
        with torch.no_grad():
            c = theirs(seen, encoder_hidden_states=words, **told).sample
            u = theirs(seen, encoder_hidden_states=away, **told).sample
        z = scheduler.step(u + 5.0 * (c - u), t, z).prev_sample
        assert (step.x / (1 + step.sigma) - z).abs().max() < 1e-4


def test_an_expanded_network_sees_the_picture_at_time_0(folders):
    net = net_of(folders["expanded"], expanded=True)
    seen = {}
    inner = net._turn(0.0)
    inner.register_forward_pre_hook(lambda _n, _a, k: seen.update(k), with_kwargs=True)
    first = noise(1, 4, 1, 4, 4, seed=1)
    cond = Cond(words=noise(1, 6, 8), first=first)
    net(noise(1, 4, 3, 4, 4, seed=2), torch.tensor([700.0]), cond)
    assert torch.equal(seen["hidden_states"][:, :, :1], first)
    assert seen["timestep"].tolist() == [[0.0] * 4 + [700.0] * 8]  # 2 x 2 tokens a frame


def test_two_transformers_take_turns(folders):
    turns = []
    checkpoint = checkpoints.load(folders["pair"]).checkpoint

    def part(name):
        turns.append(name)
        return checkpoint.load(name)

    net = WanNet(part, boundary=900.0)
    cond = Cond(words=noise(1, 6, 8), first=noise(1, 4, 3, 4, 4))
    x = noise(1, 4, 3, 4, 4)
    high = net(x, torch.tensor([900.0]), cond)
    net(x, torch.tensor([950.0]), cond)
    low = net(x, torch.tensor([899.9]), cond)
    assert turns == ["transformer", "transformer_2"]
    assert not torch.allclose(high, low)


# -- the codec -------------------------------------------------------------------------------------


def test_latents_are_standardised_and_come_back(folders):
    net = checkpoints.load(folders["words"]).checkpoint.load("vae")
    codec, x = VideoCodec(net), noise(1, 3, 5, 16, 16).clamp(-1, 1)
    z = codec.encode(x)
    assert z.shape == (1, 4, codec.latent_frames(5), 2, 2) == (1, 4, 2, 2, 2)
    with torch.no_grad():
        raw = net.encode(x).latent_dist.mode()
        back = net.decode(raw).sample
    mean, std = (torch.tensor(net.config[f"latents_{k}"]) for k in ("mean", "std"))
    assert torch.allclose(z, (raw - mean.view(1, -1, 1, 1, 1)) / std.view(1, -1, 1, 1, 1))
    assert torch.allclose(codec.decode(z), back, atol=1e-5)


# -- end to end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_a_clip(folders, kind):
    image = None if kind == "words" else picture(16, 16)
    prompt = Prompt("a cat", image=image, seconds=0)
    clip = last(folders[kind], prompt)
    assert clip.frames.shape == ((9, 3, 16, 32) if kind == "words" else (9, 3, 16, 16))
    assert clip.fps == (24 if kind == "expanded" else 16)
    assert torch.equal(clip.frames, last(folders[kind], prompt).frames)


def test_an_expanded_checkpoint_works_from_words_too(folders):
    clip = last(folders["expanded"], Prompt("a cat", seconds=0))
    assert clip.frames.shape == (9, 3, 16, 32)


def test_the_words_matter(folders):
    one, other = (last(folders["words"], Prompt(text, seconds=0)) for text in ("a cat", "fog"))
    assert not torch.equal(one.frames, other.frames)


@pytest.mark.parametrize("kind", ["words", "picture"])
def test_longer_clips_lead_on_from_pinned_latent_frames(folders, kind):
    image = None if kind == "words" else picture(16, 16)
    clip = last(folders[kind], Prompt("a cat", image=image, seconds=13 / 16))
    short = last(folders[kind], Prompt("a cat", image=image, seconds=9 / 16))
    assert len(clip) == 13
    assert torch.equal(clip.frames[:9], short.frames)


def test_the_pinned_latents_are_those_of_the_tail(folders, monkeypatch):
    held = []
    from kineograph.checkpoints import wan

    own = wan.pinned
    monkeypatch.setattr(
        wan, "pinned", lambda denoise, known, like: held.append(known) or own(denoise, known, like)
    )
    clip = last(folders["words"], Prompt("a cat", seconds=13 / 16))
    codec = VideoCodec(checkpoints.load(folders["words"]).checkpoint.load("vae"))
    again = codec.encode(clip.frames[4:9].transpose(0, 1)[None] * 2 - 1)
    assert len(held) == 1 and held[0].shape[2] == 2
    assert torch.allclose(held[0], again, atol=1e-4)


@pytest.mark.parametrize(
    ("image", "sampling", "size"),
    [
        (None, {}, (480, 832)),
        (picture(100, 100), {}, (624, 624)),
        (picture(200, 100), {"size": 320}, (640, 320)),
    ],
)
def test_the_picture_decides_the_proportions(folders, image, sampling, size):
    assert (
        checkpoints.load(folders["words"]).size(Prompt("a", image=image), Sampling(**sampling))
        == size
    )


# -- the whole way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_run_equals_the_librarys_own_pipeline(folders, kind, monkeypatch):
    """Words, picture, mask, times, guidance and six steps, against code that we never call."""
    from diffusers.pipelines.wan import pipeline_wan_i2v
    from PIL import Image

    from kineograph.checkpoints import wan

    fixes = types.SimpleNamespace(fix_text=lambda text: text)
    monkeypatch.setattr(pipeline_wan_i2v, "ftfy", fixes, raising=False)
    pixels = torch.randint(0, 256, (16, 16, 3), generator=torch.Generator().manual_seed(1))
    image = Clip(pixels.permute(2, 0, 1)[None].float() / 255)
    decoded = []
    own = VideoCodec.decode
    monkeypatch.setattr(wan.VideoCodec, "decode", lambda self, z: decoded.append(z) or own(self, z))
    prompt = Prompt("a cat", "fog", image=None if kind == "words" else image, seconds=0)
    clip = last(folders[kind], prompt, steps=6)

    checkpoint = checkpoints.load(folders[kind]).checkpoint
    nets = ("vae", "text_encoder", "transformer", "transformer_2", "image_encoder")
    parts = {part: checkpoint.load(part) for part in nets if part in checkpoint.classes}
    parts["tokenizer"] = checkpoint.tokenizer()
    parts["scheduler"] = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    told = {} if kind == "words" else {"image": Image.fromarray(pixels.to(torch.uint8).numpy())}
    if kind == "picture":
        parts["image_processor"] = transformers.CLIPImageProcessorPil(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        )
    if kind == "pair":
        parts["boundary_ratio"] = 0.9
    if kind == "expanded":
        parts["expand_timesteps"] = True
    name = "WanPipeline" if kind == "words" else "WanImageToVideoPipeline"
    pipeline = getattr(diffusers, name)(**parts)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        prompt="a cat",
        negative_prompt="fog",
        height=clip.frames.shape[2],
        width=clip.frames.shape[3],
        num_frames=9,
        num_inference_steps=6,
        guidance_scale=5.0,
        latents=noise(*decoded[0].shape, seed=1),
        output_type="latent",
        **told,
    ).frames
    assert (decoded[0] - theirs).abs().max() < 1e-4


# -- refusals and the plan -------------------------------------------------------------------------


def test_what_a_checkpoint_cannot_do_is_refused(folders):
    with pytest.raises(InputError, match="works from words alone"):
        last(folders["words"], Prompt("a cat", image=picture(), seconds=0))
    with pytest.raises(InputError, match="animates a picture"):
        last(folders["picture"], Prompt("a cat", seconds=0))
    with pytest.raises(InputError, match=r"frames: 12 is not 1 \+ 4 n; use 13"):
        last(folders["words"], Prompt("a cat", seconds=0), frames=12)
    with pytest.raises(LimitError, match=r"seconds: 9600 frames are .* the limit is 64"):
        last(folders["words"], Prompt("a cat", seconds=600))


def test_the_plan_counts_both_transformers_but_never_together(folders):
    maker = checkpoints.load(folders["pair"], dtype=torch.bfloat16)
    assert isinstance(maker, Wan)
    plan = maker.plan(Prompt("a", image=picture(), seconds=13 / 16), Sampling(frames=9, steps=3))
    assert plan.frames == 13 and plan.evaluations == 2 * 3 * 2
    assert {part.name for part in plan.parts} >= {"transformer", "transformer_2"}
    assert not [turn for turn in plan.turns if {"transformer", "transformer_2"} <= {*turn.parts}]
    assert "bfloat16" in plan.told() and "estimated" in plan.told()


def test_levels_of_a_walk_fall_to_nothing():
    levels = levels_of(public_folders.FLOW).grid(50).tolist()
    assert all(a > b for a, b in pairwise(levels)) and levels[-1] == 0
