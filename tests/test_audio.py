"""Sound under a film: files of sound in, cut or started over, in the record by name and hash."""

from __future__ import annotations

import subprocess
import wave

import numpy as np
import pytest

import kineograph as kg
from kineograph import media, models
from kineograph.data.simulations import simulate
from kineograph.families.zoom.settings import FromOwnPictures
from kineograph.files import sha256_of
from kineograph.frames.sound import ENDS, laid_under
from kineograph.media.frames import track_of
from kineograph.media.video import ffmpeg
from kineograph.record import read
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source

RATE = 48_000


def tone(seconds: float, hertz: float = 441.0, rate: int = RATE) -> np.ndarray:
    at = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A second of a tone as phones and programs write it."""
    place = tmp_path_factory.mktemp("sounds")
    with wave.open(str(place / "a.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((tone(1.0) * 32767).astype("<i2").tobytes())
    for name in ("a.mp3", "a.m4a", "a.flac", "a.ogg", "a.opus", "a.aac"):
        command = [ffmpeg(), "-v", "error", "-i", place / "a.wav", "-ar", "48000", place / name]
        subprocess.run(list(map(str, command)), check=True, timeout=60)
    pendulum = simulate("pendulum", 40, height=48, width=64)
    media.save(type(pendulum)(pendulum.frames, 10.0), place / "clip.webm")
    media.save(pendulum[:1], place / "wide.png")
    return place


def loudest(samples: np.ndarray) -> float:
    """The frequency of most power, hertz."""
    power = np.abs(np.fft.rfft(samples))
    return float(np.argmax(power) * RATE / len(samples))


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.flac", "a.ogg", "a.opus", "a.aac"])
def test_a_file_of_sound_is_heard_from_its_beginning(folder, name) -> None:
    heard = media.track(folder / name, 5.0)
    exact = name in ("a.wav", "a.flac")
    assert abs(len(heard.samples) - RATE) <= (0 if exact else 0.06 * RATE)
    assert abs(loudest(heard.samples[:, 0]) - 441) < 2
    loud = np.flatnonzero(np.abs(heard.samples[:, 0]) > 0.1)[0] / RATE
    assert loud < (0.001 if exact else 0.03)
    assert len(media.track(folder / name, 0.25).samples) == RATE // 4


def test_what_is_no_sound_is_refused_with_the_field(folder) -> None:
    for name, said in (("wide.png", "is a picture"), ("clip.webm", "has no sound")):
        with pytest.raises(InputError, match=said) as refused:
            track_of(Source(folder / name), 1.0)
        assert refused.value.field == "audio"


@pytest.mark.parametrize("closed", [False, True])
def test_a_short_sound_starts_over(closed) -> None:
    beat = np.zeros((RATE, 1), np.float32)
    beat[RATE // 2 : RATE // 2 + 100] = 0.5  # one beat a second, in its middle
    heard = laid_under(media.Sound(beat, RATE), 3.0, closed=closed).samples[:, 0]
    assert len(heard) == 3 * RATE
    begins = np.flatnonzero(np.diff((heard > 0.4).astype(int)) == 1) + 1
    assert begins.tolist() == [RATE // 2, 3 * RATE // 2, 5 * RATE // 2]


def test_a_long_sound_is_cut_and_fades_one_that_fits_is_kept() -> None:
    flat = np.full((2 * RATE, 2), 0.5, np.float32)
    heard = laid_under(media.Sound(flat, RATE), 1.5).samples
    assert heard.shape == (round(1.5 * RATE), 2)
    assert np.array_equal(heard[:RATE], flat[:RATE])
    assert heard[-1].max() == 0
    assert heard[-round(ENDS * RATE / 2)] == pytest.approx(0.25, abs=1e-3)
    assert np.array_equal(laid_under(media.Sound(flat, RATE), 2.0).samples, flat)


def test_a_loop_runs_into_its_own_beginning() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (2 * RATE, 1)).astype(np.float32)
    heard = laid_under(media.Sound(noise, RATE), 1.0, closed=True).samples
    end = heard[-round(0.005 * RATE) :, 0]
    assert np.abs(end).mean() > 0.04  # no silence at the seam
    assert not np.array_equal(heard[-5:], noise[RATE - 5 : RATE])  # mixed with what comes before


def test_a_loop_takes_its_sound_from_a_file_and_its_record_names_it(folder, tmp_path) -> None:
    result = kg.loop(folder / "clip.webm", seconds=2.5, audio=folder / "a.mp3", seed=1)
    out = tmp_path / "out.mp4"
    result.save(out)
    heard = media.sound(out)
    assert heard is not None and len(heard.samples) == round(2.5 * RATE)
    assert abs(loudest(heard.samples[RATE : 2 * RATE, 0]) - 441) < 2
    named = read(out).inputs["audio"]
    assert (named["name"], named["sha256"]) == ("a.mp3", sha256_of(folder / "a.mp3"))


def test_a_zoom_has_sound_under_it(folder, tmp_path) -> None:
    values = {"keep": [folder / "wide.png"] * 2, "seconds": 1.5, "fps": 8, "size": 32}
    settings = models.settings_of("zoom", values | {"audio": folder / "a.wav"})
    assert isinstance(settings, FromOwnPictures)
    request = Request(settings, ".mp4")
    result = finished(models.model_of(settings).make(request, 0))
    result.save(tmp_path / "zoom.mp4")
    heard = media.sound(tmp_path / "zoom.mp4")
    assert heard is not None and len(heard.samples) == round(1.5 * RATE)
    assert abs(loudest(heard.samples[:RATE, 0]) - 441) < 2


@pytest.mark.parametrize("form", [".gif", ".html"])
def test_an_output_without_sound_refuses_it(folder, form) -> None:
    settings = models.settings_of("loop", {"clip": folder / "clip.webm", "audio": folder / "a.wav"})
    with pytest.raises(InputError, match=r"use .mp4 or .webm"):
        finished(models.model_of(settings).make(Request(settings, form), 0))
    with pytest.raises(InputError, match="silent"):
        models.settings_of(
            "loop", {"clip": folder / "clip.webm", "audio": folder / "a.wav", "for_": "emoji"}
        )
