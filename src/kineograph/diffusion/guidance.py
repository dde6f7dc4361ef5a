"""Denoisers that wrap a Denoiser: guidance, thresholding, known values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from kineograph.diffusion.denoiser import Denoiser
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


class GuidanceSchedule:
    """A guidance scale for every step: that of the level nearest to sigma.

    sigmas: the levels steps begin at, falling. scales: one value for all of them, one a level, or
    fewer, spread evenly over the steps.
    """

    def __init__(self, sigmas: Sequence[float], scales: Sequence[float]) -> None:
        if not 1 <= len(scales) <= len(sigmas):
            raise InputError("guidance", f"{len(scales)} scales for {len(sigmas)} steps")
        n = len(sigmas)
        self.sigmas = tuple(float(sigma) for sigma in sigmas)
        self.scales = tuple(float(scales[i * len(scales) // n]) for i in range(n))

    def __call__(self, sigma: float) -> float:
        off = [abs(math.log(sigma / level)) for level in self.sigmas]
        return self.scales[off.index(min(off))]


def oscillating(
    scales: Sequence[float], *, low: float = 1.0, first: float = 0.1
) -> tuple[float, ...]:
    """Imagen Video's oscillating guidance: after the first steps every other scale is `low`.

    The paper names one pair, 15 and 1, and no number of first steps; they are a share here, one
    step at least.
    """
    constant = max(1, math.ceil(first * len(scales)))
    low_turns = range(constant, len(scales), 2)
    return tuple(low if i in low_turns else scale for i, scale in enumerate(scales))


class Guided:
    """Classifier-free guidance: u + scale * (c - u) in one network call (Ho & Salimans 2022).

    scale 1 is no guidance, and then the unconditional half is not computed; the papers' w is
    scale - 1. A function of sigma makes it a track. `negative` replaces the empty text of the
    unconditional half. `rescale` in 0 … 1 takes that share of the answer at the deviation that the
    conditional half has, sample by sample, against washed-out colours (Lin et al. 2023).

        >>> grey = kg.Ideal(torch.zeros(1, 3, 1, 4, 4))
        >>> guided = kg.Guided(grey, 5.0)
        >>> guided(torch.ones(1, 3, 1, 4, 4), torch.ones(1), kg.Cond()).abs().max()
        tensor(0.)
    """

    def __init__(
        self,
        denoise: Denoiser,
        scale: float | Callable[[float], float],
        *,
        negative: Cond | None = None,
        rescale: float = 0.0,
    ) -> None:
        if not 0 <= rescale <= 1:
            raise InputError("rescale", f"{rescale} is not in 0 … 1")
        self.denoise, self.negative, self.rescale = denoise, negative, rescale
        self.scale = scale if callable(scale) else lambda _sigma: float(scale)

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        scale = self.scale(float(sigma[0]))
        if scale == 1:
            return self.denoise(x, sigma, cond)
        away = self.negative or cond.without_words()
        both = self.denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), Cond.stack(cond, away))
        toward, base = both.chunk(2)
        clean = base + scale * (toward - base)
        if not self.rescale:
            return clean
        share = _deviation(toward) / _deviation(clean).clamp(min=1e-6)
        return clean * (1 + self.rescale * (share - 1))


def _deviation(x: Tensor) -> Tensor:
    """(B, 1, 1, 1, 1) standard deviation of a sample's values."""
    return x.flatten(1).std(dim=1).view(-1, 1, 1, 1, 1)


class GuidanceEmbedding:
    """Guidance inside the network: it is told the scale and answers in one evaluation.

    For students of a guided teacher (Meng et al. 2022), whose condition the scale has become.
    """

    def __init__(self, denoise: Denoiser, scale: float | Callable[[float], float]) -> None:
        self.denoise = denoise
        self.scale = scale if callable(scale) else lambda _sigma: float(scale)

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        told = torch.full((len(x),), self.scale(float(sigma[0])), device=x.device)
        return self.denoise(x, sigma, replace(cond, guidance=told))


class Thresholded:
    """Dynamic thresholding of the clean clip (Saharia et al. 2022, section 2.3).

    Per sample s = max(1, the `percentile` quantile of |clean|); clean is clipped to [-s, s] and
    divided by s, so it never leaves [-1, 1]; s stays within `most`. The step that follows uses the
    clipped estimate for noise and clean alike.
    """

    def __init__(
        self, denoise: Denoiser, percentile: float = 0.995, *, most: float = math.inf
    ) -> None:
        if not 0 < percentile <= 1:
            raise InputError("percentile", f"{percentile} is not in (0, 1]")
        self.denoise, self.percentile, self.most = denoise, percentile, most

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        clean = self.denoise(x, sigma, cond)
        size = clean.abs().flatten(1)
        kth = max(1, min(size.shape[1], round(self.percentile * size.shape[1])))
        bound = size.kthvalue(kth, dim=1).values.clamp(1, self.most).view(-1, 1, 1, 1, 1)
        return clean.clamp(-bound, bound) / bound


class Pinned:
    """Known values stay: where mask is 1 the clean clip is `known` (first frame, fill, extend)."""

    def __init__(self, denoise: Denoiser, known: Tensor, mask: Tensor) -> None:
        self.denoise, self.known, self.mask = denoise, known, mask

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        clean = self.denoise(x, sigma, cond)
        return self.mask * self.known + (1 - self.mask) * clean


class ReconstructionGuidance:
    """What is known guides the rest: reconstruction guidance (Ho et al. 2022, VDM, equation 7).

    clean - weight / 2 * d/dx |mask (known - clean)|^2, outside the mask; alpha of the paper and its
    gradient by z = alpha x cancel. The Denoiser must let gradients through to x.
    """

    def __init__(self, denoise: Denoiser, known: Tensor, mask: Tensor, weight: float) -> None:
        if not 0 <= weight <= 1000:
            raise InputError("weight", f"{weight} is not in 0 … 1000")
        self.denoise, self.known, self.mask, self.weight = denoise, known, mask, weight

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        with torch.enable_grad():
            asked = x.detach().requires_grad_()
            clean = self.denoise(asked, sigma, cond)
            if not clean.requires_grad:
                raise InputError("denoise", "lets no gradient through to x")
            miss = (self.mask * (self.known - clean)).square().sum()
            (slope,) = torch.autograd.grad(miss, asked)
        return clean.detach() - (1 - self.mask) * (self.weight / 2) * slope
