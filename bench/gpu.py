"""What needs a GPU, in one script: full sizes with random weights, ours beside diffusers.

    python bench/gpu.py [--rounds 10] [--offload]

Runs when CUDA is there and says so when it is not. It was written on a machine without one and has
not been run on any: read its first figures with that in mind. Times are of CUDA events, medians of
some rounds after three to warm up. Peak is the fastest bf16 matrix product found in the same run.

- I2VGen-XL's U-Net as released (1.42 B), 16 frames of 704 x 1280, one guided evaluation: diffusers
  as it comes, and the same weights channels-last under bf16, compiled, and as a CUDA graph.
- A Wan-type transformer (1.3 B), 81 frames of 480 x 832, one evaluation, plain and compiled.
- Our base stages of Imagen Video's shapes: training samples a second, with and without
  checkpointing, and their share of the peak.
- Memory: what `study scale` forecasts for the same step beside what the allocator counted at most.
- --offload: the U-Net with its weights on the CPU, a block brought over while the last computes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import nn

from kineograph.scale import papers
from kineograph.scale.cost import STATE_BYTES, count_of

GB = 1e9
WARM = 3


def seconds(run: Callable[[], Any], rounds: int) -> float:
    """Median seconds of a job on the device."""
    for _ in range(WARM):
        run()
    times = []
    for _ in range(rounds):
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begun.record()
        run()
        ended.record()
        torch.cuda.synchronize()
        times.append(begun.elapsed_time(ended) / 1e3)
    return statistics.median(times)


def peak(rounds: int) -> float:
    """FLOP/s of the fastest bf16 matrix product of a few sizes."""
    best = 0.0
    for side in (4096, 8192):
        a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        best = max(best, 2 * side**3 / seconds(lambda a=a, b=b: a @ b, rounds))
    return best


def row(name: str, took: float, flop: float, most: float, beside: float | None = None) -> None:
    ratio = "" if beside is None else f"  {beside / took:5.2f}x"
    memory = torch.cuda.max_memory_allocated() / GB
    share = f"{flop / took / most:4.0%} of the peak"
    print(f"  {name:44} {took:8.4f} s  {share}  {memory:6.1f} GB{ratio}", flush=True)
    torch.cuda.reset_peak_memory_stats()


def graphed(run: Callable[[], Any]) -> Callable[[], Any]:
    """The job recorded once as a CUDA graph; its inputs stay where they are."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def flop_of(run: Callable[[], Any]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


# -- sampling --------------------------------------------------------------------------------------


def i2vgen(rounds: int, most: float) -> None:
    """The released U-Net, diffusers' call beside ours of the same weights."""
    from diffusers import I2VGenXLUNet

    with torch.device("cuda"):
        net = I2VGenXLUNet().to(torch.bfloat16).eval().requires_grad_(False)
        x = torch.randn(2, 4, 16, 88, 160, dtype=torch.bfloat16)
        given = {
            "timestep": torch.tensor(500),
            "fps": torch.full((2,), 16),
            "image_latents": torch.randn_like(x),
            "image_embeddings": torch.randn(2, 1, 1024, dtype=torch.bfloat16),
            "encoder_hidden_states": torch.randn(2, 77, 1024, dtype=torch.bfloat16),
            "return_dict": False,
        }
    sampled(net, partial(net, x, **given), rounds, most, "I2VGen-XL, 16 x 704 x 1280, guided")


def wan(rounds: int, most: float) -> None:
    """A transformer of Wan 2.1's small size."""
    from diffusers import WanTransformer3DModel

    with torch.device("cuda"):
        net = WanTransformer3DModel(
            num_attention_heads=12, attention_head_dim=128, ffn_dim=8960, num_layers=30
        )
        net = net.to(torch.bfloat16).eval().requires_grad_(False)
        x = torch.randn(1, 16, 21, 60, 104, dtype=torch.bfloat16)
        text = torch.randn(1, 512, 4096, dtype=torch.bfloat16)
        when = torch.tensor([500])
    run = partial(net, x, when, text, return_dict=False)
    sampled(net, run, rounds, most, "Wan type 1.3 B, 81 x 480 x 832")


