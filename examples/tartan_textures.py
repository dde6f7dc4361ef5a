"""Twenty-four tartans, woven by a script: a family of textures in no data set.

A tartan is one sequence of coloured stripes, the sett, as warp and as weft of a 2/2 twill. The
script writes PNGs of 256 pixels and captions.csv (`file,caption`):

    python examples/tartan_textures.py tartans
    kineograph data folder tartans -o tartan-pack --licence CC0-1.0
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256
COLOURS = {
    "red": (190, 30, 40),
    "green": (20, 95, 60),
    "blue": (30, 50, 130),
    "yellow": (235, 190, 50),
    "white": (240, 238, 228),
    "black": (25, 25, 28),
}
COUNT = 24


def tartan(number):
    """One cloth (256, 256, 3), and the names of its colours, the broadest first."""
    rng = np.random.default_rng(number)
    names = [str(name) for name in rng.choice(list(COLOURS), 3, replace=False)]
    widths = sorted(rng.integers(4, 30, 3).tolist(), reverse=True)
    half = [names[0]] * widths[0] + [names[1]] * widths[1] + [names[2]] * widths[2]
    sett = half + half[::-1]
    threads = np.array([COLOURS[sett[i % len(sett)]] for i in range(SIDE)], np.float32)
    y, x = np.indices((SIDE, SIDE))
    over = ((x + y) // 2) % 2 == 0  # the twill: two over, two under
    cloth = np.where(over[..., None], threads[None, :], threads[:, None])
    shade = 0.92 + 0.08 * ((x + y) % 4 < 2) + rng.normal(0, 0.02, (SIDE, SIDE))
    return np.clip(cloth * shade[..., None], 0, 255).astype(np.uint8), names


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "tartans")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file", "caption"))
        for number in range(COUNT):
            cloth, names = tartan(number)
            name = f"tartan_{number:02d}.png"
            Image.fromarray(cloth).save(folder / name)
            table.writerow((name, f"a tartan of {names[0]}, {names[1]} and {names[2]}"))
    print(folder)


if __name__ == "__main__":
    main()
