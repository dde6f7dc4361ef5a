"""Row 23: a full or read-only disk. Exit 4, nothing under a final name, no orphan, healthy after.

The disk is a real one of 2 MB. Every command that writes is in the list, and every format.
"""

from __future__ import annotations

import json

import pytest

from conftest import apart, filled, left_over
from kineograph.files import sweep

LOOP = ("loop", "clip.webp", "--best-loop", "--seed", 1, "-o")
GROW = ("texture", "grow", "brick.png", "--window", 5, "--size", "24x24", "--seed", 1)
COMMANDS = {
    **{form: (*LOOP, f"x.{form}") for form in ("mp4", "webm", "webp", "gif", "apng")},
    "html": ("loop", "clip.webp", "--seed", 1, "-o", "x.html"),
    "folder": (*LOOP, "x"),
    "sprite": ("sprite", "clip.webp", "--key", "#1434d4", "-o", "x.html"),
    "png": (*GROW, "-o", "x.png"),
    "jpg": (*GROW, "-o", "x.jpg"),
    "map": (*GROW, "--map", "x.npz", "-o", "y.png"),
    "trace": (*GROW, "--trace", "x.webp", "-o", "y.png"),
    "analogy": ("analogy", "brick.png", "photo.png", "brick.png", "--seed", 1, "-o", "x.png"),
    "zoom": (
        "zoom",
        "--example",
        "brick.png",
        "--example",
        "photo.png",
        "--size",
        32,
        "--canvas",
        32,
        "--seconds",
        1,
        "--seed",
        1,
        "-o",
        "x.html",
    ),
    "ladder": ("zoom", "--example-ladder", "-o", "x.toml"),
    "write": ("write", "text.txt", "-n", 50, "--seed", 1, "-o", "x.txt"),
    "write-map": ("write", "text.txt", "-n", 50, "--seed", 1, "--map", "x.npz"),
    "write-plot": ("write", "text.txt", "-n", 50, "--seed", 1, "--plot", "x.png"),
    "keep": (
        "write",
        "text.txt",
        "--by",
        "transformer",
        "--time-limit",
        "1s",
        "--seed",
        1,
        "-n",
        5,
        "--keep",
        "x",
    ),
    "chain": ("chain", "states.csv", "--predict", 3, "-o", "x.csv"),
    "sheet": ("sheet", "clip.webp", "-o", "x.png"),
}
INPUTS = ("clip.webp", "brick.png", "photo.png", "text.txt", "states.csv")
OUTPUTS = ("x", "y")


def placed(words, made, disk):
    """The words with inputs in one folder, and outputs on the disk."""

    def one(word):
        if word in INPUTS:
            return made / word
        plain = str(word)
        is_output = plain.partition(".")[0] in OUTPUTS
        return disk / plain if is_output else word

    return [one(word) for word in words]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_ends_every_command_with_4_and_nothing_left(name, run, made, disk):
    words = placed(COMMANDS[name], made, disk)
    ballast = filled(disk)
    ended = run(*words)
    assert ended.code == 4, ended.err
    assert "no space left" in ended.err
    assert [path.name for path in disk.iterdir()] == ["ballast"]
    ballast.unlink()
    assert run(*words).code == 0
    assert not left_over(disk)


@pytest.mark.parametrize("name", ["gif", "apng", "folder", "png", "html"])
def test_a_disk_that_fills_in_the_middle_of_a_file_leaves_nothing(name, run, made, disk):
    filled(disk, free=4096)
    words = placed(COMMANDS[name], made, disk)
    if name == "png":
        words = [str(word).replace("24x24", "64x64") for word in words]
    ended = run(*words)
    assert ended.code == 4, ended.err
    assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_a_batch_on_a_full_disk_says_so_and_goes_on_later(run, made, disk):
    requests = made / "requests.jsonl"
    row = {"verb": "texture grow", "sample": ["brick.png"], "window": 5, "size": "16x16"}
    requests.write_text(json.dumps(row | {"grid": {"seed": [1, 2]}}))
    ballast = filled(disk)
    assert run("batch", requests, "-o", disk / "many").code == 4
    assert not left_over(disk)
    ballast.unlink()
    assert run("batch", requests, "-o", disk / "many").code == 0
    assert len(list((disk / "many").glob("0*.png"))) == 2


def test_a_training_run_on_a_full_disk_keeps_its_last_checkpoint_and_goes_on(run, made, disk):
    from test_row_29_training import recipe_file

    words = ["train", recipe_file(made, small=True), "--out", disk / "run"]
    ballast = filled(disk, free=16384)  # the recipe and the lock fit, no checkpoint does
    ended = run(*words)
    assert ended.code == 4, ended.err
    assert not left_over(disk)
    ballast.unlink()
    ended = run(*words, "--resume")
    assert ended.code == 0, ended.err
    assert run(*words, "--export", disk / "model").code == 0


def test_a_rerun_on_a_full_disk(run, made, disk):
    words = placed(COMMANDS["png"], made, disk)
    assert run(*words).code == 0
    (disk / "brick.png").write_bytes((made / "brick.png").read_bytes())
    filled(disk)
    ended = run("rerun", disk / "x.png", "-o", disk / "y.png")
    assert ended.code == 4, ended.err
    assert not (disk / "y.png").exists() and not left_over(disk)


@pytest.mark.parametrize("name", ["png", "html", "chain", "keep"])
def test_a_place_that_cannot_be_written_is_named(name, run, made, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    words = placed(COMMANDS[name], made, blocked)
    ended = run(*words)
    assert ended.code == 2
    assert "file" in ended.err and "Error" not in ended.err


def test_a_limit_on_the_size_of_a_file_is_a_full_disk(made, tmp_path):
    """RLIMIT_FSIZE, which needs no right to mount."""
    before = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))"
    )
    words = ["chain", made / "states.csv", "--predict", 30, "-o", tmp_path / "x.csv"]
    ended = apart(*words, before=before)
    assert ended.code == 4, ended.err
    assert not (tmp_path / "x.csv").exists() and not left_over(tmp_path)


def test_parts_of_dead_processes_are_swept_those_of_living_ones_stay(tmp_path, run, made):
    import subprocess
    import sys

    code = "from kineograph.files import beside; from pathlib import Path; import sys\n"
    code += "beside(Path(sys.argv[1])).write_text('half')"
    dead = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.png")], check=True)
    assert dead.returncode == 0
    from kineograph.files import beside

    mine = beside(tmp_path / "y.png")
    mine.write_text("half")
    assert len(left_over(tmp_path)) == 2
    assert run(*placed(COMMANDS["png"], made, tmp_path)).code == 0
    assert left_over(tmp_path) == [mine.name]
    mine.unlink()
    assert sweep(tmp_path) == []
