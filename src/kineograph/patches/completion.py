"""A hole completed as a whole: every patch over it comes to look like some patch of the examples.

Wexler, Shechtman and Irani, *Space-Time Completion of Video* (PAMI 2007): in turn, the nearest
example patch of every patch that touches the hole, and every pixel the weighted mean of what the
patches over it propose, coarse to fine. The nearest patches are sought as Barnes et al.,
*PatchMatch* (SIGGRAPH 2009), do it: neighbours hand on what they found, then a random search. It is
quick and keeps edges going across a hole; it is no exact search, which is `texture.fill`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kineograph.patches.search import Flags
from kineograph.patches.window import centres
from kineograph.values.errors import InputError

WIDTH = 7  # pixels of a patch
ROUNDS = (20, 4)  # of search and vote at the coarsest level, at the finest
SEARCHES = 2  # passes of the search before a vote
FADE = 1.3  # a pixel one step further into the hole is believed so many times less
BUSY = 7.0  # how much a level of roughness counts beside one of colour (Newson et al.: √50)
ROUGH = 9  # pixels over which roughness is a mean
LEAST = 4 * WIDTH  # pixels of the shorter side of the coarsest level

Values = NDArray[np.float32]
Places = NDArray[np.int32]


class Found(NamedTuple):
    """sources: (H, W, 2) row and column in the stacked examples of what lies under each pixel of
    the hole. mixed: (H, W, P) the mean of all proposals, in the planes' units. done: 0 … 1."""

    sources: Places
    mixed: Values
    done: float


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: what is known, the examples, where their patches may be read.

    target: (H, W, P); hole: (H, W); examples: (M, N, P), one above the other; readable: (M, N).
    """

    target: Values
    hole: Flags
    examples: Values
    readable: Flags


def stacked(planes: Sequence[Values], allowed: Sequence[Flags]) -> tuple[Values, Flags]:
    """Examples (P, H, W) each, one above the other as (M, N, P), and what of them may be read."""
    tall = sum(one.shape[1] for one in planes)
    wide = max(one.shape[2] for one in planes)
    values = np.zeros((tall, wide, planes[0].shape[0]), np.float32)
    free = np.zeros((tall, wide), bool)
    top = 0
    for one, may in zip(planes, allowed, strict=True):
        height, width = one.shape[1:]
        values[top : top + height, :width] = np.moveaxis(one, 0, 2)
        free[top : top + height, :width] = may
        top += height
    return values, free


def completed(
    target: Values, hole: Flags, examples: Values, free: Flags, *, tops: Sequence[int], seed: int
) -> Iterator[Found]:
    """The hole filled coarse to fine; the last one is whole.

    target: (H, W, P), values 0 … 255, anything in the hole. examples, free: from `stacked`. tops:
    rows at which an example begins, over which no patch reaches.
    """
    colours = target.shape[2]
    target = np.dstack([target, _roughness(target, ~hole, BUSY)])
    examples = np.dstack([examples, _roughness(examples, free, BUSY)])
    state = np.array([seed % 2**63 * 2 + 1], np.uint64)
    levels = _pyramid(target, hole, examples, free, tops)
    guess = _spread(levels[-1].target, levels[-1].hole)
    field: Places | None = None
    total = len(levels)
    for number, level in enumerate(reversed(levels)):
        if field is not None:
            field = _finer(field, level.hole.shape)
            guess = np.where(
                level.hole[:, :, None], _doubled(guess, level.hole.shape), level.target
            )
        share = number / max(1, total - 1)
        rounds = round(ROUNDS[0] + (ROUNDS[1] - ROUNDS[0]) * share)
        field, guess = _settled(level, guess.astype(np.float32), field, rounds, state)
        yield Found(field, guess[:, :, :colours], (number + 1) / total)


def _roughness(x: Values, known: Flags, scale: float) -> Values:
    """(H, W, 2) mean absolute steps along columns and rows around each pixel, times `scale`.

    Beside colours it keeps a hole in grass from being filled with what is smooth (Newson et al.,
    *Video Inpainting of Complex Scenes*, SIAM 2014, §3.2). Only steps between known pixels count.
    """
    planes = []
    for axis in (0, 1):
        step = np.abs(np.diff(x, axis=axis)).mean(2)
        whole = known[1:] & known[:-1] if axis == 0 else known[:, 1:] & known[:, :-1]
        ends = ((0, 1), (0, 0)) if axis == 0 else ((0, 0), (0, 1))
        weight = np.pad(whole.astype(np.float64), ends)
        planes.append(_boxed(np.pad(step, ends) * weight) / np.maximum(_boxed(weight), 1e-6))
    return (scale * np.stack(planes, 2)).astype(np.float32)


def _boxed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over ROUGH × ROUGH pixels, zeros outside."""
    for axis in (0, 1):
        ends = [(0, 0), (0, 0)]
        ends[axis] = (ROUGH // 2 + 1, ROUGH // 2)
        run = np.cumsum(np.pad(x, ends), axis=axis)
        n = x.shape[axis]
        x = np.take(run, range(ROUGH, ROUGH + n), axis) - np.take(run, range(n), axis)
    return x


def _pyramid(
    target: Values, hole: Flags, examples: Values, free: Flags, tops: Sequence[int]
) -> list[Level]:
    """Levels, finest first, until the hole is thinner than a patch."""
    separate = free.copy()
    readable = _inside(separate, tops)
    levels = [Level(target, hole, examples, readable)]
    while min(levels[-1].hole.shape) >= 2 * LEAST and _depth(levels[-1].hole) > WIDTH // 2:
        last = levels[-1]
        tops = [top // 2 for top in tops]
        separate = _halved(separate[:, :, None].astype(np.float32))[:, :, 0] > 0.999
        smaller = _inside(separate, tops)
        if smaller.sum() < 50:
            break
        known = (~last.hole[:, :, None]).astype(np.float32)
        share = _halved(known)
        small = (_halved(last.target * known) / np.maximum(share, 1e-6)).astype(np.float32)
        hole = share[:, :, 0] < 0.999
        levels.append(Level(small, hole, _halved(last.examples), smaller))
    return levels


def _inside(free: Flags, tops: Sequence[int]) -> Flags:
    """Centres of patches that lie on free pixels of one example."""
    found = np.zeros_like(free)
    for top, end in zip(tops, [*tops[1:], len(free)], strict=True):
        found[top:end] = centres(free[top:end], WIDTH)
    return found


def _halved(x: Values) -> Values:
    """Means of 2×2 pixels; an odd last row or column is repeated."""
    x = np.pad(x, ((0, len(x) % 2), (0, x.shape[1] % 2), (0, 0)), mode="edge")
    total: Values = x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]
    return total * np.float32(0.25)


def _doubled(x: Values, size: tuple[int, ...]) -> Values:
    return x.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]]


