"""What a result holds besides itself, kept beside it so that the page can open it up.

    results/ID/inside/inside.json   {"views": [{"kind": …, …}, …]}
    results/ID/inside/NAME.webp     pictures that a view names
    results/ID/map.npz              the source map of a copy, to be used again by `texture apply`

A view is drawn from what a model gave anyway: a source map, a studied clip, a zoom stack, where a
transformer looked. Nothing is computed twice and nothing of it is in the result's own file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kineograph.values.errors import InputError
from kineograph.values.result import Result

if TYPE_CHECKING:
    from kineograph.families.language.words.language import Looked
    from kineograph.families.zoom.stack import ZoomStack
    from kineograph.frames.texture import Texture
    from kineograph.patches.source_map import SourceMap
    from kineograph.values.settings import Settings

MOST_PIXELS = 512 * 512  # of a picture whose map the page gets
MOST_FRAMES = 240  # of a clip whose matrix the page gets
REEL = 112  # pixels of the longer side of a frame of it
COLUMNS = 16  # of a sheet of frames
MAP, TURNS = "map.npz", "turns.npy"
NAME = r"[a-z0-9-]{1,40}\.webp"


def wanted(settings: Settings) -> frozenset[str]:
    """Second outputs that a view is drawn from and that must be asked for."""
    from importlib.util import find_spec

    drawn = find_spec("matplotlib") is not None
    return frozenset({"attention"} & set(settings.extras)) if drawn else frozenset()


def unasked(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without the second outputs that views are drawn from: nobody asked for them."""
    return {name: value for name, value in record.items() if name != "extras"}


def map_of(folder: Path) -> Path:
    """The file of the source map beside a result. Raises InputError when there is none."""
    if not (folder / MAP).is_file():
        raise InputError("form", "a source map is of what was copied", "grow a texture")
    return folder / MAP


def kept_map(folder: Path) -> SourceMap:
    """The source map beside a result, with the turns of its pixels where they are known.

    Raises InputError when there is none.
    """
    import numpy as np

    from kineograph.patches.source_map import load_map

    source = load_map(map_of(folder))
    turns = folder / "inside" / TURNS
    return replace(source, order=np.load(turns)) if turns.is_file() else source


def keep(result: Result[Any], request: Mapping[str, Any], folder: Path) -> None:
    """Write the views of a result beside it. request: flat, its files as places of the studio."""
    import numpy as np

    from kineograph.patches.source_map import save_map

    target = folder / "inside"
    target.mkdir(exist_ok=True)
    views = list(_views(result, request, target))
    if any(view["kind"] == "sources" for view in views):
        source = result.extras["map"].value()
        save_map(source, folder / MAP)
        if source.order is not None:
            np.save(target / TURNS, source.order)
    (target / "inside.json").write_text(json.dumps({"views": views}), "utf-8")


def _views(
    result: Result[Any], request: Mapping[str, Any], folder: Path
) -> Iterator[dict[str, Any]]:
    if "map" in result.extras:
        source = result.extras["map"].value()
        if source is not None and source.example.size <= MOST_PIXELS:
            yield sources(source, result.facts, request)
    if "attention" in result.extras:
        yield attention(result.extras["attention"].value())
    page = getattr(result.product, "page", None)
    whole: Any = getattr(page if hasattr(page, "shown") else result.product, "shown", None)
    kind = type(whole).__name__
    if kind == "Texture":
        yield jumps(whole, folder)
    elif kind == "ZoomStack":
        yield stack(whole, folder)


def sources(
    source: SourceMap, facts: Mapping[str, Any], request: Mapping[str, Any]
) -> dict[str, Any]:
    """Where each pixel came from: one number a pixel, counted through all examples in rows."""
    import numpy as np

    sizes = np.array(source.sizes)
    begins = np.concatenate([[0], np.cumsum(sizes.prod(1))[:-1]])
    flat = begins[source.example] + source.y * sizes[source.example, 1] + source.x
    turns = np.zeros(flat.shape, np.int32) if source.order is None else source.order
    turns = np.where(source.fresh, np.where(turns < 0, ~turns, turns) + 1, 0)
    height, width = flat.shape
    return {
        "kind": "sources",
        "size": [width, height],
        "examples": [[int(w), int(h)] for h, w in sizes],
        "places": _places(request, len(sizes)),
        "from": _packed(flat),
        "turns": _packed(turns) if source.order is not None else "",
        "window": facts.get("window", 0),
        "candidates": source.order is not None and not request.get("approximate", False),
    }


