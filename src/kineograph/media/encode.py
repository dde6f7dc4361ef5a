"""Clips to files, frame by frame: `writer`, `save`, `probe_writer`.

A file gets its name only when it is complete: frames go to a temporary name in the same folder,
which is flushed to disk and renamed at the end, and removed after any error. The same frames and
the same note give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from kineograph.files import beside, publish, remove, writing
from kineograph.media.formats import Format, Frame, Sound, StrPath, exact_rate, format_of
from kineograph.media.gif import Gif
from kineograph.media.notes import in_mp4, source_of, text_of
from kineograph.media.pictures import Apng, Still, Webp, png
from kineograph.media.sniff import kind_of
from kineograph.media.video import WRITTEN, Video
from kineograph.values.errors import InputError, KineographError, unwritable

if TYPE_CHECKING:
    from kineograph.values.clip import Clip

WAIT = 300.0  # seconds the video encoder may take over one frame, or over the end of the file


def writer(
    path: StrPath,
    *,
    fps: float,
    size: tuple[int, int],
    alpha: bool = False,
    note: dict[str, Any] | None = None,
    sound: Sound | None = None,
    quality: float = 1.0,
) -> Writer:
    """A context that takes frames and leaves a complete file, or nothing.

    path: its suffix names the format; none is a folder of PNG frames. size: (width, height) in
    pixels. alpha: frames have four channels; a format without alpha shows them over white. note:
    the recipe to embed. sound: what is heard meanwhile, for .mp4 and .webm. quality: 1 looks like
    the frames, less makes a smaller file, 0 the smallest; lossless formats pay no heed.

        with writer("out.mp4", fps=8, size=(64, 64), note={"seed": 7}) as w:
            for frame in frames:
                w.add(frame)
    """
    return Writer(path, fps, size, alpha, note, sound, quality)


def save(clip: Clip, path: StrPath, note: dict[str, Any] | None = None) -> Path:
    """Write the whole clip, whole or not at all.

    path: its suffix decides the format; none is a folder of frames. note: what the file is to say
    of itself, as JSON values. Raises InputError for a format that cannot hold it.

        >>> path = kg.save(kg.Clip(torch.zeros(4, 3, 16, 16)), "dark.webp")
        >>> len(kg.read(path))
        4
    """
    frames, channels, height, width = clip.frames.shape
    form = format_of(path)
    if frames > 1 and not form.moving:
        raise InputError(
            "path",
            f"a .{form.kind} holds one frame, the clip has {frames}",
            "use .apng, .webp or .mp4",
        )
    with writer(path, fps=clip.fps, size=(width, height), alpha=channels == 4, note=note) as w:
        w.extend(clip)
    return Path(path)


def probe_writer(path: StrPath, *, fps: float, size: tuple[int, int], alpha: bool = False) -> None:
    """Write and remove a clip of two frames beside `path`: fail now, not after an hour of work."""
    target = Path(path)
    trial = beside(target)
    form, (width, height) = format_of(path), size
    if form.kind == "folder":
        _check_folder(target)
    try:
        with Writer(trial, fps, size, alpha, {"probe": True}) as w:
            for shade in (0, 255)[: 1 + form.moving]:
                w.add(np.full((height, width, 3 + alpha), shade, np.uint8))
    finally:
        remove(trial)


class Writer:
    """Takes frames between `with` and its end; made by `writer`."""

    def __init__(
        self,
        path: StrPath,
        fps: float,
        size: tuple[int, int],
        alpha: bool,
        note: dict[str, Any] | None,
        sound: Sound | None = None,
        quality: float = 1.0,
    ) -> None:
        self.path, self._quality = Path(path), quality
        self.form = format_of(path)
        if sound is not None and not self.form.sound:
            raise InputError("sound", f"a .{self.form.kind} carries none", "use .mp4 or .webm")
        check_format(self.form, fps, size)
        self._shape = (size[1], size[0], 4 if alpha else 3)
        self._fps, self._text = fps, text_of(note)
        self._sound = sound
        self._frames = 0
        self._temporary = beside(self.path)
        self._encoder: _Encoder | None = None

    def __enter__(self) -> Writer:
        try:
            self._encoder = self._started()
        except OSError as error:
            self._discard()
            raise unwritable(self.path.name, error, "path") from error
        except BaseException:
            self._discard()
            raise
        return self

    def _started(self) -> _Encoder:
        kind, temporary = self.form.kind, self._temporary
        if kind == "folder":
            _check_folder(self.path)
            return _Folder(temporary, self._fps, self._text)
        file = temporary.open("xb")
        if kind in WRITTEN:
            file.close()
            height, width, depth = self._shape
            shape = (height, width, depth if self.form.alpha else 3)
            rate = exact_rate(self._fps)
            source = source_of(self._text)
            how: dict[str, Any] = {"quality": self._quality, "source": source}
            return Video(temporary, kind, rate, shape, self._text, self._sound, **how)
        if kind in ("png", "jpg"):
            return Still(file, kind, self._text)
        return _ANIMATIONS[kind](file, self._fps, self._text, self._quality)

    def add(self, frame: Frame) -> None:
        """Write one frame, (H, W, C) uint8, of the size the writer was made for."""
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise InputError(
                "frame", f"{frame.dtype} {frame.shape}, the writer was made for uint8 {self._shape}"
            )
        if self._frames and not self.form.moving:
            raise InputError("path", f"a .{self.form.kind} holds one frame", "use .apng or .webp")
        if self._encoder is None:
            raise KineographError("the writer is not open; use it in a `with` statement")
        if frame.shape[2] == 4 and not self.form.alpha:
            frame = _over_white(frame)
        with writing(self.path, "path"):
            self._encoder.add(frame)
        self._frames += 1

    def extend(self, clip: Clip) -> None:
        """Write every frame of a clip; its rate is not looked at."""
        from kineograph.values.clip import Clip, to_bytes

        for number in range(len(clip)):
            self.add(to_bytes(Clip(clip.frames[number : number + 1], clip.fps))[0])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._encoder is not None:
                if not self._frames:
                    raise InputError("frames", "none were added", "add at least one")
                with writing(self.path, "path"):
                    self._encoder.finish()
                    self._encoder.close()
                    self._check()
                    if self.form.kind == "mp4":
                        with self._temporary.open("ab") as file:
                            file.write(in_mp4(self._text))
                    publish(self._temporary, self.path)
        finally:
            self._discard()

    def _check(self) -> None:
        """An encoder may end well and have written nothing, or something else."""
        if self.form.kind == "folder":
            return
        kind = self.form.kind.replace("apng", "png")
        with self._temporary.open("rb") as file:
            try:
                found = kind_of(self._temporary, file)
            except InputError:
                found = "nothing that can be read"
        if found != kind:
            raise KineographError(f"the encoder of .{self.form.kind} files wrote {found}")

    def _discard(self) -> None:
        """Stop the encoder and remove what bears the temporary name."""
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            with suppress(OSError):  # a full disk says so again when a file is closed
                encoder.close()
        remove(self._temporary)


class _Encoder(Protocol):
    """Writes one temporary file or folder."""

    def add(self, frame: Frame) -> None: ...

    def finish(self) -> None:
        """Write what comes after the last frame."""

    def close(self) -> None:
        """Let go of files and processes, finished or not; safe to call twice."""


_ANIMATIONS: dict[str, Callable[[BinaryIO, float, bytes, float], _Encoder]] = {
    "apng": Apng,
    "webp": Webp,
    "gif": Gif,
}


class _Folder:
    """A folder of PNG frames, with frames.json (the rate) and recipe.json (the note)."""

    def __init__(self, folder: Path, fps: float, text: bytes) -> None:
        folder.mkdir()
        self._folder, self._fps, self._text = folder, fps, text
        self._frames = 0

    def add(self, frame: Frame) -> None:
        name = f"{self._frames:05d}.png"
        (self._folder / name).write_bytes(png(frame, self._text, whole=False))
        self._frames += 1

    def finish(self) -> None:
        facts = {"fps": self._fps, "frames": self._frames}
        (self._folder / "frames.json").write_text(json.dumps(facts))
        if self._text:
            (self._folder / "recipe.json").write_bytes(self._text)

    def close(self) -> None:
        pass


# -- rules and names -------------------------------------------------------------------------------


def check_format(form: Format, fps: float, size: tuple[int, int]) -> None:
    """Raises InputError for a rate or a size (width, height) that the format cannot hold."""
    width, height = size
    low, high = form.fps
    if not low <= fps <= high:
        raise InputError(
            "fps",
            f"{fps:g} a second, a .{form.kind} shows {low:g} to {high:g}",
            "use .mp4 for more",
        )
    if not (1 <= width <= 16_383 and 1 <= height <= 16_383):
        raise InputError("size", f"{width}×{height} is not in 1 … 16,383 pixels a side")
    if form.even and (width % 2 or height % 2):
        raise InputError(
            "size",
            f"{width}×{height} has an odd side, which an .mp4 that plays everywhere cannot hold",
            f"use {width + width % 2}×{height + height % 2}, or .webm, .webp or .apng",
        )


def _check_folder(path: Path) -> None:
    """A folder is replaced only when it is empty or holds frames that we wrote."""
    if path.exists() and not path.is_dir():
        raise InputError(
            "path", f"'{path.name}' is a file", "give it a suffix, or choose a new name"
        )
    if path.is_dir() and any(path.iterdir()) and not (path / "frames.json").is_file():
        raise InputError(
            "path", f"folder '{path.name}' holds other things than frames", "choose a new name"
        )


def _over_white(frame: Frame) -> Frame:
    from kineograph.values.clip import from_bytes, to_bytes

    shown: Frame = to_bytes(from_bytes(frame[None]).over())[0]
    return shown
