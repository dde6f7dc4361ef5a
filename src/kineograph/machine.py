"""In which numbers does this machine run our networks, and how fast? A convolution is timed."""

from __future__ import annotations

import platform
import time

import torch

NETWORK_SHARE = 0.42  # measured: 0.38 in the base of stickers, 0.41 to 0.46 from space32 on


def halves_pay(device: str = "cpu") -> bool:
    """Whether a device has instructions for bfloat16.

    A processor without them (an x86 with AVX2 alone) multiplies matrices in bfloat16 sixty times
    slower than in float32, and convolves nine times slower. A torch without oneDNN, as on a Mac,
    cannot be asked, and counts as without.
    """
    if device != "cpu":
        return True
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    known = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    intel = platform.machine().lower() in ("x86_64", "amd64")
    return bool(known and (not intel or torch.cpu._is_avx512_bf16_supported()))


def autocast(device: str, *, enabled: bool = True) -> torch.autocast:
    """bfloat16 inside a network, where it pays; float32 elsewhere, or if it is not enabled."""
    return torch.autocast(device, torch.bfloat16, enabled=enabled and halves_pay(device))


def convolution_speed(seconds: float = 0.15) -> float:
    """GFLOP/s that a network's forward pass reaches: a share of a convolution's speed."""
    numbers = torch.bfloat16 if halves_pay() else torch.float32
    x = torch.randn(64, 128, 8, 8, dtype=numbers).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, dtype=numbers)
    torch.nn.functional.conv2d(x, weight, padding=1)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        torch.nn.functional.conv2d(x, weight, padding=1)
        count += 1
    flop = 2 * x.numel() * 9 * 128 * count
    return NETWORK_SHARE * flop / (time.perf_counter() - begun) / 1e9
