"""Draw the pictures of docs/by_example.md.

    python examples/gallery.py FOLDER [-o docs/by_example]

FOLDER holds gravel, brick, grass, chelsea, coffee and astronaut as PNG: the `data` folder of
scikit-image, where they are free to use (CC0; the portrait is NASA's, public domain). Label maps
and letters are drawn here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from kineograph.patches.analogies import MODES, analogy
from kineograph.patches.source_map import SourceMap, copy_report, map_picture
from kineograph.patches.texture import Growth, extend, fill, grow
from kineograph.values.prompt import Progress

Picture = NDArray[np.uint8]

LECTURE = """a picture is worth a thousand words and a word is worth a thousand pixels
so what comes next is what came after something like it before copy it and look again
the words go on and on and nobody wrote them"""


def last(steps: Iterator[Progress]) -> Any:
    """The result of a maker."""
    *_, end = steps
    return end.value


def loaded(folder: Path, name: str, box: tuple[int, int, int, int], half: int = 1) -> Picture:
    """A crop (left, top, right, bottom) of a picture made smaller by `half`."""
    picture = Image.open(folder / f"{name}.png").convert("RGB")
    picture = picture.resize((picture.width // half, picture.height // half), Image.Resampling.BOX)
    return np.asarray(picture.crop(box))


def grey(picture: Picture) -> Picture:
    light = picture.astype(float) @ [0.299, 0.587, 0.114]
    return np.asarray(np.rint(light)[:, :, None], np.uint8)


def filtered(picture: Picture, how: Any) -> Picture:
    return np.asarray(Image.fromarray(picture.squeeze()).filter(how)).reshape(picture.shape)


def edges(picture: Picture) -> Picture:
    """Sobel's gradient, twice its length."""
    values = np.pad(picture[:, :, 0].astype(float), 1, mode="symmetric")
    smooth = values[:-2] + 2 * values[1:-1] + values[2:]
    down = values[2:] - values[:-2]
    across = smooth[:, 2:] - smooth[:, :-2]
    length = np.hypot(across, down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 2
    return np.asarray(length.clip(0, 255)[:, :, None], np.uint8)


def emboss(picture: Picture) -> Picture:
    """Light from the upper left, with mirrored borders (PIL's own leaves the border as it was)."""
    values = np.pad(picture[:, :, 0].astype(float), 1, mode="symmetric")
    return np.asarray((128 + values[1:-1, 1:-1] - values[:-2, :-2]).clip(0, 255), np.uint8)[
        ..., None
    ]


def painted(picture: Picture) -> Picture:
    """Strokes along the lines of equal light, broad ones first (after Hertzmann, SIGGRAPH 1998)."""
    rng, (H, W) = np.random.default_rng(1), picture.shape[:2]
    page = Image.fromarray(filtered(picture, ImageFilter.GaussianBlur(4)))
    draw = ImageDraw.Draw(page)
    for broad, long, apart in ((4, 10, 3), (2, 6, 2)):
        soft = filtered(picture, ImageFilter.GaussianBlur(broad / 2))
        down, across = np.gradient(grey(soft)[:, :, 0].astype(float))
        angle = np.arctan2(across, -down)
        spots = np.stack(np.mgrid[0:H:apart, 0:W:apart], axis=-1).reshape(-1, 2)
        for y, x in rng.permutation(spots):
            dx, dy = long / 2 * np.cos(angle[y, x]), long / 2 * np.sin(angle[y, x])
            colour = (int(soft[y, x, 0]), int(soft[y, x, 1]), int(soft[y, x, 2]))
            draw.line((x - dx, y - dy, x + dx, y + dy), fill=colour, width=broad)
    return np.asarray(page)


def letters() -> Picture:
    """A page of text, white on black as the lecture shows it."""
    page = Image.new("L", (176, 104), 255)
    draw, words = ImageDraw.Draw(page), LECTURE.split()
    for row in range(9):
        draw.text((2 - 11 * (row % 3), 1 + row * 12), " ".join(words[row * 5 :][:9]), fill=0)
    return np.asarray(page)[:, :, None]


def labels(size: int, shapes: list[tuple[str, tuple[int, ...], str]], ground: str) -> Picture:
    """Flat colours: (shape, box, colour) drawn on the ground colour."""
    page = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(page)
    for shape, box, colour in shapes:
        getattr(draw, shape)(box, fill=colour)
    return np.asarray(page)


def board(pictures: list[Picture], height: int = 128) -> Image.Image:
    """Pictures side by side at one height, whole-number enlarged where they are small."""
    tiles = []
    for picture in pictures:
        image = Image.fromarray(picture.squeeze()).convert("RGB")
        size = (round(image.width * height / image.height), height)
        small = image.height < height
        how = Image.Resampling.NEAREST if small else Image.Resampling.BOX
        tiles.append(image.resize(size, how))
    sheet = Image.new("RGB", (sum(t.width + 6 for t in tiles) - 6, height), "white")
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + 6
    return sheet


def textures(folder: Path) -> Iterator[tuple[str, list[Picture]]]:
    """Growing, tiling, filling, extending; the source map beside its picture."""
    for name, window, half in (("gravel", 11, 2), ("brick", None, 2), ("grass", 11, 2)):
        sample = grey(loaded(folder, name, (40, 40, 104, 104), half))
        result = last(grow(sample, (128, 128), seed=1, growth=Growth(window=window)))
        print(name, result.notes, copy_report(result.source))
        yield f"grow_{name}", [sample, result.picture, map_picture(result.source)]

    page = letters()
    text = last(grow(page, (128, 256), seed=4, growth=Growth(window=19)))
    yield "homage_to_shannon", [page, text.picture]

    sample = loaded(folder, "chelsea", (60, 40, 124, 104), 2)
    tile = last(grow(sample, (64, 64), seed=2, growth=Growth(window=11, tile=True)))
    yield "tile", [sample, tile.picture, np.tile(tile.picture, (2, 2, 1))]

    whole = grey(loaded(folder, "grass", (0, 0, 128, 128), 2))
    hole = np.zeros((128, 128), bool)
    hole[40:88, 36:92] = True
    filled = last(fill(whole, hole, seed=1)).picture
    print("std inside / outside", filled[hole].std() / filled[~hole].std())
    yield "fill", [np.where(hole[:, :, None], 255, whole).astype(np.uint8), filled, whole]

    sample = grey(loaded(folder, "gravel", (30, 30, 94, 94), 2))
    yield "extend", [sample, last(extend(sample, (32, 32, 32, 32), seed=1)).picture]


class Row(NamedTuple):
    """A row of the table: A, A′, B and B′, and what B′ should be (for numbers, the labels B)."""

    name: str
    pictures: list[Picture]
    true: Picture
    source: SourceMap


def row(name: str, mode: str, *four: Picture) -> Row:
    """B′ drawn from A, A′ and B; the fourth picture is the truth."""
    *three, true = four
    result = last(analogy(*three, seed=1, matching=MODES[mode]))
    return Row(name, [*three, result.picture], true, result.source)


def analogies(folder: Path) -> Iterator[Row]:
    """A : A′ :: B : B′ for every mode. A and B never share a pixel."""
    cat = grey(loaded(folder, "chelsea", (40, 10, 168, 138), 2))
    face = loaded(folder, "astronaut", (44, 0, 172, 128), 2)
    light = grey(face)
    gravel = grey(loaded(folder, "gravel", (0, 0, 128, 128), 2))
    grass = grey(loaded(folder, "grass", (0, 0, 128, 128), 2))

    soft = ImageFilter.GaussianBlur(2)
    yield row("blur", "filter", gravel, filtered(gravel, soft), grass, filtered(grass, soft))
    yield row("edges", "edges", cat, edges(cat), light, edges(light))
    yield row("emboss", "edges", cat, emboss(cat), light, emboss(light))

    whole = loaded(folder, "chelsea", (20, 0, 220, 150), 2)
    yield row("painterly", "painterly", whole, painted(whole), face, painted(face))

    left, right = (loaded(folder, "coffee", (x, 40, x + 128, 168), 2) for x in (20, 150))
    yield row("colour", "colour", grey(left), left, grey(right), right)

    stones = np.repeat(grey(loaded(folder, "brick", (0, 0, 96, 96), 2)), 3, 2) // 2 + [70, 20, 0]
    turf = np.repeat(grey(loaded(folder, "grass", (0, 0, 96, 96), 2)), 3, 2) // 2 + [0, 60, 0]
    before = labels(96, [("rectangle", (0, 48, 96, 96), "blue")], "red")
    scene = np.where(before[:, :, :1] > 0, stones, turf).astype(np.uint8)
    after = labels(96, [("ellipse", (16, 16, 80, 80), "blue")], "red")
    yield row("numbers", "numbers", before, scene, after, after)

    soft = ImageFilter.GaussianBlur(1.5)
    left, right = (loaded(folder, "chelsea", (x, 10, x + 112, 138), 2) for x in (0, 113))
    yield row("super", "super", filtered(left, soft), left, filtered(right, soft), right)

    cloth = np.repeat(gravel, 3, 2)
    yield row("transfer", "transfer", cloth, cloth, face, face)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", type=Path, default=Path("docs/by_example"))
    asked = parser.parse_args()
    asked.o.mkdir(parents=True, exist_ok=True)
    rows = ((each.name, each.pictures) for each in analogies(asked.folder))
    for name, pictures in (*textures(asked.folder), *rows):
        image = board(pictures)
        image = image.convert("L") if not np.ptp(np.asarray(image), axis=2).any() else image
        image.save(asked.o / f"{name}.png", optimize=True)
        print(asked.o / f"{name}.png")


if __name__ == "__main__":
    main()
