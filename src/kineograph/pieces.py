"""How does long work go on where it was cut? Its finished pieces lie in `OUT.run/`, beside OUT.

A piece is the state of one loop after a whole step: levels of a zoom or frames of a clip being
denoised, pixels of a texture. Loops ask for their `place`; every making passes its loops in the
same order, so the n-th place of a second run is the n-th of the first. What the loop began with is
hashed with the piece: a piece of anything else is not taken up.

    OUT.run/request.json    what was asked: another request does not take these pieces up
            pieces.json     place -> file, its SHA-256, the hash of the beginning
            0003-12.npz     the newest piece of a place
            .lock           held while a process makes OUT

Work shorter than FIRST seconds writes nothing. The folder goes when OUT is whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kineograph import files
from kineograph.values.errors import InputError, KineographError, LimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    State = Mapping[str, NDArray[Any]]

FIRST = 10.0  # seconds of work before the first piece is written
EVERY = 10.0  # seconds between two writings, at least
SHARE = 20.0  # of the time that a writing took must pass before the next
STALE = 30 * 86_400.0  # seconds after which an unlocked run folder is swept
SUFFIX = ".run"
MOST_NAME = 255  # bytes of a file's name
REQUEST, INDEX = "request.json", "pieces.json"
SCHEMA = 1


class Place:
    """One loop of a making. state: what an earlier run left of it, None when nothing."""

    def __init__(self, pieces: Pieces, number: int, beginning: str) -> None:
        self._pieces, self._number, self.beginning = pieces, number, beginning
        self.state: State | None = pieces.found(number, beginning)

    def keep(self, state: State) -> None:
        """Take the state after a whole step; nobody changes its arrays after that."""
        self._pieces.keep(self._number, self.beginning, state)


_current: ContextVar[Pieces | None] = ContextVar("pieces", default=None)


def place(beginning: Callable[[], Sequence[NDArray[Any]]]) -> Place | None:
    """The place of a loop; None where nothing is kept. beginning: the arrays it begins with."""
    pieces = _current.get()
    return None if pieces is None else pieces.next_place(beginning())


class Pieces:
    """The pieces of one making. target: OUT. asked: gives its record, when first needed."""

    def __init__(
        self, target: Path, asked: Callable[[], Mapping[str, Any]], warn: Callable[[str], None]
    ) -> None:
        self.folder = run_folder(target)
        self.is_there = False  # and locked by us
        self._asked, self._warn, self._stack = asked, warn, ExitStack()
        self._began = self._written = time.monotonic()
        self._pause = FIRST
        self._places = 0
        self._serial = 0
        self._index: dict[str, dict[str, str]] = {}
        self._waiting: dict[int, tuple[str, State]] = {}

    def open(self, *, force: bool) -> None:
        """Take up what is there. Raises InputError when that belongs to another request."""
        if not self.folder.exists():
            return
        before, name = begun(self.folder), self.folder.name
        if before is None:
            remedy = "move it, or choose another name"
            raise InputError("out", f"'{name}' is there and holds no pieces of a making", remedy)
        self._stack.enter_context(files.locked(self.folder))
        self.is_there = True
        files.sweep(self.folder)
        if before != plain(self._asked()):
            if not force:
                self.close()
                remedy = "give that request again, choose another name, or use force to drop them"
                raise InputError("out", f"'{name}' holds pieces of another request", remedy)
            self.remove()
            return
        self._index = _index(self.folder / INDEX)
        self._serial = max(
            (int(p["file"][:-4].split("-")[1]) for p in self._index.values()), default=0
        )
        if self._index:
            self._warn(f"goes on from the pieces in '{self.folder.name}'")

    def next_place(self, beginning: Sequence[NDArray[Any]]) -> Place:
        self._places += 1
        return Place(self, self._places, _hash(beginning))

    def found(self, number: int, beginning: str) -> State | None:
        """The kept state of a place; None where it is damaged, or of another beginning."""
        import numpy as np

        known = self._index.get(f"{number:04d}")
        if known is None or known["beginning"] != beginning:
            return None
        try:
            data = (self.folder / known["file"]).read_bytes()
            if hashlib.sha256(data).hexdigest() != known["sha256"]:
                raise ValueError("its hash is another")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, KeyError) as error:
            self._warn(f"piece {known['file']} is damaged ({error}); that part is made anew")
            return None

    def keep(self, number: int, beginning: str, state: State) -> None:
        self._waiting[number] = beginning, state
        if time.monotonic() - self._written >= self._pause:
            self.write()

    def write(self) -> None:
        """Write what is not written yet. A disk without room costs the pieces, not the work."""
        begun = time.monotonic()
        try:
            self._make_folder()
            old = set()
            for number, (beginning, state) in self._waiting.items():
                name = f"{number:04d}"
                old |= {self._index[name]["file"]} if name in self._index else set()
                self._index[name] = self._written_piece(name, beginning, state)
            with files.placed(self.folder / INDEX) as part:
                part.write_text(json.dumps(self._index), "utf-8")
            for one in old:
                files.remove(self.folder / one)
            self._waiting.clear()
        except (LimitError, InputError, OSError) as error:
            self._warn(f"no piece was kept: {error}")
            self._pause = float("inf")
            return
        self._written = time.monotonic()
        self._pause = max(EVERY, SHARE * (self._written - begun))

    def _written_piece(self, name: str, beginning: str, state: State) -> dict[str, str]:
        import numpy as np

        self._serial += 1
        buffer = io.BytesIO()
        np.savez(buffer, **state)  # type: ignore[arg-type]
        data = buffer.getvalue()
        path = self.folder / f"{name}-{self._serial}.npz"
        with files.placed(path) as part:
            part.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return {"file": path.name, "sha256": digest, "beginning": beginning}

    def _make_folder(self) -> None:
        if self.is_there:
            return
        with files.placed(self.folder) as part:
            part.mkdir()
            text = json.dumps({"pieces": SCHEMA, "request": self._asked()})
            (part / REQUEST).write_text(text, "utf-8")
        self._stack.enter_context(files.locked(self.folder))
        self.is_there = True

    def cut(self) -> None:
        """The making was cut: keep the last whole steps, where there was work enough."""
        if self._waiting and (self.is_there or time.monotonic() - self._began >= FIRST):
            self.write()
        if self.is_there and self._index:
            self._warn(
                f"its finished pieces are in '{self.folder.name}'; the same command goes on there"
            )
        self.close()

    def remove(self) -> None:
        """Remove the folder, so that nobody finds half of it."""
        if self.is_there:
            files.removed_whole(self.folder)
        self.close()

    def close(self) -> None:
        self._stack.close()
        self.is_there = False


@contextmanager
def keeping(
    target: Path,
    asked: Callable[[], Mapping[str, Any]],
    *,
    force: bool = False,
    warn: Callable[[str], None] = lambda told: None,
) -> Iterator[None]:
    """Keep the finished pieces of what is made in the block, until it is whole.

    target: the output. asked: gives the record of the request, seed included. force: drop pieces of
    another request. warn: told what a person should know. The block makes and writes; when it ends
    well the pieces go. Raises InputError for pieces of another request, KineographError when
    another process holds them.
    """
    pieces = Pieces(target, asked, warn)
    pieces.open(force=force)
    token = _current.set(pieces)
    try:
        yield
    except BaseException:
        pieces.cut()
        raise
    finally:
        _current.reset(token)
    pieces.remove()


def run_folder(target: Path) -> Path:
    """Where the pieces of an output lie; a name that would be too long is cut, its hash behind."""
    name = os.fsencode(target.name)
    if len(name) + len(SUFFIX) <= MOST_NAME:
        return target.with_name(target.name + SUFFIX)
    told = hashlib.sha256(name).hexdigest()[:16]
    short = name[: MOST_NAME - len(told) - len(SUFFIX)].decode("utf-8", "ignore")
    return target.with_name(short + told + SUFFIX)


def begun(folder: Path) -> Mapping[str, Any] | None:
    """The record of the request whose pieces a run folder holds; None when it tells none."""
    try:
        told = json.loads((folder / REQUEST).read_text("utf-8"))
        request = told["request"] if told["pieces"] == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return request if isinstance(request, dict) else None


def plain(record: Mapping[str, Any]) -> Any:
    """A record as JSON gives it back."""
    return json.loads(json.dumps(record))


def sweep(folder: Path) -> None:
    """Remove run folders that no process holds and nobody went on with for a month."""
    with suppress(OSError):
        for path in folder.glob(f"*{SUFFIX}"):
            old = time.time() - path.stat().st_mtime > STALE
            if not old or path.is_symlink() or begun(path) is None:
                continue
            with suppress(KineographError), files.locked(path):
                files.removed_whole(path)


def _index(path: Path) -> dict[str, dict[str, str]]:
    """Place -> what is known of its piece; nothing where that cannot be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    names = ("file", "sha256", "beginning")
    return {
        place: known
        for place, known in (told.items() if isinstance(told, dict) else ())
        if isinstance(known, dict)
        and all(isinstance(known.get(name), str) for name in names)
        and re.fullmatch(r"\d{4,}-\d+\.npz", known["file"])
    }


def _hash(arrays: Sequence[NDArray[Any]]) -> str:
    import numpy as np

    digest = hashlib.sha256()
    for one in arrays:
        digest.update(f"{one.dtype} {one.shape} ".encode())
        digest.update(np.ascontiguousarray(one).view(np.uint8).data if one.size else b"")
    return digest.hexdigest()
