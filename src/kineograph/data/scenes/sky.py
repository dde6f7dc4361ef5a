"""Painters of what is seen in the sky and from space: galaxies, stars, planets, continents."""

from __future__ import annotations

import numpy as np

from kineograph.data.scenes.pencils import (
    GLOW,
    Paper,
    Picture,
    Plane,
    colour,
    hued,
    laid,
    mixed,
    ramp,
    sampled,
    step,
    strewn,
)

STARLIGHT = ("ffffff", "cfe0ff", "ffe9c9", "ffd0a0", "a9c6ff")


def starry(paper: Paper, picture: Picture, count: float, largest: float = 0.012) -> Picture:
    """The picture with stars, few of them bright."""
    faint = strewn(paper, count, (0.003, largest / 2), STARLIGHT, power=3)
    bright = strewn(paper, count / 25, (largest / 2, largest), STARLIGHT, power=2)
    return laid(laid(picture, faint, GLOW, share=0.7), bright, GLOW, share=1.0)


def galaxy(paper: Paper, word: dict[str, str]) -> Picture:
    """Logarithmic spiral arms with dust along their inner side, and a glowing core."""
    y, x = paper.grid(moved=0.35)
    y = y * {"face-on": 1.0, "tilted": 1.7, "nearly edge-on": 3.2}[word["view"]]
    r = np.hypot(y, x) + 1e-3
    turn = np.arctan2(y, x)
    wind, arms = paper.between(2.2, 4.0), int(paper.rng.integers(2, 4))
    rough = paper.fractal(5, 1.3)
    phase = arms * turn - wind * arms * np.log(r + 0.04) + 0.45 * rough
    arm = np.exp(1.6 * (np.cos(phase) - 1))
    dust = np.exp(5.0 * (np.cos(phase + 0.9) - 1)) * step(0.08, 0.3, r)
    disc = np.exp(-((r / 0.75) ** 1.6) * 1.6)
    clumps = np.clip(1 + 0.5 * paper.fractal(14, 0.9), 0, None)
    light = disc * (0.12 + 0.95 * arm * clumps) * (1 - 0.55 * dust)
    arms_colour = {
        "blue": ("02030a", "16265c", "4a78c8", "b8d8ff"),
        "golden": ("060302", "4a2c10", "c08a3c", "ffe6b0"),
        "pink": ("050209", "4a1a4a", "c05a98", "ffd2ea"),
        "white": ("030408", "2c3040", "8c94a8", "f4f6ff"),
    }[word["colour"]]
    picture = ramp(np.clip(light, 0, 1), *arms_colour)
    core = np.exp(-((r / 0.16) ** 1.1) * 1.4)
    picture = picture + core[..., None] * colour("ffdfa8") * 0.95
    knots = step(1.2, 2.6, paper.fractal(22, 0.6)) * arm * disc
    picture = picture + (0.9 * knots)[..., None] * colour(paper.one_of("ff7fa8", "a8c8ff"))
    return starry(paper, picture, 220, 0.014)


def nebula(paper: Paper, word: dict[str, str]) -> Picture:
    """Warped clouds of glowing gas with dark dust before them."""
    y, x = paper.grid(turned=False)
    y, x = (axis * paper.near for axis in (y, x))
    bend = 0.16 * paper.near
    gas = paper.fractal(1.6, 2.1)
    gas = sampled(gas, y + bend * paper.fractal(1.5, 2.4), x + bend * paper.fractal(1.5, 2.4))
    wisp = np.exp(-2.2 * np.abs(sampled(paper.fractal(2, 2.0), y + 0.12 * gas, x - 0.12 * gas)))
    glow = np.clip(0.42 + 0.3 * gas + 0.36 * (wisp - 0.4), 0, 1)
    codes = {
        "red": ("050208", "3a0a1c", "a4263a", "f07a5a", "ffe2c0"),
        "teal": ("020608", "06303c", "1a8088", "78d6c0", "f0fff0"),
        "purple": ("04020a", "2a1050", "7034a8", "d078d8", "ffe0f8"),
        "golden": ("060403", "3c2008", "a8641a", "f0b858", "fff4d0"),
        "blue": ("02040c", "0c2458", "2c66b8", "88c0f0", "f4fbff"),
    }[word["colour"]]
    picture = ramp(glow, *codes)
    second = step(0.0, 1.6, paper.fractal(1.2, 2.5))
    other = ramp(np.clip(glow * 1.05, 0, 1), "03030a", "10204a", "3a5ab0", "e08ac0", "fff0f8")
    picture = mixed(picture, other, 0.55 * second)
    dust = step(0.5, 1.7, paper.fractal(2, 2.0) + 0.3 * gas)
    picture = hued(picture, 1 - 0.75 * dust)
    return starry(paper, picture, 260, 0.02)


