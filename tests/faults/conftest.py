"""What the matrix of faults stands on: small media, commands run here or apart, a disk of 2 MB."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from kineograph import cli, media
from kineograph.values.clip import from_bytes

TEXT = "the cat sat on the mat and the dog ran to the hill while the sun was low. " * 40


# One of a kind stays in `make test`; the rest of the kind, each seconds long, is for `make faults`.
LONG = (
    r"row_05.*\[(pixels|profile)\]",
    r"row_07.*\[\.(jpg|gif|apng|webm)\]",
    r"row_09.*\[(sleep 60|echo hello|exit 3)\]",
    r"row_12_a_public_folder.*\[index[0-4]\]",
    r"row_14",
    r"row_19_too_little_memory.*\[(800|950)\]",
    r"row_19_memory_that_runs_out.*\[(python|numpy)",
    r"row_24_a_signal.*\[(2|9)-",
    r"row_24_a_full_stdout.*\[words[02]\]",
    r"row_24_a_closed_stream.*\[[02]\]",
    r"row_30_two_jobs",
    r"a_killed_run_goes_on.*\[0\.1\]",
    r"row_15_text_that_is_no_unicode",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "faults" in item.path.parts and any(re.search(one, item.nodeid) for one in LONG):
            item.add_marker(pytest.mark.long)


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it said."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def run(capfd):
    """Runs a command in this process."""

    def ran(*words: object) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        said = capfd.readouterr()
        code = left.value.code
        ended = Ended(0 if code is None else int(code), said.out, said.err)
        assert "Traceback" not in ended.err
        return ended

    return ran


def apart(*words: object, before: str = "", **how: Any) -> Ended:
    """Runs a command in a process of its own; before: Python that is run ahead of it."""
    code = f"{before}\nfrom kineograph.cli import main\nimport sys\nmain(sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, words)]
    how = {"capture_output": True, "text": True, "timeout": 120} | how
    done = subprocess.run(command, **how)
    return Ended(done.returncode, done.stdout or "", done.stderr or "")


def left_over(folder: Path) -> list[str]:
    """Names of what a command must not leave behind."""
    return sorted(
        path.name for path in folder.rglob("*") if path.name.startswith((".kine", ".par"))
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with small inputs: a looping clip, pictures, a text, states."""
    folder = tmp_path_factory.mktemp("inputs")
    angles = np.linspace(0, 4 * np.pi, 24, endpoint=False)
    y, x = np.mgrid[:32, :48]
    frames = [
        np.hypot(y - 16 - 8 * np.sin(a), x - 24 - 12 * np.cos(a))[..., None] < 7 for a in angles
    ]
    colours = [np.where(one, [220, 60, 40], [20, 52, 212]).astype(np.uint8) for one in frames]
    media.save(from_bytes(np.stack(colours), 12), folder / "clip.webp")
    rng = np.random.default_rng(3)
    for name in ("brick", "photo"):
        picture = rng.integers(0, 255, (1, 24, 24, 3), np.uint8)
        media.save(from_bytes(picture), folder / f"{name}.png")
    (folder / "text.txt").write_text(TEXT)
    (folder / "states.csv").write_text("sun\nsun\nrain\nsun\n" * 5)
    return folder


@pytest.fixture(scope="session")
def kit(made, tmp_path_factory) -> Path:
    """A folder with small inputs for every command, untaught models among them."""
    import every_command

    folder = tmp_path_factory.mktemp("every") / "kit"
    shutil.copytree(made, folder)
    every_command.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def _disk(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no disk can be mounted here ({error})")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here ({done.stderr.strip()})")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(_disk) -> Iterator[Path]:
    """A disk of 2 MB, empty."""
    yield _disk
    for path in _disk.iterdir():
        subprocess.run(["rm", "-rf", str(path)], check=True)


def filled(disk: Path, free: int = 0) -> Path:
    """Fill a disk but for so many bytes; the file that fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                os.write(file.fileno(), bytes(4096))
        except OSError:
            pass
    if free:
        os.truncate(ballast, ballast.stat().st_size - free)
    return ballast
