"""What are the stickers? Captioned animated emoji (clips, each one whole loop) and still emoji.

A concept is known by its code points in lower-case hexadecimal joined by "-", without the
presentation selector fe0f: "1f44b-1f3fd". Concepts that look alike form a family, and the family's
hash says what is held out: `val` is never trained on in any style or tone; `val_motion` is trained
on as a picture, never as a clip.
This file opens finished packs; `sticker_packs.py` makes them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph.data.packages import cache_folder
from kineograph.values.errors import InputError, MissingError

FRAMES = 32  # frames a clip; 16 and 8 are every 2nd and every 4th of them
CLIP_SIZES = (64, 128)  # pixels; 128 holds the clips without skin tones only
STYLES = ("3d", "flat", "noto")  # of the stills, in the order they are stored; clips are 3d
TAG_PAIRS = 4

TONES = {
    "1f3fb": "light",
    "1f3fc": "medium-light",
    "1f3fd": "medium",
    "1f3fe": "medium-dark",
    "1f3ff": "dark",
}
_GENDERS = {"2640", "2642"}
_MAN, _WOMAN, _PERSON = "1f468", "1f469", "1f9d1"
_CHILDREN = {"1f466", "1f467", "1f9d2"}
_FAMILY, _COUPLE = "1f46a", "1f491"
_PAIRS = {_COUPLE, "1f48f", "1f46b", "1f46c", "1f46d"}  # hearts, kisses, holding hands
# One family for what looks alike, each named by one of its members.
_MERGED = (
    {format(code, "x"): "1f550" for code in range(0x1F550, 0x1F568)}  # 24 clock faces
    | dict.fromkeys(("1f9b0", "1f9b1", "1f9b2", "1f9b3"), _PERSON)  # red, curly, no, white hair
    | dict.fromkeys(("1f471", "1f474", "1f475", "1f9d3"), _PERSON)  # blond hair, old people
    | dict.fromkeys(("2602", "2614"), "2602")  # umbrellas
    | dict.fromkeys(("1f483", "1f57a"), "1f483")  # dancers
)


@dataclass(frozen=True)
class Sticker:
    """One clip or still.

    key: code points. name, tags, group: what it shows. split: train, val or val_motion.
    style: one of STYLES. tone: one of TONES' values, or "". seconds: of one loop, 0 for a still.
    motion: mean |frame - clip mean| in pixel values 0..1.
    """

    key: str
    name: str
    tags: tuple[str, ...]
    group: str
    family: str
    split: str
    style: str = "3d"
    tone: str = ""
    seconds: float = 0.0
    motion: float = 0.0


@dataclass(frozen=True)
class Stickers:
    """Memory-mapped packs of one size in pixels, row i described by record i.

    clips: (N, 32, size, size, 3) uint8 on white, one whole loop each, frame 0 is the rest pose.
    stills: (M, size, size, 3) uint8 on white.
    """

    size: int
    clips: NDArray[np.uint8]
    stills: NDArray[np.uint8]
    clip_records: tuple[Sticker, ...]
    still_records: tuple[Sticker, ...]

    def clip_rows(self, *splits: str, tones: bool = True) -> NDArray[np.int64]:
        """Rows of the clips in the named splits; without `tones`, those of no skin tone only."""
        rows = [
            i
            for i, record in enumerate(self.clip_records)
            if record.split in splits and (tones or not record.tone)
        ]
        return np.array(rows, dtype=np.int64)

    def still_rows(self, *splits: str, styles: tuple[str, ...] = STYLES) -> NDArray[np.int64]:
        """Rows of the stills in the named splits and styles; to train: "train", "val_motion"."""
        rows = [
            i
            for i, record in enumerate(self.still_records)
            if record.split in splits and record.style in styles
        ]
        return np.array(rows, dtype=np.int64)


def key_of(code: str) -> str:
    """The key of code points written in hexadecimal: lower case, joined by "-", without fe0f."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def tone_of(key: str) -> str:
    """The skin tone of a key; "" when it has none."""
    return next((TONES[part] for part in key.split("-") if part in TONES), "")


def untoned(key: str) -> str:
    """The key without skin tones."""
    return "-".join(part for part in key.split("-") if part not in TONES)


