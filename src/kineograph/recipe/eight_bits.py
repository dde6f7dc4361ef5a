"""Weights in eight bits: half the bytes of bfloat16, read back where they are loaded.

A row of a matrix, the weights of one output, is kept as whole numbers from -127 to 127 and one
scale, its largest magnitude over 127 (symmetric quantization by the absolute maximum, a scale for
each output channel: Krishnamoorthi 2018, arXiv:1806.08342, section 2). A weight is off by half a
scale at most, and by bfloat16's rounding, in which it is read. Small tensors stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kineograph.values.errors import MissingError

LEAST = 4096  # numbers of a tensor that is kept so
MOST = 127
SCALE = ".scale"
"Behind a tensor's name: the scales of its rows, (rows,) float32."


def quantized(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with every large matrix as int8 and its scales beside it."""
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.ndim < 2 or tensor.numel() < LEAST:
            made[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        scale = (rows.abs().amax(1) / MOST).clamp(min=torch.finfo(torch.float32).tiny)
        whole = torch.round(rows / scale[:, None]).clamp(-MOST, MOST)
        made[name] = whole.to(torch.int8).reshape(tensor.shape)
        made[name + SCALE] = scale
    return made


def dequantized(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file; what is kept in eight bits as bfloat16. MissingError names a bad one.

    A file without such tensors is returned as it is.
    """
    made = dict(tensors)
    for name, whole in tensors.items():
        scale = tensors.get(name + SCALE)
        if whole.dtype != torch.int8 or scale is None:
            continue
        if whole.ndim < 2 or scale.dtype != torch.float32 or scale.shape != whole.shape[:1]:
            raise MissingError(f"tensor {name + SCALE} does not fit {name}")
        rows = whole.flatten(1).float() * scale[:, None]
        made[name] = rows.to(torch.bfloat16).reshape(whole.shape)
        del made[name + SCALE]
    return made
