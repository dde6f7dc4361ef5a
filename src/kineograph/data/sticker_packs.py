"""How do packages become packs? Decode once, lay on white, box-resize, store `.npy` and one index.

Only artwork of a visible free release is used: the animated packages hold 2,109 clips, Microsoft's
own MIT release `fluentui-emoji-animated` 2,014 of them (699 without and 1,315 with a skin tone,
compared key by key). The 95 others are exactly the families, the couples (hearts, kisses, holding
hands) and the technologists, so leaving out these three by rule gives the same 2,014.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from kineograph.data.packages import PACKAGES, fetch, member, members
from kineograph.data.stickers import (
    FRAMES,
    STYLES,
    Sticker,
    Stickers,
    family_of,
    key_of,
    read_index,
    split_of,
    tone_of,
)
from kineograph.files import placed
from kineograph.values.errors import MissingError
from kineograph.values.prompt import Progress

LAYOUT = 1  # of the packs; raised when they must be made again
PROCESSES = 2
ANIMATED = tuple(f"@lobehub/fluent-emoji-anim-{part}" for part in (1, 2, 3, 4))
STILL = {
    "3d": "@lobehub/fluent-emoji-3d",
    "flat": "@iconify-json/fluent-emoji-flat",
    "noto": "emoji-datasource-google",
}
NAMES = "emojibase-data"
SOURCES = (NAMES, *STILL.values(), *ANIMATED)
_WITHOUT_RELEASE = {"1f46a", "1f491", "1f9d1-200d-1f4bb"}  # families of the 35 + 60 clips left out


def released(key: str) -> bool:
    """Is this animated emoji in Microsoft's MIT release?"""
    return family_of(key) not in _WITHOUT_RELEASE


def catalogue(data: bytes, messages: bytes) -> dict[str, Sticker]:
    """Every named emoji by key, from emojibase's `data.json` and `messages.json`.

    Tones take the tags of their base.
    """
    groups = {group["order"]: group["key"] for group in json.loads(messages)["groups"]}
    found = {}
    for entry in json.loads(data):
        for one in (entry, *entry.get("skins", ())):
            key = key_of(one["hexcode"])
            family = family_of(key)
            found[key] = Sticker(
                key=key,
                name=one["label"],
                tags=tuple(entry.get("tags", ())),
                group=groups.get(entry.get("group"), ""),
                family=family,
                split=split_of(family),
                tone=tone_of(key),
            )
    return found


def frame_milliseconds(webp: bytes) -> list[int]:
    """Milliseconds of each frame of an animated WebP, from its ANMF chunks; empty for a still."""
    times, at = [], 12
    while at + 8 <= len(webp):
        tag, size = struct.unpack_from("<4sI", webp, at)
        if tag == b"ANMF":
            times.append(int.from_bytes(webp[at + 20 : at + 23], "little"))
        at += 8 + size + size % 2
    return times


def on_white(picture: Image.Image) -> Image.Image:
    """The picture in RGB, laid over white in its own size."""
    rgba = picture.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    return ground.convert("RGB")


