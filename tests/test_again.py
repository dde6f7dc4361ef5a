"""A file is made again from itself: the same bytes, or what differs is told by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import kineograph
from kineograph import media, record
from kineograph.cli import main
from kineograph.media.exact import save_picture
from test_cli_video import model, quick_words  # noqa: F401

SMALL = ("--size", "12x12", "--window", 5, "--seed", 1)
BRICK = Path(__file__).parent.parent / "docs" / "brick.png"


def run(*words):
    with pytest.raises(SystemExit) as left:
        main([*map(str, words)])
    return left.value.code


@pytest.fixture
def brick(tmp_path):
    return Path(shutil.copy(BRICK, tmp_path / "brick.png"))


def made(verb, tmp_path, model):
    """A file of each command, quickly."""
    grey = np.random.default_rng(0).integers(0, 255, (12, 12, 1), np.uint8)
    small, mask = tmp_path / "small.png", tmp_path / "mask.png"
    save_picture(grey, small)
    hole = np.zeros((12, 12, 1), np.uint8)
    hole[4:7, 4:7] = 255
    save_picture(hole, mask)
    texture = ["--window", 3, "--seed", 5]
    words = {
        "video": ["video", "a dog", "--model", model, "--size", 16, "--seed", 3],
        "image": ["image", "a dog", "--model", model, "--seed", 3],
        "texture grow": ["texture", "grow", small, "--size", "10x8", *texture],
        "texture fill": ["texture", "fill", small, "--mask", mask, *texture],
        "texture extend": ["texture", "extend", small, "--size", "14x14", *texture],
        "zoom": ["zoom", "--example", small, "--example", mask, "--canvas", 16, "--size", 16,
                 "--seconds", 0.5, "--fps", 4, "--seed", 2],
        "zoom texts": ["zoom", "--level", "a sea", "--level", "a fish", "--model", model,
                       "--size", 16, "--seconds", 0.5, "--fps", 4, "--seed", 2],
    }[verb]  # fmt: skip
    suffix = ".webp" if verb in ("video", "zoom", "zoom texts") else ".png"
    out = tmp_path / f"made{suffix}"
    assert run(*words, "-o", out) == 0
    return out


@pytest.mark.parametrize(
    "verb",
    ["video", "image", "texture grow", "texture fill", "texture extend", "zoom", "zoom texts"],
)
def test_every_command_shows_its_record_and_runs_again_to_the_same_bytes(
    verb,
    tmp_path,
    model,
    capsys,
):
    out = made(verb, tmp_path, model)
    capsys.readouterr()
    assert run("show", out) == 0
    assert verb.split()[0] in capsys.readouterr().out
    again = tmp_path / f"again{out.suffix}"
    words = ["rerun", out, "-o", again, "--json"]
    named = [] if "texture" in verb or verb == "zoom" else ["--set", f"model={model}"]
    assert run(*words, *named) == 0
    assert again.read_bytes() == out.read_bytes()
    if not named:
        assert json.loads(capsys.readouterr().out)["same"] is True


def test_pages_run_again_too(tmp_path, model):
    small = tmp_path / "small.png"
    save_picture(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), small)
    out = tmp_path / "fly.html"
    words = ["zoom", "--example", small, "--example", small, "--canvas", 16, "--size", 16]
    assert run(*words, "--seconds", 0.5, "--seed", 2, "-o", out) == 0
    assert run("rerun", out) == 0
    assert (tmp_path / "fly.again.html").read_bytes() == out.read_bytes()


def test_a_setting_and_the_seed_can_be_changed(tmp_path, brick, capsys):
    out = tmp_path / "a.png"
    assert run("texture", "grow", brick, *SMALL, "-o", out) == 0
    assert run("rerun", out, "--set", "size=20x10", "--set", "seed=4") == 0
    again = record.read(tmp_path / "a.again.png")
    assert (again.settings["size"], again.settings["window"], again.seed) == ("20x10", 5, 4)
    assert media.read(tmp_path / "a.again.png").frames.shape[-2:] == (10, 20)
    assert run("rerun", out, "--set", "sise=3", "--force") == 2
    assert "sise: is not for a texture that is grown; did you mean size?" in capsys.readouterr().err


def test_a_changed_and_a_missing_input_are_told_by_name_and_hash(tmp_path, brick, capsys):
    out = tmp_path / "a.png"
    assert run("texture", "grow", brick, *SMALL, "-o", out) == 0
    digest = record.read(out).inputs["sample.0"]["sha256"]
    moved = brick.rename(tmp_path / "elsewhere.png")
    assert run("rerun", out) == 2
    told = capsys.readouterr().err
    assert "'brick.png'" in told and digest in told and "sample.0=FILE" in told
    assert run("rerun", out, "--input", f"sample.0={moved}") == 0
    save_picture(np.zeros((9, 9, 1), np.uint8), brick)
    assert run("rerun", out, "--force") == 2
    assert "is not the file this was made from" in capsys.readouterr().err


def test_another_version_is_told(tmp_path, brick, capsys, monkeypatch):
    out = tmp_path / "a.png"
    assert run("texture", "grow", brick, *SMALL, "-o", out) == 0
    monkeypatch.setattr(kineograph, "version", "9.9")
    assert run("rerun", out) == 0
    told = capsys.readouterr().err
    assert "made by version 0.2.0, this is 9.9" in told
    assert "the bytes differ" in told  # the record names the version


def test_files_of_the_first_version_are_understood_or_refused_with_the_reason(
    tmp_path,
    model,
    capsys,
):
    from kineograph.values.clip import Clip

    clip = Clip(media.read(BRICK).frames.repeat(2, 1, 1, 1), 2.0)
    old = {"kineograph": "video", "text": "a dog", "negative": "", "seed": 3, "model": "tiny",
           "size": 16, "frames": 4, "steps": None, "seconds": 2.0}  # fmt: skip
    media.save(clip, tmp_path / "old.webp", note=old)
    assert run("rerun", tmp_path / "old.webp", "--set", f"model={model}") == 0
    again = record.read(tmp_path / "old.again.webp")
    assert (again.settings["text"], again.seed, again.schema) == ("a dog", 3, 1)
    media.save(
        clip, tmp_path / "loop.webp", note={"verb": "texture grow", "seed": 1, "sampling": {}}
    )
    assert run("rerun", tmp_path / "loop.webp") == 2
    assert "0.1.0, which kept no hash of inputs" in capsys.readouterr().err


def test_a_strangers_record_fetches_no_model_and_names_no_folder(tmp_path, capsys):
    whole = {"kineograph": "0.2.0", "record": 1, "verb": "video", "form": ".webp", "seed": 1,
             "settings": {"text": "a dog", "model": "/etc"}, "inputs": {},
             "status": "complete"}  # fmt: skip
    for name, code, told in (("/etc", 2, "names the model"), ("nowhere", 3, "is not here")):
        whole["settings"]["model"] = name
        media.save(media.read(BRICK), tmp_path / "x.png", note=whole)
        assert run("rerun", tmp_path / "x.png", "-o", tmp_path / "y.webp") == code
        assert told in capsys.readouterr().err


def test_a_record_is_shown_without_letting_it_speak_to_the_terminal(tmp_path, capsys):
    whole = {"kineograph": "0.2.0", "record": 1, "verb": "video", "form": ".webp", "seed": 1,
             "settings": {"text": "a\x1b[31m dog \u202e"}, "inputs": {},
             "status": "complete"}  # fmt: skip
    media.save(media.read(BRICK), tmp_path / "x.png", note=whole)
    assert run("show", tmp_path / "x.png") == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told and "\u202e" not in told and "\\u202e" in told
