"""Low-rank adapters (Hu et al. 2021, LoRA): a frozen matrix W hears W + up @ down.

Every matrix of our networks is stored as one, convolutions too (blocks.Conv), so that an adapter is
two thin matrices a place. While it is trained it listens at the frozen network's places; to make
things it is added into the weights, which then cost what they cost before.
Legend: R rank, D_in and D_out of a matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import Conv
from kineograph.values.errors import InputError

MOST_RANK, MOST_PLACES, MOST_SIDE = 256, 4096, 65536


@dataclass(frozen=True)
class Place:
    """A matrix that is adapted."""

    name: str
    "The module in the network, with dots."
    outward: int
    "Rows of its weight."
    inward: int
    "Columns of its weight."


@dataclass(frozen=True)
class LowRankShape:
    """Sizes of an adapter of one network."""

    rank: int
    "Columns of up, rows of down, of the widest matrix."
    places: tuple[Place, ...]
    "The matrices it adapts."
    narrow: int = 1
    "Most times the rank of a matrix that is narrower than the widest: there fine lines are drawn."

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= MOST_RANK:
            raise InputError("rank", f"{self.rank} is not in 1 … {MOST_RANK}")
        if not 1 <= len(self.places) <= MOST_PLACES:
            raise InputError("places", f"{len(self.places)} is not in 1 … {MOST_PLACES:,}")
        for place in self.places:
            if not all(1 <= side <= MOST_SIDE for side in (place.outward, place.inward)):
                raise InputError("places", f"'{place.name}' has no matrix of usual size")
        if not 1 <= self.narrow <= MOST_RANK:
            raise InputError("narrow", f"{self.narrow} is not in 1 … {MOST_RANK}")

    def rank_of(self, place: Place) -> int:
        """Columns of a place's up: the rank, times how much narrower it is than the widest."""
        widest = max(min(one.outward, one.inward) for one in self.places)
        times = widest // min(place.outward, place.inward)
        return self.rank * min(self.narrow, times)


def places_of(net: nn.Module) -> tuple[Place, ...]:
    """Every matrix of a network that can be adapted: of its linear layers and convolutions."""
    return tuple(
        Place(name, *module.weight.shape)
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | Conv) and len(module.weight) > 1
    )


class LowRank(nn.Module):
    """The thin matrices of an adapter; they begin as no change at all."""

    def __init__(self, shape: LowRankShape) -> None:
        super().__init__()
        self.shape = shape
        self.down = nn.ParameterDict()
        self.up = nn.ParameterDict()
        for place in shape.places:
            bound = math.sqrt(3 / place.inward)
            rank = shape.rank_of(place)
            down = torch.empty(rank, place.inward).uniform_(-bound, bound)
            self.down[_key(place.name)] = nn.Parameter(down)
            self.up[_key(place.name)] = nn.Parameter(torch.zeros(place.outward, rank))

    @contextmanager
    def heard(self, net: nn.Module) -> Iterator[None]:
        """While this lasts, the network answers as if the adapter were added to its weights.

        Raises InputError for a network without one of the places.
        """
        modules = dict(net.named_modules())
        hooks = []
        for place in self.shape.places:
            module = modules.get(place.name)
            if not isinstance(module, nn.Linear | Conv):
                raise InputError("adapter", f"the network has no '{place.name}' to adapt")
            hooks.append(module.register_forward_hook(self._added(place.name)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _added(self, name: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        down, up = self.down[_key(name)], self.up[_key(name)]

        def hook(module: nn.Module, given: Any, answer: Tensor) -> Tensor:
            x = given[0]
            if isinstance(module, Conv):
                weight = rearrange(down, "r (h w i) -> r i h w", h=3, w=3)
                thin = F.conv2d(x.permute(0, 3, 1, 2), weight, padding=1).permute(0, 2, 3, 1)
            else:
                thin = F.linear(x, down)
            return answer + F.linear(thin, up)

        return hook


def _key(name: str) -> str:
    return name.replace(".", "/")


def added(
    weights: Mapping[str, Tensor], adapters: Sequence[tuple[Mapping[str, Tensor], float]]
) -> dict[str, Tensor]:
    """Weights by name with adapters added, each times its weight: sums in float32, in order.

    adapters: tensors of `LowRank`'s state by name. Raises InputError where they do not fit.
    """
    sums: dict[str, Tensor] = {}
    for tensors, times in adapters:
        for name, up in tensors.items():
            front, _, key = name.partition(".")
            if front != "up":
                continue
            place = f"{key.replace('/', '.')}.weight"
            down = tensors.get(f"down.{key}")
            old = weights.get(place)
            if old is None or down is None or tuple(old.shape) != (len(up), down.shape[1]):
                raise InputError("adapter", f"does not fit the model's '{place}'")
            change = times * (up.float() @ down.float())
            sums[place] = sums.get(place, old.float()) + change
    return {
        name: sums[name].to(old.dtype) if name in sums else old for name, old in weights.items()
    }