def boxed(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: the mean over the box of source pixels under each pixel."""
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX), dtype=np.uint8)


def decoded_clip(webp: bytes, sizes: tuple[int, ...]) -> tuple[NDArray[np.uint8], ...]:
    """The whole loop in 32 frames (source frame floor(k*N/32)), (32, size, size, 3) a size."""
    with Image.open(io.BytesIO(webp)) as source:
        total = getattr(source, "n_frames", 1)
        wanted = [k * total // FRAMES for k in range(FRAMES)]
        frames: dict[int, list[NDArray[np.uint8]]] = {}
        for at in sorted(set(wanted)):
            source.seek(at)
            picture = on_white(source)
            frames[at] = [boxed(picture, size) for size in sizes]
    return tuple(np.stack([frames[at][i] for at in wanted]) for i in range(len(sizes)))


def motion_of(frames: NDArray[np.uint8]) -> float:
    """Mean |frame - mean frame| of (T, H, W, 3) uint8, in pixel values 0..1."""
    x = frames.astype(np.float32) / 255
    return float(np.abs(x - x.mean(0)).mean())


def slug(name: str) -> str:
    """A name as icon sets write it: lower case, letters and digits joined by "-"."""
    plain = name.lower().replace("’", "").replace("ñ", "n")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def rasterised(icons: dict[str, Any], name: str, size: int) -> Image.Image:
    """One icon of an Iconify set, (size, size) RGBA."""
    try:
        import resvg_py
    except ImportError as error:
        raise MissingError("resvg-py draws the flat stickers; pip install resvg-py") from error
    side = icons.get("width", 32)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">'
    svg += icons["icons"][name]["body"] + "</svg>"
    drawn = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(drawn)))


def stem(name: str) -> str:
    """The key that a file is named by."""
    return key_of(PurePosixPath(name).stem)


class _Packs:
    """The arrays of one size in pixels being written in a folder; rows are filled in any order."""

    def __init__(self, folder: Path, size: int, *, clips: int, stills: int) -> None:
        shapes = {"clips": (clips, FRAMES, size, size, 3), "stills": (stills, size, size, 3)}
        self.size = size
        self.arrays = {
            kind: np.lib.format.open_memmap(
                folder / f"{kind}_{size}.npy", mode="w+", dtype=np.uint8, shape=shape
            )
            for kind, shape in shapes.items()
        }

    def put(self, kind: str, row: int, pixels: NDArray[np.uint8]) -> None:
        """Store one row; rows past the end are passed over (a size need not hold them)."""
        array = self.arrays[kind]
        if row < len(array):
            array[row] = pixels

    def close(self) -> None:
        for array in self.arrays.values():
            array.flush()


def build(folder: Path) -> Iterator[Progress]:
    """Fetch, decode and store the packs in `folder`, which appears whole or not at all.

    The last value is the index. Nothing is done when the folder already holds packs of the same
    layout from the same archives.
    """
    hashes = {name: PACKAGES[name].sha256 for name in SOURCES}
    if _up_to_date(folder, hashes):
        yield Progress(1.0, "packs are up to date", read_index(folder))
        return

    archives = {}
    for done, name in enumerate(SOURCES):
        yield Progress(0.3 * done / len(SOURCES), f"fetching {name}", None)
        archives[name] = fetch(PACKAGES[name])
    names = catalogue(
        member(archives[NAMES], "package/en/data.json"),
        member(archives[NAMES], "package/en/messages.json"),
    )

    yield Progress(0.3, "listing clips", None)
    clips = _listed_clips([archives[name] for name in ANIMATED], names)
    stills = _listed_stills(archives, names)
    with placed(folder) as part:
        part.mkdir()
        base = sum(not record.tone for record in clips)
        large = sum(record.style != "noto" for record in stills)  # Noto's pictures have 64 pixels
        packs = (
            _Packs(part, 64, clips=len(clips), stills=len(stills)),
            _Packs(part, 128, clips=base, stills=large),
        )
        for done, style in enumerate(STYLES):
            yield Progress(0.32 + 0.02 * done, f"drawing {style} stills", None)
            _draw_stills(archives[STILL[style]], style, stills, packs)
        motions = [0.0] * len(clips)
        webps = clip_files([archives[name] for name in ANIMATED])
        for done, (row, motion) in enumerate(_draw_clips(webps, clips, packs)):
            motions[row] = motion
            if done % 16 == 0:
                yield Progress(0.4 + 0.59 * done / len(clips), "decoding clips", None)
        for pack in packs:
            pack.close()

        moving = [replace(r, motion=round(m, 5)) for r, m in zip(clips, motions, strict=True)]
        index = {
            "layout": LAYOUT,
            "frames": FRAMES,
            "packages": {
                name: {
                    "version": PACKAGES[name].version,
                    "sha256": hashes[name],
                    "licence": PACKAGES[name].licence,
                }
                for name in SOURCES
            },
            "clips": [asdict(record) for record in moving],
            "stills": [asdict(record) for record in stills],
        }
        (part / "index.json").write_text(json.dumps(index, ensure_ascii=False, indent=0), "utf-8")
    yield Progress(1.0, "packs are made", read_index(folder))


def _up_to_date(folder: Path, hashes: dict[str, str]) -> bool:
    if not (folder / "index.json").is_file():
        return False
    index = read_index(folder)
    made_from = {name: facts["sha256"] for name, facts in index["packages"].items()}
    return index["layout"] == LAYOUT and made_from == hashes


def clip_files(archives: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """(key, WebP) of every animated file."""
    for archive in archives:
        for name, webp in members(archive, lambda name: name.endswith(".webp")):
            if len(frame_milliseconds(webp)) > 1:
                yield stem(name), webp


def _listed_clips(archives: Iterable[Path], names: dict[str, Sticker]) -> list[Sticker]:
    """The records of the released clips: those of no tone first, then by key."""
    records = [
        replace(names[key], seconds=sum(frame_milliseconds(webp)) / 1000)
        for key, webp in clip_files(archives)
        if key in names and released(key)
    ]
    return sorted(records, key=lambda record: (record.tone != "", record.key))


def _still_members(archive: Path, style: str) -> Iterator[tuple[str, bytes]]:
    """(key, picture file) of every still of a style that is stored as files."""
    folder = "package/img/google/64/" if style == "noto" else "package/assets/"
    suffixes = (".png", ".webp")
    wanted = members(archive, lambda name: name.startswith(folder) and name.endswith(suffixes))
    return ((stem(name), content) for name, content in wanted)


def _icons(archive: Path) -> dict[str, Any]:
    icons: dict[str, Any] = json.loads(member(archive, "package/icons.json"))
    return icons


def _listed_stills(archives: dict[str, Path], names: dict[str, Sticker]) -> list[Sticker]:
    """The records of the stills without tones, style by style, then by key."""
    drawn = _icons(archives[STILL["flat"]])["icons"]
    found = {"flat": [key for key, record in names.items() if slug(record.name) in drawn]}
    for style in ("3d", "noto"):
        found[style] = [key for key, _ in _still_members(archives[STILL[style]], style)]
    return [
        replace(names[key], style=style)
        for style in STYLES
        for key in sorted(set(found[style]))
        if key in names and not tone_of(key)
    ]


def _draw_stills(
    archive: Path, style: str, records: list[Sticker], packs: tuple[_Packs, ...]
) -> None:
    rows = {record.key: row for row, record in enumerate(records) if record.style == style}
    if style == "flat":
        icons = _icons(archive)
        for row in rows.values():
            large = on_white(rasterised(icons, slug(records[row].name), 4 * packs[-1].size))
            for pack in packs:
                pack.put("stills", row, boxed(large, pack.size))
        return
    for key, content in _still_members(archive, style):
        if key in rows:
            with Image.open(io.BytesIO(content)) as source:
                picture = on_white(source)
            for pack in packs:
                pack.put("stills", rows[key], boxed(picture, pack.size))


def _decoded_row(job: tuple[int, bytes]) -> tuple[int, tuple[NDArray[np.uint8], ...]]:
    row, webp = job
    return row, decoded_clip(webp, (64, 128))


def _draw_clips(
    webps: Iterator[tuple[str, bytes]], records: list[Sticker], packs: tuple[_Packs, ...]
) -> Iterator[tuple[int, float]]:
    """Decode every listed clip in two processes; yields (row, motion) as each is stored."""
    rows = {record.key: row for row, record in enumerate(records)}
    jobs = ((rows[key], webp) for key, webp in webps if key in rows)
    # A fresh process each: a fork of one that runs torch's threads may hang.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        while batch := list(islice(jobs, 64)):  # so that few files wait in memory
            for row, decoded in pool.map(_decoded_row, batch, chunksize=4):
                for pack, pixels in zip(packs, decoded, strict=True):
                    pack.put("clips", row, pixels)
                yield row, motion_of(decoded[0])


def contact_sheet(
    stickers: Stickers, rows: Iterable[int], *, columns: int = 12, moments: int = 1
) -> Image.Image:
    """A picture to look at: the clips of the rows with their names, `moments` frames of each."""
    side, line = stickers.size, 12
    chosen = list(rows)
    high = (len(chosen) + columns - 1) // columns
    sheet = Image.new("RGB", (columns * moments * side, max(high, 1) * (side + line)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, row in enumerate(chosen):
        x, y = place % columns * moments * side, place // columns * (side + line)
        for moment in range(moments):
            frame = stickers.clips[row, moment * FRAMES // moments]
            sheet.paste(Image.fromarray(np.asarray(frame)), (x + moment * side, y))
        record = stickers.clip_records[row]
        letters = side * moments // 6
        pen.text((x + 1, y + side), record.name[:letters], fill="black")
    return sheet
