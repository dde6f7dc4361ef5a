"""The sound of a clip, as samples that run exactly as long as its frames: `sound`; and the sound of
any file from its beginning: `track`.

ffmpeg decodes it under the same rules as pictures (`video.py`): it gets the open file and may open
nothing else, its memory and time are limited, and it sends as many samples as were asked for.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.media import sniff, video
from kineograph.media.child import Child, ChildError, decoding
from kineograph.media.formats import LIMITS, SECOND, Limits, Sound, StrPath, steady
from kineograph.media.video import SOUND_RATE
from kineograph.values.errors import InputError

_MAX_HEAD = 4096  # bytes of an AU header, its text included
_KNOWN = "a WAV, MP3, M4A, FLAC, Ogg or a video with sound"


def sound(path: StrPath, limits: Limits = LIMITS) -> Sound | None:
    """What is heard while the frames of a file are shown, None where there is no sound.

    Mono stays mono, everything else becomes stereo. The first sample is heard when the
    first frame is seen: sound before it is left out; sound that begins late or ends early is filled
    up with silence. Raises InputError when it cannot be decoded or passes a limit.
    """
    if Path(path).is_dir():
        return None
    with sniff.opened(path, limits) as file:
        header = sniff.header_of(path, file, limits)
        if header.kind not in video.DEMUXERS:
            return None
        packets = video.list_packets(path, file, header, limits)
        begins = round(packets.begins * SOUND_RATE / SECOND)
        fps, shown = steady(header.durations, header.tick)  # as long as the frames that are read
        count = round(sum(shown) * SOUND_RATE / fps)
        if 8 * count > limits.clip_bytes:
            raise sniff.refused(
                path,
                f"takes {8 * count >> 20:,} MB as sound, the limit (clip_bytes) is"
                f" {limits.clip_bytes >> 20:,}",
                "cut it shorter",
            )
        child = video.sound_decoder(header.kind, file, begins, count, limits)
        with decoding(path), closing(child):
            channels = _head(child)
            if not channels:
                return None
            data = child.exactly(4 * count * channels)
            child.end()
    return _sound(data, channels)


def track(path: StrPath, seconds: float, limits: Limits = LIMITS) -> Sound:
    """The sound of a file of sound or of a video from its beginning, no more than so many seconds.

    Mono stays mono, everything else becomes stereo. Raises InputError when there is none, when it
    cannot be decoded or passes a limit.
    """
    most = round(seconds * SOUND_RATE)
    if 8 * most > limits.clip_bytes:
        problem = f"{seconds:,.0f} s of sound pass the limit (clip_bytes)"
        raise sniff.refused(path, f"is too long: {problem}", "make a shorter film")
    with sniff.opened(path, limits) as file:
        kind = _kind_of(path, file)
        child = video.track_decoder(kind, file, most, limits)
        with decoding(path), closing(child):
            channels = _head(child)
            data = child.rest(8 * most + 8) if channels else np.empty(0, np.uint8)
    if not len(data):
        raise sniff.refused(path, "has no sound", f"give {_KNOWN}")
    return _sound(data, channels)


def _kind_of(path: StrPath, file: BinaryIO) -> str:
    """wav, mp3, flac, aac, or a kind of video, whose sound is meant; others are refused."""
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:3] == b"ID3":
        return "mp3"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # a frame's mark
        return "mp3" if head[1] & 0x06 else "aac"  # whose layer is 0
    try:
        kind = sniff.kind_of(path, file)
    except InputError:
        kind = ""
    if kind not in video.DEMUXERS:
        what = "is a picture" if kind else "is not a sound that kineograph reads"
        raise sniff.refused(path, what, f"give {_KNOWN}")
    return kind


def _head(child: Child) -> int:
    """Read the head of an AU file; how many channels it has, 0 where the input has no sound."""
    try:
        head = child.exactly(24).view(">u4")  # magic, begins, bytes, coding, rate, channels
    except ChildError:
        if "matches no streams" in child.complaint():
            return 0
        child.end()  # raises in its own words, where it has any
        raise
    begins, channels = int(head[1]), int(head[5])
    if head[0] != 0x2E736E64 or not 24 <= begins <= _MAX_HEAD or channels not in (1, 2):
        raise ChildError("answered in a form that was not asked for")
    child.exactly(begins - 24)
    return channels


def _sound(data: NDArray[np.uint8], channels: int) -> Sound:
    samples = np.nan_to_num(data.view(">f4").astype(np.float32)).reshape(-1, channels)
    return Sound(np.clip(samples, -1, 1), SOUND_RATE)
