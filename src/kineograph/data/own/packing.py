"""How does a person's folder become a pack? Read, looked at, shrunk, split, written, and told.

What cannot be read is counted and named, and left out, up to a share. Near-duplicates are found and
stay together on one side of the split. The same folder gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph import media
from kineograph.data.cutouts import premultiplied, straightened
from kineograph.data.own import alike, found, said
from kineograph.data.own.page import contact_sheet, page
from kineograph.data.own.settings import Folder
from kineograph.data.shards import Sample, write
from kineograph.files import sha256_of
from kineograph.values.errors import InputError, KineographError
from kineograph.values.progress import Progress

LEAST_SPLIT = 8  # pictures from which on some are held out
VERSION = "1"
RULE = (
    "groups of near-duplicates in the order of sha256(name of the first) are held out until their "
    "share is reached; what the source holds out stays held out"
)


@dataclass
class Understood:
    """What was understood of a folder. bad: (file, why). duplicates: files that are alike."""

    layout: str = ""
    captions: str = ""
    kinds: dict[str, int] = field(default_factory=dict)
    sides: list[tuple[int, int]] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    no_caption: list[str] = field(default_factory=list)
    duplicates: list[list[str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)

    def told(self) -> list[str]:
        """The same in lines for people."""
        lines = [", ".join(f"{count:,} {kind}" for kind, count in self.kinds.items())]
        if self.sides:
            small, large = min(self.sides), max(self.sides)
            lines.append(f"sizes: {small[0]}x{small[1]} … {large[0]}x{large[1]} pixels")
        lines.append(f"captions: {self.captions or 'made of file names'}")
        lists = (
            ("without a caption", self.no_caption),
            ("unreadable, left out", [f"{name} ({why})" for name, why in self.bad]),
            ("near-duplicates", [" = ".join(names) for names in self.duplicates]),
            ("in the captions, not in the folder", self.unused),
        )
        for what, names in lists:
            if names:
                lines.append(f"{what}: {len(names)}: {_some(names)}")
        lines += [f"{what}: {count}" for what, count in self.changed.items()]
        return [*lines, f"held out: {len(self.held)}"]


def _some(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass
class _Kept:
    """One picture on its way: where it came from, and what it looks like."""

    name: str
    key: str
    look: alike.Look
    held: bool
    small: NDArray[np.uint8]
    caption: str


def packed(settings: Folder, out: Path) -> Iterator[Progress[Any]]:
    """Make the pack in `out`; the last value is what its `pack.json` says beside its shards.

    Raises InputError when nothing can be read, too much cannot, or a caption is missing that must
    not be.
    """
    folder = settings.folder.there("folder")
    layout = found.layout_of(folder)
    name = settings.name or re.sub(r"[^A-Za-z0-9_-]+", "-", folder.name).strip("-") or "pack"
    understood = Understood(layout)
    if layout == "texts":
        yield from _texts(settings, folder, name, out, understood)
        return
    things = found.things_in(folder, layout)
    captions = said.captions_for(folder, settings.captions)
    understood.captions = captions.told if layout == "files" else f"in the {layout}"
    if layout != "files" and settings.captions:
        understood.captions = captions.told
    kept: list[_Kept] = []
    about: dict[str, Any] = {}

    def ending(part: Path) -> dict[str, Any]:
        understood.unused = captions.unused()
        about.update(_about(settings, folder, name, kept, understood))
        contact_sheet([one.small for one in kept], part / "sheet.png")
        shown = [(one.name, one.caption, one.key in about["held_out"]) for one in kept]
        (part / "understood.html").write_text(page(name, understood.told(), shown), "utf-8")
        return about

    samples = _samples(settings, things, captions, kept, understood)
    for count in write(out, samples, ending):
        yield Progress(0.5, f"{count:,} packed", None)
    yield Progress(1.0, "packed", (about, understood))


def _samples(
    settings: Folder,
    things: Iterator[found.Found],
    captions: said.Captions,
    kept: list[_Kept],
    understood: Understood,
) -> Iterator[Sample]:
    tried = 0
    for thing in things:
        tried += 1
        caption = captions.of(thing.name) or said.tidy(thing.caption)
        if not caption:
            understood.no_caption.append(thing.name)
            if settings.missing == "skip":
                continue
            caption = said.from_name(thing.name) if settings.missing == "name" else ""
        try:
            pixels, facts = _read(thing, settings, understood)
        except KineographError as error:
            understood.bad.append((thing.name, str(error)))
            continue
        key = _key(len(kept), thing.name)
        first = pixels if pixels.ndim == 3 else pixels[0]
        look = alike.look_of(first)
        kept.append(_Kept(thing.name, key, look, thing.held, shrunk(first, 64), caption))
        yield Sample(key, pixels, facts | {"file": thing.name, "caption": caption})
    _check(settings, tried, understood, len(kept))


def _key(number: int, name: str) -> str:
    """The key of a sample in its pack, "000003_blip-jumping": numbers keep it alone."""
    told = re.sub(r"[^A-Za-z0-9]+", "-", Path(name).stem).strip("-")[:40]
    return f"{number:06d}_{told or 'picture'}"


def _check(settings: Folder, tried: int, understood: Understood, kept: int) -> None:
    bad = understood.bad
    if bad and (len(bad) > settings.bad * tried or not kept):
        first = "; ".join(f"{name}: {why}" for name, why in bad[:3])
        raise InputError(
            "bad",
            f"{len(bad)} of {tried} files cannot be read, more than {settings.bad:.0%} ({first})",
            "mend or remove them, or allow more",
        )
    if understood.no_caption and settings.missing == "refuse":
        raise InputError(
            "missing",
            f"{len(understood.no_caption)} of {tried} have no caption: "
            + _some(understood.no_caption),
            "write them, or let them be made of file names",
        )
    if not kept:
        raise InputError("folder", "holds nothing that can be packed", "check the captions")


def _read(
    thing: found.Found, settings: Folder, understood: Understood
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """(H, W, 4), or (T, H, W, 4) of a clip, and what is known of it."""
    with thing.file() as path:
        info = media.probe(path)
        if info.frames == 1:
            frames = [next(iter(media.stream(path)))]
        else:
            step = max(1, info.frames // settings.frames)
            frames = [frame for i, frame in enumerate(media.stream(path)) if i % step == 0]
            frames = frames[: settings.frames]
    for what in info.changed:
        understood.changed[what] = understood.changed.get(what, 0) + 1
    stacked = np.stack([_with_alpha(frame) for frame in frames])
    if not stacked[..., 3].any():
        raise InputError("picture", "is wholly transparent", "leave it out")
    understood.sides.append((info.width, info.height))
    kind = "clips" if len(frames) > 1 else "pictures"
    kind += " with alpha" if bool((stacked[..., 3] < 255).any()) else ""
    understood.kinds[kind] = understood.kinds.get(kind, 0) + 1
    small = np.stack([shrunk(frame, settings.size) for frame in stacked])
    if len(frames) == 1:
        return small[0], {}
    seconds = info.frames / info.fps
    return small, {"fps": round(len(small) / seconds, 6), "seconds": round(seconds, 6)}


def _with_alpha(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frame.shape[-1] == 3:
        frame = np.concatenate([frame, np.full_like(frame[..., :1], 255)], axis=-1)
    out = frame.copy()
    out[out[..., 3] == 0] = 0
    return out


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(H, W, 4) straight alpha with its longer side at most `side`: means of light, antialiased."""
    import torch
    import torch.nn.functional as F

    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    shape = (max(1, round(height * side / longest)), max(1, round(width * side / longest)))
    x = torch.from_numpy(premultiplied(pixels)).permute(2, 0, 1)[None]
    x = F.interpolate(x, shape, mode="bilinear", align_corners=False, antialias=True)
    return straightened(x[0].permute(1, 2, 0).numpy())


