"""Painters of what one sees at one's feet: lawn, flowers, petals, leaves, bark, pebbles, sand."""

from __future__ import annotations

import numpy as np

from kineograph.data.scenes.pencils import (
    ELLIPSE,
    FLOWER,
    Paper,
    Picture,
    cells,
    colour,
    hued,
    laid,
    mixed,
    ramp,
    sampled,
    step,
    strewn,
)


def lawn(paper: Paper, word: dict[str, str]) -> Picture:
    """Blades of grass, the upper ones lighter; sometimes daisies."""
    codes = {
        "green": ("1c3a12", "2c5a1a", "44802a", "6aa83c", "94c85a"),
        "dry": ("4c4420", "7a6c30", "a49448", "c8b868", "e4d890"),
        "dark": ("10240f", "1a3a18", "285422", "3c6c2c", "588840"),
    }[word["colour"]]
    under = ramp(np.clip(0.3 + 0.15 * paper.fractal(12, 0.9), 0, 1), codes[0], codes[1])
    picture = under
    for k in range(1, 4):
        blades = strewn(paper, 420, (0.06, 0.17), (codes[k], codes[k + 1]), thin=0.055, vary=0.14)
        lean = blades.angle * 0.25 + paper.between(0, 6.28)
        picture = laid(picture, blades._replace(angle=lean.astype(np.float32)), ELLIPSE, dome=0.5)
    if word["with"] == "with daisies":
        picture = _blooms(paper, picture, 26, (0.05, 0.085), ("ffffff", "fbf7ee"), "f0c030")
    if word["with"] == "with clover":
        for _ in range(2):
            clover = strewn(paper, 40, (0.05, 0.08), ("3c8a3c", "2f7434", "58a04c"), vary=0.08)
            picture = laid(picture, clover, FLOWER, dome=0.4, petals=3)
    return np.clip(picture * (1 + 0.08 * paper.fractal(2, 1.5))[..., None], 0, 1)


def _blooms(
    paper: Paper,
    picture: Picture,
    count: float,
    size: tuple[float, float],
    codes: tuple[str, ...],
    heart: str,
) -> Picture:
    """Flowers with a shadow below and a heart in their middle."""
    blooms = strewn(paper, count, size, codes, vary=0.06, even=True)
    away = np.float32(0.02 * paper.near)
    dark = blooms._replace(at=blooms.at + away, colours=blooms.colours * 0.1)
    picture = laid(picture, dark, FLOWER, petals=0, share=0.4)
    petals = int(paper.rng.integers(5, 9))
    picture = laid(picture, blooms, FLOWER, dome=0.25, edge=-0.12, petals=petals)
    inner = blooms._replace(angle=blooms.angle + 0.4, size=blooms.size * 0.72)
    picture = laid(picture, inner._replace(colours=inner.colours * 0.93), FLOWER, petals=petals)
    hearts = blooms._replace(
        size=blooms.size * 0.24, colours=np.broadcast_to(colour(heart), blooms.colours.shape)
    )
    return laid(picture, hearts._replace(colours=hearts.colours.copy()), ELLIPSE, dome=0.5)


def flowers(paper: Paper, word: dict[str, str]) -> Picture:
    """A meadow full of flowers."""
    picture = lawn(paper, {"colour": "dark", "with": ""})
    codes = {
        "red": (("d8281c", "e8402c", "b81c18"), "20140c"),
        "yellow": (("f8d020", "ffe050", "f0b810"), "c07808"),
        "purple": (("8c48c0", "a868d8", "6c38a8"), "f0d040"),
        "white": (("ffffff", "f6f2ea", "ece8f4"), "f0c030"),
        "pink": (("f078a8", "f8a0c4", "e05890"), "f8e070"),
        "blue": (("4c70e0", "6c90f0", "3454c0"), "f8f0c0"),
    }[word["colour"]]
    count = {"dense": 150, "": 85, "scattered": 34}[word["density"]]
    small = _blooms(paper, picture, count * 0.8, (0.05, 0.08), *codes)
    return _blooms(paper, small, count, (0.09, 0.16), *codes)


def sand(paper: Paper, word: dict[str, str]) -> Picture:
    """Grains of sand, every one lit for itself."""
    y, x = paper.grid()
    many = paper.between(16, 24)
    grain = cells(paper, y * many, x * many)
    codes = {
        "golden": ("7a5428", "c89850", "e8c884", "f8e8c0", "b07838", "d8b070"),
        "white": ("b0a898", "e8e0d4", "fffaf0", "d0c8bc", "f4ece0", "fffdf8"),
        "black": ("14141a", "2c2c34", "4c4c54", "202028", "6c6c70", "383840"),
        "pink": ("a86458", "e0a090", "f8ccbc", "fff0e4", "c88474", "f0b8a8"),
    }[word["colour"]]
    height = np.clip(1 - grain.near**2 * 1.6, 0, 1)
    stone = ramp(grain.tint, *codes)
    light = paper.shaded(height + 0.25 * paper.fractal(3, 1.6), 1.5)
    light = light * (0.45 + 0.6 * step(0.0, 0.35, grain.wall))
    picture = hued(stone, light * (1 + 0.1 * paper.fractal(2, 1.6)))
    glint = step(0.93, 0.97, grain.tint) * step(0.4, 0.1, grain.near)
    return np.clip(mixed(picture, colour("ffffff"), 0.6 * glint), 0, 1)


