"""Files to clips, frame by frame: `stream`, `read`, `probe`.

Nothing is decoded in this process. Pictures go through Pillow in `picture_child.py`, videos through
ffmpeg; both get limits on memory and time, both answer in PAM (every frame states its own size),
and both are killed when they hang, die or send something else than they declared. ffmpeg is handed
an open file and may open nothing else.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from kineograph.errors import InputError, MissingError
from kineograph.media import sniff
from kineograph.media.child import Child, ChildError
from kineograph.media.formats import LIMITS, SECOND, Frame, Info, Limits, StrPath, steady

if TYPE_CHECKING:
    from kineograph.clip import Clip

PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # what counts as a frame in a folder
_DEMUXERS = {"mp4": "mov", "webm": "matroska"}
_ALPHA_DECODERS = {"vp9": "libvpx-vp9", "vp8": "libvpx"}  # ffmpeg's own ones drop alpha
_PACKET = re.compile(rb"0,\s*-?\d+,\s*(-?\d+),\s*(\d+),")
_FACT = re.compile(rb"#(tb|codec_id|dimensions) 0: ([\w/]+)")
_PAM = re.compile(
    rb"P7\nWIDTH (\d+)\nHEIGHT (\d+)\nDEPTH ([34])\nMAXVAL 255\nTUPLTYPE \w+\nENDHDR\n"
)


def ffmpeg() -> str:
    """The program that decodes and encodes video; it comes with imageio-ffmpeg."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise MissingError(
            "ffmpeg is not installed; run `pip install imageio-ffmpeg`, or use .webp or .apng"
        ) from error


# -- what people call ------------------------------------------------------------------------------


def stream(path: StrPath, limits: Limits = LIMITS) -> Iterator[Frame]:
    """Frames of a file or a folder of frames, one after the other, in constant memory.

    Yields (H, W, C) uint8, upright, all of one size; C is 4 when the file has alpha. Frames that
    are shown longer than the others are repeated, so that `probe(path).fps` holds for all. Raises
    InputError, naming the limit, at the first frame that cannot be had.
    """
    with _source(path, limits) as source:
        yield from source.frames()


def read(path: StrPath, limits: Limits = LIMITS) -> Clip:
    """The whole file or folder as a clip; see `stream`."""
    from kineograph.clip import from_bytes

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
        return Info(kind, width, height, count, fps, depth == 4, count / fps)


def tags(path: StrPath, file: BinaryIO, limits: Limits = LIMITS) -> bytes:
    """The metadata of an open MP4 or WebM file, in ffmpeg's own text form."""
    with (
        _told(path),
        closing(_ffmpeg(sniff.kind_of(path, file), file, limits, "-f", "ffmetadata")) as child,
    ):
        return b"".join(child.lines())


