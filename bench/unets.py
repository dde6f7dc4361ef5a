"""How fast is the video U-Net? Ratios to its peers and to the machine's own peaks, from one run.

    python bench/unets.py [--rounds 5] [--peers FOLDER]

Peers are optional: lucidrains' imagen-pytorch (`Unet3D`) and diffusers (`UNet3DConditionModel`),
each made as wide as brings its forward FLOPs nearest to ours and compared per FLOP; torch counts
them. They install beside, never into, the package:

    pip install --no-deps --target FOLDER imagen-pytorch diffusers

Times are the least of some rounds in which all take turns, so that a busy machine slows all alike.
Weights are random: they do not change the speed. The last table is the whole cascade as its teacher
and as its student would run it.
"""

from __future__ import annotations

import argparse
import importlib.util
import runpy
import sys
import time
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kineograph import recipe as recipes
from kineograph.diffusion.cascade import Sampling
from kineograph.recipe import Cascade
from kineograph.recipe.cascade import cascade_maker, cascade_stage
from kineograph.values.prompt import Cond, Prompt

RECIPES = Path(__file__).parent.parent / "recipes"
BATCH, FRAMES, SIZE, WORDS, TEXT = 2, 8, 16, 24, 384


class Net(NamedTuple):
    """A network ready to be timed: its forward pass on fixed inputs, its weights, its GFLOP."""

    name: str
    run: Callable[[], Tensor]
    module: nn.Module
    gflop: float


# -- peaks ----------------------------------------------------------------------------------------


def least(run: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of some rounds, after a first."""
    run()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def convolution_peak(kind: torch.dtype, rounds: int) -> float:
    """GFLOP/s of the fastest 3x3 convolution of a few sizes, channels last."""
    best = 0.0
    for batch, width, side in ((64, 128, 8), (64, 256, 16), (256, 256, 8)):
        x = torch.randn(batch, width, side, side, dtype=kind)
        x = x.contiguous(memory_format=torch.channels_last)
        weight = torch.randn(width, width, 3, 3, dtype=kind)
        weight = weight.contiguous(memory_format=torch.channels_last)
        took = least(lambda x=x, weight=weight: F.conv2d(x, weight, padding=1), rounds)
        best = max(best, 2 * 9 * x.numel() * width / took / 1e9)
    return best


def product_peak(kind: torch.dtype, rounds: int) -> float:
    """GFLOP/s of the fastest matrix product of a few sizes."""
    best = 0.0
    for rows, width in ((512, 1024), (2048, 1024)):
        a, b = torch.randn(rows, width, dtype=kind), torch.randn(width, width, dtype=kind)
        best = max(best, 2 * rows * width**2 / least(lambda a=a, b=b: a @ b, rounds) / 1e9)
    return best


# -- networks -------------------------------------------------------------------------------------


def counted(name: str, module: nn.Module, run: Callable[[], Tensor]) -> Net:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return Net(name, run, module, counter.get_total_flops() / 1e9)


def ours(recipe: Cascade) -> Net:
    net = recipes.network(recipe.stages[0])
    words = torch.randn(BATCH, WORDS, TEXT)
    cond = Cond(words, torch.ones(BATCH, WORDS, dtype=torch.bool), words.mean(1))
    x, sigma = torch.randn(BATCH, 3, FRAMES, SIZE, SIZE), torch.ones(BATCH)
    return counted("kineograph VideoUNet", net, lambda: net(x, sigma, cond))


def imagen(width: int) -> Net:
    """Its module alone: the package around it imports trainers, and asks the network for a T5."""
    if "imagen_pytorch" not in sys.modules:
        spec = importlib.util.find_spec("imagen_pytorch")
        if spec is None:
            raise ImportError("imagen_pytorch")
        package = types.ModuleType("imagen_pytorch")
        package.__path__ = list(spec.submodule_search_locations or [])
        words: Any = types.ModuleType("imagen_pytorch.t5")
        words.t5_encode_text, words.DEFAULT_T5_NAME = None, ""
        words.get_encoded_dim = lambda name: TEXT
        sys.modules |= {"imagen_pytorch": package, "imagen_pytorch.t5": words}
    from imagen_pytorch.imagen_video import Unet3D

    net = Unet3D(dim=width, dim_mults=(1, 2), text_embed_dim=TEXT, cond_dim=TEXT, attn_heads=4)
    x, when = torch.randn(BATCH, 3, FRAMES, SIZE, SIZE), torch.ones(BATCH)
    text = torch.randn(BATCH, WORDS, TEXT)
    return counted(
        "imagen-pytorch Unet3D", net, lambda: net(x, when, text_embeds=text, cond_drop_prob=0.0)
    )


def diffusers(width: int) -> Net:
    from diffusers import UNet3DConditionModel

    net = UNet3DConditionModel(
        in_channels=3,
        out_channels=3,
        sample_size=SIZE,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        block_out_channels=(width, 2 * width),
        layers_per_block=2,
        cross_attention_dim=TEXT,
        attention_head_dim=32,
        norm_num_groups=32,
    )
    x, when = torch.randn(BATCH, 3, FRAMES, SIZE, SIZE), torch.ones(BATCH, dtype=torch.long)
    words = torch.randn(BATCH, WORDS, TEXT)
    return counted("diffusers UNet3D", net, lambda: net(x, when, words).sample)


def as_large(make: Callable[[int], Net], gflop: float) -> Net | None:
    """The peer at the width that brings its FLOPs nearest; None, with a line, when it is absent."""
    nearest: Net | None = None
    for width in (32, 64, 96, 128):
        try:
            net = make(width)
        except ImportError as error:
            print(f"{make.__name__}: not installed ({error}); skipped, see the top of this file")
            return None
        if nearest is None or abs(net.gflop - gflop) < abs(nearest.gflop - gflop):
            nearest = net
        if net.gflop > gflop:
            break
    return nearest


def turns(nets: list[Net], rounds: int, *, half: bool, teach: bool) -> list[float]:
    """GFLOP/s of each network's step, all taking turns; a training step counts thrice the FLOPs."""

    def once(net: Net) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half), torch.set_grad_enabled(teach):
            answer = net.run()
        if teach:
            answer.float().square().mean().backward()
            net.module.zero_grad(set_to_none=True)

    best = [float("inf")] * len(nets)
    for turn in range(rounds + 1):
        for i, net in enumerate(nets):
            begun = time.perf_counter()
            once(net)
            if turn:
                best[i] = min(best[i], time.perf_counter() - begun)
    times = 3 if teach else 1
    return [times * net.gflop / took for net, took in zip(nets, best, strict=True)]


