"""What a request reads, as clips: a file or a folder of frames by name, or a Clip in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kineograph.media.decode import changes, probe, read, stream
from kineograph.media.encode import check_format
from kineograph.media.formats import FORMATS, Format
from kineograph.media.frames import named
from kineograph.values.errors import InputError
from kineograph.values.source import Source

if TYPE_CHECKING:
    from kineograph.values.clip import Clip

# Measured on ten clips (stickers, flames, a street) at their usual sizes: bytes a pixel of a frame.
BYTES_A_PIXEL = {
    "mp4": 0.04,
    "webm": 0.04,
    "gif": 0.45,
    "webp": 0.25,
    "apng": 0.9,
    "png": 1.2,
    "jpg": 0.35,
    "folder": 1.2,
}


def clip_of(source: Source, field: str = "clip") -> Clip:
    """The whole clip of a source.

    Raises InputError, naming the field, when it is not there or is no clip.
    """
    from kineograph.values.clip import Clip

    if source.path is not None:
        with named(field):
            return read(source.there(field))
    if not isinstance(source.value, Clip):
        raise InputError(field, f"a {type(source.value).__name__} is no clip", "give a Clip")
    return source.value


def first_frame(source: Source, field: str = "image") -> tuple[Clip, list[str]]:
    """The picture of a source, upright, and what to say of it when there are more."""
    from kineograph.values.clip import from_bytes

    if source.path is None:
        clip = clip_of(source, field)
        picture, count = clip[:1], len(clip)
    else:
        path = source.there(field)
        with named(field):
            picture, count = from_bytes(next(iter(stream(path)))[None]), probe(path).frames
    if count == 1:
        return picture, []
    return picture, [f"'{source.name}' moves already: its first of {count} frames was taken"]


def changes_of(source: Source) -> tuple[str, ...]:
    """What reading a source changes; nothing for what is no picture and no clip."""
    if source.path is None:
        return ()
    try:
        return changes(source.path)
    except InputError:
        return ()


def frames_in(source: Source, field: str = "clip") -> int:
    """How many frames a source has, without decoding it."""
    if source.path is None:
        return len(clip_of(source, field))
    with named(field):
        return probe(source.there(field)).frames


def format_for(form: str) -> Format | None:
    """The format that a request's `form` names; None where it names no media file."""
    return FORMATS.get("" if form == "folder" else form) if form else None


def check_fits(form: str, *, fps: float, size: tuple[int, int]) -> None:
    """Refuse now, not after an hour of work, what a format cannot be made to hold.

    form: a request's. size: (width, height). Too many frames a second and odd sides are brought to
    what it holds when it is written. Raises InputError for a rate or a size.
    """
    if (kind := format_for(form)) is not None:
        width, height = (side + side % 2 if kind.even else side for side in size)
        check_format(kind, min(fps, kind.fps[1]), (width, height))


def file_bytes(form: str, size: tuple[int, int], frames: int) -> int:
    """About how many bytes a clip of so many frames will have; 0 where no file is made."""
    kind = format_for(form)
    if kind is None:
        return 0
    return int(500 + BYTES_A_PIXEL[kind.kind] * size[0] * size[1] * frames)
