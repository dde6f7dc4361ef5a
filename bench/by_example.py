"""How clean are cut-outs, and which changes of colour do analogies learn? Against known truth.

`python bench/by_example.py`, under a minute on one core. The scenes are those of the tests: a
flower of known alpha before a key (tests/test_frames_mattes.py), coloured pebbles changed pixel by
pixel (tests/test_patches_analogies.py). By the distance from the key alone, edges erred by .14 to
.27 and 23 to 48 levels; with light from patches alone, grey, sepia and warmer by 17, 14 and 17.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from kineograph.frames import mattes

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from test_frames_mattes import SCENES, errors, scene
from test_patches_analogies import CHANGES, coloured, made


def cut_outs() -> None:
    print("cut-outs at the edge            alpha error   on white (levels)   target .03 and 6")
    for noise in (0.0, 4.0):
        for name, (figure, key) in SCENES.items():
            frame, alpha, colours = scene(figure, key, noise=noise)
            off, shown = errors(mattes.keyed(frame, key), alpha, colours)
            print(f"  {name:24s} noise {noise:.0f}  {off:.3f}         {shown:.1f}")


def colour_changes() -> None:
    print("analogies by colour             error   doing nothing   (levels)")
    a, b = coloured(1, 32), coloured(2, 32)
    for name, change in CHANGES.items():
        changed = change(a.astype(float)).clip(0, 255).astype(np.uint8)
        found = made(a, changed, b).picture[..., :3].astype(float)
        wanted = change(b.astype(float)).clip(0, 255)
        error, nothing = np.abs(found - wanted).mean(), np.abs(b - wanted).mean()
        print(f"  {name:28s}  {error:5.2f}   {nothing:5.2f}")


if __name__ == "__main__":
    cut_outs()
    colour_changes()
