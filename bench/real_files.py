"""Twelve files as phones, scanners, chats and editors make them, beside FFmpeg's and Pillow's word.

Each is made here, read, and run through the commands that take it: length, size, colour,
transparency and sound in one table (docs/files.md). `python bench/real_files.py`, a few minutes on
one core.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from kineograph import media
from kineograph.cli import main
from kineograph.media.video import ffmpeg

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from media_samples import gif_of, icc_profile, moving_bar  # noqa: E402

P3 = [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)]
H264 = "-c:v libx264 -pix_fmt yuv420p"
HDR = "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
CLIPS = {  # name: what ffmpeg makes of a moving bar, 64x48, 24 frames of 24 a second, and a tone
    "phone-vfr.mp4": "-vf settb=1/1000,setpts=if(mod(N\\,2)\\,(N-1)/2*66+46\\,N/2*66) -fps_mode"
    f" passthrough -enc_time_base 1/1000 {H264} -c:a aac",
    "phone-hdr.mov": "-vf format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:"
    f"colorspace=bt2020nc -c:v libx265 -x265-params {HDR} -tag:v hvc1 -c:a aac",
    "camcorder.mpg": "-vf tinterlace=interleave_top,fieldorder=tff,setsar=4/3 -flags +ildct+ilme"
    " -c:v mpeg2video -q:v 1 -c:a mp2",
    "webcam.avi": "-c:v mjpeg -pix_fmt yuvj420p -q:v 2 -c:a pcm_s16le",
    "recorder.mkv": f"{H264} -c:a libopus",
    "editor.mov": "-c:v prores_ks -pix_fmt yuv422p10le -c:a pcm_s16le",
    "old.ogv": "-c:v libtheora -q:v 9 -c:a libvorbis",
}


def made(folder: Path) -> list[Path]:
    """The twelve files."""
    data = b"".join(moving_bar(k).tobytes() for k in range(24))
    head = [ffmpeg(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48"]
    head += ["-r", "24", "-i", "-", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=1", "-shortest"]
    for name, options in CLIPS.items():
        subprocess.run([*head, *options.split(), str(folder / name)], input=data, check=True)
    whole, cut = folder / "whole.mp4", folder / "trimmed.mp4"
    subprocess.run([*head, *f"{H264} -g 24 -c:a aac".split(), str(whole)], input=data, check=True)
    words = ["-v", "error", "-y", "-ss", "0.5", "-i", str(whole), "-c", "copy", str(cut)]
    subprocess.run([ffmpeg(), *words], check=True)
    whole.unlink()

    frames = [Image.fromarray(moving_bar(k, 63, 47)) for k in range(6)]
    how = {"save_all": True, "append_images": frames[1:], "duration": [40, 90, 40, 300, 40, 90]}
    frames[0].save(folder / "chat.gif", **how)
    boxes = [(np.full((16, 16), 1), 0, 0, 2, None), (np.full((4, 4), 2), 0, 0, 1, None)]
    (folder / "disposed.gif").write_bytes(gif_of(16, 16, boxes * 4))
    y, x = np.mgrid[:240, :320]
    photo = np.stack([x * 0.7, y, (x // 16 + y // 16) % 2 * 200], -1).astype(np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    phone = Image.fromarray(photo)
    phone.save(folder / "photo-p3.jpg", icc_profile=icc_profile(P3, 2.2), exif=turned, quality=95)
    erased = np.dstack([photo[:48, :64], np.full((48, 64), 255, np.uint8)])
    erased[20:28, 30:40, 3] = 0
    Image.fromarray(erased).save(folder / "erased.png")
    return sorted(folder.iterdir())


def told(path: Path) -> str:
    """What FFmpeg or Pillow says: seconds, width x height, sound."""
    if path.suffix in (".gif", ".jpg", ".png"):
        with Image.open(path) as image:
            count = getattr(image, "n_frames", 1)
            lasts = 0
            for number in range(count):
                image.seek(number)
                lasts += image.info.get("duration", 0)
            lasting = f"{lasts / 1000:.2f} s " if count > 1 else ""
            return f"{lasting}{image.width}x{image.height} {image.mode}"
    said = subprocess.run([ffmpeg(), "-i", path], capture_output=True, text=True).stderr
    hours, minutes, seconds = re.search(r"Duration: (\d+):(\d+):([\d.]+)", said).groups()
    size = re.search(r", (\d+x\d+)[ ,]", said)[1]
    sound = " sound" if "Audio:" in said else ""
    return f"{3600 * int(hours) + 60 * int(minutes) + float(seconds):.2f} s {size}{sound}"


def seen(path: Path) -> str:
    """What is read: seconds, width x height, alpha, sound."""
    info, sound = media.probe(path), media.sound(path)
    heard = f" sound {len(sound.samples) / sound.rate:.2f} s" if sound else ""
    lasting = f"{info.seconds:.2f} s " if info.frames > 1 else ""
    return f"{lasting}{info.width}x{info.height}{' alpha' * info.alpha}{heard}"


def colours(path: Path) -> tuple[list[int], list[int]]:
    """The mean colour of the first frame where it is opaque, 0 … 255: as FFmpeg decodes it or
    Pillow with LittleCMS, and as it is read here. FFmpeg leaves HDR as coded."""
    if path.suffix in (".gif", ".jpg", ".png"):
        with Image.open(path) as image:
            profile = image.info.get("icc_profile")
            there = ImageOps.exif_transpose(image)
            if profile:
                own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
                there = ImageCms.profileToProfile(there, own, ImageCms.createProfile("sRGB"))
            theirs = np.asarray(there.convert("RGBA"))
    else:
        size = "scale=in_range=auto:flags=accurate_rnd+full_chroma_int"
        words = [ffmpeg(), "-v", "error", "-i", path, "-frames:v", "1", "-vf", size]
        raw = subprocess.run(
            [*words, "-f", "rawvideo", "-pix_fmt", "rgba", "-"], capture_output=True, check=True
        ).stdout
        theirs = np.frombuffer(raw, np.uint8).reshape(1, -1, 4)
    first = next(iter(media.stream(path)))
    ours = np.asarray(first).reshape(1, -1, first.shape[-1])
    return _mean(theirs), _mean(ours)


def _mean(pixels: np.ndarray) -> list[int]:
    flat = pixels.reshape(-1, pixels.shape[-1]).astype(float)
    seen = flat[:, 3] > 127 if flat.shape[1] == 4 else slice(None)
    return [round(value) for value in flat[seen, :3].mean(0)] if len(flat[seen]) else []


def run(*words: object) -> str:
    """A command's file as it is seen, or what it said."""
    out = io.StringIO()
    with contextlib.redirect_stderr(out), contextlib.redirect_stdout(io.StringIO()):
        try:
            main([str(word) for word in words])
        except SystemExit as left:
            if left.code:
                return out.getvalue().strip()[-60:]
    return seen(Path(str(words[words.index("-o") + 1])))


