"""What does `kineograph verify` say of files of every kind and origin? One table.

    python bench/verify.py [--write docs/reliability.md]

Makes the files in a temporary folder, runs the command on each and prints the table; --write puts
it in place of the one in a document. Needs the extra `provenance` for the rows with a manifest.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from kineograph import cli
from kineograph.media.video import ffmpeg

HEAD = "| file | record | source type | manifest | watermark | weights | fails |"
IMAGE = "image|a cat|--by|tokens|--candidates|1|--seed|1|-o"
VIDEO = "video|a red heart beating|--by|cascade|--size|64|--seed|1|-o"
GROW = "texture|grow|brick.png|--size|48x48|--window|9|--seed|1|-o"


def run(words: str, *more: str) -> tuple[int, str]:
    """Run a command in this process; its exit code and what it printed on stdout."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        try:
            cli.main([*words.split("|"), *more])
        except SystemExit as left:
            return int(left.code or 0), said.getvalue()
    raise AssertionError("a command leaves by SystemExit")


def made(words: str, *more: str) -> None:
    code, _ = run(words, *more)
    if code:
        raise SystemExit(f"{words} {more}: exit {code}")


def drawn() -> None:
    """What comes from elsewhere: a brick wall for textures, and a picture without any mark."""
    y, x = np.mgrid[:48, :48]
    joints = (y % 12 < 2) | ((x + 12 * (y // 12 % 2)) % 24 < 2)
    wall = np.where(joints[..., None], [200, 190, 180], [150, 60, 50]).astype(np.uint8)
    Image.fromarray(wall).save("brick.png")
    y, x = np.mgrid[:240, :320]
    light = (
        90 + 80 * np.sin(x / 40) * np.cos(y / 55) + np.random.default_rng(1).normal(0, 6, y.shape)
    )
    photo = np.stack([light + 20, light, light - 15], -1).clip(0, 255).astype(np.uint8)
    Image.fromarray(photo).save("photo.jpg", quality=90)


def changed(path: str, to: str, *, at: int = -20) -> None:
    """A copy with one bit changed, and its manifest as it was."""
    whole = bytearray(Path(path).read_bytes())
    whole[at] ^= 1
    Path(to).write_bytes(whole)
    Path(f"{to}.c2pa").write_bytes(Path(f"{path}.c2pa").read_bytes())


def files() -> dict[str, str]:
    """Make every file; what it is, by its name."""
    drawn()
    made(IMAGE, "cat.png")
    made(IMAGE, "cat.jpg", "--no-manifest")
    made(IMAGE, "bare.png", "--no-record", "--no-manifest")
    made(IMAGE, "unmarked.png", "--unmarked", "--no-manifest")
    with Image.open("cat.png") as picture:
        picture.convert("RGB").save("resaved.jpg", quality=90)
        small = picture.convert("RGB").resize((24, 24), Image.Resampling.BOX)
    small.save("shrunk.png")
    made(GROW, "wall.png")
    made(GROW, "signed.png", "--sign")
    changed("signed.png", "edited.png")
    made(GROW, "other.png")
    Path("other.png.c2pa").write_bytes(Path("cat.png.c2pa").read_bytes())
    made(VIDEO, "clip.webp")
    made("loop|clip.webp|--best-loop|--seed|1|-o", "loop.mp4")
    made("loop|clip.webp|--seed|1|-o", "loop.html")
    other = [ffmpeg(), "-v", "error", "-i", "loop.mp4", "-crf", "31", "-b:v", "0", "again.webm"]
    subprocess.run(other, check=True)
    Path("cut.mp4").write_bytes(Path("loop.mp4").read_bytes()[:900])
    return {
        "cat.png": "picture from words, .png",
        "cat.jpg": "the same, .jpg, `--no-manifest`",
        "bare.png": "the same, `--no-record`",
        "unmarked.png": "the same, `--unmarked`",
        "resaved.jpg": "the same, saved as JPEG by another program",
        "shrunk.png": "the same, shrunk to 24 pixels by another program",
        "wall.png": "grown texture",
        "signed.png": "the same, `--sign`",
        "edited.png": "the same, one bit changed after",
        "other.png": "the same, with the manifest of another file",
        "clip.webp": "clip from words, .webp",
        "loop.mp4": "loop of it, .mp4",
        "again.webm": "the loop, made WebM by another program",
        "cut.mp4": "the loop, cut after 900 bytes",
        "loop.html": "player page of the clip",
        "photo.jpg": "a picture of elsewhere",
    }


def row(path: str, told: str) -> str:
    """What the command says of one file, as a row."""
    code, said = run(f"verify|{path}|--json")
    found = json.loads(said.splitlines()[0])
    record = found["record"]["verb"] if found["record"] else ""
    record = record or ("label alone" if found["label"] else "none")
    source = found["source"].replace("WithTrained", "").replace("AlgorithmicMedia", "")
    source = source.replace("algorithmicMedia", "algorithmic")
    manifest = found["manifest"].replace("a C2PA manifest that ", "")
    manifest = manifest.replace("no C2PA manifest", "none")
    mark = "no frames"
    if found["mark"]:
        mark = f"{found['mark']['score']:.1f}" + (" there" if found["mark"]["found"] else "")
    weights = ", ".join(sorted(set(found["weights"].values())))
    fails = f"exit {code}" if code else ""
    cells = (told, record, source or "none", manifest.partition(";")[0], mark, weights, fails)
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", type=Path, help="document whose table is replaced")
    target = parser.parse_args().write
    target = target.absolute() if target else None
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder  # a key of its own, not the user's
        os.chdir(folder)
        rows = [row(path, told) for path, told in files().items()]
        os.chdir("/")
    table = "\n".join([HEAD, "|---" * 7 + "|", *rows])
    print(table)
    if target is not None:
        text = target.read_text("utf-8")
        before, _, rest = text.partition(HEAD)
        after = rest[rest.index("\n\n") :]
        target.write_text(before + table + after, "utf-8")


if __name__ == "__main__":
    main()
