"""Joint sampling beside the three baselines, by example: agreement, seams, sharpness, time.

    python bench/zoom.py FOLDER [SIZE] [SEEDS]    pictures of FOLDER in order of their names

Every way has the same denoiser, noise levels and seeds. Agreement is measured on what the denoiser
itself answers at the last step, before anything is blended or rendered. Bands compare each level
with the pictures that it is made of, weighted by the area each takes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kineograph import media
from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.exemplar import Example, Exemplar
from kineograph.evaluation.ladders import Heard
from kineograph.evaluation.zoom import agreement, band_powers, seam_energy
from kineograph.families.zoom import maker
from kineograph.families.zoom.baselines import independent, outpainted, superresolved
from kineograph.families.zoom.joint import shared_noise
from kineograph.values.clip import Clip, to_clips
from kineograph.values.prompt import Cond

RATIO = 2


def expected_bands(bank: Sequence[Example], size: int) -> Tensor:
    """Band powers of a level's materials, averaged by the area each takes under the window."""
    at = (torch.arange(size) + 0.5) * 2 / size - 1
    distance = torch.hypot(at[:, None], at)
    window = torch.hann_window(size).outer(torch.hann_window(size)).square()
    shares, powers = [], []
    for picture, (inner, outer) in bank:
        if picture.shape[-1] < size:  # a shrunk one fills a small middle and has fewer bands
            continue
        near = inner * sum(maker.BORDER) / 2 / maker.BORDER[0]
        far = outer * sum(maker.BORDER) / 2 / maker.BORDER[1]
        shares.append(float(window[(distance >= near) & (distance < far)].sum()))
        powers.append(band_powers(picture[..., :size, :size]))
    weights = torch.tensor(shares)[:, None] / sum(shares)
    return 10 * torch.log10((weights * 10 ** (torch.stack(powers) / 10)).sum(0))


def jointly(
    denoise: Denoiser, shape: Sequence[int], sigmas: Tensor, cond: Cond, seeds: Sequence[int]
) -> Tensor:
    noise = shared_noise([torch.Generator().manual_seed(seed) for seed in seeds], RATIO)
    start = noise(torch.empty(len(seeds), *shape)) * float(sigmas[0])
    heard = Heard(denoise)
    for x in maker.jointly(heard, start, sigmas, cond, noise=noise, ratio=RATIO, trust=1 / RATIO):
        rendered = x
    jointly.rendered = rendered  # type: ignore[attr-defined]
    return heard.last


def main(folder: Path, size: int, seeds: int) -> None:
    files = sorted(folder.glob("*.png"))
    examples = [[media.read(file)] for file in files]
    banks = maker.materials(examples, size, RATIO)
    levels = [Exemplar([bank]) for bank in banks]
    together = Exemplar(banks)
    wanted = [expected_bands(bank, size) for bank in banks]
    shape, sigmas = (3, 1, size, size), maker.example_levels(maker.STEPS)
    around = torch.zeros(len(files), *shape)
    ways: dict[str, Callable[[Sequence[int]], Tensor]] = {
        "joint": lambda s: jointly(together, shape, sigmas, Cond(), s),
        "independent": lambda s: independent(levels, around, sigmas, Cond(), s),
        "outpainting": lambda s: outpainted(levels, around, sigmas, Cond(), s, ratio=RATIO),
        "super-resolution": lambda s: superresolved(levels, around, sigmas, Cond(), s, ratio=RATIO),
    }
    print(f"{len(files)} levels, {size} pixels, {seeds} seeds; CPU seconds of this process")
    print("| way | agreement, mean (least), dB | seam | bands off, mean (most), dB | CPU s |")
    print("|---|---|---|---|---|")
    rows = []
    for name, way in ways.items():
        agreed, seams, off, begun = [], [], [], time.process_time()
        for k in range(seeds):
            made = way(maker.level_seeds(100 * k, len(files)))
            shown = jointly.rendered if name == "joint" else made  # type: ignore[attr-defined]
            agreed += agreement(made, RATIO)
            seams += seam_energy(shown, RATIO)
            gaps = [(band_powers(x) - w).abs() for x, w in zip(shown, wanted, strict=True)]
            off.append(torch.stack(gaps))
        seconds = (time.process_time() - begun) / seeds
        gap = torch.stack(off)
        print(
            f"| {name} | {sum(agreed) / len(agreed):.1f} ({min(agreed):.1f}) "
            f"| {math.fsum(seams) / len(seams):.2f} | {float(gap.mean()):.1f} "
            f"({float(gap.max()):.1f}) | {seconds:.0f} |",
            flush=True,
        )
        rows.append(Clip(torch.cat([clip.frames for clip in to_clips(shown, 8.0)])))
    if len(sys.argv) > 4:
        media.save(media.sheet(rows), sys.argv[4])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(print("skipped: name a folder of pictures, widest first by name"))
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 64,
        int(sys.argv[3]) if len(sys.argv) > 3 else 3,
    )
