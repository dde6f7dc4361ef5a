"""The story of what is made by example: candidates, source maps, distances of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph import media
from kineograph.explain.seen import Seen, figures
from kineograph.explain.story import Chapter, Figure
from kineograph.frames.texture import Texture, study
from kineograph.patches.source_map import SourceMap, map_picture
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.progress import last
from kineograph.values.result import Result
from kineograph.values.settings import Settings

WINDOW = 11  # pixels, where a window was measured and not set
SHOWN, TRIED = 3, 16  # pixels whose candidates are shown, of how many
RED, BLUE = (230, 60, 40), (40, 90, 220)
MOST_CELLS = 240  # frames of a drawn matrix


def copied(settings: Settings, seen: Seen, result: Result[Any], count: int) -> list[Chapter]:
    """Growth, candidates of some pixels, the source map."""
    grown = Chapter(
        "Pixel by pixel",
        (
            "The pixel with the most known neighbours comes next. Its surroundings are compared "
            "with every place of the example; one of the places that fit about best is drawn, and "
            "its middle is copied.",
        ),
        seen.row(count),
    )
    source = _source(result)
    if source is None:
        return [grown]
    example = _example(settings, int(source.example[source.fresh][0]))
    whole = result.product.value()
    found = _asked(settings, example, whole, source, seen)
    return [grown, *([found] if found else []), _maps(source)]


def matched(settings: Settings, seen: Seen, result: Result[Any], count: int) -> list[Chapter]:
    """An analogy by patches: coarse to fine, row by row; the source map."""
    row = Chapter(
        "Row by row, from coarse to fine",
        (
            "A is to A' as B is to what is made. Level 0 is the finest; of coarser ones every "
            "point stands for many. For each point of B the place in A is sought whose "
            "surroundings are alike, in A and A' and in the level before, and the middle of that "
            "place in A' is copied.",
            "Where the pictures here are grey, brightness alone is copied and the colours stay "
            "those of B. What is black is not made yet.",
        ),
        figures([(note, one) for _, note, one in seen.pictures if note.startswith("level")], count),
    )
    source = _source(result)
    maps = [] if source is None else [_maps(source)]
    by_tokens = [(note, one) for _, note, one in seen.pictures if note.startswith("fill")]
    return [row, *maps, *([filled(by_tokens, count)] if by_tokens else [])]


def filled(steps: list[tuple[str, Clip]], count: int) -> Chapter:
    """An analogy by a learned model: the fourth cell of a grid."""
    text = (
        "A, A' and B are laid into a grid of two by two as codes of a dictionary; the fourth cell "
        "is hidden. A transformer that was taught to complete such grids says the codes there.",
    )
    return Chapter("The fourth cell", text, figures(steps, count))


def _source(result: Result[Any]) -> SourceMap | None:
    product = result.extras.get("map")
    source = None if product is None else product.value()
    return source if isinstance(source, SourceMap) else None


def _maps(source: SourceMap) -> Chapter:
    """Where every pixel was copied from, beside the example in the same colours."""
    painted = Figure(from_bytes(map_picture(source)[None]), "the result, by where from", 200)
    key = Figure(from_bytes(_ramp(source)[None]), "the first example, painted by place", 200)
    return Chapter(
        "Where every pixel came from",
        (
            "Red grows to the right of the example, green downwards. Where the result changes "
            "smoothly it was copied in one piece; where the colour breaks, two pieces meet.",
        ),
        (painted, key),
    )


def _example(settings: Settings, number: int) -> Clip | None:
    """The picture that pixels were copied from."""
    for name in ("sample", "picture", "a2"):
        value = getattr(settings, name, None)
        many = value if isinstance(value, tuple) else (value,)
        if value and number < len(many):
            return media.clip_of(many[number], name)
    return None


def _asked(
    settings: Settings, example: Clip | None, made: Clip, source: SourceMap, seen: Seen
) -> Chapter | None:
    """Some pixels of a texture, each with the places of the example that fitted what was known."""
    if example is None:
        return None
    width = int(getattr(settings, "window", None) or WINDOW)
    sample, picture = example.over().array()[0], made.over().array()[0]
    if min(sample.shape[:2]) < width or min(picture.shape[:2]) < width:
        return None
    half = width // 2
    rows = np.argwhere(source.fresh & (source.example == source.example[source.fresh][0]))
    rows = rows[((rows >= half) & (rows < np.array(picture.shape[:2]) - half)).all(axis=1)]
    epsilon = float(getattr(settings, "epsilon", 0.1))
    found = []
    for y, x in rows[np.linspace(0, len(rows) - 1, min(len(rows), TRIED)).astype(int)]:
        around = np.s_[y - half : y + half + 1, x - half : x + half + 1]
        known = known_before(seen, source.fresh, (y, x))[around]
        if known.any():
            fit = candidates(sample, picture[around], known, epsilon)
            found.append((len(fit), _marked(sample, picture[around], known, fit), (y, x)))
    found.sort(key=lambda one: -one[0])
    shown: list[Figure] = []
    for count, (here, marked), (y, x) in found[:SHOWN]:
        marked[source.y[y, x], source.x[y, x]] = BLUE
        shown.append(Figure(from_bytes(here[None]), f"known around pixel {x}, {y}"))
        shown.append(
            Figure(from_bytes(marked[None]), f"places that fit: {count} (red); taken: blue", 200)
        )
    told = (
        f"Of {len(found)} pixels, those with most choice: what was known around each shortly "
        f"before it was drawn ({width} pixels wide), and the places of the example that fit within "
        f"{epsilon:.0%} of the best. Where one place alone fits, the example is copied on.",
    )
    return Chapter("The candidates", told, tuple(shown)) if shown else None


def known_before(seen: Seen, fresh: NDArray[np.bool_], at: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W): what was known when a pixel was about to be drawn, as far as steps were kept."""
    known = ~fresh
    for _, _, one in seen.pictures:
        so_far = (one.array()[0] > 0).any(axis=2)
        if so_far.shape != fresh.shape or so_far[at]:
            break
        known = so_far | ~fresh
    return known