def _finer(field: Places, size: tuple[int, ...]) -> Places:
    """Where twice as many pixels come from: the same patches, a half step apart."""
    rows, columns = np.indices(size)
    fine = 2 * field.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]]
    fine[:, :, 0] += rows % 2
    fine[:, :, 1] += columns % 2
    return np.ascontiguousarray(fine)


def _depth(hole: Flags) -> int:
    """Pixels from the border of the hole to its innermost."""
    return int(_inwards(hole).max())


def _inwards(hole: Flags) -> NDArray[np.int32]:
    """(H, W) steps to the nearest known pixel; 0 outside the hole."""
    depth = np.zeros(hole.shape, np.int32)
    left = hole.copy()
    step = 0
    while left.any():
        step += 1
        padded = np.pad(left, 1, mode="edge")
        inner = left & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        depth[left & ~inner] = step
        if (inner == left).all():
            depth[left] = step
            break
        left = inner
    return depth


def _spread(x: Values, hole: Flags) -> Values:
    """The hole filled with means of its neighbours, from the border inwards."""
    x, known = x.copy(), ~hole
    while not known.all():
        weight = np.pad(known.astype(np.float32), 1)
        value = np.pad(x * known[:, :, None], ((1, 1), (1, 1), (0, 0)))
        H, W = hole.shape
        steps = [(dy, dx) for dy in range(3) for dx in range(3)]
        total = sum(weight[dy : dy + H, dx : dx + W] for dy, dx in steps)
        mean = sum(value[dy : dy + H, dx : dx + W] for dy, dx in steps)
        new = ~known & (np.asarray(total) > 0)
        if not new.any():
            break
        x[new] = np.asarray(mean)[new] / np.asarray(total)[new, None]
        known |= new
    return x


