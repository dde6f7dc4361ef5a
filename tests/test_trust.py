"""Honest labels: source type in every format, watermark, manifest, and the report of them."""

from __future__ import annotations

import io
import json
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from kineograph import cli, media, record
from kineograph.families.texture.settings import Grow
from kineograph.products import ClipProduct
from kineograph.trust import watermark
from kineograph.trust.source import ALGORITHMIC, COMPOSITE, TRAINED, named_in, source_type
from kineograph.trust.verify import report
from kineograph.values.clip import from_bytes
from kineograph.values.errors import InputError
from kineograph.values.progress import last
from kineograph.values.request import About
from kineograph.values.source import Source

FORMATS = (".png", ".jpg", ".webp", ".gif", ".apng", ".mp4", ".webm", "")
NOTE = {
    "kineograph": "0.2.0", "record": 1, "verb": "image", "form": ".png", "settings": {},
    "seed": 1, "inputs": {}, "status": "complete", "source": TRAINED, "mark": True,
}  # fmt: skip


def drawn(count: int = 4, side: int = 96, alpha: bool = False) -> np.ndarray:
    """A disc that moves over a shaded ground, (T, H, W, C) uint8."""
    y, x = np.mgrid[:side, :side]
    frames = []
    for t in range(count):
        ground = np.stack([80 + x * 0.8, 90 + y * 0.6, 120 + 0 * x], -1)
        inside = np.hypot(y - side / 2, x - side / 2 - 4 * t) < side / 3
        ground[inside] = [210, 90, 60]
        if alpha:
            ground = np.concatenate([ground, np.where(inside, 255, 0)[..., None]], -1)
        frames.append(ground.clip(0, 255).astype(np.uint8))
    return np.stack(frames)


def run(capsys, *words):
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    said = capsys.readouterr()
    return left.value.code or 0, said.out, said.err


# -- the source type -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_names_the_source_type_and_reads_back_as_before(suffix, tmp_path):
    moving = suffix not in (".png", ".jpg")
    frames = drawn(4 if moving else 1)
    path = tmp_path / f"x{suffix}"
    media.save(from_bytes(frames), path, note=NOTE)
    assert named_in(path) == TRAINED
    assert media.note(path) == NOTE
    assert media.probe(path).frames == len(frames)
    plain = tmp_path / f"y{suffix}"
    media.save(from_bytes(frames), plain, note={"seed": 1})
    assert named_in(plain) == ""
    both = [media.read(one).frames for one in (path, plain)]
    assert (both[0] == both[1]).all()


def test_another_program_reads_the_source_type(tmp_path):
    media.save(from_bytes(drawn(1)), tmp_path / "x.png", note=NOTE)
    with Image.open(tmp_path / "x.png") as image:
        assert TRAINED in image.info["XML:com.adobe.xmp"]
    for suffix in (".jpg", ".webp"):
        media.save(from_bytes(drawn(1)), tmp_path / f"x{suffix}", note=NOTE)
        with Image.open(tmp_path / f"x{suffix}") as image:
            assert TRAINED in str(image.info["xmp"])


def test_the_term_follows_from_model_and_inputs(tmp_path):
    media.save(from_bytes(drawn(1)), tmp_path / "learned.png", note=NOTE)
    media.save(from_bytes(drawn(1)), tmp_path / "photo.png")
    of_photo = Grow(sample=(Source(tmp_path / "photo.png"),))
    of_learned = Grow(sample=(Source(tmp_path / "learned.png"),))
    assert source_type(About(""), of_photo) == ALGORITHMIC
    assert source_type(About(""), of_learned) == COMPOSITE  # a sign is passed on
    assert source_type(About("stickers"), of_photo) == COMPOSITE
    from kineograph.families.text_to_video.settings import TextToVideo

    assert source_type(About("stickers"), TextToVideo(text="a cat")) == TRAINED


# -- the watermark ---------------------------------------------------------------------------------


