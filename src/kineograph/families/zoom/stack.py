"""One world at K scales as a stack of pictures, and the operators of Generative Powers of Ten.

Wang et al. 2024 (arXiv 2312.02149), section 4: layer i shows the centre of layer 0 enlarged
ratio**i times. `rendered` is their image rendering, `rendered_noise` their noise rendering,
`blended` their multi-resolution blending. Shrinking is area averaging throughout, for which the
paper's identities hold exactly, not the paper's truncated Gaussian. This file draws no noise and
knows no denoiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, reduce
from torch import Tensor
from torch.nn import functional as F

from kineograph.values.clip import Clip, to_clips
from kineograph.values.errors import InputError, LimitError

MOST_LEVELS = 24  # 2**23: from a continent to a grain of sand
MOST_RATIO = 16


@dataclass(frozen=True)
class ZoomStack:
    """K levels of one world, widest first.

    layers: (K, C, T, H, W) in model range; level i + 1 shows the centre 1/ratio of level i.
    ratio: even; H and W are multiples of 2 * ratio. fps: frames a second when T > 1.
    """

    layers: Tensor
    ratio: int = 2
    fps: float = 8.0

    def __post_init__(self) -> None:
        if self.layers.ndim != 5:
            shape = tuple(self.layers.shape)
            raise InputError("layers", f"shape {shape} is not (K, C, T, H, W)")
        check_geometry(len(self.layers), self.ratio, *self.layers.shape[-2:])

    def __len__(self) -> int:
        return len(self.layers)

    def rendered(self) -> ZoomStack:
        """The same world with every level's centre filled from the finer levels."""
        return ZoomStack(rendered(self.layers, self.ratio), self.ratio, self.fps)

    def clips(self) -> list[Clip]:
        """One clip a level, clamped to [0, 1]."""
        return to_clips(self.layers, self.fps)


def check_geometry(levels: int, ratio: int, height: int, width: int) -> None:
    """Refuse a number of levels, a ratio or a canvas that cannot make a stack."""
    if levels < 1:
        raise InputError("levels", "there are none", "name at least two, widest first")
    if levels > MOST_LEVELS:
        raise LimitError(f"levels: {levels} are asked for, the limit is {MOST_LEVELS}; name fewer")
    if ratio % 2 or not 2 <= ratio <= MOST_RATIO:
        raise InputError("ratio", f"{ratio} is not an even number in 2 … {MOST_RATIO}", "use 2")
    for side in (height, width):
        if side < 2 * ratio or side % (2 * ratio):
            raise InputError(
                "size", f"{side} pixels do not divide by twice the ratio ({2 * ratio})", "use 128"
            )


# -- shrinking, cropping, placing; all act on the last two axes ------------------------------------


def shrunk(x: Tensor, ratio: int) -> Tensor:
    """(..., H/ratio, W/ratio) means of ratio x ratio squares: the paper's D with a box filter."""
    return reduce(x, "... (h a) (w b) -> ... h w", "mean", a=ratio, b=ratio)


def enlarged(x: Tensor, ratio: int) -> Tensor:
    """(K, C, T, H*ratio, W*ratio) by bilinear interpolation between pixel centres: U."""
    folded = rearrange(x, "k c t h w -> (k c) t h w")
    large = F.interpolate(folded, scale_factor=ratio, mode="bilinear", align_corners=False)
    return rearrange(large, "(k c) t h w -> k c t h w", k=len(x))


def centre(x: Tensor, ratio: int) -> Tensor:
    """The middle (..., H/ratio, W/ratio) of x, as a view."""
    height, width = x.shape[-2] // ratio, x.shape[-1] // ratio
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]


def pyramid_depth(canvas: Sequence[int], ratio: int) -> int:
    """How often a canvas (H, W) can be cropped and shrunk about its centre on whole pixels."""
    depth, span = 0, ratio
    while all(side % (2 * span) == 0 for side in canvas):
        depth, span = depth + 1, span * ratio
    return depth


# -- rendering -------------------------------------------------------------------------------------


