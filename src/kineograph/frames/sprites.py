"""A cut-out of something that moves, and the table that lets it be steered.

Matting (a key colour, a still background, or the clip's own alpha) gives a figure per frame; it is
centred, and its velocity kept apart from its look. A jump i → j costs what the look, the outline,
the direction and the speed differ by (Schödl, Szeliski, Salesin and Essa, "Video Textures", 2000,
§6). To be steered, frames that move another way than wanted cost more, and the future cost is
solved *with* that price for 8 directions beforehand; adding the price only afterwards would not
find the turns that lead there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from kineograph.frames.distance import Frame, Matrix, check_count, distances, features, thumbnail
from kineograph.frames.mattes import Colour, background, differing, key_colour, keyed, nearness
from kineograph.frames.policy import Costs, Playback, future, pruned, table
from kineograph.frames.render import FrameStore, fitted
from kineograph.frames.walk import UNIT, Step, Table, Whole, ahead_of, octant, stepped
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

Points = NDArray[np.float64]  # (N, 2): (y, x) in pixels, or pixels a frame
DIRECTIONS = 8  # right, down-right, down, … clockwise as seen on a screen
FRAME_PIXELS = 640 * 360  # larger clips are made smaller first
SHAPE_PIXELS = 300  # figures are compared coarsely: fine pixels of a thin figure never match
SAMPLES = 41  # frames, spread over the clip, whose median is its background
LEAST = 24  # opaque pixels (of full weight) below which a frame holds no figure


@dataclass(frozen=True)
class Steering:
    """What the parts of the cost weigh. Directions count by the angle between them over π, 0 …
    1."""

    look: float = 1.0  # RMS difference of colour and outline, as a multiple of the mean one
    turn: float = 4.0  # angle between the velocities across a jump
    pace: float = 0.5  # difference of the speeds, as a multiple of the mean speed
    control: float = 3.0  # nats a frame that moves opposite to the wanted direction
    alpha: float = 0.985  # weight of the future: a turn takes tens of frames, not hundreds
    sigma: float = 0.03  # σ as a multiple of the mean cost
    calm: float = 1.0  # nats a jump


@dataclass(frozen=True)
class Sprite:
    """A studied figure of N frames.

    reel: (H, W, 4) cut-outs, the figure's centre in the middle. centres: (N, 2) where that was in
    the clip. velocity: (N, 2) pixels a frame, the step taken when the frame is shown. numbers: (N,)
    frame numbers in the clip; frames without a whole figure are left out. near_key: share of the
    figure in colours so near the key that it may have holes.
    """

    reel: FrameStore
    fps: float
    centres: Points
    velocity: Points
    numbers: NDArray[np.int64]
    d: Matrix
    steering: Steering
    near_key: float = 0.0

    def __len__(self) -> int:
        return len(self.reel)

    def array(self) -> Frame:
        """All cut-outs, (N, H, W, 4) uint8."""
        return np.stack([self.reel[number] for number in range(len(self))])

    @property
    def usual(self) -> float:
        """The mean speed, pixels a frame."""
        return float(np.linalg.norm(self.velocity, axis=1).mean())

    @property
    def follows(self) -> NDArray[np.bool_]:
        """(N,) whether the next kept frame is the next frame of the clip; false at dead ends."""
        return np.append(np.diff(self.numbers) == 1, False)


# -- study -----------------------------------------------------------------------------------------


def study(
    frames: Iterable[Frame],
    fps: float,
    *,
    key: Colour | None = None,
    mirrored: bool = False,
    steering: Steering | None = None,
    expected: int = 0,
) -> Iterator[Progress]:
    """Cut the figure out of a clip and compare its frames; the last value is a `Sprite`.

    Until then the value is the frame read, or the figure cut, (h, w, C) uint8, or None.

    frames: (H, W, 3 or 4) uint8. key: the colour to take away; None uses the clip's alpha, else the
    border's colour, else the still background. mirrored: add every frame's mirror image, for a
    figure that only moves one way. Raises InputError when no figure is left.
    """
    reel = FrameStore()
    check_count(expected)
    for number, frame in enumerate(frames):
        check_count(number + 1)
        reel.append(fitted(frame, FRAME_PIXELS))
        if number % 16 == 0:
            share = min(1.0, number / expected) if expected else 0.5
            yield Progress(0.4 * share, f"reading frame {number}", thumbnail(frame))
    if len(reel) < 2:
        raise InputError(
            "clip", f"has {len(reel)} frame, at least 2 are needed", "give a moving clip"
        )
    cut, key = _cutter(reel, key)
    mattes, close = FrameStore(), []
    for number in range(len(reel)):
        matte = cut(reel[number])
        mattes.append(matte)
        if number % 16 == 0:
            close.append(nearness(matte, key) if key is not None else 0.0)
            yield Progress(0.4 + 0.4 * number / len(reel), f"cutting frame {number}", matte)
    yield Progress(0.85, "comparing all frames", None)
    sprite = _registered(mattes, fps, mirrored, steering or Steering())
    yield Progress(1.0, "compared", replace(sprite, near_key=float(np.mean(close))))


def _cutter(reel: FrameStore, key: Colour | None) -> tuple[Callable[[Frame], Frame], Colour | None]:
    """How frames of this clip are cut out: by the key, their alpha, the border or the background;
    and the key, where there is one."""
    if (
        key is None
        and reel.shape[2] == 4
        and any(reel[k][:, :, 3].min() < 128 for k in (0, -1 + len(reel)))
    ):
        return lambda frame: frame, None
    key = key or key_colour(reel[0])
    if key is not None:
        chosen = key
        return lambda frame: keyed(frame, chosen), chosen
    samples = np.unique(np.linspace(0, len(reel) - 1, min(SAMPLES, len(reel))).astype(int))
    still = background([reel[int(k)] for k in samples])
    return lambda frame: differing(frame, still), None


def _registered(mattes: FrameStore, fps: float, mirrored: bool, steering: Steering) -> Sprite:
    """Whole figures cut out around their centres; frames with none, or one cut by the border,
    go."""
    height, width = mattes.shape[:2]
    y, x = np.arange(height), np.arange(width)
    numbers, centres, reach = [], [], np.zeros(2)
    empty = clipped = 0
    for number in range(len(mattes)):
        alpha = np.where(mattes[number][:, :, 3] > 24, mattes[number][:, :, 3] / 255.0, 0.0)
        rows, columns = alpha.sum(axis=1), alpha.sum(axis=0)
        if rows.sum() < LEAST:
            empty += 1
            continue
        if max(rows[0], rows[-1], columns[0], columns[-1]) > 2:
            clipped += 1
            continue
        centre = np.array([rows @ y, columns @ x]) / rows.sum()
        for axis, sums in enumerate((rows, columns)):
            there = np.flatnonzero(sums > 0.5)
            reach[axis] = max(reach[axis], *np.abs(there[[0, -1]] - centre[axis]))
        numbers.append(number)
        centres.append(centre)
    if len(numbers) < 2:
        raise InputError(
            "key",
            f"no figure is left: {empty} frames are clear, in {clipped} it touches the border",
            "name the background's colour, or film the figure whole",
        )
    return _cut_out(
        mattes,
        fps,
        np.array(centres),
        np.array(numbers),
        np.ceil(reach).astype(int) + 2,
        mirrored,
        steering,
    )


def _cut_out(
    mattes: FrameStore,
    fps: float,
    centres: Points,
    numbers: NDArray[np.int64],
    half: NDArray[np.int64],
    mirrored: bool,
    steering: Steering,
) -> Sprite:
    """The sprite from its mattes: crops of 2·half pixels around the rounded centres."""
    reel = FrameStore()
    for number, centre in zip(numbers, centres, strict=True):
        padded = np.pad(mattes[int(number)], ((half[0],) * 2, (half[1],) * 2, (0, 0)))
        top, left = (round(c) for c in centre)
        reel.append(
            np.ascontiguousarray(padded[top : top + 2 * half[0], left : left + 2 * half[1]])
        )
    velocity = velocities(centres, numbers, width=max(1, round(fps / 6)))
    if mirrored:
        for k in range(len(numbers)):
            reel.append(np.ascontiguousarray(reel[k][:, ::-1]))
        numbers = np.concatenate([numbers, numbers + numbers[-1] + 2])
        centres = np.concatenate([centres, centres * (1, -1) + (0, mattes.shape[1] - 1)])
        velocity = np.concatenate([velocity, velocity * (1, -1)])
    d = distances(features(reel.source()(), pixels=SHAPE_PIXELS))
    return Sprite(reel, fps, centres, velocity, numbers, d, steering)


def velocities(centres: Points, numbers: NDArray[np.int64], *, width: int) -> Points:
    """Steps of the centres from frame to frame, (N, 2) pixels, averaged over 2·width + 1 frames.

    The mean stays within runs of neighbouring frames; at a dead end the last step is kept.
    """
    velocity = np.zeros_like(centres)
    ends = np.flatnonzero(np.diff(numbers) != 1) + 1
    for run in np.split(np.arange(len(numbers)), ends):
        if len(run) == 1:
            continue
        moved = np.diff(centres[run], axis=0)
        moved = np.concatenate([moved, moved[-1:]])
        for k in range(len(run)):
            velocity[run[k]] = moved[max(0, k - width) : k + width + 1].mean(axis=0)
    return velocity


# -- steering --------------------------------------------------------------------------------------


def between(a: Points, b: Points) -> NDArray[np.float64]:
    """Angles between all rows of a (N, 2) and b (M, 2) over π: (N, M) in 0 … 1; 0 for no
    direction."""
    size = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None, :]
    turned = np.arccos(np.clip((a @ b.T) / np.maximum(size, 1e-9), -1, 1)) / pi
    return np.where(size > 1e-9, turned, 0.0)


def costs(sprite: Sprite) -> Costs:
    """What showing frame j after frame i costs, (N, N) nats: 0 for playing on, more for jumps.

    The look of a jump is judged by j against the frame after i and by the frame before j against
    i, each where the clip has it, so a dead end may be left by the second alone.
    """
    n, s, follows = len(sprite), sprite.steering, sprite.follows
    ahead, behind = np.full((n, n), np.nan), np.full((n, n), np.nan)
    ahead[:-1] = np.where(follows[:-1, None], sprite.d[1:], np.nan)  # D_{i+1, j}
    behind[:, 1:] = np.where(follows[None, :-1], sprite.d[:, :-1], np.nan)  # D_{i, j−1}
    both = np.where(
        np.isnan(ahead), behind, np.where(np.isnan(behind), ahead, (ahead + behind) / 2)
    )
    speed = np.linalg.norm(sprite.velocity, axis=1)
    cost = s.look * both / max(float(np.nanmean(both)) if np.isfinite(both).any() else 0.0, 1e-9)
    cost += s.turn * between(sprite.velocity, sprite.velocity)
    cost += s.pace * np.abs(speed[:, None] - speed[None, :]) / max(float(speed.mean()), 1e-9)
    told = np.isfinite(cost)
    nats = cost / max(s.sigma * float(cost[told].mean()) if told.any() else 0.0, 1e-9) + s.calm
    nats[~told] = np.inf
    near = np.abs(sprite.numbers[None, :] - sprite.numbers[:, None] - 1) < max(1, sprite.fps // 10)
    nats[near] = np.inf
    here = np.flatnonzero(follows)
    nats[here, here + 1] = 0.0
    return nats.astype(np.float32)


def headings(sprite: Sprite) -> Whole:
    """What each frame costs while each direction is wanted: (8, N) whole units."""
    turns = [2 * pi * k / DIRECTIONS for k in range(DIRECTIONS)]
    wanted = np.array([(sin(turn), cos(turn)) for turn in turns])
    wrong = between(wanted, sprite.velocity)
    return np.rint(wrong * sprite.steering.control * UNIT).astype(np.int64)


def steering_table(sprite: Sprite) -> tuple[Table, Whole]:
    """The table for all directions together, and `headings`: what a steered player carries.

    A frame's successors are the union of those worth keeping for each wanted direction.
    """
    nats, heads = costs(sprite), headings(sprite)
    playback = Playback(alpha=sprite.steering.alpha, jumps=3, parts=1)
    kept: list[set[int]] = [set() for _ in range(len(sprite))]
    for extra in (np.zeros(len(sprite), dtype=np.int64), *heads):
        priced = nats + (extra / UNIT).astype(np.float32)[None, :]
        ahead, _ = future(priced, alpha=playback.alpha)
        for frame, successors in enumerate(pruned(priced, ahead, playback)):
            kept[frame].update(successors.tolist())
    listed = [np.array(sorted(k), dtype=np.int64) for k in kept]
    return table(nats, listed, playback.alpha), heads


def frames_to_reach(
    sprite: Sprite,
    table: Table,
    heads: Whole,
    target: tuple[float, float],
    *,
    start: int,
    radius: float,
    most: int,
    seed: int,
    planned: bool = True,
) -> int | None:
    """Frames until the figure, steered at every frame, is within `radius` pixels of `target`.

    target: (y, x) pixels from where it starts, at frame `start`. planned: use the future costs of
    the 8 directions; False adds the direction's price only after a future cost that knows none, for
    comparison. None when `most` frames do not suffice.
    """
    free = np.zeros(len(table), dtype=np.int64)
    ahead = [ahead_of(table, extra if planned else free) for extra in heads]
    y, x, step = 0.0, 0.0, Step(start, seed & 0xFFFFFFFF)
    for count in range(most):
        dy, dx = target[0] - y, target[1] - x
        if hypot(dy, dx) <= radius:
            return count
        way = octant(dy, dx)
        y += sprite.velocity[step.frame, 0]
        x += sprite.velocity[step.frame, 1]
        step = stepped(table, heads[way], ahead[way], step.frame, step.state)
    return None
