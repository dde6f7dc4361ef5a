"""What is under the noise? One protocol, a network as a Denoiser, the exact one of a finite set.

A Denoiser answers with its mean clean clip; guidance, thresholding and pinned frames each take a
Denoiser and are one (`guidance.py`). This file knows no networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from kineograph.diffusion.loss import Weighting
from kineograph.diffusion.schedule import Coeffs, Parameterization
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


class Denoiser(Protocol):
    """x (B, C, T, H, W) = clean + sigma * noise, sigma (B,); returns the mean clean, like x."""

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor: ...


class Net(Protocol):
    """A raw network: scaled x (B, C, T, H, W), label (B,), conditions; returns like x."""

    def __call__(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor: ...


Centre = Callable[[Tensor, Cond], Tensor]


class Learned(NamedTuple):
    """What a network is taught by: loss (B,), weighted; the clean clip as it was estimated."""

    loss: Tensor
    clean: Tensor


class Precond(nn.Module):
    """A network and what it estimates, as a Denoiser.

    With a `centre`, a clip like x known from the conditions (the stage below, enlarged), x and
    clean are taken as differences from it: the noise is the same, and what is left to learn is
    what the stage adds. A network that answers 0 then is the best linear guess.
    """

    def __init__(
        self, net: nn.Module, parameterization: Parameterization, centre: Centre | None = None
    ) -> None:
        super().__init__()
        self.net = net
        self.parameterization = parameterization
        self.centre = centre

    def forward(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        c = self._coeffs(sigma, x)
        if self.centre is not None:
            centre = self.centre(x, cond)
            return centre + self._clean(x - centre, c, cond)
        return self._clean(x, c, cond)

    def _clean(self, x: Tensor, c: Coeffs, cond: Cond) -> Tensor:
        estimate = self.net(c.scale * x, c.label.flatten(), cond)
        return c.skip * x + c.out * estimate

    def loss(
        self, clean: Tensor, noise: Tensor, sigma: Tensor, cond: Cond, *, weighting: Weighting
    ) -> Tensor:
        """(B,) weighted squared error of the clean clip, meaned over values."""
        return self._learned(clean, noise, sigma, cond, weighting).loss

    def learned(
        self, clean: Tensor, noise: Tensor, sigma: Tensor, cond: Cond, *, weighting: Weighting
    ) -> Learned:
        """The loss, and the clean clip as it was estimated."""
        return self._learned(clean, noise, sigma, cond, weighting)

    def _learned(
        self, clean: Tensor, noise: Tensor, sigma: Tensor, cond: Cond, weighting: Weighting
    ) -> Learned:
        centre = None if self.centre is None else self.centre(clean, cond)
        if centre is not None:
            clean = clean - centre
        x = clean + sigma.view(-1, 1, 1, 1, 1) * noise
        found = self._error(x, sigma, clean, cond, weighting)
        return found if centre is None else found._replace(clean=centre + found.clean)

    def miss(
        self, x: Tensor, sigma: Tensor, target: Tensor, cond: Cond, *, weighting: Weighting
    ) -> Tensor:
        """(B,) as `loss`, where what should be answered to x is a target, not what x came from."""
        if self.centre is not None:
            centre = self.centre(x, cond)
            x, target = x - centre, target - centre
        return self._error(x, sigma, target, cond, weighting).loss

    def _error(
        self, x: Tensor, sigma: Tensor, clean: Tensor, cond: Cond, weighting: Weighting
    ) -> Learned:
        """In the network's own units, where it is well scaled at every sigma:

        weight * (clean error)^2 = weight * out^2 * (F - F*)^2 with F* = (clean - skip x) / out.
        """
        c = self._coeffs(sigma, x)
        target = (clean - c.skip * x) / c.out
        answer = self.net(c.scale * x, c.label.flatten(), cond)
        error = (answer - target).square()
        out = c.out.flatten()
        weight = weighting(sigma, out) * out.square()
        return Learned(weight * error.flatten(1).mean(1), c.skip * x + c.out * answer)

    def _coeffs(self, sigma: Tensor, like: Tensor) -> Coeffs:
        """The four coefficients as (B, 1, 1, 1, 1)."""
        c = self.parameterization(sigma.to(like.device))
        return Coeffs(*(part.view(-1, 1, 1, 1, 1).to(like.dtype) for part in c))


class Ideal:
    """The exact Denoiser of a finite set of clips (N, C, T, H, W): their posterior mean.

    >>> two = kg.Ideal(torch.stack([torch.zeros(3, 1, 4, 4), torch.ones(3, 1, 4, 4)]))
    >>> two(torch.ones(1, 3, 1, 4, 4), torch.tensor([0.01]), kg.Cond()).mean()
    tensor(1.)
    """

    def __init__(self, clips: Tensor) -> None:
        self.clips = clips

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        flat, points = x.flatten(1), self.clips.flatten(1).to(x)
        distance = torch.cdist(
            flat.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist"
        )
        weight = torch.softmax(-(distance**2) / (2 * sigma.double().view(-1, 1) ** 2), dim=1)
        return (weight.to(x.dtype) @ points).view_as(x)


class Chunked:
    """The same Denoiser on `rows` samples at a time, so that memory stays bounded."""

    def __init__(self, denoise: Denoiser, rows: int) -> None:
        if rows < 1:
            raise InputError("rows", f"{rows} is less than 1")
        self.denoise, self.rows = denoise, rows

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        parts = (slice(start, start + self.rows) for start in range(0, len(x), self.rows))
        return torch.cat([self.denoise(x[at], sigma[at], cond[at]) for at in parts])
