"""A pack opened for training: pictures at one size, their captions, what is held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.cutouts import premultiplied
from kineograph.data.own.packing import shrunk
from kineograph.data.shards import read, read_about
from kineograph.frames.render import FrameStore
from kineograph.values.errors import InputError

SEAM = 3.0  # times the usual step from frame to frame, at which an end does not meet a beginning
IN_MEMORY = 2 * 2**30  # bytes of a pack's pictures; a larger pack lies in a file without a name


@dataclass(frozen=True)
class Pack:
    """Pictures of a pack, premultiplied, whole and centred.

    pixels: (N, 4, S, S) uint8, premultiplied; every frame of a clip is one. of: (N,) which sample
    each is of. captions, files: one a sample. held: (M,) whether a sample is held out.
    """

    about: dict[str, Any]
    pixels: Tensor
    of: NDArray[np.int64]
    captions: tuple[str, ...]
    files: tuple[str, ...]
    held: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """Pixels of a side."""
        return int(self.pixels.shape[-1])

    @property
    def trained(self) -> NDArray[np.int64]:
        """Samples that are trained on."""
        return np.flatnonzero(~self.held)

    @property
    def kept_out(self) -> NDArray[np.int64]:
        """Samples that are held out."""
        return np.flatnonzero(self.held)

    @property
    def opaque(self) -> bool:
        """Whether every picture fills its square: textures and paintings, no cut-outs."""
        return bool((self.pixels[:, 3] == 255).all())

    def frames_of(self, sample: int) -> NDArray[np.int64]:
        """Rows of `pixels` that show a sample."""
        return np.flatnonzero(self.of == sample)

    def looping(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of a clip as a loop: as they are, or there and back where its ends do not meet."""
        x = self.pictures(rows)
        steps = (x.roll(-1, 0) - x).square().flatten(1).mean(1).sqrt()
        if len(rows) < 3 or float(steps[-1]) <= SEAM * float(steps[:-1].median()) + 1e-6:
            return rows
        return np.concatenate([rows, rows[-2:0:-1]])

    def pictures(self, rows: NDArray[np.int64]) -> Tensor:
        """(B, 4, S, S) in [0, 1], premultiplied."""
        return self.pixels[torch.from_numpy(rows)].float() / 255


def is_pack(folder: str | Path) -> bool:
    """Whether a path is a pack."""
    return (Path(folder) / "pack.json").is_file()


def opened(folder: Path, size: int, *, fill: bool = False) -> Pack:
    """The pack at `size` pixels a side.

    Pictures with alpha are fitted whole into the square. fill: opaque ones fill it, their longer
    side cut; else they are fitted too, and nothing is around them.
    Raises InputError for a pack of texts, LimitError for one that neither memory nor disk holds.
    """
    about = read_about(folder)
    if about.get("kind", "pictures") != "pictures":
        raise InputError("pack", f"holds {about['kind']}, not pictures", "use a pack of pictures")
    pixels, of, captions, files, held = FrameStore(IN_MEMORY), [], [], [], []
    kept_out = set(about.get("held_out", ()))
    for number, sample in enumerate(read(folder)):
        if isinstance(sample.pixels, str):
            raise InputError("pack", f"{sample.key} is a text", "use a pack of pictures")
        frames = sample.pixels if sample.pixels.ndim == 4 else sample.pixels[None]
        for frame in frames:
            pixels.append(squared(frame, size, fill=fill).numpy())
            of.append(number)
        captions.append(str(sample.facts.get("caption") or sample.facts.get("name") or ""))
        files.append(str(sample.facts.get("file", sample.key)))
        held.append(sample.key in kept_out or sample.facts.get("split") == "val")
    if not of:
        raise InputError("pack", f"'{folder.name}' is empty", "make it again")
    return Pack(
        about,
        torch.from_numpy(pixels.whole()),  # (N, 4, S, S)
        np.array(of),
        tuple(captions),
        tuple(files),
        np.array(held, dtype=np.bool_),
    )


def squared(pixels: NDArray[np.uint8], side: int, *, fill: bool = False) -> Tensor:
    """(4, side, side) uint8 premultiplied of a picture (H, W, 4) straight."""
    height, width = pixels.shape[:2]
    opaque = bool((pixels[..., 3] == 255).all())
    if fill and opaque and height != width:
        short = min(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        pixels = pixels[top : top + short, left : left + short]
    small = shrunk(pixels, side)
    x = torch.from_numpy(premultiplied(small)).permute(2, 0, 1)
    height, width = x.shape[1:]
    if max(height, width) < side:  # a small one is enlarged
        scale = side / max(height, width)
        shape = (max(1, round(height * scale)), max(1, round(width * scale)))
        x = F.interpolate(x[None], shape, mode="bilinear", align_corners=False)[0]
        height, width = x.shape[1:]
    top, left = (side - height) // 2, (side - width) // 2
    x = F.pad(x, (left, side - width - left, top, side - height - top))
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


def text_of(folder: Path) -> tuple[str, str]:
    """The texts of a pack joined: those trained on, and those held out ("" where none are)."""
    about = read_about(folder)
    if about.get("kind") != "texts":
        raise InputError("pack", "holds no texts", "make one of a folder of .txt files")
    kept_out = set(about.get("held_out", ()))
    trained: list[str] = []
    held: list[str] = []
    for sample in read(folder):
        assert isinstance(sample.pixels, str)
        (held if sample.key in kept_out else trained).append(sample.pixels.strip())
    return "\n\n".join(trained), "\n\n".join(held)
