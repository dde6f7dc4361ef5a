"""kineograph zoom by text, with the tiny model of test_cli_video; by example: test_zoom_ladder."""

import json

import numpy as np
import pytest
from PIL import Image

from kineograph import media, record
from kineograph.cli import main
from test_cli_video import model, quick_words  # noqa: F401


def run(*words):
    with pytest.raises(SystemExit) as left:
        main(["zoom", *map(str, words)])
    return left.value.code


def test_texts_become_a_film_through_every_stage(model, tmp_path, capsys):
    ladder = tmp_path / "ladder.json"
    ladder.write_text(json.dumps({"p": 2, "prompts": ["an island", "a tree", "a leaf"]}))
    out = tmp_path / "tour.apng"
    words = [ladder, "--model", model, "--size", 32, "--seconds", 1, "--fps", 5, "--seed", 2]
    assert run(*words, "-o", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 2
    assert tuple(media.read(out).frames.shape) == (5, 3, 32, 32)
    assert list(record.read(out).settings["level"]) == ["an island", "a tree", "a leaf"]
    assert told["canvas"] == 16


def test_a_living_zoom_moves_while_one_rests(model, tmp_path):
    out = tmp_path / "tour.apng"
    words = ["--level", "an island", "--level", "a tree", "--model", model, "--living"]
    flags = ["--size", 16, "--seconds", 1, "--dwell", 1, "--fps", 8, "--seed", 2]
    assert run(*words, *flags, "-o", out) == 0
    rest = media.read(out).frames[:8]  # a second at the widest level; its clip has 4 frames
    assert len({frame.numpy().tobytes() for frame in rest}) == 4


def test_a_plan_counts_evaluations_of_every_stage(model, tmp_path, capsys):
    out = tmp_path / "tour.apng"
    words = ["--level", "an island", "--level", "a tree", "--model", model, "-o", out, "--dry-run"]
    assert run(*words, "--seconds", 2, "--fps", 5, "--json") == 0
    still = json.loads(capsys.readouterr().out)
    assert still["evaluations"] == 2 * (2 * 2 + 2)  # levels x (guided steps + steps)
    assert (still["levels"], still["size"], still["frames"], still["film"]) == (2, 16, 1, 10)
    assert run(*words, "--seconds", 2, "--fps", 5, "--json", "--living") == 0
    living = json.loads(capsys.readouterr().out)
    assert living["frames"] == 4
    assert living["gflop"] > 3 * still["gflop"]
    assert not out.exists()


@pytest.mark.parametrize("words", [["--size", "40x72"], ["--size", "72x40"], ["--ratio", "1.5"]])
def test_films_are_portrait_or_wide_and_levels_any_simple_ratio_apart(tmp_path, words):
    y, x = np.mgrid[:64, :48]
    for name, step in (("a", 8), ("b", 12)):
        checks = (x // step + y // step) % 2 * 200
        picture = np.stack([2 * x, y, checks], -1).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    pictures = ["--example", tmp_path / "a.png", "--example", tmp_path / "b.png"]
    how = ["--canvas", 36, "--seconds", 0.5, "--fps", 4, "--seed", 1]
    out = tmp_path / "zoom.webp"
    assert run(*pictures, *words, *how, "-o", out) == 0
    info = media.probe(out)
    shape = f"{info.width}x{info.height}"
    assert shape == (words[1] if words[0] == "--size" else "256x256")
