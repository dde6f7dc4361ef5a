"""Video textures against the targets of their issue, as CPU seconds and ratios taken in one run.

    OMP_NUM_THREADS=1 python bench/frames.py [--long | --shaken | --clips FOLDER]

The peer is a STAND-IN written here: one numpy subtraction per pair of frames, as the Python
programs found do it. `--long` adds a clip of 30 s at 1280×720 (3 s drawn and repeated first, not
counted), from the file to a player page by the command, its start included. `--clips` compares
fades and morphs of the .mp4 files of a folder with their real middle frames. `--shaken` finds loops
of drawn clips with the camera still, shaken, and steadied.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kineograph import media
from kineograph.data.simulations import drawings
from kineograph.frames import distance, loops, policy
from kineograph.frames.morph import Morph
from kineograph.frames.render import FrameStore, blended
from kineograph.frames.texture import looped, study
from kineograph.media import video
from kineograph.values.source import Source

SHAKEN = ("pendulum", "candle", "fish")


def cpu(job: Callable[[], object], times: int = 5) -> float:
    """CPU seconds, median of some runs after one that is not counted."""
    job()
    taken = []
    for _ in range(times):
        start = time.process_time()
        job()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def peer(frames: np.ndarray) -> np.ndarray:
    """Stand-in peer: L2 distances, one subtraction a pair (N, H, W, 3 bytes)."""
    n = len(frames)
    d = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            apart = frames[i].astype(np.float32) - frames[j].astype(np.float32)
            d[i, j] = d[j, i] = np.sqrt(np.sum(apart**2))
    return d


def compare() -> None:
    frames = np.stack(list(drawings("candle", 300, height=120, width=160)))
    x = distance.features(frames)
    ours = cpu(lambda: distance.distances(x))
    floats = cpu(lambda: distance.from_gram(distance.mean_gram(x), x.shape[1]))
    start = time.process_time()
    truth = peer(frames)
    theirs = time.process_time() - start
    found = distance.distances(x).astype(np.float64) * 255 * np.sqrt(x.shape[1])
    off = ~np.eye(300, dtype=bool)
    error = np.max(np.abs(found - truth)[off] / truth[off])
    print(f"distances 300 × 160×120 RGB     {ours:.4f} CPU s   target ≤ 0.07")
    print(f"  without byte products         {floats:.4f} CPU s")
    print(
        f"  stand-in peer                 {theirs:.3f} CPU s   {theirs / ours:.0f}×, target ≥ 25×"
    )
    print(f"  relative error to the peer    {error:.1e}       target ≤ 2e-5")


def plan() -> None:
    turn = np.cumsum(np.random.default_rng(0).normal(0.2, 0.02, 1000))
    where = np.stack([np.cos(turn), 2 * np.sin(turn), np.cos(0.07 * turn)], axis=1)
    d = np.linalg.norm(where[:, None] - where[None], axis=2).astype(np.float32)
    cost = policy.in_nats(policy.jump_costs(d, m=2, near=7), sigma=0.05)
    _, sweeps = policy.future(cost, alpha=0.999)
    taken = cpu(lambda: policy.future(cost, alpha=0.999))
    print(f"future cost, 1,000 frames       {taken:.4f} CPU s   target ≤ 0.02")
    print(f"  sweeps                        {sweeps}              target ≤ 100")
    length = 600
    loop = cpu(lambda: loops.best_loop(policy.jump_costs(d, m=2), length))
    print(f"best loop of {length} frames        {loop:.4f} CPU s")


def long_clip() -> None:
    with tempfile.TemporaryDirectory() as folder:
        short, path, out = (Path(folder) / name for name in ("short.mp4", "long.mp4", "long.html"))
        with media.writer(short, fps=24, size=(1280, 720)) as file:
            for frame in drawings("flag", 72, height=360, width=640):
                file.add(np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1))
        again = f"-v error -stream_loop 9 -i {short} -c copy {path}"  # drawing is slow
        subprocess.run([video.ffmpeg(), *again.split()], check=True)
        wall = time.perf_counter()
        command = [sys.executable, "-m", "kineograph", "loop", str(path), "-o", str(out), "--json"]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, code, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - wall
        assert code == 0, "the command failed"
        print(
            f"30 s of 720p at 24 to a player  {wall:.1f} s wall      target ≤ 60 on two quiet cores"
        )
        print(f"  decoder included              {used.ru_utime + used.ru_stime:.1f} CPU s")
        print(f"  peak memory, largest process  {used.ru_maxrss / 1e6:.2f} GB       target ≤ 2")
        print(f"  page                          {out.stat().st_size / 1e6:.1f} MB")
        print(f"  load of the machine meanwhile {os.getloadavg()[0]:.1f} processes")


def morphing(folder: Path) -> None:
    """Real middle frames against a plain fade and a fade along optical flow, a clip a row."""
    print("| clip | apart | fade | morph | differ faded | morphed |\n|---|---|---|---|---|---|")
    for path in sorted(folder.glob("*.mp4")):
        reel = FrameStore()
        for frame in itertools.islice(media.frames_of(Source.of(path)).each, 61):
            reel.append(frame)
        for gap in (1, 3):
            rows, mix = [], Morph(reel)
            for at in range(5, len(reel) - gap, 9):
                parts = [(at - gap, 0.5), (at + gap, 0.5)]
                apart = reel[at - gap].astype(float) - reel[at + gap]
                near = [decibels(blended(reel, parts), reel[at]), decibels(mix(parts), reel[at])]
                rows.append([*near, np.sqrt(np.mean(apart**2)), 255 * mix.ghost(parts)])
            fade, morph, plain, carried = np.mean(rows, 0)
            told = f"{fade:.1f} dB | {morph:.1f} dB | {plain:.1f} | {carried:.1f}"
            print(f"| {path.stem} | {2 * gap} | {told} |", flush=True)


def shaking() -> None:
    """Best loops of drawn clips: the camera still, shaken by a hand, and steadied. A clip a row."""
    head = "clip, camera, usual step, `mismatch`, `seam_ratio`, left of a side"
    print(f"| {head.replace(', ', ' | ')} |\n{'|---' * 6}|")
    y, x = np.indices((180, 240)) + 0.5
    z = x - 120 + 1j * (y - 90)
    ground = Image.fromarray(np.random.default_rng(0).integers(60, 200, (30, 40, 3), np.uint8))
    ground = np.asarray(ground.resize((320, 240), Image.Resampling.BICUBIC), np.float64)
    for name in SHAKEN:
        still, shaken = [], []
        for k, drawn in enumerate(drawings(name, 90, height=240, width=320)):
            scene = np.clip(0.7 * drawn + 0.3 * ground, 0, 255).astype(np.uint8)
            turn = np.exp(1j * np.deg2rad(0.7 * np.sin(0.37 * k) + 0.4 * np.sin(0.83 * k)))
            t = 4 * np.sin(0.29 * k) + 2 * np.sin(1.1 * k) + 1j * 4 * np.cos(0.41 * k)
            still.append(at(scene, z))
            shaken.append(at(scene, turn * z + t))
        for told, frames, how in (
            ("still", still, False), ("shaken", shaken, False), ("steadied", shaken, True),
        ):  # fmt: skip
            *_, studied = study(frames, 30.0, steady=how)
            made = looped(studied.value)
            share = studied.value.shake.share if studied.value.shake else 1.0
            row = f"{255 * studied.value.usual:.1f} | {made.mismatch:.2f} | {made.seams.ratio:.2f}"
            print(f"| {name} | {told} | {row} | {share:.2f} |", flush=True)


def at(scene: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(h, w, 3) bytes of a scene at places about its middle, pixels, by cubic interpolation."""
    height, width = scene.shape[:2]
    grid = np.stack([z.real * 2 / width, z.imag * 2 / height], -1).astype(np.float32)
    pixels = torch.from_numpy(scene.astype(np.float32)).permute(2, 0, 1)[None]
    seen = torch.nn.functional.grid_sample(
        pixels, torch.from_numpy(grid)[None], "bicubic", "border", False
    )
    return (seen[0].permute(1, 2, 0).clamp(0, 255) + 0.5).to(torch.uint8).numpy()


def decibels(made: np.ndarray, true: np.ndarray) -> float:
    """PSNR of bytes."""
    return float(10 * np.log10(255**2 / np.mean((made.astype(float) - true) ** 2)))


if __name__ == "__main__":
    if "--clips" in sys.argv:
        morphing(Path(sys.argv[sys.argv.index("--clips") + 1]))
        sys.exit()
    if "--shaken" in sys.argv:
        shaking()
        sys.exit()
    compare()
    plan()
    if "--long" in sys.argv:
        long_clip()