def test_a_mark_is_found_where_it_is_and_not_where_it_is_not():
    frames = drawn()
    marked = [watermark.marked(frame) for frame in frames]
    found = watermark.detected(marked)
    assert found.there and found.score > 2 * found.threshold
    assert not watermark.detected(frames).there
    error = np.mean((frames.astype(float) - np.stack(marked)) ** 2)
    assert 10 * np.log10(255**2 / error) >= 42


@pytest.mark.parametrize("harm", ["half", "twice", "crop", "jpeg", ".gif", ".mp4", ".webm"])
def test_a_mark_of_128_pixels_outlives_what_people_do_to_files(harm, tmp_path):
    marked = [watermark.marked(frame) for frame in drawn(6, 128)]
    if harm in ("half", "twice"):
        side = 64 if harm == "half" else 256
        marked = [np.asarray(Image.fromarray(one).resize((side, side), 2)) for one in marked]
    elif harm == "crop":
        marked = [one[3:-4, 4:-3] for one in marked]
    elif harm == "jpeg":
        file = io.BytesIO()
        Image.fromarray(marked[0]).save(file, "JPEG", quality=60)
        marked = [np.asarray(Image.open(file))]
    else:
        media.save(from_bytes(np.stack(marked)), tmp_path / f"x{harm}")
        marked = list(media.stream(tmp_path / f"x{harm}"))
    assert watermark.detected(marked).there


def test_what_is_transparent_stays_exactly_as_it_is():
    for frame in drawn(2, alpha=True):
        marked = watermark.marked(frame)
        clear = frame[..., 3] == 0
        assert (marked[..., 3] == frame[..., 3]).all()
        assert (marked[clear] == frame[clear]).all()
        assert (marked[~clear] != frame[~clear]).any()
    assert watermark.detected([watermark.marked(frame) for frame in drawn(6, 128, True)]).there


def test_the_threshold_is_hoeffdings_and_noise_stays_under_it():
    rng = np.random.default_rng(5)
    scores = []
    for _ in range(25):
        frame = rng.integers(0, 256, (48, 64, 3), np.uint8)
        found = watermark.detected([frame])
        assert not found.there
        scores.append(watermark._score(watermark.luma(frame)))
    assert abs(np.mean(scores)) < 0.7 and 0.6 < np.std(scores) < 1.4  # deviations of chance
    assert 2 * np.exp(-(watermark._threshold(1) ** 2) / 2) == pytest.approx(watermark.FALSE)


def test_frames_too_small_or_of_one_colour_break_nothing():
    for shape in ((8, 8, 3), (16, 200, 3), (1, 1, 4), (300, 17, 4)):
        frame = np.full(shape, 255, np.uint8)
        assert watermark.marked(frame).shape == shape
        assert not watermark.detected([frame]).there
    assert not watermark.detected([]).there


def test_the_mark_is_weaker_on_plain_places_than_in_texture():
    rng = np.random.default_rng(3)
    frame = np.full((128, 128, 3), 128, np.uint8)
    frame[:, 64:] = rng.integers(90, 166, (128, 64, 1))
    plain, texture = (
        np.abs(watermark.marked(frame)[:, part].astype(int) - frame[:, part]).mean()
        for part in (slice(0, 56), slice(72, 128))
    )
    assert plain < 0.5 * texture
    every = np.full((128, 128, 3), 128, np.uint8)
    change = watermark.marked(every).astype(int) - every
    assert 0 < change.std() < 0.6 * watermark.STRENGTH


@pytest.mark.parametrize("reach", [1, 3])
def test_the_mean_around_a_pixel_is_that_of_its_square(reach):
    shown = np.random.default_rng(0).normal(size=(12, 17))
    wide, side = np.pad(shown, reach, mode="edge"), 2 * reach + 1
    means = np.lib.stride_tricks.sliding_window_view(wide, (side, side)).mean((2, 3))
    np.testing.assert_allclose(watermark._around(shown, reach), means)


