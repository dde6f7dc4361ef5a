"""What the lessons draw with: pictures in a row, bars, points; and the shipped examples."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

EXAMPLES = Path(str(files("kineograph") / "studio" / "page" / "examples"))
"Pictures, clips, a text and a table that every installation has."


def row(*pictures, titles=(), height=1.6):
    """Pictures side by side: clips (their first frame) or arrays (H, W) or (H, W, C)."""
    shown = [array(one) for one in pictures]
    widths = [one.shape[1] / one.shape[0] for one in shown]
    size = (height * sum(widths) + 0.1, height + (0.3 if titles else 0.05))
    _, axes = plt.subplots(1, len(shown), figsize=size, width_ratios=widths, squeeze=False)
    for axis, picture in zip(axes[0], shown, strict=True):
        axis.imshow(picture, cmap="gray", interpolation="nearest")
        axis.axis("off")
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=9)
    plt.show()


def array(picture):
    """(H, W, C) of a clip's first frame, laid over white where it is transparent; arrays stay."""
    return np.asarray(picture) if not hasattr(picture, "over") else picture.over().array()[0]


def bars(choices, *, title="", width=4.0):
    """Pairs of a symbol and its share as bars, the largest above."""
    names = [repr(str(name))[1:-1] for name, _ in choices][::-1]
    shares = [float(share) for _, share in choices][::-1]
    _, axis = plt.subplots(figsize=(width, 0.28 * len(names) + 0.6))
    axis.barh(range(len(names)), shares, color="#4477aa")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlim(0, 1)
    axis.set_title(title, fontsize=10)
    plt.show()


def points(*clouds, titles=(), lines=(), limit=2.0):
    """Clouds of points (N, 2) side by side; lines: paths (steps, N, 2) drawn in the last."""
    _, axes = plt.subplots(1, len(clouds), figsize=(2.6 * len(clouds), 2.8), squeeze=False)
    for axis, cloud in zip(axes[0], clouds, strict=True):
        axis.plot(*np.asarray(cloud).T, ".", markersize=3, color="#4477aa")
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    for path in np.moveaxis(np.asarray(lines), 1, 0) if len(lines) else ():
        axes[0][-1].plot(*path.T, "-", linewidth=0.6, color="#ee6677")
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=9)
    plt.show()
