"""Files as phones, scanners, chat apps and editors make them: what players show is read."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from kineograph import media
from kineograph.media.formats import SECOND, steady
from kineograph.values.clip import to_bytes
from media_samples import disc, encoded, gif_of, icc_profile, moving_bar, png_of, tool

MS = SECOND // 1000


def frames_of(path):
    return to_bytes(media.read(path)).astype(int)


# -- time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lasts", "tick"),
    [
        ([46, 20] * 12, 0),  # a phone
        ([100, 50, 150] * 3, 10),  # a GIF
        ([20, 70, 150] * 3, 1),  # a WebP
        ([33, 34, 33, 500, 33, 33], 1),  # a screen that stood still
        ([100, 100, 2000], 10),
        ([41, 42, 42] * 30 + [17], 1),
    ],
)
def test_uneven_frames_last_as_long_as_the_file_and_begin_in_time(lasts, tick):
    rate, shown = steady([MS * one for one in lasts], MS * tick)
    begins = np.cumsum([0, *shown]) / rate
    true = np.cumsum([0, *lasts]) / 1000
    assert np.abs(begins - true).max() <= 0.5 / rate + 1e-9
    assert shown.count(0) * 20 <= len(shown)


UNEVEN = "settb=1/1000,setpts=if(mod(N\\,2)\\,(N-1)/2*66+46\\,N/2*66)"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.webm"])
def test_a_variable_rate_keeps_the_length(tmp_path, name):
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    options = ("-vf", UNEVEN, "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    encoded([moving_bar(k) for k in range(24)], 30, tmp_path / name, *options, "-c:v", codec)
    clip, info = media.read(tmp_path / name), media.probe(tmp_path / name)
    assert info.frames == len(clip)
    assert clip.seconds == pytest.approx(0.79, abs=1 / clip.fps)
    assert "uneven" in info.changed[0]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng"])
def test_uneven_delays_of_animations_keep_their_length(tmp_path, name):
    frames = [Image.fromarray(moving_bar(k)) for k in range(6)]
    lasts = [40, 90, 40, 300, 40, 90]
    form = "PNG" if name.endswith("apng") else None
    how = {"save_all": True, "append_images": frames[1:], "duration": lasts}
    frames[0].save(tmp_path / name, form, **how)
    clip = media.read(tmp_path / name)
    assert clip.seconds == pytest.approx(0.6, abs=0.5 / clip.fps)


@pytest.mark.parametrize("frames", ["0", "2"], ids=["no-B-frames", "B-frames"])
@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov"])
def test_a_clip_cut_by_its_edit_list_shows_what_players_show(tmp_path, name, frames):
    coding = ("-c:v", "libx264", "-g", 24, "-bf", frames, "-pix_fmt", "yuv420p", "-crf", 5)
    encoded([moving_bar(k) for k in range(24)], 24, tmp_path / "whole.mp4", *coding)
    tool("-ss", 0.5, "-i", tmp_path / "whole.mp4", "-c", "copy", tmp_path / name)
    whole, cut = frames_of(tmp_path / "whole.mp4"), frames_of(tmp_path / name)
    assert len(cut) == media.probe(tmp_path / name).frames == 12
    assert np.abs(cut - whole[12:]).max() <= 1


@pytest.mark.parametrize(
    ("picture", "heard", "expected"), [(0.5, 0, 0), (0, 0.4, 0.4), (0.25, 0.5, 0.25), (0, 0, 0)]
)
@pytest.mark.parametrize("name", ["late.mp4", "late.mkv"])
def test_sound_stays_in_step_with_pictures(tmp_path, name, picture, heard, expected):
    """A tone begins with its track, or when the late picture does."""
    silent = picture if heard == 0 else 0
    video = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
    encoded([moving_bar(k) for k in range(24)], 24, tmp_path / "v.mp4", *video)
    tone = rf"aevalsrc=if(lt(t\,{silent})\,0\,0.5*sin(2000*t)):d=1.5:s=48000"
    source = ("-itsoffset", picture, "-i", tmp_path / "v.mp4", "-itsoffset", heard)
    tool(*source, "-f", "lavfi", "-i", tone, "-c:v", "copy", "-c:a", "aac", tmp_path / name)
    sound = media.sound(tmp_path / name)
    begins = int(np.argmax(np.abs(sound.samples[:, 0]) > 0.1)) / sound.rate
    assert begins == pytest.approx(expected, abs=0.02)
    assert len(sound.samples) == 48_000


# -- colour ----------------------------------------------------------------------------------------

P3 = [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)]
SRGB = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.apng", "anim.webp"])
def test_an_embedded_profile_is_brought_to_srgb(tmp_path, name, alpha):
    icc = icc_profile(P3, 2.2)
    colour = (200, 60, 60)
    plain = Image.new("RGB", (16, 16), colour)
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    wanted = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"))
    if alpha and name == "a.jpg":
        return
    picture = Image.new("RGBA", (16, 16), (*colour, 90)) if alpha else plain
    how = {"icc_profile": icc, "quality": 100}
    if "a.apng" in name or "anim" in name:
        how |= {"save_all": True, "append_images": [picture], "lossless": True}
    picture.save(tmp_path / name, "PNG" if name.endswith("apng") else None, **how)
    pixel = frames_of(tmp_path / name)[0, 5, 5]
    assert np.abs(pixel[:3] - wanted.getpixel((5, 5))).max() <= 4
    assert "wide" in media.probe(tmp_path / name).changed[0]
    assert not alpha or pixel[3] == 90


def test_a_profile_that_says_srgb_changes_nothing(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=icc)
    assert np.array_equal(frames_of(tmp_path / "a.png")[0], noise)
    assert media.probe(tmp_path / "a.png").changed == ()
    Image.fromarray(noise).save(tmp_path / "b.png", icc_profile=b"no profile at all")
    assert np.array_equal(frames_of(tmp_path / "b.png")[0], noise)


def test_grey_and_linear_pictures_are_shown_as_their_files_say(tmp_path):
    linear = png_of(np.full((4, 4), 55, np.uint8), extra={b"gAMA": struct.pack(">I", 100_000)})
    (tmp_path / "linear.png").write_bytes(linear)
    assert abs(frames_of(tmp_path / "linear.png")[0, 0, 0, 0] - 128) <= 2


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_paper_white_of_hdr_is_nearly_white_and_highlights_are_whiter(tmp_path, curve):
    # 203 cd/m2 (BT.2408): PQ .5807, HLG .75; and 1,000 cd/m2: PQ .7518, HLG 1
    white, bright = {"smpte2084": (0.5807, 0.7518), "arib-std-b67": (0.75, 1.0)}[curve]
    luma = np.full((64, 64), round(white * 876 + 64), "<u2")
    luma[:, 32:] = round(bright * 876 + 64)
    chroma = np.full((32, 64), 512, "<u2")
    frame = luma.tobytes() + chroma.tobytes()
    tags = f"log-level=error:colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc"
    options = ("-c:v", "libx265", "-x265-params", tags, "-tag:v", "hvc1")
    raw = {"pix": "yuv420p10le", "size": (64, 64)}
    encoded([frame] * 3, 24, tmp_path / "hdr.mp4", *options, **raw)
    seen = frames_of(tmp_path / "hdr.mp4")[0, 32, [8, 56]]
    assert seen[0].min() >= 215 and seen[0].max() - seen[0].min() <= 3
    assert seen[1].min() >= 250
    assert "HDR" in media.probe(tmp_path / "hdr.mp4").changed[0]


@pytest.mark.parametrize("space", ["bt709", "smpte170m", "bt470bg"])
@pytest.mark.parametrize("span", ["tv", "pc"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_every_matrix_and_range_gives_back_the_colours(tmp_path, space, span, name):
    colours = np.array([[200, 40, 60], [30, 160, 90], [250, 250, 250], [4, 4, 4]], np.uint8)
    frame = np.repeat(np.repeat(colours.reshape(2, 2, 3), 32, 0), 32, 1)
    convert = f"scale=out_color_matrix={space}:out_range={span},format=yuv444p"
    tags = ("-colorspace", space, "-color_primaries", "bt709", "-color_trc", "bt709")
    options = ("-vf", convert, *tags, "-color_range", span, "-c:v", "libx264", "-qp", 0)
    encoded([frame] * 2, 24, tmp_path / name, *options)
    assert np.abs(frames_of(tmp_path / name)[0] - frame)[8:24, 8:24].max() <= 2
    assert np.abs(frames_of(tmp_path / name)[0] - frame)[40:56, 40:56].max() <= 2


@pytest.mark.parametrize("matrix", ["bt2020nc", "unknown"])
def test_hdr_that_names_its_curve_alone_is_toned_too(tmp_path, matrix):
    luma = np.full((64, 64), round(0.5807 * 876 + 64), "<u2")
    frame = luma.tobytes() + np.full((32, 64), 512, "<u2").tobytes()
    tags = f"setparams=color_trc=smpte2084:colorspace={matrix}"
    coded = ("-vf", tags, "-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p10le")
    encoded([frame] * 2, 24, tmp_path / "a.webm", *coded, pix="yuv420p10le", size=(64, 64))
    assert frames_of(tmp_path / "a.webm")[0, 30, 30].min() >= 215


TO_709 = {  # of linear light
    "smpte432": [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]],
    "bt2020": [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
}


@pytest.mark.parametrize(
    ("primaries", "curve", "matrix"),
    [("smpte432", "bt709", "bt709"), ("bt2020", "bt2020-10", "bt2020nc")],
)
def test_wide_primaries_of_videos_come_to_srgb(tmp_path, primaries, curve, matrix):
    light = TO_709[primaries] @ (np.array([200, 60, 60]) / 255) ** 2.4  # BT.1886
    wanted = 255 * light.clip(0, 1) ** (1 / 2.4)
    frame = np.full((64, 64, 3), (200, 60, 60), np.uint8)
    tags = f"setparams=color_primaries={primaries}:color_trc={curve}:colorspace={matrix}"
    space = matrix.removesuffix("nc")
    convert = f"scale=out_color_matrix={space}:out_range=tv,format=yuv444p,{tags}"
    encoded([frame] * 2, 24, tmp_path / "a.mp4", "-vf", convert, "-c:v", "libx264", "-qp", 0)
    assert np.abs(frames_of(tmp_path / "a.mp4")[0, 30, 30] - wanted).max() <= 3
    assert "brought to sRGB" in media.probe(tmp_path / "a.mp4").changed[0]


def test_untagged_hd_is_taken_for_bt709(tmp_path):
    frame = np.full((720, 1280, 3), (200, 40, 60), np.uint8)
    convert = (
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,setparams=colorspace=unknown"
    )
    encoded([frame] * 2, 24, tmp_path / "a.mp4", "-vf", convert, "-c:v", "libx264", "-qp", 0)
    assert np.abs(frames_of(tmp_path / "a.mp4")[0, 300, 300] - frame[0, 0]).max() <= 2


# -- shape and fields ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aspect", "size"), [("4/3", (85, 48)), ("8/9", (64, 54)), ("1/1", (64, 48))]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_pixels_become_square(tmp_path, aspect, size, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    options = ("-vf", f"setsar={aspect}", "-c:v", codec, "-pix_fmt", "yuv420p")
    encoded([moving_bar(k) for k in range(4)], 24, tmp_path / name, *options)
    info = media.probe(tmp_path / name)
    assert (info.width, info.height) == size
    assert bool(info.changed) == (size != (64, 48))


@pytest.mark.parametrize("order", ["top", "bottom"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),  # its header says nothing, its frames do
        ("a.mpg", "mpeg2video"),
        ("a.ts", "mpeg2video"),
        ("a.avi", "mpeg2video"),
        ("a.mov", "prores_ks"),
    ],
)
def test_interlaced_pictures_lose_their_combs(tmp_path, order, name, codec):
    field = {"top": "tff", "bottom": "bff"}[order]
    weave = f"tinterlace=interleave_{order},fieldorder={field}"
    own = ("-x264opts", f"{field}=1", "-crf", 10) if codec == "libx264" else ("-q:v", 1)
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    options = ("-vf", weave, "-flags", "+ildct+ilme", *own, "-c:v", codec, "-pix_fmt", pixels)
    encoded([moving_bar(k) for k in range(24)], 50, tmp_path / name, *options)
    frames = frames_of(tmp_path / name)
    grey = frames[len(frames) // 2].sum(-1)
    assert np.abs(grey[3:-3:2] - (grey[2:-4:2] + grey[4:-2:2]) / 2).mean() < 4
    assert "interlaced" in media.probe(tmp_path / name).changed[0]


# -- transparency ----------------------------------------------------------------------------------


def test_gifs_are_composed_as_browsers_do(tmp_path):
    whole, part = np.full((16, 16), 1), np.full((4, 4), 2)
    rows = [
        (whole, 0, 0, 2, None),
        (part, 0, 0, 1, None),
        (part, 8, 8, 3, None),
        (part, 0, 8, 1, 2),
    ]
    (tmp_path / "a.gif").write_bytes(gif_of(16, 16, rows))
    frames = frames_of(tmp_path / "a.gif")
    assert frames[0, 10, 10].tolist() == [255, 0, 0, 255]
    assert frames[1, 10, 10, 3] == 0 and frames[1, 1, 1].tolist() == [0, 255, 0, 255]
    assert frames[2, 10, 10].tolist() == [0, 255, 0, 255]
    assert frames[3, 10, 10, 3] == 0  # what was before came back
    assert frames[3, 10, 2, 3] == 0  # colour 2 of the fourth is clear


def test_an_opaque_gif_stays_opaque(tmp_path):
    whole, part = np.full((16, 16), 1), np.full((4, 4), 2)
    rows = [(whole, 0, 0, 1, None), (part, 0, 0, 3, None), (whole, 0, 0, 2, None)]
    (tmp_path / "a.gif").write_bytes(gif_of(16, 16, rows))
    assert frames_of(tmp_path / "a.gif").shape[-1] == 3


@pytest.mark.parametrize("name", ["a.webp", "a.apng"])
def test_small_boxes_on_an_empty_canvas_leave_it_transparent(tmp_path, name):
    frames = []
    for k in range(4):
        frame = Image.new("RGBA", (16, 12), (0, 0, 0, 0))
        frame.paste((255, 60 * k, 0, 255), (4 * k, 0, 4 * k + 4, 12))
        frames.append(frame)
    how = {"save_all": True, "append_images": frames[1:], "duration": 100, "lossless": True}
    frames[0].save(tmp_path / name, "PNG" if name.endswith("apng") else None, **how)
    made = frames_of(tmp_path / name)
    for k in range(4):
        assert np.array_equal(made[k][..., 3], np.asarray(frames[k])[..., 3])


def test_an_apng_without_alpha_that_is_taken_away_shows_through(tmp_path):
    """Colour type 2, one small frame over the first, which is disposed of to nothing."""
    red, green = (
        np.full((8, 8, 3), (255, 0, 0), np.uint8),
        np.full((4, 4, 3), (0, 255, 0), np.uint8),
    )

    def control(number, side, disposal):
        return struct.pack(">5I2H2B", number, side, side, 0, 0, 1, 10, disposal, 0)

    rows = b"".join(b"\0" + row.tobytes() for row in green)
    extra = {b"acTL": struct.pack(">II", 2, 0), b"fcTL": control(0, 8, 1)}
    later = [(b"fcTL", control(1, 4, 0)), (b"fdAT", struct.pack(">I", 2) + zlib.compress(rows))]
    (tmp_path / "a.apng").write_bytes(png_of(red, extra=extra, later=later))
    made = frames_of(tmp_path / "a.apng")
    assert made[0, 6, 6].tolist() == [255, 0, 0, 255]
    assert made[1, 6, 6, 3] == 0 and made[1, 1, 1].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits_is_kept(tmp_path, channels, interlaced):
    picture = np.full((9, 7, channels), 40_000, np.uint16)
    picture[0] = 40_001  # nearly the same: only 16 bits tell them apart
    key = struct.pack(f">{channels}H", *[40_000] * channels)
    data = png_of(picture, extra={b"tRNS": key}, interlaced=interlaced)
    (tmp_path / "a.png").write_bytes(data)
    alpha = frames_of(tmp_path / "a.png")[0][..., 3]
    assert (alpha[0] == 255).all() and (alpha[1:] == 0).all()
    from kineograph.media.exact import read_picture

    deep = read_picture(tmp_path / "a.png")
    assert deep.dtype == np.uint16 and np.array_equal(deep[..., :1], picture[..., :1])
    assert (deep[0, :, -1] == 65_535).all() and (deep[1:, :, -1] == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (24, 24)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_interlaced_16_bit_pictures_are_read_to_the_bit(tmp_path, channels, size):
    from kineograph.media.exact import read_picture

    noise = np.random.default_rng(0).integers(0, 65_536, (*size, channels), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(png_of(noise, interlaced=True))
    assert np.array_equal(read_picture(tmp_path / "a.png"), noise)


@pytest.mark.parametrize(("depth", "key", "grey"), [(1, 0, 1), (2, 1, 2), (4, 7, 3), (8, 100, 9)])
def test_a_transparent_grey_of_few_bits_is_kept(tmp_path, depth, key, grey):
    rows = np.full((2, 8), grey)
    rows[0] = key
    bits = ((rows[..., None] >> np.arange(depth)[::-1]) & 1).reshape(2, -1)
    packed = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits.astype(np.uint8), axis=1))
    (tmp_path / "a.png").write_bytes(
        png_of((8, 2, depth, 0), extra={b"tRNS": struct.pack(">H", key)}, rows=packed)
    )
    frame = frames_of(tmp_path / "a.png")[0]
    assert (frame[0, :, 3] == 0).all() and (frame[1, :, 3] == 255).all()
    assert frame[1, 0, 0] == round(grey * 255 / (2**depth - 1))


# -- containers and sequences ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.avi", "mpeg4 -bf 2"),
        ("a.avi", "mjpeg -pix_fmt yuvj420p"),
        ("a.avi", "rawvideo -pix_fmt bgr24"),
        ("a.mkv", "libx264 -pix_fmt yuv420p"),
        ("a.mkv", "libvpx -auto-alt-ref 1 -lag-in-frames 16 -b:v 1M"),
        ("a.mov", "libx264 -pix_fmt yuv420p"),
        ("a.mov", "prores_ks -pix_fmt yuv422p10le"),
        ("a.m4v", "libx264 -pix_fmt yuv420p"),
        ("a.ogv", "libtheora -q:v 9"),
        ("a.mpg", "mpeg2video -q:v 2"),
        ("a.ts", "libx264 -pix_fmt yuv420p -bf 2"),
    ],
)
def test_what_cameras_and_editors_write_is_read(tmp_path, name, codec):
    frames = [moving_bar(k) for k in range(24)]
    encoded(frames, 24, tmp_path / name, "-c:v", *codec.split())
    clip, info = media.read(tmp_path / name), media.probe(tmp_path / name)
    assert len(clip) == info.frames
    assert abs(len(clip) - 24) <= 1
    assert clip.fps == pytest.approx(24, rel=0.01)
    assert np.abs(to_bytes(clip)[5].astype(int) - frames[5]).mean() < 8
    assert np.abs(to_bytes(clip)[-1].astype(int) - frames[len(clip) - 1]).mean() < 8


@pytest.mark.parametrize("codec", ["prores_ks -pix_fmt yuva444p10le", "png -pix_fmt rgba", "qtrle"])
def test_alpha_of_editing_formats_is_kept(tmp_path, codec):
    frame = np.dstack([moving_bar(3), np.full((48, 64), 0, np.uint8)])
    frame[10:30, 10:30, 3] = 255
    encoded([frame] * 3, 24, tmp_path / "a.mov", "-c:v", *codec.split(), pix="rgba")
    made = frames_of(tmp_path / "a.mov")
    assert np.abs(made[0, ..., 3] - frame[..., 3]).mean() < 2


@pytest.mark.parametrize("pattern", ["f_%03d.png", "f_*.png", "f_???.png"])
def test_a_sequence_is_read_by_its_pattern(tmp_path, pattern):
    for number in (7, 8, 9, 10):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"f_{number:03d}.png")
    Image.new("RGB", (4, 4), (99, 0, 0)).save(tmp_path / "other.png")
    assert frames_of(tmp_path / pattern)[:, 0, 0, 0].tolist() == [7, 8, 9, 10]
    assert media.probe(tmp_path / pattern).frames == 4


def test_a_moving_file_keeps_its_first_frame_upright(tmp_path):
    path = media.save(disc(3), tmp_path / "a.mp4")
    assert media.probe(path).changed == ()
