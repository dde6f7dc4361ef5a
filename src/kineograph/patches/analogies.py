"""Image analogies: A is to A′ as B is to B′ (Hertzmann, Jacobs, Oliver, Curless & Salesin, SIGGRAPH
2001).

Coarse to fine and in scan order, each pixel of B′ is copied from the place in A′ whose surroundings
match best: 5×5 of A, the causal half of 5×5 of A′, and 5×5 of the coarser A and A′, brought up to
this level by linear interpolation. A coherent place (the shifted source of a neighbour) is
preferred while its squared distance is within 1 + κ·2^(l − L) of the nearest, L the finest level.
The nearest is exact unless a short list is asked for. It does what is a local function of the
neighbourhood, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph import pieces
from kineograph.patches.examples import Picture, checked_pictures
from kineograph.patches.growth import PICK, Canvas, copied, gathered
from kineograph.patches.lanes import compiled
from kineograph.patches.luminance import (
    colours,
    contrast,
    doubled,
    dyed,
    follows,
    halved,
    remapping,
    rgb,
    yiq,
)
from kineograph.patches.projection import Projection, nearest, projection_of
from kineograph.patches.rules import Rule, filtered, overlapped, relit, turned
from kineograph.patches.search import (
    Longs,
    Sheet,
    Window,
    distance,
    drawn,
    drawn_below,
    limit_of,
    picked,
    scored,
    sheet_of,
    survivors,
)
from kineograph.patches.shortlist import CANDIDATES, ROOM, listed, parents_of, ranked
from kineograph.patches.source_map import SourceMap, map_of, rendered
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

Reals = NDArray[np.float64]

FINE = 65535  # matched values are whole multiples of 1 / FINE
ONE = 4096  # the weight of a tap
BORDER = 4  # mirrored pixels around every picture; even, and at least the reach of a tap
SMALLEST = 16  # pixels, the shorter side of the coarsest level
ANSWERS = (0, 3)  # blocks of planes that are A′, fine and coarse
ROWS = 8  # rows between two reports of progress
START = 1.4  # seconds until the compiled search is there; these were measured with one thread
PLACE = 1.2e-9  # seconds a pixel made and place searched
SHORT = 3e-5  # seconds a pixel made from a short list of places
PYRAMID = 1.33  # pixels of all levels beside those of the finest
COLOURS = ("carry", "copy", "tint")
SEEN = 0.015  # of chrominance, 0 … 1: what the eye takes for a colour
OWN = "the colours of A′ do not follow from those of A by one rule: B keeps its own"
DYED = "A is grey and A′ is not: its colours are copied, with the light of B"
WIDE = "A′ does not keep the light of A; for edges or an emboss, mode 'edges' comes closer"


@dataclass(frozen=True)
class Matching:
    """How an analogy is drawn.

    coherence: κ ≥ 0; 0 copies the nearest place, 2 … 25 suits brush strokes. levels: of the
    pyramid, 1 … 6. colour: carry (luminance of A′, colours of B), copy (colours of A′), tint
    (luminance of B, colours of A′). labels: match all three colours as they are, for label maps.
    remap: give A and A′ the luminance range of B. guide: weight of A, and of each guide, against B
    beside that of A′ against B′. focus: deviation in pixels of Gaussian weights; 0 is flat.
    filtered: the linear filter that is nearest to the change is learned and given to B first; only
    what it leaves is copied, and where copies of 5×5 overlap, their mean is taken. relight: share
    of B's soft light that B′ takes over, 0 … 1. approximate: a short list of candidates instead of
    all, for large pictures.
    """

    coherence: float = 0.0
    levels: int = 3
    colour: str = "carry"
    labels: bool = False
    remap: bool = True
    guide: float = 1.0
    focus: float = 0.0
    filtered: bool = False
    relight: float = 0.0
    approximate: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.coherence <= 1000:
            raise InputError("coherence", f"{self.coherence} is not in 0 … 1000", "0 … 25 is usual")
        if not 1 <= self.levels <= 6:
            raise InputError("levels", f"{self.levels} is not in 1 … 6", "2 or 3 is usual")
        if self.colour not in COLOURS:
            raise InputError("colour", f"'{self.colour}' is unknown", f"use {', '.join(COLOURS)}")
        if not 0 <= self.guide <= 16:
            raise InputError("guide", f"{self.guide} is not in 0 … 16", "1 is usual")
        if not 0 <= self.focus <= 100:
            raise InputError("focus", f"{self.focus} is not in 0 … 100 pixels", "0 is flat")
        if not 0 <= self.relight <= 1:
            raise InputError("relight", f"{self.relight} is not in 0 … 1", "0 leaves the light")


FILTER = Matching()
MODES = {
    "filter": FILTER,
    # a Sobel or emboss sees 3×3: what is farther only misleads, see bench/patches.py
    "edges": Matching(levels=1, guide=16.0, focus=0.75),
    "painterly": Matching(coherence=5.0, focus=1.25),
    "colour": Matching(coherence=0.5, colour="tint"),
    "numbers": Matching(coherence=1.0, colour="copy", labels=True, remap=False),
    "super": Matching(coherence=0.1, focus=1.25, guide=8.0, filtered=True),
    "transfer": Matching(coherence=2.0, colour="copy", guide=0.25, relight=0.7),
}


class Analogy(NamedTuple):
    """A result: the picture B′ (H, W, C), where in A′ each pixel came from, what a person should
    know.
    """

    picture: Picture
    source: SourceMap
    notes: tuple[str, ...]


class _Level(NamedTuple):
    """One level of the pyramid: planes (P, H, W) float64 of every A and A′, and of B.

    answer: weight of A′ against B′; less than 1 where A′ would outshout what it answers to.
    keeps: A′ keeps the light of A. rule: what gives A′'s light from A's, where one is learned; A′
    stands here as A and what the rule leaves, A and B as they are or, by a filter, filtered.
    guides: how many planes, the last of `plain` and `query`, are guides'; A′ is empty there.
    """

    plain: list[Reals]
    changed: list[Reals]
    query: Reals
    answer: float = 1.0
    keeps: bool = True
    rule: Rule | None = None
    guides: int = 0


def seconds(pixels: int, places: int, *, approximate: bool) -> float:
    """Seconds of drawing so many pixels from so many places, on one thread."""
    return START + PYRAMID * (SHORT if approximate else PLACE * places) * pixels


def analogy(
    plain: Sequence[Picture] | Picture,
    changed: Sequence[Picture] | Picture,
    query: Picture,
    *,
    seed: int,
    matching: Matching = FILTER,
    guides: Sequence[Sequence[Picture]] = (),
) -> Iterator[Progress]:
    """B′, which is to B (query) as every A′ (changed) is to its A (plain).

    Pictures are (H, W) or (H, W, C) uint8 or uint16; each A′ has the size of its A, pixel upon
    pixel. guides: each a picture for every A and one for B, of their sizes, that say what belongs
    where (labels, light, direction); they are compared colour by colour beside A and B. Yields
    Progress with the luminance so far; the last value is the Analogy.
    """
    if not 0 <= seed < 2**64:
        raise InputError("seed", f"{seed} is not in 0 … 2**64 - 1")
    first, second = checked_pictures(plain, "a"), checked_pictures(changed, "a2")
    (target,) = checked_pictures(query, "b")
    if [p.shape[:2] for p in first] != [p.shape[:2] for p in second]:
        sizes = [
            " and ".join("×".join(map(str, p.shape[1::-1])) for p in ps) for ps in (first, second)
        ]
        raise InputError(
            "a2", f"is {sizes[1]}, A is {sizes[0]}", "a pair has one size, pixel upon pixel"
        )
    shortest = min(min(p.shape[:2]) for p in (*first, target))
    if shortest < 3:
        problem = f"A or B has a side of {shortest} pixels"
        raise InputError("a", problem, "use pictures of at least 3×3")

    finest = _guided(_matched(first, second, target, matching), guides, (*first, target))
    levels = [finest]
    while len(levels) < matching.levels and shortest >= 2 * SMALLEST:
        last, shortest = levels[-1], shortest // 2
        smaller = [[halved(p) for p in side] for side in (last.plain, last.changed)]
        levels.append(last._replace(plain=smaller[0], changed=smaller[1], query=halved(last.query)))

    yield from _drawn(levels, first, second, target, np.uint64(seed), matching)


def _matched(
    first: Sequence[Picture], second: Sequence[Picture], target: Picture, matching: Matching
) -> _Level:
    """The planes that are compared: three colours, or luminance, remapped or not."""
    a, a2, b = [colours(p) for p in first], [colours(p) for p in second], colours(target)
    if matching.labels:
        first_planes, *rest = ([np.moveaxis(p, 2, 0) for p in side] for side in (a, a2, [b]))
        return _Level(first_planes, rest[0], rest[1][0])
    light = [[yiq(p)[None, :, :, 0] for p in side] for side in (a, a2)]
    goal = yiq(b)[None, :, :, 0]
    rule = None
    if matching.filtered:
        rule = filtered(*light)
        light[0], goal = [rule(plain) for plain in light[0]], rule(goal)
    elif matching.colour == "carry":
        keeps = follows(*light)
        rule = turned(light[0], light[1], keeps)
        if rule is not None:  # what it says is taken off before matching and put on after
            pairs = zip(*light, strict=True)
            light[1] = [changed - rule(plain) + plain for plain, changed in pairs]
        elif not keeps:
            sharp = [contrast(p) for p in light[0]]
            spread = [float(np.mean([p.var() for p in side])) for side in (sharp, light[1])]
            answer = min(1.0, spread[0] / max(spread[1], 1e-6))
            return _Level(sharp, light[1], contrast(goal), answer, keeps=False)
    gain, shift = remapping(light[0], goal) if matching.remap else (1.0, 0.0)
    planes = [[gain * p + shift for p in side] for side in light]
    return _Level(planes[0], planes[1], goal, rule=rule)


def _guided(
    level: _Level, guides: Sequence[Sequence[Picture]], beside: Sequence[Picture]
) -> _Level:
    """The level with the guides' planes after its own; beside: every A, then B."""
    if not guides:
        return level
    sides = [picture.shape[:2] for picture in beside]
    planes: list[list[Reals]] = [[] for _ in sides]
    for given in guides:
        pictures = checked_pictures(given, "guides")
        found = [picture.shape[:2] for picture in pictures]
        if found != sides:
            told, wanted = (
                ", ".join(f"{width}×{height}" for height, width in sizes)
                for sizes in (found, sides)
            )
            remedy = "give one for A, one for each further A and one for B, of their sizes"
            raise InputError("guides", f"are {told}; A and B are {wanted}", remedy)
        for place, picture in zip(planes, pictures, strict=True):
            place.append(np.moveaxis(colours(picture), 2, 0))
    *plain, query = (np.concatenate(some) for some in planes)
    return level._replace(
        plain=[np.concatenate(pair) for pair in zip(level.plain, plain, strict=True)],
        changed=[
            np.concatenate([changed, np.zeros_like(guide)])
            for changed, guide in zip(level.changed, plain, strict=True)
        ],
        query=np.concatenate([level.query, query]),
        guides=len(query),
    )