def pebbles(paper: Paper, word: dict[str, str]) -> Picture:
    """Rounded stones side by side, wet or dry."""
    y, x = paper.grid()
    y, x = y + 0.03 * paper.fractal(4, 1.7), x + 0.03 * paper.fractal(4, 1.7)
    many = paper.between(4.5, 6.5)
    stone = cells(paper, y * many, x * many * 0.8, 0.85)
    codes = {
        "grey": ("50545a", "8c8e90", "b8b6b0", "6c6a68", "d4d0c8"),
        "brown": ("5a4030", "94704c", "b8946c", "78543c", "d8bc98"),
        "coloured": ("6a7c84", "b07858", "d8d0c0", "5c6450", "94645c"),
    }[word["colour"]]
    rounded = step(0.0, 0.45, stone.wall)
    height = np.sqrt(np.clip(rounded, 0, 1)) * 1.0
    skin = ramp(stone.tint, *codes)
    speck = 1 + 0.1 * paper.fractal(40, 0.4) * np.sin(stone.tint * 40) + 0.06 * paper.fractal(9, 1)
    light = paper.shaded(paper.soft(height, 0.008), 5.0)
    picture = hued(skin, speck * light * (0.15 + 0.9 * step(0.02, 0.16, stone.wall)))
    if word["wet"] == "wet":
        shine = step(1.35, 1.7, light)
        picture = mixed(picture * 0.8, colour("ffffff"), 0.6 * shine)
    return np.clip(picture, 0, 1)


def bark(paper: Paper, word: dict[str, str]) -> Picture:
    """Bark of a tree: long plates with dark furrows, sometimes moss."""
    y, x = paper.grid()
    y, x = y + 0.05 * paper.fractal(3, 1.8), x + 0.05 * paper.fractal(3, 1.8)
    plate = cells(paper, y * 2.0, x * 7.5, 0.9)
    furrow = step(0.02, 0.32, plate.wall)
    grain = sampled(paper.fractal(14, 0.9), y * 0.25, x * 1.5)
    height = furrow + 0.18 * grain + 0.15 * paper.fractal(12, 1.1)
    codes = {
        "brown": ("1c120c", "4c3424", "7c5a40", "a8886c"),
        "grey": ("1a1a1a", "4a4846", "7e7a74", "b4b0a6"),
        "birch white": ("2a2624", "9a948c", "d8d4cc", "f8f6f0"),
    }[word["colour"]]
    picture = ramp(np.clip(0.62 * height + 0.1 * plate.tint, 0, 1), *codes)
    picture = hued(picture, paper.shaded(height, 1.6))
    if word["with"] == "with moss":
        moss = step(0.1, 0.9, paper.fractal(4, 1.4) + 0.3 * paper.fractal(30, 0.5))
        picture = mixed(
            picture, hued(picture * 0.4 + colour("5c8a2c") * 0.6, 1 + 0.2 * grain), moss
        )
    return np.clip(picture, 0, 1)


def petal(paper: Paper, word: dict[str, str]) -> Picture:
    """Overlapping petals close up: velvet with fine ribs running to the heart."""
    codes = {
        "red": ("4c0410", "a8101c", "e03038", "ff7a70"),
        "pink": ("8c2050", "d85c94", "f8a0c4", "ffe0ee"),
        "yellow": ("a86000", "e8a810", "fcd848", "fff4b0"),
        "purple": ("2a0c50", "6428a0", "a060d8", "e0b8ff"),
        "white": ("9aa094", "d8d8d0", "f4f2ec", "ffffff"),
        "blue": ("101c60", "3048b8", "6c8cf0", "c8dcff"),
    }[word["colour"]]
    y, x = paper.grid(moved=0.9)
    r, turn = np.hypot(y, x) + 1e-3, np.arctan2(y, x)
    picture = None
    rings = int(paper.rng.integers(2, 4))
    for k in range(rings + 1):
        petals = int(paper.rng.integers(4, 7))
        phase = turn * petals / 2 + paper.between(0, 6)
        place = phase / np.pi - np.floor(phase / np.pi) - 0.5  # -0.5 … 0.5 across a petal
        length = (2.1 - 1.7 * k / max(rings, 1)) * (1 - 1.6 * np.abs(place) ** 2.5)
        length = length + 0.05 * paper.fractal(3, 1.6)
        ribs = np.sin(place * 70 + 2 * np.sin(r * 4) + paper.fractal(4, 1.6))
        tone = 0.28 + 0.38 * np.clip(r / length, 0, 1.2) + 0.05 * ribs - 0.5 * np.abs(place) ** 2
        tone = tone + 0.05 * paper.fractal(3, 1.6)
        skin = ramp(np.clip(tone, 0, 1), *codes)
        soft = 2.5 / (paper.size * paper.near)
        cover = np.clip((length - r) / soft + 0.5, 0, 1)
        if picture is None:
            picture = skin
            continue
        shade = step(-0.02, 0.22, r - length)  # the petal's shadow on those below
        picture = mixed(hued(picture, 0.45 + 0.55 * shade), skin, cover)
    assert picture is not None
    heart = np.exp(-((r / 0.16) ** 2))
    return np.clip(mixed(picture, colour(paper.one_of("f8d860", "e8e090", "402010")), heart), 0, 1)


