"""What a page is shown of a value: a small moving WebP, or the end of a text.

These are for looking only; what is kept and what carries a record is written by `media`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kineograph.values.result import Product

SIDE = 256  # pixels of a preview, the longer side; a smaller picture is enlarged by a whole factor
FRAMES = 16  # of a preview
LETTERS = 3000  # of a text
MOST_RENDERED = 480  # frames of a film that are rendered for its preview


def picture(value: Any, *, side: int = SIDE, frames: int = FRAMES) -> bytes | None:
    """A Clip as WebP, thinned to so many frames; None for anything else."""
    from kineograph.values.clip import Clip, to_bytes

    if not isinstance(value, Clip) or not len(value):
        return None
    stride = -(-len(value) // frames)
    thin = Clip(value.frames[::stride], value.fps)
    return webp(to_bytes(thin), value.fps / stride, side)


def step(folder: Path, place: int) -> bytes | None:
    """The picture of a kept step of a making: as it was written, or drawn of its text."""
    from kineograph.trace import text_picture

    file, told = folder / f"{place:03d}.webp", folder / "steps.json"
    if file.is_file():
        return file.read_bytes()
    steps = json.loads(told.read_text("utf-8")) if told.is_file() else []
    if place >= len(steps) or "text" not in steps[place]:
        return None
    return picture(text_picture(steps[place]["text"], steps[place]))


def webp(frames: Sequence[Any] | NDArray[np.uint8], fps: float, side: int = SIDE) -> bytes:
    """(T, H, W, 3 or 4) uint8 as an animated WebP that is `side` pixels at its longer side."""
    from PIL import Image

    pictures = [_sized(Image.fromarray(one), side) for one in frames]
    file, how = io.BytesIO(), {"quality": 80, "method": 0}
    if len(pictures) == 1:
        pictures[0].save(file, "WEBP", **how)
    else:
        more = {"save_all": True, "append_images": pictures[1:], "loop": 0}
        pictures[0].save(file, "WEBP", duration=round(1000 / max(fps, 0.5)), **more, **how)
    return file.getvalue()


def thumbnail(product: Product[Any], shown: Any) -> bytes | None:
    """A result as a small moving picture; films are rendered only so far."""
    from kineograph.products import ClipProduct, EitherProduct, FilmProduct

    one = product.film if isinstance(product, EitherProduct) else product
    if not isinstance(one, ClipProduct | FilmProduct):
        return picture(shown)
    film = one.film
    count = min(film.count, MOST_RENDERED)
    stride = -(-count // FRAMES)
    return webp(list(islice(film.frames(), 0, count, stride)), film.fps / stride)


def _sized(image: Any, side: int) -> Any:
    """Smaller by area, larger pixel by pixel."""
    from PIL import Image

    longer = max(image.size)
    if longer > side:
        size = tuple(max(1, round(one * side / longer)) for one in image.size)
        return image.resize(size, Image.Resampling.BOX)
    times = side // longer
    size = tuple(one * times for one in image.size)
    return image.resize(size, Image.Resampling.NEAREST) if times > 1 else image
