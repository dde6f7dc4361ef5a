"""The other ways to fill a zoom stack, to be measured beside joint sampling.

The three baselines of Wang et al. 2024, section 5.2, with the same Denoiser, noise levels and
seeds: independent levels, outpainting from the inside, super-resolution from the outside. Each
returns the levels' own pictures (K, C, T, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kineograph.denoise import Denoiser, Pinned, integrate, noise_from
from kineograph.prompt import Cond
from kineograph.zoom.stack import centre, enlarged, shrunk


class OneLevel:
    """A Denoiser of K levels asked for a single one: the others get its picture and are ignored.

    For denoisers whose rows differ (by example) and whose conditions hold a row a level.
    """

    def __init__(self, denoise: Denoiser, levels: int, level: int) -> None:
        self.denoise, self.levels, self.level = denoise, levels, level

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        many = x.expand(self.levels, *x.shape[1:])
        return self.denoise(many, sigma.expand(self.levels), cond)[self.level : self.level + 1]


def _sample(denoise: Denoiser, start: Tensor, sigmas: Tensor, cond: Cond, seed: int) -> Tensor:
    """One level (1, C, T, H, W); start: what is there before the first noise."""
    noise = noise_from([torch.Generator().manual_seed(seed)])
    x = start + float(sigmas[0]) * noise(start)
    for step in integrate(denoise, x, sigmas, cond, churn=1.0, noise_like=noise):
        x = step.x
    return x


def independent(
    denoise: Denoiser, shape: Sequence[int], sigmas: Tensor, cond: Cond, seeds: Sequence[int]
) -> Tensor:
    """Every level for itself. shape: (C, T, H, W)."""
    levels = len(seeds)
    blank = torch.zeros(1, *shape)
    return torch.cat(
        [
            _sample(OneLevel(denoise, levels, i), blank, sigmas, cond, seed)
            for i, seed in enumerate(seeds)
        ]
    )


def outpainted(
    denoise: Denoiser,
    shape: Sequence[int],
    sigmas: Tensor,
    cond: Cond,
    seeds: Sequence[int],
    ratio: int,
) -> Tensor:
    """From the closest level outwards: each wider one keeps the last, shrunk, in its middle."""
    levels = len(seeds)
    blank = torch.zeros(1, *shape)
    made = [_sample(OneLevel(denoise, levels, levels - 1), blank, sigmas, cond, seeds[-1])]
    mask = torch.zeros(1, *shape)
    centre(mask, ratio).fill_(1.0)
    for i in range(levels - 2, -1, -1):
        known = torch.zeros(1, *shape)
        centre(known, ratio).copy_(shrunk(made[-1], ratio))
        held = Pinned(OneLevel(denoise, levels, i), known, mask)
        made.append(_sample(held, blank, sigmas, cond, seeds[i]))
    return torch.cat(made[::-1])


def superresolved(
    denoise: Denoiser,
    shape: Sequence[int],
    sigmas: Tensor,
    cond: Cond,
    seeds: Sequence[int],
    ratio: int,
    *,
    begin: float = 1.0,
) -> Tensor:
    """From the widest level inwards: the middle of each, enlarged, gets noise and is denoised.

    begin: noise level the enlarged middle is given; lower keeps more of it.
    """
    levels = len(seeds)
    made = [_sample(OneLevel(denoise, levels, 0), torch.zeros(1, *shape), sigmas, cond, seeds[0])]
    late = sigmas[sigmas <= max(begin, float(sigmas[-2]))]
    for i in range(1, levels):
        large = enlarged(centre(made[-1], ratio), ratio)
        made.append(_sample(OneLevel(denoise, levels, i), large, late, cond, seeds[i]))
    return torch.cat(made)
