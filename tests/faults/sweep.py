"""The long sweeps of faults: mutated media files, kills, signals. Run by `make faults`.

    python tests/faults/sweep.py [--files N] [--kills N] [--signals N] [--minutes M] [--only NAME]

Prints one line a sweep, with the counts that were run: --minutes bounds each sweep. Ends with 1
when anything was not as documented: another exception than ours, a hang, a file under its final
name that is not whole, other bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NoReturn

import numpy as np

from kineograph import media
from kineograph.media import video
from kineograph.media.formats import Limits
from kineograph.values.clip import from_bytes
from kineograph.values.errors import KineographError

WRITTEN = (".png", ".jpg", ".webp", ".gif", ".apng", ".mp4", ".webm")
"The formats that we write; the others that are read are made of the film by ffmpeg."
READ_ALONE = {
    ".mov": "mpeg4",
    ".mkv": "mpeg4",
    ".avi": "mpeg4",
    ".ogv": "libtheora",
    ".mpg": "mpeg2video",
}
SLOW = 25.0  # seconds that one file may take, decoders' own waits in it


def mutated(whole: bytes, rng: random.Random) -> bytes:
    """A file with some bytes changed, cut, repeated, or of another length."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(data))
        match rng.randrange(6):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice((0, 255, 127, 128))
            case 2:
                del data[at : at + rng.randrange(1, 40)]
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 40)]
            case 4:
                data[at : at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            case 5:
                data = data[: max(1, at)]
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def whole_files(folder: Path) -> dict[str, bytes]:
    """A small file of every format that is read, by suffix."""
    frames = np.random.default_rng(1).integers(0, 255, (4, 24, 32, 3), np.uint8)
    note = {"seed": 1, "source": "algorithmicMedia"}
    for suffix in WRITTEN:
        one = suffix in (".png", ".jpg")
        media.save(
            from_bytes(frames[:1] if one else frames, 25), folder / f"whole{suffix}", note=note
        )
    for suffix, codec in READ_ALONE.items():
        command = [video.ffmpeg(), "-v", "error", "-i", folder / "whole.mp4", "-c:v", codec]
        subprocess.run([*command, folder / f"whole{suffix}"], check=True)
    made = {suffix: folder / f"whole{suffix}" for suffix in (*WRITTEN, *READ_ALONE)}
    for path in made.values():
        media.read(path)
    return {suffix: path.read_bytes() for suffix, path in made.items()}


def files(count: int, seed: int, until: float) -> bool:
    """Mutated files of every format through the reader, and through what reads their notes."""
    from kineograph.trust.verify import report

    rng, ends, slow, wrong = random.Random(seed), Counter[str](), 0, []
    limits = Limits(wait=10.0)
    with tempfile.TemporaryDirectory() as folder:
        whole = whole_files(Path(folder))
        suffixes = tuple(whole)
        number = -1
        for number in range(count):
            if time.monotonic() > until:
                number -= 1
                break
            suffix = suffixes[number % len(suffixes)]
            path = Path(folder) / f"x{suffix}"
            path.write_bytes(mutated(whole[suffix], rng))
            begun = time.monotonic()
            try:
                media.read(path, limits)
                ends["read"] += 1
            except KineographError:
                ends["refused"] += 1
            except Exception as error:
                ends["wrong"] += 1
                wrong.append(f"{suffix} {number}: {type(error).__name__}: {error}")
            if number % 5 == 0:
                try:
                    report(path)
                except KineographError:
                    pass
                except Exception as error:
                    ends["wrong"] += 1
                    wrong.append(f"verify {suffix} {number}: {type(error).__name__}: {error}")
            slow += time.monotonic() - begun > SLOW
    told = ", ".join(f"{what} {n:,}" for what, n in sorted(ends.items()))
    print(f"mutated files: {number + 1:,} through the reader: {told}; {slow} hangs", flush=True)
    for line in wrong[:20]:
        print("  " + line)
    return not wrong and not slow


class Forked:
    """A command in a fork of this process, which has everything imported: short, killable."""

    def __init__(self, words: list[str], inputs: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        named = [str(target) if word == "OUT" else word for word in words]
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _command(named, inputs)

    def poll(self) -> int | None:
        if self.code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if done else None
        return self.code

    def wait(self, most: float = 600.0) -> int:
        until = time.monotonic() + most
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                self.send(signal.SIGKILL)
                raise SystemExit("a command hangs")
            time.sleep(0.002)
        return code

    def send(self, kind: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, kind)


def _command(words: list[str], inputs: Path) -> NoReturn:
    """Run a command and end; its pieces are written from the first step on."""
    from kineograph import pieces
    from kineograph.cli import main

    code = 1
    try:
        os.chdir(inputs)
        for number in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        pieces.FIRST = pieces.EVERY = pieces.SHARE = 0.0
        main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        os._exit(code)


def killed(
    name: str, words: list[str], out: str, count: int, seed: int, inputs: Path, until: float
) -> bool:
    """SIGKILL at random points; the command again gives the unbroken run's bytes.

    Runs that were through before the signal do not count. Every second kill waits until there is
    something to go on from, where a command keeps such a thing.
    """
    rng, kills, through, wrong, gone_on = random.Random(seed), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _run(words, inputs, place / "warm" / out)
        begun = time.monotonic()
        _run(words, inputs, place / "whole" / out)
        seconds = time.monotonic() - begun
        expected = _content(place / "whole" / out)
        keeps = name != "loop"  # which is through in a second and keeps nothing to go on from
        while kills < count and time.monotonic() < until:
            target = place / f"cut{kills + through}" / out
            child = Forked(words, inputs, target)
            if keeps and kills % 2:
                while child.poll() is None and not _pieces(target):
                    time.sleep(0.001)
                time.sleep(rng.uniform(0.0, 0.3) * seconds)
            else:
                time.sleep(rng.uniform(0.0, 1.0) * seconds)
            child.send(signal.SIGKILL)
            if child.wait() == 0:
                through += 1
                continue
            kills += 1
            whole = not target.is_file() or _content(target) == expected
            wrong += not whole
            gone_on += _pieces(target)
            is_run = name == "train" and (target / "recipe.json").exists()
            more = ["--resume"] if is_run else ["--force"] if target.is_file() else []
            _run([*words, *more], inputs, target)  # killed as it ended, the file is there
            wrong += _content(target) != expected
            left = (path.name for path in target.parent.iterdir())
            wrong += any(one.startswith(".kine") or one.endswith(".run") for one in left)
    told = f"{kills} kills, {gone_on} with pieces to go on from"
    print(f"SIGKILL {name}: {told}, {through} more were through; {wrong} wrong", flush=True)
    return not wrong


def _pieces(target: Path) -> bool:
    """Whether a killed command left something to go on from."""
    index = target.with_name(f"{target.name}.run") / "pieces.json"
    return index.exists() or any(target.glob("speaker/0*"))


def _run(words: list[str], inputs: Path, target: Path) -> None:
    if code := Forked(words, inputs, target).wait():
        raise SystemExit(f"{' '.join(words)}: ended with {code}")


def _content(path: Path) -> bytes:
    """The bytes of a file, or what a run's newest checkpoint holds."""
    if not path.is_dir():
        return path.read_bytes() if path.exists() else b""
    newest = sorted((path / "speaker").glob("0*"))[-1]
    facts = json.loads((newest / "state.json").read_text())
    return f"{facts['seen']} {facts['sha256']}".encode()


def signalled(count: int, seed: int, inputs: Path) -> bool:
    """Many signals over one training run: every tensor of the end equals the unbroken run's."""
    rng, sent = random.Random(seed), Counter[str]()
    words = ["train", "letters.json", "--out", "OUT"]
    with tempfile.TemporaryDirectory() as folder:
        whole, cut = Path(folder) / "whole" / "run", Path(folder) / "cut" / "run"
        _run(words, inputs, whole)
        kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        for number in range(count):
            again = ["--resume"] if (cut / "recipe.json").exists() else []
            child = Forked([*words, *again], inputs, cut)
            log, before = cut / "log.jsonl", _size(cut / "log.jsonl")
            until = time.monotonic() + 60
            while _size(log) <= before and child.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.05))
            kind = kinds[number % 3]
            child.send(kind)
            child.wait()
            sent[kind.name] += 1
        _run([*words, "--resume"], inputs, cut)
        same = _content(whole) == _content(cut)
        newest = sorted((cut / "speaker").glob("0*"))[-1]
        from kineograph import weight_files

        tensors = len(weight_files.read(newest / "state.safetensors"))
    told = ", ".join(f"{n} {kind}" for kind, n in sorted(sent.items()))
    ended = "equal" if same else "DIFFER"
    print(f"signals over one training run: {told}; {tensors} tensors {ended}", flush=True)
    return same


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def inputs_in(folder: Path) -> None:
    """A clip, pictures and a recipe, as the commands name them."""
    from test_row_29_training import recipe_file

    y, x = np.mgrid[:32, :48]
    angles = np.linspace(0, 4 * np.pi, 24, endpoint=False)
    discs = [np.hypot(y - 16 - 8 * np.sin(a), x - 24 - 12 * np.cos(a)) < 7 for a in angles]
    colours = ([220, 60, 40], [20, 52, 212])
    shown = [np.where(one[..., None], *colours).astype(np.uint8) for one in discs]
    media.save(from_bytes(np.stack(shown), 12), folder / "clip.webp")
    rng = np.random.default_rng(3)
    for name in ("brick", "photo"):
        picture = rng.integers(0, 255, (1, 24, 24, 3), np.uint8)
        media.save(from_bytes(picture), folder / f"{name}.png")
    recipe_file(folder, samples=1200)


