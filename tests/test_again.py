"""A file is made again from itself: the same bytes, or what differs is told by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import kineograph
from kineograph import machine, media, record
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


def test_an_input_that_is_changed_need_not_be_there_and_one_that_is_none_is_refused(
    tmp_path, brick, capsys
):
    out = tmp_path / "a.png"
    assert run("texture", "grow", brick, *SMALL, "-o", out) == 0
    other = brick.rename(tmp_path / "other.png")
    assert run("rerun", out, "--set", f"sample={other}") == 0
    assert record.read(tmp_path / "a.again.png").inputs["sample.0"]["name"] == "other.png"
    assert run("rerun", out, "--input", f"sampel={other}", "--force") == 2
    told = capsys.readouterr().err
    assert "sampel: is no input of this file; name one of sample.0" in told
    again = kineograph.rerun(out, inputs={"sample": str(other)})
    assert np.array_equal(again.frames, media.read(out).array())


def test_a_folder_of_frames_and_the_record_beside_a_text_are_made_again_by_their_names(
    tmp_path, model
):
    out = tmp_path / "frames"
    words = ["video", "a dog", "--model", model, "--size", 16, "--seed", 3]
    assert run(*words, "-o", out) == 0
    assert run("rerun", out, "--set", f"model={model}") == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "frames_again").iterdir())
    assert all(
        (out / name).read_bytes() == (tmp_path / "frames_again" / name).read_bytes()
        for name in names
    )
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("to be or not to be that is the question to be", "utf-8")
    assert run("write", corpus, "-n", 5, "--seed", 1, "-o", tmp_path / "w.txt") == 0
    assert run("rerun", tmp_path / "w.txt.record.json") == 0
    assert (tmp_path / "w.again.txt").read_bytes() == (tmp_path / "w.txt").read_bytes()


def test_made_over_itself_a_file_is_compared_with_what_it_was(tmp_path, brick, capsys):
    out = tmp_path / "a.png"
    assert run("texture", "grow", brick, *SMALL, "-o", out) == 0
    whole = dict(record.read(out).whole)
    save_picture(np.zeros((12, 12, 3), np.uint8), out, whole)  # another picture, the same record
    capsys.readouterr()
    assert run("rerun", out, "-o", out, "--force", "--json") == 0
    assert json.loads(capsys.readouterr().out)["same"] is False


def test_set_reads_a_value_as_its_flag_would(tmp_path, model):
    out = tmp_path / "a.webp"
    words = ["video", "a dog", "--model", model, "--size", 16, "--seed", 3]
    assert run(*words, "-o", out) == 0
    for number, (said, name, wanted) in enumerate([
        ("text=7", "text", "7"),
        ("text=true", "text", "true"),
        ('text="a cat"', "text", "a cat"),
        ("loop=true", "loop", True),
        ("steps=2", "steps", 2),
    ]):  # fmt: skip
        again = tmp_path / f"{number}.webp"
        assert run("rerun", out, "--set", said, "--set", f"model={model}", "-o", again) == 0
        assert record.read(again).settings[name] == wanted


def test_second_outputs_carry_the_record_and_are_made_again_alone(tmp_path, brick, capsys):
    map_, trace = tmp_path / "map.npz", tmp_path / "steps.gif"
    out = tmp_path / "a.png"
    words = ["texture", "grow", brick, *SMALL, "-o", out, "--map", map_, "--trace", trace]
    assert run(*words) == 0
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("to be or not to be that is the question to be", "utf-8")
    plot, text = tmp_path / "plot.png", tmp_path / "w.txt"
    assert run("write", corpus, "-n", 5, "--seed", 1, "-o", text, "--plot", plot) == 0
    for file, name in ((map_, "map"), (trace, "trace"), (plot, "plot")):
        found = record.read(file)
        assert found.whole["extra"] == name and found.seed == 1
        assert run("show", file) == 0 and f'extra      "{name}"' in capsys.readouterr().out
        assert run("rerun", file, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        again = file.with_name(f"{file.stem}.again{file.suffix}")
        assert told["same"] is True and told["outputs"] == [str(again)]
        assert again.read_bytes() == file.read_bytes()
    assert not (tmp_path / "a.again.png").exists()


def test_without_a_record_second_outputs_carry_none_either(tmp_path, brick):
    out, map_, trace = (tmp_path / name for name in ("a.png", "map.npz", "steps.gif"))
    words = ["texture", "grow", brick, *SMALL, "-o", out, "--map", map_, "--trace", trace]
    assert run(*words, "--no-record") == 0
    assert media.note(trace) is None and "settings" not in record.plain_note(map_)


def test_an_example_of_a_ladder_has_its_record_beside_it(tmp_path):
    out = tmp_path / "ladder.toml"
    assert run("zoom", "--example-ladder", "-o", out) == 0
    assert record.read(out).verb == "zoom"
    assert run("rerun", out) == 0
    assert (tmp_path / "ladder.again.toml").read_bytes() == out.read_bytes()


def test_another_version_is_told(tmp_path, brick, capsys, monkeypatch):
    out = tmp_path / "a.png"
    assert run("texture", "grow", brick, *SMALL, "-o", out) == 0
    monkeypatch.setattr(kineograph, "version", "9.9")
    assert run("rerun", out) == 0
    told = capsys.readouterr().err
    assert "made by version 0.2.0, this is 9.9" in told
    assert "the bytes differ" in told  # the record names the version


def test_other_numbers_are_told(tmp_path, model, capsys, monkeypatch):
    out = tmp_path / "cat.png"
    monkeypatch.setattr(machine, "halves_pay", lambda device="cpu": False)
    assert run("image", "a cat", "--by", "cascade", "--model", model, "--seed", 1, "-o", out) == 0
    assert run("show", out) == 0
    assert "numbers    float32" in capsys.readouterr().out
    monkeypatch.setattr(machine, "halves_pay", lambda device="cpu": True)
    assert run("rerun", out, "--set", f"model={model}") == 0
    assert "made in float32, this processor computes in bfloat16" in capsys.readouterr().err


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
    media.save(clip, tmp_path / "loop.webp", note={"verb": "texture grow", "seed": 1, "knobs": {}})
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
