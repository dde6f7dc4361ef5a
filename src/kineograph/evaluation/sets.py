"""How do two sets of features compare? Retrieval, Fréchet distance, nearest neighbours, intervals.

Rows are samples, columns are features. Nothing here knows what the features are of. Sums run in
float64. Every random draw takes a generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.values.errors import InputError


class Estimate(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Basis:
    """An affine map to K axes: (x - mean) @ axes. mean: (D,), axes: (D, K), both float64."""

    mean: Tensor
    axes: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """(..., D) to (..., K) float64."""
        return (x.double() - self.mean) @ self.axes


def principal(x: Tensor, count: int) -> Basis:
    """The `count` axes of largest variance of x (N, D).

    Fewer axes when N - 1 or D is smaller, or when the rest of x does not vary.
    """
    if len(x) < 2:
        raise InputError("x", f"{len(x)} rows", "axes need at least two")
    mean = x.double().mean(0)
    _, spread, axes = torch.linalg.svd(x.double() - mean, full_matrices=False)
    deviation = spread / (len(x) - 1) ** 0.5
    kept = int((deviation > 1e-9 * deviation[0].clamp(min=1e-30)).sum())
    kept = max(1, min(count, len(x) - 1, kept))
    return Basis(mean, axes[:kept].T)  # (D,), (D, K)


# -- retrieval and neighbours -------------------------------------------------------------------


def closeness(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) cosines in -1..1 of the rows of a (N, K) and b (M, K)."""
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def ranks(close: Tensor, truth: Tensor) -> Tensor:
    """(N,) how many of M candidates are at least as close as the true one; 0 is a hit at 1.

    close: (N, M), larger is closer. truth: (N,) the true candidate. Ties count against, so that a
    maker of one picture for all is not taken for a good one.
    """
    own = close.gather(1, truth[:, None])
    at_least: Tensor = (close >= own).sum(1)
    return at_least - 1


def within(rank: Tensor, k: int) -> Tensor:
    """(N,) 1.0 where the truth is among the first k, else 0.0; their mean is retrieval at k."""
    return (rank < k).double()


# -- distributions ------------------------------------------------------------------------------


def frechet(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance ≥ 0 of two Gaussians fitted to a (N, D) and b (M, D).

    |µa - µb|² + tr(A + B - 2 (A B)^½) (Dowson and Landau 1982; Heusel et al. 2017, equation 6),
    with tr (A B)^½ = tr (A^½ B A^½)^½, whose matrix is symmetric. Biased upwards by about tr(A)/N
    when samples are few: quote it beside the distance of two real sets of the same sizes.
    """
    if min(len(a), len(b)) < 2:
        raise InputError("a, b", f"{len(a)} and {len(b)} rows", "each set needs at least two")
    first, second = a.double(), b.double()
    root = _root(torch.cov(first.T).reshape(first.shape[1], -1))
    other = torch.cov(second.T).reshape(second.shape[1], -1)
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    apart = (first.mean(0) - second.mean(0)).square().sum()
    return float((apart + first.var(0).sum() + second.var(0).sum() - 2 * cross).clamp(min=0))


def kid(
    a: Tensor,
    b: Tensor,
    rng: torch.Generator,
    *,
    paired: bool = False,
    block: int = 100,
    draws: int = 100,
) -> Estimate:
    """Kernel distance of a (N, D) and b (M, D), meaned over draws of blocks (KID).

    Squared maximum mean discrepancy with the kernel (x·y / D + 1)³, its estimate without bias
    (Binkowski et al. 2018): of two sets alike it is 0 on average, whatever their size, and may be
    below. A block has `block` rows, at most half of the smaller set, none twice; the interval is
    that of single blocks, 95 %. paired: row i of a and row i of b belong together (made and real
    of one concept), so that only different rows are held against one another.
    """
    size = min(block, len(a) // 2, len(b) // 2)
    if size < 2:
        raise InputError("a, b", f"{len(a)} and {len(b)} rows", "each set needs at least four")
    found = []
    for _ in range(draws):
        order = torch.randperm(len(a), generator=rng)
        other = order[size:] if paired else torch.randperm(len(b), generator=rng)
        x, y = a.double()[order[:size]], b.double()[other[:size]]
        within_x, within_y = (_kernel(z, z).fill_diagonal_(0).sum() for z in (x, y))
        found.append((within_x + within_y) / (size * (size - 1)) - 2 * _kernel(x, y).mean())
    spread = torch.stack(found).sort().values
    low, high = spread[int(0.025 * draws)], spread[min(draws - 1, int(0.975 * draws))]
    return Estimate(float(spread.mean()), float(low), float(high))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _root(matrix: Tensor) -> Tensor:
    values, axes = torch.linalg.eigh(matrix)
    root: Tensor = axes @ torch.diag(values.clamp(min=0).sqrt()) @ axes.T
    return root


# -- intervals ----------------------------------------------------------------------------------


def mean(values: Tensor) -> Tensor:
    """Mean along the last axis."""
    return values.mean(-1)


def median(values: Tensor) -> Tensor:
    """Median along the last axis, halfway between the two middle values; infinities keep order."""
    ordered = values.sort(-1).values
    n = values.shape[-1]
    low, high = ordered[..., (n - 1) // 2], ordered[..., n // 2]
    return torch.where(low == high, low, (low + high) / 2)


def bootstrap(
    values: Tensor,
    rng: torch.Generator,
    *,
    statistic: Callable[[Tensor], Tensor] = mean,
    draws: int = 1000,
) -> Estimate:
    """The statistic of values (N,) with its 95 % percentile interval (Efron 1979).

    statistic maps (..., N) to (...). The interval is of the choice of samples, not of the seed.
    """
    if len(values) < 1:
        raise InputError("values", "are none", "give at least one")
    values = values.double()
    chosen = torch.randint(len(values), (draws, len(values)), generator=rng)
    spread = statistic(values[chosen]).sort().values  # (draws,)
    low, high = spread[int(0.025 * draws)], spread[min(draws - 1, int(0.975 * draws))]
    return Estimate(float(statistic(values)), float(low), float(high))


def halves(count: int, total: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two disjoint random choices of `count` (at most total // 2) out of `total` items."""
    order = torch.randperm(total, generator=rng)
    count = min(count, total // 2)
    return order[:count], order[count : 2 * count]