def _drawn(
    levels: Sequence[_Level], first: Sequence[Picture], second: Sequence[Picture], target: Picture,
    seed: np.uint64, matching: Matching,
) -> Iterator[Progress]:  # fmt: skip
    """Every level in turn, coarsest first."""
    total = sum(level.query[0].size for level in levels)
    done, coarse = 0, None
    for depth in reversed(range(len(levels))):
        step = _step(levels, depth, coarse, matching)
        short = matching.approximate and coarse is not None
        factor = matching.coherence * 2.0**-depth
        H, W = step.canvas.known.shape
        place = pieces.place(partial(_begun, step, seed))
        rows = _taken_up(place, step)
        for y in range(BORDER, H - BORDER, ROWS):
            end = min(y + ROWS, H - BORDER)
            if end > rows:
                scan(step, seed, factor, short, y, end)
            done += (end - y) * (W - 2 * BORDER)
            yield Progress(
                min(done / total, 0.999), f"level {depth}, row {end - BORDER}", _seen(step)
            )
            if place is not None and end > rows:
                now = {name: array.copy() for name, array in _changed(step).items()}
                place.keep(now | {"rows": np.array(end)})
        coarse = step

    assert coarse is not None
    source = _cropped(coarse.canvas.source)
    sizes = [(p.shape[0], p.shape[1]) for p in second]
    fresh = np.ones(source.shape, bool)
    mapped = map_of(source, fresh, coarse.sheet, coarse.firsts, sizes)
    light = _cropped(coarse.canvas.planes[0]) / FINE
    if (rule := levels[0].rule) is not None:  # only what the rule leaves is copied
        left = [
            yiq(colours(q))[:, :, 0] - rule(yiq(colours(p))[:, :, 0])
            for p, q in zip(first, second, strict=True)
        ]
        copied_rest = overlapped if matching.filtered else rendered
        light = rule(yiq(colours(target))[:, :, 0]) + copied_rest(mapped, left)
    picture, told = _coloured(mapped, light, (first, second), target, matching)
    if matching.relight:
        picture = _relit(picture, target, matching.relight)
    notes = (WIDE,) if len(levels) > 1 and not levels[0].keeps else ()
    yield Progress(1.0, "done", Analogy(_with_alpha(picture, target), mapped, (*notes, *told)))


