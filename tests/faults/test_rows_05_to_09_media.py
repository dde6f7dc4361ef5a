"""Rows 5 to 9: bombs, wrong content, cut files, hostile videos, decoders that die or hang."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest

from kineograph import media
from kineograph.media.formats import Limits
from kineograph.media.notes import png_chunk
from kineograph.values.clip import from_bytes
from kineograph.values.errors import InputError

HEAD = b"\x89PNG\r\n\x1a\n"


def png_of(width: int, height: int, *more: bytes) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return HEAD + png_chunk(b"IHDR", body) + b"".join(more) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["pixels", "frames", "text", "profile"])
def test_row_05_a_bomb_is_refused_before_it_is_decoded(kind, run, tmp_path):
    path = tmp_path / "bomb.png"
    squeezed = zlib.compress(bytes(2**28), 9)  # 256 MB in 260 KB
    if kind == "pixels":
        path.write_bytes(png_of(50_000, 50_000, png_chunk(b"IDAT", squeezed)))
    elif kind == "frames":
        control = struct.pack(">I4I2H2B", 0, 8, 8, 0, 0, 1, 10, 0, 0)
        many = [png_chunk(b"fcTL", control)] * 30_000
        path.write_bytes(png_of(8, 8, png_chunk(b"acTL", struct.pack(">II", 10**6, 0)), *many))
    elif kind == "text":
        body = zlib.compress(bytes(8 * 25), 9)
        path.write_bytes(
            png_of(8, 8, png_chunk(b"zTXt", b"a\0\0" + squeezed), png_chunk(b"IDAT", body))
        )
    else:
        body = zlib.compress(bytes(8 * 25), 9)
        path.write_bytes(
            png_of(8, 8, png_chunk(b"iCCP", b"a\0\0" + squeezed), png_chunk(b"IDAT", body))
        )
    ended = run("sheet", path, "-o", tmp_path / "sheet.png")
    if kind in ("text", "profile"):  # what is no pixel is not unpacked
        assert ended.code in (0, 2)
    else:
        assert ended.code == 4 and "the limit" in ended.err


@pytest.mark.parametrize(
    "content",
    [
        b"II*\x00" + bytes(99),
        b"%!PS-Adobe" + bytes(99),
        b"<svg xmlns=''></svg>",
        b"%PDF-1.7" + b" " * 99,
        b"SIMPLE  =" + bytes(99),
        b"<html><script>1</script></html>",
        b"MZ" + bytes(200),
    ],
)
def test_row_06_content_that_is_no_picture_is_named_and_refused(content, run, tmp_path):
    (tmp_path / "picture.png").write_bytes(content)
    ended = run("sheet", tmp_path / "picture.png", "-o", tmp_path / "sheet.png")
    assert ended.code == 2 and "picture.png" in ended.err
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".webp", ".mp4", ".webm", ".apng"])
def test_row_07_a_file_cut_short_is_told_and_an_empty_one_too(suffix, run, made, tmp_path):
    frames = np.random.default_rng(1).integers(0, 255, (4, 32, 32, 3), np.uint8)
    one = suffix in (".png", ".jpg")
    media.save(from_bytes(frames[:1] if one else frames), tmp_path / f"whole{suffix}")
    whole = (tmp_path / f"whole{suffix}").read_bytes()
    for share in (0.0, 0.3, 0.7):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(whole[: int(len(whole) * share)])
        ended = run("sheet", path, "-o", tmp_path / "sheet.png", "--force")
        assert ended.code == 2, ended.err
        assert "Error" not in ended.err and f"cut{suffix}" in ended.err


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "text", [PLAYLIST, "ffconcat version 1.0\nfile /etc/passwd\n", "subfile,,start,0,end,9,,:x"]
)
def test_row_08_a_playlist_named_as_a_video_opens_nothing(text, run, tmp_path):
    (tmp_path / "clip.mp4").write_text(text + "\n" * 64)
    ended = run("sheet", tmp_path / "clip.mp4", "-o", tmp_path / "sheet.png")
    assert ended.code == 2 and "root:" not in ended.err


@pytest.mark.parametrize("frames", [0, 1])
@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_row_08_videos_of_one_frame_or_of_sound_alone(kind, frames, run, tmp_path):
    path = tmp_path / f"clip.{kind}"
    if frames:
        media.save(from_bytes(np.zeros((1, 16, 16, 3), np.uint8)), path)
        assert run("sheet", path, "-o", tmp_path / "sheet.png").code == 0
        return
    from kineograph.media.video import ffmpeg

    codec = "aac" if kind == "mp4" else "libopus"
    os.spawnv(
        os.P_WAIT,
        ffmpeg(),
        [ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", codec, str(path)],
    )
    ended = run("sheet", path, "-o", tmp_path / "sheet.png")
    assert ended.code == 2 and "has no video stream" in ended.err


@pytest.mark.parametrize("fate", ["kill -SEGV $$", "sleep 60", "exit 0", "echo hello", "exit 3"])
def test_row_09_a_decoder_that_dies_or_hangs_is_told(fate, tmp_path, monkeypatch):
    media.save(from_bytes(np.zeros((2, 16, 16, 3), np.uint8)), tmp_path / "clip.mp4")
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{fate}\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    monkeypatch.setattr("kineograph.media.video.ffmpeg", lambda: str(program))
    with pytest.raises(InputError, match=r"clip\.mp4"):
        media.read(tmp_path / "clip.mp4", Limits(wait=0.5))
    monkeypatch.undo()
    assert len(media.read(tmp_path / "clip.mp4")) == 2  # the next one is well


def test_a_length_past_what_a_file_system_can_hold_is_a_cut_file(tmp_path):
    """ext4 refuses a seek past 16 TiB by OSError; a WebM may name 64 PiB."""
    path = tmp_path / "x.webm"
    path.write_bytes(b"\x1a\x45\xdf\xa3\x01" + b"\xf0" * 7 + b"\0" * 40)
    for read in (media.read, media.probe):
        with pytest.raises(InputError, match="cut"):
            read(path)
