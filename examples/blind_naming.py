"""A page for blind naming: made and real pictures, mixed by a seed that was fixed beforehand.

    python examples/blind_naming.py FOLDER [--count 60] [--seed 7]

Writes FOLDER/page.png, numbered pictures in rows, and FOLDER/key.csv, which says what each is: keep
it from whoever names them. The concepts are drawn from all trained 3D ones, their plain names are
the prompts, and nothing is picked. The real ones are brought to 64 pixels and finished alike.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from PIL import Image, ImageDraw

from kineograph import recipe
from kineograph.data import cutouts
from kineograph.data.cutout_feed import TRAINED
from kineograph.data.phrases import plain
from kineograph.families.text_to_image.maker import Sampling
from kineograph.finishing import enlarging, sized
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.prompt import Prompt

CELL, ACROSS = 144, 10  # pixels of a picture, pictures in a row


def made(names: list[str], seed: int) -> list[Clip]:
    """A cut-out of 64 pixels for every name, each from a seed of its own."""
    maker = recipe.load("pictures")
    prompts = [Prompt(name, seconds=0) for name in names]
    steps = maker.make_all(prompts, [seed + i for i in range(len(names))], Sampling(chunk=16))
    pictures: list[Clip] = []
    for step in steps:
        pictures = step.value
    return pictures


def page(pictures: list[Clip]) -> Image.Image:
    """Numbered pictures in rows, on white."""
    enlarge = enlarging("finisher")
    down = -(-len(pictures) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * CELL, down * CELL), "white")
    draw = ImageDraw.Draw(sheet)
    for i, one in enumerate(pictures):
        frame = sized(one, CELL - 16, enlarge).over().frames[0]
        tile = Image.fromarray(rearrange(frame * 255, "c h w -> h w c").byte().numpy())
        x, y = i % ACROSS * CELL, i // ACROSS * CELL
        sheet.paste(tile, (x + 8, y + 12))
        draw.text((x + 2, y), str(i + 1), fill="black")
    return sheet


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--count", type=int, default=60)
    asked.add_argument("--seed", type=int, default=7)
    given = asked.parse_args()
    rng = np.random.default_rng(given.seed)
    packs = cutouts.load()
    rows = rng.permutation(packs.still_rows(*TRAINED, styles=("3d",)))[: 2 * given.count]
    names = [plain(packs.still_records[row]) for row in rows]
    first = made(names[: given.count], given.seed)
    real = [from_bytes(np.asarray(packs.stills[row])[None]) for row in rows[given.count :]]
    kinds = ["made"] * given.count + ["real"] * len(real)
    order = rng.permutation(len(kinds))
    given.folder.mkdir(parents=True, exist_ok=True)
    both = first + real
    page([both[i] for i in order]).save(given.folder / "page.png")
    with (given.folder / "key.csv").open("w", newline="") as file:
        rowed = csv.writer(file)
        rowed.writerow(["number", "kind", "name"])
        rowed.writerows([n + 1, kinds[i], names[i]] for n, i in enumerate(order))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
