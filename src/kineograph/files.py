"""How does a file come to be whole or not at all, and how is it known to be the right one?

It is written beside its place and renamed; a sha256 is pinned where it is fetched. A folder that
one process writes for hours is locked against a second one, and so is the name of one output. What
a process that was killed left beside its output is swept by the next one that writes there.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from kineograph.values.errors import InputError, KineographError, is_full, unwritable

if sys.platform != "win32":
    import fcntl

SIGNATURE = ".c2pa"
"Behind a file's name: its C2PA manifest (`trust.manifest`), which holds for these bytes alone."


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """A fresh sibling path for a file or folder, which becomes `target` when the block ends well.

    It has the suffix of `target`. After an error nothing is left behind and an older `target` is
    untouched. Raises LimitError when the disk is full, InputError when the place cannot be written.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = beside(target)
        try:
            yield part
            publish(part, target)
        finally:
            remove(part)


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A folder to write files into: a new one appears whole or not at all.

    One that is there is filled file by file, so that what else lies in it stays.
    """
    if folder.is_dir():
        yield folder
        return
    with placed(folder) as part:
        part.mkdir()
        yield part


@contextmanager
def writing(target: Path, field: str = "out") -> Iterator[None]:
    """What the system refuses while `target` is written becomes an error of ours.

    Libraries that write raise types of their own for a full disk; they are known by their words.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(target.name, error, field) from error
    except Exception as error:
        if is_full(error):
            raise unwritable(target.name, error, field) from error
        raise


# -- names of what is not finished -----------------------------------------------------------------

_PART = re.compile(r"\.kineograph-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}(\.[^/]*)?")
_STALE = 86_400.0  # seconds after which a part of another machine, or of before a restart, is dead


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
    """A new hidden name in the same folder, with the same suffix; it tells whose it is."""
    suffix = target.suffix[:32]
    name = f".kineograph-{_machine()}-{os.getpid()}-{secrets.token_hex(6)}{suffix}"
    return target.with_name(name)


def sweep(folder: Path) -> list[Path]:
    """Remove the parts that processes left which are no more; gives what was removed."""
    dead = []
    with suppress(OSError):
        for path in folder.iterdir():
            if (found := _PART.fullmatch(path.name)) and _is_dead(path, found[1], int(found[2])):
                remove(path)
                dead.append(path)
    return dead


def _is_dead(path: Path, machine: str, process: int) -> bool:
    if machine != _machine():
        return time.time() - path.lstat().st_mtime > _STALE
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, and is somebody else's
        return False
    return False


@cache
def _machine() -> str:
    """Eight digits that stand for this start of this machine, and for its numbering of processes.

    A number of a process means nothing elsewhere: not on a shared disk, not in a container.
    """
    told = ""
    with suppress(OSError):
        told = Path("/proc/sys/kernel/random/boot_id").read_text()
        told += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(told.encode()).hexdigest()[:8]


@contextmanager
def claimed(target: Path) -> Iterator[None]:
    """Keep the name of an output for this process while the block runs.

    Raises InputError when another process writes it. The lock is a hidden file beside it, which
    goes with the block.
    """
    if sys.platform == "win32":
        yield
        return
    short = hashlib.sha256(target.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = target.with_name(f".kineograph-{short}.lock")
    with writing(target):
        file = _claim(path)
    if file is None:
        raise InputError(
            "out", f"another job is writing '{target.name}'", "wait for it or choose another name"
        )
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _claim(path: Path) -> IO[str] | None:
    """The lock's file, held; None when another process holds it."""
    while True:
        file = path.open("w")
        if not _taken(file):
            file.close()
            return None
        with suppress(OSError):  # who had it may have removed it since it was opened
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def publish(part: Path, target: Path) -> None:
    """Flush a file or folder to disk, then give it its final name; what bore that name goes, and
    the signature of it that lay beside.
    """
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
    with suppress(OSError):
        target.with_name(target.name + SIGNATURE).unlink(missing_ok=True)
    _flush(target.absolute().parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing there to remove is well too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
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
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    with file:
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