def _places(request: Mapping[str, Any], count: int) -> list[str]:
    """Places of the pictures that were copied from, as far as they are files of the studio."""
    named: list[str] = []
    for field in ("a2", "picture", "sample"):
        value = request.get(field, [])
        named += [value] if isinstance(value, str) else list(value)
    return named[:count]


def _packed(values: Any) -> str:
    """Whole numbers as little-endian uint32 in base64."""
    return base64.b64encode(values.astype("<u4").tobytes()).decode("ascii")


def jumps(texture: Texture, folder: Path) -> dict[str, Any]:
    """Which frame may follow which: the matrix of chances, the distances, the frames small.

    Of a long clip every stride-th frame stands for those up to the next.
    """
    import numpy as np

    from kineograph.frames.walk import chances

    stride = -(-len(texture) // MOST_FRAMES)
    chosen = np.arange(0, len(texture), stride)
    whole = np.zeros((len(chosen) * stride,) * 2)
    whole[: len(texture), : len(texture)] = chances(texture.table())
    squares = whole.reshape(len(chosen), stride, len(chosen), stride).sum(3).mean(1)
    apart = texture.d[np.ix_(chosen, chosen)]
    alike = np.rint(255 * (1 - apart / max(float(apart.max()), 1e-9))).astype(np.uint8)
    _save(np.repeat(alike[..., None], 3, 2), folder / "alike.webp", lossless=True)
    frames = [texture.reel[int(i)] for i in chosen]
    rows = zip(*np.nonzero(squares > 0.0005), strict=True)
    return {
        "kind": "jumps",
        "frames": len(chosen),
        "stride": stride,
        "fps": texture.fps / stride,
        "columns": COLUMNS,
        "frame": _sheet(frames, folder / "reel.webp"),
        "chances": [[int(i), int(j), round(float(squares[i, j]), 4)] for i, j in rows],
    }


def stack(zoom: ZoomStack, folder: Path) -> dict[str, Any]:
    """Every level of a world, and the bands of detail that the levels share and were blended in."""
    from kineograph.families.zoom.stack import laplacian, pyramid_depth
    from kineograph.values.clip import to_bytes

    depth = min(4, pyramid_depth(zoom.layers.shape[-2:], zoom.ratio))
    for number, clip in enumerate(zoom.clips()):
        _save(to_bytes(clip[:1])[0], folder / f"level-{number}.webp")
        layer = zoom.layers[number : number + 1, :, :1]
        for band, detail in enumerate(laplacian(layer, zoom.ratio, depth)):
            grey = (detail[0, :, 0].mean(0) * (2.0 if band < depth else 0.5) + 0.5).clamp(0, 1)
            picture = (255 * grey).round().byte().numpy()
            _save(picture[..., None].repeat(3, 2), folder / f"level-{number}-band-{band}.webp")
    return {
        "kind": "stack",
        "levels": len(zoom),
        "ratio": float(zoom.ratio),
        "bands": depth + 1,
        "side": int(zoom.layers.shape[-1]),
    }


def attention(looked: Looked) -> dict[str, Any]:
    """Where a transformer looked from each piece of its text: the mean of a block's heads."""
    means = looked.shares.float().mean(1)  # (blocks, N, N)
    return {
        "kind": "attention",
        "pieces": looked.pieces,
        "blocks": [[[round(float(v), 3) for v in row] for row in block] for block in means],
    }


def _sheet(frames: list[Any], path: Path) -> list[int]:
    """Frames in rows of COLUMNS as one picture; width and height of one of them."""
    import numpy as np
    from PIL import Image

    height, width = frames[0].shape[:2]
    scale = min(1.0, REEL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in frames]
    page = np.zeros((-(-len(small) // COLUMNS) * size[1], COLUMNS * size[0], small[0].shape[2]))
    for k, one in enumerate(small):
        top, left = k // COLUMNS * size[1], k % COLUMNS * size[0]
        page[top : top + size[1], left : left + size[0]] = one
    _save(page.astype(np.uint8), path)
    return list(size)


def _save(picture: Any, path: Path, *, lossless: bool = False) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path, "WEBP", quality=85, lossless=lossless, method=2)