class _Step(NamedTuple):
    """What one level works on; firsts: position of the first pixel of each example."""

    canvas: Canvas
    sheet: Sheet
    firsts: Longs
    window: Window
    projection: Projection
    parents: Longs
    candidates: Longs


def _begun(step: _Step, seed: np.uint64) -> list[NDArray[Any]]:
    return [step.canvas.planes, np.array([seed])]


def _changed(step: _Step) -> dict[str, NDArray[Any]]:
    """What drawing rows of a level changes."""
    canvas = step.canvas
    known = {"planes": canvas.planes, "known": canvas.known, "source": canvas.source}
    return known | {"candidates": step.candidates}


def _taken_up(place: pieces.Place | None, step: _Step) -> int:
    """The row up to which an earlier run drew the level; its pixels are put into the step."""
    if place is None or place.state is None:
        return 0
    for name, array in _changed(step).items():
        array[:] = place.state[name]
    return int(place.state["rows"])


def _step(levels: Sequence[_Level], depth: int, coarse: _Step | None, matching: Matching) -> _Step:
    """One level, ready to be drawn. Planes: A′, A, then A and A′ of the coarser level."""
    level, P = levels[depth], len(levels[depth].query)
    examples = [np.concatenate(pair) for pair in zip(level.changed, level.plain, strict=True)]
    made = np.concatenate([np.zeros_like(level.query), level.query])
    if coarse is not None:
        below, (_, H, W) = levels[depth + 1], level.query.shape
        drawn_below = _cropped(coarse.canvas.planes[:P]) / FINE
        made = np.concatenate([made, doubled(np.concatenate([below.query, drawn_below]), H, W)])
        pairs = [np.concatenate(pair) for pair in zip(below.plain, below.changed, strict=True)]
        examples = [
            np.concatenate([e, doubled(p, *e.shape[1:])])
            for e, p in zip(examples, pairs, strict=True)
        ]

    bordered = [_bordered(e) for e in examples]
    inside = [np.pad(np.ones(e.shape[1:], bool), BORDER) for e in examples]
    sheet, firsts = sheet_of(bordered, inside, BORDER)
    firsts = firsts + BORDER * (sheet.stride + 1)
    planes = _bordered(made).astype(np.float32)
    shape = planes.shape[1:]
    canvas = Canvas(planes, P, np.zeros(shape, bool), np.full(shape, -1, np.int64), False)
    candidates = np.full((CANDIDATES if matching.approximate else 0, *shape), -1, np.int64)
    parents = np.full((0, 1, 1), -1, np.int64)
    if coarse is not None and matching.approximate:
        edge = BORDER // 2
        near = coarse.candidates[:, edge:-edge, edge:-edge]
        parents = parents_of(near, coarse.sheet, sheet, (coarse.firsts, firsts))
    window = _window(level, coarse is not None, matching)
    return _Step(canvas, sheet, firsts, window, projection_of(sheet, window), parents, candidates)


