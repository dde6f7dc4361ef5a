"""A clip as one self-contained page that plays for ever, from `file://`, with no network.

The page holds the frames as an atlas of pictures in data URIs, the table of `walk.py` and the
scripts of `page/`. It draws decoded frames on a canvas and never seeks a `<video>`, which is
neither frame-exact nor gapless in any browser.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from kineograph.frames.distance import Frame
from kineograph.frames.render import Reel
from kineograph.frames.sprites import Sprite, steering_table
from kineograph.frames.texture import Span, Texture
from kineograph.frames.walk import range_cost
from kineograph.pages import Page, part
from kineograph.values.errors import LimitError
from kineograph.values.prompt import Progress

HOME = "kineograph.frames"  # where the pages' parts lie
PLAYER_PIXELS = 640 * 360  # a frame; larger clips are made smaller for the page
PAGE_SIDE = 2_048  # pixels; every browser and phone takes pictures of this side
MAX_BYTES = 256_000_000  # of pictures in one page
QUALITY = 82  # WebP


def atlas(reel: Reel, *, quality: int = QUALITY) -> Iterator[Progress]:
    """The frames as WebP pages in data URIs; the last value is the dict that `atlas.js` reads.

    reel: N frames (H, W, 3 or 4). Raises LimitError when the pictures pass MAX_BYTES.
    """
    height, width = reel.shape[:2]
    columns, rows = (max(1, min(4, PAGE_SIDE // side)) for side in (width, height))
    each, pages, size = columns * rows, list[str](), 0
    for start in range(0, len(reel), each):
        frames = [reel[k] for k in range(start, min(start + each, len(reel)))]
        page = _webp(_grid(frames, columns), quality)
        size += len(page)
        if size > MAX_BYTES:
            raise LimitError(
                f"clip: the player would hold more than {MAX_BYTES // 10**6} MB of pictures; "
                "take fewer frames (every: 2), or a smaller clip"
            )
        pages.append("data:image/webp;base64," + base64.b64encode(page).decode("ascii"))
        yield Progress(min(1.0, (start + each) / len(reel)), "writing pictures", None)
    facts = {
        "count": len(reel),
        "width": width,
        "height": height,
        "columns": columns,
        "rows": rows,
        "alpha": reel.shape[2] == 4,
        "pages": pages,
    }
    yield Progress(1.0, "pictures written", facts)


def _grid(frames: list[Frame], columns: int) -> Frame:
    """The frames in rows of `columns`; the empty places of the last row are zero."""
    height, width, channels = frames[0].shape
    rows = -(-len(frames) // columns)
    columns = min(columns, len(frames)) if rows == 1 else columns
    page = np.zeros((rows * height, columns * width, channels), dtype=np.uint8)
    for k, frame in enumerate(frames):
        y, x = k // columns * height, k % columns * width
        page[y : y + height, x : x + width] = frame
    return page


def _webp(page: Frame, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(page).save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()


def texture_page(
    texture: Texture,
    *,
    title: str,
    seed: int | None = None,
    span: Span | None = None,
    speed: float = 1.0,
    fade: int | None = None,
    recipe: dict[str, Any] | None = None,
) -> Iterator[Progress]:
    """The endless player of a clip; the last value is the page as text.

    title: what the page is called. seed: the walk it plays; None draws a fresh one at each visit.
    span, speed: where its controls begin. fade: width of the cross-fades, frames. recipe: how it
    was made, kept in the page.
    """
    if span is not None:
        range_cost(len(texture), *span)  # refuses what lies outside the clip
    facts: dict[str, Any] = {}
    for step in atlas(texture.reel):
        facts = step.value
        yield Progress(0.95 * step.done, step.note, None)
    facts |= {
        "fps": texture.fps,
        "fade": texture.fade if fade is None else fade,
        "circle": texture.circle,
        "seed": seed,
        "range": list(span or (0, len(texture) - 1)),
        "speed": speed,
        "table": texture.table().as_json(),
    }
    yield Progress(1.0, "page written", page("texture", facts, title=title, recipe=recipe))


def sprite_page(
    sprite: Sprite, *, title: str, seed: int | None = None, recipe: dict[str, Any] | None = None
) -> Iterator[Progress]:
    """The steered player of a cut-out; the last value is the page as text. Arguments as above."""
    facts: dict[str, Any] = {}
    for step in atlas(sprite.reel):
        facts = step.value
        yield Progress(0.8 * step.done, step.note, None)
    carried, heads = steering_table(sprite)
    offset = np.rint(sprite.centres) - sprite.centres  # where the picture's middle is
    facts |= {
        "fps": sprite.fps,
        "seed": seed,
        "table": carried.as_json(),
        "headings": heads.tolist(),
        "velocity": sprite.velocity.round(4).tolist(),
        "offset": offset.round(3).tolist(),
    }
    yield Progress(1.0, "page written", page("sprite", facts, title=title, recipe=recipe))


def page(kind: str, facts: dict[str, Any], *, title: str, recipe: dict[str, Any] | None) -> str:
    """The HTML of a player: `kind` is "texture" or "sprite", facts what its script reads."""
    scripts = ("policy.js", "atlas.js", f"{kind}.js")
    made = Page(
        title,
        part(HOME, f"{kind}.html"),
        kind=kind,
        style=part(HOME, "page.css"),
        data={"clip": facts},
        scripts=[part(HOME, script) for script in scripts],
    )
    return made.html(recipe)
