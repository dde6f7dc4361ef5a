"""How much noise: one axis sigma, the schedules on it, and what a network may estimate.

x = clean + sigma * noise, noise ~ N(0, I). In the papers' variance-preserving letters
alpha = 1/sqrt(1+sigma^2), the log-SNR is lambda = -2 ln sigma, and z = alpha * x. A
parameterization is four coefficients of sigma (Karras et al. 2022, eq. 7); noise, v, flow, EDM and
clean networks differ in nothing else.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from kineograph.values.errors import InputError


class Coeffs(NamedTuple):
    """clean = skip * x + out * F(scale * x, label); each (B,)."""

    skip: Tensor
    out: Tensor
    scale: Tensor
    label: Tensor


Parameterization = Callable[[Tensor], Coeffs]


def eps(sigma: Tensor) -> Coeffs:
    """F estimates the noise (Ho et al. 2020)."""
    return Coeffs(torch.ones_like(sigma), -sigma, (1 + sigma**2).rsqrt(), sigma.log() / 4)


def v(sigma: Tensor) -> Coeffs:
    """F estimates v = alpha * noise - sigma * alpha * clean (Salimans & Ho 2022)."""
    alpha = (1 + sigma**2).rsqrt()
    return Coeffs(alpha**2, -sigma * alpha, alpha, sigma.log() / 4)


def flow(sigma: Tensor) -> Coeffs:
    """F estimates noise - clean on the path z = (1-t) clean + t noise, t = sigma/(1+sigma)."""
    share = 1 / (1 + sigma)
    return Coeffs(share, -sigma * share, share, sigma * share)


def edm(sigma: Tensor, sigma_data: float = 0.5) -> Coeffs:
    """F mixes noise and clean to a target of unit variance (Karras et al. 2022, table 1)."""
    total = (sigma**2 + sigma_data**2).rsqrt()
    return Coeffs((sigma_data * total) ** 2, sigma * sigma_data * total, total, sigma.log() / 4)


def clean(sigma: Tensor) -> Coeffs:
    """F estimates the clean clip itself (Li & He 2025): little to say where a patch is large."""
    zero = torch.zeros_like(sigma)
    return Coeffs(zero, zero + 1, (1 + sigma**2).rsqrt(), sigma.log() / 4)


PARAMETERIZATIONS: dict[str, Parameterization] = {
    "eps": eps,
    "v": v,
    "flow": flow,
    "edm": edm,
    "clean": clean,
}


class Levels(ABC):
    """Noise levels by a time u in 0 (least) … 1 (most)."""

    @abstractmethod
    def sigma(self, u: Tensor) -> Tensor:
        """Noise level at time u in 0..1; u is float64 for exact ends."""

    def grid(self, steps: int) -> Tensor:
        """(steps + 1,) falling float64 levels from the highest; the last is 0."""
        if steps < 1:
            raise InputError("steps", f"{steps} is less than 1")
        u = 1 - torch.arange(steps, dtype=torch.float64) / steps
        return torch.cat([self.sigma(u), torch.zeros(1, dtype=torch.float64)])

    def draw(self, batch: int, rng: torch.Generator) -> Tensor:
        """(B,) training levels, even in u from one random offset (Kingma et al. 2021)."""
        offset = torch.rand(1, generator=rng)
        u = (offset + torch.arange(batch) / batch) % 1
        return self.sigma(u).float()


@dataclass(frozen=True)
class Schedule(Levels):
    """Noise levels between `low` and `high`, spaced as the cosine log-SNR of Imagen Video.

    lambda(u) = -2 ln tan(a u + b) (Salimans & Ho 2022, appendix), so sigma(u) = tan(a u + b) with
    sigma(0) = low and sigma(1) = high. `middle` moves the levels where most time is spent, at 1 in
    the cosine, to where the signal is: sigma(u) = middle * tan(a u + b).

        >>> kg.Schedule(0.01, 100.0).grid(2)
        tensor([100.0000,   1.0000,   0.0000], dtype=torch.float64)
    """

    low: float
    high: float
    middle: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise InputError("schedule", f"0 < {self.low} < {self.high} does not hold")
        if not 0 < self.middle < math.inf:
            raise InputError("schedule", f"middle {self.middle} is not positive")

    def sigma(self, u: Tensor) -> Tensor:
        start, end = math.atan(self.low / self.middle), math.atan(self.high / self.middle)
        return self.middle * torch.tan(start + (end - start) * u.double())


@dataclass(frozen=True)
class ZeroTerminal(Levels):
    """Levels whose last holds no signal: alpha shifted and scaled to end at 0 (Lin et al. 2023).

    Their algorithm 1 on a continuous alpha(u); sigma is infinite at u = 1, where `most` stands for
    it. A network that estimates the noise cannot be asked there; v and edm can.
    """

    of: Levels
    most: float = 1e4

    def sigma(self, u: Tensor) -> Tensor:
        first, last = (self._alpha(torch.tensor(end, dtype=torch.float64)) for end in (0.0, 1.0))
        alpha = (self._alpha(u) - last) * first / (first - last)
        return (alpha.clamp(min=1 / self.most) ** -2 - 1).sqrt()

    def _alpha(self, u: Tensor) -> Tensor:
        return (1 + self.of.sigma(u) ** 2).rsqrt()


@dataclass(frozen=True)
class Lowest(Levels):
    """The lowest `share` of other levels: what a refinement is trained on (I2VGen-XL)."""

    of: Levels
    share: float

    def sigma(self, u: Tensor) -> Tensor:
        return self.of.sigma(u.double() * self.share)