def _window(level: _Level, pyramid: bool, matching: Matching) -> Window:
    """Taps of the feature, heaviest first and then nearest first; a guide weighs as much as A."""
    planes, answer = len(level.query), level.answer
    own = planes - level.guides
    weighs = [1.0] * own + [own / 3] * level.guides
    dy, dx = np.mgrid[-2:3, -2:3].reshape(2, -1)
    causal = np.arange(25) < 12
    weight = np.exp(-(dy**2 + dx**2) / (2 * matching.focus**2)) if matching.focus else np.ones(25)
    blocks = [(0, answer, causal, False), (1, matching.guide, causal | True, True)]
    if pyramid:  # the coarser A counts twice: +0.8 dB on learned blurs, see bench/patches.py
        blocks += [(2, 2 * matching.guide, causal | True, True), (3, answer, causal | True, True)]
    rows = [
        (round(ONE * share * weight[k] * weighs[n]), dy[k], dx[k], block * planes + n, given)
        for block, share, used, given in blocks
        for k in np.flatnonzero(used)
        for n in range(own if block in ANSWERS else planes)
    ]
    rows = sorted((r for r in rows if r[0]), key=lambda r: (-r[0], r[1] ** 2 + r[2] ** 2))
    whole, y, x, plane, given = (np.array(column) for column in zip(*rows, strict=True))
    return Window(y, x, plane.astype(np.int64), whole.astype(np.int64), given)


