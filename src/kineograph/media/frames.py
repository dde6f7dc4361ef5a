"""What a request reads, frame by frame: a file, a folder of frames, a Clip or an array in memory.

`sources.py` gives whole clips; here nothing is held that was not held before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kineograph.media.decode import probe, stream
from kineograph.media.formats import LIMITS, Frame, Info, Limits, Sound
from kineograph.media.sound import sound, track
from kineograph.values.errors import InputError
from kineograph.values.source import Source

if TYPE_CHECKING:
    from kineograph.values.clip import Clip

USUAL_FPS = 8.0  # of an array, which has no clock


class Frames(NamedTuple):
    """What a source holds, and its frames in order, (H, W, 3 or 4) uint8 each, to be read once."""

    info: Info
    each: Iterator[Frame]


@contextmanager
def named(field: str) -> Iterator[None]:
    """Errors that speak of a file's `path` speak of the field that named it."""
    try:
        yield
    except InputError as error:
        if error.field != "path":
            raise
        raise InputError(field, error.problem, error.remedy) from None


def frames_of(source: Source, field: str = "clip", limits: Limits = LIMITS) -> Frames:
    """The frames of a source; a file is streamed in constant memory.

    An array is (T, H, W, 3 or 4) uint8. Raises InputError, naming the field, when there is nothing,
    or nothing that can be shown.
    """
    if source.path is None:
        return _held(source.value, field)
    with named(field):
        return Frames(probe(source.path, limits), _streamed(source, field, limits))


def sound_of(source: Source, field: str = "clip") -> Sound | None:
    """What is heard while the frames of a source are shown; None for a value in memory."""
    if source.path is None:
        return None
    with named(field):
        return sound(source.path)


def track_of(source: Source, seconds: float, field: str = "audio") -> Sound:
    """The sound of a file from its beginning, no more than so many seconds."""
    with named(field):
        return track(source.there(field), seconds)


def every(frames: Iterator[Frame], step: int) -> Iterator[Frame]:
    """The first frame and each `step`-th after it."""
    return (frame for number, frame in enumerate(frames) if number % step == 0)


def _streamed(source: Source, field: str, limits: Limits) -> Iterator[Frame]:
    assert source.path is not None
    with named(field):
        yield from stream(source.path, limits)


def _held(value: Any, field: str) -> Frames:
    from kineograph.values.clip import Clip

    if isinstance(value, Clip):
        count, channels, height, width = value.frames.shape
        info = Info("clip", width, height, count, value.fps, channels == 4, value.seconds)
        return Frames(info, _bytes_of(value))
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8:
        raise InputError(field, f"a {type(value).__name__} is no clip", "give a Clip")
    if value.ndim != 4 or value.shape[3] not in (3, 4) or value.size == 0:
        raise InputError(field, f"shape {value.shape} is not (T, H, W, 3 or 4)", "give a Clip")
    count, height, width, channels = value.shape
    info = Info("clip", width, height, count, USUAL_FPS, channels == 4, count / USUAL_FPS)
    return Frames(info, iter(value))


def _bytes_of(clip: Clip) -> Iterator[Frame]:
    from kineograph.values.clip import to_bytes

    for number in range(len(clip)):
        yield to_bytes(clip[number : number + 1])[0]
