"""Sound follows its frames: through the media border, through an order, through the command."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from kineograph import cli, media
from kineograph.data.simulations import simulate
from kineograph.frames.sound import FADE, sound_of
from kineograph.values.errors import InputError, LimitError

RATE, FPS, FRAMES = 48_000, 10.0, 30
EACH = int(RATE / FPS)  # samples a frame


def tones(channels: int = 1) -> media.Sound:
    """Frame k sounds at 300 + 100 k Hz, a whole number of periods, so that the clip has no
    clicks."""
    t = np.arange(EACH) / RATE
    samples = [0.5 * np.sin(2 * np.pi * (300 + 100 * k) * t) for k in range(FRAMES)]
    track = np.concatenate(samples).astype(np.float32)
    return media.Sound(np.stack([track, 0.5 * track][:channels], axis=1), RATE)


def frames_heard(sound: media.Sound) -> list[int]:
    """The frame whose tone is loudest in the middle of each frame's samples."""
    parts = sound.samples[:, 0].reshape(-1, EACH)[:, EACH // 4 : 3 * EACH // 4]
    powers = np.abs(np.fft.rfft(parts * np.hanning(parts.shape[1]), 4 * EACH, axis=1))
    hertz = np.argmax(powers, axis=1) * RATE / (4 * EACH)
    return [round((h - 300) / 100) for h in hertz]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "pendulum.mp4"
    with media.writer(path, fps=FPS, size=(64, 48), sound=tones(2)) as file:
        file.extend(simulate("pendulum", FRAMES, height=48, width=64))
    return path


def loop(capsys, *words) -> dict:
    with pytest.raises(SystemExit) as left:
        cli.main(["loop", *map(str, words), "--json"])
    assert left.value.code == 0
    return json.loads(capsys.readouterr().out)


# -- through the media border ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_track_comes_back_in_step_and_the_same_bytes_are_written_twice(
    tmp_path, suffix, channels
) -> None:
    written = []
    for name in ("a", "b"):
        written.append(tmp_path / (name + suffix))
        with media.writer(written[-1], fps=FPS, size=(64, 48), sound=tones(channels)) as file:
            file.extend(simulate("pendulum", FRAMES, height=48, width=64))
    assert written[0].read_bytes() == written[1].read_bytes()
    back = media.sound(written[0])
    assert back is not None and back.rate == RATE
    assert back.samples.shape == (FRAMES * EACH, channels)
    assert frames_heard(back) == list(range(FRAMES))
    told, truth = back.samples[: 5 * EACH, 0], tones().samples[: 5 * EACH, 0]
    shifts = range(-40, 41)
    likeness = [float(np.dot(np.roll(told, s), truth)) for s in shifts]
    assert abs(shifts[int(np.argmax(likeness))]) <= 1
    assert media.probe(written[0]).frames == FRAMES


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.png", "folder"])
def test_a_silent_clip_gives_no_track(tmp_path, name) -> None:
    count = 1 if name == "a.png" else 4
    media.save(simulate("pendulum", count, height=48, width=64), tmp_path / name)
    assert media.sound(tmp_path / name) is None


def test_formats_without_sound_and_clips_past_the_limit_are_refused(clip, tmp_path) -> None:
    with pytest.raises(InputError, match=r"a .gif carries none; use .mp4"):
        media.writer(tmp_path / "a.gif", fps=10, size=(8, 8), sound=tones())
    with pytest.raises(InputError, match="clip_bytes"):
        media.sound(clip, media.Limits(clip_bytes=1000))
    with pytest.raises(LimitError, match="seconds"):
        media.sound(clip, media.Limits(seconds=1))


# -- through an order ------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
def test_every_frame_brings_its_own_tone(closed) -> None:
    order = [*range(5, 12), *range(20, 27), *range(3, 9), 15, 2, *range(4)]
    heard = sound_of(order, tones(), FPS, closed=closed)
    assert heard.samples.shape == (len(order) * EACH, 1)
    assert frames_heard(heard) == order


