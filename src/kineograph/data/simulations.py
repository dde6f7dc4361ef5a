"""Clips drawn by code, with known truth: pendulum, candle flame, waterfall, flag, balloons,
swimming fish.

Each scene is an endless generator of pictures, so a clip may have any length; the same seed, size
and frame rate give the same bytes. Nothing here is physics to be trusted beyond the pendulum's
equation: the scenes only have to move as their namesakes do, periodic, stochastic, or in
independent parts, for video textures and sprites to be tried on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from math import cos, hypot, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError

Plane = NDArray[np.floating]  # (H, W)
Picture = NDArray[np.floating]  # (H, W, 3) in [0, 1]
Scene = Callable[[int, int, float, int], Iterator[Picture]]  # height, width, fps, seed


def simulate(
    name: str, count: int, *, height: int = 120, width: int = 160, fps: float = 30.0, seed: int = 0
) -> Clip:
    """`count` frames of the scene `name` as a clip of `height` × `width` pixels.

    Example: `simulate("flag", 90)` is three seconds of a waving flag.
    """
    drawn = drawings(name, count, height=height, width=width, fps=fps, seed=seed)
    return from_bytes(np.stack(list(drawn)), fps)


def drawings(
    name: str, count: int, *, height: int = 120, width: int = 160, fps: float = 30.0, seed: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """The same frames one by one, (H, W, 3) uint8."""
    if name not in SCENES:
        raise InputError("name", f"no scene '{name}'", f"use one of {', '.join(SCENES)}")
    for picture in islice(SCENES[name](height, width, fps, seed), count):
        yield np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


# -- pencils ---------------------------------------------------------------------------------------


def _grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Pixel centres in picture heights: y from 0 (top) to 1, x from 0 to width / height."""
    y, x = np.indices((height, width), dtype=np.float32)
    return (y + 0.5) / height, (x + 0.5) / height


def _paint(picture: Picture, cover: Plane, colour: tuple[float, float, float] | Picture) -> None:
    """Lay a colour over the picture where `cover` (H, W) in [0, 1] says so."""
    picture += cover[:, :, None] * (np.asarray(colour, dtype=np.float32) - picture)


def _disc(y: Plane, x: Plane, centre: tuple[float, float], radius: float, soft: float) -> Plane:
    away = np.hypot(y - centre[0], x - centre[1])
    return np.asarray(np.clip((radius - away) / soft + 0.5, 0, 1))


def _rod(
    y: Plane, x: Plane, a: tuple[float, float], b: tuple[float, float], half: float, soft: float
) -> Plane:
    dy, dx = b[0] - a[0], b[1] - a[1]
    along = np.clip(((y - a[0]) * dy + (x - a[1]) * dx) / (dy * dy + dx * dx), 0, 1)
    away = np.hypot(y - a[0] - along * dy, x - a[1] - along * dx)
    return np.clip((half - away) / soft + 0.5, 0, 1)


def _noise(y: Plane, x: Plane, key: int) -> Plane:
    """Smooth noise in [0, 1] on an endless plane: hashed lattice values, cubic in between."""
    y0, x0 = np.floor(y), np.floor(x)
    fy, fx = y - y0, x - x0
    fy, fx = fy * fy * (3 - 2 * fy), fx * fx * (3 - 2 * fx)
    corner = [
        _hashed(y0.astype(np.int64) + dy, x0.astype(np.int64) + dx, key)
        for dy in (0, 1)
        for dx in (0, 1)
    ]
    top = corner[0] + fx * (corner[1] - corner[0])
    low = corner[2] + fx * (corner[3] - corner[2])
    return np.asarray(top + fy * (low - top), dtype=np.float32)


def _hashed(y: NDArray[np.int64], x: NDArray[np.int64], key: int) -> Plane:
    h = (y * 374_761_393 + x * 668_265_263 + key * 974_634_777) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1_274_126_177) & 0xFFFFFFFF
    return np.asarray((h ^ (h >> 16)) / 2**32, dtype=np.float32)


