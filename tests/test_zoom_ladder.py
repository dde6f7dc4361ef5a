"""Ladders, good and bad, and the command from a ladder to a file."""

import json

import numpy as np
import pytest
from PIL import Image

from kineograph import media, record
from kineograph.cli import main
from kineograph.families.zoom.ladder import EXAMPLE, Ladder, parsed, read_ladder, rungs
from kineograph.values.errors import InputError, LimitError


def test_the_example_ladder_is_a_good_one(tmp_path):
    path = tmp_path / "ladder.toml"
    path.write_text(EXAMPLE, "utf-8")
    ladder = read_ladder(path)
    assert len(ladder) == 8
    uncommented = EXAMPLE.replace('# photo = "', 'photo = "').replace("# target", "target")
    path.write_text(uncommented, "utf-8")
    assert read_ladder(path).photo == str(tmp_path / "island.jpg")


def test_the_json_of_the_public_repositories_is_read(tmp_path):
    path = tmp_path / "hawaii.json"
    path.write_text(json.dumps({"p": 4, "prompts": ["an island", "a beach", "a shell"]}))
    assert read_ladder(path) == Ladder(("an island", "a beach", "a shell"), ratio=4)
    numbered = {"p": 2, "prompts": {"0": "an island", "1": "a beach"}}
    assert parsed(numbered).levels == ("an island", "a beach")


GOOD = {"levels": ["an island", "a beach"]}


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"levels": ["an island"]}, "levels: 1 given, a zoom needs two"),
        ({}, "levels: none given"),
        (GOOD | {"ratio": 1}, "ratio: 1 is not an even number"),
        (GOOD | {"ratio": 100}, "ratio: 100"),
        (GOOD | {"ratio": 2.5}, "2.5 is not an even number"),
        (GOOD | {"seconds": "long"}, "'long' is not a number"),
        (GOOD | {"seeds": [1]}, "seeds: 1 for 2 levels"),
        (GOOD | {"seeds": [1, -1]}, "seeds"),
        (GOOD | {"ratios": [2, 4]}, "ratios: 2 for 2 levels; give one for each"),
        (GOOD | {"ratios": [3]}, "ratios: 3 is not an even number"),
        ({"levels": ["a", "b", "c"], "ratios": [2, 6]}, "ratios: 6 is no power of 2; use 4 or 8"),
        (GOOD | {"ratios": [-2]}, "ratios: -2 is not above 1"),
        (GOOD | {"target": [0.5]}, "target: 1 numbers; give two"),
        (GOOD | {"secnds": 3}, "secnds: is unknown; did you mean seconds"),
        ({"level": ["a", "b"]}, "level: is unknown; did you mean levels"),
        ({"levels": ["an island", "an  island "]}, r"levels\[1\]: is the same text as levels\[0\]"),
        ({"levels": ["an island", ""]}, r"levels\[1\]: is empty"),
        ({"levels": "an island"}, "is not a list"),
        (GOOD | {"examples": ["a.png"]}, "examples: 1 for 2 levels"),
        ([], "is not a table"),
    ],
)
def test_every_mistake_is_named(tree, told):
    with pytest.raises(InputError, match=told):
        parsed(tree)


@pytest.mark.parametrize(
    ("ratios", "ratio", "of"),
    [
        ((), 2, [0, 1, 2, 3]),
        ((2, 2, 2), 2, [0, 1, 2, 3]),
        ((2, 8, 2), 2, [0, 1, 1, 1, 2, 3]),
        ((4, 4, 16), 4, [0, 1, 2, 2, 3]),
        ((1.5, 2.25, 1.5), 1.5, [0, 1, 1, 2, 3]),
    ],
)
def test_steps_that_differ_are_steps_of_one_ratio(ratios, ratio, of):
    found = rungs(4, 2, ratios)
    assert found == (ratio, of)
    far = np.prod(ratios or (2, 2, 2))
    assert found[0] ** (len(found[1]) - 1) == pytest.approx(far)


def test_a_million_times_closer_at_once_is_too_far():
    with pytest.raises(LimitError, match="they make 31 levels of 2 each, the limit is 24"):
        rungs(3, 2, (2, 2**29))


def test_forty_levels_are_too_many():
    with pytest.raises(LimitError, match="40"):
        parsed({"levels": [f"level {i}" for i in range(40)]})