def _settled(
    level: Level, guess: Values, field: Places | None, rounds: int, state: NDArray[np.uint64]
) -> tuple[Places, Values]:
    """Search and vote so many times; (H, W, 2) where each patch is found, and the picture."""
    half = WIDTH // 2
    near = np.pad(level.hole, half)
    H, W = level.hole.shape
    touched = np.zeros((H, W), bool)
    for dy in range(WIDTH):
        for dx in range(WIDTH):
            touched |= near[dy : dy + H, dx : dx + W]
    points = np.argwhere(touched).astype(np.int32)
    places = np.argwhere(level.readable).astype(np.int32)
    if not len(places):
        problem = f"leaves no {WIDTH}x{WIDTH} pixels of an example to copy from"
        raise InputError("mask", problem, "mark less, or name a further sample")
    if field is None:
        field = np.zeros((H, W, 2), np.int32)
    cost = np.full((H, W), np.inf, np.float32)
    belief = (FADE ** -_inwards(level.hole).astype(np.float32)).astype(np.float32)
    guess = np.ascontiguousarray(guess)
    for turn in range(rounds):
        _refreshed(guess, level.examples, level.readable, points, places, field, cost, state)
        for _ in range(SEARCHES):
            _searched(guess, level.examples, level.readable, points, field, cost, state, turn % 2)
        spread = float(np.quantile(cost[touched], 0.75)) + 1e-3
        weight = belief * np.where(touched, np.exp(-cost / (2 * spread)), 0).astype(np.float32)
        _voted(guess, level.hole, level.examples, field, weight.astype(np.float32))
    return field, guess


@njit(cache=True, inline="always")
def _drawn(state: NDArray[np.uint64], below: int) -> int:
    """A whole number 0 … below − 1 by xorshift (Marsaglia 2003)."""
    s = state[0]
    s ^= s << np.uint64(13)
    s ^= s >> np.uint64(7)
    s ^= s << np.uint64(17)
    state[0] = s
    return int(s >> np.uint64(33)) % below


@njit(cache=True)
def _apart(a: Values, b: Values, y: int, x: int, at: tuple[int, int], bound: float) -> float:
    """Mean squared difference of two patches over what lies in the picture; inf past `bound`."""
    half = WIDTH // 2
    H, W, P = a.shape
    top, end = max(-half, -y), min(half, H - 1 - y)
    left, right = max(-half, -x), min(half, W - 1 - x)
    count = (end - top + 1) * (right - left + 1)
    most = bound * count
    total = np.float32(0)
    for dy in range(top, end + 1):
        for dx in range(left, right + 1):
            for c in range(P):
                gap = a[y + dy, x + dx, c] - b[at[0] + dy, at[1] + dx, c]
                total += gap * gap
        if total >= most:
            return np.inf
    return float(total / count)


