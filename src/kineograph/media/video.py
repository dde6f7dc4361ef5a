"""Videos, by the ffmpeg that comes with imageio-ffmpeg, always in a process of its own.

Reading (MP4, MOV, WebM, Matroska, AVI, Ogg, MPEG): ffmpeg gets an open file and a demuxer that we
chose from magic bytes, may open nothing else, and answers in PAM, samples, packet lists or tags.
Writing: H.264 at visually lossless quality that every browser plays (4:2:0, index first), or VP9,
with alpha if asked; sound as AAC or Opus. Colours are BT.709 and say so. One thread and bit-exact
flags: the same frames give the same bytes on any machine (with sound, on any machine of one kind).
"""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from kineograph.media import sniff
from kineograph.media.child import Child, decoding, encoding
from kineograph.media.formats import LIMITS, SECOND, Frame, Limits, Sound, StrPath
from kineograph.media.shown import Shown, shown
from kineograph.values.errors import MissingError

SOUND_RATE = 48_000  # samples a second: what Opus takes, and whole numbers at 24, 25 and 30 frames
WAIT = 300.0  # seconds the encoder may take over one frame, or over the end of the file
DEMUXERS = {  # by kind, as ffmpeg calls them
    "mp4": "mov",
    "webm": "matroska",
    "avi": "avi",
    "ogv": "ogg",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
}
HEARD = DEMUXERS | {"wav": "wav", "mp3": "mp3", "flac": "flac", "aac": "aac"}  # sound alone too
WRITTEN = ("mp4", "webm")
_ALPHA_DECODERS = {"vp9": "libvpx-vp9", "vp8": "libvpx"}  # ffmpeg's own ones drop alpha

_CHANGED = re.compile(r"changed input frames dropped\s*:\s*(\d+)")
_SHOWN_AT = re.compile(rb"Parsed_showinfo.*\bn:\s*(\d+) pts:\s*(-?\d+)")  # microseconds
_FIELDS = re.compile(rb"showinfo@fields.*\bn:\s*0 .*\bi:[TB]")
# stream, decoded at, shown at, lasts, bytes, checksum; bit 4 of the flags: never shown
_PACKET = re.compile(rb"0,\s*(-?\d+),\s*(-?\d+),\s*(\d+),\s*\d+,\s*\w+(?:,\s*F=0x(\w+))?")
_NEVER = -(2**63)  # of a packet without a time
_HIDDEN = 4
_FACT = re.compile(rb"#(tb|codec_id|dimensions) 0: ([\w/]+)")
_COMMENT = re.compile(rb"^comment=((?:[^\\\n]|\\.)*)$", re.MULTILINE | re.DOTALL | re.IGNORECASE)

_H264 = "-c:v libx264 -preset medium -pix_fmt yuv420p -movflags +faststart -f mp4"
_VP9 = "-c:v libvpx-vp9 -b:v 0 -deadline good -cpu-used 2 -pix_fmt yuv420p -f webm"
_VP9_ALPHA = _VP9.replace("yuv420p", "yuva420p -auto-alt-ref 0")  # it allows no hidden frames
_RATES = {"mp4": (16, 42), "webm": (18, 60)}  # constant rate factors: visually lossless, worst
_SOUND = {"mp4": "-c:a aac -b:a 160k", "webm": "-c:a libopus -b:a 128k"}
_TO_709 = (
    "-vf scale=flags=accurate_rnd+full_chroma_inp+bitexact:out_color_matrix=bt709:out_range=tv"
    " -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv"
)