def _wander(seed: int, size: int, rate: float, dt: float) -> Iterator[NDArray[np.float64]]:
    """`size` random numbers of unit spread that return to 0 with `rate` a second, for ever."""
    rng = np.random.default_rng(seed)
    state = rng.standard_normal(size)
    while True:
        yield state
        state = state * (1 - rate * dt) + sqrt(2 * rate * dt) * rng.standard_normal(size)


# -- scenes ----------------------------------------------------------------------------------------


def swings(fps: float, seed: int) -> Iterator[tuple[float, float]]:
    """The pendulum's angle (radians) and speed (radians a second) at each frame.

    θ″ = −ω² sin θ in small symplectic steps, period about 2.2 s; a little noise on the energy.
    """
    rng = np.random.default_rng(seed)
    pull, dt, fine = (2 * pi / 2.1) ** 2, 1 / fps, 16
    angle, speed = 0.62, 0.0
    while True:
        yield angle, speed
        for _ in range(fine):
            speed -= pull * sin(angle) * dt / fine
            angle += speed * dt / fine
        energy = speed**2 / 2 + pull * (1 - cos(angle))
        aim = pull * (1 - cos(0.62)) * (1 + 0.06 * rng.standard_normal())
        speed *= 1 + 0.05 * (aim / energy - 1)


def _pendulum(height: int, width: int, fps: float, seed: int) -> Iterator[Picture]:
    y, x = _grid(height, width)
    soft, middle = 1 / height, width / height / 2
    wall = np.stack([0.86 - 0.12 * y, 0.84 - 0.14 * y, 0.78 - 0.15 * y], axis=2)
    wall += (0.03 * (_noise(y * 40, x * 40, seed) - 0.5))[:, :, None]
    for angle, _ in swings(fps, seed):
        picture = wall.copy()
        pivot, bob = (0.08, middle), (0.08 + 0.72 * cos(angle), middle + 0.72 * sin(angle))
        shade = (bob[0] + 0.03, bob[1] + 0.04)
        _paint(picture, 0.25 * _disc(y, x, shade, 0.1, 0.05), (0.2, 0.18, 0.16))
        _paint(picture, _rod(y, x, pivot, bob, 0.008, soft), (0.25, 0.2, 0.18))
        _paint(picture, _disc(y, x, pivot, 0.02, soft), (0.2, 0.2, 0.22))
        _paint(picture, _disc(y, x, bob, 0.09, soft), (0.72, 0.2, 0.15))
        _paint(picture, _disc(y, x, (bob[0] - 0.03, bob[1] - 0.03), 0.03, 0.05), (1, 0.72, 0.62))
        yield picture


def _candle(height: int, width: int, fps: float, seed: int) -> Iterator[Picture]:
    y, x = _grid(height, width)
    dt, middle, wick = 1 / fps, width / height / 2, 0.68
    up = np.maximum(wick - y, 0)
    body = np.clip((0.09 - np.abs(x - middle)) * height + 0.5, 0, 1) * (y > wick + 0.05)
    wax = np.stack([0.93 - 0.3 * (x - middle + 0.09) / 0.18] * 3, axis=2) * (1, 0.93, 0.8)
    drift = _wander(seed, 3, 3.0, dt)
    for t, (tall, lean, glow) in enumerate(drift):
        time = t * dt
        size = 0.46 * (1 + 0.1 * tall)
        rise = up / size
        sway = 0.05 * lean * rise**2
        sway += 0.10 * rise * (_noise(rise * 2.2 - time * 2.6, x * 0, seed) - 0.5)
        across = np.abs(x - middle - sway)
        wide = 0.062 * np.sqrt(np.clip(rise + 0.12, 0, 1)) * np.clip(1.04 - rise, 0, 1) ** 0.75
        fire = np.clip(1.25 - across / np.maximum(wide, 1e-4), 0, 1)
        fire *= (y < wick + 0.01) & (rise < 1.03)
        core = np.clip(fire * 1.8 - 0.9, 0, 1)
        light = np.exp(-((x - middle - 0.03 * lean) ** 2 + (y - 0.45) ** 2) / 0.12)
        power = 0.24 * (1 + 0.12 * tall + 0.08 * glow)
        picture = np.stack([power * light * k + 0.03 for k in (1.0, 0.62, 0.3)], axis=2)
        _paint(picture, body, np.asarray(wax * (0.55 + 0.5 * np.exp(-(y - wick) * 4))[:, :, None]))
        _paint(
            picture,
            _rod(y, x, (wick - 0.03, middle), (wick + 0.05, middle), 0.006, 0.01),
            (0, 0, 0),
        )
        _paint(picture, np.sqrt(fire) * 0.95, (1.0, 0.55, 0.12))
        _paint(picture, core, (1.0, 0.93, 0.66))
        _paint(picture, 0.6 * fire * np.clip(1 - rise * 6, 0, 1), (0.25, 0.35, 0.95))
        yield np.asarray(picture, dtype=np.float32)


