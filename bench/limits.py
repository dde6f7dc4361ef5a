"""Where does the time go that the speed aims would save? Profiles of our own code, no peers.

    python bench/limits.py [--rounds 5]

The video U-Net's forward pass in both precisions, and the transformer's writing of 100 symbols, by
torch's profiler: each operator's own share of the time, one thread. What is not inside an operator
is Python and dispatch. Beside them the machine's own peaks, by which an aim can be read: the
fastest convolution, the fastest matrix product, and how fast weights can be read from memory.
"""

from __future__ import annotations

import argparse
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

HERE = Path(__file__).parent
KINDS = {  # operators by the start of their name
    "convolutions": ("aten::mkldnn_convolution", "aten::convolution", "aten::_slow_conv"),
    "matrix products": ("aten::addmm", "aten::mm", "aten::bmm", "mkldnn::_linear"),
    "attention": ("aten::_scaled_dot_product", "aten::_flash_attention"),
    "norms": ("aten::native_group_norm", "aten::native_layer_norm", "aten::_fused_rms_norm"),
    "copies": ("aten::copy_", "aten::cat", "aten::clone", "aten::contiguous", "aten::_to_copy"),
}


def shares(run: Callable[[], Any], rounds: int) -> tuple[dict[str, float], int]:
    """Share of the wall time of each kind of operator, of the rest of them, and outside of them;
    and how many operators a run calls, those inside others too.
    """
    run()
    begun = time.perf_counter()
    for _ in range(rounds):
        run()
    alone = time.perf_counter() - begun
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(rounds):
            run()
    found, other, calls = dict.fromkeys(KINDS, 0.0), 0.0, 0
    for event in seen.key_averages():
        own = event.self_cpu_time_total / 1e6
        calls += event.count // rounds
        kind = next((k for k, starts in KINDS.items() if event.key.startswith(starts)), None)
        if kind is None:
            other += own
        else:
            found[kind] += own
    whole = max(alone, sum(found.values()) + other)
    rest = {"other operators": other, "Python and dispatch": whole - sum(found.values()) - other}
    return {name: own / whole for name, own in (found | rest).items()}, calls


def told(name: str, run: Callable[[], Any], rounds: int) -> None:
    found, calls = shares(run, rounds)
    parts = sorted(found.items(), key=lambda item: -item[1])
    told = ", ".join(f"{kind} {share:.0%}" for kind, share in parts if share >= 0.01)
    print(f"{name}: {told}; {calls:,} operators", flush=True)


def unets(rounds: int) -> None:
    unets = runpy.run_path(str(HERE / "unets.py"))
    net = unets["ours"](runpy.run_path(str(HERE.parent / "recipes" / "stickers.py"))["recipe"])
    for kind, half in ((torch.float32, False), (torch.bfloat16, True)):
        peaks = [unets[f"{one}_peak"](kind, rounds) for one in ("convolution", "product")]

        def run(half: bool = half) -> None:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                net.run()

        took = unets["least"](run, rounds)
        peak = f"{net.gflop / took:.0f} GFLOP/s; peaks: convolution {peaks[0]:.0f}"
        told(f"video U-Net, {kind} ({peak}, product {peaks[1]:.0f})", run, rounds)


def writing(rounds: int) -> None:
    words = runpy.run_path(str(HERE / "words.py"))
    for rows in (1, 8):
        run, weights = words["our_writer"](rows)
        begun = time.perf_counter()
        run()
        step = (time.perf_counter() - begun) / words["SYMBOLS"]
        read = 4 * weights / reading() / step
        told(f"writing, {rows} rows ({1e3 * step:.2f} ms a symbol, of which reading the "
             f"{weights / 1e6:.2f} M weights would take {read:.0%})", run, rounds)  # fmt: skip


def reading() -> float:
    """Bytes a second that a sum reads from memory that no cache holds."""
    many = torch.ones(2**26)
    many.sum()
    begun = time.perf_counter()
    many.sum()
    return 4 * 2**26 / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    unets(rounds)
    writing(rounds)


if __name__ == "__main__":
    main()
