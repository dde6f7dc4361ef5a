"""How do packages become cut-outs? Drawn or decoded at 256 pixels with alpha, shrunk, stored.

Vector styles are matched to emojibase's concepts by code point where the set says it, else by name.
The animations are those of a visible free release, as in `sticker_packs`; skin tones are left out.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.data.cutouts import (
    MOMENTS,
    SIZE,
    SPLITS,
    STYLES,
    Cutout,
    Cutouts,
    cutout_folder,
    premultiplied,
    read_index,
    rows_of,
    shrunk,
)
from kineograph.data.packages import PACKAGES, fetch, member, members
from kineograph.data.sticker_packs import (
    ANIMATED,
    NAMES,
    catalogue,
    clip_files,
    frame_milliseconds,
    released,
    slug,
    stem,
)
from kineograph.data.stickers import Sticker
from kineograph.files import placed
from kineograph.values.errors import MissingError
from kineograph.values.prompt import Progress

LAYOUT = 1  # of the packs; raised when they must be made again
FULL = 256  # pixels everything is drawn at
PROCESSES = 2
STILL = {
    "3d": "@lobehub/fluent-emoji-3d",
    "colour": "@iconify-json/fluent-emoji",
    "flat": "@iconify-json/fluent-emoji-flat",
    "noto": "@iconify-json/noto",
    "blob": "@iconify-json/noto-v1",
    "firefox": "@iconify-json/fxemoji",
}
SOURCES = (NAMES, *STILL.values(), *ANIMATED)
_ENGLISH = re.compile(
    r"(?!flag )(?:[a-z]{3,}|of|up|no|on|in|to)(?: (?:[a-z]{3,}|of|up|no|on|in|to))*"
)
SHORTCODES = ("github", "joypixels", "emojibase")  # emojibase's lists of other names


# -- names --------------------------------------------------------------------------------------


def other_names(archive: Path, names: dict[str, Sticker]) -> dict[str, tuple[str, ...]]:
    """What else each concept is called, by key: "rowing man" for "man rowing boat".

    Left out: codes ("+1", "de"), and what is the name of another concept.
    """
    found: dict[str, dict[str, None]] = {key: {} for key in names}
    own = {record.name.lower() for record in names.values()}
    for site in SHORTCODES:
        listed = json.loads(member(archive, f"package/en/shortcodes/{site}.json"))
        for code, said in listed.items():
            key = stem(code)
            for word in [said] if isinstance(said, str) else said:
                plain = word.replace("_", " ").replace("-", " ").lower()
                if key in found and _ENGLISH.fullmatch(plain) and plain not in own:
                    found[key][plain] = None
    return {key: tuple(words) for key, words in found.items()}


def matched(
    icons: dict[str, Any], chars: dict[str, str], names: dict[str, Cutout]
) -> dict[str, str]:
    """Which icon shows which concept: key -> icon name, by code point, slug, or letters alone."""
    shown = {stem(code): icon for code, icon in chars.items() if icon in icons}
    squashed = {_letters(icon): icon for icon in icons}
    for key, record in names.items():
        if key in shown:
            continue
        if slug(record.name) in icons:
            shown[key] = slug(record.name)
            continue
        close = [squashed.get(_letters(name)) for name in (record.name, *record.also)]
        known = [icon for icon in close if icon is not None]
        if known:
            shown[key] = known[0]
    kept = {key: icon for key, icon in shown.items() if key in names}
    taken: dict[str, str] = {}
    for key, icon in kept.items():  # one icon for two concepts: the first in order of names
        taken.setdefault(icon, key)
    return {key: icon for key, icon in kept.items() if taken[icon] == key}


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


# -- pictures -----------------------------------------------------------------------------------


def drawn(icons: dict[str, Any], name: str, size: int) -> NDArray[np.uint8]:
    """(size, size, 4) one icon of an Iconify set, whole and centred, straight alpha."""
    try:
        import resvg_py
    except ImportError as error:
        raise MissingError("resvg-py draws vector stickers; pip install resvg-py") from error
    icon = icons["icons"][name]
    default = {"left": 0, "top": 0, "width": 16, "height": 16}
    x, y, width, height = (icon.get(k, icons.get(k, v)) for k, v in default.items())
    side = max(width, height)
    view = f"{x - (side - width) / 2} {y - (side - height) / 2} {side} {side}"
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    svg = f'<svg {spaces} viewBox="{view}">{icon["body"]}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return _rgba(Image.open(io.BytesIO(bytes(png))), size)


def _rgba(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """(size, size, 4) straight alpha, the picture whole and centred."""
    rgba = picture.convert("RGBA")
    if rgba.size != (size, size):
        side = max(rgba.size)
        square = Image.new("RGBA", (side, side))
        square.paste(rgba, ((side - rgba.width) // 2, (side - rgba.height) // 2))
        rgba = square.resize((size, size), Image.Resampling.LANCZOS)
    pixels = np.array(rgba)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def moments(webp: bytes, count: int) -> NDArray[np.uint8]:
    """(count, 256, 256, 4) frames of an animation, evenly over its loop, straight alpha."""
    with Image.open(io.BytesIO(webp)) as source:
        total = getattr(source, "n_frames", 1)
        frames = []
        for k in range(count):
            source.seek(k * total // count)
            frames.append(_rgba(source, FULL))
    return np.stack(frames)


# -- packs --------------------------------------------------------------------------------------


def build(folder: Path | None = None) -> Iterator[Progress]:
    """Fetch, draw and store the packs in `folder`, which appears whole or not at all.

    The last value is the index. Nothing is done when the folder already holds packs of the same
    layout from the same archives.
    """
    folder = folder or cutout_folder()
    hashes = {name: PACKAGES[name].sha256 for name in SOURCES}
    if _up_to_date(folder, hashes):
        yield Progress(1.0, "cut-outs are up to date", read_index(folder))
        return

    archives = {}
    for done, name in enumerate(SOURCES):
        yield Progress(0.2 * done / len(SOURCES), f"fetching {name}", None)
        archives[name] = fetch(PACKAGES[name])
    names = concepts(archives[NAMES])
    with placed(folder) as part:
        part.mkdir()
        index: dict[str, Any] = {
            "layout": LAYOUT,
            "packages": {
                name: {"version": PACKAGES[name].version, "sha256": hashes[name]}
                for name in SOURCES
            },
        }
        for step in _stills(archives, names, part):
            yield Progress(0.2 + 0.4 * step.done, step.note, None)
            index["stills"] = step.value
        for step in _frames([archives[name] for name in ANIMATED], names, part):
            yield Progress(0.6 + 0.4 * step.done, step.note, None)
            index["frames"] = step.value
        (part / "index.json").write_text(json.dumps(index, ensure_ascii=False, indent=0), "utf-8")
    yield Progress(1.0, "cut-outs are made", read_index(folder))


def concepts(archive: Path) -> dict[str, Cutout]:
    """Every concept of emojibase without a skin tone, by key."""
    texts = (member(archive, f"package/en/{file}.json") for file in ("data", "messages"))
    names = {key: record for key, record in catalogue(*texts).items() if not record.tone}
    also = other_names(archive, names)
    return {
        key: Cutout(key, r.name, r.tags, also[key], r.group, r.family, r.split)
        for key, r in names.items()
    }


def _up_to_date(folder: Path, hashes: dict[str, str]) -> bool:
    if not (folder / "index.json").is_file():
        return False
    index = read_index(folder)
    made_from = {name: facts["sha256"] for name, facts in index["packages"].items()}
    return index["layout"] == LAYOUT and made_from == hashes


def _stills(
    archives: dict[str, Path], names: dict[str, Cutout], folder: Path
) -> Iterator[Progress]:
    """Every still, style by style and then by key; values are the rows so far."""
    rows: list[Cutout] = []
    pictures: list[NDArray[np.uint8]] = []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for i, style in enumerate(STYLES):
            jobs = dict(sorted(jobs_of(archives[STILL[style]], style, names)))
            for key, small in zip(
                jobs, pool.map(_small_still, jobs.values(), chunksize=16), strict=True
            ):
                if small[..., 3].max() > 0:  # an icon that draws nothing is left out
                    rows.append(replace(names[key], style=style))
                    pictures.append(small)
            yield Progress((i + 1) / len(STYLES), f"drawing {style} stills", rows_of(rows))
    np.save(folder / "stills.npy", np.stack(pictures))


Job = bytes | tuple[dict[str, Any], str]
"A picture file, or an icon set and the name of an icon."


def jobs_of(archive: Path, style: str, names: dict[str, Cutout]) -> Iterator[tuple[str, Job]]:
    """(key, what to draw) of every still of a style."""
    if style == "3d":
        for name, content in members(archive, lambda name: name.endswith(".webp")):
            if stem(name) in names:
                yield stem(name), content
        return
    icons = json.loads(member(archive, "package/icons.json"))
    chars = json.loads(member(archive, "package/chars.json"))
    for key, icon in matched(icons["icons"], chars, names).items():
        alone = {k: icons[k] for k in ("width", "height") if k in icons}
        yield key, (alone | {"icons": {icon: icons["icons"][icon]}}, icon)


def still(job: Job) -> NDArray[np.uint8]:
    """(256, 256, 4) the picture of a job, straight alpha."""
    if isinstance(job, bytes):
        with Image.open(io.BytesIO(job)) as source:
            return _rgba(source, FULL)
    return drawn(*job, FULL)


def _small_still(job: Job) -> NDArray[np.uint8]:
    return shrunk(still(job), FULL // SIZE)


def _frames(archives: Iterable[Path], names: dict[str, Cutout], folder: Path) -> Iterator[Progress]:
    """Some frames of every animation, by archive; values are the rows so far."""
    rows: list[Cutout] = []
    pictures: list[NDArray[np.uint8]] = []
    jobs = (
        (replace(names[key], seconds=sum(frame_milliseconds(webp)) / 1000), webp)
        for key, webp in clip_files(archives)
        if key in names and released(key)
    )
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        while batch := list(islice(jobs, 32)):  # so that few files wait in memory
            rows += [record for record, _ in batch]
            pictures += pool.map(_moments, [webp for _, webp in batch], chunksize=2)
            yield Progress(min(1.0, len(rows) / 700), "decoding animations", rows_of(rows))
    np.save(folder / "frames.npy", np.stack(pictures))


def _moments(webp: bytes) -> NDArray[np.uint8]:
    return shrunk(moments(webp, MOMENTS), FULL // SIZE)


SHADES = (0.62, 0.86)  # of the chequered ground of contact sheets


def contact_sheet(packs: Cutouts, *, columns: int = 24, rows: int = 2) -> Image.Image:
    """A picture to look at: cut-outs of every style on a chequered ground, evenly chosen."""
    y, x = np.mgrid[:SIZE, :SIZE]
    ground = np.where((y // 8 + x // 8) % 2, *SHADES)[..., None]
    blocks = []
    for style in STYLES:
        found = packs.still_rows(*SPLITS, styles=(style,))
        chosen = found[np.linspace(0, len(found) - 1, rows * columns).astype(int)]
        shown = premultiplied(packs.stills[chosen])
        over = shown[..., :3] + (1 - shown[..., 3:]) * ground  # (rows * columns, 64, 64, 3)
        lines = over.reshape(rows, columns, SIZE, SIZE, 3).swapaxes(1, 2)
        blocks.append(lines.reshape(rows * SIZE, columns * SIZE, 3))
    return Image.fromarray((np.concatenate(blocks) * 255).round().astype(np.uint8))