def test_products_are_marked_when_their_record_says_so(tmp_path):
    clip = from_bytes(drawn())
    for mark in (True, False):
        last(ClipProduct(clip).written(tmp_path / "x.apng", NOTE | {"mark": mark}))
        assert watermark.detected(media.stream(tmp_path / "x.apng")).there == mark


def test_a_learned_picture_is_marked_by_default_and_the_record_keeps_when_it_is_not(
    tmp_path, capsys
):
    words = ["image", "a cat", "--by", "tokens", "--candidates", 1, "--seed", 1]
    marked, plain, bare = (tmp_path / f"{name}.png" for name in ("marked", "plain", "bare"))
    assert run(capsys, *words, "-o", marked)[0] == 0
    assert run(capsys, *words, "--unmarked", "-o", plain)[0] == 0
    assert run(capsys, *words, "--no-record", "-o", bare)[0] == 0
    assert [report(path).mark.found for path in (marked, plain, bare)] == [True, False, True]
    assert record.read(plain).settings["unmarked"] is True
    assert record.read(plain).whole["mark"] is False
    assert set(media.note(bare)) == {"kineograph", "source", "mark", "label"}
    with pytest.raises(InputError, match="label alone"):
        record.read(bare)
    code, out, _ = run(capsys, "rerun", marked, "-o", tmp_path / "again.png", "--json")
    assert code == 0 and json.loads(out)["same"] is True


# -- the report ------------------------------------------------------------------------------------


def test_a_report_says_what_is_there_and_never_that_a_file_is_authentic(tmp_path, capsys):
    media.save(from_bytes(drawn(1)), tmp_path / "photo.png")
    code, out, _ = run(capsys, "verify", tmp_path / "photo.png")
    assert code == 0 and "no sign of it" in out and "authentic" not in out
    (tmp_path / "text.md").write_text("a text of anybody's")
    code, out, _ = run(capsys, "verify", tmp_path / "text.md", "--json")
    assert code == 0 and json.loads(out)["mark"] is None
    assert run(capsys, "verify", tmp_path / "none.png")[0] == 2


def test_hashes_that_do_not_hold_are_1(tmp_path, capsys):
    (tmp_path / "in.png").write_bytes(b"x")
    inputs = {"sample.0": {"name": "in.png", "sha256": Source(tmp_path / "in.png").sha256()}}
    weights = {"name": "stickers", "weights": {"base.safetensors": "0" * 64}}
    media.save(from_bytes(drawn(1)), tmp_path / "x.png", note=NOTE | {"inputs": inputs})
    assert run(capsys, "verify", tmp_path / "x.png")[0] == 0
    (tmp_path / "in.png").write_bytes(b"y")
    code, out, _ = run(capsys, "verify", tmp_path / "x.png")
    assert code == 1 and "input sample.0 has another hash" in out
    media.save(from_bytes(drawn(1)), tmp_path / "y.png", note=NOTE | {"model": weights})
    code, out, _ = run(capsys, "verify", tmp_path / "y.png")
    assert code == 1 and "weights base.safetensors are not those" in out


def test_a_hostile_record_breaks_no_report(tmp_path, capsys):
    hostile = {"verb": "\x1b[31m", "inputs": {"a": {"name": "../../x", "sha256": "0" * 64}}}
    media.save(from_bytes(drawn(1)), tmp_path / "x.png", note=NOTE | hostile)
    code, out, _ = run(capsys, "verify", tmp_path / "x.png")
    assert code == 0 and "\x1b" not in out and "absent" in out


