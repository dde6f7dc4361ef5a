"""Long work that is cut goes on from its pieces to the same bytes, and never from another's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from kineograph import cli, files, media, pieces
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.patches.texture import Growth, Texture, grow
from kineograph.values.clip import from_bytes
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond

RECORD = {"verb": "made up", "seed": 1}


class CutError(Exception):
    """What ends a making in the middle."""


@pytest.fixture
def at_once(monkeypatch):
    """Every step is written."""
    for name in ("FIRST", "EVERY", "SHARE"):
        monkeypatch.setattr(pieces, name, 0.0)


def keeping(out: Path, record=RECORD, **how):
    return pieces.keeping(out, lambda: record, **how)


def walks(calls: list[int], cut: int = -1, **sampler) -> list[torch.Tensor]:
    """Two walks after each other by one generator; after `cut` calls of the network it is over."""
    draw = noise_from([torch.Generator().manual_seed(3)])
    sigmas = torch.cat([torch.linspace(2, -2, 6, dtype=torch.float64).exp(), torch.zeros(1)])
    ends = []

    def denoise(x, sigma, cond):
        if len(calls) == cut:
            raise CutError
        calls.append(1)
        return torch.sin(x) / (1 + sigma.view(-1, 1, 1, 1, 1))

    for _ in range(2):
        x = draw(torch.empty(1, 3, 2, 4, 4)) * 8
        steps = list(integrate(denoise, x, sigmas, Cond(), noise_like=draw, **sampler))
        assert [step.i for step in steps] == [1, 2, 3, 4, 5, 6]
        ends += [steps[-1].x, steps[-1].clean]
    return ends


@pytest.mark.parametrize(
    "sampler",
    [{}, {"churn": 1.0}, {"order": 2}, {"order": 2, "churn": 1.0}, {"n_step": True}],
    ids=["ddim", "ddpm", "dpm", "dpm-sde", "n-step"],
)
def test_a_walk_cut_anywhere_goes_on_to_the_same_bits(sampler, at_once, tmp_path):
    whole = walks([], **sampler)
    for cut in range(12):
        out, calls = tmp_path / f"{cut}.mp4", []
        with pytest.raises(CutError), keeping(out):
            walks(calls, cut, **sampler)
        again: list[int] = []
        with keeping(out):
            ends = walks(again, **sampler)
        assert all(torch.equal(a, b) for a, b in zip(whole, ends, strict=True))
        assert len(calls) + len(again) == 12  # no step is made twice
        assert list(tmp_path.iterdir()) == []


def test_short_work_writes_nothing(tmp_path):
    with keeping(tmp_path / "x.mp4"):
        walks([])
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(CutError), keeping(tmp_path / "x.mp4"):
        walks([], 5)
    assert list(tmp_path.iterdir()) == []


def left(out: Path, cut: int = 7) -> Path:
    """What a cut making leaves."""
    with pytest.raises(CutError), keeping(out):
        walks([], cut)
    return pieces.run_folder(out)


def test_pieces_of_another_request_are_not_taken_up(at_once, tmp_path):
    folder = left(tmp_path / "x.mp4")
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(InputError, match="another request"), keeping(tmp_path / "x.mp4", {"s": 2}):
        pass
    assert sorted(path.name for path in folder.iterdir()) == before
    calls: list[int] = []
    with keeping(tmp_path / "x.mp4", {"seed": 2}, force=True):
        walks(calls)
    assert len(calls) == 12


def test_a_folder_of_somebody_is_never_touched(at_once, tmp_path):
    mine = tmp_path / "x.mp4.run"
    mine.mkdir()
    (mine / "diary.txt").write_text("mine")
    with (
        pytest.raises(InputError, match="holds no pieces"),
        keeping(tmp_path / "x.mp4", force=True),
    ):
        pass
    assert [path.name for path in mine.iterdir()] == ["diary.txt"]


def test_a_folder_in_use_is_refused_and_not_swept(at_once, tmp_path):
    folder = left(tmp_path / "x.mp4")
    os.utime(folder, (0, 0))
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl,sys,time\nf=open(sys.argv[1],'w')\n"
         "fcntl.flock(f,fcntl.LOCK_EX)\nprint(1,flush=True)\ntime.sleep(60)", folder / ".lock"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        os.utime(folder, (0, 0))
        pieces.sweep(tmp_path)
        assert folder.exists()
        with pytest.raises(KineographError, match="another process"), keeping(tmp_path / "x.mp4"):
            pass
    finally:
        holder.kill()
        holder.communicate()
    os.utime(folder, (0, 0))
    pieces.sweep(tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone", "index"])
def test_a_damaged_piece_is_made_anew_and_told(harm, at_once, tmp_path):
    folder = left(tmp_path / "x.mp4")
    piece = sorted(folder.glob("*.npz"))[0]
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    match harm:
        case "flipped":
            piece.write_bytes(data)
        case "cut":
            piece.write_bytes(data[:50])
        case "gone":
            piece.unlink()
        case "index":
            (folder / pieces.INDEX).write_text('{"0001": {"file": "../../x"')
    told: list[str] = []
    with keeping(tmp_path / "x.mp4", warn=told.append):
        ends = walks([])
    assert all(torch.equal(a, b) for a, b in zip(walks([]), ends, strict=True))
    assert harm == "index" or "damaged" in " ".join(told)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_costs_the_pieces_not_the_work(at_once, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "publish", full)
    told: list[str] = []
    with keeping(tmp_path / "x.mp4", warn=told.append):
        walks([])
    assert len(told) == 1 and "no piece was kept" in told[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("approximate", [False, True])
def test_a_texture_that_goes_on_knows_the_turns_of_all_its_pixels(approximate, at_once, tmp_path):
    """The picture, its sources and the order in which they came, as of an unbroken run."""
    sample = np.random.default_rng(3).integers(0, 255, (24, 24, 3), np.uint8)
    growth = Growth(window=9, approximate=approximate)

    def made(layers: int = -1) -> Texture:
        value = None
        for number, step in enumerate(grow(sample, (24, 20), seed=4, growth=growth)):
            if number == layers:
                raise CutError
            value = step.value if isinstance(step.value, Texture) else value
        assert value is not None
        return value

    whole = made()
    turns = whole.source.order
    assert sorted(np.where(turns < 0, ~turns, turns).ravel()) == list(range(24 * 20))
    for cut in (1, 4, 9):
        with pytest.raises(CutError), keeping(tmp_path / "x.png"):
            made(cut)
        told: list[str] = []
        with keeping(tmp_path / "x.png", warn=told.append):
            again = made()
        assert "goes on" in told[0]
        assert np.array_equal(again.picture, whole.picture)
        assert np.array_equal(again.source.order, turns)


# -- commands --------------------------------------------------------------------------------------

DRIVEN = """
import sys
from kineograph import pieces
pieces.FIRST = pieces.EVERY = pieces.SHARE = 0.0
from kineograph.cli import main
main(sys.argv[1:])
"""
COMMANDS = {
    "zoom": "zoom --example brick.png --example photo.png --canvas 32 --size 64 --seconds 1",
    "texture": "texture grow brick.png --window 9 --size 48x48 --approximate",
    "analogy": "analogy brick.png photo.png brick.png --by patches",
    "video": "video heart --by cascade --steps 4",
    "stickers": "video heart --size 64 --steps 3 --frames 8",
}
SUFFIX = {"zoom": ".mp4", "texture": ".png", "analogy": ".png"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(3)
    for name in ("brick", "photo"):
        media.save(
            from_bytes(rng.integers(0, 255, (1, 24, 24, 3), np.uint8)), folder / f"{name}.png"
        )
    return folder


def begun(name: str, inputs: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [*COMMANDS[name].split(), *more, "-o", str(out)]
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-c", DRIVEN, *words]
    return subprocess.Popen(command, cwd=inputs, stdout=quiet, stderr=quiet)


@pytest.mark.long
@pytest.mark.parametrize("name", ["zoom", "texture"])
def test_a_command_killed_goes_on_to_the_same_bytes(name, inputs, tmp_path, monkeypatch, capsys):
    """SIGKILL once pieces are there; without a seed the second run takes the first one's."""
    cut, whole = (tmp_path / f"{one}{SUFFIX[name]}" for one in ("cut", "whole"))
    child = begun(name, inputs, cut)
    index = pieces.run_folder(cut) / pieces.INDEX
    until = time.monotonic() + 60
    while not index.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL and not cut.exists()
    request = json.loads((index.parent / pieces.REQUEST).read_text())["request"]
    assert str(tmp_path) not in json.dumps(request)
    monkeypatch.chdir(inputs)
    for out, seed in ((cut, ()), (whole, ("--seed", str(request["seed"])))):
        with pytest.raises(SystemExit) as ended:
            cli.main([*COMMANDS[name].split(), *seed, "-o", str(out)])
        assert not ended.value.code
    assert "goes on from the pieces" in capsys.readouterr().err
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([cut.name, whole.name])