def test_files_that_are_no_ladders(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read_ladder(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("levels = [")
    with pytest.raises(InputError, match=r"bad\.toml"):
        read_ladder(bad)
    bad.write_text("x" * 200_000)
    with pytest.raises(LimitError, match="bytes"):
        read_ladder(bad)


# -- the command -----------------------------------------------------------------------------------


def run(*words):
    with pytest.raises(SystemExit) as left:
        main(["zoom", *map(str, words)])
    return left.value.code


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :96]
    paths = []
    for k in range(3):
        wave = np.sin((x + k * y) / (3 + k))[..., None] * [90, 60, 30] + 120
        paths.append(tmp_path / f"{k}.png")
        noisy = (wave + rng.normal(size=wave.shape) * 8).clip(0, 255)
        Image.fromarray(noisy.astype(np.uint8)).save(paths[-1])
    return paths


def options(pictures):
    return [word for path in pictures for word in ("--example", path)]


def test_pictures_become_a_film_and_a_page_with_their_recipe(pictures, tmp_path, capsys):
    out = tmp_path / "tour.webp"
    words = [*options(pictures), "--canvas", 32, "--size", 48, "--seconds", 1, "--fps", 6]
    assert run(*words, "--seed", 3, "-o", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 3
    assert told["model"] is None
    assert tuple(media.read(out).frames.shape) == (6, 3, 48, 48)
    inputs = record.read(out).inputs
    assert [inputs[f"example.{i}.0"]["name"] for i in range(3)] == [p.name for p in pictures]
    again = tmp_path / "again.webp"
    assert run(*words, "--seed", 3, "-o", again) == 0
    assert again.read_bytes() == out.read_bytes()
    page = tmp_path / "tour.html"
    assert run(*words, "--seed", 3, "-o", page) == 0
    assert page.read_text("utf-8").count("data:image/webp") == 3


def test_levels_a_step_of_its_own_apart_are_made_again(pictures, tmp_path, capsys):
    ladder = tmp_path / "ladder.toml"
    names = ", ".join(f'"{path.name}"' for path in pictures)
    ladder.write_text(f"examples = [{names}]\nratios = [2, 4]\nseconds = 1\n", "utf-8")
    out, again = tmp_path / "tour.webp", tmp_path / "again.webp"
    how = ["--canvas", 32, "--size", 32, "--fps", 4]
    assert run(ladder, *how, "--seed", 3, "-o", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["levels"] == 4
    with pytest.raises(SystemExit) as left:
        main(["rerun", str(out), "-o", str(again)])
    assert left.value.code == 0 and again.read_bytes() == out.read_bytes()
    flags = [*options(pictures), "--ratios", 2, "--ratios", 4, "--seconds", 1, *how]
    assert run(*flags, "--seed", 3, "-o", again, "--force") == 0
    assert (media.read(again).frames == media.read(out).frames).all()


def test_a_photo_grounds_the_widest_level(pictures, tmp_path):
    out = tmp_path / "tour.apng"
    words = [*options(pictures), "--canvas", 32, "--size", 32, "--seconds", 1, "--fps", 4]
    assert run(*words, "--photo", pictures[2], "--seed", 3, "-o", out) == 0
    import torch

    from kineograph.evaluation.zoom import psnr
    from kineograph.families.zoom.photo import photo_window
    from kineograph.values.clip import to_model

    seen = to_model([media.read(out)])[0][:, :1]
    assert psnr(seen, photo_window(media.read(pictures[2]), 32)[0]) >= 28
    assert torch.isfinite(seen).all()


def test_a_plan_is_told_and_nothing_is_made(pictures, tmp_path, capsys):
    out = tmp_path / "tour.apng"
    words = [*options(pictures), "--canvas", 32, "--seconds", 1, "--fps", 4, "--dry-run"]
    assert run(*words, "-o", out, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["levels"], facts["size"], facts["film"], facts["evaluations"]) == (3, 32, 4, 0)
    assert facts["gflop"] > 0
    assert facts["bytes"] > 32**2
    assert run(*words, "-o", out) == 0
    assert "3 levels of 32x32" in capsys.readouterr().out
    assert not out.exists()


def test_a_point_in_pixels_is_a_point_in_shares(pictures, tmp_path):
    shares, pixels = tmp_path / "shares.apng", tmp_path / "pixels.apng"
    words = [*options(pictures), "--canvas", 32, "--size", 16, "--seconds", 1, "--fps", 2]
    words += ["--photo", pictures[1], "--seed", 1]
    assert run(*words, "--target", "0.25,0.5", "-o", shares) == 0
    assert run(*words, "--at", "24,40", "-o", pixels) == 0  # of 96 x 80
    assert record.read(pixels).settings["target"] == [0.25, 0.5]
    assert shares.read_bytes() == pixels.read_bytes()


def test_a_page_to_click_on_holds_the_photo(pictures, tmp_path):
    page = tmp_path / "pick.html"
    assert run("--photo", pictures[0], "--pick", "--canvas", 32, "-o", page) == 0
    text = page.read_text("utf-8")
    assert '"width":96,"height":80,"size":32' in text
    assert "data:image/webp" in text
    assert "{{" not in text


def test_an_example_ladder_is_written_once(tmp_path, capsys):
    out = tmp_path / "ladder.toml"
    assert run("--example-ladder", "-o", out) == 0
    assert out.read_text("utf-8") == EXAMPLE
    assert run("--example-ladder", "-o", out) == 2
    assert "exists" in capsys.readouterr().err


def test_the_door_names_what_is_wrong(pictures, tmp_path, capsys):
    out = tmp_path / "tour.mp4"
    one, two, _ = pictures
    cases = [
        ((2), ["--example", one, "-o", out], "a zoom needs two"),
        ((2), ["--example", one, "--example", two, "--ratio", 100, "-o", out], "ratio"),
        ((2), ["--example", one, "--example", tmp_path / "no.png", "-o", out], "no.png"),
        ((2), ["--example", one, "--example", two, "--canvas", 30, "-o", out], "30 pixels"),
        ((2), ["--example", one, "--example", two], "-o"),
        ((2), ["--example", one, "--example", two, "-o", tmp_path / "tour.txt"], "tour.txt"),
        ((2), ["--level", "a", "--level", "b", "--canvas", 32, "-o", out], "--canvas"),
        ((3), ["--level", "a", "--level", "b", "--model", "nobody", "-o", out], "nobody"),
        ((2), ["--example", one, "--example", two, "--photo", one, "-o", out], "photo"),
        ((2), ["--example", one, "--example", two, "--target", "x", "-o", out], "--target"),
        ((2), ["--example", one, "--example", two, "--at", "4,5", "-o", out], "--at"),
        ((2), ["--level", "a", "--level", "b", "--photo", one, "--at", "97,5", "-o", out], "96x80"),
        ((2), ["--pick", "-o", tmp_path / "pick.html"], "--photo"),
    ]
    for code, words, told in cases:
        assert run(*words, "--seed", 1) == code, words
        assert told in capsys.readouterr().err
    assert not out.exists()
