"""A pack to look at: one contact sheet, and a page that tells what was understood of a folder."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.pages import Page

CELL, MOST_CELLS = 64, 400  # pixels of a cell; cells of a sheet
CHECK = 8  # pixels of a square of the ground that shows what is transparent
STYLE = """
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
img { max-width: 100%; image-rendering: pixelated; }
"""


def contact_sheet(pictures: Sequence[NDArray[np.uint8]], path: Path, columns: int = 0) -> None:
    """Write pictures (H, W, 4) of at most CELL pixels a side as one PNG, about square."""
    shown = pictures[:MOST_CELLS]
    across = columns or max(1, math.ceil(len(shown) ** 0.5))
    down = max(1, math.ceil(len(shown) / across))
    board = (np.indices((down * CELL, across * CELL)) // CHECK).sum(0) % 2
    ground = np.where(board[..., None] == 0, 232, 255).astype(np.uint8)
    ground = np.repeat(ground, 3, axis=2)
    for i, one in enumerate(shown):
        height, width = one.shape[:2]
        top = i // across * CELL + (CELL - height) // 2
        left = i % across * CELL + (CELL - width) // 2
        alpha = one[..., 3:].astype(np.float32) / 255
        place = ground[top : top + height, left : left + width]
        place[:] = (one[..., :3] * alpha + place * (1 - alpha)).round().astype(np.uint8)
    Image.fromarray(ground).save(path, "PNG")


def page(name: str, told: Sequence[str], rows: Sequence[tuple[str, str, bool]]) -> str:
    """The page: what was understood, the sheet beside it, every file with its caption."""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in told)
    cells = "".join(
        f"<tr><td>{html.escape(file)}</td><td>{html.escape(caption)}</td>"
        f"<td>{'held out' if held else ''}</td></tr>"
        for file, caption, held in rows
    )
    sheet = '<p><img src="sheet.png" alt="contact sheet"></p>' if rows and rows[0][1] else ""
    body = (
        f"<main><h1>{{{{title}}}}</h1><ul>{lines}</ul>{sheet}"
        f"<table><tr><th>file</th><th>caption</th><th></th></tr>{cells}</table></main>"
    )
    return Page(
        f"Pack {name}", body.replace("{{title}}", html.escape(f"Pack {name}")), "pack", STYLE
    ).html()
