"""No user, host or path in any file we write, and no network but where it is asked for."""

from __future__ import annotations

import getpass
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import apart
from test_row_23_disk_full import COMMANDS, placed

SECRET = "precious-folder-name"
WITHOUT = ("keep",)  # its name is the corpus's name, as the person gave it


@pytest.fixture(scope="module")
def hidden(made, tmp_path_factory):
    """The inputs in a folder whose name must stand nowhere."""
    folder = tmp_path_factory.mktemp("x") / SECRET
    shutil.copytree(made, folder)
    return folder


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in WITHOUT])
def test_no_output_tells_user_host_or_path(name, run, hidden, tmp_path):
    out = tmp_path / f"{SECRET}-out"
    out.mkdir()
    assert run(*placed(COMMANDS[name], hidden, out)).code == 0
    words = {SECRET, str(tmp_path), f"{Path.home()}/", str(hidden)}
    words |= {name for name in (socket.gethostname(),) if len(name) > 5}
    words |= {f"user {getpass.getuser()}", f"home/{getpass.getuser()}"}
    patterns = re.compile(b"|".join(re.escape(word.encode()) for word in words))
    written = [path for path in out.rglob("*") if path.is_file()]
    assert written
    for path in written:
        assert not patterns.search(path.read_bytes()), path.name


BLOCK = """
import socket
def no(*_, **__):
    raise AssertionError("the network was asked for")
socket.socket.connect = no
socket.getaddrinfo = no
socket.create_connection = no
"""


@pytest.mark.parametrize("name", ["webp", "png", "zoom", "write", "chain", "keep"])
def test_no_command_asks_for_the_network(name, made, tmp_path):
    words = placed(COMMANDS[name], made, tmp_path)
    assert apart(*words, before=BLOCK).code == 0


def test_a_learned_picture_needs_no_network_at_all(tmp_path):
    """In a namespace without any network, where the system has such."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-n", "true"]).returncode:
        pytest.skip("no namespace can be made here")
    command = ["unshare", "-n", sys.executable, "-m", "kineograph", "image", "a cat"]
    command += ["--by", "tokens", "--candidates", "1", "--seed", "1", "-o", str(tmp_path / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
