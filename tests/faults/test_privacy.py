"""No user, host, path or variable in a file we write; no network but where it is asked for."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kineograph
from every_command import (
    CASES,
    FETCHING,
    LISTENING,
    MISSING,
    NEEDING,
    READING,
    WITHOUT,
    commands,
    parameters,
    placed,
    written,
)
from kineograph import files, pieces

SECRETS = {
    "folder": "quetzal-folder",
    "home": "ocelot-home",
    "user": "tamarin-user",
    "host": "axolotl-host",
    "value": "pangolin-value",
}
"Words that are nowhere else in the world of a test, by what they name."


def test_every_command_is_run_or_has_its_reason():
    """What the CLI knows is in the list; what has a reason is still there."""
    assert not MISSING
    known = commands()
    ran = {case.command for case in CASES} | {name.rpartition(" ")[0] for name in WITHOUT}
    assert ran | {*READING, *NEEDING, *FETCHING, *LISTENING} == set(known)
    outputs = {
        f"{name} {output}"
        for name, one in known.items()
        for output, _, _ in written(name, {parameter.name for parameter in one.params})
    }
    assert set(WITHOUT) <= outputs


# -- what is asked for over the network ------------------------------------------------------------

GUARD = """
import os, socket
def no(self, family=-1, *rest, **how):
    if family not in (socket.AF_UNIX,):
        with open(os.environ["ASKED_FOR"], "a") as file:
            file.write("a socket\\n")
        raise AssertionError("the network was asked for")
    return _init(self, family, *rest, **how)
