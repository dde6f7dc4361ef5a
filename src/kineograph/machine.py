"""How fast does this machine run our networks? One short convolution is timed."""

from __future__ import annotations

import time

import torch

NETWORK_SHARE = 0.42  # measured: 0.38 in the base of stickers, 0.41 to 0.46 from space32 on


def convolution_speed(seconds: float = 0.15) -> float:
    """GFLOP/s that a network's forward pass reaches: a share of a bfloat16 convolution's speed."""
    x = torch.randn(64, 128, 8, 8, dtype=torch.bfloat16).contiguous(
        memory_format=torch.channels_last
    )
    weight = torch.randn(128, 128, 3, 3, dtype=torch.bfloat16)
    torch.nn.functional.conv2d(x, weight, padding=1)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        torch.nn.functional.conv2d(x, weight, padding=1)
        count += 1
    flop = 2 * x.numel() * 9 * 128 * count
    return NETWORK_SHARE * flop / (time.perf_counter() - begun) / 1e9