def _waterfall(height: int, width: int, fps: float, seed: int) -> Iterator[Picture]:
    y, x = _grid(height, width)
    middle, foot = width / height / 2, 0.8
    rough = 0.6 * _noise(y * 9, x * 7, seed) + 0.4 * _noise(y * 30, x * 24, seed + 1)
    rock = np.stack([0.16 + 0.3 * rough, 0.17 + 0.3 * rough, 0.15 + 0.26 * rough], axis=2)
    ragged = 0.06 * _noise(y * 6, x * 0, seed + 2)
    fall = np.clip((0.3 + ragged - np.abs(x - middle)) * 22, 0, 1) * (y < foot + 0.04)
    drop = 2.2 * np.sqrt(np.maximum(y, 0) + 0.03)  # falling water is drawn out as it speeds up
    for t in range(2**62):
        time = t / fps
        strand = _noise(drop * 5 - time * 7.5, x * 46, seed + 3)
        sheet = _noise(drop * 2.4 - time * 4.2, x * 17, seed + 4)
        white = 0.45 + 0.4 * strand + 0.3 * (sheet - 0.5)
        wave = _noise(y * 55 - time * 3, x * 14 + np.sin(y * 40 - time * 5), seed + 5)
        foam = _noise(y * 22 + time * 3.1, x * 22 - time * 1.3, seed + 6)
        picture = rock.copy()
        pool = np.stack([0.12 + 0.2 * wave, 0.3 + 0.22 * wave, 0.36 + 0.24 * wave], axis=2)
        _paint(picture, np.clip((y - foot) * 30, 0, 1), np.asarray(pool))
        _paint(picture, fall, np.stack([white * 0.92, white * 0.97, white], axis=2))
        mist = np.exp(-(((y - foot) / 0.07) ** 2) - ((x - middle) / 0.36) ** 4)
        _paint(picture, np.clip(mist * (0.35 + 0.9 * foam), 0, 1), (0.93, 0.96, 0.98))
        yield np.asarray(picture, dtype=np.float32)


