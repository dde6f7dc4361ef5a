"""A pack of pictures as people exchange them: a folder of tar shards and a file that describes it.

`pack.json` says what the pack holds, from what, under which licences, by which rule it is split,
and the sha256 of every shard. A shard is a plain tar of pairs, KEY.webp (lossless, RGBA with
straight alpha) and KEY.json (what it shows), in the manner of WebDataset: any tool can read it in
one pass. A key has no dot. `ATTRIBUTION.md` names every source for people.
Shards are written the same, byte for byte, from the same pictures.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.files import placed, sha256_of
from kineograph.values.errors import InputError, KineographError, LimitError, MissingError

FORMAT = 1
SHARD_BYTES = 32 * 2**20  # a new shard begins when one is this large
MOST_BYTES = 16 * 2**20  # of one member
MOST_SIDE = 4096  # pixels
EFFORT = 4  # of the WebP encoder, 0 … 6


class Sample(NamedTuple):
    """One picture. key: letters, digits, "_" and "-". pixels: (H, W, 4) uint8, straight alpha."""

    key: str
    pixels: NDArray[np.uint8]
    facts: dict[str, Any]


def write(folder: Path, samples: Iterable[Sample], about: dict[str, Any]) -> Iterator[int]:
    """Write a pack, whole or not at all; yields how many pictures are written, after each.

    about: goes into `pack.json` beside what is said here; its "sources" are also listed in
    ATTRIBUTION.md: {name: {"version", "licence", "sha256"}}.
    """
    with placed(folder) as part:
        part.mkdir()
        count, shards = 0, Shards(part)
        for sample in samples:
            shards.add(f"{_checked(sample.key)}.webp", webp(sample.pixels))
            facts = json.dumps(sample.facts, ensure_ascii=False, sort_keys=True)
            shards.add(f"{sample.key}.json", facts.encode())
            count += 1
            yield count
        shards.close()
        named = {path.name: sha256_of(path) for path in sorted(part.glob("*.tar"))}
        told = {"format": FORMAT, **about, "pictures": count, "shards": named}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        (part / "pack.json").write_text(text + "\n", "utf-8")
        (part / "ATTRIBUTION.md").write_text(attribution(about), "utf-8")


def attribution(about: dict[str, Any]) -> str:
    """Who made what the pack holds, in Markdown."""
    lines = [f"# Sources of `{about['name']}`", ""]
    for name, facts in about["sources"].items():
        lines.append(f"- {name} {facts['version']}: {facts['licence']} (sha256 {facts['sha256']})")
    return "\n".join([*lines, ""])


def webp(pixels: NDArray[np.uint8]) -> bytes:
    """A lossless WebP of (H, W, 4) that keeps the colours under transparent pixels too."""
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "WEBP", lossless=True, exact=True, method=EFFORT, quality=50)
    return made.getvalue()


class Shards:
    """Tar files of bounded size in a folder, written one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count, self.bytes = folder, 0, 0
        self.tar: tarfile.TarFile | None = None

    def add(self, name: str, content: bytes) -> None:
        """Append a member; pairs stay together because only a picture begins a shard."""
        if self.tar is None or (self.bytes > SHARD_BYTES and name.endswith(".webp")):
            self.close()
            self.tar = tarfile.open(self.folder / f"{self.count:05d}.tar", "w")  # noqa: SIM115
            self.count, self.bytes = self.count + 1, 0
        entry = tarfile.TarInfo(name)  # time 0, owner 0: the same bytes every time
        entry.size = len(content)
        self.tar.addfile(entry, io.BytesIO(content))
        self.bytes += len(content)

    def close(self) -> None:
        if self.tar is not None:
            self.tar.close()
            self.tar = None


def read_about(folder: Path) -> dict[str, Any]:
    """What `pack.json` says; MissingError when it is not there, InputError when not understood."""
    path = folder / "pack.json"
    if not path.is_file():
        raise MissingError(f"no pack in '{folder}': pack.json is not there")
    about: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if about.get("format") != FORMAT:
        raise InputError("pack", f"format {about.get('format')} is unknown, {FORMAT} is read")
    return about


def read(folder: Path) -> Iterator[Sample]:
    """Every picture of a pack in order; a shard whose hash differs is refused."""
    for name, digest in read_about(folder)["shards"].items():
        path = folder / name
        if not re.fullmatch(r"\d{5}\.tar", name) or not path.is_file():
            raise MissingError(f"pack '{folder}': shard {name} is not there")
        if (found := sha256_of(path)) != digest:
            raise KineographError(f"pack '{folder}': {name} has sha256 {found}, not {digest}")
        with tarfile.open(path, "r:") as tar:
            yield from _pairs(tar)


def _pairs(tar: tarfile.TarFile) -> Iterator[Sample]:
    picture: tuple[str, NDArray[np.uint8]] | None = None
    for entry in tar:
        file = tar.extractfile(entry)
        if file is None:
            continue
        if entry.size > MOST_BYTES:
            raise LimitError(f"pack: {entry.name} has {entry.size:,} bytes, over {MOST_BYTES:,}")
        key, _, kind = entry.name.partition(".")
        if kind == "webp":
            picture = _checked(key), _decoded(file.read())
        elif kind == "json" and picture is not None and picture[0] == key:
            yield Sample(*picture, json.loads(file.read()))
            picture = None
        else:
            raise InputError("pack", f"{entry.name} has no picture before it")


def _decoded(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=["WEBP"]) as opened:
        if max(opened.size) > MOST_SIDE:
            raise LimitError(f"pack: a picture of {opened.size} pixels, over {MOST_SIDE}")
        return np.array(opened.convert("RGBA"))


def _checked(key: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", key):
        raise InputError("key", f"'{key}'", "use letters, digits, _ and -")
    return key
