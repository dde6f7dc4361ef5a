"""What is under the noise, told from example pictures alone: a Denoiser with nothing trained.

Every patch of the noisy picture is answered with the example patch it most likely came from, and
every pixel is told mostly by the patch it is the centre of. The size of a patch falls with the
noise level: at high noise the picture and the examples are shrunk until the noise is bearable,
which loses nothing that could still be seen. A patch's mean colour is the example's plus a Gaussian
part of its own under the examples' colour covariance, so that colours can meet where the picture
says so. Searches are matrix products. Posteriors of patches: Zoran & Weiss 2011; nearest patches
from coarse to fine: Granot et al. 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

MOST_PATCHES = 16_384  # of one picture; more are thinned evenly
CELLS = 2**21  # of one matrix of scores, 8 MB
SMALLEST = 16  # pixels of a side; pictures are not shrunk below


@dataclass(frozen=True)
class Matching:
    """How patches are matched and answers put together; the values compared best (docs/zoom.md).

    patch: side, odd, pixels of the shrunk picture. focus: deviation of the Gaussian that weighs a
    patch's pixels where answers overlap, as a share of `patch`; small is the centre pixel alone.
    bearable: noise deviation at which a picture is used at full size; above it, it is shrunk.
    freedom: deviation of a patch's colour from its example's, as a share of the examples' spread.
    features: most directions kept of a patch.
    """

    patch: int = 5
    focus: float = 0.1
    bearable: float = 1.0
    freedom: float = 0.3
    features: int = 32

    def __post_init__(self) -> None:
        if self.patch % 2 == 0 or not 3 <= self.patch <= 7:
            raise InputError("patch", f"{self.patch} is not 3, 5 or 7")


class Example(NamedTuple):
    """A picture (C, T, H, W) in model range, and where it may be copied to.

    within: nearest and farthest distance from the middle, 1 being half the canvas.
    """

    picture: Tensor
    within: tuple[float, float] = (0.0, math.inf)


class Exemplar:
    """A Denoiser of len(banks) samples: row b is answered from the pictures of banks[b].

    banks: for each row its examples, in the order of their places: those that may be copied to one
    point stand side by side. Pictures have any size from 8 pixels; T is the samples' (frames are
    matched together, as further channels). Equal inputs give equal answers.
    """

    def __init__(
        self, banks: Sequence[Sequence[Example]], matching: Matching | None = None
    ) -> None:
        if not banks or not all(banks):
            raise InputError("examples", "a level has none", "give at least one picture a level")
        self.banks = banks
        self.matching = matching or Matching()
        self._made: dict[tuple[int, int], list[_Patches]] = {}

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        if len(x) != len(self.banks):
            raise InputError("x", f"{len(x)} samples for {len(self.banks)} banks")
        return torch.stack([self._row(b, one, float(sigma[b])) for b, one in enumerate(x)])

    def _row(self, row: int, x: Tensor, sigma: float) -> Tensor:
        """One sample (C, T, H, W), shrunk until its noise is bearable, answered, enlarged."""
        flat = rearrange(x, "c t h w -> (t c) h w")
        factor = shrinking(sigma, min(flat.shape[-2:]), self.matching.bearable)
        small = F.avg_pool2d(flat[None], factor)[0]
        clean = _answered(small, sigma / factor, self._patches(row, factor), self.matching)
        if factor > 1:
            clean = F.interpolate(clean[None], size=flat.shape[-2:], mode="bilinear")[0]
        return rearrange(clean, "(t c) h w -> c t h w", c=x.shape[0])

    def _patches(self, row: int, factor: int) -> list[_Patches]:
        """The patches of each picture of a bank at one scale; too small pictures are left out."""
        key = (row, factor)
        if key not in self._made:
            shrunk = [
                Example(F.avg_pool2d(flat, factor), within)
                for picture, within in self.banks[row]
                if min((flat := rearrange(picture, "c t h w -> (t c) h w")).shape[-2:])
                >= self.matching.patch * factor
            ]
            if not shrunk:
                raise InputError(
                    "examples", f"level {row}: all are under {factor * self.matching.patch} pixels"
                )
            self._made[key] = _prepared(shrunk, self.matching)
        return self._made[key]


def shrinking(sigma: float, side: int, bearable: float) -> int:
    """The power of two by which a picture of this side is shrunk before it is matched."""
    factor = 1
    while sigma > 2**0.5 * bearable * factor and side >= 2 * factor * SMALLEST:
        factor *= 2
    return factor


@dataclass(frozen=True)
class _Patches:
    """All patches of one picture, P of them.

    pixels: (C', h*w), row by row; place: (P,) index of each patch's first pixel; width: of the
    picture; means: (P, C'); features: (P, D) of what is left without the mean. filters and spread
    are those of the whole bank: (D, C', s, s), and the covariance (C', C') of all means.
    """

    pixels: Tensor
    place: Tensor
    width: int
    means: Tensor
    features: Tensor
    within: tuple[float, float]
    filters: Tensor
    spread: Tensor


def _prepared(bank: Sequence[Example], matching: Matching) -> list[_Patches]:
    """The patches of pictures (C', h, w) with features common to them all."""
    side = matching.patch
    cut = [F.unfold(example.picture[None], side)[0].T for example in bank]  # (P, C' s s)
    kept = [_thinned(len(patches)) for patches in cut]
    split = [rearrange(p[k], "p (c n) -> p c n", n=side**2) for p, k in zip(cut, kept, strict=True)]
    means = [patches.mean(2) for patches in split]
    details = [
        rearrange(patches - mean[..., None], "p c n -> p (c n)")
        for patches, mean in zip(split, means, strict=True)
    ]
    directions = _directions(torch.cat(details), matching.features)  # (C' s s, D)
    filters = rearrange(directions, "(c n) d -> d c n", n=side**2)
    filters = filters - filters.mean(2, keepdim=True)  # the mean comes off inside the filter
    offset = torch.cat(means)
    offset = offset - offset.mean(0)
    spread = offset.T @ offset / len(offset) + 1e-4 * torch.eye(offset.shape[1])
    return [
        _Patches(
            pixels=picture.flatten(1),
            place=_places(picture, side)[k],
            width=picture.shape[-1],
            means=mean,
            features=detail @ directions,
            within=within,
            filters=rearrange(filters, "d c (u v) -> d c u v", u=side),
            spread=spread,
        )
        for (picture, within), k, mean, detail in zip(bank, kept, means, details, strict=True)
    ]


def _places(picture: Tensor, side: int) -> Tensor:
    _, height, width = picture.shape
    top, left = torch.arange(height - side + 1), torch.arange(width - side + 1)
    return (top[:, None] * width + left).flatten()


def _thinned(count: int) -> Tensor:
    """At most MOST_PATCHES of the numbers below count, evenly."""
    return torch.linspace(0, count - 1, min(count, MOST_PATCHES)).round().long()


def _directions(details: Tensor, most: int) -> Tensor:
    """(n, D) orthonormal: the principal directions of (P, n), so white noise stays white."""
    _, vectors = torch.linalg.eigh((details.T @ details).double())
    leading: Tensor = vectors[:, -most:].flip(1)
    return leading.to(details.dtype)


def _answered(x: Tensor, sigma: float, bank: list[_Patches], matching: Matching) -> Tensor:
    """(C', h, w) clean estimate of x (C', h, w) with noise of deviation sigma."""
    side, grid = matching.patch, x.shape[-2:]
    x = F.pad(x[None], (side // 2,) * 4, mode="reflect")[0]  # every pixel is the centre of a patch
    means = F.avg_pool2d(x[None], side, stride=1)[0]
    colours = rearrange(means, "c y x -> (y x) c")
    details = rearrange(F.conv2d(x[None], bank[0].filters)[0], "d y x -> (y x) d")  # (Q, D)

    # a mean is its example's plus N(0, loose), seen through noise of deviation sigma / side
    loose = matching.freedom**2 * bank[0].spread
    total = (loose + (sigma / side) ** 2 * torch.eye(len(loose))).double()
    metric = torch.linalg.cholesky(torch.linalg.inv(total)).to(x) * sigma
    gain = torch.linalg.solve(total, loose.double()).to(x)  # E[own part | seen], transposed

    votes = torch.empty(side**2, len(x), len(colours))  # what each patch says of its pixels
    queries = torch.cat([details, colours @ metric], 1)
    for places, near in _zones(grid, bank):
        features = torch.cat([torch.cat([p.features, p.means @ metric], 1) for p in near])
        means_of = torch.cat([p.means for p in near])
        half = features.square().sum(1) / 2
        for at in torch.split(places, max(1, CELLS // len(features))):
            found = torch.addmm(-half, queries[at], features.T).argmax(1)  # least |query - patch|
            mine = means_of[found]
            own = (colours[at] - mine) @ gain  # (q, C')
            votes[:, :, at] = _chosen(near, found, side) + own.T
    return _voted(votes, grid, matching)


def _zones(grid: Sequence[int], bank: list[_Patches]) -> Iterator[tuple[Tensor, list[_Patches]]]:
    """Numbers of the query places that may copy from the same pictures, and those pictures."""
    y, x = ((torch.arange(n) + 0.5) * 2 / n - 1 for n in grid)
    distance = torch.hypot(y[:, None], x[None]).flatten()
    allowed = torch.stack([(distance >= p.within[0]) & (distance <= p.within[1]) for p in bank])
    allowed[:, ~allowed.any(0)] = True  # between all zones: anything
    zones = (allowed * 2 ** torch.arange(len(bank))[:, None]).sum(0)  # (Q,) one bit a picture
    for zone in sorted(set(zones.tolist())):
        near = [patches for k, patches in enumerate(bank) if zone >> k & 1]
        yield (zones == zone).nonzero()[:, 0], near


def _chosen(near: list[_Patches], found: Tensor, side: int) -> Tensor:
    """(s s, C', q) pixels of the patches with numbers `found`, counted through all pictures."""
    result, start = torch.empty(side**2, near[0].means.shape[1], len(found)), 0
    for patches in near:
        here = (found >= start) & (found < start + len(patches.place))
        result[:, :, here] = _copied(patches, found[here] - start, side)
        start += len(patches.place)
    return result


def _copied(patches: _Patches, found: Tensor, side: int) -> Tensor:
    place = patches.place[found]
    steps = [dy * patches.width + dx for dy in range(side) for dx in range(side)]
    return torch.stack([patches.pixels[:, place + step] for step in steps])


def _voted(votes: Tensor, grid: Sequence[int], matching: Matching) -> Tensor:
    """(C', h, w) weighted mean of what overlapping patches (s s, C', Q) say of each pixel."""
    side = matching.patch
    axis = torch.arange(side) - side // 2
    bell = torch.exp(-((axis / (matching.focus * side)) ** 2) / 2)
    weight = torch.outer(bell, bell).flatten()
    size = (grid[0] + side - 1, grid[1] + side - 1)
    total = F.fold(rearrange(votes * weight[:, None, None], "n c q -> c n q"), size, side)
    share = F.fold(weight[:, None].expand(-1, grid[0] * grid[1])[None], size, side)
    rim = slice(side // 2, -(side // 2))
    return (total / share)[:, 0, rim, rim]