def _flag(height: int, width: int, fps: float, seed: int) -> Iterator[Picture]:
    y, x = _grid(height, width)
    dt, left = 1 / fps, 0.12 * width / height
    reach, tall, top = 0.72 * width / height, 0.48, 0.2
    sky = np.stack([0.55 + 0.25 * y, 0.72 + 0.16 * y, 0.92 + 0.04 * y], axis=2)
    along = (x - left) / reach
    wind = _wander(seed, 3, 0.8, dt)
    for t, (gust, small, slow) in enumerate(wind):
        time = t * dt
        one = 7.5 * along - 2 * pi * 1.25 * time + 0.25 * slow
        two = 13.0 * along - 2 * pi * 2.0 * time + 0.4 * small
        size = 0.05 * (1 + 0.18 * gust) * np.clip(along, 0, 1) ** 0.8
        lift = size * (np.sin(one) + 0.3 * np.sin(two)) + 0.03 * along
        slope = size * (7.5 * np.cos(one) + 3.9 * np.cos(two)) / 0.5
        down = (y - top - lift) / tall
        edge = np.clip(np.minimum(down, 1 - down) * tall * height + 0.5, 0, 1)
        edge *= np.clip(np.minimum(along, 1 - along) * reach * height + 0.5, 0, 1)
        band = np.clip(np.sin(down * 5 * pi) * 6 + 0.5, 0, 1)[:, :, None]
        cloth = band * (0.78, 0.12, 0.16) + (1 - band) * (0.96, 0.94, 0.88)
        sun = np.hypot((down - 0.5) * tall, (along - 0.38) * reach)
        cloth += np.clip((0.12 - sun) * height + 0.5, 0, 1)[:, :, None] * (
            (0.98, 0.76, 0.2) - cloth
        )
        picture = sky.copy()
        _paint(picture, _rod(y, x, (0.1, left), (1.1, left), 0.014, 1 / height), (0.4, 0.36, 0.34))
        cloth *= np.clip(0.88 + 0.3 * slope, 0.4, 1.15)[:, :, None]
        _paint(picture, edge, np.asarray(cloth))
        yield np.asarray(picture, dtype=np.float32)


def _balloons(height: int, width: int, fps: float, seed: int) -> Iterator[Picture]:
    y, x = _grid(height, width)
    dt, aspect = 1 / fps, width / height
    sky = np.stack([0.62 + 0.2 * y, 0.8 + 0.1 * y, 0.95 + 0 * y], axis=2)
    sky += (0.16 * np.clip(_noise(y * 5, x * 3, seed) - 0.45, 0, 1))[:, :, None]
    colours = ((0.86, 0.18, 0.2), (0.98, 0.76, 0.14), (0.2, 0.5, 0.82))
    periods = (2.0, 2.7, 3.3)  # seconds; no common beat, so each needs a texture of its own
    for t, push in enumerate(_wander(seed, 3, 0.7, dt)):
        picture = sky.copy()
        for k, (colour, period) in enumerate(zip(colours, periods, strict=True)):
            swing = (0.1 + 0.012 * push[k]) * sin(2 * pi * t * dt / period + 1.7 * k)
            foot = (0.98, aspect * (0.2 + 0.3 * k))
            head = (0.98 - 0.62 * cos(swing), foot[1] + 0.62 * sin(swing))
            _paint(picture, _rod(y, x, foot, head, 0.005, 1 / height), (0.35, 0.33, 0.33))
            _paint(picture, _disc((y - head[0]) * 0.86, x, (0, head[1]), 0.105, 1 / height), colour)
            shine = (head[0] - 0.05, head[1] - 0.045)
            _paint(picture, 0.7 * _disc(y, x, shine, 0.03, 0.05), (1.0, 1.0, 1.0))
        yield np.asarray(picture, dtype=np.float32)


def paths(fps: float, seed: int, aspect: float) -> Iterator[tuple[float, float, float, float]]:
    """The fish's nose (y, x) in picture heights, heading in radians (0 to the right, clockwise) and
    tail phase.

    It wanders, turns away from the walls and slows down in tight turns.
    """
    dt = 1 / fps
    y, x, heading, phase = 0.5, aspect / 2, 0.4, 0.0
    for (turn,) in _wander(seed, 1, 0.9, dt):
        yield y, x, heading, phase
        inward = np.arctan2(0.5 - y, aspect / 2 - x)
        crowd = max(abs(y - 0.5) / 0.5, abs(x - aspect / 2) / (aspect / 2))
        away = np.angle(np.exp(1j * (inward - heading)))
        rate = 1.5 * turn + 5.0 * max(0.0, crowd - 0.5) * float(away)
        rate = float(np.clip(rate, -2.6, 2.6))
        speed = 0.34 / (1 + 0.25 * abs(rate))
        heading += rate * dt
        phase += 2 * pi * (1.1 + 0.5 * abs(rate) / 2.6) * dt
        y += speed * sin(heading) * dt
        x += speed * cos(heading) * dt