def family_of(key: str) -> str:
    """The family of a key: no tone, no gender, and one family for what looks alike."""
    parts = [p for p in key_of(key).split("-") if p not in TONES and p not in _GENDERS]
    while len(parts) > 1 and parts[-1] == "200d":
        parts.pop()
    if not parts:  # a tone or gender swatch by itself
        return key_of(key)

    if parts[0] == _FAMILY or _CHILDREN.intersection(parts[1:]):
        return _FAMILY
    adults = sum(part in (_MAN, _WOMAN, _PERSON) for part in parts)
    if adults > 1 or parts[0] in _PAIRS:
        return _COUPLE
    for part in parts:
        if part in _MERGED:
            return _MERGED[part]
    if parts[0] in (_MAN, _WOMAN):
        parts[0] = _PERSON
    return "-".join(parts)


def split_of(family: str) -> str:
    """train, val or val_motion: sha256(family) mod 20 is 0 for val, 1 for val_motion."""
    rest = int(hashlib.sha256(family.encode()).hexdigest(), 16) % 20
    return {0: "val", 1: "val_motion"}.get(rest, "train")


def variants(record: Sticker) -> list[str]:
    """Every caption of a record, in a fixed order: the name, then the name with four tag pairs.

    The style stands in front: "3d: waving hand", "3d: waving hand, bye, hello". Tones share the
    pairs of their base.
    """
    plain = f"{record.style}: {record.name}"
    tags = [tag for tag in record.tags if tag != record.name]
    base = untoned(record.key)
    pairs = sorted(
        combinations(tags, 2), key=lambda pair: hashlib.sha256(f"{base} {pair}".encode()).digest()
    )
    if len(tags) == 1:
        return [plain, f"{plain}, {tags[0]}"]
    return [plain, *(f"{plain}, {first}, {second}" for first, second in pairs[:TAG_PAIRS])]


def caption(record: Sticker, rng: np.random.Generator) -> str:
    """A caption to train with: 50 % the name, 40 % with two tags, 10 % empty (for guidance)."""
    draw = rng.random()
    if draw < 0.1:
        return ""
    plain, *tagged = variants(record)
    if draw < 0.6 or not tagged:
        return plain
    return tagged[int(rng.integers(len(tagged)))]


@lru_cache(maxsize=4)
def _epoch(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(n)


def order(n: int, *, seed: int, seen: int, batch: int) -> NDArray[np.int64]:
    """Which of n items come next after `seen` samples: (batch,) indices, every item once an epoch.

    A pure function: any run that has seen as many samples goes on with the same items, whatever its
    batches were.
    """
    if n < 1 or seen < 0 or batch < 0 or seed < 0:
        raise InputError(
            "order", f"n={n}, seed={seed}, seen={seen}, batch={batch}; n ≥ 1, others ≥ 0"
        )
    counts = range(seen, seen + batch)
    return np.array([_epoch(n, seed, s // n)[s % n] for s in counts], dtype=np.int64)


def sticker_folder() -> Path:
    """Where the packs lie: `stickers` in the user's cache."""
    return cache_folder() / "stickers"


def read_index(folder: Path) -> dict[str, Any]:
    """The index of the packs in a folder; raises MissingError when they are not there."""
    path = folder / "index.json"
    if not path.is_file():
        raise MissingError(f"stickers: no packs in '{folder}'; run 'kineograph data stickers'")
    index: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return index


def _records(rows: list[dict[str, Any]]) -> tuple[Sticker, ...]:
    return tuple(Sticker(**{**row, "tags": tuple(row["tags"])}) for row in rows)


def load(size: int = 64, *, folder: Path | None = None) -> Stickers:
    """The packs of 64 or 128 pixels, memory-mapped.

    At 64 all clips (those of no tone first) and all stills; at 128 the clips of no tone, and the
    stills whose artwork is that large (3d and flat). Rows of both sizes mean the same sticker.
    """
    if size not in CLIP_SIZES:
        raise InputError("size", f"{size} pixels; use {' or '.join(map(str, CLIP_SIZES))}")
    folder = folder or sticker_folder()
    index = read_index(folder)
    clips = np.load(folder / f"clips_{size}.npy", mmap_mode="r")
    stills = np.load(folder / f"stills_{size}.npy", mmap_mode="r")
    return Stickers(
        size,
        clips,
        stills,
        _records(index["clips"][: len(clips)]),
        _records(index["stills"][: len(stills)]),
    )


def summary(packs: Stickers) -> dict[str, int]:
    """How many clips and stills there are, by split, tone and style; for people."""
    clips = {
        f"clips, {split}": len(packs.clip_rows(split, tones=False))
        for split in ("train", "val_motion", "val")
    }
    toned = {"clips with a skin tone": sum(record.tone != "" for record in packs.clip_records)}
    stills = {
        f"stills, {style}": len(packs.still_rows("train", "val_motion", "val", styles=(style,)))
        for style in STYLES
    }
    return clips | toned | stills | {"stills held out": len(packs.still_rows("val"))}
