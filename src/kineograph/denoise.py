"""What is under the noise? One protocol, its wrappers, the one sampling loop and the one loss.

A Denoiser answers with its mean clean clip; guidance, thresholding and pinned frames each take a
Denoiser and are one. `integrate` is DDIM, DDPM, DPM-Solver++ 2M and its stochastic form by
arguments alone. It knows no networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from kineograph.errors import InputError
from kineograph.noise import Coeffs, Parameterization
from kineograph.prompt import Cond


class Denoiser(Protocol):
    """x (B, C, T, H, W) = clean + sigma * noise, sigma (B,); returns the mean clean, like x."""

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor: ...


class Net(Protocol):
    """A raw network: scaled x (B, C, T, H, W), label (B,), conditions; returns like x."""

    def __call__(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor: ...


Weighting = Callable[[Tensor, Tensor], Tensor]
"Weight on the squared clean error, of sigma and the network's share `out` (both (B,))."


def eps_weighting(sigma: Tensor, out: Tensor) -> Tensor:
    """Makes the loss a noise error: 1/sigma^2 (Imagen Video)."""
    return sigma**-2


def v_weighting(sigma: Tensor, out: Tensor) -> Tensor:
    """Makes the loss a v error: 1 + 1/sigma^2."""
    return 1 + sigma**-2


def snr_weighting(sigma: Tensor, out: Tensor) -> Tensor:
    """The larger of clean and noise error: max(1, 1/sigma^2), for few steps (Salimans & Ho)."""
    return (sigma**-2).clamp(min=1)


def even_weighting(sigma: Tensor, out: Tensor) -> Tensor:
    """Makes the loss the network's own error, whatever it estimates: 1/out^2 (Karras et al.)."""
    return out**-2


WEIGHTINGS: dict[str, Weighting] = {
    "eps": eps_weighting,
    "v": v_weighting,
    "snr": snr_weighting,
    "even": even_weighting,
}


def capped(weighting: Weighting, cap: float) -> Weighting:
    """The weight up to `cap`: low noise, where 1/sigma^2 is large, does not rule the loss."""
    return lambda sigma, out: weighting(sigma, out).clamp(max=cap)


Centre = Callable[[Tensor, Cond], Tensor]


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
        if self.centre is not None:
            clean = clean - self.centre(clean, cond)
        x = clean + sigma.view(-1, 1, 1, 1, 1) * noise
        return self._error(x, sigma, clean, cond, weighting)

    def miss(
        self, x: Tensor, sigma: Tensor, target: Tensor, cond: Cond, *, weighting: Weighting
    ) -> Tensor:
        """(B,) as `loss`, where what should be answered to x is a target, not what x came from."""
        if self.centre is not None:
            centre = self.centre(x, cond)
            x, target = x - centre, target - centre
        return self._error(x, sigma, target, cond, weighting)

    def _error(
        self, x: Tensor, sigma: Tensor, clean: Tensor, cond: Cond, weighting: Weighting
    ) -> Tensor:
        """In the network's own units, where it is well scaled at every sigma:

        weight * (clean error)^2 = weight * out^2 * (F - F*)^2 with F* = (clean - skip x) / out.
        """
        c = self._coeffs(sigma, x)
        target = (clean - c.skip * x) / c.out
        error = (self.net(c.scale * x, c.label.flatten(), cond) - target).square()
        out = c.out.flatten()
        weight = weighting(sigma, out) * out.square()
        return weight * error.flatten(1).mean(1)

    def _coeffs(self, sigma: Tensor, like: Tensor) -> Coeffs:
        """The four coefficients as (B, 1, 1, 1, 1)."""
        c = self.parameterization(sigma.to(like.device))
        return Coeffs(*(part.view(-1, 1, 1, 1, 1).to(like.dtype) for part in c))


class Track:
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


class Told:
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


class Recalled:
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


class Ideal:
    """The exact Denoiser of a finite set of clips (N, C, T, H, W): their posterior mean."""

    def __init__(self, clips: Tensor) -> None:
        self.clips = clips

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        flat, points = x.flatten(1), self.clips.flatten(1).to(x)
        distance = torch.cdist(
            flat.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist"
        )
        weight = torch.softmax(-(distance**2) / (2 * sigma.double().view(-1, 1) ** 2), dim=1)
        return (weight.to(x.dtype) @ points).view_as(x)