@compiled
def scan(step: Any, seed: Any, factor: Any, short: Any, first_row: Any, last_row: Any) -> None:
    """Fill rows first_row ≤ y < last_row of a _Step's canvas in scan order; factor: κ·2^(l − L)."""
    canvas, sheet, window, candidates = step.canvas, step.sheet, step.window, step.candidates
    room = len(window.dy)
    query = (np.empty(room, np.int64), np.empty(room, np.float32), np.empty(room, np.float32))
    size = ROOM if short else sheet.candidates
    found, scores = np.empty(size, np.int64), np.empty(size, np.int64)
    for y in range(first_row, last_row):
        for x in range(BORDER, canvas.known.shape[1] - BORDER):
            terms, _ = gathered(canvas, sheet, window, y, x, query)
            place, near = np.int64(-1), np.int64(-1)  # the best coherent place and its distance
            for k in range(12):
                row, column = y - 2 + k // 5, x - 2 + k % 5
                if canvas.known[row, column]:
                    shift = (2 - k // 5) * sheet.stride + 2 - k % 5
                    position = canvas.source[row, column] + shift
                    if sheet.penalty[position] == 0:
                        score = distance(sheet.planes, position, query, terms)
                        if near < 0 or score < near:
                            place, near = position, score
            if short:
                count = listed(canvas, sheet, step.parents, seed, y, x, query, terms, found, scores)
                if len(candidates):
                    ranked(found, scores, count, candidates[1:, y, x])
                nearest_place, score, _ = picked(found, scores, count, 0.0, drawn(seed, y, x, PICK))
            elif terms < room or len(candidates):
                count = survivors(sheet, query, terms, near, 0.5 if len(candidates) else 0.0, found)
                scored(sheet, query, terms, found, scores, count)
                if len(candidates):
                    ranked(found, scores, count, candidates[1:, y, x])
                nearest_place, score, _ = picked(found, scores, count, 0.0, drawn(seed, y, x, PICK))
            else:
                count, score = nearest(sheet, step.projection, query, terms, near, found)
                nearest_place = found[drawn_below(seed, y, x, PICK, count)]
            if near < 0 or near > limit_of(score, factor):
                place = nearest_place
            copied(canvas, sheet, y, x, place)
            if len(candidates):
                candidates[0, y, x] = place


def _bordered(planes: Reals) -> Reals:
    """Whole numbers with BORDER mirrored pixels on every side; A, A′ and B are treated alike."""
    whole = np.rint(planes * FINE)
    return np.pad(whole, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)), mode="symmetric")


