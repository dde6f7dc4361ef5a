"""A film brought to what a file can hold and a chat takes: size, rate, length, bytes.

`shaped` changes frames as they come, by Lanczos's filter, in constant memory. `written` finds the
best file under so many bytes: less quality first, then fewer frames, then a smaller size.
Both say in words what they did.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kineograph.files import beside, publish, remove
from kineograph.media.encode import writer
from kineograph.media.formats import Format, Frame, Sound, format_of
from kineograph.trust.watermark import marked
from kineograph.values.errors import InputError, LimitError
from kineograph.values.output import Shape
from kineograph.values.progress import Progress
from kineograph.values.sides import sides

WORST = 0.25  # of quality, before frames or pixels are given up
TRIES = 4  # encodings of one film
RANGE = {"mp4": 20.0, "webm": 25.0, "webp": 10.0, "gif": 4.0}  # bytes at quality 1 over those at 0
SLOWEST = 8.0  # frames a second that are left at least
SMALLEST = 0.2  # of the sides that are left at least
SPOOLED = 4 * 2**30  # bytes of frames kept aside while a size is searched


@dataclass(frozen=True)
class Film:
    """Frames that can be given again and again, (H, W, C) uint8; size: (width, height)."""

    frames: Callable[[], Iterator[Frame]]
    count: int
    fps: float
    size: tuple[int, int]
    alpha: bool = False
    sound: Sound | None = None


class Placed(NamedTuple):
    """A picture scaled to `inner` and laid at (left, top) of `outer`, all (width, height)."""

    inner: tuple[int, int]
    outer: tuple[int, int]
    left: int
    top: int


def shaped(film: Film, shape: Shape, form: Format | None) -> tuple[Film, list[str]]:
    """The film as a format holds it and a shape asks, and what was changed, in words.

    form: None while it is open; then only what is asked for is done.
    """
    if form is not None and shape.suffix and f".{form.kind}" != shape.suffix:
        raise InputError("out", f"a .{form.kind} is not what was asked for", f"use {shape.suffix}")
    notes = []
    if shape.seconds and film.count / film.fps > shape.seconds + 1e-6:
        notes.append(f"cut to its first {shape.seconds:g} of {film.count / film.fps:.1f} s")
        film = replace(film, count=max(1, math.floor(shape.seconds * film.fps + 1e-6)))
    most = min(form.fps[1] if form else math.inf, shape.most_fps or math.inf)
    film, told = _timed(film, shape.fps, most)
    notes += told
    place = placed(film.size, shape, even=form is not None and form.even)
    if place.outer != film.size:
        width, height = film.size
        notes.append(f"{width}x{height} becomes {place.outer[0]}x{place.outer[1]}")
        film = _placed(film, place, edge=shape.fit == "pad" and not shape.size)
    if form is not None and film.alpha and not form.alpha:
        notes.append(f"a .{form.kind} holds no transparency: laid over white")
    if film.sound is not None and (shape.silent or (form is not None and not form.sound)):
        film = replace(film, sound=None)
    elif film.sound is not None:
        rate, samples = film.sound.rate, film.sound.samples
        film = replace(film, sound=Sound(samples[: round(film.count / film.fps * rate)], rate))
    return film, notes


def placed(size: tuple[int, int], shape: Shape, *, even: bool = False) -> Placed:
    """Where a picture of (width, height) lies in the output; "N" asks for the longer side."""
    width, height = size
    outer = size
    if shape.size:
        high, wide = sides(shape.size)
        outer = (wide, high)
        if "x" not in shape.size.lower() and "×" not in shape.size:
            scale = wide / max(size)
            outer = (max(1, round(width * scale)), max(1, round(height * scale)))
    if even:
        grow = -1 if shape.fit == "crop" else 1
        outer = (_even(outer[0], grow), _even(outer[1], grow))
    if shape.fit == "stretch":
        return Placed(outer, outer, 0, 0)
    if not shape.size:  # only a row or a column more or fewer
        return Placed(size, outer, 0, 0)
    across, down = outer[0] / width, outer[1] / height
    scale = min(across, down) if shape.fit == "pad" else max(across, down)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    # a pixel of rounding is no border
    inner = (
        outer[0] if abs(inner[0] - outer[0]) <= 1 else inner[0],
        outer[1] if abs(inner[1] - outer[1]) <= 1 else inner[1],
    )
    return Placed(inner, outer, (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2)


def _even(side: int, grow: int) -> int:
    return side if side % 2 == 0 else max(2, side + grow)


def _timed(film: Film, asked: float, most: float) -> tuple[Film, list[str]]:
    """The film at the rate that is asked for, or at a simple part of its own that fits."""
    fps = asked or film.fps
    if fps > most:
        fps = film.fps / math.ceil(film.fps / most - 1e-9)
    fps = min(fps, film.fps) if asked and film.count == 1 else fps
    if abs(fps - film.fps) < 1e-9 or film.count == 1:
        return film, []
    count = max(1, round(film.count * fps / film.fps))
    step = film.fps / fps

    def frames() -> Iterator[Frame]:
        number, given = -1, 0
        for number, frame in enumerate(film.frames()):
            while given < count and math.floor(given * step + 1e-9) == number:
                yield frame
                given += 1
            if given == count:
                return

    told = f"{film.fps:.4g} frames a second become {fps:.4g}"
    return replace(film, frames=frames, count=count, fps=fps), [told]


def _placed(film: Film, place: Placed, *, edge: bool) -> Film:
    """Every frame scaled and laid in its place; around it nothing, black, or its own edge."""

    def frames() -> Iterator[Frame]:
        for number, frame in enumerate(film.frames()):
            if number == film.count:
                return
            yield laid(frame, place, edge=edge)

    return replace(film, frames=frames, size=place.outer)


def laid(frame: Frame, place: Placed, *, edge: bool = False) -> Frame:
    """One (H, W, C) frame scaled and laid in its place; colours under alpha do not bleed."""
    if (frame.shape[1], frame.shape[0]) != place.inner:
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(frame))
        frame = np.asarray(picture.resize(place.inner, Image.Resampling.LANCZOS))
    width, height = place.outer
    left, top = max(0, -place.left), max(0, -place.top)
    frame = frame[top : top + height, left : left + width]
    above, before = max(0, place.top), max(0, place.left)
    around = (
        (above, height - above - frame.shape[0]),
        (before, width - before - frame.shape[1]),
        (0, 0),
    )
    if any(map(any, around)):
        return np.pad(frame, around, mode="edge" if edge else "constant")
    return np.ascontiguousarray(frame)


# -- writing ---------------------------------------------------------------------------------------


def written(
    film: Film, path: Path, shape: Shape, note: dict[str, Any] | None
) -> Iterator[Progress[list[str]]]:
    """Write the film into one file, whole or not at all; the last value says what was changed."""
    film, notes = shaped(film, shape, format_of(path))
    if not shape.most_bytes:
        for number in _write(film, path, note, 1.0):
            yield Progress(number / film.count, f"frame {number} of {film.count}", notes)
        return
    with _aside(film) as kept:
        yield from _within(kept, path, shape, note, notes)


def _within(
    film: Film, path: Path, shape: Shape, note: dict[str, Any] | None, notes: list[str]
) -> Iterator[Progress[list[str]]]:
    """The best file under the limit; its bytes are the last note."""
    form, part = format_of(path), beside(path)
    search = _Search(part, form.kind, shape.most_bytes, note)
    ways = list(_smaller(film, shape, form))
    try:
        for number, one in enumerate(ways):
            told = f"{one.size[0]}x{one.size[1]} at {one.fps:.4g} a second"
            yield Progress(0.9 * number / len(ways), told, notes)
            floor = 0.0 if one is ways[-1] else WORST
            if (quality := search.quality_of(one, floor)) is not None:
                told = _told(film, one, quality, _size(part), shape.most_bytes)
                publish(part, path)
                yield Progress(1.0, "written", [*notes, told])
                return
    finally:
        remove(part)
    raise LimitError(
        f"max_bytes: {shape.most_bytes:,} hold no part of {film.count} frames that can be looked "
        "at; allow more, or make the clip shorter"
    )


class _Search:
    """The quality at which a film has at most so many bytes, by few encodings.

    Bytes fall by a factor from quality 1 to 0 that is known of each format about; every encoding
    corrects the next guess.
    """

    def __init__(self, part: Path, kind: str, most: int, note: dict[str, Any] | None) -> None:
        self.part, self.most, self.note = part, most, note
        self.slope = math.log(RANGE.get(kind, 1.05))
        self.known: tuple[float, float] | None = None  # samples of a film, log bytes at quality 1

    def quality_of(self, film: Film, floor: float) -> float | None:
        """Write the film as well as fits; None, without a file, where less than `floor` would."""
        samples = math.log(film.size[0] * film.size[1] * film.count)
        goal = math.log(0.92 * self.most)
        low: tuple[float, float] | None = None  # qualities and log bytes: that fits, that does not
        high: tuple[float, float] | None = None
        quality = 1.0
        if self.known is not None:
            guess = self.known[1] + 0.85 * (samples - self.known[0])
            quality = 1 - (guess - goal) / self.slope
            if quality < floor - 0.15:
                return None
        for _ in range(TRIES):
            quality = min(1.0, max(floor, quality))
            for _ in _write(film, self.part, self.note, quality):
                pass
            size = math.log(_size(self.part))
            self.known = (samples, size + (1 - quality) * self.slope)
            if size <= math.log(self.most):
                low = (quality, size)
                if quality == 1 or size > goal - 0.2:
                    return quality
            else:
                high = (quality, size)
                if quality == floor:
                    break
            quality = self._next(low, high, goal)
        if low is None:
            return None
        if quality != low[0]:
            for _ in _write(film, self.part, self.note, low[0]):
                pass
        return low[0]

    def _next(
        self, low: tuple[float, float] | None, high: tuple[float, float] | None, goal: float
    ) -> float:
        """The quality to try, by the line through what is known."""
        if low is not None and high is not None and high[1] > low[1]:
            share = (goal - low[1]) / (high[1] - low[1])
            return low[0] + min(0.9, max(0.1, share)) * (high[0] - low[0])
        known = high or low
        assert known is not None
        return known[0] + (goal - known[1]) / self.slope


def _smaller(film: Film, shape: Shape, form: Format) -> Iterator[Film]:
    """The film, then with ever fewer frames and, where the size is not fixed, pixels."""
    yield film
    for step in range(1, 12):
        fps = film.fps / 1.4 ** (step if shape.fixed else step // 2)
        side = 1.0 if shape.fixed else 1.25 ** -((step + 1) // 2)
        if fps < min(SLOWEST, film.fps) * 0.99 or side < SMALLEST:
            fps = max(fps, min(SLOWEST, film.fps))
            if shape.fixed or side < SMALLEST:
                return
        one = _timed(film, fps, math.inf)[0]
        size = "x".join(str(max(2, round(n * side))) for n in film.size)
        yield shaped(one, Shape(size, "stretch"), form)[0] if side < 1 else one


def _told(film: Film, one: Film, quality: float, size: int, most: int) -> str:
    told = [f"{size:,} of at most {most:,} bytes"]
    if one.size != film.size:
        told.append(f"{film.size[0]}x{film.size[1]} made {one.size[0]}x{one.size[1]}")
    if one.fps != film.fps:
        told.append(f"{film.fps:.4g} made {one.fps:.4g} frames a second")
    if quality < 1:
        told.append(f"quality {quality:.0%}")
    return ": ".join([told[0], ", ".join(told[1:])]) if told[1:] else told[0]


def _write(film: Film, path: Path, note: dict[str, Any] | None, quality: float) -> Iterator[int]:
    """Write every frame; yields how many there are."""
    how: dict[str, Any] = {"alpha": film.alpha, "sound": film.sound, "note": note}
    is_marked = note is not None and note.get("mark") is True
    with writer(path, fps=film.fps, size=film.size, quality=quality, **how) as file:
        for number, frame in enumerate(film.frames(), 1):
            if number > film.count:
                return
            file.add(marked(frame) if is_marked else frame)
            yield number


@contextmanager
def _aside(film: Film) -> Iterator[Film]:
    """The film with its frames kept in a temporary file, where they are not too many."""
    depth = 4 if film.alpha else 3
    each = film.size[0] * film.size[1] * depth
    if each * film.count > SPOOLED:
        yield film
        return
    with tempfile.TemporaryFile() as file:
        count = 0
        for frame in film.frames():
            if count == film.count:
                break
            file.write(np.ascontiguousarray(frame).data)
            count += 1

        def frames() -> Iterator[Frame]:
            file.seek(0)
            for _ in range(count):
                data = np.frombuffer(file.read(each), np.uint8)
                yield data.reshape(film.size[1], film.size[0], depth)

        yield replace(film, frames=frames, count=count)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    if path.is_dir():
        return sum(inside.stat().st_size for inside in path.iterdir())
    return path.stat().st_size
