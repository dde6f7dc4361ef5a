"""A zoom stack as one self-contained page: wheel, pinch, drag, keys and touch; no network.

The page holds every level as a lossless picture in a data URI and draws frames the way
`flight.view` does. A second page shows a photograph to click the zoom's target on.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from kineograph.families.zoom.flight import FEATHER, Flight
from kineograph.families.zoom.stack import ZoomStack
from kineograph.pages import Page, part
from kineograph.values.clip import Clip, to_bytes
from kineograph.values.errors import LimitError

HOME = "kineograph.families.zoom"  # where the pages' parts lie
MAX_BYTES = 64_000_000  # of pictures in one page
SHOWN = 1600  # pixels of the longer side of a photo to click on


def viewer_page(
    stack: ZoomStack,
    *,
    title: str,
    texts: Sequence[str] = (),
    flight: Flight | None = None,
    recipe: dict[str, Any] | None = None,
) -> str:
    """The page as text. texts: what each level shows. flight: how fast its button flies.

    Raises LimitError when the pictures pass MAX_BYTES.
    """
    flight = flight or Flight()
    levels = [_pictures(clip) for clip in stack.clips()]
    size = sum(len(picture) for level in levels for picture in level)
    if size > MAX_BYTES:
        raise LimitError(
            f"-o: the viewer would hold {size / 1e6:.0f} MB of pictures, the limit is "
            f"{MAX_BYTES // 10**6}; take fewer levels, or a film (.mp4)"
        )
    data = {
        "ratio": stack.ratio if isinstance(stack.ratio, int) else float(stack.ratio),
        "feather": FEATHER,
        "fps": stack.fps,
        "seconds": flight.seconds,
        "deepest": flight.deepest,
        "texts": list(texts) or [""] * len(stack),
        "levels": levels,
    }
    made = Page(
        title,
        part(HOME, "zoom.html"),
        kind="zoom",
        style=part(HOME, "zoom.css"),
        data={"stack": data},
        scripts=[part(HOME, "zoom.js")],
    )
    return made.html(recipe)


def pick_page(photo: Clip, name: str, *, size: int, record: dict[str, Any] | None = None) -> str:
    """A page on which a person clicks the point of a photo that a zoom goes to.

    name: of the photo's file, for the command that the page shows. size: pixels of the canvas,
    which the square about the point must have. record: how it was made, kept in the page. It tells
    the point as shares of the sides.
    """
    picture = Image.fromarray(to_bytes(Clip(photo.over().frames[:1]))[0])
    width, height = picture.size
    picture.thumbnail((SHOWN, SHOWN))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85)
    source = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    data = {"photo": source, "name": name, "width": width, "height": height, "size": size}
    made = Page(
        "Where should the zoom go?",
        part(HOME, "pick.html"),
        kind="zoom",
        style=part(HOME, "zoom.css"),
        data={"photo": data},
        scripts=[part(HOME, "pick.js")],
    )
    return made.html(record)


def _pictures(clip: Clip) -> list[str]:
    """Each frame as a lossless WebP in a data URI."""
    uris = []
    for frame in to_bytes(clip):
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "WEBP", lossless=True, method=4)
        uris.append("data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii"))
    return uris
