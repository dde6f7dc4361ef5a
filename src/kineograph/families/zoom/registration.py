"""Where in a wider picture is a closer one? Scale and place, by normalised cross-correlation.

The closer picture is shrunk to every scale of a geometric row and slid over the wider one by
Fourier transforms (Lewis, *Fast Normalized Cross-Correlation*, 1995); the best scale is then
refined on larger pictures, the place to fractions of a pixel by a parabola. Pictures that are
turned or seen from elsewhere are not found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

COARSE, FINE = 192, 512  # pixels of the wider picture's longer side
STEP, FINER = 1.08, 1.01  # between scales, at first and when refined
LEAST, MOST = 1.15, 16.0  # how many times closer
SMALLEST = 12  # pixels of the closer picture's shorter side where it is compared
SURE = 0.6  # correlation from which a place is believed

Grey = NDArray[np.float64]


class Found(NamedTuple):
    """left, top, width, height: the closer picture in the wider one, as shares of its sides.
    score: correlation −1 … 1 there."""

    left: float
    top: float
    width: float
    height: float
    score: float


def found(wide: Tensor, close: Tensor) -> Found:
    """The best place of `close` within `wide`, (3, H, W) in [0, 1] each."""
    count = int(np.log(MOST / LEAST) / np.log(STEP)) + 1
    first = _best(wide, close, COARSE, [LEAST * STEP**k for k in range(count)])
    scale = 1 / first.width
    near = [scale * FINER**k for k in range(-8, 9)]
    return _best(wide, close, FINE, [one for one in near if one > 1])


def _best(wide: Tensor, close: Tensor, side: int, scales: list[float]) -> Found:
    """The place of highest correlation, the wider picture brought to `side` pixels."""
    height, width = wide.shape[-2:]
    shrink = min(1.0, side / max(height, width))
    size = round(height * shrink), round(width * shrink)
    field = _grey(wide, size)
    best = Found(0.0, 0.0, 1.0, 1.0, -1.0)
    for scale in scales:
        across = size[1] / scale
        template = round(across * close.shape[-2] / close.shape[-1]), round(across)
        if min(template) < SMALLEST or template[0] > size[0] or template[1] > size[1]:
            continue
        scores = correlations(field, _grey(close, template))
        top, left = np.unravel_index(int(scores.argmax()), scores.shape)
        score = float(scores[top, left])
        if score > best.score:
            y = top + _peak(scores[:, left], int(top))
            x = left + _peak(scores[top], int(left))
            best = Found(
                left=float(x / size[1]),
                top=float(y / size[0]),
                width=template[1] / size[1],
                height=template[0] / size[0],
                score=score,
            )
    return best


def correlations(field: Grey, template: Grey) -> Grey:
    """(H − h + 1, W − w + 1) normalised correlation of a template at every place of a picture."""
    (H, W), (h, w) = field.shape, template.shape
    flat = template - template.mean()
    size = H, W
    product = np.fft.irfft2(np.fft.rfft2(field) * np.conj(np.fft.rfft2(flat, size)), size)
    product = product[: H - h + 1, : W - w + 1]
    total, squares = (_boxes(x, h, w) for x in (field, field**2))
    spread = np.maximum(squares - total**2 / (h * w), 0)
    norm = np.sqrt(spread * (flat**2).sum())
    scores: Grey = np.where(norm > 1e-4 * h * w, product / np.maximum(norm, 1e-12), 0.0)
    return scores


def _boxes(x: Grey, h: int, w: int) -> Grey:
    """Sums over every h × w box."""
    run = np.pad(x.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums: Grey = run[h:, w:] - run[:-h, w:] - run[h:, :-w] + run[:-h, :-w]
    return sums


def _peak(line: Grey, at: int) -> float:
    """Where between pixels the parabola through a maximum and its neighbours is highest."""
    if not 0 < at < len(line) - 1:
        return 0.0
    a, b, c = line[at - 1 : at + 2]
    bend = a - 2 * b + c
    return float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _grey(picture: Tensor, size: tuple[int, int]) -> Grey:
    x = picture.mean(0, keepdim=True)[None]
    if tuple(x.shape[-2:]) != size:
        x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    grey: Grey = x[0, 0].double().numpy()
    return grey
