"""A network that is looked through but does not learn: a critic, while its opinion is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def still(net: nn.Module) -> Iterator[None]:
    """The network passes gradients on and takes none, while this lasts."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)
