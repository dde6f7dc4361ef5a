"""Where do uploads and results lie, and which file does a name mean?

    HOME/studio.db   HOME/uploads/SHA256/NAME   HOME/results/ID/…

A request names files as `uploads/SHA256/NAME`, `results/ID/NAME` or `examples/NAME`. A name comes
from a stranger: it is matched whole, and what it leads to must lie in its folder without a link.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib import resources
from pathlib import Path

from kineograph.files import publish, remove, sweep
from kineograph.values.errors import InputError, LimitError

MOST_BYTES = 512 * 10**6  # of one upload
MOST_NAME = 120  # letters of a file's name
TAKEN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".apng": "image/apng",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
    ".json": "text/plain; charset=utf-8",
    ".npz": "application/octet-stream",
    ".html": "text/html; charset=utf-8",
}
"Suffixes that may be uploaded, and the only types they are served as."
SHOWN = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".apng", ".mp4", ".webm", ".mov")
"Suffixes whose first bytes must be a picture's or a video's."
_NAME = r"[^/\\\x00-\x1f]{1,200}"
_PLACE = re.compile(rf"uploads/[0-9a-f]{{64}}/{_NAME}|results/\d{{1,12}}/{_NAME}|examples/{_NAME}")


class Home:
    """A folder of the studio's own; examples are part of the package."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.uploads, self.results = self.root / "uploads", self.root / "results"
        for folder in (self.uploads, self.results):
            folder.mkdir(parents=True, exist_ok=True)
        sweep(self.uploads)
        self.examples = Path(str(resources.files("kineograph.studio") / "page" / "examples"))

    def path(self, place: str, field: str = "file") -> Path:
        """The file that a place names.

        Raises InputError when it is no place of the studio, or nothing of ours lies there.
        """
        if not _PLACE.fullmatch(place) or any(part in (".", "..") for part in place.split("/")):
            raise InputError(field, f"'{place[:80]}' is no file of the studio", "upload it first")
        base = self.examples.parent if place.startswith("examples/") else self.root
        path = base
        try:
            for part in place.split("/"):
                path = path / part
                if path.is_symlink():
                    raise InputError(field, f"'{place[:80]}' is a link", "upload the file itself")
            known = path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            known = False
        if not known:
            raise InputError(field, f"'{place[:80]}' is not there", "upload it first")
        return path

    def folder(self, number: int) -> Path:
        """Where the result of a job lies."""
        return self.results / str(number)

    def size(self) -> int:
        """Bytes of everything kept; what goes away meanwhile counts nothing."""
        count = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(OSError):
                    count += (Path(folder) / name).lstat().st_size
        return count

    async def upload(self, name: str, body: AsyncIterator[bytes]) -> str:
        """Keep what is sent under its hash; gives its place.

        Raises InputError for a kind that is not taken, LimitError when it is too large.
        """
        name = _cleaned(name)
        part = self.uploads / f".{secrets.token_hex(8)}{Path(name).suffix}"
        digest, count = hashlib.sha256(), 0
        try:
            with part.open("wb") as file:
                async for piece in body:
                    count += len(piece)
                    if count > MOST_BYTES:
                        raise LimitError(f"file: '{name}' is over {MOST_BYTES:,} bytes")
                    digest.update(piece)
                    file.write(piece)
            _check(part, name, count)
            folder = self.uploads / digest.hexdigest()
            folder.mkdir(exist_ok=True)
            publish(part, folder / name)
        finally:
            remove(part)
        return f"uploads/{digest.hexdigest()}/{name}"

    def known(self, digest: str) -> str:
        """The place of a file by its sha256; "" when it is not here."""
        folder = self.uploads / digest
        if re.fullmatch(r"[0-9a-f]{64}", digest) and folder.is_dir():
            for path in sorted(folder.iterdir()):
                return f"uploads/{digest}/{path.name}"
        for path in sorted(self.examples.iterdir()):
            if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                return f"examples/{path.name}"
        return ""


def _cleaned(name: str) -> str:
    """A file's own name: without folders and marks, short, of a kind that is taken."""
    name = re.sub(r"[^\w .()+-]", "_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
    stem, _, ending = name.rpartition(".")
    suffix = f".{ending.lower()}"
    if suffix not in TAKEN or not stem:
        known = ", ".join(TAKEN)
        raise InputError("file", f"'{name[:80]}' is of no kind that is taken", f"send {known}")
    return stem[: MOST_NAME - len(suffix)] + suffix


def _check(path: Path, name: str, count: int) -> None:
    """Whether the bytes are what the name says, where something of ours opens them."""
    if not count:
        raise InputError("file", f"'{name}' is empty", "send a whole file")
    if path.suffix in SHOWN:
        from kineograph.media.sniff import kind_of

        with path.open("rb") as file:
            kind_of(name, file)
