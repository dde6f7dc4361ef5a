"""The growing loop of Efros & Leung (ICCV 1999): layer by layer, pixel by pixel, copy the centre of
a matching window.

A layer is the list of unknown pixels that touch a known one, those with most known neighbours
first, equals in an order drawn by hash. Pixels placed earlier in a layer are seen by later ones.
Threads keep to that order: pixels whose windows do not meet form a wave, a wave may be split among
threads, and the result has the same bytes for any number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kineograph import pieces
from kineograph.patches.lanes import compiled
from kineograph.patches.search import (
    Flags,
    Floats,
    Longs,
    Sheet,
    distance,
    drawn,
    drawn_below,
    limit_of,
    picked,
    scored,
    survivors,
)
from kineograph.patches.shortlist import ROOM, listed, ranked

ORDER, PICK, SEED, CHECK = 1, 2, 3, 4  # purposes of random draws
NONE = np.empty((0, 0), np.int32)
SPLIT_WORK = 2_000_000  # candidates × pixels of a wave below which threads cost more than they give


class Canvas(NamedTuple):
    """The picture being made.

    planes: (P, H, W) float32 whole numbers; the first `made` of them are of meaning where known,
    the rest are given everywhere. known: (H, W) bool. source: (H, W) int64 position on the sheet,
    −1 where there is none. wrap: opposite borders meet.
    """

    planes: Floats
    made: int
    known: Flags
    source: Longs
    wrap: bool


class Rule(NamedTuple):
    """Which matches are accepted.

    seed: 0 … 2⁶⁴ − 1. epsilon: share above the nearest distance that is still drawn from.
    ceiling: largest accepted distance, in squared values per unit of weight.
    """

    seed: np.uint64
    epsilon: float
    ceiling: float


@compiled
def gathered(canvas: Any, sheet: Any, window: Any, y: Any, x: Any, query: Any) -> Any:
    """Write the known taps around (y, x) as terms; returns (how many, their total weight)."""
    offsets, values, weights = query
    H, W = canvas.known.shape
    terms, total = 0, np.int64(0)
    for k in range(len(window.dy)):
        row, column = y + window.dy[k], x + window.dx[k]
        if canvas.wrap:
            row, column = row % H, column % W
        elif row < 0 or row >= H or column < 0 or column >= W:
            continue
        if window.given[k] or canvas.known[row, column]:
            plane = window.plane[k]
            offsets[terms] = plane * sheet.area + window.dy[k] * sheet.stride + window.dx[k]
            values[terms] = canvas.planes[plane, row, column]
            weights[terms] = np.float32(window.weight[k])
            total += window.weight[k]
            terms += 1
    return terms, total


@compiled
def coherent(canvas: Any, sheet: Any, y: Any, x: Any, query: Any, terms: Any) -> Any:
    """Exact distance of the best shifted source of the eight neighbours, or −1 when none is a
    candidate.
    """
    H, W = canvas.known.shape
    best = np.int64(-1)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            row, column = y + dy, x + dx
            if canvas.wrap:
                row, column = row % H, column % W
            elif row < 0 or row >= H or column < 0 or column >= W:
                continue
            if not canvas.known[row, column] or canvas.source[row, column] < 0:
                continue
            position = canvas.source[row, column] - dy * sheet.stride - dx
            if sheet.penalty[position] == 0:
                score = distance(sheet.planes, position, query, terms)
                if best < 0 or score < best:
                    best = score
    return best


@compiled
def copied(canvas: Any, sheet: Any, y: Any, x: Any, position: Any) -> None:
    """Copy one pixel of the sheet, every made plane, and remember where it came from."""
    for plane in range(canvas.made):
        canvas.planes[plane, y, x] = sheet.planes[position + plane * sheet.area]
    canvas.source[y, x] = position
    canvas.known[y, x] = True


@compiled
def place(canvas: Any, sheet: Any, window: Any, rule: Any, candidates: Any, pixels: Any) -> Any:
    """Fill the pixels (N, 2) in order where a match is good enough; returns how many were filled.

    candidates: (K, H, W) int64, written with the source of each pixel and its runners-up; K may be
    0.
    """
    room = len(window.dy)
    query = (np.empty(room, np.int64), np.empty(room, np.float32), np.empty(room, np.float32))
    found, scores = np.empty(sheet.candidates, np.int64), np.empty(sheet.candidates, np.int64)
    placed = 0
    for k in range(len(pixels)):
        y, x = pixels[k, 0], pixels[k, 1]
        terms, total = gathered(canvas, sheet, window, y, x, query)
        known = coherent(canvas, sheet, y, x, query, terms)
        count = survivors(sheet, query, terms, known, rule.epsilon, found)
        scored(sheet, query, terms, found, scores, count)
        if len(candidates):
            ranked(found, scores, count, candidates[1:, y, x])
        bits = drawn(rule.seed, y, x, PICK)
        position, score, _ = picked(found, scores, count, rule.epsilon, bits)
        if np.float64(score) <= rule.ceiling * np.float64(total):
            copied(canvas, sheet, y, x, position)
            if len(candidates):
                candidates[0, y, x] = position
            placed += 1
    return placed


@compiled
def place_short(
    canvas: Any, sheet: Any, window: Any, rule: Any, candidates: Any, parents: Any, every: Any,
    checks: Any, pixels: Any,
) -> Any:  # fmt: skip
    """Like `place`, from the short list. About one pixel in `every` is searched exactly as well.

    checks: int64 (2,), to which the pixels checked and those whose copy the exact search would not
    have accepted are added.
    """
    room = len(window.dy)
    query = (np.empty(room, np.int64), np.empty(room, np.float32), np.empty(room, np.float32))
    found, scores = np.empty(ROOM, np.int64), np.empty(ROOM, np.int64)
    all_found = np.empty(sheet.candidates, np.int64)
    placed = 0
    for k in range(len(pixels)):
        y, x = pixels[k, 0], pixels[k, 1]
        terms, total = gathered(canvas, sheet, window, y, x, query)
        count = listed(canvas, sheet, parents, rule.seed, y, x, query, terms, found, scores)
        if len(candidates):
            ranked(found, scores, count, candidates[1:, y, x])
        bits = drawn(rule.seed, y, x, PICK)
        position, score, near = picked(found, scores, count, rule.epsilon, bits)
        if drawn_below(rule.seed, y, x, CHECK, every) == 0:
            more = survivors(sheet, query, terms, near, 0.0, all_found)
            for other in range(more):
                near = min(near, distance(sheet.planes, all_found[other], query, terms))
            checks[0] += 1
            checks[1] += score > limit_of(near, rule.epsilon)
        if np.float64(score) <= rule.ceiling * np.float64(total):
            copied(canvas, sheet, y, x, position)
            if len(candidates):
                candidates[0, y, x] = position
            placed += 1
    return placed


@compiled
def frontier(known: Any, wrap: Any, seed: Any) -> Any:
    """The next layer in order: (N, 2) unknown pixels that touch a known one."""
    H, W = known.shape
    pixels = np.empty((H * W, 2), np.int64)
    keys = np.empty(H * W, np.uint64)
    count = 0
    for y in range(H):
        for x in range(W):
            if known[y, x]:
                continue
            touching = 0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    row, column = y + dy, x + dx
                    if wrap:
                        row, column = row % H, column % W
                    elif row < 0 or row >= H or column < 0 or column >= W:
                        continue
                    touching += known[row, column]
            if touching:
                pixels[count, 0], pixels[count, 1] = y, x
                rank = np.uint64(8 - touching) << np.uint64(60)
                keys[count] = rank | (drawn(seed, y, x, ORDER) >> np.uint64(4))
                count += 1
    return pixels[:count][np.argsort(keys[:count], kind="mergesort")]


@compiled
def waves_of(pixels: Any, shape: Any, reach: Any, wrap: Any) -> Any:
    """The wave of each pixel (N,): one more than the highest of earlier pixels within reach."""
    H, W = shape
    stamp = np.full((H, W), -1, np.int64)
    waves = np.empty(len(pixels), np.int64)
    for k in range(len(pixels)):
        y, x = pixels[k, 0], pixels[k, 1]
        wave = np.int64(-1)
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                row, column = y + dy, x + dx
                if wrap:
                    row, column = row % H, column % W
                elif row < 0 or row >= H or column < 0 or column >= W:
                    continue
                wave = max(wave, stamp[row, column])
        waves[k] = wave + 1
        stamp[y, x] = wave + 1
    return waves


class Layer(NamedTuple):
    """What the loop yields after each layer: pixels filled so far, pixels to fill in all; the turn
    of each pixel (H, W), ~turn of those that were begun with, 0 where none was filled.
    """

    filled: int
    wanted: int
    order: NDArray[np.int32] = NONE


class Split(NamedTuple):
    """How a layer may be split: threads; largest offset of a tap in pixels; candidates looked at
    for a pixel.
    """

    threads: int
    reach: int
    cost: int


class Stage(NamedTuple):
    """A canvas to fill and the sheet to fill it from.

    firsts: position of the first pixel of each example. blocks: positions where a 3×3 seed block
    may be centred.
    """

    canvas: Canvas
    sheet: Sheet
    firsts: Longs
    blocks: Longs


Work = Callable[[Longs, float], int]  # fill pixels (N, 2) whose error is below a share; how many


def layers(
    stage: Stage,
    work: Work,
    seed: np.uint64,
    *,
    max_error: float,
    split: Split,
    also: Mapping[str, Longs],
) -> Iterator[Layer]:
    """Fill every unknown pixel of the canvas, in place.

    max_error: share of the largest distance; raised by a tenth when a whole pass fills nothing (the
    authors' rule). also: what else `work` and its caller change, by name; kept with the canvas
    when a layer is whole (`pieces`).
    """
    canvas, known = stage.canvas, stage.canvas.known
    wanted = int(known.size - known.sum())
    order, filled = np.zeros(known.shape, np.int32), 0
    here = pieces.place(lambda: (canvas.planes, known, canvas.source, np.array([seed])))
    changed = {"planes": canvas.planes, "known": known, "source": canvas.source, **also}
    changed["order"] = order
    if here is not None and here.state is not None:
        for name, array in changed.items():
            array[:] = here.state[name]
        filled, max_error = int(here.state["filled"]), float(here.state["max_error"])
        yield Layer(filled, wanted, order)
    with ThreadPoolExecutor(split.threads) if split.threads > 1 else nullcontext() as pool:
        while filled < wanted:
            pixels = frontier(known, stage.canvas.wrap, seed)
            if len(pixels) == 0:
                before = known.copy()
                _island(stage, seed)
                begun = np.argwhere(known & ~before)
                order[tuple(begun.T)] = ~np.arange(filled, filled + len(begun))
                filled += len(begun)
                continue
            if pool is None:
                placed = work(pixels, max_error)
            else:
                placed = _in_waves(
                    partial(_within, work, max_error), pixels, stage.canvas, split, pool
                )
            if placed == 0:
                max_error *= 1.1
            new = pixels[known[tuple(pixels.T)]]
            order[tuple(new.T)] = np.arange(filled, filled + placed)
            filled += placed
            yield Layer(filled, wanted, order)
            if here is not None:
                now = {name: array.copy() for name, array in changed.items()}
                here.keep(now | {"filled": np.array(filled), "max_error": np.array(max_error)})


def _within(work: Work, error: float, pixels: Longs) -> int:
    return work(pixels, error)


def _in_waves(
    work: Callable[[Longs], int], pixels: Longs, canvas: Canvas, split: Split, pool: Executor
) -> int:
    """Do the work on all pixels as if in order, large waves split among threads; its total."""
    waves = waves_of(pixels, canvas.known.shape, split.reach, canvas.wrap)
    order = np.argsort(waves, kind="stable")
    pixels, bounds = pixels[order], np.flatnonzero(np.diff(waves[order], prepend=-1))
    total, begun = 0, 0  # begun: first pixel not yet done
    for begin, end in zip(bounds, [*bounds[1:], len(pixels)], strict=True):
        if (end - begin) * split.cost < SPLIT_WORK:
            continue
        total += work(pixels[begun:begin])
        total += sum(pool.map(work, np.array_split(pixels[begin:end], split.threads)))
        begun = int(end)
    return total + work(pixels[begun:])


def _island(stage: Stage, seed: np.uint64) -> None:
    """Copy a random 3×3 block of the examples to the middle of the unknown pixels."""
    canvas, sheet = stage.canvas, stage.sheet
    unknown = np.argwhere(~canvas.known)
    middle = np.abs(unknown - (unknown.min(0) + unknown.max(0)) // 2).sum(1).argmin()
    y, x = unknown[middle]
    block = stage.blocks[drawn_below(seed, y, x, SEED, len(stage.blocks))]
    H, W = canvas.known.shape
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            row, column = y + dy, x + dx
            if canvas.wrap:
                row, column = row % H, column % W
            if 0 <= row < H and 0 <= column < W and not canvas.known[row, column]:
                copied(canvas, sheet, row, column, block + dy * sheet.stride + dx)
