"""The sound of an order of frames: each frame brings the samples that were heard with it.

Runs of frames that follow each other keep their sound sample by sample. At a jump the run before
plays on a little and the run after begins a little early, mixed with equal power (a sine and a
cosine), for the two do not agree in phase. A circular clip may show no seam and still sound one, so
its end is mixed with its beginning like any other jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from kineograph.frames.render import Run, runs
from kineograph.media import Sound, format_for
from kineograph.media.frames import track_of
from kineograph.values.errors import InputError
from kineograph.values.source import Source

FADE = 0.02  # seconds of a mix; shorter than a syllable, longer than a click
ENDS = 0.5  # seconds in which a sound fades that is cut where a film ends
TICK = 1000  # parts of a second in which a sound is laid under a film


def sound_of(order: Sequence[int], sound: Sound, fps: float, *, closed: bool = False) -> Sound:
    """The sound heard while `order` is shown at `fps`, as long as its frames; `closed` when the
    order repeats, so that its end is mixed into its beginning."""
    rate, length = sound.rate, len(order)
    half = round(FADE / 2 * rate)
    cut = runs(order)
    smooth = closed and order[-1] + 1 == order[0]  # the order begins in the middle of a run
    if closed:  # the neighbours beyond both ends, so that the last joint is like any other
        before = [Run(run.start - length, run.end - length, run.first) for run in cut]
        after = [Run(run.start + length, run.end + length, run.first) for run in cut]
        cut = _joined([*before, *cut, *after], smooth)

    total = _sample(length, fps, rate)
    heard = np.zeros((total, sound.samples.shape[1]), np.float32)
    power = np.zeros((total, 1), np.float32)
    for number, run in enumerate(cut):
        start, end = _sample(run.start, fps, rate), _sample(run.end, fps, rate)
        opens, ends = number > 0, number < len(cut) - 1
        low, high = max(0, start - half * opens), min(total, end + half * ends)
        if low >= high:
            continue
        weight = np.ones(high - low, np.float32)
        at = np.arange(low, high) + 0.5
        if opens:
            weight = np.minimum(weight, _rise(at - start, half))
        if ends:
            weight = np.minimum(weight, _rise(end - at, half))
        taken = _part(sound.samples, low - start + _sample(run.first, fps, rate), high - low)
        heard[low:high] += weight[:, None] * taken
        power[low:high, 0] += weight**2
    heard /= np.sqrt(np.maximum(power, 1e-9))
    return Sound(np.clip(heard, -1, 1), rate)


def check_audio(form: str) -> None:
    """Raises InputError for an output, by its suffix, that carries no sound."""
    kind = format_for(form)
    if form and (kind is None or not kind.sound):
        what = {".html": "a page", "folder": "a folder"}.get(form, f"a {form}")
        raise InputError("audio", f"{what} carries no sound", "use .mp4 or .webm")


def audio_under(source: Source | None, form: str, seconds: float) -> Sound | None:
    """`music` for an open film of this form, None where no source is given."""
    if source is None:
        return None
    check_audio(form)
    return music(source, seconds)


def music(source: Source, seconds: float, *, closed: bool = False) -> Sound:
    """A file's sound as it lies under a film of so many seconds.

    It begins with the film. A shorter one starts over; one that does not end with the film fades at
    its end, or, where the film is `closed`, is mixed into its own beginning there.
    """
    return laid_under(track_of(source, seconds + 2 * FADE), seconds, closed=closed)


def laid_under(sound: Sound, seconds: float, *, closed: bool = False) -> Sound:
    """See `music`."""
    total = round(seconds * sound.rate)
    own = len(sound.samples) * TICK // sound.rate  # whole ticks
    if own < 2 * FADE * TICK:
        raise InputError("audio", f"lasts {own / TICK:g} s", "give a longer sound")
    count = ceil(seconds * TICK)
    fits = abs(len(sound.samples) - total) <= sound.rate * FADE
    order = range(count) if fits else [tick % own for tick in range(count)]
    heard = sound_of(order, sound, TICK, closed=closed).samples[:total]
    if not (closed or fits):
        fall = min(total, round(ENDS * sound.rate))
        heard[total - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)[:, None]
    return Sound(heard, sound.rate)


def _sample(frame: int, fps: float, rate: int) -> int:
    """The sample at which a frame begins."""
    return round(frame * rate / fps)


def _joined(cut: list[Run], smooth: bool) -> list[Run]:
    """The runs with those that go on across the order's ends made one."""
    if not smooth:
        return cut
    found = cut[:1]
    for run in cut[1:]:
        last = found[-1]
        if last.first + last.end - last.start == run.first:
            found[-1] = Run(last.start, run.end, last.first)
        else:
            found.append(run)
    return found


def _rise(inside: NDArray[np.floating], half: int) -> NDArray[np.float32]:
    """The amplitude of a run so many samples inside its edge; squares of two that meet sum to 1."""
    share = np.clip(inside / (2 * half) + 0.5, 0, 1)
    return np.sin(np.pi / 2 * share).astype(np.float32)


def _part(samples: NDArray[np.float32], first: int, count: int) -> NDArray[np.float32]:
    """So many samples from `first` on, silent outside the clip."""
    part = np.zeros((count, samples.shape[1]), np.float32)
    low, high = max(0, first), min(len(samples), first + count)
    if low < high:
        part[low - first : high - first] = samples[low:high]
    return part
