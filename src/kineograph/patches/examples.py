"""What may be copied: example pictures with the pixels allowed, checked, and as planes of whole
numbers to match.

Pictures are (H, W) or (H, W, C) arrays of uint8 or uint16, C 1 … 4, alpha last and straight (C 2 or
4). Colours are matched premultiplied, so that what shows through alpha 0 does not count; what is
copied is the original pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph.patches.search import Flags, Floats
from kineograph.values.errors import InputError, LimitError

Picture = NDArray[Any]

MAX_PIXELS = 64_000_000  # of one picture: about 2 GB of working memory


@dataclass(frozen=True)
class Examples:
    """pictures: (H, W, C) each, one depth and one C; allowed: (H, W) true where a pixel may be read
    and copied.
    """

    pictures: tuple[Picture, ...]
    allowed: tuple[Flags, ...]

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        return tuple((p.shape[0], p.shape[1]) for p in self.pictures)

    @property
    def brightest(self) -> int:
        """255 or 65535."""
        return int(np.iinfo(self.pictures[0].dtype).max)


def checked_pictures(pictures: Sequence[Picture] | Picture, field: str) -> tuple[Picture, ...]:
    """The pictures as (H, W, C), once type, size, depth and channels are right and alike."""
    several = [pictures] if isinstance(pictures, np.ndarray) else list(pictures)
    if not several:
        raise InputError(field, "is missing", "give at least one picture")
    for picture in several:
        if picture.dtype not in (np.uint8, np.uint16):
            raise InputError(field, f"type {picture.dtype} is not uint8 or uint16")
        if picture.ndim not in (2, 3) or not 1 <= (*picture.shape, 1)[2] <= 4 or picture.size == 0:
            raise InputError(field, f"shape {picture.shape} is not (H, W) or (H, W, 1 … 4)")
        checked_area(picture.shape[0], picture.shape[1], field)
    if len({(p.dtype, p.shape[2:]) for p in several}) > 1:
        raise InputError(field, "pictures differ in depth or channels", "convert them alike")
    return tuple(p if p.ndim == 3 else p[:, :, None] for p in several)


def checked_area(height: int, width: int, field: str) -> None:
    """Refuse a picture of no pixels or of more than MAX_PIXELS."""
    if height < 1 or width < 1:
        raise InputError(field, f"{width}×{height} has no pixels")
    if height * width > MAX_PIXELS:
        raise LimitError(
            f"{field}: {width}×{height} pixels, the limit is {MAX_PIXELS:,}; make it smaller"
        )


def checked_mask(mask: NDArray[Any], size: tuple[int, int], field: str) -> tuple[Flags, str]:
    """The mask as (H, W) bool and a note when it had to be made two-valued.

    mask: bool, or uint8 / uint16 where more than half of white counts as marked; channels are
    averaged.
    """
    if mask.shape[:2] != size or mask.ndim not in (2, 3):
        found, wanted = "×".join(map(str, mask.shape[1::-1])), f"{size[1]}×{size[0]}"
        raise InputError(field, f"is {found}, the picture is {wanted}", "draw it at the same size")
    if mask.dtype == bool:
        return np.asarray(mask if mask.ndim == 2 else np.any(mask, axis=2), bool), ""
    if mask.dtype not in (np.uint8, np.uint16):
        raise InputError(field, f"type {mask.dtype} is not bool, uint8 or uint16")
    white = int(np.iinfo(mask.dtype).max)
    grey = mask if mask.ndim == 2 else mask[:, :, :3].mean(2)
    soft = bool(((grey > 0) & (grey < white)).any())
    note = f"{field} is soft: pixels above half of white count as marked" if soft else ""
    return np.asarray(grey > white / 2, bool), note


def planes_of(picture: Picture) -> Floats:
    """(C, H, W) whole numbers to match, from (H, W, C); colours premultiplied by alpha."""
    planes = np.moveaxis(picture, 2, 0).astype(np.int64)
    if len(planes) in (2, 4):
        white = int(np.iinfo(picture.dtype).max)
        planes[:-1] = (planes[:-1] * planes[-1] + white // 2) // white
    return planes.astype(np.float32)
