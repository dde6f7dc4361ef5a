"""One picture with the depth and channels it is stored with, for work that must not lose a bit.

Eight bits go through `decode` and `encode`, 16-bit PNG through `deep`.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph.files import placed
from kineograph.media import deep, notes, sniff
from kineograph.media.decode import changes, stream
from kineograph.media.encode import writer
from kineograph.media.formats import LIMITS, Limits, StrPath
from kineograph.media.frames import named
from kineograph.values.errors import InputError
from kineograph.values.source import Source

Picture = NDArray[
    Any
]  # (H, W, C) uint8 or uint16; C 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha


def read_picture(path: StrPath, limits: Limits = LIMITS) -> Picture:
    """The first frame of a file: uint16 for a 16-bit PNG, else uint8; grey comes as one channel,
    not three. Where a profile's colours are brought to sRGB, it comes in 8 bits.
    """
    with sniff.opened(path, limits) as file:
        if sniff.kind_of(path, file) == "png":
            header = sniff.header_of(path, file, limits)
            try:
                found = deep.decoded(file)
            except (EOFError, struct.error, zlib.error, ValueError) as error:
                raise sniff.refused(path, f"is a damaged PNG ({error})", "save it again") from None
            if found is not None and not (header.profile and changes(path, limits)):
                return _plain(found)
    return _plain(next(iter(stream(path, limits))))


def picture_of(source: Source, field: str = "picture", limits: Limits = LIMITS) -> Picture:
    """The picture of a source: a file's as `read_picture` gives it, an array, a clip's first frame.

    Raises InputError, naming the field, when the file is not there or is no picture.
    """
    if source.path is not None:
        with named(field):
            return read_picture(source.there(field), limits)
    value = source.value
    if hasattr(value, "array"):
        value = value.array()[0]
    if not isinstance(value, np.ndarray) or value.dtype not in (np.uint8, np.uint16):
        raise InputError(field, f"a {type(value).__name__} is no picture", "give a Clip")
    if value.ndim == 2:
        value = value[:, :, None]
    if value.ndim != 3 or value.shape[2] not in (1, 2, 3, 4):
        raise InputError(field, f"shape {value.shape} is not (H, W, 1 … 4)")
    return _plain(value)


def save_picture(picture: Picture, path: StrPath, note: dict[str, Any] | None = None) -> Path:
    """Write (H, W, C) uint8 in any still format, or uint16 as PNG."""
    H, W, C = picture.shape
    if picture.dtype == np.uint16:
        if Path(path).suffix.lower() != ".png":
            raise InputError("out", f"'{Path(path).name}' cannot hold 16 bits", "use .png")
        with placed(Path(path)) as part:
            part.write_bytes(deep.coded(picture, notes.text_of(note)))
        return Path(path)
    if C < 3:
        picture = np.concatenate([picture[:, :, :1]] * 3 + [picture[:, :, 1:]], axis=2)
    with writer(path, fps=8, size=(W, H), alpha=picture.shape[2] == 4, note=note) as file:
        file.add(np.ascontiguousarray(picture))
    return Path(path)


def _plain(picture: Picture) -> Picture:
    """Without the channels that say nothing: equal colours become grey, a full alpha goes."""
    if picture.shape[2] in (2, 4) and (picture[:, :, -1] == np.iinfo(picture.dtype).max).all():
        picture = picture[:, :, :-1]
    if picture.shape[2] >= 3 and (picture[:, :, :1] == picture[:, :, 1:3]).all():
        picture = np.delete(picture, (1, 2), axis=2)
    return np.ascontiguousarray(picture)