def candidates(
    sample: NDArray[np.uint8],
    here: NDArray[np.uint8],
    known: NDArray[np.bool_],
    epsilon: float,
) -> NDArray[np.int64]:
    """(N, 2) rows and columns of the sample whose surroundings fit what is known.

    here: (w, w, C), known: (w, w), w odd. Near pixels count more: the Gaussian's deviation is
    w / 6.4 (Efros and Leung 1999).
    """
    width = here.shape[0]
    half = width // 2
    away = np.arange(width) - half
    weight = np.exp(-(away[:, None] ** 2 + away[None] ** 2) / (2 * (width / 6.4) ** 2)) * known
    weight[half, half] = 0  # the pixel itself is what is asked
    view = np.lib.stride_tricks.sliding_window_view(sample, (width, width), axis=(0, 1))
    rows = []
    for line in view:  # (W, C, w, w): a row at a time bounds memory
        apart = line.astype(np.float64) - np.moveaxis(here, 2, 0)
        rows.append(((apart**2).sum(axis=1) * weight).sum(axis=(1, 2)))
    distance = np.stack(rows)
    fit = np.argwhere(distance <= distance.min() * (1 + epsilon) + 1e-9)
    return np.asarray(fit + half, np.int64)


def _marked(
    sample: NDArray[np.uint8],
    here: NDArray[np.uint8],
    known: NDArray[np.bool_],
    fit: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What was known, the rest white; the sample with the places that fit."""
    shown = np.where(known[:, :, None], here, 255).astype(np.uint8)
    marked = sample.copy()
    for y, x in fit:
        marked[y - 1 : y + 2, x - 1 : x + 2] = RED
    return shown, marked


def _ramp(source: SourceMap) -> NDArray[np.uint8]:
    """The first example's places in the map's colours."""
    height, width = source.sizes[0]
    y, x = np.mgrid[:height, :width]
    first = SourceMap(
        np.zeros((height, width), np.int16),
        y.astype(np.int32),
        x.astype(np.int32),
        np.ones((height, width), bool),
        source.sizes,
    )
    return map_picture(first)


def looped(settings: Any, result: Result[Any]) -> list[Chapter]:
    """All frames against all, and the jumps that were taken."""
    read = media.frames_of(settings.clip)
    frames = (frame for number, frame in enumerate(read.each) if number % settings.every == 0)
    fps = read.info.fps / settings.every
    how = {"even": settings.even_light, "steady": settings.steady}
    texture: Texture = last(study(frames, fps, **how))
    jumps = [(int(a), int(b)) for a, b in result.facts.get("jumps", ())]
    compared = Chapter(
        "Every frame against every frame",
        (
            f"{len(texture)} frames, each compared with each: dark means alike. The diagonal is a "
            "frame against itself. Dark places off it are where one may jump unseen. Red: the "
            "jumps that were taken.",
        ),
        (Figure(from_bytes(matrix(texture.d, jumps)[None]), "distance of frames", 320),),
    )
    if not jumps:
        if not texture.circular:
            return [compared]
        told = "The clip closes by itself: after its last frame comes its first. Nothing is jumped."
        return [compared, Chapter("The seam", (told,))]
    shown: list[Figure] = []
    for begin, end in jumps[:4]:
        after = min(begin + 1, len(texture) - 1)
        for number, told in ((begin, "leaves"), (after, "would come"), (end, "comes instead")):
            small = texture.small[number % len(texture)]
            shown.append(Figure(from_bytes(small[None]), f"frame {number}: {told}", 130))
    ratio = result.facts.get("mismatch")
    told = "For every jump: the frame it leaves, the one that would come, the one that comes. "
    told += f"They differ by {ratio} usual steps from frame to frame." if ratio is not None else ""
    return [compared, Chapter("The jumps", (told,), tuple(shown))]


def matrix(d: NDArray[Any], jumps: list[tuple[int, int]]) -> NDArray[np.uint8]:
    """(n, n, 3): distances as grey, black for none, the jumps red."""
    every = -(-len(d) // MOST_CELLS)
    grey = d[::every, ::every] / max(float(d.max()), 1e-9)
    picture = np.repeat((255 * grey).astype(np.uint8)[:, :, None], 3, axis=2)
    for begin, end in jumps:
        row, column = min(begin // every, len(picture) - 1), min(end // every, len(picture) - 1)
        picture[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = RED
    return picture


def cut(seen: Seen, count: int) -> Chapter:
    """A figure cut out of its ground."""
    text = (
        "Every frame is parted into figure and ground, the edges un-mixed. Of each the place and "
        "the velocity are measured. In the page the frames are chosen that lead towards the "
        "pointer: it never jumps there, it finds frames that go there.",
    )
    return Chapter("The figure is cut out", text, seen.row(count))
