"""A pack of pictures as people exchange them: a folder of tar shards and a file that describes it.

`pack.json` says what the pack holds, from what, under which licences, by which rule it is split,
and the sha256 of every shard. A shard is a plain tar of pairs, KEY.webp (lossless, RGBA with
straight alpha; a clip moves) and KEY.json (what it shows), in the manner of WebDataset: any tool
can read it in one pass. A pack of texts has KEY.txt in place of KEY.webp. A key has no dot.
`ATTRIBUTION.md` names every source for people.
Shards are written the same, byte for byte, from the same pictures.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import pairwise
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
MOST_FRAMES = 256  # of a clip
EFFORT = 4  # of the WebP encoder, 0 … 6


class Sample(NamedTuple):
    """One picture, clip or text. key: letters, digits, "_" and "-".

    pixels: (H, W, 4) uint8, straight alpha; (T, H, W, 4) of a clip, whose facts hold its `fps`. Or
    a text.
    """

    key: str
    pixels: NDArray[np.uint8] | str
    facts: dict[str, Any]


About = dict[str, Any]
Ending = Callable[[Path], About]


def write(folder: Path, samples: Iterable[Sample], about: About | Ending) -> Iterator[int]:
    """Write a pack, whole or not at all; yields how many pictures are written, after each.

    about: goes into `pack.json` beside what is said here; its "sources" are also listed in
    ATTRIBUTION.md: {name: {"version", "licence", "sha256"}}. Where it is known only when all is
    written, a function of the unfinished folder, which may put more files there.
    """
    with placed(folder) as part:
        part.mkdir()
        count = 0
        with closing(Shards(part)) as shards:
            for sample in samples:
                key, facts = _checked(sample.key), sample.facts
                if isinstance(sample.pixels, str):
                    shards.add(f"{key}.txt", sample.pixels.encode())
                else:
                    shards.add(f"{key}.webp", webp(sample.pixels, float(facts.get("fps", 0.0))))
                shards.add(
                    f"{key}.json", json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
                )
                count += 1
                yield count
        about = about(part) if callable(about) else about
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


def webp(pixels: NDArray[np.uint8], fps: float = 0.0) -> bytes:
    """A lossless WebP of (H, W, 4) that keeps the colours under transparent pixels too.

    Of a clip (T, H, W, 4) it moves, and only what is seen is kept.
    """
    made, how = io.BytesIO(), {"lossless": True, "method": EFFORT, "quality": 50}
    if pixels.ndim == 3:
        Image.fromarray(pixels).save(made, "WEBP", exact=True, **how)
        return made.getvalue()
    first, *rest = map(Image.fromarray, pixels)
    begins = [round(1000 * i / fps) for i in range(len(pixels) + 1)]  # rounding never adds up
    shown = [after - before for before, after in pairwise(begins)]
    first.save(made, "WEBP", save_all=True, append_images=rest, duration=shown, loop=0, **how)
    return made.getvalue()


class Shards:
    """Tar files of bounded size in a folder, written one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count, self.bytes = folder, 0, 0
        self.tar: tarfile.TarFile | None = None

    def add(self, name: str, content: bytes) -> None:
        """Append a member; pairs stay together because only a picture begins a shard."""
        if self.tar is None or (self.bytes > SHARD_BYTES and not name.endswith(".json")):
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
    held: tuple[str, bytes, str] | None = None
    for entry in tar:
        file = tar.extractfile(entry)
        if file is None:
            continue
        if entry.size > MOST_BYTES:
            raise LimitError(f"pack: {entry.name} has {entry.size:,} bytes, over {MOST_BYTES:,}")
        key, _, kind = entry.name.partition(".")
        if kind in ("webp", "txt"):
            held = _checked(key), file.read(), kind
        elif kind == "json" and held is not None and held[0] == key:
            facts = json.loads(file.read())
            text = held[2] == "txt"
            yield Sample(key, held[1].decode() if text else _decoded(held[1], facts), facts)
            held = None
        else:
            raise InputError("pack", f"{entry.name} has no picture before it")


def _decoded(content: bytes, facts: dict[str, Any]) -> NDArray[np.uint8]:
    """A picture, or a clip whose alike frames in a row the encoder joined."""
    with Image.open(io.BytesIO(content), formats=["WEBP"]) as opened:
        if max(opened.size) > MOST_SIDE:
            raise LimitError(f"pack: a picture of {opened.size} pixels, over {MOST_SIDE}")
        count = getattr(opened, "n_frames", 1)
        if count == 1 and not facts.get("fps"):
            return np.array(opened.convert("RGBA"))
        if count > MOST_FRAMES:
            raise LimitError(f"pack: a clip of {count:,} frames, over {MOST_FRAMES:,}")
        frames: list[NDArray[np.uint8]] = []
        for i in range(count):
            opened.seek(i)
            picture = np.array(opened.convert("RGBA"))
            shown = opened.info.get("duration", 0) * float(facts.get("fps", 0.0)) / 1000
            frames += [picture] * max(1, min(round(shown), MOST_FRAMES))
        return np.stack(frames[:MOST_FRAMES])


def _checked(key: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", key):
        raise InputError("key", f"'{key}'", "use letters, digits, _ and -")
    return key
