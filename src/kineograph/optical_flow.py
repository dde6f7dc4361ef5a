"""How far has each pixel moved? Dense flow between frames, and fetching a picture along a flow.

Lucas and Kanade (1981), coarse to fine: at every pixel the shift that makes a window of one frame
like the other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.values.errors import InputError

LEVELS, ROUNDS, WINDOW = 4, 3, 7
STIFF = 1e-3  # keeps the flow at rest where nothing can be seen to move


def flow(
    first: Tensor, second: Tensor, *, levels: int = LEVELS, rounds: int = ROUNDS, calm: bool = False
) -> Tensor:
    """(T, 2, H, W) x and y, pixels: second(p + flow(p)) looks like first(p).

    first, second: (T, 3, H, W) in [0, 1]. levels: of the pyramid; each doubles the reach. calm:
    a median of neighbours after every step, which keeps edges of motion and drops lone errors.
    """
    if first.shape != second.shape:
        raise InputError("second", f"{tuple(second.shape)} is not {tuple(first.shape)}")
    a, b = first.mean(1, keepdim=True), second.mean(1, keepdim=True)
    pyramid = [(a, b)]
    while len(pyramid) < levels and min(pyramid[-1][0].shape[-2:]) >= 16:
        pyramid.append(tuple(F.avg_pool2d(one, 2) for one in pyramid[-1]))  # type: ignore[arg-type]
    found = torch.zeros(len(a), 2, *pyramid[-1][0].shape[-2:])
    for level, (one, other) in enumerate(reversed(pyramid)):
        if level:
            found = 2 * F.interpolate(found, one.shape[-2:], mode="bilinear", align_corners=False)
        for _ in range(rounds):
            found = found + _shift(one, moved(other, found))
            found = _median(found) if calm else found
    return found


def moved(picture: Tensor, along: Tensor, *, outside: str = "border") -> Tensor:
    """(T, C, H, W) of pictures fetched at p + along(p).

    outside: what lies there, the nearest `border`, or `zeros`.
    """
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    at_x = ((x + along[:, 0]) * 2 + 1) / width - 1
    at_y = ((y + along[:, 1]) * 2 + 1) / height - 1
    at = torch.stack([at_x, at_y], dim=-1)
    return F.grid_sample(picture, at, padding_mode=outside, align_corners=False)


def _shift(a: Tensor, b: Tensor) -> Tensor:
    """One step of least squares on every window: A^T A u = A^T (a - b)."""
    wide = F.pad(b, (1, 1, 1, 1), mode="replicate")
    gx = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    gy = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    gap = a - b
    xx, xy, yy, xt, yt = (_window(p) for p in (gx * gx, gx * gy, gy * gy, gx * gap, gy * gap))
    xx, yy = xx + STIFF, yy + STIFF
    determinant = xx * yy - xy * xy
    step = torch.cat([yy * xt - xy * yt, xx * yt - xy * xt], dim=1) / determinant
    return step.clamp(-2, 2)


def _median(x: Tensor) -> Tensor:
    """The median of three along columns, then of three along rows."""
    for axis in (-1, -2):
        ends = (1, 1, 0, 0) if axis == -1 else (0, 0, 1, 1)
        a, b, c = F.pad(x, ends, mode="replicate").unfold(axis, 3, 1).unbind(-1)
        x = torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))
    return x


def _window(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, WINDOW, 1, WINDOW // 2, count_include_pad=False)