# -- one file or folder ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A file or folder whose declared size passed the limits.

    repeats: how often each stored frame is shown. decoder: starts a process that sends the first n
    frames as PAM.
    """

    path: StrPath
    header: sniff.Header
    fps: float
    repeats: list[int]
    limits: Limits
    files: list[tuple[str, str]]  # (path, kind) of pictures
    video: BinaryIO | None = None
    codec: str = ""

    def frames(self, most: int | None = None) -> Iterator[Frame]:
        """The first `most` stored frames, each as often as it is shown."""
        stored = len(self.repeats) if most is None else most
        first: tuple[int, ...] = ()
        with ExitStack() as stack:
            stack.enter_context(_told(self.path))
            child = stack.enter_context(closing(self._decoder(stored, stack)))
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
                    raise sniff.refused(
                        self.path,
                        f"changes size: frame {number + 1} is {width}×{height},"
                        f" the first is {first[1]}×{first[0]}",
                        "make all frames the same size first",
                    )
                frame = child.exactly(height * width * depth).reshape(first)
                for _ in range(self.repeats[number]):
                    yield frame
            else:
                return
            child.end()
            if not first:
                raise sniff.refused(self.path, "holds no picture that can be decoded")

    def _checked(self, height: int, width: int, depth: int) -> tuple[int, int, int]:
        decoded = sniff.Header(self.header.kind, width, height)
        sniff.check(self.path, decoded, self.limits)
        return height, width, depth

    def check_clip(self, frame: Frame) -> None:
        """Raises InputError when the clip, as float32, would pass `limits.clip_bytes`."""
        count = sum(self.repeats)
        need, limit = 4 * frame.size * count, self.limits.clip_bytes
        if need > limit:
            raise sniff.refused(
                self.path,
                f"takes {need >> 20:,} MB as a clip ({count:,} frames of"
                f" {frame.shape[1]}×{frame.shape[0]}), the limit (clip_bytes) is {limit >> 20:,}",
                "cut it shorter or make it smaller",
            )

    def _decoder(self, frames: int, stack: ExitStack) -> Child:
        if self.video is not None:
            return _ffmpeg(
                self.header.kind,
                self.video,
                self.limits,
                *("-map", "0:v:0", "-frames:v", str(frames), "-fps_mode", "passthrough"),
                *(
                    "-vf",
                    "scale=flags=bicubic+accurate_rnd+full_chroma_int+bitexact,format=rgb24|rgba",
                ),
                *("-c:v", "pam", "-f", "image2pipe"),
                codec=_ALPHA_DECODERS.get(self.codec, ""),
            )
        job = {
            "files": self.files[:frames],
            "moving": self.header.kind != "folder" and bool(self.header.durations),
            "alpha": self.header.alpha,
            "frames": frames,
            "pixels": self.limits.pixels,
            "memory": self.limits.memory,
        }
        stdin: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        stdin.write(json.dumps(job).encode())
        stdin.flush()
        program = [sys.executable, "-I", "-B", str(Path(__file__).with_name("picture_child.py"))]
        return Child(program, stdin=stdin, memory=self.limits.memory, wait=self.limits.wait)


@contextmanager
def _source(path: StrPath, limits: Limits) -> Iterator[_Source]:
    if Path(path).is_dir():
        yield _folder(Path(path), limits)
        return
    with sniff.opened(path, limits) as file:
        header = sniff.header_of(path, file, limits)
        codec = ""
        if header.kind in _DEMUXERS:
            with _told(path):
                codec = _list_packets(path, file, header, limits)
        fps, repeats = steady(header.durations, header.tick) if header.durations else (8.0, [1])
        _check_count(path, sum(repeats), limits)
        files = [(str(path), header.kind)]
        video = file if header.kind in _DEMUXERS else None
        yield _Source(path, header, fps, repeats, limits, files, video, codec)


def _folder(path: Path, limits: Limits) -> _Source:
    """Every picture directly inside, in the order people count (2 before 10)."""
    names = [
        p for p in path.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith(".")
    ]
    if not names:
        raise sniff.refused(
            path, "holds no pictures", f"put frames ending in {', '.join(PICTURES)} there"
        )
    _check_count(path, len(names), limits)
    names.sort(key=lambda p: [int(w) if w.isdecimal() else w for w in re.split(r"(\d+)", p.name)])
    whole = sniff.Header("folder")
    files = []
    for name in names:
        with sniff.opened(name, limits) as file:
            header = sniff.header_of(name, file, limits)
        if header.kind in _DEMUXERS:
            raise sniff.refused(name, "is a video", "a folder holds pictures only")
        whole.alpha |= header.alpha
        files.append((str(name), header.kind))
    return _Source(path, whole, _folder_fps(path), [1] * len(files), limits, files)


def _folder_fps(path: Path) -> float:
    """The rate kept in frames.json, or 8."""
    facts = path / "frames.json"
    if not facts.is_file() or facts.stat().st_size > 1000:
        return 8.0
    try:
        fps = float(json.loads(facts.read_bytes())["fps"])
    except (ValueError, TypeError, LookupError, RecursionError):
        fps = 0.0
    if not 0 < fps <= 1000:
        raise sniff.refused(facts, "holds no rate in 0 … 1000", 'write {"fps": 8} there')
    return fps


def _check_count(path: StrPath, frames: int, limits: Limits) -> None:
    if frames > limits.frames:
        raise sniff.refused(
            path,
            f"shows {frames:,} frames, the limit (frames) is {limits.frames:,}",
            "cut it shorter first",
        )


# -- video -----------------------------------------------------------------------------------------


def _ffmpeg(kind: str, file: BinaryIO, limits: Limits, *output: str, codec: str = "") -> Child:
    """ffmpeg reading the open file, with a demuxer we chose and no other way to open anything."""
    command = [
        *(ffmpeg(), "-v", "error", "-nostdin", "-threads", "1", "-protocol_whitelist", "fd"),
        *("-max_pixels", str(limits.pixels), "-f", _DEMUXERS[kind]),
        *(("-c:v", codec) if codec else ()),
        *("-i", "fd:", *output, "-threads", "1", "-flags", "+bitexact", "pipe:1"),
    ]
    return Child(command, stdin=file, memory=limits.memory, wait=limits.wait)


def _list_packets(path: StrPath, file: BinaryIO, header: sniff.Header, limits: Limits) -> str:
    """Fill in size and durations from the packets, undecoded; returns the codec."""
    times: list[tuple[int, int]] = []  # (begins, lasts) in ticks of the stream
    facts: dict[bytes, bytes] = {}
    output = ("-map", "0:v:0", "-c", "copy", "-f", "framecrc")
    with closing(_ffmpeg(header.kind, file, limits, *output)) as child:
        for line in child.lines():
            if packet := _PACKET.match(line):
                times.append((int(packet[1]), int(packet[2])))
                _check_count(path, len(times), limits)
            elif fact := _FACT.match(line):
                facts[fact[1]] = fact[2]
    if not times or b"dimensions" not in facts:
        raise sniff.refused(path, "holds no video frames")
    over, under = map(int, facts[b"tb"].split(b"/"))
    header.width, header.height = map(int, facts[b"dimensions"].split(b"x"))
    times.sort()
    ticks = [begins for begins, _ in times] + [sum(times[-1])]
    begins = [t * SECOND * over // under for t in ticks]
    header.durations = [max(1, b - a) for a, b in pairwise(begins)]
    header.tick = SECOND * over // under if header.kind == "webm" else 0  # milliseconds, rounded
    sniff.check(path, header, limits)
    return facts[b"codec_id"].decode()


@contextmanager
def _told(path: StrPath) -> Iterator[None]:
    """A decoder's failure, told as the file's."""
    try:
        yield
    except ChildError as error:
        raise _explained(path, str(error)) from None


def _explained(path: StrPath, words: str) -> InputError:
    again = "save it again with another program"
    if "matches no streams" in words or "does not contain any stream" in words:
        return sniff.refused(path, "has no video stream", "give a picture or a video")
    if "Cannot allocate memory" in words or "larger than" in words:
        return sniff.refused(path, "needs more memory than the decoder may take", "make it smaller")
    if "is cut short" in words:
        return sniff.refused(path, words, "copy or download it again")
    if words.startswith(("made no", "did not", "died", "needs", "cannot")):
        prefix = (
            "" if words.startswith(("needs", "cannot")) else "could not be decoded: the decoder "
        )
        return sniff.refused(path, prefix + words, again)
    return sniff.refused(path, f"could not be decoded ({words.splitlines()[-1][:200]})", again)
