"""From an order of frame numbers to pictures: the reel that holds the frames, cuts and cross-fades.

A cross-fade is centred on its jump: the run before it plays on past the jump and the run after it
begins early, both weighted by ramps whose sum is made one (Schödl et al., "Video Textures", 2000,
§5). Where jumps crowd, several runs share a picture, so a fade wider than the runs keeps the blur
level constant (a waterfall). `morph.py` mixes along optical flow in place of the plain mean.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import floor
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.frames.distance import Frame, Source
from kineograph.values.errors import InputError, LimitError

Parts = Sequence[tuple[int, float]]  # (frame number, weight), weights sum to one
Blend = Callable[[Parts], Frame]
MEMORY = 512_000_000  # bytes of frames kept in memory; longer reels lie in a temporary file


class FrameStore:
    """Frames of one size in reach of their numbers: in memory, or in a file that vanishes with the
    reel."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._kept: list[Frame] = []
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._count = 0
        self.shape: tuple[int, ...] = ()  # (H, W, C), empty until the first frame

    def append(self, frame: Frame) -> None:
        """Add one (H, W, C) frame.

        Raises InputError when its size is not that of the first, LimitError on a full disk.
        """
        self.shape = self.shape or frame.shape
        if frame.shape != self.shape:
            was, now = (f"{s[1]}×{s[0]}" for s in (self.shape, frame.shape))
            raise InputError(
                "clip",
                f"frame {self._count} is {now}, the first is {was}",
                "bring all frames to one size",
            )
        self._count += 1
        if self._file is None and self._count * frame.size > self._memory:
            self._file = tempfile.NamedTemporaryFile(prefix="kineograph-")  # noqa: SIM115
            for kept in self._kept:
                self._write(kept)
            self._kept = []
        if self._file is None:
            self._kept.append(frame)
        else:
            self._write(frame)

    def _write(self, frame: Frame) -> None:
        assert self._file is not None
        try:
            self._file.write(frame.tobytes())
            self._file.flush()
        except OSError as error:
            size = f"{self._count * frame.size:,} bytes of frames"
            raise LimitError(
                f"{size} do not fit in '{tempfile.gettempdir()}' ({error.strerror}); "
                "make room there or use fewer or smaller frames"
            ) from error

    def pop(self) -> None:
        """Forget the last frame."""
        self._count -= 1
        if self._file is None:
            self._kept.pop()
        else:
            self._file.truncate(self._count * int(np.prod(self.shape)))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Frame:
        if not 0 <= number < self._count:
            raise IndexError(number)
        if self._file is None:
            return self._kept[number]
        size = int(np.prod(self.shape))
        self._file.seek(number * size)
        frame = np.frombuffer(self._file.read(size), dtype=np.uint8).reshape(self.shape)
        self._file.seek(0, 2)
        return frame

    def whole(self) -> NDArray[np.uint8]:
        """(N, H, W, C): stacked, or the file mapped, which then lives as long as the array."""
        if self._file is None:
            return np.stack(self._kept)
        return np.memmap(self._file, np.uint8, "r+", shape=(self._count, *self.shape))

    def source(self) -> Source:
        """The frames in order, as often as asked."""
        return lambda: (self[k] for k in range(len(self)))


def fitted(frame: Frame, pixels: int | None) -> Frame:
    """The frame with at most `pixels` pixels and even sides, so that every format takes it."""
    height, width = frame.shape[:2]
    if pixels is None or height * width <= pixels:
        return frame
    scale = (pixels / (height * width)) ** 0.5
    size = (max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))


class Shown(TypedDict):
    """How an order is rendered, as keywords of `mixtures`, `rendered` and `seams`.

    fade: width of a cross-fade in output frames, 0 for cuts. closed: the order repeats, so its end
    fades into its beginning. circle: the number of frames of a clip that closes itself, else 0.
    """

    fade: float
    closed: bool
    circle: int


@dataclass(frozen=True)
class Run:
    """Frames first, first + 1, … shown at times start … end − 1, as numbers of output frames."""

    start: int
    end: int
    first: int


def runs(order: Sequence[int], circle: int = 0) -> list[Run]:
    """The order cut at its jumps; `circle` > 0 is the number of frames of a clip that closes
    itself."""
    found: list[Run] = []
    begin = 0
    for t in range(1, len(order) + 1):
        ends = t == len(order)
        if not ends:
            follows = order[t - 1] + 1
            ends = order[t] != (follows % circle if circle else follows)
        if ends:
            found.append(Run(begin, t, order[begin]))
            begin = t
    return found


