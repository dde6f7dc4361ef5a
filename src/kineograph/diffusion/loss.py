"""How much does an error at each noise level count? Weights on the squared clean error."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

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
