"""The sound of a clip, as samples that run exactly as long as its frames: `sound`.

ffmpeg decodes it under the same rules as pictures (`video.py`): it gets the open file and may open
nothing else, its memory and time are limited, and it sends as many samples as were asked for.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from kineograph.media import sniff, video
from kineograph.media.child import ChildError, decoding
from kineograph.media.formats import LIMITS, SECOND, Limits, Sound, StrPath, steady
from kineograph.media.video import SOUND_RATE

_MAX_HEAD = 4096  # bytes of an AU header, its text included


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
            try:
                head = child.exactly(24).view(">u4")  # magic, begins, bytes, coding, rate, channels
            except ChildError:
                if "matches no streams" in child.complaint():
                    return None
                child.end()  # raises in its own words, where it has any
                raise
            begins, channels = int(head[1]), int(head[5])
            if head[0] != 0x2E736E64 or not 24 <= begins <= _MAX_HEAD or channels not in (1, 2):
                raise ChildError("answered in a form that was not asked for")
            child.exactly(begins - 24)
            data = child.exactly(4 * count * channels).view(">f4")
            samples = np.nan_to_num(data.astype(np.float32)).reshape(count, channels)
            child.end()
    return Sound(np.clip(samples, -1, 1), SOUND_RATE)