def ffmpeg() -> str:
    """The program."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise MissingError(
            "ffmpeg is not installed; run `pip install imageio-ffmpeg`, or use .webp or .apng"
        ) from error


# -- reading ---------------------------------------------------------------------------------------


def _reading(kind: str, file: BinaryIO, limits: Limits, output: str, demuxed: str = "") -> Child:
    options = (
        f"-v level+verbose -nostdin -protocol_whitelist fd -threads 1 -max_pixels {limits.pixels}"
        f" -f {HEARD[kind]} {demuxed} -i fd: {output} -threads 1 -flags +bitexact pipe:1"
    )
    return Child([ffmpeg(), *options.split()], stdin=file, memory=limits.memory, wait=limits.wait)


class Packets(NamedTuple):
    """What the packets of a video say, undecoded.

    codec: its name. begins: nanoseconds from the file's start to its first frame. shown: how frames
    are to be shown.
    """

    codec: str
    begins: int
    shown: Shown


def decoder(kind: str, packets: Packets, file: BinaryIO, frames: int, limits: Limits) -> Child:
    """A process that sends at most so many frames as PAM, upright, as players show them.

    It tells when each begins (`Clock`). Frames of another size than the first are left out, and its
    complaint says so (`changes`).
    """
    chain = packets.shown.filters(packets.codec)
    sides = "w='if(gt(SAR,1.01),round(iw*SAR),iw)':h='if(lt(SAR,0.99),round(ih/SAR),ih)'"
    sides = sides.replace("SAR", "clip(sar,0.125,8)")
    output = (
        f"-map 0:v:0 -frames:v {frames} -fps_mode passthrough -vf {chain}{',' * bool(chain)}"
        f"scale={sides}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact,format=rgb24|rgba,"
        "settb=1/1000000,showinfo=checksum=0 -c:v pam -f image2pipe"
    )
    codec = packets.codec
    own = f" -c:v {_ALPHA_DECODERS[codec]}" if codec in _ALPHA_DECODERS else ""
    return _reading(kind, file, limits, output, "-drop_changed 1" + own)


class Clock:
    """When the frames of a decoder begin, as it tells before it sends each."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._told: dict[int, int] = {}  # microseconds by number

    def at(self, number: int) -> int | None:
        """Nanoseconds by the file's clock; None where the file says nothing."""
        for line in self._child.told():
            if found := _SHOWN_AT.search(line):
                self._told[int(found[1])] = int(found[2])
        at = self._told.pop(number, None)
        return None if at is None else 1000 * at


def has_fields(child: Child) -> bool:
    """Whether the first frame a decoder sent said that it holds two fields."""
    return any(_FIELDS.search(line) for line in child.told())


def changes(complaint: str) -> bool:
    """Whether frames of another size were left out."""
    found = _CHANGED.findall(complaint)
    return any(int(count) for count in found)


def sound_decoder(kind: str, file: BinaryIO, begins: int, count: int, limits: Limits) -> Child:
    """A process that sends `count` samples of the first sound track as AU, big-endian float32.

    Its clock is that of the frames, the first of which begins at sample `begins` of the file:
    silence fills what is missing before, in gaps, and at the end.
    """
    output = (
        f"-map 0:a:0 -af aresample={SOUND_RATE}:async=1:first_pts={min(0, begins)},"
        f"aformat=sample_fmts=flt:channel_layouts=mono|stereo,atrim=start_sample={max(0, begins)},"
        f"apad=whole_len={count},atrim=end_sample={count} -c:a pcm_f32be -f au"
    )
    return _reading(kind, file, limits, output)


def track_decoder(kind: str, file: BinaryIO, most: int, limits: Limits) -> Child:
    """A process that sends the first sound track from its own beginning, at most `most` samples of
    it, as AU, big-endian float32."""
    output = (
        f"-map 0:a:0 -af asetpts=PTS-STARTPTS,aresample={SOUND_RATE}:async=1:first_pts=0,"
        f"aformat=sample_fmts=flt:channel_layouts=mono|stereo,atrim=end_sample={most}"
        " -c:a pcm_f32be -f au"
    )
    return _reading(kind, file, limits, output)