def star_field(paper: Paper, word: dict[str, str]) -> Picture:
    """Stars of all colours, a faint band of unresolved ones across."""
    y, _ = paper.grid(moved=0.6)
    band = np.exp(-((y / 0.5) ** 2)) * np.clip(0.55 + 0.3 * paper.fractal(3, 1.5), 0, 1)
    tone = {"blue": "3a58a0", "golden": "8a6a3a", "white": "6a6e80", "violet": "5c4690"}
    dark: Picture = np.zeros((paper.size, paper.size, 3), np.float32) + colour("04050c")
    picture = dark + (0.42 * band)[..., None] * colour(tone[word["colour"]])
    count = {"sparse": 260, "dense": 1500, "": 700}[word["density"]]
    picture = starry(paper, picture, count, 0.02)
    tint = {"blue": "a8c4ff", "golden": "ffd890", "white": "ffffff", "violet": "d8b4ff"}
    large = strewn(paper, count / 60, (0.012, 0.035), (tint[word["colour"]], "ffffff"), power=3)
    return laid(picture, large, GLOW)


def planet(paper: Paper, word: dict[str, str]) -> Picture:
    """A ball lit from one side over black space: gas in bands, or rock."""
    y, x = paper.grid(moved=0.5)
    radius = paper.between(0.55, 1.1)
    ground = starry(paper, np.zeros((paper.size, paper.size, 3), np.float32), 160)
    r2 = (y * y + x * x) / radius**2
    up = np.sqrt(np.clip(1 - r2, 0, 1))
    rough = paper.fractal(3, 1.9)
    lat = np.arcsin(np.clip(y / radius, -1, 1))
    kind = word["kind"]
    if kind in ("orange banded", "blue banded"):
        waves = sampled(paper.fractal(5, 1.1), lat * 1.3 + 0.03 * rough, np.zeros_like(lat))
        t = np.clip(0.5 + 0.26 * waves + 0.05 * rough, 0, 1)
        codes: tuple[str, ...] = ("7a3f22", "c98652", "f2d9ae", "b8683a", "fff0d8")
        if kind == "blue banded":
            codes = ("123a78", "2f78c0", "9ad0ee", "2858a0", "e8f8ff")
        skin = ramp(t, *codes)
    else:
        height = paper.fractal(2, 2.0)
        codes = {
            "red rocky": ("4a1c10", "9a4a2a", "c87848", "e8b88c"),
            "grey rocky": ("2c2c30", "68686c", "9c9a98", "d4d0c8"),
            "green living": ("123c78", "1c5890", "3c7a3c", "c8b078"),
        }[kind]
        skin = ramp(np.clip(0.5 + 0.24 * height, 0, 1), *codes)
        skin = hued(skin, paper.shaded(height, 3.0))
        if kind == "green living":
            skin = mixed(skin, colour("ffffff"), 0.85 * step(0.5, 1.8, paper.fractal(2.5, 1.9)))
    angle = paper.between(0, 2 * np.pi)
    sun = (y * np.cos(angle) + x * np.sin(angle)) / radius * 0.8 + up * 0.6
    day = np.clip(sun * 1.15, 0.015, 1.1)
    ball = hued(skin, day)
    rim = np.exp(-(((np.sqrt(r2) - 1.0) / 0.05) ** 2)) * np.clip(sun + 0.2, 0, 1)
    edge = np.clip((1 - np.sqrt(r2)) * radius * paper.near * paper.size / 2 + 0.5, 0, 1)
    picture = mixed(ground, ball, edge)
    haze = "7fb4ff" if kind in ("blue banded", "green living") else "ffc890"
    lit: Picture = picture + (0.6 * rim)[..., None] * colour(haze)
    return lit


