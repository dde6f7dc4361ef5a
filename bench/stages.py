"""Is every stage of a cascade better than a filter? Real clips, made smaller, enlarged by both.

Each stage sees the real clip as the stage below would make it, through its own noise, and runs its
own steps. Beside it: the same smaller clip by lines between frames (time is a circle) and cubics
between pixels. PSNR in decibels, and the distance of Lite0's features (1 - cosine, mean over
frames) from the real clip's. Prints a table in Markdown.

    python bench/stages.py [MODEL [CLIPS]]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph import recipe
from kineograph.data.feed import lowered
from kineograph.data.sticker_features import lite0, reduced
from kineograph.data.stickers import FRAMES, load
from kineograph.diffusion.cascade import CascadeMaker, Sampling
from kineograph.evaluation.zoom import psnr
from kineograph.nets.video_unet import enlarged
from kineograph.values.clip import bytes_to_model

SEEN = 64  # pixels at which features look
SPLITS = ("train", "val")


def real(split: str, count: int, frames: int, size: int) -> tuple[Tensor, list[str]]:
    """(N, 3, T, S, S) in model range and the names of the concepts."""
    packs = load(128 if size > 64 else 64)
    rows = packs.clip_rows(split, tones=False)
    rows = rows[:: max(1, len(rows) // count)][:count]
    whole = bytes_to_model(torch.from_numpy(packs.clips[rows][:, :: FRAMES // frames]))
    made = lowered(whole, frames, whole.shape[-1] // size)
    return made, [packs.clip_records[row].name for row in rows]


def decibels(made: Tensor, clean: Tensor) -> float:
    """Mean PSNR of the clips."""
    return fmean(psnr(*pair) for pair in zip(made.clamp(-1, 1), clean, strict=True))


def apart(made: Tensor, clean: Tensor) -> float:
    """Mean 1 - cosine of the frames' features."""
    look = lite0()
    looks = []
    for x in (made, clean):
        frames = x.clamp(-1, 1).add(1).div(2).transpose(1, 2).flatten(0, 1)
        looks.append(torch.cat([look(reduced(part, SEEN)) for part in frames.split(32)]))
    return float((1 - F.cosine_similarity(*looks)).mean())


def stage_made(maker: CascadeMaker, n: int, low: Tensor, texts: list[str]) -> Tensor:
    """What stage n makes of the clips of the stage below."""
    stage, rngs = maker.stages[n], [torch.Generator().manual_seed(i) for i in range(len(low))]
    alone = replace(maker, stages=(stage,))
    cond = alone._read([alone.styled(text) for text in texts])
    *_, (_, clean) = alone._walk(stage, low, cond, None, rngs, Sampling())
    return clean


def main(model: str, count: int) -> None:
    about, maker = recipe.read_cascade(recipe.folder_of(model)), recipe.load(model)
    print("| stage | clips | network, dB | filter, dB | network, features | filter, features |")
    print("|---|---|---|---|---|---|")
    for n, stage in enumerate(about.stages):
        if not stage.low_size:
            continue
        for split in SPLITS:
            few = max(1, count // 4) if stage.size > 64 else count
            clean, names = real(split, few, stage.frames, stage.size)
            low = lowered(clean, stage.low_frames, stage.size // stage.low_size)
            made = stage_made(maker, n, low, names)
            smooth = enlarged(low, clean, smooth=True, circular=True)
            cells = [f"{decibels(x, clean):.1f}" for x in (made, smooth)]
            cells += [f"{apart(x, clean):.4f}" for x in (made, smooth)]
            print(f"| {stage.name} | {split}, {len(clean)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0] if given else "stickers", int(given[1]) if len(given) > 1 else 16)
