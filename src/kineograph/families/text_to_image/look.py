"""How does a cut-out take the look of a picture? Its colours by one map, its grain by analogy.

Colours: the linear map that carries mean and covariance of the cut-out's to the picture's with the
least change (Pitié & Kokaram 2007, the Monge–Kantorovich map of Gaussians). Grain: the picture
blurred is to the picture as the cut-out, so coloured, is to the answer (Hertzmann et al. 2001,
artistic filters without a source). Alpha stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from kineograph.patches import analogies
from kineograph.patches.luminance import colours
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress

Reals = NDArray[np.float64]

LONGER = 256  # pixels: a larger picture is brought to it, so that its grain fits a cut-out
EXACT = 256  # pixels of a side of a cut-out, up to which every place is searched
SMALLEST = 16  # pixels of a side of the picture
SOFT, SMOOTH = 3.0, 1.0  # pixels: of the picture's blur, which is its grain, and of the cut-out's
STROKES = replace(analogies.MODES["painterly"], coherence=3.0, guide=0.7, remap=False)
NOISE = 1e-4  # added to variances: a flat colour has none


def seconds(size: int) -> float:
    """What a cut-out of `size` pixels a side takes at most, measured on one thread."""
    return analogies.seconds(size**2, LONGER**2, approximate=size > EXACT)


def looked(cutout: Clip, picture: NDArray[Any], seed: int) -> Iterator[Progress[Clip]]:
    """A cut-out of one frame in the look of a picture (H, W, C) uint8 or uint16; the last value.

    Raises InputError for a picture too small to have a look.
    """
    if min(picture.shape[:2]) < SMALLEST:
        size = "×".join(map(str, picture.shape[1::-1]))
        raise InputError("style", f"is {size} pixels", f"use {SMALLEST} or more a side")
    frame = cutout.frames[0].double()
    alpha = frame[3:4] if len(frame) == 4 else torch.ones_like(frame[:1])
    x = frame[:3].permute(1, 2, 0).numpy()  # (H, W, 3)
    shown = alpha[0].numpy() > 0.5
    if not shown.any():
        yield Progress(1.0, "nothing is there", cutout)
        return
    style = _small(colours(picture))
    tinted = recolouring(x[shown], style.reshape(-1, 3))(x).clip(0, 1)
    share = alpha[0].numpy()[..., None]
    tinted = tinted * share + tinted[shown].mean(0) * (1 - share)  # around it its mean colour
    a, a2, b = (_bytes(one) for one in (_blurred(style, SOFT), style, _blurred(tinted, SMOOTH)))
    strokes = replace(STROKES, approximate=max(b.shape[:2]) > EXACT)
    made: Any = None
    for step in analogies.analogy(a, a2, b, seed=seed, matching=strokes):
        made = step.value
        yield Progress(step.done * 0.999, step.note, cutout)
    answer = from_bytes(made.picture[None], cutout.fps).frames
    yield Progress(1.0, "styled", Clip(torch.cat([answer, alpha[None].float()], 1), cutout.fps))


def recolouring(own: Reals, aim: Reals) -> Callable[[Reals], Reals]:
    """The map of colours (…, 3) that carries mean and covariance of own (N, 3) to aim's (M, 3)."""
    start, end = own.mean(0), aim.mean(0)
    a, b = (np.cov(one.T) + NOISE * np.eye(3) for one in (own, aim))
    root, back = _power(a, 0.5), _power(a, -0.5)
    turn = back @ _power(root @ b @ root, 0.5) @ back
    return lambda x: np.asarray((x - start) @ turn + end)


def _power(matrix: Reals, exponent: float) -> Reals:
    """A power of a symmetric, positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values.clip(1e-12) ** exponent) @ vectors.T)


def _small(x: Reals) -> Reals:
    """(H, W, 3) with its longer side at most LONGER, by means of areas."""
    longer = max(x.shape[:2])
    if longer <= LONGER:
        return x
    sides = [max(SMALLEST, round(side * LONGER / longer)) for side in x.shape[:2]]
    small = F.interpolate(torch.from_numpy(x).permute(2, 0, 1)[None], sides, mode="area")
    return np.asarray(small[0].permute(1, 2, 0).numpy())


def _blurred(x: Reals, sigma: float) -> Reals:
    """(H, W, 3) under a Gaussian; the border is repeated."""
    reach = min(round(3 * sigma), *(side - 1 for side in x.shape[:2]))
    taps = torch.exp(-(torch.arange(-reach, reach + 1).double() ** 2) / (2 * sigma**2))
    taps = taps / taps.sum()
    flat = F.pad(torch.from_numpy(x).permute(2, 0, 1)[:, None], (reach,) * 4, mode="replicate")
    soft = F.conv2d(F.conv2d(flat, taps[None, None, :, None]), taps[None, None, None])
    return np.asarray(soft[:, 0].permute(1, 2, 0).numpy())


def _bytes(x: Reals) -> NDArray[np.uint8]:
    made: NDArray[np.uint8] = np.rint(255 * x.clip(0, 1)).astype(np.uint8)
    return made