def rendered(layers: Tensor, ratio: int) -> Tensor:
    """(K, ...) the picture at every level, finest layer first wherever one covers a pixel.

    The paper's Π_image(L; i) pastes D^(j-i)(L_j) for all j > i. With area averaging D^(j-i) is D
    applied j-i times and the centres are nested, so one pass from the finest level does it, at any
    number of levels.
    """
    return _nested(layers, ratio, 1.0)


def rendered_noise(noise: Tensor, ratio: int) -> Tensor:
    """(K, ...) noise that every level sees of one field: white, unit variance, consistent.

    noise: (K, ...) independent N(0, 1). The paper's Π_noise: the mean of ratio**2 values has
    deviation 1/ratio, so multiplying by ratio restores it exactly; and for all i
    ratio * shrunk(result[i + 1]) == centre(result[i]).
    """
    return _nested(noise, ratio, float(ratio))


def _nested(layers: Tensor, ratio: int, gain: float) -> Tensor:
    views = [layers[-1]]
    for layer in layers[:-1].flip(0):
        view = layer.clone()
        centre(view, ratio).copy_(gain * shrunk(views[-1], ratio))
        views.append(view)
    return torch.stack(views[::-1])


# -- blending --------------------------------------------------------------------------------------


def blended(estimates: Tensor, ratio: int, trust: float = 1.0) -> Tensor:
    """(K, C, T, H, W) layers folded from one estimate a level (paper, section 4.3).

    Layer i is seen whole by the levels j <= i. Each of those is cropped to layer i's field of view
    and split into Laplacian bands; a crop of level j has no bands finer than i - j. Each band is
    the weighted mean over the levels that have it: a level k steps wider than the layer weighs
    trust**k. The paper's plain mean is trust 1; less leaves a level more of its own. The bands are
    made and collapsed with the same pair (area averaging, bilinear), so levels that agree come back
    unchanged; level 0 always does.
    """
    depth = pyramid_depth(estimates.shape[-2:], ratio)
    layers = [estimates[0]]
    for i in range(1, len(estimates)):
        sums: list[Tensor] = []  # band b of layer i, finest first, summed over the levels
        for j in range(i, max(-1, i - depth - 1), -1):
            view = centre(estimates[j : j + 1], ratio ** (i - j))  # (1, C, T, H/p^(i-j), ...)
            bands = _laplacian(view, ratio, depth - (i - j))
            if i == j:
                sums = bands
                continue
            for b, band in enumerate(bands, start=i - j):
                sums[b] = sums[b] + trust ** (i - j) * band
        seen = [sum(trust**k for k in range(min(b, i) + 1)) for b in range(depth + 1)]
        means = [band / weight for band, weight in zip(sums, seen, strict=True)]
        layers.append(_collapsed(means, ratio)[0])
    return torch.stack(layers)


def bordered(layers: Tensor, ratio: int, rim: float) -> Tensor:
    """(K, C, T, H, W) layers whose borders take from the next wider layer all that it can see.

    rim: share of half a side over which that fades to nothing, from the border inwards; 0 changes
    nothing, and neither do layers that agree. The paper has none: where two levels disagree, its
    rendering shows the finer one as a square.
    """
    if not rim:
        return layers
    inside = []
    for n in layers.shape[-2:]:
        inwards = 1 - ((torch.arange(n) + 0.5) * 2 / n - 1).abs()  # 0 at the border, 1 amid
        u = (inwards / rim).clamp(max=1).to(layers)
        inside.append(u * u * (3 - 2 * u))
    share = 1 - torch.outer(*inside)
    made = [layers[:1]]
    for i in range(1, len(layers)):
        missing = centre(made[-1], ratio) - shrunk(layers[i : i + 1], ratio)
        made.append(layers[i : i + 1] + share * enlarged(missing, ratio))
    return torch.cat(made)


def _laplacian(x: Tensor, ratio: int, depth: int) -> list[Tensor]:
    """depth + 1 bands, finest first; the last is what remains."""
    bands = []
    for _ in range(depth):
        small = shrunk(x, ratio)
        bands.append(x - enlarged(small, ratio))
        x = small
    return [*bands, x]


def _collapsed(bands: list[Tensor], ratio: int) -> Tensor:
    x = bands[-1]
    for band in bands[-2::-1]:
        x = enlarged(x, ratio) + band
    return x
