"""Does each thing's place look at its own words? A loss on what a network's text layers attend to.

A network that has learned "a cat left of a tree" from errors in pixels alone draws two things in
the right places, each of them a mixture of both: nothing told it which name is meant where. Here a
place is told: of all it attends to among the names, its own thing's name should have the most
(after Wang et al. 2023, TokenCompose, which lets a token's map lie on its thing). It costs one more
product of queries and keys, in training alone.
Legend: B batch, L tokens, A heads, E width of a head, K things, H W.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import SpaceAttention
from kineograph.values.prompt import Cond


class Attended(NamedTuple):
    """What one layer asked and was told: queries (B, H, W, D), keys and values (B, 1 + L, 2 D)."""

    head: int
    queries: Tensor
    keys: Tensor


@contextmanager
def watching(net: nn.Module) -> Iterator[list[Attended]]:
    """What all text layers attend to, in the order in which they run, while the context is open."""
    seen: list[Attended] = []
    told: dict[nn.Module, Tensor] = {}
    hooks = []
    for layer in net.modules():
        if isinstance(layer, SpaceAttention):
            hooks.append(layer.text_kv.register_forward_hook(_keeping(told)))
            hooks.append(layer.text_q.register_forward_hook(_asking(seen, told, layer)))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _keeping(told: dict[nn.Module, Tensor]):  # type: ignore[no-untyped-def]
    def hook(layer: nn.Module, _: object, made: Tensor) -> None:
        told[layer] = made

    return hook


def _asking(seen: list[Attended], told: dict[nn.Module, Tensor], layer: SpaceAttention):  # type: ignore[no-untyped-def]
    def hook(_: nn.Module, __: object, made: Tensor) -> None:
        seen.append(Attended(layer.head, made, told[layer.text_kv]))

    return hook


def misplaced(seen: list[Attended], cond: Cond) -> Tensor:
    """Mean of -log of the share that a place's own name has of what it attends to among all names.

    Over the places of all things, of scenes in which two or more are named; 0 without such. ln 2
    is a network that knows nothing of two things.
    """
    parts, places = cast(Tensor, cond.parts), cast(Tensor, cond.places)
    things = range(1, places.shape[1] + 1)
    named = F.pad(torch.stack([parts == k for k in things], 1), (1, 0))  # (B, K, 1 + L)
    rows = (named.any(2).sum(1) > 1).nonzero()[:, 0]
    if not len(rows) or not seen:
        return places.new_zeros(())
    named, places = named[rows], places[rows]
    with torch.autocast(places.device.type, enabled=False):  # of eight bits a log is worth little
        return torch.stack([_layer(one, named, places, rows) for one in seen]).mean()


def _layer(one: Attended, named: Tensor, places: Tensor, rows: Tensor) -> Tensor:
    q = rearrange(one.queries[rows].float(), "b h w (a e) -> b a (h w) e", e=one.head)
    keys = one.keys[rows][..., : one.keys.shape[-1] // 2].float()
    k = rearrange(keys, "b l (a e) -> b a l e", e=one.head)
    logits = q @ k.transpose(-1, -2) * one.head**-0.5  # (B, A, HW, 1 + L)
    closed = ~named.any(1)[:, None, None]
    share = logits.masked_fill(closed, -1e4).softmax(-1).mean(1)  # (B, HW, 1 + L)
    own = torch.einsum("bpl,bkl->bkp", share, named.float())
    height, width = one.queries.shape[1:3]
    there = F.adaptive_avg_pool2d(places, (height, width)).flatten(2)  # (B, K, HW)
    return -(there * own.clamp(min=1e-6).log()).sum() / there.sum().clamp(min=1e-6)
