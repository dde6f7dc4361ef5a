"""The texture and analogy doors: files in and out, maps used again, 16 bits, bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kineograph.cli import main
from kineograph.media import note
from kineograph.media.exact import read_picture, save_picture
from kineograph.patches.source_map import SourceMap, copy_report, load_map, rendered, save_map
from kineograph.values.errors import InputError

Picture = NDArray[Any]


def noise(seed: int, *shape: int, dtype: Any = np.uint8) -> Picture:
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def run(*words: object) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_comes_back_bit_for_bit(channels: int, tmp_path: Path) -> None:
    picture = noise(1, 13, 17, channels, dtype=np.uint16)
    save_picture(picture, tmp_path / "deep.png", {"seed": 7})
    assert np.array_equal(read_picture(tmp_path / "deep.png"), picture)
    assert note(tmp_path / "deep.png") == {"seed": 7}


def test_16_bit_png_of_others_is_read(tmp_path: Path) -> None:
    """Pillow writes 16-bit grey and chooses row filters of its own."""
    ramp = np.add.outer(np.arange(40) * 1000, np.arange(50) * 37).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    assert np.array_equal(read_picture(tmp_path / "ramp.png")[:, :, 0], ramp)


def test_damaged_16_bit_png_is_told(tmp_path: Path) -> None:
    save_picture(noise(1, 9, 9, 3, dtype=np.uint16), tmp_path / "deep.png")
    whole = bytearray((tmp_path / "deep.png").read_bytes())
    whole[60:90] = bytes(30)
    (tmp_path / "deep.png").write_bytes(whole)
    with pytest.raises(InputError, match=r"deep\.png"):
        read_picture(tmp_path / "deep.png")


def test_growing_writes_the_picture_the_map_and_its_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample, out, where = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "m.npz"
    picture = noise(2, 16, 20, 3)
    save_picture(picture, sample)
    words = ["texture", "grow", sample, "-o", out, "--size", "24x18", "--window", 5, "--seed", 3]
    assert run(*words, "--map", where, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 3
    assert set(told["copies"]) == {"adjacent", "longest_run", "used"}
    grown = read_picture(out)
    assert grown.shape == (18, 24, 3)
    assert np.array_equal(rendered(load_map(where), [picture]), grown)
    assert read_picture(where.with_suffix(".png")).shape == (18, 24, 3)
    assert run(*words) == 2, "nothing is overwritten"

    depth = noise(3, 16, 20, 1, dtype=np.uint16)
    save_picture(depth, tmp_path / "depth.png")
    applied = tmp_path / "c.png"
    assert run("texture", "apply", where, tmp_path / "depth.png", "-o", applied) == 0
    assert np.array_equal(read_picture(applied), rendered(load_map(where), [depth]))


def test_filling_and_extending_keep_what_is_there(tmp_path: Path) -> None:
    picture, hole = noise(4, 20, 20, 3), np.zeros((20, 20, 1), np.uint8)
    hole[8:12, 8:12] = 255
    save_picture(picture, tmp_path / "p.png")
    save_picture(hole, tmp_path / "h.png")
    common = ["--window", 5, "--seed", 1, "-o"]
    words = ["texture", "fill", tmp_path / "p.png", "--mask", tmp_path / "h.png"]
    assert run(*words, *common, tmp_path / "f.png") == 0
    known = hole[:, :, 0] == 0
    assert np.array_equal(read_picture(tmp_path / "f.png")[known], picture[known])
    words = ["texture", "extend", tmp_path / "p.png", "--size", "26x24"]
    assert run(*words, *common, tmp_path / "e.png") == 0
    assert np.array_equal(read_picture(tmp_path / "e.png")[2:22, 3:23], picture)


def test_an_analogy_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = noise(5, 20, 20, 1), noise(6, 12, 16, 1)
    for name, picture in (("a", a), ("a2", 255 - a), ("b", b)):
        save_picture(picture, tmp_path / f"{name}.png")
    three = [tmp_path / f"{name}.png" for name in ("a", "a2", "b")]
    out, where = tmp_path / "b2.png", tmp_path / "m.npz"
    assert run("analogy", *three, "-o", out, "--map", where, "--seed", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["outputs"][0] == str(out)
    assert read_picture(out).shape == (12, 16, 1)
    assert load_map(where).example.shape == (12, 16)
    assert run("analogy", *three, "-o", tmp_path / "x.png", "--mode", "magic") == 2
    assert "use filter, edges, painterly" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["texture", "grow", "{}/a.png", "-o", "{}/x.png", "--size", "9x"], "--size: '9x'"),
        (["texture", "grow", "{}/none.png", "-o", "{}/x.png"], "none.png"),
        (["texture", "grow", "{}/a.png", "-o", "{}/x.txt"], "cannot write"),
        (["texture", "grow", "{}/a.png", "-o", "{}/x.png", "--window", "4"], "--window: 4"),
        (["texture", "grow", "{}/a.png", "-o", "{}/x.png", "--map", "{}/x.npz"], "overwrite"),
        (["texture", "extend", "{}/a.png", "-o", "{}/x.png", "--size", "4x4"], "smaller"),
        (["texture", "apply", "{}/a.png", "{}/a.png", "-o", "{}/x.png"], "not a source map"),
        (["texture", "fill", "{}/a.png", "--mask", "{}/a.png", "-o", "{}/x.png"], "mask"),
        (["analogy", "{}/a.png", "{}/a.png", "{}/a.png", "-o", "{}/x.png",
          "--also", "{}/a.png"], "--also"),
    ],
)  # fmt: skip
def test_bad_input_has_exit_code_2_and_a_remedy(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_picture(np.full((12, 12, 1), 255, np.uint8), tmp_path / "a.png")
    assert run(*(word.format(tmp_path) for word in words)) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (tmp_path / "x.png").exists()


def test_a_map_that_points_outside_is_refused(tmp_path: Path) -> None:
    zeros = np.zeros((2, 2), np.int32)
    good = SourceMap(zeros.astype(np.int16), zeros, zeros + 3, zeros == 0, ((4, 4),))
    save_map(good, tmp_path / "m.npz")
    assert copy_report(load_map(tmp_path / "m.npz")).used == 1 / 16
    save_map(SourceMap(good.example, zeros, zeros + 4, good.fresh, good.sizes), tmp_path / "m.npz")
    with pytest.raises(InputError, match="outside"):
        load_map(tmp_path / "m.npz")


def test_a_shifted_copy_is_reported_as_one_run() -> None:
    y, x = np.mgrid[2:6, 3:10].astype(np.int32)
    whole = SourceMap(np.zeros(y.shape, np.int16), y, x, np.ones(y.shape, bool), ((9, 12),))
    assert copy_report(whole) == (1.0, 7, 28 / 108)


@pytest.mark.slow
def test_the_second_process_compiles_nothing(tmp_path: Path) -> None:
    """In a cache folder of its own; the fall-back to the user cache is left to numba."""
    code = (
        "import time, numpy as np; from kineograph.patches.texture import grow, Growth\n"
        "s = np.arange(256, dtype=np.uint8).reshape(16, 16)\n"
        "t = time.process_time(); list(grow(s, (18, 18), seed=1, growth=Growth(window=5)))\n"
        "print(time.process_time() - t)"
    )
    where = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path), OMP_NUM_THREADS="1")
    first, second = (
        float(subprocess.run([sys.executable, "-c", code], env=where, capture_output=True,
                             text=True, check=True).stdout)
        for _ in range(2)
    )  # fmt: skip
    assert second < 1.0
    assert second < first / 2


# -- holes that are transparent --------------------------------------------------------------------


def erased(tmp_path: Path) -> tuple[Picture, Path]:
    y, x = np.mgrid[:24, :28]
    parts = [(x % 8) * 30, (y % 8) * 30, (x + y) % 8 * 30, 255 + 0 * x]
    picture = np.stack(parts, -1).astype(np.uint8)
    picture[9:13, 10:14, 3] = 0
    picture[8, 10:14, 3] = 120  # a soft rubber
    Image.fromarray(picture).save(tmp_path / "picture.png")
    return picture, tmp_path / "picture.png"


@pytest.mark.parametrize("mask", ["none", "erased", "painted", "layer"])
def test_a_hole_is_what_is_transparent_or_painted_white(
    tmp_path: Path, mask: str, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, path = erased(tmp_path)
    hole = np.zeros((24, 28), bool)
    hole[8:13, 10:14] = True
    words: list[object] = []
    if mask != "none":
        given = {
            "erased": picture,
            "painted": hole * np.uint8(255),
            "layer": np.dstack([np.full((24, 28, 3), 255, np.uint8), hole * np.uint8(255)]),
        }[mask]
        Image.fromarray(given).save(tmp_path / "mask.png")
        words = ["--mask", tmp_path / "mask.png"]
        Image.fromarray(picture[..., :3]).save(path)
    how = ["--window", 5, "--seed", 1, "-o", tmp_path / "out.png"]
    assert run("texture", "fill", path, *words, *how) == 0
    out = read_picture(tmp_path / "out.png")
    assert out.shape == (24, 28, 3)
    assert np.array_equal(out[~hole], picture[..., :3][~hole])
    told = capsys.readouterr().err
    assert ("transparent part" in told) == (mask in ("none", "erased"))


def test_a_picture_without_a_hole_wants_a_mask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(noise(1, 9, 9, 3)).save(tmp_path / "whole.png")
    assert run("texture", "fill", tmp_path / "whole.png", "-o", tmp_path / "out.png") == 2
    assert "--mask: is missing, and the picture has no transparent part" in capsys.readouterr().err
