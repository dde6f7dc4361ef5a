"""One world at K scales as a stack of pictures, and the operators of Generative Powers of Ten.

Wang et al. 2024 (arXiv 2312.02149), section 4: layer i shows the centre of layer 0 enlarged
ratio**i times. `rendered` is their image rendering, `rendered_noise` their noise rendering,
`blended` their multi-resolution blending. Shrinking is area averaging throughout, for which the
paper's identities hold exactly, not the paper's truncated Gaussian. This file draws no noise and
knows no denoiser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import torch
from einops import rearrange, reduce
from torch import Tensor
from torch.nn import functional as F

from kineograph.values.clip import Clip, to_clips
from kineograph.values.errors import InputError, LimitError

MOST_LEVELS = 24  # 2**23: from a continent to a grain of sand
MOST_RATIO = 16
MOST_PARTS = 4  # of a ratio between whole numbers: 3/2, 4/3, 5/4 …
Ratio = int | Fraction


@dataclass(frozen=True)
class ZoomStack:
    """K levels of one world, widest first.

    layers: (K, C, T, H, W) in model range; level i + 1 shows the centre 1/ratio of level i.
    ratio: above 1; H and W divide by it, the centre on whole pixels. fps: frames a second when
    T > 1.
    """

    layers: Tensor
    ratio: Ratio = 2
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


def check_geometry(levels: int, ratio: Ratio, height: int, width: int) -> None:
    """Refuse a number of levels, a ratio or a canvas that cannot make a stack."""
    if levels < 1:
        raise InputError("levels", "there are none", "name at least two, widest first")
    if levels > MOST_LEVELS:
        raise LimitError(f"levels: {levels} are asked for, the limit is {MOST_LEVELS}; name fewer")
    whole = Fraction(ratio)
    if not 1 < whole <= MOST_RATIO or whole.denominator > MOST_PARTS:
        remedy = "use 2, 4 or 1.5"
        raise InputError("ratio", f"{ratio} is not within 1 … {MOST_RATIO}, a simple one", remedy)
    for side in (height, width):
        if side / whole < 2 or side % whole.numerator or not _whole_crop(side, whole):
            twice = isinstance(ratio, int) and ratio % 2 == 0
            by = f"twice the ratio ({2 * ratio})" if twice else f"the ratio {float(ratio):g}"
            remedy = f"use {fitting(side, ratio)}"
            raise InputError("size", f"{side} pixels do not divide by {by}", remedy)


def _whole_crop(side: int, ratio: Fraction) -> bool:
    """Whether the middle 1/ratio of a side begins and ends between pixels."""
    small = side / ratio
    return small.denominator == 1 and small >= 1 and (side - small) % 2 == 0


def exact(ratio: float) -> Ratio:
    """A ratio as the operators take it: a whole number, or a fraction of small ones (1.5 = 3/2)."""
    found = Fraction(ratio).limit_denominator(MOST_PARTS)
    return int(found) if found.denominator == 1 else found


def fitting(side: int, ratio: Ratio) -> int:
    """The side nearest to one of so many pixels that a ratio divides, twice over if it can."""
    step = 2 * ratio if isinstance(ratio, int) else 2 * ratio.numerator**2
    return max(step, round(side / step) * step)


# -- shrinking, cropping, placing; all act on the last two axes ------------------------------------


def shrunk(x: Tensor, ratio: Ratio) -> Tensor:
    """(..., H/ratio, W/ratio) means of ratio x ratio squares: the paper's D with a box filter."""
    if isinstance(ratio, Fraction):
        return _by_blocks(x, _areas(ratio))
    return reduce(x, "... (h a) (w b) -> ... h w", "mean", a=ratio, b=ratio)


def _by_blocks(x: Tensor, block: Tensor) -> Tensor:
    """x with every p pixels of a row, and of a column, turned into q by a matrix (q, p)."""
    block = block.to(x)
    p = block.shape[1]
    for axis in (-1, -2):
        lines = x.movedim(axis, -1)
        parts = rearrange(lines, "... (n p) -> ... n p", p=p) @ block.T
        x = rearrange(parts, "... n q -> ... (n q)").movedim(-1, axis)
    return x


@cache
def _areas(ratio: Fraction) -> Tensor:
    """(q, p) float64: the share of each of p pixels in each of q that cover the same line."""
    p, q = ratio.numerator, ratio.denominator
    edges = torch.arange(p, dtype=torch.float64)
    lows = torch.arange(q, dtype=torch.float64)[:, None] * p / q
    overlap = torch.minimum(edges + 1, lows + p / q) - torch.maximum(edges, lows)
    return overlap.clamp(min=0) * q / p


