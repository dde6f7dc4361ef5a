"""Paint six pictures, from islands to cells, and fly through them: a zoom by example, offline.

    python examples/zoom_pictures.py FOLDER
    kineograph zoom --example FOLDER/0-islands.png --example FOLDER/1-forest.png ... -o tour.mp4

Every picture is 256 x 256 and drawn from one seed, so the pictures are the same everywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float64]
SIZE = 256
Y, X = np.mgrid[0:SIZE, 0:SIZE] / SIZE


def noise(rng: np.random.Generator, slope: float, low: float = 1.0) -> Field:
    """(SIZE, SIZE) Gaussian field, power falling as frequency**-slope, mean 0, deviation 1."""
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE)))
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE), indexing="ij")) * SIZE
    field = np.fft.ifft2(spectrum / np.maximum(f, low) ** (slope / 2) * (f >= low)).real
    return np.asarray((field - field.mean()) / field.std())


def mixed(stops: list[tuple[float, tuple[float, float, float]]], value: Field) -> Field:
    """(SIZE, SIZE, 3) colours by straight lines between stops of `value`."""
    at = [stop for stop, _ in stops]
    bands = [np.interp(value, at, [colour[k] for _, colour in stops]) for k in range(3)]
    return np.stack(bands, axis=-1)


def cells(rng: np.random.Generator, count: int, wobble: float = 0.0) -> tuple[Field, Field, Field]:
    """Of a Voronoi diagram on a torus: distance to the seed, to the wall, and the cell's number."""
    seeds = rng.random((count, 2))
    wavy = [wobble * noise(rng, 3.0, 4.0) for _ in range(2)]
    places = [grid + wave for grid, wave in zip((Y, X), wavy, strict=True)]
    apart = [(place[..., None] - seeds[:, k] + 0.5) % 1 - 0.5 for k, place in enumerate(places)]
    distance = np.hypot(*apart)
    order = np.argpartition(distance, 1, axis=-1)
    near = np.take_along_axis(distance, order[..., :2], -1)
    return near[..., 0], near[..., 1] - near[..., 0], order[..., 0].astype(float)


def islands(rng: np.random.Generator) -> Field:
    height = 1.1 * noise(rng, 3.0, 2.0) + 0.12 * noise(rng, 1.5, 8.0) - 0.1
    sea, shore, land = (0.05, 0.22, 0.38), (0.25, 0.62, 0.62), (0.16, 0.38, 0.14)
    stops = [(-2.0, (0.03, 0.14, 0.28)), (-0.5, sea), (0.05, shore), (0.12, (0.86, 0.8, 0.6))]
    stops += [(0.22, (0.3, 0.5, 0.2)), (0.9, land), (2.5, (0.3, 0.36, 0.2))]
    light = 1 + 0.12 * np.clip(np.roll(height, 1, 1) - height, -1, 1) * 6 * (height > 0.12)
    return mixed(stops, height) * light[..., None]


def forest(rng: np.random.Generator) -> Field:
    near, _, name = cells(rng, 260, 0.006)
    tone = rng.random(260)[name.astype(int)]
    crown = np.clip(1 - near * 22, 0, 1) ** 0.6 + 0.07 * noise(rng, 1.0, 20.0)
    shade = crown + 0.5 * (np.roll(crown, (2, 2), (0, 1)) - crown)
    dark, middle, bright = (0.05, 0.14, 0.06), (0.15, 0.36, 0.12), (0.36, 0.56, 0.2)
    return mixed([(0.0, dark), (0.5, middle), (1.2, bright)], shade + 0.25 * (tone - 0.5))


