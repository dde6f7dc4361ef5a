"""kineograph video, from the words to the file, with a tiny model that was never taught."""

import json

import pytest
import torch

from kineograph import media, recipe, record
from kineograph.cli import main
from kineograph.diffusion.schedule import Schedule
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage


def stage(name, frames, size, low_frames=0, low_size=0):
    shape = VideoUNetShape(
        patch=2,
        widths=(16,),
        depth=1,
        attention=(not low_size,),
        time="convolution" if low_size else "attention",
        head=16,
        state=16,
        text=384,
        low=bool(low_size),
        circular=True,
    )
    phases = (Phase(samples=8, batch=4, frames=1, rate=1e-3),)
    return Stage(name, frames, size, low_frames, low_size, shape, Schedule(0.01, 100.0), phases)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    stages = (stage("base", 4, 8), stage("space16", 4, 16, 4, 8))
    about = Cascade(
        "tiny", "stickers", "3d", ("3d", "flat"), 2.0, "minilm", stages, (2, 2), (2.0, 1.0)
    )
    (folder / "recipe.json").write_text(recipe.to_json(about))
    torch.manual_seed(0)
    for one in stages:
        tensors = recipe.network(one).state_dict()
        shaken = {k: v + 0.02 * torch.randn(v.shape) for k, v in tensors.items()}
        recipe.save_tensors(folder / f"{one.name}.safetensors", shaken, {})
    return folder


@pytest.fixture(autouse=True)
def quick_words(monkeypatch):
    """Texts read by their letters, so that no encoder is loaded."""
    from kineograph.values.prompt import Cond

    def read(texts):
        rows = torch.zeros(len(texts), 24, 384)
        for row, text in zip(rows, texts, strict=True):
            row[: len(text.encode()), 0] = torch.tensor([*text.encode()][:24]) / 255
        return Cond(rows, rows[..., 0] > 0, rows.mean(1))

    monkeypatch.setattr(recipe.loading, "texts", lambda folder=None: read)


def run(*words):
    with pytest.raises(SystemExit) as left:
        main(["video", *map(str, words)])
    return left.value.code


def test_a_text_encoder_of_another_width_is_refused(model, tmp_path, monkeypatch, capsys):
    from kineograph.values.prompt import Cond

    def narrow(texts):
        return Cond(torch.zeros(1, 4, 64), torch.ones(1, 4, dtype=torch.bool), torch.zeros(1, 64))

    monkeypatch.setattr(recipe.loading, "texts", lambda folder=None: narrow)
    out = tmp_path / "a.webp"
    assert run("a heart", "--model", model, "--size", 16, "-o", out) == 2
    assert "--text-encoder: its states are 64 wide" in capsys.readouterr().err
    assert not out.exists()