def _about(
    settings: Folder, folder: Path, name: str, kept: list[_Kept], understood: Understood
) -> dict[str, Any]:
    together = alike.groups([one.look for one in kept], settings.alike)
    understood.duplicates = [[kept[i].name for i in some] for some in together if len(some) > 1]
    held = split(kept, together, settings.hold_out)
    understood.held = [kept[i].name for i in held]
    return _described(settings, name, understood, _digest(folder)) | {
        "kind": "pictures",
        "size": settings.size,
        "held_out": sorted(kept[i].key for i in held),
        "near_duplicates": [[kept[i].key for i in some] for some in together if len(some) > 1],
    }


def split(kept: list[_Kept], together: list[list[int]], share: float) -> list[int]:
    """Numbers of what is held out, by RULE: none where there is little, or all would be."""
    own = [i for i, one in enumerate(kept) if one.held]
    if own and len(own) < len(kept):
        alike_too = {i for some in together if any(kept[i].held for i in some) for i in some}
        return sorted(alike_too) if len(alike_too) < len(kept) else own
    if len(kept) < LEAST_SPLIT or not share:
        return []
    wanted = max(1, round(share * len(kept)))
    order = sorted(together, key=lambda some: hashlib.sha256(kept[some[0]].name.encode()).digest())
    held: list[int] = []
    for some in order:
        if len(held) + len(some) <= max(wanted, 1) and len(held) < wanted:
            held += some
    return sorted(held)