def list_packets(path: StrPath, file: BinaryIO, header: sniff.Header, limits: Limits) -> Packets:
    """Fill in size and durations from the packets, undecoded."""
    times: list[tuple[int, int, int]] = []  # (decoded, shown, lasts) in ticks of the stream
    facts: dict[bytes, bytes] = {}
    output = "-map 0:v:0 -c copy -f framecrc"
    with decoding(path), closing(_reading(header.kind, file, limits, output)) as child:
        for line in child.lines():
            if packet := _PACKET.match(line):
                if not int(packet[4] or b"1", 16) & _HIDDEN:
                    times.append((int(packet[1]), int(packet[2]), int(packet[3])))
                sniff.check_frames(path, len(times), limits)
            elif fact := _FACT.match(line):
                facts[fact[1]] = fact[2]
        look = shown(child.complaint().encode())
    if not times or b"dimensions" not in facts:
        raise sniff.refused(path, "holds no video frames", "give a picture or a video")
    header.width, header.height = map(int, facts[b"dimensions"].split(b"x"))
    over, under = map(int, facts[b"tb"].split(b"/"))
    first = min((at for _, at, _ in times if at != _NEVER), default=0)
    ticks = _moments(times)
    header.durations = [
        max(1, b - a) for a, b in pairwise(t * SECOND * over // under for t in ticks)
    ]
    header.tick = (
        SECOND * over // under if header.kind == "webm" else 0
    )  # it rounds to milliseconds
    sniff.check(path, header, limits)
    begins = first * SECOND * over // under
    return Packets(facts[b"codec_id"].decode(), begins, look)


def _moments(times: list[tuple[int, int, int]]) -> list[int]:
    """When each frame begins, in order, and when the last one ends; in ticks.

    Where a container tells only the order of decoding, that one's steps are taken.
    """
    whole = all(at != _NEVER for _, at, _ in times)
    moments = sorted((shown if whole else decoded, lasts) for decoded, shown, lasts in times)
    begins = [at for at, _ in moments]
    last = moments[-1][1]
    if not last and len(begins) > 1:  # unknown: as long as the usual frame
        last = sorted(b - a for a, b in pairwise(begins))[len(begins) // 2 - 1]
    return [*begins, begins[-1] + last]


def comment(path: StrPath, file: BinaryIO) -> bytes:
    """The comment tag of an open file, b"" without one."""
    kind = sniff.kind_of(path, file)
    with decoding(path), closing(_reading(kind, file, LIMITS, "-f ffmetadata")) as child:
        found = _COMMENT.search(b"".join(child.lines()))
    return re.sub(rb"\\(.)", rb"\1", found[1], flags=re.DOTALL) if found else b""


# -- writing ---------------------------------------------------------------------------------------


class Video:
    """Frames into one MP4 or WebM file.

    shape: (H, W, C) of the frames; C is 4 only for WebM. comment: the bytes of the comment tag.
    sound: what is heard meanwhile. quality: see `media.writer`. source: the digital source type, a
    tag of a WebM file.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        rate: Fraction,
        shape: tuple[int, int, int],
        comment: bytes,
        sound: Sound | None = None,
        quality: float = 1.0,
        source: str = "",
    ) -> None:
        height, width, depth = shape
        raw = "rgba" if depth == 4 else "rgb24"
        coded = _H264 if kind == "mp4" else _VP9_ALPHA if depth == 4 else _VP9
        best, worst = _RATES[kind]
        coded = f"{coded} -crf {round(worst + (best - worst) * quality)}"
        with tempfile.TemporaryFile() as tags, tempfile.TemporaryFile() as heard:
            escaped = re.sub(rb"([=;#\\\n])", rb"\\\1", comment)
            tags.write(b";FFMETADATA1\n" + (b"comment=" + escaped + b"\n" if comment else b""))
            if source and kind == "webm":
                tags.write(f"DIGITAL_SOURCE_TYPE={source}\n".encode())
            tags.seek(0)
            source = track = ""
            if sound is not None:
                heard.write(np.ascontiguousarray(sound.samples, "<f4").data)
                heard.seek(0)
                source = (
                    f"-f f32le -ar {sound.rate} -ac {sound.samples.shape[1]}"
                    f" -i pipe:{heard.fileno()}"
                )
                # the packets' order depends on no clock: the muxer waits for both tracks
                track = f"-map 2:a {_SOUND[kind]} -flags:a +bitexact -max_interleave_delta 0"
            options = (
                f"-v error -nostdin -y -f rawvideo -pixel_format {raw} -video_size {width}x{height}"
                f" -framerate {rate.numerator}/{rate.denominator} -i pipe:0"
                f" -f ffmetadata -i pipe:{tags.fileno()} {source} -map 0:v {track}"
                f" -map_metadata 1 {_TO_709} {coded} -threads 1"
                " -fflags +bitexact -flags:v +bitexact"
            )
            command = [ffmpeg(), *options.split(), f"file:{path.absolute()}"]
            self._child = Child(command, wait=WAIT, keep=[tags.fileno(), heard.fileno()])

    def add(self, frame: Frame) -> None:
        with encoding():
            self._child.write(np.ascontiguousarray(frame))

    def finish(self) -> None:
        with encoding():
            self._child.end()

    def close(self) -> None:
        self._child.close()
