"""The sheets of docs/pictures.md: nothing is picked, seeds are counted from 1.

    python examples/contact_sheets.py [-o docs]

pictures_64.webp: 64 trained concepts, drawn evenly, each with its own seed. prompts_24.webp: what
strangers might type, as stickers that move, good and bad alike.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

import kineograph as kg
from kineograph.data import cutouts
from kineograph.data.cutout_feed import TRAINED
from kineograph.data.phrases import plain

PROMPTS = (
    "a tap-dancing cat",
    "two red balloons floating up",
    "a green dog on a blue ground",
    "a squirrel reaching for a nut",
    "a red heart beating",
    "a ghost floating up",
    "a happy robot",
    "a spinning planet",
    "three yellow stars",
    "a cat left of a tree",
    "a slice of pizza bouncing",
    "flat: a fox",
    "a dragon in noto style",
    "a small star in the top left",
    "a rocket flying up quickly",
    "a person surfing",
    "a purple octopus wobbling",
    "a castle on a pink background",
    "a blue car sliding in from the left",
    "a birthday cake",
    "a sleeping face",
    "a penguin jumping",
    "a capybara",
    "a fish above a crab",
)
GROUND = torch.tensor([0.96, 0.96, 0.97])


def grid(clips: list[Tensor], across: int) -> Tensor:
    """Clips (T, 4, S, S) of one length as one (T, 3, H, W), in rows on a light ground."""
    down = math.ceil(len(clips) / across)
    clips = clips + [torch.zeros_like(clips[0])] * (across * down - len(clips))
    shown = torch.stack(clips)  # (N, T, 4, S, S)
    alpha = shown[:, :, 3:]
    shown = shown[:, :, :3] * alpha + GROUND.view(1, 1, 3, 1, 1) * (1 - alpha)
    return rearrange(shown, "(y x) t c h w -> t c (y h) (x w)", x=across)


def with_alpha(clip: kg.Clip) -> Tensor:
    """(T, 4, S, S) of a clip; what has no alpha is opaque."""
    frames = clip.frames
    if frames.shape[1] == 4:
        return frames
    return torch.cat([frames, torch.ones_like(frames[:, :1])], dim=1)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("-o", "--out", type=Path, default=Path("docs"))
    folder = asked.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    packs = cutouts.load()
    rows = packs.still_rows(*TRAINED, styles=("3d",))
    names = [plain(packs.still_records[int(rows[i * len(rows) // 64])]) for i in range(64)]
    stills = [kg.image(name, seed=i + 1, size=96).value for i, name in enumerate(names)]
    kg.save(kg.Clip(grid([with_alpha(one) for one in stills], 8)), folder / "pictures_64.webp")
    (folder / "pictures_64.txt").write_text("\n".join(names) + "\n")
    moving = [kg.video(text, seed=i + 1, size=128).value for i, text in enumerate(PROMPTS)]
    sheet = kg.Clip(grid([with_alpha(one) for one in moving], 6), moving[0].fps)
    kg.save(sheet, folder / "prompts_24.webp")


if __name__ == "__main__":
    main()