ONCE = [
    pytest.param(name, marks=[] if name in ("zoom", "texture") else pytest.mark.long)
    for name in COMMANDS
]


@pytest.mark.parametrize("name", ONCE)
def test_every_family_goes_on_from_each_of_its_pieces(name, inputs, tmp_path, monkeypatch, at_once):
    """Cut in this process, by an error as a signal would raise it, at several writings."""
    monkeypatch.chdir(inputs)
    suffix = SUFFIX.get(name, ".webp")
    words = [*COMMANDS[name].split(), "--seed", "5"]

    def made(out: Path) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main([*words, "-o", str(out)])
        return int(ended.value.code or 0)

    assert made(tmp_path / f"whole{suffix}") == 0
    keep, writings = pieces.Pieces.keep, 0
    for stop in (1, 3, 6):
        writings = 0

        def counted(self, *given):
            nonlocal writings
            keep(self, *given)
            writings += 1
            if writings == stop:  # noqa: B023
                raise KeyboardInterrupt

        monkeypatch.setattr(pieces.Pieces, "keep", counted)
        out = tmp_path / f"cut{stop}{suffix}"
        code = made(out)
        monkeypatch.setattr(pieces.Pieces, "keep", keep)
        if writings < stop:
            assert code == 0
            continue
        assert code == 130 and not out.exists()
        assert made(out) == 0
        assert out.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    assert not list(tmp_path.glob(f"*{pieces.SUFFIX}"))
