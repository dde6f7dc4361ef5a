"""The wheel: whole by itself, within its size, without what only training needs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST = 95 * 10**6  # bytes


def run(*words, **how):
    made = subprocess.run([*map(str, words)], capture_output=True, text=True, **how)
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built without the network from what is committed or would be."""
    folder = tmp_path_factory.mktemp("wheel")
    copied = folder / "source"
    copied.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "src"):
        (copied / name).symlink_to(ROOT / name)
    how = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", folder]
    run(sys.executable, "-m", "pip", "wheel", *how, copied)
    return next(folder.glob("*.whl"))


def test_the_wheel_keeps_within_its_size(wheel):
    assert wheel.stat().st_size <= MOST


def test_the_wheel_holds_every_file_of_the_package(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("kineograph/")}
    package = ROOT / "src" / "kineograph"
    here = {
        f"kineograph/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here == held


def test_installed_alone_it_makes_and_shows(wheel, tmp_path):
    place = tmp_path / "installed"
    how = ["--no-deps", "--no-index", "--quiet", "--target", place]
    run(sys.executable, "-m", "pip", "install", *how, wheel)
    env = os.environ | {"PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"}
    where = run(sys.executable, "-c", "import kineograph; print(kineograph.__file__)", env=env)
    assert where.strip().startswith(str(place))
    command = [sys.executable, "-m", "kineograph"]
    out = tmp_path / "wall.png"
    brick = ROOT / "docs" / "brick.png"
    run(*command, "texture", "grow", brick, "--size", "12x12", "--window", 5, "-o", out, env=env)
    assert "texture grow" in run(*command, "show", out, env=env)
    run(*command, "zoom", "--pick", "--photo", brick, "-o", tmp_path / "pick.html", env=env)
    assert "stickers: " in run(*command, "models", "list", env=env)
