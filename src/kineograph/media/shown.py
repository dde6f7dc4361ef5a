"""How a video is shown: from what its stream declares to filters of ffmpeg, and words for a person.

Players undo what a camera, a television or a disc did: HDR (PQ and HLG) is tone-mapped, wide
primaries come to sRGB's, fields are woven into frames, pixels become square. Diffuse white of HDR
is 203 cd/m2 (ITU-R BT.2408); above it a Moebius curve bends 1,000 cd/m2 to white.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STREAM = re.compile(rb"Stream #0:\d+.*?: Video: (.*)")
_SIZE = re.compile(r"(?:^|, )(\d+)x(\d+)(?: |,|$)")
_PIXELS = re.compile(r"(?:^|, )([a-z]+[a-z0-9]*)\(([^()]*)\)")
_ASPECT = re.compile(r"SAR (\d+):(\d+)")
_HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
_WIDE = {"bt2020": "BT.2020", "smpte432": "Display P3", "smpte431": "DCI-P3"}
_FIELDS = ("top first", "bottom first", "top coded first", "bottom coded first")
_WHITE = 203  # cd/m2 that are shown as sRGB's white, nearly
_PEAK = 1000 / _WHITE
WOVEN = (  # may hold fields; their frames say so one by one, and only those are changed
    "h264", "mpeg2video", "mpeg1video", "mpeg4", "dvvideo", "vc1", "wmv3", "prores", "mjpeg",
    "huffyuv", "ffvhuff", "ffv1", "utvideo", "rawvideo", "dnxhd", "v210", "mpegvideo",
)  # fmt: skip
JOINED = "interlaced fields are joined (de-interlaced)"
_SD_HEIGHT = 576  # lines of untagged pictures that are still taken for BT.601


class Shown(NamedTuple):
    """What a video stream declares of how it is to be shown.

    transfer, primaries, matrix: ffmpeg's names, "" where unknown. fields: whether two fields lie in
    each frame. aspect: width of a pixel over its height. rgb: whether it is stored as RGB.
    """

    transfer: str = ""
    primaries: str = ""
    matrix: str = ""
    fields: bool = False
    aspect: float = 1.0
    size: tuple[int, int] = (0, 0)
    rgb: bool = False

    @property
    def changed(self) -> tuple[str, ...]:
        """What showing it changes."""
        told = []
        if self.transfer in _HDR:
            told.append(f"HDR ({_HDR[self.transfer]}) is tone-mapped to sRGB")
        elif self.primaries in _WIDE:
            told.append(f"colours of {_WIDE[self.primaries]} are brought to sRGB")
        if self.fields:
            told.append(JOINED)
        if abs(self.aspect - 1) > 0.01:
            (width, height), a = self.size, self.aspect
            wide, high = round(width * max(1, a)), round(height * max(1, 1 / a))
            told.append(f"pixels are made square: {width}x{height} becomes {wide}x{high}")
        return tuple(told)

    def filters(self, codec: str) -> str:
        """The chain that shows it, to the sizes of `scale`, joined by commas; "" for none."""
        chain: list[str] = []
        if codec in WOVEN and min(self.size) >= 16:
            chain += ["showinfo@fields=checksum=0", "bwdif=mode=send_frame:deint=interlaced"]
        if self.transfer in _HDR or self.primaries in _WIDE:
            chain += self._toned()
        elif not self.rgb and not self.matrix and self.size[1] > _SD_HEIGHT:
            chain.append("setparams=colorspace=bt709")  # what players assume of untagged HD
        return ",".join(chain)

    def _toned(self) -> list[str]:
        matrix = "gbr" if self.rgb else self.matrix or "bt2020nc"
        transfer = self.transfer or "bt709"
        told = (
            f"colorspace={matrix}:color_trc={transfer}:color_primaries={self.primaries or 'bt2020'}"
        )
        chain = [f"setparams={told}", f"zscale=t=linear:npl={_WHITE}", "format=gbrpf32le"]
        chain.append("zscale=p=709")
        if self.transfer in _HDR:
            chain.append(f"tonemap=mobius:param=0.7:desat=0:peak={_PEAK:.4f}")
            transfer = "iec61966-2-1"
        return [*chain, f"zscale=t={_CURVES.get(transfer, '709')}:m=gbr:r=pc", "format=gbrp"]


_CURVES = {"iec61966-2-1": "iec61966-2-1", "linear": "iec61966-2-1"}  # others count as BT.709's


def shown(complaint: bytes) -> Shown:
    """What ffmpeg says of the first video stream, in the lines it prints of its input."""
    found = _STREAM.search(complaint)
    if not found:
        return Shown()
    line = found[1].decode("utf-8", "replace")
    size, aspect = _SIZE.search(line), _ASPECT.search(line)
    facts = _PIXELS.search(line.partition(", ")[2])
    words = [word.strip() for word in facts[2].split(",")] if facts else []
    matrix, primaries, transfer = _colours(words)
    over, under = (int(aspect[1]), int(aspect[2])) if aspect else (1, 1)
    return Shown(
        transfer,
        primaries,
        matrix,
        fields=any(word.startswith(_FIELDS) for word in words),
        aspect=min(8.0, max(0.125, over / under)) if over and under else 1.0,
        size=(int(size[1]), int(size[2])) if size else (0, 0),
        rgb=facts is not None and facts[1].startswith(("rgb", "bgr", "gbr", "pal")),
    )


def _colours(words: list[str]) -> tuple[str, str, str]:
    """(matrix, primaries, transfer); one word stands for three equal ones."""
    for word in words:
        parts = word.split("/")
        if len(parts) == 3:
            matrix, primaries, transfer = ("" if p == "unknown" else p for p in parts)
            return matrix, primaries, transfer
        if word in ("bt709", "smpte170m", "bt470bg", "smpte240m", "bt2020"):
            return word, word, word
    return "", "", ""
