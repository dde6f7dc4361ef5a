"""Files that fit: sizes, rates, bytes and what chats take, on everything that writes a clip."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from kineograph import api, media, record
from kineograph.cli import main
from kineograph.families.video_texture.settings import VideoTexture
from kineograph.media import video
from kineograph.media.formats import FORMATS
from kineograph.media.shaping import Film, laid, placed, shaped
from kineograph.products import ClipProduct, FilmProduct
from kineograph.values.clip import from_bytes, to_bytes
from kineograph.values.errors import InputError, LimitError, MissingError
from kineograph.values.output import PRESETS, Shape
from kineograph.values.progress import last
from media_samples import disc


def noisy(frames=30, size=(64, 48), alpha=False, fps=30.0):
    """A clip that is hard to keep small: a picture that shakes."""
    rng = np.random.default_rng(0)
    width, height = size
    ground = rng.integers(0, 256, (height + 9, width + 9, 3), dtype=np.uint8)
    made = np.stack([ground[k % 7 : k % 7 + height, k % 5 : k % 5 + width] for k in range(frames)])
    if alpha:
        y, x = np.mgrid[:height, :width]
        inside = 255 * (np.hypot(x - width / 2, y - height / 2) < height / 3)
        made = np.concatenate([made, np.broadcast_to(inside[..., None], (*made.shape[:3], 1))], 3)
    return from_bytes(made.astype(np.uint8), fps)


def film(clip):
    return ClipProduct(clip).film


# -- sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "asked", "fit", "inner", "outer", "at"),
    [
        ((64, 48), "32", "pad", (32, 24), (32, 24), (0, 0)),
        ((48, 64), "32", "pad", (24, 32), (24, 32), (0, 0)),
        ((64, 48), "32x32", "pad", (32, 24), (32, 32), (0, 4)),
        ((64, 48), "32x32", "crop", (43, 32), (32, 32), (-6, 0)),
        ((64, 48), "32x32", "stretch", (32, 32), (32, 32), (0, 0)),
        ((64, 48), "128x96", "pad", (128, 96), (128, 96), (0, 0)),
        ((64, 48), "90x160", "pad", (90, 68), (90, 160), (0, 46)),
        ((1920, 1080), "1080x1920", "crop", (3413, 1920), (1080, 1920), (-1167, 0)),
    ],
)
def test_a_size_is_met_by_borders_a_cut_or_stretching(size, asked, fit, inner, outer, at):
    found = placed(size, Shape(asked, fit))
    assert (found.inner, found.outer, (found.left, found.top)) == (inner, outer, at)
    frame = np.full((size[1], size[0], 4), 255, np.uint8)
    made = laid(frame, found)
    assert made.shape == (outer[1], outer[0], 4)
    seen = made[..., 3] > 127
    assert seen.sum() == min(inner[0], outer[0]) * min(inner[1], outer[1])


@pytest.mark.parametrize(("fit", "size"), [("pad", (64, 48)), ("crop", (62, 46))])
def test_odd_sides_get_a_row_more_or_fewer_where_the_format_wants_even_ones(fit, size):
    clip = disc(2, (63, 47))
    made, notes = shaped(film(clip), Shape(fit=fit), FORMATS[".mp4"])
    assert made.size == size and notes == [f"63x47 becomes {size[0]}x{size[1]}"]
    frame = next(made.frames())
    width, height = min(size[0], 63), min(size[1], 47)
    assert np.array_equal(frame[:height, :width], to_bytes(clip)[0][:height, :width])
    assert np.array_equal(frame[-1, 0], to_bytes(clip)[0][height - 1, 0])
    assert shaped(film(clip), Shape(), FORMATS[".gif"])[1] == []


def test_transparent_colours_do_not_bleed_into_a_smaller_picture():
    frame = np.zeros((64, 64, 4), np.uint8)
    frame[..., 0] = 255
    frame[:, :32] = (0, 255, 0, 255)
    made = laid(frame, placed((64, 64), Shape("16")))
    assert made[made[..., 3] > 8][:, 0].max() < 10


# -- rates and lengths -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "form", "wanted"), [(60, ".gif", 30), (100, ".webp", 50), (50, ".gif", 50)]
)
def test_a_rate_that_a_format_does_not_show_is_divided(own, form, wanted):
    made, notes = shaped(film(noisy(30, fps=own)), Shape(), FORMATS[form])
    assert made.fps == wanted and made.count == round(30 * wanted / own)
    assert len(list(made.frames())) == made.count
    assert bool(notes) == (wanted != own)


@pytest.mark.parametrize("fps", [8, 12.5, 15, 24, 30, 60])
def test_frames_are_dropped_and_repeated_at_the_right_moments(fps):
    frames = np.arange(30, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    made, _ = shaped(film(from_bytes(frames, 30)), Shape(fps=fps), None)
    shown = [int(frame[0, 0, 0]) for frame in made.frames()]
    assert len(shown) == made.count == round(fps)
    assert shown == [int(30 * k / fps + 1e-9) for k in range(made.count)]


def test_sound_is_cut_with_its_frames():
    sound = media.Sound(np.zeros((48_000, 1), np.float32), 48_000)
    clip = film(noisy(30))
    whole = Film(clip.frames, 30, 30.0, clip.size, sound=sound)
    made, notes = shaped(whole, Shape(seconds=0.5), FORMATS[".mp4"])
    assert (made.count, len(made.sound.samples)) == (15, 24_000)
    assert "cut to its first 0.5" in notes[0]
    assert shaped(whole, Shape(silent=True), FORMATS[".mp4"])[0].sound is None


# -- bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp", "a.apng"])
def test_a_file_has_no_more_bytes_than_are_allowed(tmp_path, name):
    clip = noisy(12)
    plain, small = tmp_path / f"plain-{name}", tmp_path / name
    last(ClipProduct(clip).written(plain, None))
    most = plain.stat().st_size // 3
    notes = last(ClipProduct(clip, Shape(most_bytes=most)).written(small, {"seed": 7}))
    assert 0.3 * most < small.stat().st_size <= most
    assert f"of at most {most:,} bytes" in notes[-1]
    assert media.note(small) == {"seed": 7}
    assert media.read(small).seconds == pytest.approx(clip.seconds, abs=0.13)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_what_fits_stays_as_it_is_and_what_cannot_is_told(tmp_path):
    clip = disc(3)
    one, other = tmp_path / "a.webp", tmp_path / "b.webp"
    last(ClipProduct(clip).written(one, None))
    last(ClipProduct(clip, Shape(most_bytes=10**6)).written(other, None))
    assert one.read_bytes() == other.read_bytes()
    with pytest.raises(LimitError, match="max_bytes"):
        last(ClipProduct(noisy(4), Shape(most_bytes=100)).written(tmp_path / "c.gif", None))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.webp", "b.webp"]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_meets_what_the_chat_takes(tmp_path, name, alpha):
    preset = PRESETS[name]
    clip = from_bytes(to_bytes(disc(100, (96, 64), alpha)), 30.0)
    shape = VideoTexture(clip="x.mp4", for_=name).shape
    out = tmp_path / f"out{preset.suffix}"
    if name in ("square", "portrait"):
        clip = clip[:6]
    last(ClipProduct(clip, shape).written(out, None))
    info = media.probe(out)
    wanted = {"512": (512, 341)}.get(preset.size) or tuple(map(int, preset.size.split("x")))
    assert (info.width, info.height) == wanted
    assert info.fps <= preset.fps + 0.1
    assert not preset.seconds or info.seconds <= preset.seconds + 0.01
    assert not preset.most_bytes or out.stat().st_size <= preset.most_bytes
    if name.startswith("sticker"):
        assert info.alpha or not alpha
    if preset.suffix == ".webm":
        told = subprocess.run([video.ffmpeg(), "-i", out], capture_output=True, text=True).stderr
        assert "vp9" in told and "Audio" not in told
        assert not alpha or "alpha_mode" in told.lower()


# -- through the doors -----------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path):
    frames = [Image.fromarray(frame) for frame in to_bytes(noisy(24, (63, 47)))]
    path = tmp_path / "phone.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=20, loop=0)
    return path


def run(*words):
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    return left.value.code


def test_a_loop_is_made_as_asked_recorded_and_made_again(source, tmp_path, capsys):
    out = tmp_path / "loop.webp"
    how = ["--size", "40x40", "--fit", "crop", "--fps", 10, "--max-bytes", "9k", "--seed", 3]
    assert run("loop", source, *how, "-o", out) == 0
    told = capsys.readouterr().err
    assert "63x47 becomes 40x40" in told and "50 frames a second become 10" in told
    info = media.probe(out)
    assert (info.width, info.height, info.fps) == (40, 40, 10)
    assert out.stat().st_size <= 9000
    kept = record.read(out).settings
    assert (kept["size"], kept["fit"], kept["max_bytes"]) == ("40x40", "crop", 9000)
    assert run("rerun", out, "-o", tmp_path / "again.webp") == 0
    assert (tmp_path / "again.webp").read_bytes() == out.read_bytes()


def test_a_loop_meets_a_preset_and_refuses_another_suffix(source, tmp_path, capsys):
    assert run("loop", source, "--for", "emoji", "-o", tmp_path / "a.webp", "--seed", 1) == 2
    assert "--for: 'emoji' takes a .gif" in capsys.readouterr().err
    assert run("loop", source, "--for", "emoji", "-o", tmp_path / "a.gif", "--seed", 1) == 0
    info = media.probe(tmp_path / "a.gif")
    assert (info.width, info.height) == (128, 128) and info.fps <= 25
    assert run("loop", source, "--for", "emoji", "--size", 64, "-o", tmp_path / "b.gif") == 2


def test_a_forecast_tells_the_bytes_of_what_is_asked(source, tmp_path, capsys):
    import json

    def forecast(*words):
        assert run("loop", source, *words, "-o", tmp_path / "a.gif", "--dry-run", "--json") == 0
        return json.loads(capsys.readouterr().out)["file"]

    whole = forecast()
    assert forecast("--size", 32) < 0.4 * whole
    assert forecast("--fps", 10) < 0.4 * whole
    assert forecast("--max-bytes", "3k") == 3000


def test_values_in_memory_have_the_size_that_is_asked_for(source):
    clip = api.loop(str(source), size=32, fps=25, seed=1).value
    assert tuple(clip.frames.shape[-2:]) == (24, 32) and clip.fps == 25


@pytest.mark.parametrize("given", ["lots", "3 bananas", "-5"])
def test_a_limit_that_is_no_size_is_refused(given):
    with pytest.raises(InputError, match="max_bytes"):
        VideoTexture(clip="a.gif", max_bytes=given)


def test_a_missing_encoder_is_told_before_the_work(source, tmp_path, monkeypatch, capsys):
    def missing():
        raise MissingError("ffmpeg is not installed")

    monkeypatch.setattr(video, "ffmpeg", missing)
    from kineograph import models

    monkeypatch.setattr(models, "model_of", lambda settings: pytest.fail("work was begun"))
    assert run("loop", source, "-o", tmp_path / "a.mp4", "--seed", 1) == 3
    assert "ffmpeg is not installed" in capsys.readouterr().err


def test_films_are_shaped_like_clips():
    made = FilmProduct(lambda: iter(to_bytes(noisy(10))), 10, 30.0, (64, 48), shape=Shape("32"))
    assert made.value().frames.shape == (10, 3, 24, 32)
