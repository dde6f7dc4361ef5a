"""The question *what comes next?*: what answers it, how an answer is drawn, the one loop that asks.

Everything that writes one symbol after another (words, frame numbers, image tokens) is a
`NextSymbol` and is run by `extend`. Draw rules are pure functions from log-weights to log-weights:
temperature, the k best (Fan et al. 2018), the nucleus (Holtzman et al. 2020). The loop knows
nothing of end marks, text or pictures: the caller stops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond

# -- the contract ----------------------------------------------------------------------------------


class NextSymbol(Protocol):
    """Anything that says what comes next. Symbols are whole numbers 0 … size - 1.

    Three laws, which the tests hold for every answer:
    memory is a cache: reading N symbols at once or in pieces gives the same log-weights;
    advance is pure: it changes neither `symbols` nor `memory`, so a memory can be continued twice;
    rows are strangers: what a row is told depends on its own symbols and its own row of `cond`.
    """

    @property
    def size(self) -> int: ...

    def advance(self, symbols: Tensor, memory: Any, cond: Cond | None) -> tuple[Tensor, Any]:
        """Read on; say what may follow.

        symbols: (B, N) int64, those that come after what `memory` has read. N may be 0 only when
        memory is None and the model can begin from nothing.
        memory: None at the beginning, then what the last call returned.
        Returns (B, size) log-weights of the next symbol: any float type, no need to sum to one,
        -inf where a symbol cannot follow; and the new memory.
        """
        ...


# -- draw rules ------------------------------------------------------------------------------------


def tempered(log_weights: Tensor, temperature: float) -> Tensor:
    """Log-weights (..., size) divided by a temperature > 0: below 1 bolder, above 1 more even."""
    return log_weights / temperature


def only_top_k(log_weights: Tensor, k: int) -> Tensor:
    """Log-weights (..., size) with all but the k best at -inf.

    Of equal ones the lower symbol goes first, so exactly k stay; k ≥ size changes nothing.
    """
    if k >= log_weights.shape[-1]:
        return log_weights
    ranked = log_weights.argsort(dim=-1, descending=True, stable=True)
    return log_weights.scatter(-1, ranked[..., k:], -torch.inf)


def only_top_p(log_weights: Tensor, p: float) -> Tensor:
    """Log-weights (..., size) with all but the nucleus at -inf.

    The nucleus is the shortest list of best symbols whose probabilities sum to p or more; it holds
    at least one. Of equal ones the lower symbol goes first; p = 1 changes nothing.
    """
    if p >= 1:
        return log_weights
    ranked = log_weights.argsort(dim=-1, descending=True, stable=True)
    mass = log_weights.double().softmax(dim=-1).gather(-1, ranked)
    before = mass.cumsum(dim=-1) - mass  # what the better ones hold together
    cut = (before >= p).scatter(-1, ranked, before >= p)  # from rank back to symbol
    cut.scatter_(-1, ranked[..., :1], False)
    return log_weights.masked_fill(cut, -torch.inf)


@dataclass(frozen=True)
class Draw:
    """How a symbol is chosen: temperature first, then the k best, then the nucleus.

    temperature: ≥ 0; 0 takes the best one always (the lower symbol of equals), 1 changes nothing.
    top_k: ≥ 1, or None for all. top_p: in (0, 1]; 1 for all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InputError("temperature", f"{self.temperature} is not a number ≥ 0")
        if self.top_k is not None and self.top_k < 1:
            raise InputError("top_k", f"{self.top_k} keeps nothing", "use 1 or more, or None")
        if not 0 < self.top_p <= 1:
            raise InputError("top_p", f"{self.top_p} is not in (0, 1]")

    def __call__(self, log_weights: Tensor) -> Tensor:
        """Log-weights (..., size) under the rule: same shape, float32 or more."""
        x = log_weights if log_weights.dtype == torch.float64 else log_weights.float()
        if self.temperature == 0:
            return only_top_k(x, 1)
        if self.temperature != 1:
            x = tempered(x, self.temperature)
        if self.top_k is not None:
            x = only_top_k(x, self.top_k)
        return only_top_p(x, self.top_p)


