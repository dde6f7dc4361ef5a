"""How does a file come to be whole or not at all, and how is it known to be the right one?

It is written beside its place and renamed; a sha256 is pinned where it is fetched. A folder that
one process writes for hours is locked against a second one.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kineograph.values.errors import KineographError

if sys.platform != "win32":
    import fcntl


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """A fresh sibling path for a file or folder, which becomes `target` when the block ends well.

    It has the suffix of `target`. After an error nothing is left behind and an older `target` is
    untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = beside(target)
    try:
        yield part
        publish(part, target)
    finally:
        remove(part)


def sequence_of(pattern: Path) -> tuple[Path, ...]:
    """The files that a pattern names, in the order people count; none where it is no pattern.

    `frame_%04d.png` stands for numbers (of any length), `*` and `?` for any letters; only in the
    file's name, and only where no file has that very name.
    """
    name, folder = pattern.name, pattern.parent
    if pattern.exists() or not re.search(r"%0?\d*d|[*?]", name) or not folder.is_dir():
        return ()
    parts = re.split(r"(%0?\d*d|[*?])", name)
    marks = {"*": ".*", "?": "."}
    words = (marks.get(p, r"\d+" if p[:1] == "%" else re.escape(p)) for p in parts)
    whole = re.compile("".join(words))
    found = (p for p in folder.iterdir() if whole.fullmatch(p.name) and p.name[:1] != ".")
    return tuple(sorted((p for p in found if p.is_file()), key=counted))


def counted(path: Path) -> list[int | str]:
    """A key that sorts names as people count: 2 before 10."""
    return [int(w) if w.isdecimal() else w for w in re.split(r"(\d+)", path.name)]


def beside(target: Path) -> Path:
    """A new hidden name in the same folder, with the same suffix."""
    return target.with_name(f".kineograph-{secrets.token_hex(6)}{target.suffix}")


def publish(part: Path, target: Path) -> None:
    """Flush a file or folder to disk, then give it its final name; what bore that name goes."""
    for inside in part.iterdir() if part.is_dir() else ():
        _flush(inside)
    _flush(part)
    if part.is_dir() and target.is_dir():  # a folder cannot be renamed over a full one
        aside = beside(target)
        target.rename(aside)
        try:
            part.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside)
    else:
        part.replace(target)
    _flush(target.absolute().parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing there is well too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def removed_whole(folder: Path) -> None:
    """Remove a folder so that nobody finds half of it: it first takes a hidden name."""
    aside = beside(folder)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder for this process while the block runs; KineographError when another has it.

    The lock is the operating system's: a process that dies lets go of it. Where there is none
    (Windows) nothing is locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        if not _taken(file):
            raise KineographError(
                f"'{folder}' is being written by another process; wait for it or stop it"
            )
        yield


def _taken(file: IO[str]) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sha256_of(path: Path) -> str:
    """The sha256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
