"""Files <-> clips: what goes in comes out, in every format, with its recipe."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kineograph import media
from kineograph.media import formats
from kineograph.values.clip import from_bytes, to_bytes
from kineograph.values.errors import InputError
from media_samples import ALL, MOVING, NOTE, clip_for, content, disc, psnr, tool

# -- what goes in comes out ------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ["out.png", "out.apng", "out"])
def test_lossless_formats_give_back_the_same_bytes(tmp_path, name, alpha):
    clip = clip_for(name, alpha)
    path = media.save(clip, tmp_path / name)
    assert np.array_equal(to_bytes(media.read(path)), to_bytes(clip))


@pytest.mark.parametrize(
    ("name", "floor"),
    [("out.jpg", 40), ("out.webp", 36), ("out.gif", 30), ("out.mp4", 38), ("out.webm", 38)],
)
def test_lossy_formats_stay_close(tmp_path, name, floor):
    clip = clip_for(name)
    back = to_bytes(media.read(media.save(clip, tmp_path / name)))
    assert back.shape == to_bytes(clip).shape
    assert psnr(back, to_bytes(clip)) > floor  # dB; measured 46, 40, 33, 43, 42


@pytest.mark.parametrize(
    ("name", "exact"), [("out.webp", True), ("out.gif", True), ("out.webm", False)]
)
def test_alpha_is_kept_where_the_format_can_hold_it(tmp_path, name, exact):
    clip = clip_for(name, alpha=True)
    path = media.save(clip, tmp_path / name)
    before, after = to_bytes(clip), to_bytes(media.read(path))
    assert media.probe(path).alpha
    assert psnr(after[..., 3], before[..., 3]) > (99 if exact else 40)
    seen = before[..., 3] == 255
    assert psnr(after[seen][:, :3], before[seen][:, :3]) > 30


@pytest.mark.parametrize("name", ["out.jpg", "out.mp4"])
def test_formats_without_alpha_show_it_over_white(tmp_path, name):
    back = media.read(media.save(clip_for(name, alpha=True), tmp_path / name))
    assert back.frames.shape[1] == 3
    assert back.frames[0, :, 0, 0].min() > 0.97


def test_a_gif_of_few_colours_is_exact(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (255, 3), dtype=np.uint8)
    frames = colours[np.random.default_rng(1).integers(0, 255, (5, 24, 31))]
    path = media.save(from_bytes(frames), tmp_path / "pixels.gif")
    assert np.array_equal(to_bytes(media.read(path)), frames)


@pytest.mark.parametrize("fps", [8, 12.5, 24, 30000 / 1001, 50])
@pytest.mark.parametrize("name", MOVING)
def test_the_rate_comes_back(tmp_path, name, fps):
    path = tmp_path / name
    with media.writer(path, fps=fps, size=(16, 16)) as w:
        for shade in range(10):
            w.add(np.full((16, 16, 3), 20 * shade, np.uint8))
    info = media.probe(path)
    rounding = {"out.gif": 0.01, "out.webp": 0.001, "out.webm": 0.001}.get(
        name, 1e-6
    )  # of 10 frames
    assert info.frames == 10
    assert info.seconds == pytest.approx(10 / fps, abs=rounding)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 16), (33, 21)])
@pytest.mark.parametrize("name", ALL)
def test_small_and_odd_sizes_are_kept_or_refused_by_name(tmp_path, name, size):
    clip = disc(1 if name in ALL[:2] else 3, size)
    if name == "out.mp4" and size[0] % 2:
        with pytest.raises(InputError, match=r"odd side.*\.webm"):
            media.save(clip, tmp_path / name)
        return
    info = media.probe(media.save(clip, tmp_path / name))
    assert (info.width, info.height, info.frames) == (*size, len(clip))


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_the_same_clip_gives_the_same_bytes(tmp_path, name, alpha):
    clip, (one, two) = clip_for(name, alpha), (tmp_path / "1", tmp_path / "2")
    for folder in (one, two):
        folder.mkdir()
        media.save(clip, folder / name, NOTE)
    assert content(one / name) == content(two / name)


def test_frames_of_uneven_length_are_repeated(tmp_path):
    frames = [Image.new("RGB", (8, 8), (40 * n, 0, 0)) for n in range(4)]
    path = tmp_path / "held.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 100, 400, 100])
    info = media.probe(path)
    assert (info.frames, info.fps) == (7, 10.0)
    reds = [int(f[0, 0, 0]) for f in media.stream(path)]
    assert reds == [0, 40, 80, 80, 80, 80, 120]


@given(st.integers(1, 60), st.integers(1, 40), st.sampled_from([100, 1000]))
def test_rounded_clocks_read_back_the_rate(fps, frames, ticks):
    begins = [formats.tick_of(n, fps, ticks) for n in range(frames + 1)]
    lasts = [(b - a) * formats.SECOND // ticks for a, b in pairwise(begins)]
    if min(lasts) == 0:
        return
    rate, repeats = formats.steady(lasts, formats.SECOND // ticks)
    assert abs(frames / rate - frames / fps) <= 2 / ticks
    assert repeats == [1] * frames or ticks == 100


# -- the recipe ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_every_format_carries_the_recipe(tmp_path, name):
    assert len(json.dumps(NOTE)) > 20_000
    assert media.note(media.save(clip_for(name), tmp_path / name, NOTE)) == NOTE


@pytest.mark.parametrize("name", ALL)
def test_no_recipe_is_none(tmp_path, name):
    assert media.note(media.save(clip_for(name), tmp_path / name)) is None


def test_a_still_webp_carries_the_recipe(tmp_path):
    assert media.note(media.save(disc(1), tmp_path / "one.webp", NOTE)) == NOTE


@pytest.mark.parametrize("name", ["out.jpg", "out.gif", "out.mp4"])
def test_a_long_recipe_survives(tmp_path, name):
    note = {"text": 'x"=;\\\n' * 60_000}
    assert media.note(media.save(clip_for(name), tmp_path / name, note)) == note


def test_other_programs_still_see_the_pictures(tmp_path):
    for name in ALL[:5]:
        with Image.open(media.save(clip_for(name), tmp_path / name, NOTE)) as image:
            assert getattr(image, "n_frames", 1) == len(clip_for(name))
            image.seek(len(clip_for(name)) - 1)
            image.load()


@pytest.mark.parametrize("name", ["out.apng", "out.gif", "out.webp"])
def test_another_decoder_sees_the_same_animation(tmp_path, name):
    path = media.save(clip_for(name), tmp_path / name, NOTE)
    form = {"out.apng": "apng", "out.gif": "gif", "out.webp": "webp_anim"}[name]
    tool("-f", form, "-i", path, "-fps_mode", "passthrough", tmp_path / "seen%d.png")
    seen = [to_bytes(media.read(tmp_path / f"seen{n}.png"))[0, ..., :3] for n in range(1, 7)]
    # WebP halves the resolution of colour and ffmpeg enlarges it more plainly: 35.9 dB here, and
    # 35.8 dB for one of these frames written by Pillow as a still
    assert psnr(np.stack(seen), to_bytes(media.read(path))) > (35 if name == "out.webp" else 99)


def test_recipes_are_capped_and_must_be_json(tmp_path):
    with pytest.raises(InputError, match="limit"):
        media.save(disc(1), tmp_path / "a.png", {"text": "x" * 2**20})
    with pytest.raises(InputError, match="JSON"):
        media.save(disc(1), tmp_path / "a.png", {"number": float("nan")})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("text", [b"{", b"[1]", b"[" * 100_000, b'{"a":"' + b"x" * 2**20 + b'"}'])
def test_a_foreign_recipe_is_data_or_nothing(tmp_path, text):
    path = tmp_path / "foreign.png"
    data = media.save(disc(1), path).read_bytes()
    from kineograph.media.notes import in_png

    path.write_bytes(data[:33] + in_png(text) + data[33:])
    assert media.note(path) is None


# -- the rest --------------------------------------------------------------------------------------


def test_a_contact_sheet_lays_frames_in_rows():
    page = media.sheet(disc(6), columns=3, scale=2)
    assert page.frames.shape == (1, 3, 2 * (2 * 33 - 1), 2 * (3 * 49 - 1))
    assert np.array_equal(to_bytes(page)[0, :64:2, :96:2], to_bytes(disc(6))[0])
    rows = media.sheet([disc(6), disc(2, alpha=True)], columns=4)
    assert rows.frames.shape == (1, 3, 65, 4 * 49 - 1)
    with pytest.raises(InputError, match="none"):
        media.sheet([])


def test_importing_media_loads_neither_torch_nor_pillow():
    program = "import sys, kineograph.media; print({'torch', 'PIL'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("read", [media.clip_of, media.first_frame, media.frames_in])
def test_what_is_no_picture_is_told_by_the_field_that_named_it(read, tmp_path):
    from kineograph.values.source import Source

    text = tmp_path / "a.txt"
    text.write_text("no picture\n" * 20)
    with pytest.raises(InputError) as refused:
        read(Source(text), "moves")
    assert refused.value.field == "moves" and "'a.txt' is not a picture" in str(refused.value)