def clouds(paper: Paper, word: dict[str, str]) -> Picture:
    """Clouds from above: billows with lit and shaded sides and their shadows on what is below."""
    below = {"the blue sea": ("0c3a6a", "1d5c92"), "green land": ("2c4c22", "5a7a3a")}
    under = ramp(np.clip(0.5 + 0.3 * paper.fractal(2, 2.0), 0, 1), *below[word["over"]])
    y, x = paper.grid(turned=False)
    y, x = y * paper.near, x * paper.near
    amount = {"scattered": -0.35, "thick": 0.9, "": 0.25}[word["density"]]
    body = paper.fractal(1.8, 2.2)
    billow = 1 - np.abs(paper.fractal(5, 1.9))
    height = body + 0.3 * billow + 0.12 * paper.fractal(12, 1.6)
    bend = 0.06 * paper.near
    height = sampled(height, y + bend * paper.fractal(3, 2.2), x + bend * paper.fractal(3, 2.2))
    cover = step(0.1, 0.8, height + amount)
    angle = paper.between(0, 2 * np.pi)
    lit = paper.shaded(paper.soft(height, 0.012), 4.0, angle)
    sun, shade = {"white": ("ffffff", "a8b4c4"), "sunset": ("ffd9b8", "a4728c")}[word["light"]]
    cloud = ramp(np.clip((lit - 0.5) * 0.9 + 0.15 * billow, 0, 1), shade, sun)
    shift = int(0.025 * paper.near * paper.size)
    by = (round(np.cos(angle) * -shift), round(np.sin(angle) * -shift))
    under = hued(under, 1 - 0.45 * np.roll(cover, by, (0, 1)))
    return mixed(under, cloud, cover)


def _coast(paper: Paper, waves: float, slope: float, level: float) -> Plane:
    return paper.fractal(waves, slope) + level


def continent(paper: Paper, word: dict[str, str]) -> Picture:
    """Land and sea from space, with a few clouds."""
    height = _coast(paper, 1.0, 2.15, 0.25)
    sea = ramp(np.clip(1 + height * 0.8, 0, 1), "06183c", "0c2f63", "175089", "3a8ab0")
    dry = np.clip(0.5 + 0.4 * paper.fractal(1.3, 2.0), 0, 1)
    codes = {
        "green": ("1f4a22", "3f6a2c", "7d8a4a"),
        "desert": ("8a6a3c", "c69a5c", "e2c48c"),
        "snowy": ("6c7a78", "b8c4c8", "f6fafc"),
    }[word["land"]]
    land = ramp(np.clip(0.6 * dry + 0.2 * height, 0, 1), *codes)
    land = hued(land, paper.shaded(height + 0.12 * paper.fractal(8, 1.6), 2.2))
    land = mixed(
        land, colour("5c4a34"), 0.5 * step(0.9, 1.8, height + 0.35 * paper.fractal(6, 1.6))
    )
    shore = np.clip(height * paper.size / 10 * paper.near + 0.5, 0, 1)
    picture = mixed(sea, land, shore)
    cover = step(0.9, 2.3, paper.fractal(1.8, 2.0) + 0.25 * paper.fractal(9, 1.6))
    return mixed(picture, colour("f4f8fc"), 0.85 * cover)


def islands(paper: Paper, word: dict[str, str]) -> Picture:
    """Islands with beaches in shallow water."""
    height = _coast(paper, 2.0, 2.3, -0.8)
    deep, mid, shallow = {
        "turquoise": ("0a3f6e", "1580a0", "7fe0d0"),
        "dark blue": ("071c3c", "0f3f6c", "3c86a0"),
    }[word["sea"]]
    water = np.clip(1 + height * 0.75, 0, 1)
    sea = ramp(water, deep, deep, mid, shallow)
    sea = hued(sea, 1 + 0.03 * paper.fractal(30, 0.8))
    cover = {
        "green": ("2f5a24", "1f4a1e", "456b2a"),
        "rocky": ("5c564a", "7c7464", "9a9080"),
    }
    hill = height + 0.12 * paper.fractal(9, 1.7)
    land = ramp(np.clip(hill * 0.6 + 0.1 * paper.fractal(20, 1), 0, 1), *cover[word["land"]])
    land = hued(land, paper.shaded(hill, 9.0))
    sand = step(0.02, 0.16, height)
    edge = np.clip(height * paper.size / 14 * paper.near + 0.5, 0, 1)
    picture = mixed(sea, colour("f2e3b8"), edge)
    picture = mixed(picture, land, sand)
    surf = np.exp(-(((height + 0.06) / 0.03) ** 2)) * step(-0.3, 1, paper.fractal(12, 0.9))
    return mixed(picture, colour("ffffff"), 0.7 * surf)
