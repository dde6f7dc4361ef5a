"""How do the painters' pictures become packs? Draw at 256, keep 64-pixel means and 128-pixel crops.

Nothing is fetched. The crops teach the step from 64 to 256 pixels, for which a part of a picture is
enough; whole pictures of 256 pixels would take three times the space.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.data.packages import cache_folder
from kineograph.data.scenes.pencils import Floats
from kineograph.data.scenes.pictures import scene
from kineograph.data.scenes.subjects import SUBJECTS
from kineograph.files import placed
from kineograph.values.errors import MissingError
from kineograph.values.prompt import Progress

LAYOUT = 1  # of the packs; raised when they must be drawn again
EACH = 400  # pictures a subject
DRAWN, SMALL, CROP = 256, 64, 128  # pixels
HELD = 10  # one picture in so many is never trained on
PROCESSES, CHUNK = 2, 20


@dataclass(frozen=True)
class Scenes:
    """N painted pictures, memory-mapped.

    small: (N, 64, 64, 3) whole pictures. crops: (N, 128, 128, 3) squares of the same at 256 pixels.
    captions: for each picture, the fullest first. subject: (N,) number of the main subject.
    pure: (N,) false where another subject is seen too. held: (N,) true for those not trained on.
    """

    small: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    captions: tuple[tuple[str, ...], ...]
    subject: NDArray[np.int64]
    pure: NDArray[np.bool_]
    held: NDArray[np.bool_]


def scenes_folder() -> Path:
    """Where the packs lie when no folder is named."""
    return cache_folder() / "scenes"


def build(folder: Path, each: int = EACH) -> Iterator[Progress]:
    """Draw `each` pictures a subject into `folder`, which appears whole or not at all.

    Two processes of low priority draw them. Nothing is done when they are there.
    """
    if _up_to_date(folder, each):
        yield Progress(1.0, "pictures are up to date", None)
        return
    count = each * len(SUBJECTS)
    records: list[tuple[tuple[str, ...], int, bool]] = []
    with placed(folder) as part:
        part.mkdir(parents=True)
        small = _pack(part / "small.npy", (count, SMALL, SMALL, 3))
        crops = _pack(part / "crops.npy", (count, CROP, CROP, 3))
        spans = [range(k, min(k + CHUNK, count)) for k in range(0, count, CHUNK)]
        pool = ProcessPoolExecutor(
            PROCESSES, mp_context=get_context("spawn"), initializer=os.nice, initargs=(10,)
        )
        with pool:
            for span, made in zip(spans, pool.map(_drawn, spans), strict=True):
                for row, one in zip(span, made, strict=True):
                    small[row], crops[row] = one[:2]
                    records.append(one[2:])
                yield Progress((span[-1] + 1) / count, "painting", None)
        small.flush()
        crops.flush()
        captions, subject, pure = zip(*records, strict=True)
        facts = {
            "layout": LAYOUT,
            "each": each,
            "subjects": [one.name for one in SUBJECTS],
            "captions": captions,
            "subject": subject,
            "pure": pure,
        }
        (part / "index.json").write_text(json.dumps(facts), "utf-8")
    yield Progress(1.0, "pictures are painted", None)


def load(folder: Path | None = None) -> Scenes:
    """The packs; raises MissingError when they are not there."""
    folder = folder or scenes_folder()
    if not (folder / "index.json").is_file():
        raise MissingError(f"scenes: no pictures in '{folder}'; run 'kineograph data scenes'")
    facts = json.loads((folder / "index.json").read_text("utf-8"))
    small, crops = (np.load(folder / name, mmap_mode="r") for name in ("small.npy", "crops.npy"))
    count = len(facts["captions"])
    return Scenes(
        small,
        crops,
        tuple(tuple(each) for each in facts["captions"]),
        np.array(facts["subject"]),
        np.array(facts["pure"]),
        np.arange(count) // len(facts["subjects"]) % HELD == HELD - 1,
    )


def captions(scenes: Scenes) -> list[str]:
    """Every caption once, the empty text first."""
    return list(dict.fromkeys(["", *(text for each in scenes.captions for text in each)]))


def contact_sheet(scenes: Scenes, columns: int = 6) -> Image.Image:
    """Some pictures of every subject, a row a subject, in two blocks side by side."""
    count = len(SUBJECTS)
    rows = [
        np.concatenate([scenes.small[k * count + i] for k in range(columns)], 1)
        for i in range(count)
    ]
    rows += [np.zeros_like(rows[0])] * (count % 2)
    half = len(rows) // 2
    blocks = [np.concatenate(rows[:half]), np.concatenate(rows[half:])]
    return Image.fromarray(np.concatenate(blocks, 1))


def _drawn(
    rows: range,
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[str, ...], int, bool]]:
    """Whole picture, crop, captions, main subject and purity of each row."""
    made = []
    for row in rows:
        seed, subject = divmod(row, len(SUBJECTS))
        one = scene(subject, seed, DRAWN)
        by = DRAWN // SMALL
        small = one.picture.reshape(SMALL, by, SMALL, by, 3).mean((1, 3))
        places = (DRAWN - CROP) // by + 1
        top, left = np.random.default_rng((seed, subject, 2)).integers(places, size=2) * by
        crop = one.picture[top : top + CROP, left : left + CROP]
        made.append((_bytes(small), _bytes(crop), one.captions, one.subject, one.pure))
    return made


def _bytes(picture: Floats) -> NDArray[np.uint8]:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _pack(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _up_to_date(folder: Path, each: int) -> bool:
    path = folder / "index.json"
    if not path.is_file():
        return False
    facts = json.loads(path.read_text("utf-8"))
    names = [one.name for one in SUBJECTS]
    return bool((facts["layout"], facts["each"], facts["subjects"]) == (LAYOUT, each, names))