@pytest.mark.skipif(not (find_spec("c2pa") and find_spec("cryptography")), reason="no extra")
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_a_signed_file_holds_until_a_byte_changes(suffix, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    media.save(from_bytes(drawn(1, 32)), tmp_path / "brick.png")
    out = tmp_path / f"x{suffix}"
    words = ["texture", "grow", tmp_path / "brick.png", "--size", "24x24", "--seed", 1, "-o", out]
    assert run(capsys, *words, "--no-manifest")[0] == 0
    bare = out.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("x*")) == [out.name]
    assert "no C2PA manifest" in run(capsys, "verify", out)[1]

    assert run(capsys, *words, "--force")[0] == 0  # unasked, where the extra is installed
    assert out.read_bytes() == bare  # the manifest lies beside it
    assert not (tmp_path / "config").exists()  # its key was thrown away
    code, said, _ = run(capsys, "verify", out)
    assert code == 0 and "proves integrity, not identity" in said
    first = out.with_name(f"{out.name}.c2pa").read_bytes()
    code, said, _ = run(capsys, "rerun", out, "-o", tmp_path / f"y{suffix}", "--json")
    assert code == 0 and json.loads(said)["same"] is True
    second = (tmp_path / f"y{suffix}.c2pa").read_bytes()
    assert not _certificates(first) & _certificates(second)  # nobody is known by two files

    assert run(capsys, *words, "--sign", "--force")[0] == 0
    assert out.read_bytes() == bare
    assert (tmp_path / "config" / "kineograph" / "signing.pem").stat().st_mode & 0o077 == 0
    code, said, _ = run(capsys, "verify", out)
    assert code == 0 and "proves integrity, not identity" in said
    harmed = bytearray(bare)
    harmed[-20] ^= 1
    out.write_bytes(harmed)
    code, said, _ = run(capsys, "verify", out)
    assert code == 1 and "does not hold" in said
    assert run(capsys, *words, "--force", "--no-manifest")[0] == 0  # replaced, not signed
    assert sorted(path.name for path in tmp_path.glob("x*")) == [out.name]


def _certificates(manifest: bytes) -> set[bytes]:
    """The certificates in a manifest: what begins as a sequence of their usual length does."""
    starts = [at for at in range(len(manifest)) if manifest[at : at + 2] == b"\x30\x82"]
    lengths = [int.from_bytes(manifest[at + 2 : at + 4], "big") for at in starts]
    found = {
        manifest[at : at + 4 + n] for at, n in zip(starts, lengths, strict=True) if 300 < n < 900
    }
    assert found
    return found


def test_a_manifest_is_not_asked_for_and_refused_at_once(tmp_path, capsys):
    media.save(from_bytes(drawn(1, 32)), tmp_path / "brick.png")
    words = ["texture", "grow", tmp_path / "brick.png", "--size", "16x16", "-o", tmp_path / "x.png"]
    code, _, err = run(capsys, *words, "--sign", "--no-manifest")
    assert code == 2 and "--no-manifest" in err


def test_a_signature_goes_with_the_file_that_it_was_of(tmp_path):
    """By whatever door the file is replaced; what else is named so stays."""
    for name in ("x.png.c2pa", "y.png.c2pa", "x.c2pa"):
        (tmp_path / name).write_bytes(b"of another file")
    media.save(from_bytes(drawn(1, 16)), tmp_path / "x.png")
    (tmp_path / "z.png.c2pa").mkdir()
    media.save(from_bytes(drawn(1, 16)), tmp_path / "z.png")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["x.c2pa", "x.png", "y.png.c2pa", "z.png", "z.png.c2pa"]


def test_without_the_extra_signing_says_what_to_install(tmp_path, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "c2pa", None)
    media.save(from_bytes(drawn(1, 32)), tmp_path / "brick.png")
    out = tmp_path / "x.png"
    words = ["texture", "grow", tmp_path / "brick.png", "--size", "16x16", "-o", out, "--sign"]
    code, _, err = run(capsys, *words)
    assert code == 3 and "kineograph[provenance]" in err
    assert run(capsys, *words[:-1], "--force")[0] == 0  # unasked, none is written
    assert not (tmp_path / "x.png.c2pa").exists()


def test_ffmpeg_still_plays_what_carries_the_source_type(tmp_path):
    from kineograph.media.video import ffmpeg

    for suffix in (".mp4", ".webm", ".gif"):
        media.save(from_bytes(drawn()), tmp_path / f"x{suffix}", note=NOTE)
        command = [ffmpeg(), "-v", "error", "-i", str(tmp_path / f"x{suffix}"), "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
