"""What are the painters' pictures drawn with? Noise fields, cells, strewn shapes, ramps and light.

Every pencil draws on a `Paper`, which holds the random numbers, the size in pixels and how near one
stands. Fields are made in the Fourier domain (Voss 1985) and cells on a jittered lattice (Worley
1996); both wrap around, so nothing has a border. Values are float32 and nothing here knows a
subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Plane = Floats  # (H, W)
Picture = Floats  # (H, W, 3), 0 … 1
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Paper:
    """A blank picture of size x size pixels.

    near: how many times closer than usual its subject is seen; everything is drawn that much
    larger.
    """

    rng: np.random.Generator
    size: int
    near: float = 1.0

    def between(self, low: float, high: float) -> float:
        """A random number."""
        return float(self.rng.uniform(low, high))

    def one_of(self, *colours: str) -> str:
        return colours[int(self.rng.integers(len(colours)))]

    def grid(self, *, turned: bool = True, moved: float = 0.0) -> tuple[Plane, Plane]:
        """y and x of the pixels' middles: -1 … 1 across the picture when near is 1.

        turned: by a random angle. moved: the origin lies up to this far from the middle.
        """
        line = (np.arange(self.size, dtype=np.float32) + 0.5) * 2 / self.size - 1
        y, x = np.meshgrid(line, line, indexing="ij")
        y, x = (axis + self.between(-moved, moved) for axis in (y, x))
        angle = self.between(0, 2 * np.pi) if turned else 0.0
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        scale = np.float32(1 / self.near)
        return (cos * y - sin * x) * scale, (sin * y + cos * x) * scale

    def fractal(self, waves: float, slope: float = 1.5, most: float = np.inf) -> Plane:
        """Smooth noise, mean 0 and deviation 1: amplitudes fall as 1 / f**slope above `waves`.

        waves, most: cycles across the picture when near is 1; there are none above `most`.
        """
        low, high = waves / self.near, most / self.near
        f = np.fft.fftfreq(self.size, 1 / self.size).astype(np.float32)
        radius = np.hypot(f[:, None], f[None, : self.size // 2 + 1])
        power = (radius**2 + low**2) ** (-slope / 2) * np.exp(-((radius / high) ** 4))
        power[0, 0] = 0
        noise = self.rng.standard_normal((self.size, self.size), dtype=np.float32)
        made = np.fft.irfft2(np.fft.rfft2(noise) * power, s=noise.shape)
        return np.asarray(made / (made.std() + 1e-9), dtype=np.float32)

    def soft(self, plane: Plane, width: float) -> Plane:
        """The plane blurred by a Gaussian of this deviation, in half pictures when near is 1."""
        f = np.fft.fftfreq(self.size).astype(np.float32)
        radius = np.hypot(f[:, None], f[None, : self.size // 2 + 1])
        bell = np.exp(-2 * (np.pi * radius * width * self.near * self.size / 2) ** 2)
        blurred = np.fft.irfft2(np.fft.rfft2(plane) * bell, s=plane.shape)
        return np.asarray(blurred, dtype=np.float32)

    def shaded(self, height: Plane, strength: float, angle: float | None = None) -> Plane:
        """Light on a landscape of this height, 1 where it is flat; the sun stands at `angle`."""
        angle = self.between(0, 2 * np.pi) if angle is None else angle
        down, across = (height - np.roll(height, 1, axis) for axis in (0, 1))
        slope = (np.cos(angle) * down + np.sin(angle) * across) * self.size * self.near / 256
        return np.asarray(1 + np.clip(slope * strength, -0.9, 0.9), dtype=np.float32)

    def shadows(self, height: Plane, angle: float, reach: float) -> Plane:
        """1 where something taller stands between a pixel and the sun, its shadow `reach` long.

        height: 0 … 1. reach: of a height of 1, half pictures when near is 1.
        """
        shade = np.zeros_like(height)
        steps = max(3, int(reach * self.near * self.size / 2))
        for k in range(1, steps + 1):
            by = (round(np.cos(angle) * k), round(np.sin(angle) * k))
            shade = np.maximum(shade, np.roll(height, by, (0, 1)) - k / steps > height + 0.02)
        return shade.astype(np.float32)


# -- colour ----------------------------------------------------------------------------------------


def colour(code: str) -> Floats:
    """(3,) of "rrggbb"."""
    return np.frombuffer(bytes.fromhex(code), np.uint8).astype(np.float32) / 255


def ramp(t: Plane, *codes: str) -> Picture:
    """(H, W, 3) the colours evenly spread over t = 0 … 1, straight lines between them."""
    table = np.stack([colour(code) for code in codes])
    at = np.linspace(0, 1, len(codes))
    return np.stack([np.interp(t, at, table[:, c]) for c in range(3)], -1).astype(np.float32)


def step(low: float, high: float, t: Plane) -> Plane:
    """0 below low, 1 above high, smooth between."""
    u = np.clip((t - low) / (high - low), 0, 1)
    return np.asarray(u * u * (3 - 2 * u), dtype=np.float32)


def mixed(under: Picture, over: Picture | Floats, share: Plane) -> Picture:
    """`over`, a picture or one colour, laid on `under` where share is 1."""
    return np.asarray(under + share[..., None] * (over - under), dtype=np.float32)


def hued(picture: Picture, amount: Plane) -> Picture:
    """The picture brighter where amount is above 1, darker where below."""
    return np.asarray(picture * amount[..., None], dtype=np.float32)


def sampled(plane: Floats, y: Plane, x: Plane) -> Floats:
    """The plane (H, W, …) at places y, x in -1 … 1, bilinear; it wraps around."""
    height, width = plane.shape[:2]
    v, u = (y + 1) * height / 2 - 0.5, (x + 1) * width / 2 - 0.5
    top, left = np.floor(v).astype(np.int64), np.floor(u).astype(np.int64)
    dv, du = v - top, u - left
    if plane.ndim == 3:
        dv, du = dv[..., None], du[..., None]
    rows, columns = (top % height, (top + 1) % height), (left % width, (left + 1) % width)
    upper = plane[rows[0], columns[0]] * (1 - du) + plane[rows[0], columns[1]] * du
    lower = plane[rows[1], columns[0]] * (1 - du) + plane[rows[1], columns[1]] * du
    return np.asarray(upper * (1 - dv) + lower * dv, dtype=np.float32)


# -- cells -----------------------------------------------------------------------------------------


class Cells(NamedTuple):
    """The plane divided among seeds; every part is (H, W).

    near, next: distance to the nearest seed and to the second; 1 is the lattice's spacing.
    tint: one random number 0 … 1 a cell. dy, dx: from the seed to the pixel.
    """

    near: Plane
    next: Plane
    tint: Plane
    dy: Plane
    dx: Plane

    @property
    def wall(self) -> Plane:
        """0 on the line between two cells, growing inwards."""
        return self.next - self.near


def cells(paper: Paper, y: Plane, x: Plane, jitter: float = 0.9) -> Cells:
    """The cell of each place (y, x), in units of the lattice; jitter 0 is a square lattice."""
    table = paper.rng.random((64, 64, 3), dtype=np.float32)
    table[..., :2] = 0.5 + jitter * (table[..., :2] - 0.5)
    found = _nearest(np.ascontiguousarray(y), np.ascontiguousarray(x), table)
    return Cells(*np.moveaxis(found, -1, 0))


@njit(cache=True)
def _nearest(y: Plane, x: Plane, table: Floats) -> Floats:
    out = np.empty((*y.shape, 5), np.float32)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            row, column = int(np.floor(y[i, j])), int(np.floor(x[i, j]))
            first, second = np.float32(1e9), np.float32(1e9)
            for a in range(row - 2, row + 3):
                for b in range(column - 2, column + 3):
                    seed = table[a % 64, b % 64]
                    dy, dx = y[i, j] - a - seed[0], x[i, j] - b - seed[1]
                    far = dy * dy + dx * dx
                    if far < first:
                        second, first = first, far
                        out[i, j, 2], out[i, j, 3], out[i, j, 4] = seed[2], dy, dx
                    elif far < second:
                        second = far
            out[i, j, 0], out[i, j, 1] = np.sqrt(first), np.sqrt(second)
    return out


# -- strewn shapes ---------------------------------------------------------------------------------

ELLIPSE, ROD, FLOWER, GLOW = 0, 1, 2, 3


class Shapes(NamedTuple):
    """N shapes, the first at the bottom.

    at: (N, 2) y and x, -1 … 1 across the picture. size: (N, 2) half length and half width, half
    pictures. angle: (N,) radians. colours: (N, 3).
    """

    at: Floats
    size: Floats
    angle: Floats
    colours: Floats


def strewn(
    paper: Paper,
    count: float,
    size: tuple[float, float],
    colours: Sequence[str],
    *,
    thin: float = 1.0,
    power: float = 1.0,
    vary: float = 0.1,
    even: bool = False,
) -> Shapes:
    """About `count` shapes for near = 1, as many fewer or more as fit a nearer or wider view.

    size: least and most half length; power > 1 makes large ones rare. thin: width over length.
    vary: deviation of brightness. even: at least a little apart, on a jittered lattice.
    """
    rng = paper.rng
    n = max(1, int(count / paper.near**2))
    at = rng.uniform(-1.15, 1.15, (n, 2))
    if even:
        side = max(1, round(n**0.5))
        line = (np.arange(side) + 0.5) / side * 2.3 - 1.15
        at = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        at += rng.uniform(-0.8, 0.8, at.shape) / side
        n = len(at)
        at = at[rng.permutation(n)]
    long = (size[0] + (size[1] - size[0]) * rng.random(n) ** power) * paper.near
    table = np.stack([colour(code) for code in colours])
    tints = table[rng.integers(len(table), size=n)] * (1 + vary * rng.standard_normal((n, 1)))
    return Shapes(
        at.astype(np.float32),
        np.stack([long, long * thin], -1).astype(np.float32),
        rng.uniform(0, 2 * np.pi, n).astype(np.float32),
        np.clip(tints, 0, 1).astype(np.float32),
    )


def laid(
    picture: Picture,
    shapes: Shapes,
    kind: int,
    *,
    dome: float = 0.0,
    sun: float = 0.8,
    edge: float = 0.0,
    petals: int = 5,
    share: float = 1.0,
) -> Picture:
    """The picture with the shapes on it.

    dome: how strongly light from the angle `sun` rounds them. edge: how much darker their rim is.
    petals: of a FLOWER. share: opacity. A GLOW is added, falling off from its middle.
    """
    out = np.ascontiguousarray(picture, dtype=np.float32).copy()
    _lay(out, *shapes, kind, dome, np.cos(sun), np.sin(sun), edge, petals, share)
    return out


@njit(cache=True)
def _lay(
    out: Picture,
    at: Floats,
    size: Floats,
    angle: Floats,
    colours: Floats,
    kind: int,
    dome: float,
    sun_y: float,
    sun_x: float,
    edge: float,
    petals: int,
    share: float,
) -> None:
    height, width = out.shape[:2]
    for n in range(len(at)):
        cy, cx = (at[n, 0] + 1) * height / 2, (at[n, 1] + 1) * width / 2
        a, b = size[n, 0] * height / 2, size[n, 1] * height / 2
        reach = max(a, b) * (3.0 if kind == 3 else 1.0) + 1.5
        cos, sin = np.cos(angle[n]), np.sin(angle[n])
        for i in range(max(0, int(cy - reach)), min(height, int(cy + reach) + 2)):
            for j in range(max(0, int(cx - reach)), min(width, int(cx + reach) + 2)):
                dy, dx = i + 0.5 - cy, j + 0.5 - cx
                v, u = cos * dy - sin * dx, sin * dy + cos * dx
                if kind == 3:
                    fall = (v * v + u * u) / (a * a)
                    glow = share * np.exp(-1.2 * fall) if fall < 9 else 0.0
                    for c in range(3):
                        out[i, j, c] += glow * colours[n, c]
                    continue
                if kind == 1:  # a rod: distance to the segment of length 2 (a - b) along v
                    t = max(b - a, min(a - b, v))
                    far, half = np.sqrt((v - t) ** 2 + u * u), b
                else:
                    far, half = np.sqrt((v * b / a) ** 2 + u * u), b
                if kind == 2:
                    around = np.arctan2(u, v)
                    half = b * (0.62 + 0.38 * np.cos(petals * around))
                cover = min(1.0, max(0.0, half - far + 0.5)) * share
                if cover <= 0:
                    continue
                inside = min(1.0, far / max(half, 1e-3))
                light = 1 - edge * inside**3
                if dome:
                    light += dome * (dy * sun_y + dx * sun_x) / max(a, 1.0) * (0.4 + inside)
                for c in range(3):
                    tone = min(1.0, max(0.0, colours[n, c] * light))
                    out[i, j, c] += cover * (tone - out[i, j, c])
