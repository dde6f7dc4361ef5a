"""The other ways to fill a zoom stack, to be measured beside joint sampling.

The three baselines of Wang et al. 2024, section 5.2, with the same denoisers, noise levels and
seeds: independent levels, outpainting from the inside, super-resolution from the outside. Each
takes one Denoiser a level (the same one again and again, or by example one a bank), conditions
with a row a level, what the first noise lies around (K, C, T, H, W), 0 where it is nothing, and
returns levels like it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.guidance import Pinned
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.families.zoom.stack import centre, enlarged, shrunk
from kineograph.values.prompt import Cond


def _sample(denoise: Denoiser, start: Tensor, sigmas: Tensor, cond: Cond, seed: int) -> Tensor:
    """One level (1, C, T, H, W); start: what is there before the first noise."""
    noise = noise_from([torch.Generator().manual_seed(seed)])
    x = start + float(sigmas[0]) * noise(start)
    for step in integrate(denoise, x, sigmas, cond, churn=1.0, noise_like=noise):
        x = step.x
    return x


def independent(
    levels: Sequence[Denoiser],
    around: Tensor,
    sigmas: Tensor,
    cond: Cond,
    seeds: Sequence[int],
) -> Tensor:
    """Every level for itself."""
    made = [
        _sample(denoise, around[i : i + 1], sigmas, cond[i : i + 1], seed)
        for i, (denoise, seed) in enumerate(zip(levels, seeds, strict=True))
    ]
    return torch.cat(made)


def outpainted(
    levels: Sequence[Denoiser],
    around: Tensor,
    sigmas: Tensor,
    cond: Cond,
    seeds: Sequence[int],
    *,
    ratio: int,
) -> Tensor:
    """From the closest level outwards: each wider one keeps the last, shrunk, in its middle."""
    mask = torch.zeros_like(around[:1])
    centre(mask, ratio).fill_(1.0)
    made: list[Tensor] = []
    for i in reversed(range(len(levels))):
        denoise = levels[i]
        if made:
            known = torch.zeros_like(mask)
            centre(known, ratio).copy_(shrunk(made[-1], ratio))
            denoise = Pinned(denoise, known, mask)
        made.append(_sample(denoise, around[i : i + 1], sigmas, cond[i : i + 1], seeds[i]))
    return torch.cat(made[::-1])


def superresolved(
    levels: Sequence[Denoiser],
    around: Tensor,
    sigmas: Tensor,
    cond: Cond,
    seeds: Sequence[int],
    *,
    ratio: int,
    begin: float = 1.0,
) -> Tensor:
    """From the widest level inwards: the middle of each, enlarged, gets noise and is denoised.

    begin: noise level the enlarged middle is given; lower keeps more of it.
    """
    made = [_sample(levels[0], around[:1], sigmas, cond[:1], seeds[0])]
    late = sigmas[sigmas <= max(begin, float(sigmas[-2]))]
    for i in range(1, len(levels)):
        large = enlarged(centre(made[-1], ratio), ratio)
        made.append(_sample(levels[i], large, late, cond[i : i + 1], seeds[i]))
    return torch.cat(made)
