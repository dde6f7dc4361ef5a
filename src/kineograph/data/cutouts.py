"""What are the cut-outs? Emoji in six styles and the frames of their animations, with their alpha.

A concept is one key of `stickers` without skin tone; families and splits are those of `stickers`
too: `val` is never trained on, in no style. Pixels are straight RGBA (colour not multiplied by
alpha); what is wholly transparent is black. Networks see them premultiplied.
This file opens finished packs; `cutout_packs` makes them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph.data.packages import cache_folder
from kineograph.values.errors import MissingError

SIZE = 64  # pixels of the packs for training
MOMENTS = 8  # frames kept of every animation, evenly over its loop; the first is the rest pose
STYLES = ("3d", "colour", "flat", "noto", "blob", "firefox")  # of the stills; frames are 3d
SPLITS = ("train", "val_motion", "val")


@dataclass(frozen=True)
class Cutout:
    """One still, or one animation of which some frames are kept.

    key: code points, as in `stickers`. name, tags, group: what it shows. also: other names of it.
    family, split: as in `stickers`. style: one of STYLES. seconds: of one loop, 0 for a still.
    """

    key: str
    name: str
    tags: tuple[str, ...]
    also: tuple[str, ...]
    group: str
    family: str
    split: str
    style: str = "3d"
    seconds: float = 0.0


@dataclass(frozen=True)
class Cutouts:
    """Memory-mapped packs, row i described by record i.

    stills: (N, 64, 64, 4) uint8. frames: (M, 8, 64, 64, 4) uint8.
    """

    stills: NDArray[np.uint8]
    frames: NDArray[np.uint8]
    still_records: tuple[Cutout, ...]
    frame_records: tuple[Cutout, ...]

    @property
    def records(self) -> tuple[Cutout, ...]:
        """Every record, the stills first."""
        return (*self.still_records, *self.frame_records)

    def still_rows(self, *splits: str, styles: tuple[str, ...] = STYLES) -> NDArray[np.int64]:
        """Rows of the stills in the named splits and styles."""
        found = [
            row
            for row, record in enumerate(self.still_records)
            if record.split in splits and record.style in styles
        ]
        return np.array(found, dtype=np.int64)


def cutout_folder() -> Path:
    """Where the packs lie: `cutouts` in the user's cache."""
    return cache_folder() / "cutouts"


def read_index(folder: Path) -> dict[str, Any]:
    """The index of the packs in a folder; raises MissingError when they are not there."""
    path = folder / "index.json"
    if not path.is_file():
        raise MissingError(f"cut-outs: no packs in '{folder}'; run 'kineograph data cutouts'")
    index: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return index


def load(folder: Path | None = None) -> Cutouts:
    """The packs in a folder, the user's cache by default."""
    folder = folder or cutout_folder()
    index = read_index(folder)
    stills, frames = (np.load(folder / f"{kind}.npy", mmap_mode="r") for kind in KINDS)
    return Cutouts(stills, frames, *(_records(index[kind]) for kind in KINDS))


KINDS = ("stills", "frames")


def _records(rows: list[dict[str, Any]]) -> tuple[Cutout, ...]:
    lists = ("tags", "also")
    return tuple(Cutout(**row | {name: tuple(row[name]) for name in lists}) for row in rows)


def rows_of(records: tuple[Cutout, ...] | list[Cutout]) -> list[dict[str, Any]]:
    """The records as the index keeps them."""
    return [asdict(record) for record in records]


def premultiplied(straight: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(…, 4) uint8 straight to float32 in [0, 1], the colours multiplied by alpha."""
    x: NDArray[np.float32] = straight.astype(np.float32) / np.float32(255)
    x[..., :3] *= x[..., 3:]
    return x


def straightened(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(…, 4) float32 premultiplied in [0, 1] to straight uint8; no alpha is black."""
    alpha = x[..., 3:]
    colour = np.divide(x[..., :3], alpha, out=np.zeros_like(x[..., :3]), where=alpha > 0)
    both = np.concatenate([colour, alpha], axis=-1)
    out: NDArray[np.uint8] = np.round(both.clip(0, 1) * 255).astype(np.uint8)
    out[out[..., 3] == 0] = 0
    return out


def shrunk(straight: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(…, H, W, 4) to a factor-th of the sides: means of blocks of light, not of stored colours."""
    if factor == 1:
        return straight
    x = premultiplied(straight)
    *front, height, width, channels = x.shape
    blocks = x.reshape(*front, height // factor, factor, width // factor, factor, channels)
    return straightened(blocks.mean(axis=(-4, -2), dtype=np.float32))
