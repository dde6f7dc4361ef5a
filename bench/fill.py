"""Holes of 80 pixels in twelve photographs of known content: ours beside the inpainting of others.

    OMP_NUM_THREADS=1 python bench/fill.py [--pictures FOLDER] [--sheet FILE]

PSNR inside the hole, the Lite0 distance of the 160 pixels around it (lower is nearer), CPU seconds.
The photographs come with scikit-image; its biharmonic inpainting and OpenCV's Telea and
Navier-Stokes are measured where they are installed. `--sheet` writes hole, ours, theirs, truth.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kineograph.patches import texture

NAMES = (
    "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "brick.png", "grass.png",
    "gravel.png", "camera.png", "coins.png", "motorcycle_left.png", "hubble_deep_field.jpg",
    "ihc.png",
)  # fmt: skip
SIDE = 80
Way = Callable[[np.ndarray, np.ndarray], np.ndarray]


def ours(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    *_, last = texture.complete(picture, hole, seed=0)
    return last.value.picture


def ways() -> dict[str, Way]:
    found: dict[str, Way] = {"patches": ours}
    if importlib.util.find_spec("skimage"):
        from skimage.restoration import inpaint_biharmonic

        found["biharmonic"] = lambda picture, hole: np.clip(
            255 * inpaint_biharmonic(picture, hole, channel_axis=2) + 0.5, 0, 255
        ).astype(np.uint8)
    if importlib.util.find_spec("cv2"):
        import cv2

        for name, kind in (("Telea", cv2.INPAINT_TELEA), ("Navier-Stokes", cv2.INPAINT_NS)):
            found[name] = lambda picture, hole, kind=kind: cv2.inpaint(
                picture, hole.astype(np.uint8), 5, kind
            )
    return found


def looks() -> Callable[[np.ndarray, np.ndarray], float] | None:
    """The Lite0 distance of two pictures, where its weights can be had."""
    try:
        from kineograph.data.sticker_features import lite0
        from kineograph.nets.lite0 import distance

        net = lite0()
    except Exception as error:  # a bench goes on without it
        print(f"without the Lite0 distance: {error}", file=sys.stderr)
        return None

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        x, y = (torch.from_numpy(one.copy()).permute(2, 0, 1)[None].float() / 255 for one in (a, b))
        with torch.no_grad():
            return float(distance(net.layers(x, size=160), net.layers(y, size=160)).mean())

    return apart


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--pictures", type=Path)
    asked.add_argument("--sheet", type=Path)
    said = asked.parse_args()
    folder = said.pictures
    if folder is None and (spec := importlib.util.find_spec("skimage")):
        folder = Path(str(spec.origin)).parent / "data"
    if folder is None:
        print("skipped: no pictures; install scikit-image or name a folder with --pictures")
        return
    tried, apart, rows, sheet = ways(), looks(), [], []
    ours(np.zeros((60, 60, 3), np.uint8), np.pad(np.ones((9, 9), bool), ((20, 31), (20, 31))))
    print("| picture | " + " | ".join(tried) + " |\n|" + "---|" * (len(tried) + 1))
    for name in NAMES:
        true = np.asarray(Image.open(folder / name).convert("RGB"))[:400, :600]
        H, W = true.shape[:2]
        top, left = (H - SIDE) // 2, (W - SIDE) // 2
        hole = np.zeros((H, W), bool)
        hole[top : top + SIDE, left : left + SIDE] = True
        erased = np.where(hole[:, :, None], np.uint8(0), true)
        around = slice(top - 40, top + 120), slice(left - 40, left + 120)
        row, shown = [], [erased[around]]
        for way in tried.values():
            start = time.process_time()
            made = way(erased, hole)
            took = time.process_time() - start
            gap = np.square(made.astype(float) - true)[hole].mean()
            far = apart(made[around], true[around]) if apart else float("nan")
            row.append((10 * np.log10(255**2 / gap), far, took))
            shown.append(made[around])
        rows.append(row)
        sheet.append(np.concatenate([*shown, true[around]], 1))
        told = " | ".join(f"{psnr:.1f} dB, {far:.3f}, {took:.2f} s" for psnr, far, took in row)
        print(f"| {name} | {told} |", flush=True)
    mean = " | ".join(f"{p:.1f} dB, {far:.3f}, {s:.2f} s" for p, far, s in np.mean(rows, 0))
    print(f"| mean | {mean} |")
    if said.sheet:
        Image.fromarray(np.concatenate(sheet)).save(said.sheet)


if __name__ == "__main__":
    main()
