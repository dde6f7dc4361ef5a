"""Row 23: a full or read-only disk. Exit 4, nothing under a final name, no orphan, healthy after.

The disk is a real one of 2 MB. Every command that writes is in the list, and every format.
"""

from __future__ import annotations

import json

import pytest

from conftest import apart, filled, left_over
from every_command import CASES, parameters, placed
from kineograph.files import sweep

NAMED = {case.name: case for case in CASES}

HEADROOM = {"train out": 16_384, "tune out": 16_384}
"Bytes left free where the run folder and its lock may lie: what is made in it does not fit."
KEPT = {"train out": "x", "tune out": "x.run", "batch out": "x"}
"Folders of what is finished, which stay: the next run goes on in them."


@pytest.mark.parametrize("case", parameters())
def test_a_full_disk_ends_every_command_with_4_and_nothing_left(case, run, kit, disk):
    what = f"{case.command} {case.output}"
    words = placed(case.words, kit, disk)
    ballast = filled(disk, free=HEADROOM.get(what, 0))
    ended = run(*words)
    assert ended.code == 4, ended.err
    assert "no space left" in ended.err
    left = {path.name for path in disk.iterdir()} - {KEPT.get(what)}
    assert left == {"ballast"}
    assert not left_over(disk)
    ballast.unlink()
    again = ["--resume"] if what in HEADROOM else []
    ended = run(*words, *again)
    assert ended.code == 0, ended.err
    assert not left_over(disk)
    assert (disk / f"x{case.suffix}").exists()


@pytest.mark.parametrize("name", ["loop out .gif", "loop out .apng", "loop out folder"])
@pytest.mark.long
def test_a_disk_that_fills_in_the_middle_of_a_loop_leaves_nothing(name, run, kit, disk):
    _fills_in_the_middle(NAMED[name].words, run, kit, disk)


@pytest.mark.parametrize("name", ["texture grow out .png", "loop out .html", "explain out .html"])
def test_a_disk_that_fills_in_the_middle_of_a_file_leaves_nothing(name, run, kit, disk):
    words = tuple(str(word).replace("24x24", "64x64") for word in NAMED[name].words)
    _fills_in_the_middle(words, run, kit, disk)


def _fills_in_the_middle(words, run, kit, disk):
    filled(disk, free=4096)
    ended = run(*placed(words, kit, disk))
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
    words = placed((*NAMED["texture grow out .png"].words, "--seed", 1), made, disk)
    assert run(*words).code == 0
    (disk / "brick.png").write_bytes((made / "brick.png").read_bytes())
    filled(disk)
    ended = run("rerun", disk / "x.png", "-o", disk / "y.png")
    assert ended.code == 4, ended.err
    assert not (disk / "y.png").exists() and not left_over(disk)


@pytest.mark.parametrize("case", parameters())
def test_a_place_that_cannot_be_written_is_named(case, run, kit, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    ended = run(*placed(case.words, kit, blocked))
    assert ended.code == 2, ended.err
    assert "file" in ended.err or "cannot write" in ended.err
    assert "Error" not in ended.err


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
    assert run(*placed(NAMED["texture grow out .png"].words, made, tmp_path)).code == 0
    assert left_over(tmp_path) == [mine.name]
    mine.unlink()
    assert sweep(tmp_path) == []
