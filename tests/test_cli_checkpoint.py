"""The doors video and zoom with a published folder in the place of a model."""

import json

import pytest
import torch

import public_folders
from kineograph import media, record
from kineograph.cli import main
from kineograph.values.clip import Clip


def left(*words):
    """Exit code of the command."""
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code or 0


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("in") / "photo.png"
    media.save(Clip(torch.rand(1, 3, 40, 60)), path, note={})
    return path


@pytest.fixture(scope="module")
def i2vgen(tmp_path_factory):
    return public_folders.i2vgen(tmp_path_factory.mktemp("m") / "i2vgen")


def test_a_picture_becomes_a_film(tmp_path, i2vgen, photo, capsys):
    out = tmp_path / "out.mp4"
    asked = ["a cat", "--image", photo, "--model", i2vgen, "-o", out, "--size", 16]
    assert left("video", *asked, "--frames", 4, "--steps", 2, "--seed", 3, "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["model"] == "i2vgen"
    assert "M weights" in told.err  # the memory plan
    clip = media.read(out)
    assert clip.frames.shape == (4, 3, 16, 28) and clip.fps == 16
    said = record.read(out)
    assert said.seed == 3 and said.settings["text"] == "a cat" and said.settings["frames"] == 4
    assert all(len(digest) == 64 for digest in said.model["weights"].values())


def test_the_plan_is_told_and_nothing_made(tmp_path, i2vgen, photo, capsys):
    out = tmp_path / "out.mp4"
    asked = ["video", "a cat", "--image", photo, "--model", i2vgen, "-o", out, "--dry-run"]
    assert left(*asked) == 0
    assert "1280x704, 100 network evaluations" in capsys.readouterr().out
    assert left(*asked, "--json") == 0
    assert json.loads(capsys.readouterr().out)["peak"] > 0
    assert not out.exists()


def test_words_become_a_film(tmp_path, capsys):
    folder = public_folders.wan(tmp_path / "wan")
    out = tmp_path / "out.gif"
    asked = ["video", "a cat", "--model", folder, "-o", out, "--size", 16, "--steps", 1]
    assert left(*asked, "--frames", 9, "--seed", 3) == 0
    assert len(media.read(out)) == 9


@pytest.mark.parametrize("kind", ["deepfloyd", "stable"])
def test_a_ladder_becomes_a_zoom(tmp_path, kind, capsys):
    config = {"deepfloyd": public_folders.IF, "stable": public_folders.SCALED}[kind]
    config = {**config, "num_train_timesteps": 4}
    folder = getattr(public_folders, kind)(tmp_path / kind, config)
    out = tmp_path / "tour.mp4"
    levels = ["--level", "a forest", "--level", "a tree", "--model", folder]
    asked = [*levels, "--seconds", 1, "--fps", 4, "--size", 32, "--seed", 1]
    assert left("zoom", *asked, "-o", out) == 0
    assert media.read(out).frames.shape == (4, 3, 32, 32)
    assert "2 levels" in capsys.readouterr().err
    assert left("zoom", *asked, "--living", "-o", tmp_path / "more.mp4") == 2
    assert "--living" in capsys.readouterr().err


def test_a_damaged_folder_is_a_missing_model(tmp_path, photo, i2vgen, capsys):
    (tmp_path / "model_index.json").write_text("{}")
    asked = ["video", "a cat", "--image", photo, "-o", tmp_path / "out.mp4"]
    assert left(*asked, "--model", tmp_path) == 3
    assert "no family known here" in capsys.readouterr().err
    missing = ["video", "a cat", "--image", tmp_path / "no.png", "--model", i2vgen]
    assert left(*missing, "-o", tmp_path / "out.mp4") == 2


@pytest.mark.parametrize(
    "more", [["--loop"], ["--refine", "x.mp4"], ["--motion", "9"], ["--text-encoder", "t5"]]
)
def test_what_a_checkpoint_has_not_is_refused(tmp_path, photo, i2vgen, more, capsys):
    asked = ["video", "a cat", "--image", photo, "--model", i2vgen, "-o", tmp_path / "out.mp4"]
    assert left(*asked, *more) == 2
    assert more[0] in capsys.readouterr().err


def test_a_published_folder_can_be_verified(i2vgen, capsys):
    assert left("models", "verify", i2vgen, "--json") == 0
    digests = json.loads(capsys.readouterr().out)["sha256"]
    assert set(digests) == {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "image_encoder/model.safetensors",
    }