def drawn(log_weights: Tensor, rngs: Sequence[torch.Generator]) -> Tensor:
    """One symbol a row, (B,) int64, with probability ∝ exp(log_weights), (B, size).

    Inverts the cumulated weights at one float64 drawn from each row's own CPU generator. A symbol
    of log-weight -inf is never drawn. Raises KineographError where a row allows nothing or holds
    NaN.
    """
    x = log_weights.double()
    best = x.amax(dim=-1, keepdim=True)
    if not bool(best.isfinite().all()):
        row = int((~best.isfinite()).nonzero()[0, 0])
        raise KineographError(f"row {row}: nothing can follow (best log-weight {best[row, 0]})")
    heights = (x - best).exp().cumsum(dim=-1)  # (B, size)
    shares = torch.cat([torch.rand(1, generator=rng, dtype=torch.float64) for rng in rngs])
    aim = shares.to(x.device)[:, None] * heights[:, -1:]
    last = torch.searchsorted(heights, heights[:, -1:].contiguous())  # the last one with weight
    return torch.searchsorted(heights, aim, right=True).minimum(last)[:, 0]


def row_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One CPU generator a row, each seeded by that row's own seed."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


# -- what there was to choose from -----------------------------------------------------------------


class Observed:
    """A NextSymbol that keeps what it was told last, for whoever wants to show it.

    log_weights: (B, size), those of the symbol that was drawn last; None before the first.
    """

    def __init__(self, model: NextSymbol) -> None:
        self._model = model
        self.log_weights: Tensor | None = None

    @property
    def size(self) -> int:
        return self._model.size

    def advance(self, symbols: Tensor, memory: Any, cond: Cond | None) -> tuple[Tensor, Any]:
        self.log_weights, memory = self._model.advance(symbols, memory, cond)
        return self.log_weights, memory


def top_shares(log_weights: Tensor, count: int = 8) -> list[tuple[int, float]]:
    """The likeliest symbols and their shares of a row of log-weights (size,), best first."""
    shares = log_weights.double().softmax(dim=-1)
    best = shares.topk(min(count, len(shares)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [(symbol, share) for symbol, share in pairs if share > 0]


# -- the loop --------------------------------------------------------------------------------------


def extend(
    model: NextSymbol,
    start: Tensor,
    n: int,
    draw: Draw,
    rngs: Sequence[torch.Generator],
    cond: Cond | None = None,
) -> Iterator[Tensor]:
    """What follows `start`: yields n times one symbol a row, (B,) int64 on the device of `start`.

    start: (B, N) int64, what has been said so far. rngs: one generator a row, so that row 7 draws
    the same numbers alone or in a batch; exactly one draw a row and symbol. To stop at an end mark,
    stop asking. To resume, call again with everything said so far and the same generators.

    Example: `torch.stack(list(extend(chain, start, 20, Draw(), row_generators([7]))), dim=1)`
    """
    if start.ndim != 2 or start.dtype != torch.int64:
        raise InputError("start", f"{tuple(start.shape)} {start.dtype} is not (B, N) int64")
    if start.numel() and not 0 <= int(start.min()) <= int(start.max()) < model.size:
        raise InputError("start", f"holds symbols outside 0 … {model.size - 1}")
    if n < 0:
        raise InputError("n", f"{n} is below 0")
    if len(rngs) != len(start):
        raise InputError("rngs", f"{len(rngs)} generators for {len(start)} rows", "give one a row")
    return _extended(model, start, n, draw, rngs, cond)


def _extended(
    model: NextSymbol,
    start: Tensor,
    n: int,
    draw: Draw,
    rngs: Sequence[torch.Generator],
    cond: Cond | None,
) -> Iterator[Tensor]:
    symbols, memory = start, None
    for _ in range(n):
        with torch.no_grad():
            log_weights, memory = model.advance(symbols, memory, cond)
            chosen = drawn(draw(log_weights), rngs).to(start.device)
        symbols = chosen[:, None]
        yield chosen