ZOOM = "zoom --example brick.png --example photo.png --canvas 32 --size 64 --seconds 2 --seed 1"
COMMANDS = {
    "video": ("video heart --by cascade --seed 1 -o OUT", "x.webp"),
    "zoom": (f"{ZOOM} -o OUT", "x.mp4"),
    "loop": ("loop clip.webp --best-loop --seconds 8 --size 384 --seed 1 -o OUT", "x.mp4"),
    "texture grow": ("texture grow brick.png --window 9 --size 64x64 --seed 1 -o OUT", "x.png"),
    "train": ("train letters.json --out OUT", "run"),
}


def _preload() -> None:
    """Import what the commands need, so that a fork begins at once."""
    from kineograph import cli, models
    from kineograph.families.text_to_video import model as video_model
    from kineograph.families.texture import model as texture_model
    from kineograph.families.video_texture import model as loop_model
    from kineograph.families.zoom import model as zoom_model
    from kineograph.training import loop

    del cli, models, loop, video_model, texture_model, loop_model, zoom_model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--signals", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6, help="most of one sweep")
    parser.add_argument("--only", choices=list(COMMANDS), help="kill this command alone")
    asked = parser.parse_args()
    limit = 60 * asked.minutes
    well = files(asked.files, asked.seed, time.monotonic() + limit) if asked.files else True
    _preload()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder)
        inputs_in(inputs)
        if asked.signals:
            well &= signalled(asked.signals, asked.seed, inputs)
        for name, (line, out) in COMMANDS.items():
            if asked.kills and asked.only in (None, name):
                until = time.monotonic() + limit
                well &= killed(name, line.split(), out, asked.kills, asked.seed, inputs, until)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
