"""How can one step do the work of many? Targets for a student, made by a teacher Denoiser.

Two kinds (Meng et al. 2022 and Salimans & Ho 2022, as Imagen Video joins them): the answer of the
teacher's two guided halves at once, the scale drawn anew for every sample; and the one clean clip
that carries a single DDIM step to where the teacher's several steps end. No networks, no loop, no
weights: what is learned from the targets is a lesson's affair.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.schedule import Schedule
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


def guided(denoise: Denoiser, x: Tensor, sigma: Tensor, cond: Cond, scale: Tensor) -> Tensor:
    """The guided clean clip, each sample at a scale of its own (B,), in one network call."""
    both = Cond.stack(cond, cond.without_words())
    toward, base = denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), both).chunk(2)
    return base + _as(scale, x) * (toward - base)


def scales(batch: int, most: float, rng: torch.Generator) -> Tensor:
    """(B,) guidance scales in 1 … most, even in their logarithm: small ones are used most."""
    return (torch.rand(batch, generator=rng) * math.log(most)).exp()


def moves(
    schedule: Schedule, steps: int, places: Tensor, *, hops: int = 2, n_step: bool = False
) -> Tensor:
    """(hops + 1, B) levels that a teacher visits within one move of a student.

    The student walks `schedule` in `steps` steps; row b stands at the beginning of step places[b],
    0 being the noisiest. The levels are even in the schedule's time. With `n_step` the move is
    twice as long, as the N-step sampler's are (`integrate`), and cut at no noise. The last level is
    0 where the walk ends there.
    """
    if steps < 1 or hops < 1:
        raise InputError("steps", f"{steps} steps of {hops} hops; each is at least 1")
    start = 1 - places.double() / steps
    end = (start - (2 if n_step else 1) / steps).clamp(min=0)
    end[end < 0.5 / steps] = 0  # rounding
    share = torch.arange(hops + 1, dtype=torch.float64)[:, None] / hops
    u = start + share * (end - start)
    return torch.where(u > 0, schedule.sigma(u), 0.0)


def walked(denoise: Denoiser, x: Tensor, levels: Tensor, cond: Cond) -> Tensor:
    """Where DDIM steps down `levels` (n + 1, B), each sample's own, lead from x."""
    for sigma, to in pairwise(levels):
        clean = denoise(x, sigma.to(x), cond)
        x = clean + _as(to / sigma, x) * (x - clean)
    return x


def target(denoise: Denoiser, x: Tensor, levels: Tensor, cond: Cond) -> Tensor:
    """The clean clip with which one DDIM step from levels[0] lands where the teacher's steps do.

    From x'' = clean + r (x - clean) with r = sigma''/sigma follows clean = (x'' - r x) / (1 - r)
    (Salimans & Ho 2022, appendix G, on this package's axis). A walk that ends at no noise has
    r = 0 and the teacher's last clean clip; nothing degenerates.
    """
    r = _as(levels[-1] / levels[0], x)
    return (walked(denoise, x, levels, cond) - r * x) / (1 - r)


def _as(row: Tensor, x: Tensor) -> Tensor:
    """(B,) as (B, 1, 1, 1, 1) of x's kind."""
    return row.to(x).view(-1, 1, 1, 1, 1)