def _described(settings: Folder, name: str, understood: Understood, digest: str) -> dict[str, Any]:
    licence = settings.licence or "not said"
    return {
        "name": name,
        "version": VERSION,
        "licence": licence,
        "split": RULE,
        "sources": {name: {"version": VERSION, "licence": licence, "sha256": digest}},
        "understood": understood.told(),
    }


def _digest(folder: Path) -> str:
    """One hash of a folder's files and names."""
    whole = hashlib.sha256()
    for path in found.files_in(folder):
        whole.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of(path)}\n".encode())
    return whole.hexdigest()


# -- texts ----------------------------------------------------------------------------------------


def _texts(
    settings: Folder, folder: Path, name: str, out: Path, understood: Understood
) -> Iterator[Progress[Any]]:
    """A pack of texts: each file whole; of equal ones the first."""
    seen: dict[str, str] = {}
    held: list[str] = []
    about: dict[str, Any] = {}

    def samples() -> Iterator[Sample]:
        tried = 0
        for thing in found.texts_in(folder):
            tried += 1
            with thing.file() as path:
                content = path.read_bytes()
            try:
                if len(content) > found.MOST_TEXT:
                    raise ValueError(f"over {found.MOST_TEXT:,} bytes")
                text = content.decode("utf-8-sig").replace("\r\n", "\n")
                if not text.strip():
                    raise ValueError("says nothing")
            except ValueError as error:
                understood.bad.append((thing.name, str(error)))
                continue
            digest = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            if digest in seen:
                understood.duplicates.append([seen[digest], thing.name])
                continue
            key = _key(len(seen), thing.name)
            seen[digest] = thing.name
            if thing.held:
                held.append(key)
                understood.held.append(thing.name)
            understood.kinds["texts"] = understood.kinds.get("texts", 0) + 1
            yield Sample(key, text, {"file": thing.name, "letters": len(text)})
        _check(settings, tried, understood, len(seen))

    def ending(part: Path) -> dict[str, Any]:
        understood.captions = "none: these are texts"
        told = _described(settings, name, understood, _digest(folder))
        rule = "texts the source holds out; where there are none, the end of the whole"
        about.update(told | {"kind": "texts", "split": rule, "held_out": held})
        shown = [(file, "", file in understood.held) for file in seen.values()]
        (part / "understood.html").write_text(page(name, understood.told(), shown), "utf-8")
        return about

    for count in write(out, samples(), ending):
        yield Progress(0.5, f"{count:,} packed", None)
    yield Progress(1.0, "packed", (about, understood))