@cache
def _whitened(ratio: Fraction) -> Tensor:
    """(q, p) float64: the areas with orthonormal rows, the nearest that keep noise white."""
    u, _, v = torch.linalg.svd(_areas(ratio), full_matrices=False)
    return torch.matmul(u, v)


def enlarged(x: Tensor, ratio: Ratio) -> Tensor:
    """(K, C, T, H*ratio, W*ratio) by bilinear interpolation between pixel centres: U."""
    folded = rearrange(x, "k c t h w -> (k c) t h w")
    size = [int(side * ratio) for side in x.shape[-2:]]
    large = F.interpolate(folded, size=size, mode="bilinear", align_corners=False)
    return rearrange(large, "(k c) t h w -> k c t h w", k=len(x))


def centre(x: Tensor, ratio: Ratio) -> Tensor:
    """The middle (..., H/ratio, W/ratio) of x, as a view."""
    height, width = (int(side // ratio) for side in x.shape[-2:])
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]


def pyramid_depth(canvas: Sequence[int], ratio: Ratio) -> int:
    """How often a canvas (H, W) can be cropped and shrunk about its centre on whole pixels."""
    depth, span = 0, Fraction(ratio)
    while all(_whole_crop(side, span) for side in canvas):
        depth, span = depth + 1, span * ratio
    return depth


# -- rendering -------------------------------------------------------------------------------------


def rendered(layers: Tensor, ratio: Ratio) -> Tensor:
    """(K, ...) the picture at every level, finest layer first wherever one covers a pixel.

    The paper's Π_image(L; i) pastes D^(j-i)(L_j) for all j > i. With area averaging D^(j-i) is D
    applied j-i times and the centres are nested, so one pass from the finest level does it, at any
    number of levels.
    """
    return _nested(layers, ratio, lambda view: shrunk(view, ratio))


def rendered_noise(noise: Tensor, ratio: Ratio) -> Tensor:
    """(K, ...) noise that every level sees of one field: white, unit variance, consistent.

    noise: (K, ...) independent N(0, 1). The paper's Π_noise: the mean of ratio**2 values has
    deviation 1/ratio, so multiplying by ratio restores it exactly; and for all i
    ratio * shrunk(result[i + 1]) == centre(result[i]). Squares of a ratio between whole numbers
    share pixels, so their means are not white; there the nearest orthonormal sums take their place.
    """
    if isinstance(ratio, Fraction):
        return _nested(noise, ratio, lambda view: _by_blocks(view, _whitened(ratio)))
    return _nested(noise, ratio, lambda view: float(ratio) * shrunk(view, ratio))


def _nested(layers: Tensor, ratio: Ratio, small: Callable[[Tensor], Tensor]) -> Tensor:
    views = [layers[-1]]
    for layer in layers[:-1].flip(0):
        view = layer.clone()
        centre(view, ratio).copy_(small(views[-1]))
        views.append(view)
    return torch.stack(views[::-1])


# -- blending --------------------------------------------------------------------------------------


def blended(estimates: Tensor, ratio: Ratio, trust: float = 1.0) -> Tensor:
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
            bands = laplacian(view, ratio, depth - (i - j))
            if i == j:
                sums = bands
                continue
            for b, band in enumerate(bands, start=i - j):
                sums[b] = sums[b] + trust ** (i - j) * band
        seen = [sum(trust**k for k in range(min(b, i) + 1)) for b in range(depth + 1)]
        means = [band / weight for band, weight in zip(sums, seen, strict=True)]
        layers.append(_collapsed(means, ratio)[0])
    return torch.stack(layers)


def bordered(layers: Tensor, ratio: Ratio, rim: float) -> Tensor:
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


def laplacian(x: Tensor, ratio: Ratio, depth: int) -> list[Tensor]:
    """depth + 1 bands, finest first; the last is what remains."""
    bands = []
    for _ in range(depth):
        small = shrunk(x, ratio)
        bands.append(x - enlarged(small, ratio))
        x = small
    return [*bands, x]


def _collapsed(bands: list[Tensor], ratio: Ratio) -> Tensor:
    x = bands[-1]
    for band in bands[-2::-1]:
        x = enlarged(x, ratio) + band
    return x