def test_words_become_a_file_with_its_recipe_inside(model, tmp_path, capsys):
    out = tmp_path / "a.webp"
    assert run("a red heart", "--model", model, "--size", 16, "--seed", 7, "-o", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outputs"] == [str(out)]
    assert told["seed"] == 7
    clip = media.read(out)
    assert tuple(clip.frames.shape) == (4, 3, 16, 16)
    assert clip.fps == pytest.approx(2.0)
    said = record.read(out)
    assert said.settings["text"] == "a red heart"
    assert said.seed == 7


@pytest.mark.parametrize("suffix", [*(s for s in media.MOVING if s), ""])
def test_the_same_command_gives_the_same_bytes(model, tmp_path, suffix):
    outs = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for out in outs:
        assert run("a dog", "--model", model, "--size", 16, "--seed", 3, "-o", out) == 0
    files = [sorted(out.iterdir()) if out.is_dir() else [out] for out in outs]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
    assert len(files[0]) > 0


def test_guidance_may_oscillate_and_be_rescaled_at_the_door(model, tmp_path, capsys):
    outs = [tmp_path / f"{name}.webp" for name in "abc"]
    ways = ([], ["--oscillate"], ["--rescale", 0.7])
    for out, way in zip(outs, ways, strict=True):
        words = ["a dog", "--model", model, "--size", 8, "--seed", 3, "--steps", 4, "-o", out]
        assert run(*words, "--guidance", 9, *way) == 0
    assert len({out.read_bytes() for out in outs}) == 3
    assert record.read(outs[1]).settings["oscillate"] is True
    dry = ["a dog", "--model", model, "--size", 16, "--steps", 4, "-o", tmp_path / "d.mp4"]
    capsys.readouterr()
    assert run(*dry, "--oscillate", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 6 + 4


def test_when_memory_runs_out_the_next_smaller_clip_is_made_once(
    model, tmp_path, monkeypatch, capsys
):
    from kineograph.diffusion.denoiser import Precond

    def cramped(most):
        def forward(self, x, sigma, cond):
            if x.shape[-1] > most:
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
            return x * 0

        return forward

    out = tmp_path / "a.webp"
    words = ["a dog", "--model", model, "--size", 16, "--seed", 3, "-o", out]
    monkeypatch.setattr(Precond, "forward", cramped(8))
    assert run(*words) == 0
    assert "memory ran out at 16 pixels; made 8" in capsys.readouterr().err
    assert media.read(out).frames.shape[-1] == 8
    assert record.read(out).settings["size"] == 8

    monkeypatch.setattr(Precond, "forward", cramped(4))
    assert run(*words, "--force") == 4
    assert "memory ran out; ask for a smaller size" in capsys.readouterr().err


def test_a_longer_clip_goes_round_again(model, tmp_path):
    out = tmp_path / "long.apng"
    assert run("x", "--model", model, "--size", 8, "--seed", 1, "--seconds", 4, "-o", out) == 0
    frames = media.read(out).frames
    assert len(frames) == 8
    assert torch.equal(frames[:4], frames[4:])


def test_a_dry_run_prints_its_plan_and_writes_nothing(model, tmp_path, capsys):
    out = tmp_path / "a.mp4"
    assert run("a dog", "--model", model, "--size", 16, "-o", out, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["evaluations"] == 2 * 2 + 2
    assert plan["frames"] == 4
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("text", ["", "-o", "a.mp4"]),
        ("text", [" \t", "-o", "a.mp4"]),
        ("text", ["a" * 1_000_000, "-o", "a.mp4"]),
        ("-o", ["dog", "-o", "a.doc"]),
        ("-o", ["dog", "-o", "nowhere/a.mp4"]),
        ("--size", ["dog", "-o", "a.mp4", "--size", "0"]),
        ("--size", ["dog", "-o", "a.mp4", "--size", "999999999"]),
        ("--size", ["dog", "-o", "a.mp4", "--size", "-16"]),
        ("--rescale", ["dog", "-o", "a.mp4", "--rescale", "1.5"]),
        ("--seconds", ["dog", "-o", "a.mp4", "--seconds", "-1"]),
        ("--seconds", ["dog", "-o", "a.mp4", "--seconds", "1e9"]),
        ("--seconds", ["dog", "-o", "a.mp4", "--seconds", "nan"]),
        ("--steps", ["dog", "-o", "a.mp4", "--steps", "-1"]),
        ("--steps", ["dog", "-o", "a.mp4", "--steps", "1000000"]),
        ("--guidance", ["dog", "-o", "a.mp4", "--guidance", "nan"]),
        ("--sampler", ["dog", "-o", "a.mp4", "--sampler", "magic"]),
        ("--seed", ["dog", "-o", "a.mp4", "--seed", "-1"]),
    ],
)
def test_bad_input_is_named_and_leaves_no_file(model, tmp_path, monkeypatch, capsys, field, words):
    monkeypatch.chdir(tmp_path)
    size = [] if field == "--size" else ["--size", 8]
    assert run(*words, *size, "--model", model) == 2
    assert field in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_output_is_overwritten_only_by_force(model, tmp_path, capsys):
    out = tmp_path / "a.gif"
    out.write_bytes(b"mine")
    words = ["dog", "--model", model, "--size", 8, "--seed", 1, "-o", out]
    assert run(*words) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert run(*words, "--force") == 0
    assert out.read_bytes() != b"mine"


def test_a_model_that_is_not_here_is_named(tmp_path, capsys):
    assert run("dog", "--model", tmp_path / "none", "-o", tmp_path / "a.mp4") == 3
    assert "none" in capsys.readouterr().err


def test_cancelling_leaves_nothing(model, tmp_path, monkeypatch):
    from kineograph.diffusion.cascade import CascadeMaker

    def cancelled(self, prompt, seed, sampling):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(CascadeMaker, "make", cancelled)
    assert run("dog", "--model", model, "--size", 8, "--seed", 1, "-o", tmp_path / "a.mp4") == 130
    assert not list(tmp_path.iterdir())


def test_a_termination_is_an_orderly_end(model, tmp_path, monkeypatch):
    import os
    import signal

    from kineograph.diffusion.cascade import CascadeMaker

    def ended(self, prompt, seed, sampling):
        os.kill(os.getpid(), signal.SIGTERM)
        yield

    monkeypatch.setattr(CascadeMaker, "make", ended)
    assert run("dog", "--model", model, "--size", 8, "--seed", 1, "-o", tmp_path / "a.mp4") == 143
    assert not list(tmp_path.iterdir())