def leaves(paper: Paper, word: dict[str, str]) -> Picture:
    """Leaves over leaves, each with its midrib and side ribs."""
    codes = {
        "green": ("1c4a1c", "2c6a24", "4c9034", "74b04c", "a8d070"),
        "autumn": ("6c1c10", "a83c18", "d87020", "e8a830", "f0d060"),
        "red": ("3c0814", "74101c", "a82028", "d04438", "f08068"),
        "dark": ("0c2418", "14382a", "20503c", "346c50", "58906c"),
    }[word["colour"]]
    picture = ramp(np.clip(0.2 + 0.1 * paper.fractal(6, 1.2), 0, 1), "0a120a", codes[0])
    line = (np.arange(paper.size, dtype=np.float32) + 0.5) * 2 / paper.size - 1
    gy, gx = np.meshgrid(line, line, indexing="ij")
    count = max(4, min(60, int(26 / paper.near**2)))
    width = paper.between(0.38, 0.55)
    spread = paper.between(0.7, 1.2)
    for k in range(count):
        long = paper.between(0.38, 0.62) * paper.near
        angle, cy, cx = paper.between(0, 6.28), paper.between(-1.1, 1.1), paper.between(-1.1, 1.1)
        top, left = (int((c - long + 1) * paper.size / 2) for c in (cy, cx))
        side = int(long * paper.size) + 2
        box = (slice(max(0, top), max(0, top + side)), slice(max(0, left), max(0, left + side)))
        dy, dx = (gy[box] - cy) / long, (gx[box] - cx) / long
        if not dy.size:
            continue
        v = np.cos(angle) * dy - np.sin(angle) * dx  # -1 stem … 1 tip
        u = np.sin(angle) * dy + np.cos(angle) * dx
        half = width * np.clip(1 - v * v, 0, 1) ** 0.8 * (1.1 - 0.3 * v)
        soft = 2.0 / (paper.size * long)
        cover = np.clip((half - np.abs(u)) / soft + 0.5, 0, 1) * (np.abs(v) < 1)
        ribs = (v - np.abs(u) * spread) * 9
        rib = np.exp(-(((ribs - np.round(ribs)) / 0.13) ** 2)) * 0.6
        rib = np.maximum(rib, np.exp(-((u / 0.022) ** 2)))
        bulge = np.cos(2 * np.pi * ribs) * 0.08
        tone = 0.3 + 0.4 * k / count + 0.12 * np.sign(u) * np.cos(angle) - bulge
        tone = tone + 0.25 * paper.between(-0.5, 0.5) - 0.15 * (np.abs(u) / (half + 1e-3)) ** 2
        skin = ramp(np.clip(tone, 0, 1), *codes)
        skin = mixed(skin, colour(codes[-1]), 0.45 * rib)
        dark = np.clip((half + 0.09 - np.abs(u + 0.05)) / 0.18, 0, 1) * (np.abs(v) < 1.05)
        picture[box] = mixed(hued(picture[box], 1 - 0.45 * dark), skin, cover)
    return np.clip(picture, 0, 1)


def leaf_veins(paper: Paper, word: dict[str, str]) -> Picture:
    """The net of veins in a leaf against the light: ribs, and meshes within meshes."""
    y, x = paper.grid(moved=0.5)
    y, x = y + 0.03 * paper.fractal(3, 1.7), x + 0.03 * paper.fractal(3, 1.7)
    lean = (y - np.abs(x) * paper.between(0.5, 1.0)) * paper.between(1.6, 2.4)
    rib = np.exp(-(((lean - np.round(lean)) / 0.035) ** 2))
    rib = np.maximum(rib, np.exp(-((x / 0.035) ** 2)))
    coarse, fine = cells(paper, y * 5.5, x * 5.5), cells(paper, y * 15, x * 15)
    mesh = 0.75 * step(0.12, 0.02, coarse.wall) + 0.5 * step(0.16, 0.03, fine.wall)
    veins = np.clip(np.maximum(rib, mesh), 0, 1)
    dark, mid, light = {
        "green": ("2f6a1c", "5c9c30", "d8f08c"),
        "yellow": ("a8841c", "dcb838", "fff4b8"),
        "red": ("7c1818", "b83c28", "f8b890"),
        "brown": ("4c2c14", "845428", "e0b880"),
    }[word["colour"]]
    flesh = ramp(
        np.clip(0.45 + 0.18 * paper.fractal(3, 1.5) + 0.25 * (coarse.tint - 0.5), 0, 1), dark, mid
    )
    flesh = hued(flesh, 1 + 0.12 * paper.fractal(40, 0.3))
    return np.clip(mixed(flesh, colour(light), 0.8 * veins), 0, 1)
