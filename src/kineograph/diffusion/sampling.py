"""The one sampling loop: DDIM, DDPM, DPM-Solver++ 2M and its stochastic form by arguments alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kineograph import pieces
from kineograph.diffusion.denoiser import Denoiser
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond


class Step(NamedTuple):
    """State after step i of n: x at noise level sigma, and the clean estimate it came from."""

    i: int
    n: int
    sigma: float
    x: Tensor
    clean: Tensor


def check_finite(stage: str, step: Step) -> None:
    """Raises KineographError when a stage answers with no number: nothing black is written."""
    if not torch.isfinite(step.clean).all():
        raise KineographError(f"stage '{stage}' step {step.i}: the network's answer is not finite")


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
    n_step: bool = False,
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
    n_step                 the N-step sampler of Imagen Video: one deterministic move of twice the
                           step, then noise back up to sigma'
    denoise: what estimates the clean x under the noise, told `cond`. noise_like: draws noise of x's
    shape, needed when churn > 0 or n_step. Arithmetic is float32 or more. Steps that an earlier run
    finished (`pieces`) are passed with its state, their noise drawn as if they were made.

        >>> levels = kg.Schedule(0.01, 100.0).grid(8)
        >>> grey = kg.Ideal(torch.zeros(1, 3, 1, 4, 4))
        >>> *_, end = kg.integrate(grey, torch.randn(1, 3, 1, 4, 4) * 100, levels, kg.Cond())
        >>> end.x.abs().max()
        tensor(0.)
    """
    levels = [float(s) for s in sigmas]
    _check(levels, order, stochastic=bool(churn or n_step), noise_like=noise_like)
    n = len(levels) - 1
    place = pieces.place(partial(_arrays, x, sigmas))
    kept = None if place is None or place.state is None else _kept(place.state, x)
    before: tuple[float, Tensor] | None = None
    for i, (sigma, to) in enumerate(pairwise(levels)):
        down, up = _n_step(levels, i) if n_step else _split(sigma, to, churn, variance)
        fresh = noise_like if up > 0 else None
        if kept is not None and i < kept.i:
            if fresh is not None:
                fresh(x)
            x, before = kept.x, (sigma, kept.clean)
            yield Step(i + 1, n, to, x, kept.clean)
            continue
        clean = denoise(x, torch.full((len(x),), sigma, device=x.device), cond)
        ahead = clean
        if order == 2 and before is not None and to > 0:
            ahead = _extrapolated(clean, sigma, to, before)
        x = ahead + (down / sigma) * (x - ahead)
        if fresh is not None:
            x = x + up * fresh(x)
        before = (sigma, clean)
        if place is not None:
            place.keep({"i": np.array(i + 1), "x": _array(x), "clean": _array(clean)})
        yield Step(i + 1, n, to, x, clean)


def _n_step(levels: list[float], i: int) -> tuple[float, float]:
    """Go `down` two levels, then back `up` one."""
    down = levels[min(i + 2, len(levels) - 1)]
    return down, float((levels[i + 1] ** 2 - down**2) ** 0.5)


def _check(levels: list[float], order: int, *, stochastic: bool, noise_like: Noise | None) -> None:
    """Raises InputError for a walk that no sampler takes."""
    if order not in (1, 2):
        raise InputError("order", f"{order} is not 1 or 2")
    if any(a <= b for a, b in pairwise(levels)):
        plain = order == 1 and not stochastic and levels[0] > 0
        if not plain or any(a >= b for a, b in pairwise(levels)):
            raise InputError("sigmas", "levels do not fall")
    if stochastic and noise_like is None:
        raise InputError("noise_like", "a stochastic sampler needs noise")


class _Kept(NamedTuple):
    """Where an earlier run stood: steps made, x after them, the last clean estimate."""

    i: int
    x: Tensor
    clean: Tensor


def _kept(state: Mapping[str, Any], x: Tensor) -> _Kept:
    made = (torch.from_numpy(state[name]).to(x.device) for name in ("x", "clean"))
    return _Kept(int(state["i"]), *made)


def _arrays(*tensors: Tensor) -> list[Any]:
    return [_array(one) for one in tensors]


def _array(x: Tensor) -> Any:
    return x.detach().cpu().numpy()


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