def _cropped(values: NDArray[Any]) -> NDArray[Any]:
    """Without the border of the last two axes."""
    return values[..., BORDER:-BORDER, BORDER:-BORDER]


def _seen(step: _Step) -> Picture:
    """The luminance so far, (H, W, 1) uint8."""
    grey = _cropped(step.canvas.planes[0]) * (255 / FINE)
    return grey[:, :, None].clip(0, 255).astype(np.uint8)


def _coloured(
    source: SourceMap,
    light: Reals,
    pairs: tuple[Sequence[Picture], Sequence[Picture]],
    target: Picture,
    matching: Matching,
) -> tuple[Picture, tuple[str, ...]]:
    """B′ in colours, copied as it is or put together from luminance and chrominance, and notes."""
    first, second = pairs
    if matching.colour == "copy":
        return rendered(source, second), ()
    parts, grey = yiq(colours(target)), target.shape[2] < 3
    notes: tuple[str, ...] = ()
    found = dyed([colours(p) for p in first], [colours(p) for p in second])
    tint = matching.colour == "tint"
    if not tint and found.kept > SEEN and found.missed < 0.6 * found.kept:
        told = np.concatenate([np.ones((*parts.shape[:2], 1)), parts], axis=2)
        parts[:, :, 1:] = told @ found.rule
        grey = grey and found.after < SEEN
    elif not tint and found.kept > SEEN:
        tint = found.before < SEEN  # A is grey: only A′ knows the colours
        notes = (DYED if tint else OWN,) if tint or found.kept > 4 * SEEN else ()
    if tint:
        parts[:, :, 1:] = yiq(rendered(source, [colours(p) for p in second]))[:, :, 1:]
        grey = False
    else:
        parts[:, :, 0] = light
    white = float(np.iinfo(target.dtype).max)
    picture: Picture = np.rint(rgb(parts).clip(0, 1) * white).astype(target.dtype)
    return (picture[:, :, :1] if grey else picture), notes


def _relit(picture: Picture, target: Picture, share: float) -> Picture:
    """The picture with a share of B's soft light, which keeps its contrast around the mean here."""
    white = float(np.iinfo(picture.dtype).max)
    own, goal = (yiq(colours(p))[:, :, 0] for p in (picture, target))
    added = relit(own, goal - goal.mean() + own.mean(), share)[:, :, None]
    shown = picture.shape[2] - (picture.shape[2] in (2, 4))  # alpha has no light
    changed = picture.copy()
    changed[:, :, :shown] = np.rint((picture[:, :, :shown] / white + added).clip(0, 1) * white)
    return changed


def _with_alpha(picture: Picture, target: Picture) -> Picture:
    """The picture with the transparency of B, where B has any and the picture none."""
    if target.shape[2] not in (2, 4) or picture.shape[2] in (2, 4):
        return picture
    alpha = target[:, :, -1:]
    if picture.dtype != target.dtype:  # 8 and 16 bits differ by a factor of 257
        deep = picture.dtype == np.uint16
        alpha = alpha.astype(np.uint16) * 257 if deep else (alpha // 257).astype(np.uint8)
    return np.concatenate([picture, alpha], axis=2)