class Step(NamedTuple):
    """State after step i of n: x at noise level sigma, and the clean estimate it came from."""

    i: int
    n: int
    sigma: float
    x: Tensor
    clean: Tensor


Noise = Callable[[Tensor], Tensor]


def noise_from(rngs: Sequence[torch.Generator]) -> Noise:
    """Standard normal noise like x (B, ...), row b from its own generator, drawn on the CPU."""

    def draw(x: Tensor) -> Tensor:
        if len(rngs) != len(x):
            raise InputError("rngs", f"{len(rngs)} generators for {len(x)} samples")
        rows = [torch.randn(x.shape[1:], generator=rng) for rng in rngs]
        return torch.stack(rows).to(device=x.device, dtype=x.dtype)

    return draw


def integrate(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    cond: Cond,
    *,
    order: int = 1,
    churn: float = 0.0,
    variance: float = 0.0,
    leap: bool = False,
    noise_like: Noise | None = None,
) -> Iterator[Step]:
    """Walk x (B, C, T, H, W) down the falling levels `sigmas` (n + 1,); yields after every step.

    Every step is  x' = clean + (down / sigma) (x - clean) + up * noise  on the VE axis:
    order 1, churn 0       DDIM: down = sigma', up = 0
    order 1, churn 1       DDPM ancestral: down = sigma'^2 / sigma; `variance` in 0..1 interpolates
                           the log of the noise variance from the posterior's (small) to the
                           forward step's (large)
    order 2, churn 0 or 1  DPM-Solver++ 2M (Lu et al. 2022, algorithm 2) and its SDE form: the
                           clean estimate is extrapolated in ln sigma from the last two
    order 1, rising levels DDIM against its direction: from a clip to the noise it would come from
    leap                   the N-step sampler of Imagen Video: one deterministic move of twice the
                           step, then noise back up to sigma'
    Noise is needed when churn > 0 or leap. Arithmetic is float32 or more.
    """
    if order not in (1, 2):
        raise InputError("order", f"{order} is not 1 or 2")
    levels = [float(s) for s in sigmas]
    if any(a <= b for a, b in pairwise(levels)):
        plain = order == 1 and not churn and not leap and levels[0] > 0
        if not plain or any(a >= b for a, b in pairwise(levels)):
            raise InputError("sigmas", "levels do not fall")
    if (churn or leap) and noise_like is None:
        raise InputError("noise_like", "a stochastic sampler needs noise")

    n = len(levels) - 1
    before: tuple[float, Tensor] | None = None
    for i, (sigma, to) in enumerate(pairwise(levels)):
        clean = denoise(x, torch.full((len(x),), sigma, device=x.device), cond)
        ahead = clean
        if order == 2 and before is not None and to > 0:
            ahead = _extrapolated(clean, sigma, to, before)
        down, up = _split(sigma, to, churn, variance)
        if leap:
            down = levels[min(i + 2, n)]
            up = (to**2 - down**2) ** 0.5
        x = ahead + (down / sigma) * (x - ahead)
        if up > 0 and noise_like is not None:
            x = x + up * noise_like(x)
        before = (sigma, clean)
        yield Step(i + 1, n, to, x, clean)


def _split(sigma: float, to: float, churn: float, variance: float) -> tuple[float, float]:
    """Go `down` without noise, then back `up` with it (Karras et al. 2022 in DDPM's steps)."""
    if churn == 0 or to == 0:
        return to, 0.0
    small = to**2 * (1 - (to / sigma) ** 2)  # variance of q(x_s | x_t, clean)
    alpha_ratio = (1 + to**2) / (1 + sigma**2)  # alpha_t^2 / alpha_s^2
    large = sigma**2 * (1 - (to / sigma) ** 2) * alpha_ratio  # variance of q(x_t | x_s), at s
    up = churn * (small ** (1 - variance) * large**variance) ** 0.5
    down = (to**2 - churn**2 * small) ** 0.5
    return down, up


def _extrapolated(clean: Tensor, sigma: float, to: float, before: tuple[float, Tensor]) -> Tensor:
    """The clean clip half a step ahead in ln sigma, from this estimate and the one before."""
    sigma_before, clean_before = before
    h = torch.log(torch.tensor([sigma_before / sigma, sigma / to], dtype=torch.float64))
    return clean + float(h[1] / (2 * h[0])) * (clean - clean_before)
