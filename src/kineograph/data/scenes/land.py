"""Painters of what is seen from a plane: mountains, deltas, fields, forests, waves, cities."""

from __future__ import annotations

import numpy as np

from kineograph.data.scenes.pencils import (
    GLOW,
    ROD,
    Paper,
    Picture,
    Plane,
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


def _ridged(paper: Paper, waves: float) -> Plane:
    """0 … about 1: ridges where noise crosses zero, finer ones on the higher ground."""
    first = 1 - np.abs(paper.fractal(waves, 3.0)) * 0.75
    second = 1 - np.abs(paper.fractal(waves * 2.3, 2.8)) * 0.75
    third = 1 - np.abs(paper.fractal(waves * 5, 2.4)) * 0.75
    height = first + 0.45 * second * np.clip(first, 0, 1) + 0.2 * third * np.clip(second, 0, 1)
    return np.asarray(height / 1.65, dtype=np.float32)


def mountains(paper: Paper, word: dict[str, str]) -> Picture:
    """Ridges in slanting light, snow above, woods or dust below."""
    y, x = paper.grid(turned=False)
    y, x = y * paper.near, x * paper.near
    bend = 0.12 * paper.near
    height = _ridged(paper, 2.2)
    height = sampled(height, y + bend * paper.fractal(2, 2.5), x + bend * paper.fractal(2, 2.5))
    codes = {
        "snowy": ("3a4a3a", "5c5a50", "8c8478", "e8eef4", "ffffff"),
        "brown": ("6a4a30", "8a6444", "a88460", "c4a884", "d8c8a8"),
        "green": ("24401f", "3c5a2a", "5c7040", "84805c", "b4ac94"),
    }[word["cover"]]
    level = np.clip(height * 1.15 - 0.2 + 0.05 * paper.fractal(14, 1.1), 0, 1)
    ground = ramp(level, *codes)
    light = paper.shaded(height + 0.02 * paper.fractal(16, 1.6), 14.0)
    dusk = word["light"] == "in the evening light"
    warm, cold = (
        (colour("ffb070") * 1.25, colour("5c5a90"))
        if dusk
        else (colour("fff6e4"), colour("8098b8"))
    )
    t = np.clip(light * 0.62, 0, 1.15)[..., None]
    lit: Picture = np.clip(ground * (cold * (1 - t) + warm * 1.3 * t), 0, 1).astype(np.float32)
    return lit


def river_delta(paper: Paper, word: dict[str, str]) -> Picture:
    """Channels that part and meet on wet land: level lines of smooth noise at four widths."""
    y, x = paper.grid(moved=0.3)
    bend = paper.fractal(1.0, 2.8)
    wet = np.zeros_like(y)
    for width, waves in ((0.07, 0.7), (0.034, 1.3), (0.018, 2.6), (0.011, 4.5)):
        field = paper.fractal(waves, 3.2) + 0.9 * np.sin(waves * 3.0 * (x + 0.15 * bend))
        down, across = np.gradient(field)
        slope = np.hypot(down, across) * paper.size / 2 * paper.near + 1e-2
        wet = np.maximum(wet, step(width, width * 0.6, np.abs(field) / slope))
    land = {
        "green": ("27401c", "4c6b2c", "7c8c44", "a8a060"),
        "brown": ("5a4228", "84643c", "ac8c5c", "d0b888"),
        "red": ("5c2818", "94482c", "c07850", "e0b08c"),
    }[word["land"]]
    water = {"blue": ("1c4a7c", "3f86b4"), "silver": ("9cacb4", "dce8ec")}[word["water"]]
    ground = ramp(np.clip(0.5 + 0.2 * paper.fractal(3, 1.9), 0, 1), *land)
    ground = hued(ground, paper.shaded(paper.fractal(6, 2.0), 0.9))
    bank = np.clip(paper.soft(wet, 0.02) * 1.6, 0, 1)
    ground = mixed(ground, colour(land[0]) * 0.8, 0.75 * bank)
    return mixed(ground, ramp(np.clip(0.5 + 0.25 * bend, 0, 1), *water), wet)


def fields(paper: Paper, word: dict[str, str]) -> Picture:
    """Farmland: crooked oblongs of crops in furrows, hedges between them, here and there a tree."""
    y, x = paper.grid()
    y, x = y + 0.07 * paper.fractal(1.5, 3), x + 0.07 * paper.fractal(1.5, 3)
    plot = cells(paper, y * 2.4, x * paper.between(2.4, 4.2), 0.75)
    codes = {
        "green": ("4c7a2c", "6c9a3c", "8cae54", "3c6428", "a4b468", "587a3c"),
        "golden": ("d8b44c", "e8cc74", "c09a3c", "b08438", "a8a850", "f0dc98"),
        "purple": ("7c5aa4", "9a7cc0", "5c8040", "8464b0", "b49cd0", "6c8c48"),
        "mixed": ("6c9a3c", "d8b44c", "8c6440", "3c6428", "c8c468", "a47c50"),
    }[word["crop"]]
    crop = ramp(plot.tint, *codes)
    turn = plot.tint * 37
    furrow = np.sin((y * np.cos(turn) + x * np.sin(turn)) * (60 + 50 * np.sin(turn * 3)))
    shade = 1 + 0.07 * furrow + 0.05 * paper.fractal(6, 1.0)
    picture = hued(crop, shade * (0.9 + 0.25 * np.sin(plot.tint * 91)))
    hedge = step(0.055, 0.03, plot.wall)
    picture = mixed(
        picture, colour("2a4420"), 0.85 * hedge * step(-1.5, 0.5, paper.fractal(9, 0.8))
    )
    trees = strewn(paper, 60, (0.018, 0.04), ("2c4c22", "3a5c2a", "24401e"))
    return laid(picture, trees, 0, dome=0.7)


def forest(paper: Paper, word: dict[str, str]) -> Picture:
    """Crowns of trees from above, each a rough dome."""
    y, x = paper.grid()
    y, x = y + 0.02 * paper.fractal(6, 1.5), x + 0.02 * paper.fractal(6, 1.5)
    many = paper.between(6.5, 9.5)
    big, small = cells(paper, y * many, x * many), cells(paper, y * many * 2.6, x * many * 2.6)
    height = np.clip(1 - big.near**2 * 1.1, 0, 1) * (0.75 + 0.25 * np.sin(big.tint * 50))
    height = height + 0.3 * np.clip(1 - small.near**2 * 1.3, 0, 1)
    codes = {
        "green": ("1c3a18", "2c5420", "3f6e28", "5c8436", "34602c"),
        "autumn": ("7a3414", "b4561c", "d88c2c", "8c2c1a", "c8a838"),
        "dark pine": ("10241c", "1c3a2a", "28483a", "183024", "30543c"),
        "jungle": ("164a1c", "2a7428", "52a038", "1c5c34", "84b848"),
    }[word["kind"]]
    leaves = ramp(np.clip(0.8 * big.tint + 0.2 * small.tint, 0, 1), *codes)
    gap = step(0.25, 0.75, height)
    light = paper.shaded(height + 0.05 * paper.fractal(45, 0.6), 3.2)
    return np.clip(hued(leaves, light * (0.25 + 0.95 * gap)), 0, 1)


def dunes(paper: Paper, word: dict[str, str]) -> Picture:
    """Sand dunes: long sharp crests, a lit and a shaded side, ripples between."""
    y, _ = paper.grid()
    bend = 0.16 * paper.fractal(1.2, 3.0) + 0.03 * paper.fractal(4, 2.6)
    across = (y + bend) * paper.between(3.0, 4.5) / 2
    saw = across - np.floor(across)
    rise = paper.between(0.62, 0.75)
    height = np.where(saw < rise, saw / rise, (1 - saw) / (1 - rise)).astype(np.float32)
    height = paper.soft(height**1.3, 0.006)
    ripple = np.sin((y + 0.5 * bend) * 75 + 1.2 * paper.fractal(4, 2.2))
    light = paper.shaded(height + 0.006 * ripple, 16.0)
    codes = {
        "golden": ("4c2a14", "9a6430", "d8a860", "f8dca4"),
        "white": ("5c6478", "a0a4ac", "e0dcd4", "fffdf6"),
        "red": ("3c120c", "8c3418", "cc6834", "f4a870"),
    }[word["colour"]]
    return ramp(np.clip(light * 0.55 + 0.03 * paper.fractal(40, 0.5), 0, 1), *codes)


def waves(paper: Paper, word: dict[str, str]) -> Picture:
    """The sea from above: swell, small waves on it, white foam where they break."""
    y, x = paper.grid()
    bend = 0.08 * paper.fractal(1.5, 2.6)
    swell = np.sin((y + bend) * 14) + 0.6 * np.sin((y * 0.9 + 0.4 * x + bend) * 23)
    height = 0.6 * swell + 0.7 * paper.fractal(6, 2.0)
    codes = {
        "blue": ("04203c", "0c3f66", "1f6a94", "6cb0cc"),
        "green": ("06281f", "0f4c40", "2a8070", "8cd0b8"),
        "grey": ("1c262c", "38464e", "606e76", "a8b4ba"),
    }[word["colour"]]
    light = paper.shaded(height, 3.0)
    sea = ramp(np.clip(0.32 * light + 0.1 * height + 0.1, 0, 1), *codes)
    crest = {"calm": 2.6, "rough": 1.35}[word["sea"]]
    foam = step(crest, crest + 0.5, height + 0.5 * paper.fractal(25, 0.9))
    return mixed(sea, colour("f2fafc"), 0.9 * foam)


def city(paper: Paper, word: dict[str, str]) -> Picture:
    """Blocks and streets from above: by day with long shadows, by night with lit streets."""
    y, x = paper.grid()
    many = paper.between(2.4, 3.4)
    v, u = y * many, x * many * paper.between(0.8, 1.3)
    block_v, block_u = v - np.floor(v), u - np.floor(u)
    key = np.floor(v) * 57 + np.floor(u) * 131
    margin = 0.09 + 0.03 * np.sin(key * 1.7)
    street = np.minimum(
        np.minimum(block_v, 1 - block_v) / many, np.minimum(block_u, 1 - block_u) / many
    )
    house = cells(paper, v * 3.0 + np.sin(key) * 9, u * 3.0 + np.cos(key) * 9, 0.35)
    inside = step(margin / many, margin / many + 0.006, street) * step(0.02, 0.07, house.wall)
    park = (np.sin(key * 12.9898) * 43758.5453 % 1) < 0.12
    height = np.where(park, 0.0, inside * (0.25 + 0.75 * house.tint**2)).astype(np.float32)
    angle = paper.between(0, 2 * np.pi)
    if word["light"] == "at night":
        picture = ramp(0.10 * inside + 0.08 * house.tint * inside, "06070c", "20242e")
        road = np.exp(-((street * many / 0.05) ** 2))
        glow = paper.soft(road, 0.03)
        lamp = np.clip(0.6 * road + 0.9 * glow, 0, 1) * np.clip(
            0.75 + 0.3 * paper.fractal(5, 1), 0, 2
        )
        picture = picture + lamp[..., None] * colour(paper.one_of("ffb054", "ffc878")) * 0.75
        windows = strewn(paper, 900, (0.006, 0.012), ("ffe8b0", "ffd080", "d8e8ff"), power=2)
        return np.clip(laid(picture, windows, GLOW, share=0.7), 0, 1)
    roofs = {
        "grey": ("6c7078", "a4a8ac", "d4d2cc", "8c8680"),
        "sandy": ("b08c64", "d8bc90", "ece0c4", "9a7250"),
    }
    picture = ramp(house.tint * 0.98, *roofs[word["colour"]])
    picture = hued(picture, 0.9 + 0.05 * paper.fractal(40, 0.4))
    ground = ramp(np.clip(0.5 + 0.1 * paper.fractal(20, 0.6), 0, 1), "44464a", "5c5e60")
    picture = mixed(ground, picture, inside * ~park)
    grass = hued(
        np.broadcast_to(colour("4a6e34"), picture.shape), 1 + 0.15 * paper.fractal(25, 0.8)
    )
    picture = mixed(picture, grass, step(margin / many, margin / many + 0.01, street) * park)
    picture = hued(picture, 1 - 0.55 * paper.shadows(height, angle, 0.09))
    cars = strewn(paper, 500, (0.010, 0.013), ("f0f0f0", "c03030", "303848", "e0c040"), thin=0.5)
    keep = _on(cars.at, street * many < 0.06)
    on_road = type(cars)(*(part[keep] for part in cars))
    return laid(picture, on_road, ROD)


def _on(at: Plane, where: Plane) -> Plane:
    """Which of the places (N, 2) lie where the plane is true."""
    rows = np.clip(((at + 1) / 2 * len(where)).astype(np.int64), 0, len(where) - 1)
    return np.asarray(where[rows[:, 0], rows[:, 1]])


def roofs(paper: Paper, word: dict[str, str]) -> Picture:
    """Houses of a town from above: gabled roofs of tiles among gardens."""
    y, x = paper.grid()
    many = paper.between(2.3, 3.2)
    plot = cells(paper, y * many, x * many * 1.15, 0.5)
    turn = np.where(plot.tint < 0.5, 0.0, np.pi / 2) + 0.25 * np.sin(plot.tint * 77)
    v = plot.dy * np.cos(turn) - plot.dx * np.sin(turn)
    u = plot.dy * np.sin(turn) + plot.dx * np.cos(turn)
    half_v, half_u = 0.25 + 0.07 * np.sin(plot.tint * 31), 0.36 + 0.05 * np.sin(plot.tint * 57)
    soft = 2.5 * many / (paper.size * paper.near)
    house = np.clip((half_v - np.abs(v)) / soft + 0.5, 0, 1)
    house = house * np.clip((half_u - np.abs(u)) / soft + 0.5, 0, 1)
    height = (house * np.clip(1.1 - np.abs(v) / half_v, 0.1, 1)).astype(np.float32)
    codes = {
        "red": ("8c3420", "b04c2c", "c86840", "a0402c"),
        "grey": ("4c5058", "64686e", "80827f", "585c66"),
        "brown": ("5c4030", "7a5640", "94704f", "684838"),
    }[word["colour"]]
    roof = ramp(np.mod(plot.tint * 7.3, 1), *codes)
    angle = paper.between(0, 2 * np.pi)
    side = np.where(np.sign(v) * np.cos(angle - turn) > 0, 1.18, 0.74)
    tiles = 1 + 0.09 * np.sin(u * 90) * np.sin(v * 70)
    roof = hued(roof, side * tiles)
    lawn = ramp(np.clip(0.5 + 0.25 * paper.fractal(14, 0.9), 0, 1), "3c5c28", "5c7c3a", "84944f")
    path = step(0.05, 0.03, plot.wall)
    picture = mixed(lawn, colour("8a8680"), path)
    bushes = strewn(paper, 130, (0.02, 0.055), ("2c4c22", "3f6228", "24401e", "557a34"))
    picture = laid(picture, bushes, 0, dome=0.8, sun=angle)
    picture = hued(picture, 1 - 0.5 * paper.shadows(height, angle, 0.1) * (1 - house))
    return np.clip(mixed(picture, roof, house), 0, 1)
