"""torch's Muon, in numbers that the machine computes with quickly.

torch orthogonalizes in bfloat16, whatever the machine: a processor without instructions for it
spends ten times as long there as in all the rest of a step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from kineograph import machine


class Muon(torch.optim.Muon):
    """Muon (Jordan et al. 2024); Newton-Schulz in float32 where bfloat16 does not pay."""

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        device = self.param_groups[0]["params"][0].device.type
        with nullcontext() if machine.halves_pay(device) else _Whole():
            loss: float | None = super().step(closure)  # type: ignore[no-untyped-call]
        return loss


class _Whole(TorchFunctionMode):
    """A copy in float32 is made where one in bfloat16 is asked for."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.bfloat16:
            return args[0].to(torch.float32, copy=True)
        return func(*args, **(kwargs or {}))
