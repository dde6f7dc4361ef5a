"""Pictures whose every factor is known: a figure of one of four shapes and colours, somewhere.

They are what the three ways learn from, because quality, diversity and memory of a made picture can
be measured without a network: the nearest drawing, found by trying a grid of all factors, says what
a picture shows, how far it is from any true one, and where in the true range it lies. What they do
not tell: how the ways fare with photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SIZE = 16
SHAPES = ("disc", "square", "diamond", "ring")
COLOURS = {"red": (230, 50, 40), "green": (40, 170, 70), "blue": (50, 80, 220),
           "yellow": (240, 200, 40)}  # fmt: skip
NEAR, FAR = 5.0, 11.0  # where centres lie, pixels
SMALL, LARGE = 2.5, 4.5  # half widths, pixels
CLASSES = len(SHAPES) * len(COLOURS)


def drawn(kind: NDArray[np.int64], factors: NDArray[np.float64]) -> Tensor:
    """(N, 3, 1, 16, 16) in model range: kinds 0 … 15, factors (N, 3) of x, y and half width."""
    at = np.arange(SIZE) + 0.5
    dx = at[None, None, :] - factors[:, 0, None, None]
    dy = at[None, :, None] - factors[:, 1, None, None]
    half = factors[:, 2, None, None]
    apart = np.hypot(dx, dy)
    inside = np.stack(
        [
            half - apart,
            0.9 * half - np.maximum(np.abs(dx), np.abs(dy)),
            (1.3 * half - np.abs(dx) - np.abs(dy)) / np.sqrt(2),
            1.1 - np.abs(apart - half),
        ]
    )  # (shapes, N, H, W): pixels inside the edge
    shape, colour = kind // len(COLOURS), kind % len(COLOURS)
    cover = np.clip(inside[shape, np.arange(len(kind))] + 0.5, 0, 1)[:, None]
    palette = np.array(list(COLOURS.values()))[colour][:, :, None, None] / 255
    picture = 1 - cover + cover * palette  # on white
    return torch.from_numpy(2 * picture - 1).float()[:, :, None]


@dataclass(frozen=True)
class Figures:
    """A training set of `count` figures, all drawn from a seed."""

    count: int
    seed: int

    @cached_property
    def kinds(self) -> NDArray[np.int64]:
        return np.random.default_rng((self.seed, 0)).integers(CLASSES, size=self.count)

    @cached_property
    def factors(self) -> NDArray[np.float64]:
        rng = np.random.default_rng((self.seed, 1))
        low, high = [NEAR, NEAR, SMALL], [FAR, FAR, LARGE]
        return rng.uniform(low, high, (self.count, 3))

    @cached_property
    def pictures(self) -> Tensor:
        """(N, 3, 1, 16, 16) in model range."""
        return drawn(self.kinds, self.factors)


def texts(kinds: NDArray[np.int64]) -> Tensor:
    """(N, 8) a figure in words of one letter: one-hot shape and one-hot colour."""
    shape = torch.nn.functional.one_hot(torch.from_numpy(kinds // len(COLOURS)), len(SHAPES))
    colour = torch.nn.functional.one_hot(torch.from_numpy(kinds % len(COLOURS)), len(COLOURS))
    return torch.cat([shape, colour], dim=1).float()


TEXT = len(SHAPES) + len(COLOURS)


@dataclass(frozen=True)
class Read:
    """What pictures show, by the nearest drawing: kinds (N,), factors (N, 3), and how far it is.

    off: (N,) root mean square of the difference, in levels of 255.
    """

    kinds: NDArray[np.int64]
    factors: NDArray[np.float64]
    off: NDArray[np.float64]


def read(pictures: Tensor, *, steps: int = 7) -> Read:
    """The nearest of all kinds on a grid of `steps` values a factor, then of a finer grid there."""
    axes = [
        np.linspace(low, high, steps) for low, high in ((NEAR, FAR), (NEAR, FAR), (SMALL, LARGE))
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    kinds = np.repeat(np.arange(CLASSES), len(grid))
    factors = np.tile(grid, (CLASSES, 1))
    flat = pictures.flatten(1)
    near = torch.cdist(flat, drawn(kinds, factors).flatten(1)).argmin(1).numpy()
    kind, best = kinds[near], factors[near]
    gaps = np.array([axis[1] - axis[0] for axis in axes])
    shifts = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 5)] * 3, indexing="ij"), -1).reshape(
        -1, 3
    )
    off = np.full(len(flat), np.inf)
    found = best.copy()
    for shift in shifts * gaps:
        tried = best + shift
        apart = (flat - drawn(kind, tried).flatten(1)).square().mean(1).sqrt().numpy() * 127.5
        better = apart < off
        off[better], found[better] = apart[better], tried[better]
    return Read(kind, found, off)
