"""kineograph loop and kineograph sprite: files out, and refusals that say what to do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kineograph import cli, media
from kineograph.data.simulations import simulate
from kineograph.values.clip import from_bytes


@pytest.fixture(scope="module")
def flag(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "flag.mp4"
    media.save(simulate("flag", 100, height=48, width=64), path)
    return path


def run(capsys, *words) -> tuple[int, dict, str]:
    with pytest.raises(SystemExit) as left:
        cli.main([*map(str, words), "--json"])
    said = capsys.readouterr()
    return left.value.code, json.loads(said.out or "{}"), said.err


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp", ".apng"])
def test_a_best_loop_of_a_wanted_length_in_every_format(flag, tmp_path, capsys, suffix) -> None:
    out = tmp_path / f"loop{suffix}"
    code, facts, _ = run(
        capsys, "loop", flag, "-o", out, "--best-loop", "--seconds", 2, "--seed", 1
    )
    assert code == 0 and facts["loop_frames"] == 60 and facts["seed"] == 1
    assert facts["good"] == (facts["seam_ratio"] <= 1.2 and facts["mismatch"] <= 1.5)
    assert media.probe(out).frames == 60
    assert media.note(out)["verb"] == "loop"


def test_random_play_repeats_by_seed_and_takes_tracks(flag, tmp_path, capsys) -> None:
    files = []
    for name in ("a", "b"):
        files.append(tmp_path / f"{name}.apng")
        words = ["--seconds", 3, "--seed", 5, "--speed", "0=0.5,2=2", "--range", "0=10:50,1=40:90"]
        assert run(capsys, "loop", flag, "-o", files[-1], *words)[0] == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert media.probe(files[0]).frames == 90


def test_pages_come_out_of_both_verbs(flag, tmp_path, capsys) -> None:
    code, facts, _ = run(capsys, "loop", flag, "-o", tmp_path / "flag.html", "--range", "10:60")
    assert code == 0 and facts["frames"] == 100
    assert '"range":[10,60]' in (tmp_path / "flag.html").read_text()
    fish = tmp_path / "fish.mp4"
    media.save(simulate("fish", 60, height=60, width=80), fish)
    code, facts, _ = run(capsys, "sprite", fish, "-o", tmp_path / "fish.html", "--key", "#1434d4")
    assert code == 0 and facts["speed"] > 0.2


@pytest.mark.parametrize(
    ("words", "field", "said"),
    [
        (["--range", "10:400"], "--range", "is not within 0:99"),
        (["--range", "60:20"], "--range", "use A ≤ B"),
        (["--range", "all"], "--range", "first:last"),
        (["--speed", "fast"], "--speed", "not a number"),
        (["--speed", "0=1,0=2", "--seconds", "2"], "--speed", "backwards"),
        (["--speed", "0=1,3=2"], "--speed", "its seconds"),
        (["--seconds", "-1"], "--seconds", "is not above 0 and at most 3,600"),
        (["--every", "0"], "--every", "not in 1"),
        (["--every", "200"], "clip", "has 1 frame"),
        (["--fade", "-2"], "--fade", "not in 0"),
    ],
)
def test_bad_wishes_name_the_field_and_the_remedy(
    flag, tmp_path, capsys, words, field, said
) -> None:
    out = tmp_path / "x.mp4"
    code, facts, _ = run(capsys, "loop", flag, "-o", out, *words)
    assert (code, facts["field"]) == (2, field)
    assert said in facts["message"]
    assert not out.exists()


def test_bad_clips_are_refused(tmp_path, capsys) -> None:
    text, still = tmp_path / "a.mp4", tmp_path / "one.png"
    text.write_text("no video stream here")
    media.save(from_bytes(np.zeros((1, 8, 8, 3), np.uint8)), still)
    for path in (text, still, tmp_path / "missing.mp4"):
        for verb, out in (("loop", "x.html"), ("sprite", "y.html")):
            code, facts, said = run(capsys, verb, path, "-o", tmp_path / out)
            assert code == 2 and facts["message"] and "Traceback" not in said
            assert not (tmp_path / out).exists()


def test_a_clip_that_does_not_move_is_said_to_stand_still(tmp_path, capsys) -> None:
    clip = tmp_path / "still.gif"
    media.save(from_bytes(np.full((12, 10, 10, 3), 90, np.uint8)), clip)
    code, facts, _ = run(capsys, "loop", clip, "-o", tmp_path / "x.gif")
    assert code == 0 or "has 1 frame" in facts["message"]  # a gif may join equal frames
    frames = tmp_path / "frames"
    media.save(from_bytes(np.full((12, 10, 10, 3), 90, np.uint8)), frames)
    code, facts, _ = run(capsys, "loop", frames, "-o", tmp_path / "y.mp4")
    assert code == 0 and "does not move" in facts["notes"][0]
