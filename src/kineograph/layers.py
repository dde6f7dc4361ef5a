"""A picture as two layers: the thing cut out, and the ground whole behind it.

What moves as a whole leaves a place behind. Where the ground is plain (one colour, or colours that
change slowly) that place is known: the ground is fitted to the picture's border, the thing is what
differs from it (mattes against a known ground, `frames.mattes`). Before any other ground a person
says what the thing is, and the place is completed from the rest (`patches.completion`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kineograph.animate.picture import framed, joined_to_border
from kineograph.frames.mattes import cut_out
from kineograph.frames.regions import labelled
from kineograph.values.clip import Clip, to_bytes
from kineograph.values.progress import last

BORDER = 0.02  # of the shorter side: what the ground is fitted to
NEAR = 12.0  # levels of 255 from the fitted ground, in colour space: border that is ground
PLAIN = 0.9  # of the border must be: a thing may reach it
LIKE = 18.0  # levels: joined to the border, this near is ground
FITS = 4  # rounds, each without what the one before found far
SPECK = 0.02  # of the largest part's area: what is smaller stays with the ground
COARSE = 128  # blocks of the longer side in which parts are told apart
LEAST, MOST = 0.002, 0.9  # of the picture that a thing takes
BLACK = 0.1  # a mask's light that counts as none, and so much under white as all
MARGIN = 3  # pixels around a thing that are mixed with it


class Layers(NamedTuple):
    """One frame each, of one size: the thing, with alpha; the ground, opaque and whole."""

    thing: Clip
    ground: Clip

    def joined(self, clip: Clip, size: int) -> Clip:
        """A clip of the thing, made in a square of `size` pixels, laid on the ground."""
        square = framed(self.ground, size)
        behind = square.restored(square.square).frames
        alpha = clip.frames[:, 3:]
        return Clip(clip.frames[:, :3] * alpha + behind * (1 - alpha), clip.fps)


def layered(picture: Clip) -> Layers | None:
    """The layers of a picture (1, 3, H, W); None where its ground is not plain or nothing stands
    on it."""
    rgb = _colours(picture).astype(np.float32)
    plain = _ground(rgb)
    if plain is None:
        return None
    like = torch.from_numpy(np.linalg.norm(rgb - plain, axis=2) < LIKE)
    figure = _without_specks(~joined_to_border(like))
    made = cut_out(rgb, plain, ~figure.numpy())
    thing = torch.from_numpy(made).permute(2, 0, 1)[None].float() / 255
    if not LEAST < float(thing[:, 3].mean()) < MOST:
        return None
    behind = torch.from_numpy(plain).permute(2, 0, 1)[None].clamp(0, 255) / 255
    return Layers(Clip(thing), _under(picture, thing[:, 3:], behind))


def cut_along(picture: Clip, mask: Clip, seed: int) -> Layers | None:
    """The layers of a picture (1, 3, H, W) along a mask of its size, white where the thing is.

    None where the mask shows next to nothing, or leaves too little to complete the ground from.
    """
    light = mask.over().frames[:1].mean(1, keepdim=True)  # (1, 1, H, W)
    alpha = ((light - BLACK) / (1 - 2 * BLACK)).clamp(0, 1)
    hole = _around(alpha)
    if float(alpha.mean()) <= LEAST or float(hole.mean()) >= MOST:
        return None
    from kineograph.patches.texture import complete

    filled = last(complete(_colours(picture), hole[0, 0].numpy() > 0, seed=seed)).picture
    behind = torch.from_numpy(np.asarray(filled)).permute(2, 0, 1)[None].float() / 255
    thing = Clip(torch.cat([picture.frames[:1, :3], alpha], 1))
    return Layers(thing, _under(picture, alpha, behind))


def _colours(picture: Clip) -> NDArray[np.uint8]:
    """(H, W, 3) of the only frame."""
    return to_bytes(picture)[0, :, :, :3]


def _around(alpha: Tensor) -> Tensor:
    """(1, 1, H, W) 1 where alpha is, or nearly: what is mixed with the thing."""
    return F.max_pool2d((alpha > 0).float(), 2 * MARGIN + 1, 1, MARGIN)


def _under(picture: Clip, alpha: Tensor, behind: Tensor) -> Clip:
    """The picture as it is, but for where the thing stands: there what is behind, softly joined."""
    share = F.avg_pool2d(F.pad(_around(alpha), (MARGIN,) * 4, mode="replicate"), 2 * MARGIN + 1, 1)
    share = torch.maximum(share, (alpha > 0).float())
    return Clip(picture.frames[:1, :3] * (1 - share) + behind * share)


def _without_specks(figure: Tensor) -> Tensor:
    """The true places (H, W) of parts that are no specks beside the largest part."""
    step = -(-max(figure.shape) // COARSE)
    blocks = F.avg_pool2d(figure.float()[None, None], step, ceil_mode=True)[0, 0]
    parts = torch.from_numpy(labelled((blocks > 0).numpy()))
    areas = torch.zeros(int(parts.max()) + 1).index_add_(0, parts.flatten(), blocks.flatten())
    kept = (areas >= SPECK * areas.max())[parts].float()[None, None]
    height, width = figure.shape
    return figure & (F.interpolate(kept, scale_factor=step)[0, 0, :height, :width] > 0)


def _ground(rgb: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """(H, W, 3) colours that change by a quadric over the picture, fitted to its border.

    None where more than a tenth of the border is something else.
    """
    height, width, _ = rgb.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)  # (H, W, 6)
    wide = max(1, round(BORDER * min(height, width)))
    border = np.ones((height, width), np.bool_)
    border[wide:-wide, wide:-wide] = False
    seen, colours = terms[border], rgb[border]
    away = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    kept = away <= max(3 * NEAR, float(np.quantile(away, PLAIN)))
    for _ in range(FITS):
        fit, *_ = np.linalg.lstsq(seen[kept], colours[kept], rcond=None)
        away = np.linalg.norm(seen @ fit - colours, axis=1)
        kept = away < NEAR
        if kept.mean() < PLAIN:
            return None
    found: NDArray[np.float32] = (terms @ fit).astype(np.float32)
    return found