def mixtures(
    order: Sequence[int], total: int, *, fade: float, closed: bool = False, circle: int = 0
) -> list[list[tuple[int, float]]]:
    """For each output frame the source frames shown in it and their weights, which sum to one.

    order: source frame numbers. total: number of source frames. fade, closed, circle: see `Shown`.
    """
    length, half = len(order), fade / 2
    mixed: list[list[tuple[int, float]]] = [[] for _ in order]
    cut = runs(order, circle)
    seamless = closed and circle and (order[-1] + 1) % circle == order[0]
    for number, run in enumerate(cut):
        opens = (closed and not seamless) or number > 0
        ends = (closed and not seamless) or number < len(cut) - 1
        for t in range(floor(run.start - half * opens), floor(run.end + half * ends) + 1):
            source = run.first + t - run.start
            if circle:
                source %= circle
            if not 0 <= source < total or not (closed or 0 <= t < length):
                continue
            weight = 1.0
            if opens:
                weight = min(weight, _ramp(t + 0.5 - run.start, fade))
            if ends:
                weight = min(weight, _ramp(run.end - t - 0.5, fade))
            elif t >= run.end or (not opens and t < run.start):
                continue
            if weight > 0:
                mixed[t % length].append((source, weight))
    return [_shares(parts, shown) for parts, shown in zip(mixed, order, strict=True)]


def _ramp(inside: float, fade: float) -> float:
    """Weight of a run `inside` output frames from its edge: from 0 to 1 across the edge."""
    if fade <= 0:
        return float(inside > 0)
    return min(1.0, max(0.0, inside / fade + 0.5))


def _shares(parts: list[tuple[int, float]], shown: int) -> list[tuple[int, float]]:
    total = sum(weight for _, weight in parts)
    if total <= 0:
        return [(shown, 1.0)]
    return [(source, weight / total) for source, weight in parts]


def blended(reel: FrameStore, parts: Parts) -> Frame:
    """The weighted mean of frames of the reel, (H, W, C); colours count by their alpha."""
    if len(parts) == 1:
        return reel[parts[0][0]]
    total = np.zeros(reel.shape, dtype=np.float32)
    for number, weight in parts:
        frame = reel[number].astype(np.float32)
        if frame.shape[2] == 4:
            frame[:, :, :3] *= frame[:, :, 3:] / 255
        total += np.float32(weight) * frame
    if total.shape[2] == 4:
        total[:, :, :3] *= 255 / np.maximum(total[:, :, 3:], 1e-3)
    return np.asarray(np.clip(total + 0.5, 0, 255).astype(np.uint8))


def rendered(
    reel: FrameStore, order: Sequence[int], blend: Blend | None = None, **shown: Unpack[Shown]
) -> Iterator[Frame]:
    """The pictures of an order of frames, one by one; `blend` mixes them, by default `blended`."""
    for parts in mixtures(order, len(reel), **shown):
        yield blended(reel, parts) if blend is None else blend(parts)


@dataclass(frozen=True)
class Seams:
    """How much a rendered order shows its jumps.

    ratio: the largest step between neighbouring pictures near a jump, as a multiple of the usual
    step there: the clip's median step or, where the frames shown move faster by themselves, theirs.
    Up to about 1 the seam cannot be told from motion; 0 when the clip stands still. jumps: how
    many there are.
    """

    ratio: float
    jumps: int


def seams(
    order: Sequence[int], own: NDArray[np.floating], small: Blend, **shown: Unpack[Shown]
) -> Seams:
    """Measure the rendered pictures around every jump of an order.

    own: (N − 1,) the clip's steps from each frame to the next, RMS in 0 … 1. small: mixes frames of
    the clip into the small picture that is compared.
    """
    closed, circle, length = shown["closed"], shown["circle"], len(order)
    cut = [run.end for run in runs(order, circle)]
    if not closed:
        cut = cut[:-1]
    usual = float(np.median(own))
    if usual == 0 or length < 2:
        return Seams(0.0, len(cut))
    mixed = mixtures(order, len(own) + 1, **shown)
    reach = int(shown["fade"] / 2) + 1
    near = {(t + k) % length for t in cut for k in range(-reach, reach + 1)}
    seen: dict[int, NDArray[np.float32]] = {}

    def picture(t: int) -> NDArray[np.float32]:
        if t not in seen:
            seen[t] = small(mixed[t]).astype(np.float32)
        return seen[t]

    worst = 0.0
    for t in sorted(near - {0}) if not closed else sorted(near):
        step = float(np.sqrt(np.mean(np.square(picture(t) - picture((t - 1) % length))))) / 255
        moves = sum(weight * own[max(0, source - 1)] for source, weight in mixed[t])
        worst = max(worst, step / max(usual, float(moves)))
    return Seams(worst, len(cut))