def _fish(height: int, width: int, fps: float, seed: int) -> Iterator[Picture]:
    y, x = _grid(height, width)
    aspect, soft, link = width / height, 1.2 / height, 0.032
    screen = np.stack([0.08 + 0 * y, 0.2 + 0.03 * y, 0.82 + 0.05 * x / aspect], axis=2)
    fat = (0.024, 0.037, 0.045, 0.049, 0.048, 0.044, 0.037, 0.029, 0.021, 0.014)
    spine: list[tuple[float, float]] = []
    for nose_y, nose_x, heading, phase in paths(fps, seed, aspect):
        if not spine:
            spine = [
                (nose_y - k * link * sin(heading), nose_x - k * link * cos(heading))
                for k in range(13)
            ]
        spine[0] = (nose_y, nose_x)
        for k in range(1, 13):  # each link is pulled by the one before it
            dy, dx = spine[k][0] - spine[k - 1][0], spine[k][1] - spine[k - 1][1]
            span = hypot(dy, dx)
            spine[k] = (spine[k - 1][0] + dy * link / span, spine[k - 1][1] + dx * link / span)
        side = (-cos(heading), sin(heading))
        body = [
            (
                p + 0.0021 * k * sin(phase - 0.5 * k) * side[0],
                q + 0.0021 * k * sin(phase - 0.5 * k) * side[1],
            )
            for k, (p, q) in enumerate(spine)
        ]
        picture = np.asarray(screen, dtype=np.float32).copy()
        _paint_fish(picture, y, x, body, fat, soft)
        yield picture


def _paint_fish(
    picture: Picture,
    y: Plane,
    x: Plane,
    body: list[tuple[float, float]],
    fat: tuple[float, ...],
    soft: float,
) -> None:
    """A koi from above: tail, fins, body along its spine (13 points from the nose), marks and
    eyes."""
    ahead = (body[0][0] - body[2][0], body[0][1] - body[2][1])
    size = hypot(*ahead)
    f = (ahead[0] / size, ahead[1] / size)
    s = (-f[1], f[0])

    def at(k: int, forward: float, sideways: float) -> tuple[float, float]:
        return (
            body[k][0] + forward * f[0] + sideways * s[0],
            body[k][1] + forward * f[1] + sideways * s[1],
        )

    pale, orange, fin = (0.97, 0.93, 0.88), (0.93, 0.4, 0.1), (0.98, 0.72, 0.5)
    for k in (10, 11, 12):
        _paint(picture, _rod(y, x, body[9], body[k], 0.008 + 0.005 * (k - 9), soft), fin)
    for sign in (-1, 1):
        _paint(picture, _rod(y, x, body[3], at(4, -0.027, sign * 0.093), 0.016, soft), fin)
    for k, radius in enumerate(fat):
        _paint(picture, _disc(y, x, body[k], radius, soft), pale)
    for a, b, radius in ((2, 3, 0.027), (5, 6, 0.03), (8, 8, 0.017)):
        middle = ((body[a][0] + body[b][0]) / 2, (body[a][1] + body[b][1]) / 2)
        _paint(picture, _disc(y, x, middle, radius, 2 * soft), orange)
    for sign in (-1, 1):
        _paint(picture, _disc(y, x, at(1, 0.005, sign * 0.025), 0.008, soft), (0.08, 0.07, 0.1))


SCENES: dict[str, Scene] = {
    "pendulum": _pendulum,
    "candle": _candle,
    "waterfall": _waterfall,
    "flag": _flag,
    "balloons": _balloons,
    "fish": _fish,
}