def report() -> None:
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in", Path(name) / "out"
        source.mkdir()
        target.mkdir()
        head = "file, FFmpeg and Pillow, read, mean colour: theirs and read, made, `sheet`, changed"
        print(f"| {head.replace(', ', ' | ')} |\n{'|---' * 7}|")
        for path in made(source):
            out = target / f"{path.stem}.webm"
            match path.name:
                case "photo-p3.jpg":
                    words = ["video", "--image", path, "-o", out]
                case "erased.png":
                    out = target / "filled.png"
                    words = ["texture", "fill", path, "--window", 7, "-o", out]
                case _:
                    words = ["loop", path, "--seconds", 1, "-o", out]
            here = f"`{words[0]}` {run(*words, '--seed', 1)}"
            changed = "; ".join(media.probe(path).changed)
            told_colour, read_colour = (" ".join(map(str, one)) for one in colours(path))
            colour = f"{told_colour}, {read_colour}"
            sheet = run("sheet", path, "-o", target / f"{path.stem}-sheet.png")
            row = [path.name, told(path), seen(path), colour, here, sheet, changed]
            print(f"| {' | '.join(row)} |", flush=True)
        photo = source / "photo-p3.jpg"
        pair = ["--example", photo, "--example", source / "erased.png", "--size", "72x128"]
        how = ["--canvas", 64, "--seconds", 1, "--fps", 8, "--seed", 1]
        film = run("zoom", *pair, *how, "-o", target / "zoom.mp4")
        print(f"| both pictures | | | | `zoom` {film} | | |")


if __name__ == "__main__":
    report()