_init = socket.socket.__init__
socket.socket.__init__ = no
"""


@pytest.fixture
def asked_for(monkeypatch, tmp_path) -> Path:
    """A file that names what asked for the network: here, in children, by a fetching client."""
    told, guard, clients = tmp_path / "asked", tmp_path / "guard", tmp_path / "clients"
    for folder in (guard, clients):
        folder.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)
    for name in ("npm", "pip", "curl", "wget", "git"):
        (clients / name).write_text(f'#!/bin/sh\necho {name} >> "$ASKED_FOR"\nexit 1\n')
        (clients / name).chmod(0o755)
    monkeypatch.setenv("ASKED_FOR", str(told))
    paths = [guard, Path(kineograph.__file__).parents[1]]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    monkeypatch.setenv("PATH", f"{clients}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(socket.socket, "__init__", socket.socket.__init__)  # put back after
    exec(GUARD, {})
    return told


def test_the_guard_sees_sockets_here_in_children_and_fetching_clients(asked_for):
    with pytest.raises(AssertionError):
        socket.create_connection(("127.0.0.1", 9))
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
    assert subprocess.run(["npm", "pack"], check=False).returncode
    assert asked_for.read_text().split("\n") == ["a socket", "a socket", "npm", ""]


# -- what is told of the machine -------------------------------------------------------------------


@pytest.fixture
def stranger(kit, monkeypatch, tmp_path) -> Path:
    """The inputs, in a folder, a home, a name and a host that must stand nowhere; we are in it."""
    folder = tmp_path / SECRETS["folder"]
    shutil.copytree(kit, folder)
    home = tmp_path / SECRETS["home"]
    home.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, SECRETS["user"])
    for name in ("KINEOGRAPH_SECRET", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRETS["value"])
    monkeypatch.setenv("HOSTNAME", SECRETS["host"])
    monkeypatch.setattr(socket, "gethostname", lambda: SECRETS["host"])
    monkeypatch.setattr(platform, "node", lambda: SECRETS["host"])
    monkeypatch.chdir(folder)
    return folder


def told_by(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what is packed in them: zip, zlib in a PNG, base64 in a page."""
    whole = path.read_bytes()
    yield whole
    if zipfile.is_zipfile(io.BytesIO(whole)):
        with zipfile.ZipFile(io.BytesIO(whole)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    for found in re.finditer(rb"(?:zTXt|iTXt|iCCP)[^\0]*\0+(x.{8,})", whole, re.DOTALL):
        try:
            yield zlib.decompressobj().decompress(found[1], 10**6)
        except zlib.error:
            continue
    for found in re.finditer(rb"base64,([A-Za-z0-9+/=]{40,})", whole):
        yield base64.b64decode(found[1])


def names_of(folder: Path) -> re.Pattern[bytes]:
    """All that names this machine: the secrets, where the package and Python lie, the real host."""
    words = {*SECRETS.values(), str(folder.parent), os.fspath(Path(kineograph.__file__).parent)}
    words |= {sys.prefix, *(name for name in (platform.uname().node,) if len(name) > 5)}
    return re.compile(b"|".join(re.escape(word.encode()) for word in words))


@pytest.mark.parametrize("case", parameters())
def test_a_command_tells_nothing_of_the_machine_and_opens_no_socket(
    case, run, stranger, asked_for, monkeypatch
):
    for name in ("FIRST", "EVERY", "SHARE"):  # every step is a piece
        monkeypatch.setattr(pieces, name, 0.0)
    monkeypatch.setattr(files, "removed_whole", lambda one: one.rename(f"{one}-kept"))
    out = stranger / "out"
    out.mkdir()
    ended = run(*placed(case.words, Path(), Path("out")))
    assert ended.code == 0, ended.err
    assert not asked_for.exists(), asked_for.read_text()
    made = [path for path in out.rglob("*") if path.is_file()]
    assert made
    told = names_of(stranger)
    for path in made:
        for piece in told_by(path):
            assert not (found := told.search(piece)), (path.name, found[0], piece[:200])
    assert not told.search((ended.out + ended.err).encode())


def test_run_folders_are_among_what_is_searched(run, stranger, monkeypatch):
    """The search above would find a path in them: there are some, and they hold the request."""
    for name in ("FIRST", "EVERY", "SHARE"):
        monkeypatch.setattr(pieces, name, 0.0)
    monkeypatch.setattr(files, "removed_whole", lambda one: one.rename(f"{one}-kept"))
    words = ("texture", "grow", "brick.png", "--size", "24x24", "--seed", 1, "-o", "x.png")
    assert run(*words).code == 0
    request = json.loads((stranger / "x.png.run-kept" / pieces.REQUEST).read_text())
    assert request["request"]["verb"] == "texture grow"
    assert list((stranger / "x.png.run-kept").glob("*.npz"))


@pytest.mark.parametrize("name", READING)
def test_a_command_that_reads_tells_nothing_more_and_opens_no_socket(
    name, run, stranger, asked_for
):
    ended = run(*placed(READING[name], Path(), Path()))
    assert ended.code == 0, ended.err
    assert not asked_for.exists()
    assert not names_of(stranger).search((ended.out + ended.err).encode())


@pytest.mark.parametrize("name", NEEDING)
def test_a_command_whose_data_is_not_here_fetches_nothing_unasked(name, run, stranger, asked_for):
    ended = run(*placed(NEEDING[name], Path(), Path("out")))
    assert ended.code == 3, ended.err
    assert not asked_for.exists(), asked_for.read_text()
    assert "kineograph data" in ended.err


ALOOF = """
import os, socket
def no(self, address, *rest):
    if self.family == socket.AF_UNIX:
        return kept(self, address, *rest)
    open(os.environ["ASKED_FOR"], "a").write(f"connects to {address}")
    raise AssertionError("another machine was asked")
def near(self, address):
    if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
        open(os.environ["ASKED_FOR"], "a").write(f"listens at {address}")
        raise AssertionError("listens to other machines")
    return bind(self, address)
kept, bind = socket.socket.connect, socket.socket.bind
socket.socket.connect, socket.socket.bind = no, near
"""


@pytest.mark.parametrize("name", LISTENING)
def test_a_command_that_listens_does_so_on_this_machine_and_asks_no_other(
    name, stranger, asked_for, monkeypatch
):
    (asked_for.parent / "guard" / "sitecustomize.py").write_text(ALOOF)
    command = [sys.executable, "-m", "kineograph", name, "--port", "0", "--home", "home"]
    command += ["--no-browser"] if name == "studio" else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+", child.stdout.readline())
        assert address
        monkeypatch.undo()  # we may ask
        place = "/health" if name == "serve" else "/"
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address[0]}{place}", timeout=10)
                break
            time.sleep(0.1)
        child.send_signal(signal.SIGTERM)
        child.wait(60)
    assert not asked_for.exists(), asked_for.read_text()


def test_a_fetching_command_is_seen_to_fetch(run, stranger, asked_for):
    """The exemption is a true one."""
    assert run("data", "fonts").code == 3
    assert asked_for.exists()
