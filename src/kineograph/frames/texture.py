"""Any clip as a picture that never ends: study it once, then play it, loop it, or export a player.

`study` reads the frames once and yields Progress; its last value is a `Texture`. `played` walks it
at random through the one loop of `sequence/draw.py`, with a wanted range and speed over time;
`looped` finds the best loop of a wanted length. Its sound is `sound.py`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from kineograph.frames.distance import (
    Frame,
    Matrix,
    check_count,
    closes,
    distances,
    even_light,
    steps,
    thumbnail,
)
from kineograph.frames.loops import Loop, best_loop, best_singles
from kineograph.frames.morph import Morph
from kineograph.frames.policy import Costs, Playback, jump_costs, play_table
from kineograph.frames.render import (
    Blend,
    FrameStore,
    Parts,
    Seams,
    Shown,
    blended,
    fitted,
    mixtures,
    rendered,
    seams,
)
from kineograph.frames.steady import Shake, steadied
from kineograph.frames.walk import FrameChain, Table, range_cost
from kineograph.sequence.draw import Draw, extend, row_generators
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

How = Literal["auto", "fade", "morph"]
Span = tuple[int, int]  # first and last frame of a wanted range

GOOD_SEAM = 1.2  # a seam up to this multiple of the usual step passes unseen
MORPHED = 3  # loops tried with fades along optical flow, the best of the plain ones
GHOST = 1.5  # frames that differ by more usual steps show both while one fades into the other


@dataclass(frozen=True)
class Texture:
    """A studied clip.

    reel: its frames, perhaps made smaller. fps: frames a second. d: distances (N, N), RMS in 0 … 1.
    circular: the clip already is a loop. small: (N, h, w, C) bytes, the pictures that were
    compared. shake: what was taken out of the camera's, None where it was left.
    """

    reel: FrameStore
    fps: float
    d: Matrix
    circular: bool
    playback: Playback
    small: Frame
    shake: Shake | None = None

    def __len__(self) -> int:
        return len(self.reel)

    @property
    def usual(self) -> float:
        """The median step from a frame to the next, RMS in 0 … 1."""
        return float(np.median(steps(self.d)))

    @property
    def circle(self) -> int:
        """The number of frames when the clip closes itself, else 0."""
        return len(self) if self.circular else 0

    @property
    def fade(self) -> int:
        """The default width of a cross-fade: a sixth of a second, at least 2 frames where there is
        room."""
        return min(max(2, round(self.fps / 6)), len(self) // 3)

    def array(self) -> Frame:
        """All frames, (N, H, W, C) uint8."""
        return np.stack([self.reel[number] for number in range(len(self))])

    def within(self, span: Span) -> None:
        """Raises InputError when a range (first, last) leaves the clip or is turned round."""
        range_cost(len(self), *span)

    def shown(self, fade: int, *, closed: bool) -> Shown:
        """How orders of this clip are rendered; `closed` when the order repeats."""
        return Shown(fade=fade, closed=closed, circle=self.circle)

    def table(self) -> Table:
        """What may follow what, for endless play."""
        return play_table(self.d, self.fps, self.playback, circular=self.circular)

    def costs(self) -> Costs:
        """Jump costs (N, N) in RMS units, for loops."""
        return jump_costs(self.d, m=self.playback.dynamics, circular=self.circular)


def study(
    frames: Iterable[Frame],
    fps: float,
    *,
    playback: Playback | None = None,
    pixels: int | None = None,
    even: bool = False,
    steady: bool = False,
    expected: int = 0,
) -> Iterator[Progress]:
    """Read a clip once and compare all its frames; the last value is a `Texture`.

    Until then the value is the frame just read, (h, w, C) uint8, small, or None.

    frames: (H, W, 3 or 4) uint8. pixels: frames kept for showing are made smaller to at most this
    many. steady: take the camera's shake out first. even: make the brightness of the still
    background equal. expected: number of frames as declared, for the progress. Raises InputError
    for fewer than 2 frames, LimitError for more than MAX_FRAMES.
    """
    reel, small, gains = FrameStore(), [], None
    check_count(expected)
    for number, frame in enumerate(frames):
        check_count(number + 1)
        reel.append(fitted(frame, pixels))
        small.append(thumbnail(frame))
        if number % 16 == 0:
            share = min(1.0, number / expected) if expected else 0.5
            yield Progress(0.9 * share, f"reading frame {number}", small[-1])
    if len(reel) < 2:
        raise InputError(
            "clip", f"has {len(reel)} frame, at least 2 are needed", "give a moving clip"
        )
    shake = None
    if steady:
        yield Progress(0.9, "taking the camera's shake out", None)
        reel, shake = steadied(reel)
        small = [thumbnail(frame) for frame in reel.source()()] if shake.share < 1 else small
    yield Progress(0.92, "comparing all frames", None)
    pictures = np.stack(small)
    x = pictures.reshape(len(pictures), -1)
    if even:
        x, gains = even_light(x)
        reel = _brightened(reel, gains)
    d = distances(x)
    if len(d) > 6 and closes(d[:-1, :-1]) and d[-1, 0] < 0.25 * np.median(steps(d)):
        reel.pop()  # a loop whose first frame was repeated at its end
        x, d = x[:-1], d[:-1, :-1]
    small_shape = (len(x), *pictures.shape[1:])
    kept = playback or Playback()
    texture = Texture(reel, fps, d, closes(d), kept, x.reshape(small_shape), shake)
    yield Progress(1.0, "compared", texture)


def smaller(texture: Texture, pixels: int) -> Texture:
    """The same clip, its frames shown with at most so many pixels."""
    height, width = texture.reel.shape[:2]
    if height * width <= pixels:
        return texture
    reel = FrameStore()
    for number in range(len(texture)):
        reel.append(fitted(texture.reel[number], pixels))
    return replace(texture, reel=reel)


def _brightened(
    reel: FrameStore, gains: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> FrameStore:
    even = FrameStore()
    for number, gain in enumerate(gains):
        frame = reel[number].copy()
        frame[:, :, :3] = np.clip(frame[:, :, :3] * gain + 0.5, 0, 255)
        even.append(frame)
    return even


# -- endless play ----------------------------------------------------------------------------------

Speeds = Sequence[tuple[float, float]]  # (seconds, speed), linear in between
Spans = Sequence[tuple[float, Span | None]]  # (seconds, range from then on; None is the whole clip)


def played(
    texture: Texture, seconds: float, seed: int, *, speeds: Speeds = (), spans: Spans = ()
) -> list[int]:
    """An order of frames that lasts `seconds`, walked at random by `extend`.

    speeds: source frames shown per frame of time, default 1, above 0 and at most 16. spans: ranges
    to stay in, with soft weight, in time order.
    """
    count = max(1, round(seconds * texture.fps))
    times = np.arange(count) / texture.fps
    when, rates = [at for at, _ in speeds] or [0.0], [value for _, value in speeds] or [1.0]
    rate = np.interp(times, when, rates)
    if not np.all((rate > 0) & (rate <= 16)):
        raise InputError("speed", "leaves 0 … 16", "1 is the clip's own speed")
    position = np.floor(np.concatenate([[0.0], np.cumsum(rate)[:-1]]) + 1e-9).astype(int)

    begins = [(int(position[min(count - 1, round(at * texture.fps))]), span) for at, span in spans]
    if not begins or begins[0][0] > 0:
        begins = [(0, None), *begins]
    ends = [at for at, _ in begins[1:]] + [int(position[-1]) + 1]

    table, rngs = texture.table(), row_generators([seed])
    path: list[int] = []
    for (_, span), end in zip(begins, ends, strict=True):
        extra = None if span is None else range_cost(len(table), *span)
        chain = FrameChain(table, extra)
        if not path:
            path = [chain.home if span is None else span[0]]
        start = torch.tensor([path[-1:]])
        path += [int(s) for s in extend(chain, start, max(0, end - len(path)), Draw(), rngs)]
    return [path[p] for p in position]


# -- loops -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looped:
    """A loop, how wide its cross-fades are (frames) and how well its seams close.

    mismatch: how far the frames joined at its jumps differ, mean over the jumps, as a multiple of
    the clip's median step; what a cross-fade has to hide. morphed: the fades follow optical flow.
    ghost: how far the frames mixed then still differ, in the same unit.
    """

    loop: Loop
    fade: int
    seams: Seams
    mismatch: float
    morphed: bool = False
    ghost: float | None = None

    @property
    def good(self) -> bool:
        """Whether no seam jumps (GOOD_SEAM), and no fade shows two pictures at once (GHOST)."""
        return self.fault <= 1

    @property
    def fault(self) -> float:
        """How far it is from unseen: 1 just passes."""
        left = self.mismatch if self.ghost is None else self.ghost
        return max(self.seams.ratio / GOOD_SEAM, left / GHOST)


def looped(
    texture: Texture,
    length: int | None = None,
    *,
    span: Span | None = None,
    fade: int | None = None,
    blend: How = "fade",
    rng: np.random.Generator | None = None,
) -> Looped:
    """The best loop: of exactly `length` frames, or the longest single loop whose seam hides.

    span: keep to these frames. fade: width of the cross-fades; by default as narrow as hides the
    seams. blend: "auto" tries fades along optical flow where plain ones show. rng: draws the order
    of the jumps; without it the order is fixed.
    """
    n, cost = len(texture), texture.costs()
    if span is not None:
        range_cost(n, *span)  # refuses what lies outside the clip
        cost[:, : span[0]] = np.inf
        cost[span[1] + 1 :, :] = np.inf
    if length is not None:
        shortest = max(1, min(round(texture.fps / 2), n // 3, length))
        loops = [best_loop(cost, length, shortest=shortest, rng=rng)]
    else:
        good = texture.usual / 3
        loops = best_singles(cost, shortest=min(round(texture.fps), n // 2), good=good)
        if texture.circular and span is None:
            loops.insert(0, Loop(tuple(range(n)), 0.0, ()))
    widths = [fade] if fade is not None else [texture.fade * k for k in (1, 2, 4)]
    tried: list[Looped] = []
    for width in widths if blend != "morph" else ():
        for loop in loops:
            narrow = min(width, max(0, len(loop.order) // 2))
            found = _judged(texture, loop, narrow)
            tried.append(found)
            if found.good:
                return found
    plain = min(tried, key=lambda one: one.fault, default=None)
    if blend == "fade":
        assert plain is not None
        return plain
    morph = Morph(_small_reel(texture))
    likely = [*dict.fromkeys(one.loop for one in sorted(tried, key=lambda one: one.fault))] or loops
    for width in widths:
        for loop in likely[:MORPHED]:
            narrow = min(width, max(0, len(loop.order) // 2))
            found = _judged(texture, loop, narrow, morph)
            tried.append(found)
            if found.good:
                return found
    return min((one for one in tried if one.morphed or blend == "auto"), key=lambda one: one.fault)


def _judged(texture: Texture, loop: Loop, fade: int, morph: Morph | None = None) -> Looped:
    """A loop with fades so wide, plain or along flow, and how well its seams close."""
    shown = texture.shown(fade, closed=True)

    def small(parts: Parts) -> Frame:
        return thumbnail(blended(texture.reel, parts)) if morph is None else morph(parts)

    seen = seams(loop.order, steps(texture.d), small, **shown)
    usual = max(texture.usual, 1e-9)
    differ = loop.cost / max(1, len(loop.jumps)) / usual
    if morph is None:
        return Looped(loop, fade, seen, differ)
    mixed = [parts for parts in mixtures(loop.order, len(texture), **shown) if _even(parts)]
    left = [morph.ghost(parts) / usual for parts in mixed]
    return Looped(loop, fade, seen, differ, True, float(np.mean(left)) if left else differ)


def _even(parts: Parts) -> bool:
    """Whether a picture mixes frames to nearly equal shares, where a ghost shows most."""
    return len(parts) > 1 and max(weight for _, weight in parts) < 0.7


def _small_reel(texture: Texture) -> FrameStore:
    """The pictures that were compared, as a reel."""
    reel = FrameStore()
    for frame in texture.small:
        reel.append(frame)
    return reel


def pictures(
    texture: Texture, order: Sequence[int], *, fade: int, closed: bool = False, morph: bool = False
) -> Iterator[Frame]:
    """The rendered frames of an order, (H, W, C) uint8; `closed` when the order repeats, `morph`
    when its fades follow optical flow."""
    blend: Blend | None = Morph(texture.reel) if morph else None
    return rendered(texture.reel, order, blend, **texture.shown(fade, closed=closed))
