"""The cut-outs as a pack to pass on: every still in full, 256 or 128 pixels, named and attributed.

KEY is the style, "_" and the code points. The facts of a picture are its record. The finisher
learns from these; the 64-pixel arrays beside them are what the picture network learns from.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kineograph.data.cutout_packs import FULL, PROCESSES, STILL, Job, concepts, jobs_of, still
from kineograph.data.cutouts import STYLES, cutout_folder, shrunk
from kineograph.data.packages import PACKAGES, fetch
from kineograph.data.shards import Sample, read_about, write
from kineograph.data.sticker_packs import NAMES
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

SIZES = (128, 256)
SPLIT = (
    "by family: sha256(family) mod 20 is 0 for val (never trained on), 1 for val_motion "
    "(trained on as pictures only), else train"
)


def shard_folder(size: int) -> Path:
    """Where the pack of one size lies: beside the arrays in the user's cache."""
    return cutout_folder().with_name(f"cutouts-{size}")


def build(
    size: int = FULL, folder: Path | None = None, *, processes: int = PROCESSES
) -> Iterator[Progress]:
    """Draw and write the pack of one size; the last value is what its `pack.json` says.

    Nothing is done when a pack from the same archives is there.
    """
    if size not in SIZES:
        raise InputError("size", f"{size} pixels; use {' or '.join(map(str, SIZES))}")
    folder = folder or shard_folder(size)
    about = _about(size)
    if (folder / "pack.json").is_file() and read_about(folder)["sources"] == about["sources"]:
        yield Progress(1.0, "the pack is up to date", read_about(folder))
        return

    total = 8500  # about; for the progress alone
    for count in write(folder, _samples(size, processes), about):
        if count % 64 == 0:
            yield Progress(min(0.99, count / total), f"writing {size}-pixel cut-outs", None)
    yield Progress(1.0, "the pack is made", read_about(folder))


def _about(size: int) -> dict[str, Any]:
    names = (NAMES, *STILL.values())
    return {
        "name": f"kineograph-cutouts-{size}",
        "version": "1",
        "size": size,
        "styles": list(STYLES),
        "split": SPLIT,
        "licence": "each picture under its source's: MIT or Apache-2.0",
        "sources": {
            name: {
                "version": PACKAGES[name].version,
                "licence": PACKAGES[name].licence,
                "sha256": PACKAGES[name].sha256,
            }
            for name in names
        },
    }


def _samples(size: int, processes: int) -> Iterator[Sample]:
    """Every still, style by style and then by key; what draws nothing is left out."""
    names = concepts(fetch(PACKAGES[NAMES]))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for style in STYLES:
            jobs: dict[str, Job] = dict(
                sorted(jobs_of(fetch(PACKAGES[STILL[style]]), style, names))
            )
            pictures = pool.map(still, jobs.values(), chunksize=16)
            for key, pixels in zip(jobs, pictures, strict=True):
                if pixels[..., 3].any():
                    facts = asdict(replace(names[key], style=style))
                    yield Sample(f"{style}_{key}", shrunk(pixels, FULL // size), facts)
