"""Clips to files, frame by frame: `writer`, `save`, `probe_writer`.

A file gets its name only when it is complete: frames go to a temporary name in the same folder,
which is flushed to disk and renamed at the end, and removed after any error. The same frames and
the same note give the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from kineograph.errors import InputError, KineographError, LimitError
from kineograph.media.animation import Apng, Webp, coded, png_still
from kineograph.media.child import Child, ChildError
from kineograph.media.decode import ffmpeg
from kineograph.media.formats import Format, Frame, StrPath, exact_rate, format_of
from kineograph.media.gif import Gif
from kineograph.media.notes import in_jpeg, in_tags, text_of

if TYPE_CHECKING:
    from kineograph.clip import Clip

WAIT = 120.0  # seconds the video encoder may take over one frame, or over the end of the file
_VIDEO = {
    "mp4": (
        *("-c:v", "libx264", "-preset", "medium", "-crf", "16", "-pix_fmt", "yuv420p"),
        *("-movflags", "+faststart", "-f", "mp4"),
    ),
    "webm": (
        *("-c:v", "libvpx-vp9", "-crf", "18", "-b:v", "0", "-deadline", "good", "-cpu-used", "2"),
        *("-auto-alt-ref", "0", "-f", "webm"),
    ),
}


def writer(
    path: StrPath,
    *,
    fps: float,
    size: tuple[int, int],
    alpha: bool = False,
    note: dict[str, Any] | None = None,
) -> Writer:
    """A context that takes frames and leaves a complete file, or nothing.

    path: its suffix names the format; none is a folder of PNG frames. size: (width, height) in
    pixels. alpha: frames have four channels; a format without alpha shows them over white. note:
    the recipe to embed.

        with writer("out.mp4", fps=8, size=(64, 64), note={"seed": 7}) as w:
            for frame in frames:
                w.add(frame)
    """
    return Writer(path, fps, size, alpha, note)


def save(clip: Clip, path: StrPath, note: dict[str, Any] | None = None) -> Path:
    """Write the whole clip; see `writer`."""
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
    form = format_of(path)
    width, height = size
    target = Path(path)
    trial = target.with_name(f".kineograph-{secrets.token_hex(6)}{target.suffix}")
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, trial)
        with Writer(trial, fps, size, alpha, {"probe": True}) as w:
            for shade in (0, 255)[: 1 + form.moving]:
                w.add(np.full((height, width, 3 + alpha), shade, np.uint8))


class Writer:
    """Takes frames between `with` and its end; made by `writer`."""

    def __init__(
        self,
        path: StrPath,
        fps: float,
        size: tuple[int, int],
        alpha: bool,
        note: dict[str, Any] | None,
    ) -> None:
        self.path = Path(path)
        self.form = format_of(path)
        _check(self.form, fps, size)
        self._shape = (size[1], size[0], 4 if alpha else 3)
        self._fps, self._text = fps, text_of(note)
        self._frames = 0
        self._temporary = self.path.with_name(f".kineograph-{secrets.token_hex(6)}.part")
        self._encoder: _Encoder | None = None

    def __enter__(self) -> Writer:
        try:
            self._encoder = self._started()
        except OSError as error:
            self._discard()
            raise _no_room(self.path, error) from error
        except BaseException:
            self._discard()
            raise
        return self

    def _started(self) -> _Encoder:
        if self.form.kind == "folder":
            _check_folder(self.path)
            return _Folder(self._temporary, self._fps, self._text)
        if self.form.kind in _VIDEO:
            return _Video(self._temporary, self.form, self._fps, self._shape, self._text)
        return _File(self._temporary, self.form.kind, self._fps, self._text)

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
        try:
            self._encoder.add(frame)
        except OSError as error:
            raise _no_room(self.path, error) from error
        self._frames += 1

    def extend(self, clip: Clip) -> None:
        """Write every frame of a clip; its rate is not looked at."""
        from kineograph.clip import Clip, to_bytes

        for number in range(len(clip)):
            self.add(to_bytes(Clip(clip.frames[number : number + 1], clip.fps))[0])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        encoder, self._encoder = self._encoder, None
        assert encoder is not None
        try:
            if kind is None:
                if not self._frames:
                    raise InputError("frames", "none were added", "add at least one")
                encoder.finish()
                _publish(self._temporary, self.path)
        except OSError as failed:
            raise _no_room(self.path, failed) from failed
        finally:
            encoder.close()
            self._discard()

    def _discard(self) -> None:
        _remove(self._temporary)


# -- encoders: add frames, finish the temporary file, close whatever happened ----------------------


class _Encoder(Protocol):
    def add(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


_MOVING: dict[str, type[Apng] | type[Webp] | type[Gif]] = {"apng": Apng, "webp": Webp, "gif": Gif}


class _File:
    """Pictures and animations that this process writes itself."""

    def __init__(self, temporary: Path, kind: str, fps: float, text: bytes) -> None:
        self._file: BinaryIO = temporary.open("xb")
        self._text = text
        self._moving: Apng | Webp | Gif | None = None
        if kind in _MOVING:
            self._moving = _MOVING[kind](self._file, fps, text)
        self._still = {"png": png_still, "jpg": _jpeg_still}.get(kind)

    def add(self, frame: Frame) -> None:
        if self._moving is not None:
            self._moving.add(frame)
        elif self._still is not None:
            self._file.write(self._still(frame, self._text))

    def finish(self) -> None:
        if self._moving is not None:
            self._moving.finish()
        self._file.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def _jpeg_still(frame: Frame, text: bytes) -> bytes:
    data = coded(frame, "JPEG", quality=95, subsampling=0).getvalue()
    header = 4 + int.from_bytes(data[4:6], "big")  # start of image, JFIF segment
    return data[:header] + in_jpeg(text) + data[header:]


class _Folder:
    """A folder of PNG frames, with frames.json (the rate) and recipe.json (the note)."""

    def __init__(self, temporary: Path, fps: float, text: bytes) -> None:
        temporary.mkdir()
        self._folder, self._fps, self._text = temporary, fps, text
        self._frames = 0

    def add(self, frame: Frame) -> None:
        self._write(f"{self._frames:05d}.png", png_still(frame, b""))
        self._frames += 1

    def finish(self) -> None:
        self._write("frames.json", json.dumps({"fps": self._fps, "frames": self._frames}).encode())
        if self._text:
            self._write("recipe.json", self._text)

    def _write(self, name: str, data: bytes) -> None:
        with (self._folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        pass


class _Video:
    """MP4 (H.264) and WebM (VP9) by ffmpeg, in a process of its own, on one thread."""

    def __init__(
        self, temporary: Path, form: Format, fps: float, shape: tuple[int, int, int], text: bytes
    ) -> None:
        height, width, depth = shape
        alpha = depth == 4 and form.alpha
        rate = exact_rate(fps)
        command = [
            *(
                ffmpeg(),
                "-v",
                "error",
                "-f",
                "rawvideo",
                "-pixel_format",
                "rgba" if alpha else "rgb24",
            ),
            *(
                "-video_size",
                f"{width}x{height}",
                "-framerate",
                f"{rate.numerator}/{rate.denominator}",
            ),
            *("-i", "pipe:0", "-f", "ffmetadata"),
        ]
        with tempfile.TemporaryFile() as tags:
            tags.write(in_tags(text))
            tags.flush()
            tags.seek(0)
            command += [
                *("-i", f"pipe:{tags.fileno()}", "-map", "0:v", "-map_metadata", "1"),
                *("-vf", "scale=flags=accurate_rnd+full_chroma_inp+bitexact"
                         ":out_color_matrix=bt709:out_range=tv"),
                *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
                *("-color_range", "tv", *_VIDEO[form.kind]),
                *(("-pix_fmt", "yuva420p" if alpha else "yuv420p") if form.kind == "webm" else ()),
                *("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
                f"file:{temporary.absolute()}",
            ]  # fmt: skip
            self._child = Child(command, wait=WAIT, keep=[tags.fileno()])

    def add(self, frame: Frame) -> None:
        with _told():
            self._child.write(np.ascontiguousarray(frame))

    def finish(self) -> None:
        with _told():
            self._child.end()

    def close(self) -> None:
        self._child.close()


# -- rules and names -------------------------------------------------------------------------------


def _check(form: Format, fps: float, size: tuple[int, int]) -> None:
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
    from kineograph.clip import from_bytes, to_bytes

    shown: Frame = to_bytes(from_bytes(frame[None]).over())[0]
    return shown


def _publish(temporary: Path, path: Path) -> None:
    """Flush to disk, then give the final name."""
    _flush(temporary)
    if temporary.is_dir() and path.is_dir():
        aside = temporary.with_suffix(".old")
        path.rename(aside)
        try:
            temporary.rename(path)
        except OSError:
            aside.rename(path)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    else:
        temporary.replace(path)
    _flush(path.absolute().parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _told() -> Any:
    try:
        yield
    except ChildError as error:
        words = str(error)
        if "No space left" in words:
            raise LimitError("the disk is full; free some space or choose another folder") from None
        raise KineographError(f"the video encoder failed: {words.splitlines()[-1][:300]}") from None


def _no_room(path: Path, error: OSError) -> KineographError:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LimitError(
            f"no space left on the disk for '{path.name}'; free some or choose another folder"
        )
    return InputError(
        "path", f"cannot write '{path.name}' ({error.strerror})", "choose another folder"
    )