@njit(cache=True)
def _refreshed(
    guess: Values, examples: Values, readable: Flags, points: Places, places: Places,
    field: Places, cost: Values, state: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Costs for what the picture shows now; a random place where none is readable."""
    M, N = readable.shape
    for k in range(len(points)):
        y, x = points[k]
        sy, sx = field[y, x]
        if not (0 <= sy < M and 0 <= sx < N and readable[sy, sx]):
            sy, sx = places[_drawn(state, len(places))]
            field[y, x, 0], field[y, x, 1] = sy, sx
        cost[y, x] = _apart(guess, examples, y, x, (sy, sx), np.inf)


@njit(cache=True)
def _searched(
    guess: Values, examples: Values, readable: Flags, points: Places,
    field: Places, cost: Values, state: NDArray[np.uint64], back: int,
) -> None:  # fmt: skip
    """One pass of PatchMatch, forwards or backwards."""
    (H, W), (M, N) = cost.shape, readable.shape
    step = 1 if back else -1
    for number in range(len(points)):
        y, x = points[len(points) - 1 - number if back else number]
        for way in range(2):
            ny, nx = (y + step, x) if way else (y, x + step)
            if not (0 <= ny < H and 0 <= nx < W) or cost[ny, nx] == np.inf:
                continue
            sy, sx = field[ny, nx, 0] - (ny - y), field[ny, nx, 1] - (nx - x)
            _better(guess, examples, readable, field, cost, (y, x), (sy, sx))
        reach = max(M, N)
        while reach >= 1:
            sy = field[y, x, 0] + _drawn(state, 2 * reach + 1) - reach
            sx = field[y, x, 1] + _drawn(state, 2 * reach + 1) - reach
            _better(guess, examples, readable, field, cost, (y, x), (sy, sx))
            reach //= 2


@njit(cache=True)
def _better(
    guess: Values, examples: Values, readable: Flags, field: Places, cost: Values,
    here: tuple[int, int], there: tuple[int, int],
) -> None:  # fmt: skip
    """Take a place for a patch if it is readable and nearer than what it has."""
    y, x = here
    M, N = readable.shape
    if 0 <= there[0] < M and 0 <= there[1] < N and readable[there[0], there[1]]:
        found = _apart(guess, examples, y, x, there, cost[y, x])
        if found < cost[y, x]:
            cost[y, x] = found
            field[y, x, 0], field[y, x, 1] = there[0], there[1]


@njit(cache=True)
def _voted(guess: Values, hole: Flags, examples: Values, field: Places, weight: Values) -> None:
    """Every pixel of the hole becomes the weighted mean of what the patches over it propose."""
    half = WIDTH // 2
    H, W, P = guess.shape
    total = np.zeros(P, np.float64)
    for y in range(H):
        for x in range(W):
            if not hole[y, x]:
                continue
            total[:] = 0
            weights = 0.0
            for dy in range(max(-half, -y), min(half, H - 1 - y) + 1):
                for dx in range(max(-half, -x), min(half, W - 1 - x) + 1):
                    w = weight[y + dy, x + dx]
                    if w > 0:
                        sy, sx = field[y + dy, x + dx, 0] - dy, field[y + dy, x + dx, 1] - dx
                        weights += w
                        for c in range(P):
                            total[c] += w * examples[sy, sx, c]
            if weights > 0:
                for c in range(P):
                    guess[y, x, c] = total[c] / weights


def copies_of(
    found: Found, hole: Flags, tops: Sequence[int]
) -> tuple[NDArray[np.int16], Places, Places]:
    """(example, row, column), (H, W) each, of what every pixel is a copy of; the known pixels are
    those of the first example."""
    first = np.asarray(tops, np.int32)
    own_y, own_x = np.indices(hole.shape, np.int32)
    rows, columns = found.sources[:, :, 0], found.sources[:, :, 1]
    example = np.where(hole, np.searchsorted(first, rows, side="right") - 1, 0)
    y = np.where(hole, rows - first[example], own_y)
    return example.astype(np.int16), y, np.where(hole, columns, own_x)
