"""Files to clips, frame by frame: `stream`, `read`, `probe`, `changes`.

Nothing is decoded in this process. Pictures go through Pillow in `picture_child.py`, videos through
ffmpeg; both get limits on memory and time, both answer in PAM (every frame states its own size),
and both are killed when they hang, die or send something else than they declared. ffmpeg is handed
an open file and may open nothing else.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kineograph.files import counted, sequence_of
from kineograph.media import sniff, video
from kineograph.media.child import Child, ChildError, decoding
from kineograph.media.formats import LIMITS, SECOND, Frame, Info, Limits, StrPath, steady
from kineograph.media.shown import JOINED, WOVEN
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from kineograph.values.clip import Clip

PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # what counts as a frame in a folder
PICTURE_CHILD = (sys.executable, "-I", "-B", str(Path(__file__).with_name("picture_child.py")))
MAX_FPS = 1000
_CHANGES = b"changed: "
_CUT_SHORT = SECOND // 4  # nanoseconds that may be missing at the end of a video
_PAM = re.compile(
    rb"P7\nWIDTH (\d+)\nHEIGHT (\d+)\nDEPTH ([34])\nMAXVAL 255\nTUPLTYPE \w+\nENDHDR\n"
)


# -- what people call ------------------------------------------------------------------------------


def stream(path: StrPath, limits: Limits = LIMITS) -> Iterator[Frame]:
    """Frames of a file or a folder of frames, one after the other, in constant memory.

    Yields (H, W, C) uint8, upright, all of one size; C is 4 when the file has alpha. Frames that
    are shown longer than the others are repeated, so that `probe(path).fps` holds for all. Raises
    LimitError, naming the limit, before more is decoded than may be; InputError at the first frame
    that cannot be had.
    """
    with _source(path, limits) as source:
        yield from source.frames()


def read(path: StrPath, limits: Limits = LIMITS) -> Clip:
    """The whole file or folder as a clip, upright, in sRGB.

    path: a media file, a folder of frames, or a pattern as `frame_%04d.png`. limits: what is let
    in. Raises InputError for what is no clip, LimitError for what is too large.

        >>> kg.read("brick.png").frames.shape
        torch.Size([1, 3, 32, 32])
    """
    from kineograph.values.clip import from_bytes

    with _source(path, limits) as source:
        frames: list[Frame] = []
        for frame in source.frames():
            if not frames:
                source.check_clip(frame)
            frames.append(frame)
        return from_bytes(np.stack(frames), source.fps)


def probe(path: StrPath, limits: Limits = LIMITS) -> Info:
    """What the file holds; only its first frame is decoded."""
    with _source(path, limits) as source:
        height, width, depth = next(source.frames(1)).shape
        count = sum(source.repeats)
        kind, fps = source.header.kind, source.fps
        seconds = count / fps if source.moving else 0.0
        return Info(kind, width, height, count, fps, depth == 4, seconds, source.changed)


def changes(path: StrPath, limits: Limits = LIMITS) -> tuple[str, ...]:
    """What reading a file or folder changes, a few words each; see `Info.changed`."""
    with _source(path, limits) as source:
        woven = source.packets is not None and source.packets.codec in WOVEN
        if source.header.profile or woven:  # only a decoder knows whether it says anything new
            next(source.frames(1))
        return source.changed


# -- one file or folder ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A file or folder whose declared size passed the limits.

    repeats: how often each stored frame is shown. file: open, unless it is a folder; pictures: path
    and kind of each in a folder, in so many sizes. packets: of a video. said: what the decoder said
    that it changes.
    """

    path: StrPath
    header: sniff.Header
    fps: float
    repeats: list[int]
    limits: Limits
    file: BinaryIO | None = None
    pictures: Sequence[tuple[str, str]] = ()
    sizes: int = 1
    packets: video.Packets | None = None
    said: list[str] = field(default_factory=list)

    @property
    def changed(self) -> tuple[str, ...]:
        """What reading changes, once the first frame was decoded."""
        told = [*self.said]
        if self.packets is not None:
            told += self.packets.shown.changed
        if len(self.repeats) > 1 and self.header.kind != "folder":
            lost = self.repeats.count(0)
            allowed = max(self.header.tick, SECOND / self.fps / 4)
            lasts = zip(self.header.durations, self.repeats, strict=True)
            if any(abs(d - times * SECOND / self.fps) > allowed for d, times in lasts):
                lose = f", {lost} of {len(self.repeats)} too short to be seen" if lost else ""
                told.append(f"frames of uneven length come at {self.fps:.4g} a second{lose}")
        if self.sizes > 1:
            told.append(f"pictures of {self.sizes} sizes are fitted into the size of the first")
        return tuple(told)

    @property
    def moving(self) -> bool:
        return self.header.kind == "folder" or bool(self.header.durations)

    def frames(self, most: int | None = None) -> Iterator[Frame]:
        """The first `most` stored frames, each as often as it is shown."""
        stored = len(self.repeats) if most is None else most
        if self.header.keyed and self.file is not None and self.header.kind == "png":
            yield self._keyed(self.file)
            return
        with ExitStack() as stack:
            stack.enter_context(decoding(self.path))
            child = stack.enter_context(closing(self._decoder(stored, stack)))
            if self.packets is None:
                yield from self._each(child, stored)
            elif most is not None:
                for frame in self._decoded(child, stored):
                    joined = video.has_fields(child) and JOINED not in self.packets.shown.changed
                    self.said.extend([JOINED] * joined)
                    yield frame
            else:
                yield from self._timed(child)

    def _keyed(self, file: BinaryIO) -> Frame:
        """A still of 16 bits in which one colour is transparent, in 8 bits."""
        from kineograph.media import deep

        try:
            samples = deep.decoded(file)
        except (EOFError, struct.error, zlib.error, ValueError) as error:
            problem = f"is a damaged PNG ({error})"
            raise sniff.refused(self.path, problem, "save it again") from None
        assert samples is not None
        colours = np.repeat(samples[:, :, :1], 3, 2) if samples.shape[2] < 3 else samples[:, :, :3]
        whole = np.concatenate([colours, samples[:, :, -1:]], axis=2)
        return ((whole.astype(np.uint32) + 128) // 257).astype(np.uint8)

    def _decoded(self, child: Child, stored: int) -> Iterator[Frame]:
        """The frames that a decoder sends, at most so many."""
        first: tuple[int, ...] = ()
        for number in range(stored):
            head = child.until(b"ENDHDR\n", 300)
            if not head:
                break
            found = _PAM.fullmatch(head)
            if not found:
                raise ChildError("answered in a form that was not asked for")
            width, height, depth = map(int, found.groups())
            first = first or self._checked(height, width, depth)
            if (height, width, depth) != first:
                raise self._changes(number)
            if self.packets is None:
                changed = [line for line in child.told() if line.startswith(_CHANGES)]
                self.said.extend(
                    line[len(_CHANGES) :].decode("utf-8", "replace") for line in changed
                )
            yield child.exactly(height * width * depth).reshape(first)
        else:
            return
        child.end()
        if video.changes(child.complaint()):
            raise self._changes(number)
        if not first:
            raise sniff.refused(self.path, "holds no picture that can be decoded")

    def _each(self, child: Child, stored: int) -> Iterator[Frame]:
        """Pictures, each as often as it is shown."""
        number = -1
        for number, frame in enumerate(self._decoded(child, stored)):
            for _ in range(self.repeats[number]):
                yield frame
        if number + 1 < stored:
            raise ChildError("is cut short or damaged")

    def _timed(self, child: Child) -> Iterator[Frame]:
        """A video's frames by the clock of the decoder: each from the step nearest to its time.

        Packets told how long all lasts; what they decode to begins when the decoder says.
        """
        steps, given = sum(self.repeats), 0
        held: Frame | None = None
        clock, zero, at = video.Clock(child), 0, 0
        for number, frame in enumerate(self._decoded(child, len(self.repeats))):
            told = clock.at(number)
            if number == 0:
                zero = told or 0
            at = at + round(SECOND / self.fps) if told is None else told - zero
            begins = min(steps, round(at * self.fps / SECOND)) if number else 0
            while held is not None and given < begins:
                yield held
                given += 1
            held = frame
        usual = max(self.header.durations[-1], SECOND / self.fps)
        missing = sum(self.header.durations) - at - usual
        if missing > max(_CUT_SHORT, 3 * SECOND / self.fps):
            raise ChildError("is cut short or damaged: its last frames cannot be decoded")
        while held is not None and given < steps:
            yield held
            given += 1

    def _changes(self, number: int) -> InputError:
        problem = f"changes its size or pixel format after frame {number}"
        return sniff.refused(self.path, problem, "cut it there")

    def _checked(self, height: int, width: int, depth: int) -> tuple[int, int, int]:
        decoded = sniff.Header(self.header.kind, width, height)
        sniff.check(self.path, decoded, self.limits)
        return height, width, depth

    def check_clip(self, frame: Frame) -> None:
        """Raises LimitError when the clip, as float32, would pass `limits.clip_bytes`."""
        count = sum(self.repeats)
        need, limit = 4 * frame.size * count, self.limits.clip_bytes
        if need > limit:
            raise sniff.past(
                self.path,
                f"takes {need >> 20:,} MB as a clip ({count:,} frames of"
                f" {frame.shape[1]}×{frame.shape[0]}), the limit (clip_bytes) is {limit >> 20:,}",
                "cut it shorter or make it smaller",
            )

    def _decoder(self, frames: int, stack: ExitStack) -> Child:
        """A process that sends the first so many frames as PAM."""
        kind, limits = self.header.kind, self.limits
        if self.file is not None and self.packets is not None:
            return video.decoder(kind, self.packets, self.file, frames, limits)
        # the child reads the very file that was looked at, whatever its name means by now
        keep = [self.file.fileno()] if self.file is not None else []
        files = [(f"/dev/fd/{keep[0]}", kind)] if keep else self.pictures[:frames]
        job = {
            "files": files,
            "moving": kind != "folder" and bool(self.header.durations),
            "alpha": self.header.alpha,
            "frames": frames,
            "pixels": limits.pixels,
            "parts": self.header.parts,
        }
        stdin: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        stdin.write(json.dumps(job).encode())
        stdin.flush()
        return Child(PICTURE_CHILD, stdin=stdin, memory=limits.memory, wait=limits.wait, keep=keep)


@contextmanager
def _source(path: StrPath, limits: Limits) -> Iterator[_Source]:
    if Path(path).is_dir():
        yield _folder(Path(path), limits)
        return
    if names := sequence_of(Path(path)):
        yield _sequence(path, names, _folder_fps(Path(path).parent), limits)
        return
    with sniff.opened(path, limits) as file:
        header = sniff.header_of(path, file, limits)
        moving = header.kind in video.DEMUXERS
        packets = video.list_packets(path, file, header, limits) if moving else None
        fps, repeats = steady(header.durations, header.tick)
        if not 0 < fps <= MAX_FPS:
            raise sniff.refused(
                path, f"plays {fps:,.0f} frames a second, the limit is {MAX_FPS}", "slow it down"
            )
        sniff.check_frames(path, sum(repeats), limits)
        yield _Source(path, header, fps, repeats, limits, file, packets=packets)


def _folder(path: Path, limits: Limits) -> _Source:
    """Every picture directly inside, in the order people count (2 before 10)."""
    names = [
        p for p in path.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith(".")
    ]
    if not names:
        raise sniff.refused(
            path, "holds no pictures", f"put frames ending in {', '.join(PICTURES)} there"
        )
    sniff.check_frames(path, len(names), limits)
    return _sequence(path, sorted(names, key=counted), _folder_fps(path), limits)


def _sequence(path: StrPath, names: Sequence[Path], fps: float, limits: Limits) -> _Source:
    """Pictures as the frames of one clip, in the size of the first."""
    sniff.check_frames(path, len(names), limits)
    whole = sniff.Header("folder")
    files, sizes = [], set()
    for name in names:
        with sniff.opened(name, limits) as file:
            header = sniff.header_of(name, file, limits)
        if header.kind in video.DEMUXERS:
            raise sniff.refused(name, "is a video", "a folder holds pictures only")
        whole.alpha |= header.alpha
        whole.profile |= header.profile
        files.append((str(name), header.kind))
        sizes.add((header.width, header.height))
    how: dict[str, Any] = {"pictures": files, "sizes": len(sizes)}
    return _Source(path, whole, fps, [1] * len(files), limits, **how)


def _folder_fps(path: Path) -> float:
    """The rate kept in frames.json, or 8."""
    facts = path / "frames.json"
    if not facts.is_file() or facts.stat().st_size > 1000:
        return 8.0
    try:
        fps = float(json.loads(facts.read_bytes())["fps"])
    except (ValueError, TypeError, LookupError, RecursionError):
        fps = 0.0
    if not 0 < fps <= MAX_FPS:
        raise sniff.refused(facts, f"holds no rate in 0 … {MAX_FPS}", 'write {"fps": 8} there')
    return fps
