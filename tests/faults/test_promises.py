"""Promises that once did not hold: limits are 4, threads are told, a file is hashed as read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kineograph import record
from kineograph.checkpoints.blocks import block_count
from kineograph.families.zoom.flight import MOST_FRAMES, Flight, depths
from kineograph.values.errors import LimitError, MissingError
from test_row_29_training import recipe_file


@pytest.mark.parametrize("verb", ["refine", "extend"])
def test_a_clip_of_too_many_frames_is_a_limit(verb, run, made, tmp_path, monkeypatch):
    monkeypatch.setattr("kineograph.families.image_to_video.model.MOST_FRAMES", 3)
    ended = run("video", f"--{verb}", made / "clip.webp", "-o", tmp_path / "x.webp")
    assert ended.code == 4 and "24 frames, the limit is 3" in ended.err
    assert not list(tmp_path.iterdir())


def test_a_flight_or_a_clip_of_too_many_frames_is_a_limit():
    with pytest.raises(LimitError, match=r"seconds: .* the limit is"):
        depths(5, Flight(seconds=MOST_FRAMES, fps=2))
    with pytest.raises(LimitError, match="the limit is 64"):
        block_count(16 * 65, 16, 0)
    assert block_count(16 * 64, 16, 0) == 64


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--target", "nan,0"), "target"),
        (("--target", "inf,0"), "target"),
        (("--photo", "none.png"), "photo"),
        (("--ratio", "nan"), "ratio"),
    ],
)
def test_a_plan_of_a_zoom_refuses_what_its_making_would(words, field, run, tmp_path):
    levels = ("--level", "a sky", "--level", "a cloud")
    ended = run("zoom", *levels, *words, "-o", tmp_path / "x.mp4", "--dry-run")
    assert ended.code == 2 and field in ended.err, ended.err


def test_a_trained_run_that_is_interrupted_says_that_it_goes_on(tmp_path):
    words = ["train", str(recipe_file(tmp_path, samples=100_000)), "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "kineograph", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        log, until = tmp_path / "run" / "log.jsonl", time.monotonic() + 120
        while not (log.exists() and log.stat().st_size) and time.monotonic() < until:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "what was trained is saved, --resume goes on" in err
    assert list((tmp_path / "run" / "speaker").glob("0*"))


def test_the_count_of_threads_is_in_the_record_and_another_is_told(run, kit, tmp_path, monkeypatch):
    monkeypatch.chdir(kit)  # a record tells a model's name, never its place
    before = torch.get_num_threads()
    words = ("image", "a cat", "--model", "tiny", "--by", "diffusion", "--seed", 1)
    try:
        torch.set_num_threads(1)
        assert run(*words, "-o", tmp_path / "x.png").code == 0
        assert record.read(tmp_path / "x.png").threads == 1
        torch.set_num_threads(2)
        again = ("rerun", tmp_path / "x.png", "--set", "model=tiny", "-o", tmp_path / "y.png")
        ended = run(*again, "--json")
    finally:
        torch.set_num_threads(before)
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)["differences"]
    assert any("made with 1 threads, this machine uses 2" in one for one in told)


def test_the_text_encoder_is_hashed_through_the_descriptor_it_is_read_by(monkeypatch, tmp_path):
    from kineograph.nets import minilm

    weights = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(3)}, weights)
    opened: list[Path] = []
    usual = Path.open

    def seen(self, *how, **more):
        opened.append(self)
        return usual(self, *how, **more)

    monkeypatch.setattr(Path, "open", seen)
    with pytest.raises(MissingError, match=r"model\.safetensors"):
        minilm.tower(weights, "0" * 64)
    assert opened.count(weights) == 1