@pytest.mark.parametrize("closed", [False, True])
def test_no_joint_clicks(closed) -> None:
    t = np.arange(FRAMES * EACH) / RATE
    hum = media.Sound(np.sin(2 * np.pi * 123.4 * t)[:, None].astype(np.float32), RATE)
    order = [*range(5, 12), *range(20, 27), 9, *range(3, 6)]
    own = np.abs(np.diff(hum.samples[:, 0])).max()
    cut = np.concatenate([hum.samples[f * EACH : (f + 1) * EACH, 0] for f in order])
    heard = sound_of(order, hum, FPS, closed=closed).samples[:, 0]
    around = np.append(heard, heard[0]) if closed else heard
    assert np.abs(np.diff(cut)).max() > 10 * own  # plain cuts do click
    # two tones mixed with equal power, and the slope of the ramps
    assert np.abs(np.diff(around)).max() < np.sqrt(2) * own + np.pi / (FADE * RATE)


def test_an_order_without_jumps_is_the_clip_itself_and_a_turned_one_has_one_joint_less() -> None:
    sound = tones(2)
    assert np.array_equal(sound_of(range(FRAMES), sound, FPS).samples, sound.samples)
    turned = [10, 11, 4, 5, 6, 7, 8, 9]  # shown again and again, it only jumps from 11 to 4
    heard = sound_of(turned, sound, FPS, closed=True).samples
    assert np.array_equal(heard[:EACH], sound.samples[10 * EACH : 11 * EACH])
    assert np.array_equal(heard[-EACH:], sound.samples[9 * EACH : 10 * EACH])


def test_runs_shorter_than_the_mix_keep_their_level() -> None:
    rng = np.random.default_rng(0)
    noise = media.Sound(rng.uniform(-0.3, 0.3, (RATE, 1)).astype(np.float32), RATE)
    heard = sound_of(rng.permutation(200).tolist(), noise, 200.0, closed=True)
    assert heard.samples.shape == noise.samples.shape
    assert np.std(heard.samples) == pytest.approx(np.std(noise.samples), rel=0.1)


# -- through the command ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_walk_is_heard_as_it_is_seen(clip, tmp_path, capsys, suffix) -> None:
    from kineograph.frames.texture import played, study

    out = tmp_path / f"walk{suffix}"
    facts = loop(capsys, clip, "-o", out, "--seconds", 6, "--seed", 3)
    assert facts["sound"] and not any("sound" in note for note in facts["notes"])
    *_, studied = study(media.stream(clip), FPS)
    order = played(studied.value, 6, 3)
    heard = media.sound(out)
    assert heard is not None and heard.samples.shape[1] == 2
    assert any(b != a + 1 for a, b in pairwise(order))
    assert frames_heard(heard) == order


def test_a_best_loop_closes_in_sound_too(clip, tmp_path, capsys) -> None:
    out = tmp_path / "loop.mp4"
    facts = loop(capsys, clip, "-o", out, "--best-loop", "--seconds", 3)
    heard = media.sound(out)
    assert facts["sound"] and heard is not None
    order = frames_heard(heard)
    assert len(order) == 30
    jumps = [(a, b) for a, b in zip(order, [*order[1:], order[0]], strict=True) if b != a + 1]
    assert set(map(tuple, facts["jumps"])) >= set(jumps) or not facts["jumps"]


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("a.gif", [], "a .gif does not carry"),
        ("a.html", [], "a player does not carry"),
        ("a.mp4", ["--speed", "0.5"], "change its pitch"),
    ],
)
def test_where_sound_is_left_out_the_command_says_so(
    clip, tmp_path, capsys, name, words, said
) -> None:
    facts = loop(capsys, clip, "-o", tmp_path / name, *words)
    assert any(said in note for note in facts["notes"])


@pytest.mark.parametrize(("verb", "words"), [("loop", []), ("sprite", ["--key", "#1434d4"])])
def test_standard_input_is_read(tmp_path, verb, words) -> None:
    clip, out = tmp_path / "fish.mp4", tmp_path / "out.html"
    media.save(simulate("fish", 60, height=60, width=80), clip)
    command = [sys.executable, "-m", "kineograph", verb, "-", "-o", str(out), *words, "--json"]
    with clip.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["frames"] == 60
    assert "<html" in out.read_text() and "clip" in out.read_text()
