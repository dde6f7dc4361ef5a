"""Do the levels of a zoom agree, do their borders show, are they as sharp as their examples?

Functions of pictures (K, C, T, H, W) or (C, T, H, W) in model range, -1 … 1.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from einops import reduce
from torch import Tensor

from kineograph.families.zoom.stack import centre, rendered, shrunk

PEAK = 2.0  # width of the model range


def psnr(one: Tensor, other: Tensor) -> float:
    """Peak signal to noise ratio, decibels; infinite for equals."""
    error = float((one - other).square().mean())
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)


def agreement(estimates: Tensor, ratio: int) -> list[float]:
    """K - 1 PSNRs, decibels: level i + 1 shrunk, against the centre of level i.

    estimates: each level's own picture, as the denoiser gave it before anything was blended or
    rendered; rendered levels agree by construction.
    """
    return [
        psnr(shrunk(finer, ratio), centre(wider, ratio)) for wider, finer in pairwise(estimates)
    ]


def seam_energy(layers: Tensor, ratio: int) -> list[float]:
    """K - 1 ratios: mean squared step across a finer level's border, over that of steps beside it.

    layers: each level's own picture; they are rendered first. The steps compared with are those
    parallel to the border one to four pixels in and out, on the same lines. 1 is no seam.
    """
    return [_seam(view, ratio) for view in rendered(layers, ratio)[:-1]]


def _seam(view: Tensor, ratio: int) -> float:
    """One picture (C, T, H, W) with a finer level in its centre."""
    on, beside = [], []
    for picture in (view, view.transpose(-1, -2)):  # left and right borders, then top and bottom
        height, width = picture.shape[-2:]
        inner = slice((height - height // ratio) // 2, (height + height // ratio) // 2)
        steps = picture.diff(dim=-1).square()[..., inner, :].mean((0, 1, 2))  # (W - 1,)
        for border in ((width - width // ratio) // 2, (width + width // ratio) // 2):
            near = [k for k in range(border - 5, border + 4) if k != border - 1]
            on.append(steps[border - 1])
            beside += [steps[k] for k in near if 0 <= k < len(steps)]
    return float(torch.stack(on).mean() / torch.stack(beside).mean().clamp(min=1e-12))


def band_powers(picture: Tensor) -> Tensor:
    """(B,) power in octaves of radial frequency, decibels, from 2 cycles a picture to Nyquist.

    picture: (C, T, H, W) with H = W. The mean of its channels, less its mean, under a Hann window;
    each band is the mean of |FFT|^2 over the frequencies in it.
    """
    grey = reduce(picture.double(), "c t h w -> t h w", "mean")
    size = grey.shape[-1]
    window = torch.hann_window(size, dtype=torch.float64)
    grey = (grey - grey.mean((-1, -2), keepdim=True)) * window * window[:, None]
    power = torch.fft.fft2(grey).abs().square().mean(0) / size**2
    f = torch.fft.fftfreq(size, dtype=torch.float64) * size
    radius = torch.hypot(f[:, None], f)
    edges = [2**k for k in range(1, int(math.log2(size)))]  # 2, 4, … size / 2
    bands = [power[(radius >= low) & (radius < 2 * low)].mean() for low in edges[:-1]]
    return 10 * torch.log10(torch.stack(bands).clamp(min=1e-12))
