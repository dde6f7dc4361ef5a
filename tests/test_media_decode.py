"""Reading: every kind of picture and video, and every kind of hostile file."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kineograph import media
from kineograph.media import decode, sniff
from kineograph.media.child import Child, ChildError
from kineograph.values.errors import InputError, LimitError
from media_samples import ALL, clip_for, disc, tool

# -- pictures of every kind ------------------------------------------------------------------------


def test_a_photograph_is_turned_upright(tmp_path):
    image = Image.fromarray(np.tile(np.uint8([[[250, 0, 0]], [[0, 0, 250]]]), (8, 32, 1))[:16])
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    info = media.probe(tmp_path / "a.jpg")
    assert (info.width, info.height) == (16, 32)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 100, (100, 100, 100)),
        ("LA", (100, 50), (100, 100, 100, 50)),
        ("P", 7, (7, 7, 7)),
        ("RGBA", (9, 8, 7, 6), (9, 8, 7, 6)),
        ("I;16", 25_700, (100, 100, 100)),
    ],
)
def test_every_png_mode_becomes_eight_bits_of_colour(tmp_path, mode, value, expected):
    image = Image.new(mode, (4, 4), value)
    if mode == "P":
        image.putpalette([n for n in range(256) for _ in range(3)])
    image.save(tmp_path / "a.png")
    assert tuple(next(media.stream(tmp_path / "a.png"))[0, 0]) == expected


def test_transparent_palettes_and_cmyk_are_converted(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(tmp_path / "a.png", transparency=1)
    assert tuple(next(media.stream(tmp_path / "a.png"))[0, 0]) == (200, 100, 50, 0)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red = next(media.stream(tmp_path / "a.jpg"))[0, 0]
    assert red[0] > 240 and red[1] < 20 and red[2] < 20


def test_a_folder_is_read_in_the_order_people_count(tmp_path):
    for number in (10, 9, 1):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    assert [f[0, 0, 0] for f in media.stream(tmp_path)] == [1, 9, 10]
    assert media.read(tmp_path).fps == 8.0


def test_videos_are_turned_upright_and_single_frames_are_clips(tmp_path):
    path = media.save(disc(3), tmp_path / "a.mp4")
    tool("-display_rotation", 90, "-i", path, "-c", "copy", tmp_path / "turned.mp4")
    info = media.probe(tmp_path / "turned.mp4")
    assert (info.width, info.height) == (32, 48)
    assert len(media.read(media.save(disc(1), tmp_path / "one.mp4"))) == 1


# -- hostile files ---------------------------------------------------------------------------------


def png_declaring(width: int, height: int) -> bytes:
    from kineograph.media.notes import png_chunk

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    parts = (b"IHDR", size + b"\x08\x02\0\0\0"), (b"IDAT", b"\0" * 60_000), (b"IEND", b"")
    return sniff.PNG_MAGIC + b"".join(png_chunk(*part) for part in parts)


def gif_of(frames: int) -> bytes:
    one = b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0" + b"\0\0\0\xff\xff\xff" + one * frames + b"\x3b"


HOSTILE = {
    "bomb.png": (png_declaring(50_000, 50_000), r"50,000×50,000.*limit \(side\) is 16,384"),
    "wide.png": (png_declaring(10_000, 10_000), r"limit \(pixels\) is 40,000,000"),
    "lie.png": (png_declaring(100, 100), "could not be decoded|cut short"),
    "none.png": (png_declaring(0, 5), "no size"),
    "long.gif": (gif_of(20_001), r"more than 20,000 frames, the limit \(frames\)"),
    "empty.png": (b"", "empty"),
    "short.png": (b"\x89PNG", "cut short at byte 4"),
    "tiff.png": (b"II*\0" + b"\0" * 100, "is a TIFF"),
    "svg.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG"),
    "xml.png": (b"\xef\xbb\xbf\n <?xml version='1.0'?><svg/>", "is an XML"),
    "pdf.png": (b"%PDF-1.7 and so on", "is a PDF"),
    "eps.png": (b"%!PS-Adobe-3.0 and so on", "is a PostScript"),
    "heic.mp4": (b"\0\0\0\x18ftypheic" + b"\0" * 50, "AVIF or HEIC"),
    "hls.mp4": (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n", "is a playlist"),
    "concat.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n", "is a playlist"),
    "subfile.mp4": (b"subfile,,start,0,end,9,,:/etc/passwd", "not a picture or a video"),
    "inside.mp4": (
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x16moov#EXTM3U\n/etc/x",
        "could not be decoded|no video",
    ),
    "noindex.mp4": (b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x10mdat12345678", "cut short"),
    "box.mp4": (b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\2moov1234", "damaged"),
    "big.webm": (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x08\xff\xff\xff\xff", "cut short"),
    "junk.webm": (
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x84junk",
        "could not be decoded|cut short",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words(tmp_path, name):
    data, words = HOSTILE[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises((InputError, LimitError), match=words) as caught:
        media.read(tmp_path / name)
    assert caught.value.exit_code == (4 if "limit" in words else 2)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ALL[:-1])
def test_a_file_cut_anywhere_is_told_as_cut(tmp_path, name):
    whole = media.save(clip_for(name), tmp_path / name).read_bytes()
    for share in (0.3, 0.7, 0.98):
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match="cut short"):
            media.read(tmp_path / name)


@pytest.mark.parametrize("name", ALL[:-1])
def test_no_damage_escapes_the_header_reader(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("fuzz") / name
    whole = media.save(clip_for(name), path, {"seed": 1}).read_bytes()

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=9))
    def damaged(changes):
        data = bytearray(whole)
        for at, value in changes:
            data[at] = value
        path.write_bytes(data)
        try:
            with sniff.opened(path, media.LIMITS) as file:
                sniff.header_of(path, file, media.LIMITS)
            if name not in ("out.mp4", "out.webm"):
                media.note(path)
        except (InputError, LimitError):
            pass

    damaged()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (media.Limits(file_bytes=100), "bytes, the limit is 100"),
        (media.Limits(side=40), r"48×32.*\(side\) is 40"),
        (media.Limits(pixels=1000), r"48×32.*\(pixels\) is 1,000"),
        (media.Limits(frames=5), r"more than 5 frames.*\(frames\)"),
        (media.Limits(seconds=0.5), r"seconds.*limit"),
        (media.Limits(clip_bytes=50_000), r"6 frames of 48×32.*\(clip_bytes\)"),
    ],
)
@pytest.mark.parametrize("name", ["out.webp", "out.mp4"])
def test_every_limit_is_named(tmp_path, name, limits, words):
    path = media.save(disc(), tmp_path / name)
    with pytest.raises(LimitError, match=words):
        media.read(path, limits)


def test_a_decoder_gets_no_more_memory_than_allowed(tmp_path):
    path = tmp_path / "large.png"
    Image.new("L", (6000, 6000)).save(path)
    with pytest.raises(LimitError, match="memory"):
        media.read(path, media.Limits(memory=150 * 2**20))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import time; time.sleep(60)", "no progress for 0.5 seconds"),
        ("import os; os.kill(os.getpid(), 11)", "died .signal 11"),
        ("print('P7 nonsense ENDHDR')", "form that was not asked for"),
        ("raise SystemExit(4)", "code 4"),
    ],
)
def test_a_decoder_that_hangs_dies_or_lies_is_stopped_and_told(
    tmp_path, monkeypatch, program, words
):
    path = media.save(disc(1), tmp_path / "a.png")
    monkeypatch.setattr(decode, "PICTURE_CHILD", (sys.executable, "-c", program))
    with pytest.raises(InputError, match=words):
        media.read(path, media.Limits(wait=0.5) if "sleep" in program else media.LIMITS)


def test_a_child_that_takes_nothing_is_stopped():
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"], wait=0.3)
    with pytest.raises(ChildError, match="took no frame"):
        child.write(bytes(2**20))
    child.close()
    child.close()


def test_videos_without_video_or_of_changing_size_are_refused(tmp_path):
    tool("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", tmp_path / "sound.mp4")
    with pytest.raises(InputError, match="no video stream"):
        media.read(tmp_path / "sound.mp4")
    joined = b""
    for size in ("64x64", "32x48"):
        source = f"testsrc=size={size}:rate=8:duration=1"
        tool("-f", "lavfi", "-i", source, "-c:v", "libx264", "-f", "h264", tmp_path / "part")
        joined += (tmp_path / "part").read_bytes()
    (tmp_path / "joined").write_bytes(joined)
    tool("-f", "h264", "-r", 8, "-i", tmp_path / "joined", "-c", "copy", tmp_path / "a.mp4")
    with pytest.raises(InputError, match="changes its size"):
        media.read(tmp_path / "a.mp4")


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        media.read(tmp_path)


def test_pictures_of_other_sizes_are_fitted_into_the_first(tmp_path):
    Image.new("RGB", (8, 4), (200, 0, 0)).save(tmp_path / "0.png")
    Image.new("RGB", (4, 4), (200, 0, 0)).save(tmp_path / "1.png")
    clip = media.read(tmp_path)
    assert clip.array().shape == (2, 4, 8, 3)
    assert clip.array()[1, 0, :, 0].tolist() == [0, 0, 200, 200, 200, 200, 0, 0]
    assert "2 sizes" in media.probe(tmp_path).changed[0]


def test_things_that_are_no_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, words in (
        ("pipe.mp4", "not a regular file"),
        ("gone.mp4", "cannot be read"),
        ("a\0b", "cannot"),
    ):
        with pytest.raises(InputError, match=words):
            media.probe(f"{tmp_path}/{name}")


def children():
    """Process ids of this process's children, ended but unclaimed ones too."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for one in lists for pid in one.read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are listed in /proc")
def test_stopping_early_leaves_no_decoder_behind(tmp_path):
    path = media.save(disc(40), tmp_path / "a.mp4")
    before = children()  # other tests' too, such as the resource tracker
    frames = media.stream(path)
    next(frames)
    assert children() > before
    frames.close()
    assert children() <= before
