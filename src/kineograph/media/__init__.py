"""Files <-> clips: the only place that opens media.

    save(clip, "out.mp4", note={"seed": 7})      clip = read("in.gif")          note("out.mp4")
    sound("in.mp4")                                 None, or its samples while the frames are shown
    track("music.mp3", 12.0)                        its first twelve seconds
    with writer("out.webm", fps=8, size=(64, 64)) as w: w.add(frame)
    for frame in stream("in.mp4"): ...           probe("in.mp4").fps            sheet([clip, clip])

Frames are (H, W, C) uint8, clips are `Clip` values. Reading treats every file as hostile
(`decode.py`), writing leaves a complete file or none (`encode.py`), and every format carries its
record (`notes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kineograph.media.decode import probe, read, stream
from kineograph.media.encode import Writer, probe_writer, save, writer
from kineograph.media.formats import LIMITS, MOVING, STILL, Frame, Info, Limits, Sound
from kineograph.media.frames import Frames, frames_of
from kineograph.media.notes import note
from kineograph.media.sound import sound, track
from kineograph.media.sources import (
    changes_of,
    check_fits,
    clip_of,
    file_bytes,
    first_frame,
    format_for,
    frames_in,
)

if TYPE_CHECKING:
    from kineograph.values.clip import Clip

__all__ = [
    "LIMITS",
    "MOVING",
    "STILL",
    "Frame",
    "Frames",
    "Info",
    "Limits",
    "Sound",
    "Writer",
    "changes_of",
    "check_fits",
    "clip_of",
    "file_bytes",
    "first_frame",
    "format_for",
    "frames_in",
    "frames_of",
    "note",
    "probe",
    "probe_writer",
    "read",
    "save",
    "sheet",
    "sound",
    "stream",
    "track",
    "writer",
]


def sheet(clips: Clip | Sequence[Clip], *, columns: int = 0, scale: int = 1) -> Clip:
    """A contact sheet; see `contact.sheet`, which needs torch and is loaded on call."""
    from kineograph.media import contact

    return contact.sheet(clips, columns=columns, scale=scale)