def leaves(rng: np.random.Generator) -> Field:
    picture = np.full((SIZE, SIZE, 3), (0.06, 0.15, 0.06))
    for _ in range(260):
        (y, x), angle, length = rng.random(2), rng.random() * 2 * np.pi, rng.uniform(0.1, 0.17)
        v, u = (((grid - at + 0.5) % 1 - 0.5) / length for grid, at in ((Y, y), (X, x)))
        along, side = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        inside = np.abs(side) < 0.42 * np.sqrt(np.clip(1 - along**2, 0, 1)) * (1 - 0.35 * along)
        rib = np.exp(-((side / 0.035) ** 2))
        veins = np.exp(-((np.sin(14 * (along - 0.8 * np.abs(side))) / 0.25) ** 2)) * 0.35
        light = 0.85 + 0.5 * side + rng.normal() * 0.12 + 0.35 * np.maximum(rib, veins)
        colour = np.array((0.2, 0.44, 0.14)) + rng.normal(size=3) * 0.02
        picture = np.where(inside[..., None], light[..., None] * colour, picture * 0.997)
    return picture


def veins(rng: np.random.Generator) -> Field:
    net = np.zeros((SIZE, SIZE))
    for count, width, weight in ((14, 0.02, 1.0), (90, 0.009, 0.7), (480, 0.0045, 0.5)):
        wall = cells(rng, count, 0.004)[1]
        net = np.maximum(net, weight * np.exp(-((wall / width) ** 2)))
    body = 0.06 * noise(rng, 2.0, 3.0) + 0.04 * noise(rng, 0.5, 20.0)
    return mixed([(-0.3, (0.12, 0.34, 0.1)), (0.3, (0.26, 0.5, 0.16)), (1, (0.62, 0.76, 0.36))],
                 net + body)  # fmt: skip


def tissue(rng: np.random.Generator) -> Field:
    near, wall, name = cells(rng, 70, 0.004)
    middle, _, number = cells(rng, 900)
    dots = np.clip(1 - middle * 62, 0, 1) ** 0.5 * (rng.random(900) > 0.35)[number.astype(int)]
    inside = np.clip(wall * 40, 0, 1)
    tone = 0.12 * (rng.random(70)[name.astype(int)] - 0.5)
    value = 0.55 + tone - 0.5 * dots * inside + 0.9 * (1 - inside) ** 2 - near
    return mixed(
        [(0.0, (0.08, 0.3, 0.1)), (0.5, (0.45, 0.66, 0.3)), (1.4, (0.86, 0.9, 0.6))], value
    )


def grains(rng: np.random.Generator) -> Field:
    picture = mixed([(-2, (0.42, 0.62, 0.28)), (2, (0.58, 0.75, 0.4))], noise(rng, 2.5, 2.0))
    for _ in range(70):
        (y, x), angle = rng.random(2), rng.random() * np.pi
        long, thin = rng.uniform(0.06, 0.09), rng.uniform(0.6, 0.8)
        v, u = (((grid - at + 0.5) % 1 - 0.5) / long for grid, at in ((Y, y), (X, x)))
        along, side = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        r = np.hypot(along, side / thin)
        stack = 0.8 + 0.2 * np.sin(along * 22) * np.clip(1.2 - r, 0, 1)
        body = (stack * (1.15 - 0.4 * r - 0.2 * side))[..., None] * np.array((0.14, 0.42, 0.13))
        edge = np.clip((1 - r) * 12, 0, 1)[..., None]
        picture = picture * (1 - edge) + body * edge
    return picture


PAINTERS = {"islands": islands, "forest": forest, "leaves": leaves, "veins": veins,
            "tissue": tissue, "grains": grains}  # fmt: skip


def paint(folder: Path) -> list[Path]:
    """Write the six pictures; returns their paths, widest first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (name, painter) in enumerate(PAINTERS.items()):
        picture = painter(np.random.default_rng(number))
        paths.append(folder / f"{number}-{name}.png")
        Image.fromarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(paths[-1])
    return paths


if __name__ == "__main__":
    for path in paint(Path(sys.argv[1] if len(sys.argv) > 1 else "zoom-pictures")):
        print(path)
