"""The contact sheet: frames of one clip, or rows of several, as one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, LimitError

MOST_PIXELS = 100_000_000  # of a sheet


def sheet(clips: Clip | Sequence[Clip], *, columns: int = 0, scale: int = 1) -> Clip:
    """A grid of frames on white, with one pixel between them, enlarged without smoothing.

    One clip: every frame, `columns` a row. Several: a row each, `columns` of its frames, evenly
    chosen. columns: 0 chooses (a square for one clip; at most 8 for several). scale: enlargement,
    whole times.
    """
    several = [clips] if isinstance(clips, Clip) else list(clips)
    if not several:
        raise InputError("clips", "none were given")
    if scale < 1 or columns < 0:
        raise InputError("scale", f"scale {scale} and columns {columns} must be at least 1 and 0")
    cells: list[torch.Tensor] = []  # each (3, H, W)
    if isinstance(clips, Clip):
        columns = columns or math.ceil(math.sqrt(len(clips)))
        cells = list(clips.over().frames)
    else:
        columns = columns or min(8, max(len(clip) for clip in several))
        for clip in several:
            chosen = torch.linspace(0, len(clip) - 1, columns).round().long()
            cells += list(clip.over().frames[chosen])

    height = max(cell.shape[1] for cell in cells) + 1
    width = max(cell.shape[2] for cell in cells) + 1
    rows = math.ceil(len(cells) / columns)
    page = torch.ones(3, rows * height - 1, min(columns, len(cells)) * width - 1)
    for number, cell in enumerate(cells):
        top, left = number // columns * height, number % columns * width
        page[:, top : top + cell.shape[1], left : left + cell.shape[2]] = cell
    if (pixels := page.shape[1] * page.shape[2] * scale**2) > MOST_PIXELS:
        raise LimitError(
            f"scale: {scale} makes {pixels:,} pixels, the limit is {MOST_PIXELS:,}; use less"
        )
    page = page.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    return Clip(page[None].contiguous())