# -- the cascade ----------------------------------------------------------------------------------


def clip_seconds(recipe: Cascade, rounds: int) -> tuple[float, int]:
    """Seconds of networks and loop for one clip as the recipe makes it, and its evaluations."""

    def read(texts: list[str]) -> Cond:
        words = torch.randn(len(texts), WORDS, TEXT)
        return Cond(words, torch.ones(len(texts), WORDS, dtype=torch.bool), words.mean(1))

    stages = []
    for i, stage in enumerate(recipe.stages):
        net = recipes.network(stage).requires_grad_(False).to(torch.bfloat16)
        stages.append(cascade_stage(recipe, i, recipes.frozen(net), recipes.prepared(net)))
    maker, sampling = cascade_maker(recipe, stages, read), Sampling()
    took = least(lambda: list(maker.make(Prompt("a heart"), 1, sampling)), rounds)
    return took, sum(stage.evaluations(sampling) for stage in maker.chosen(sampling))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=Path, help="folder that peers were installed into")
    given = parser.parse_args()
    if given.peers is not None:
        sys.path.append(str(given.peers))
    rounds = given.rounds
    teacher: Cascade = runpy.run_path(str(RECIPES / "stickers.py"))["recipe"]
    course = runpy.run_path(str(RECIPES / "stickers_distilled.py"))["recipe"]
    course = replace(course, teacher=teacher)

    print(f"{torch.get_num_threads()} threads; clips of {FRAMES} x {SIZE}x{SIZE}, {BATCH} at once")
    own = ours(teacher)
    others = [as_large(make, own.gflop) for make in (imagen, diffusers)]
    nets = [own, *(net for net in others if net is not None)]
    for half, kind in ((False, torch.float32), (True, torch.bfloat16)):
        name = str(kind).removeprefix("torch.")
        peak, product = convolution_peak(kind, rounds), product_peak(kind, rounds)
        print(f"{name}: peak of convolutions {peak:,.0f}, of products {product:,.0f} GFLOP/s")
        for teach in (False, True):
            speeds = turns(nets, rounds, half=half, teach=teach)
            for net, speed in zip(nets, speeds, strict=True):
                print(
                    f"  {'training' if teach else 'forward':8}  {net.name:24}"
                    f"{net.gflop:7.1f} GFLOP  {speed:6.0f} GFLOP/s  "
                    f"{speed / peak:4.0%} of the peak  "
                    f"{speeds[0] / speed:5.2f}x slower per FLOP"
                )

    slow, many = clip_seconds(teacher, max(1, rounds // 2))
    print(f"whole cascade, teacher: {many} evaluations, {slow:.2f} s")
    for i in range(1, len(course.laps) + 1):
        student, _ = course.graduate(tuple(lap.name for lap in course.laps[:i]))
        quick, few = clip_seconds(student, max(1, rounds // 2))
        print(
            f"whole cascade, after lap '{course.laps[i - 1].name}': {few} evaluations, "
            f"{quick:.2f} s, {slow / quick:.1f}x faster"
        )


if __name__ == "__main__":
    main()
