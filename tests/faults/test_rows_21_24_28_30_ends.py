"""Rows 21, 24, 28 and 30: kills, signals and closed pipes; a stranger's record; the encoder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import apart, left_over
from kineograph import media
from kineograph.values.clip import from_bytes
from kineograph.values.errors import KineographError

GROW = ("texture", "grow", "brick.png", "--window", 9, "--size", "96x96", "--seed", 1, "-o")


def begun(words: list[object], folder: Path, **how: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kineograph", *map(str, words)]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_row_24_a_signal_leaves_no_half_file_and_the_next_run_is_well(
    number, code, run, made, tmp_path
):
    words = [*GROW[:2], made / "brick.png", *GROW[3:], tmp_path / "x.png"]
    with begun(words, tmp_path) as child:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".kineograph-*.lock")) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    assert child.returncode in (code, 0)  # a quick machine may be through
    assert "Traceback" not in err
    if child.returncode:
        assert not (tmp_path / "x.png").exists()
        if number != signal.SIGKILL:
            assert not left_over(tmp_path)
    small = [96 if word == "96x96" else word for word in words]
    assert run(*[str(word).replace("96", "24x24") for word in small], "--force").code == 0
    assert not left_over(tmp_path)


@pytest.mark.parametrize("words", [["models", "list"], ["models", "list", "--json"], ["--help"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_row_24_a_full_stdout_is_4_without_a_traceback(words):
    with Path("/dev/full").open("w") as full:
        ended = apart(*words, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert ended.code == 4 and "no space left" in ended.err
    assert "Traceback" not in ended.err and "Exception ignored" not in ended.err


@pytest.mark.parametrize("number", [0, 1, 2])
def test_row_24_a_closed_stream_breaks_nothing(number, made, tmp_path):
    out = tmp_path / "x.csv"
    command = [sys.executable, "-m", "kineograph", "chain", made / "states.csv", "-o", out]
    shell = " ".join(map(str, command)) + f" {number}>&-"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert out.read_text().startswith("transitions") or out.stat().st_size > 20
    assert "Traceback" not in done.stderr


def test_row_24_a_reader_that_has_enough_ends_it_well():
    shell = f"{sys.executable} -m kineograph models list | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0" and "Traceback" not in done.stderr


RECORDS = {
    "another schema": {"record": 99},
    "a word for a number": {"record": "1"},
    "a path": {
        "verb": "loop",
        "inputs": {"clip": {"name": "../../etc/passwd", "sha256": "0" * 64}},
    },
    "an absolute path": {
        "verb": "loop",
        "inputs": {"clip": {"name": "/etc/passwd", "sha256": "0" * 64}},
    },
    "no hash": {"verb": "loop", "inputs": {"clip": {"name": "x", "sha256": "1"}}},
    "a model elsewhere": {
        "verb": "image",
        "settings": {"text": "a", "by": "tokens", "model": "../x"},
    },
    "a verb that makes nothing": {"verb": "data"},
    "html": {"verb": "<script>alert(1)</script>"},
    "an unknown field": {"verb": "image", "settings": {"text": "a", "run": "rm"}},
    "deep": {"settings": {"a": [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}},
}


@pytest.mark.parametrize("name", RECORDS)
def test_row_28_a_strangers_record_is_data_and_never_run_past_its_bounds(name, run, tmp_path):
    usual = {
        "kineograph": "0.2.0", "record": 1, "verb": "image", "form": ".png", "settings": {},
        "seed": 1, "inputs": {}, "status": "complete",
    }  # fmt: skip
    picture = from_bytes(np.zeros((1, 8, 8, 3), np.uint8))
    media.save(picture, tmp_path / "x.png", note=usual | RECORDS[name])
    before = (tmp_path / "x.png").read_bytes()
    ended = run("rerun", tmp_path / "x.png", "-o", tmp_path / "y.png")
    assert ended.code in (2, 3), ended.err
    assert not (tmp_path / "y.png").exists() and "Error" not in ended.err
    ended = run("show", tmp_path / "x.png")
    assert ended.code in (0, 2) and "\x1b" not in ended.out
    assert (tmp_path / "x.png").read_bytes() == before


def test_row_28_a_record_too_long_is_none(run, tmp_path):
    from kineograph.media.notes import in_png, png_chunk

    picture = from_bytes(np.zeros((1, 8, 8, 3), np.uint8))
    media.save(picture, tmp_path / "x.png")
    whole = (tmp_path / "x.png").read_bytes()
    long = in_png(b'{"record": 1, "a": "' + b"x" * 5_000_000 + b'"}')
    (tmp_path / "x.png").write_bytes(whole[:33] + long + png_chunk(b"tEXt", b"a\0b") + whole[33:])
    assert run("show", tmp_path / "x.png").code == 2


@pytest.mark.parametrize(
    ("fate", "told"),
    [
        ("exit 0", "stopped before the last frame"),
        ("cat >/dev/null; exit 0", "wrote"),
        ('for last; do :; done; cat >/dev/null; echo hello > "${last#file:}"', "wrote nothing"),
        ("kill -SEGV $$", "died"),
        ("echo broken >&2; exit 1", "broken"),
    ],
)
def test_row_30_an_encoder_that_fails_or_writes_nothing_is_told(fate, told, tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{fate}\n")
    program.chmod(0o755)
    monkeypatch.setattr("kineograph.media.video.ffmpeg", lambda: str(program))
    frames = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), np.uint8)
    with pytest.raises(KineographError) as failed:
        media.save(from_bytes(frames), tmp_path / "x.mp4")
    assert failed.value.exit_code in (1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


@pytest.mark.parametrize("what", ["x.mp4", "x.webm"])
def test_row_30_a_missing_encoder_or_decoder_is_3(what, run, made, tmp_path, monkeypatch):
    monkeypatch.setattr("kineograph.media.video.ffmpeg", lambda: str(tmp_path / "none"))
    ended = run("loop", made / "clip.webp", "--best-loop", "-o", tmp_path / what)
    assert ended.code == 3 and "imageio-ffmpeg" in ended.err
    (tmp_path / "in.mp4").write_bytes(b"\0\0\0\x14ftypisom" + bytes(8) + b"\0\0\0\x08moov")
    ended = run("sheet", tmp_path / "in.mp4", "-o", tmp_path / "x.png")
    assert ended.code == 3 and "imageio-ffmpeg" in ended.err


def test_row_30_two_jobs_to_one_output_the_second_is_refused(run, made, tmp_path):
    words = [*GROW[:2], made / "brick.png", *GROW[3:], tmp_path / "x.png"]
    with begun(words, tmp_path) as child:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".kineograph-*.lock")) and time.monotonic() < until:
            time.sleep(0.01)
        ended = run(*words)
        child.communicate(timeout=120)
    assert child.returncode == 0
    assert ended.code == 2
    assert "another job is writing" in ended.err or "exists" in ended.err
    assert not left_over(tmp_path)


NAMES = {
    "256 bytes": "x" * 252 + ".png",
    "a long path": "/".join(["y" * 200] * 25) + "/x.png",
    "no folder": "none/x.png",
    "no suffix": "x.xyz",
}


@pytest.mark.parametrize("name", NAMES)
def test_row_30_a_name_that_cannot_be_is_refused_before_the_work(name, run, made, tmp_path):
    begin = time.monotonic()
    ended = run(*GROW[:2], made / "brick.png", *GROW[3:], tmp_path / NAMES[name])
    assert ended.code == 2 and time.monotonic() - begin < 5
    assert "Error" not in ended.err and len(ended.err) < 1500
    assert not list(tmp_path.iterdir())


def test_row_30_a_name_of_255_bytes_is_written(run, made, tmp_path):
    name = "é" * 125 + ".png"
    words = ["texture", "grow", made / "brick.png", "--size", "16x16", "-o", tmp_path / name]
    assert run(*words).code == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("verb", ["png", "html", "csv", "txt", "mp4"])
def test_row_30_a_folder_in_place_of_a_file_stays_even_by_force(verb, run, made, tmp_path):
    commands = {
        "png": ("texture", "grow", made / "brick.png", "--size", "16x16"),
        "html": ("loop", made / "clip.webp"),
        "csv": ("chain", made / "states.csv"),
        "txt": ("write", made / "text.txt", "-n", 5),
        "mp4": ("loop", made / "clip.webp", "--best-loop"),
    }
    out = tmp_path / f"x.{verb}"
    out.mkdir()
    (out / "precious").write_text("kept")
    ended = run(*commands[verb], "-o", out, "--force")
    assert ended.code == 2 and "is a folder" in ended.err
    assert (out / "precious").read_text() == "kept"


@pytest.mark.parametrize(
    "words", [("texture", "grow"), ("analogy",), ("loop",), ("sheet",), ("write",), ("chain",)]
)
def test_row_30_a_folder_or_nothing_given_as_an_input_is_told(words, run, made, tmp_path):
    (tmp_path / "folder").mkdir()
    for given in (tmp_path / "folder", tmp_path / "none.png", tmp_path / ("z" * 300)):
        many = [given] * (3 if words == ("analogy",) else 1)
        suffix = {"write": ".txt", "chain": ".csv"}.get(words[0], ".png")
        suffix = ".webp" if words == ("loop",) else suffix
        ended = run(*words, *many, "-o", tmp_path / f"x{suffix}")
        assert ended.code == 2, (given, ended.err)
        assert "Error" not in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_row_30_a_folder_without_rights_is_refused_before_the_work(run, made, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    ended = run(*GROW[:2], made / "brick.png", *GROW[3:], tmp_path / "locked" / "x.png")
    assert ended.code == 2 and "cannot write" in ended.err


def test_row_21_a_batch_killed_goes_on_where_it_was(run, made, tmp_path):
    row = {"verb": "texture grow", "sample": ["brick.png"], "window": 7, "size": "24x24"}
    (tmp_path / "brick.png").write_bytes((made / "brick.png").read_bytes())
    requests = tmp_path / "requests.jsonl"
    requests.write_text(json.dumps(row | {"grid": {"seed": list(range(8))}}))
    assert run("batch", requests, "-o", tmp_path / "whole").code == 0
    with begun(["batch", requests, "-o", tmp_path / "cut"], tmp_path) as child:
        until = time.monotonic() + 60
        while not list((tmp_path / "cut").glob("0*.png")) and time.monotonic() < until:
            time.sleep(0.01)
        child.kill()
        child.communicate()
    assert run("batch", requests, "-o", tmp_path / "cut").code == 0
    names = sorted(path.name for path in (tmp_path / "whole").glob("0*.png"))
    assert len(names) == 8
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    assert not left_over(tmp_path / "cut")