def sampled(net: nn.Module, run: Callable[[], Any], rounds: int, most: float, name: str) -> None:
    print(name)
    with torch.no_grad():
        flop = flop_of(run)
        plain = seconds(run, rounds)
        row("diffusers as it comes", plain, flop, most)
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        row("channels last", seconds(run, rounds), flop, most, plain)
        row("channels last, CUDA graph", seconds(graphed(run), rounds), flop, most, plain)
        net.compile()
        row("channels last, compiled", seconds(run, rounds), flop, most, plain)


def offloaded(rounds: int, most: float) -> None:
    """Our base with its blocks' weights on the CPU, each brought over for its turn."""
    model = papers.IMAGEN_VIDEO[2]
    net, given = on_device(model, grad=False)
    run = partial(net, *given)
    flop = flop_of(run)
    with torch.no_grad():
        row(f"{model.name}, all on the device", seconds(run, rounds), flop, most)
        stream = torch.cuda.Stream()
        for block in (m for m in net.modules() if isinstance(m, papers.BLOCKS)):
            away = {k: v.cpu().pin_memory() for k, v in block.state_dict().items()}

            def bring(module: nn.Module, _: Any, away: dict[str, Any] = away) -> None:
                with torch.cuda.stream(stream):
                    for name, p in module.named_parameters():
                        p.data = away[name].to("cuda", non_blocking=True)
                torch.cuda.current_stream().wait_stream(stream)

            def leave(module: nn.Module, *_: Any, away: dict[str, Any] = away) -> None:
                for name, p in module.named_parameters():
                    p.data = away[name]

            leave(block)
            block.register_forward_pre_hook(bring)
            block.register_forward_hook(leave)
        torch.cuda.empty_cache()
        row(f"{model.name}, blocks from the CPU", seconds(run, rounds), flop, most)


# -- training --------------------------------------------------------------------------------------


def on_device(model: papers.Published, *, grad: bool) -> tuple[nn.Module, tuple[Any, ...]]:
    with torch.device("cuda"):
        net = model.build().requires_grad_(grad)
        given = model.inputs()
    return net, given


def training(rounds: int, most: float) -> None:
    """Steps of our U-Nets at the papers' shapes, one sample, bf16 where it pays."""
    from torch.utils.checkpoint import checkpoint

    for model in papers.IMAGEN_VIDEO[:4]:
        count = count_of(model)
        for again in (False, True):
            kept = count.checkpointed if again else count.kept
            forecast = STATE_BYTES * count.parameters + kept / 2
            name = f"{model.name}{', checkpointed' if again else ''}"
            if forecast > 0.9 * torch.cuda.get_device_properties(0).total_memory:
                print(f"  {name}: {forecast / GB:.0f} GB forecast, skipped")
                continue
            net, given = on_device(model, grad=True)
            for block in (m for m in net.modules() if again and isinstance(m, papers.BLOCKS)):
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
            optimizer = torch.optim.AdamW(net.parameters(), fused=True)

            def step(net: nn.Module = net, given: Any = given, optimizer: Any = optimizer) -> None:
                with torch.autocast("cuda", torch.bfloat16):
                    answer = net(*given)
                answer.float().square().mean().backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

            took = seconds(step, rounds)
            row(f"{name}: {1 / took:.2f} samples/s, forecast {forecast / GB:.0f} GB", took,
                (4 if again else 3) * count.flop, most)  # fmt: skip
            del net, given, optimizer, step
            torch.cuda.empty_cache()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--offload", action="store_true")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit(print("skipped: no GPU that torch can use"))
    torch.backends.cuda.matmul.allow_tf32 = True
    most = peak(asked.rounds)
    about = torch.cuda.get_device_properties(0)
    memory = f"{about.total_memory / GB:.0f} GB"
    print(f"{about.name}, {memory}; peak of products {most / 1e12:.0f} TFLOP/s")
    for job in (i2vgen, wan):
        with suppress(torch.cuda.OutOfMemoryError):
            try:
                job(asked.rounds, most)
            except ImportError as error:
                print(f"{job.__name__}: skipped, not installed ({error})")
        torch.cuda.empty_cache()
    print("training, one sample a step")
    training(asked.rounds, most)
    if asked.offload:
        print("offloading")
        offloaded(asked.rounds, most)


if __name__ == "__main__":
    main()
