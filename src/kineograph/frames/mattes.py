"""What of a frame is the figure, and in which colours? Before a key colour or a still background.

A pixel at the figure's edge is C = α F + (1 - α) K (the compositing equation). K is known: the key
or the background near by. F is taken from the figure's inside near by, so α is where C lies on the
line from K to F (one projection), and F comes back by un-mixing. Inside, alpha is 1 and colours
stay as they are: denim before a blue screen is denim. Closed-form matting (Levin et al. 2008) was
measured beside: error .031 against .045 in strong noise, .002 against .010 without, not worth a
dependency.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kineograph.frames.distance import Frame

Colour = tuple[int, int, int]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

EDGE = 3  # pixels on each side of the outline that may be mixed
REACHES = (3, 8, 24)  # pixels around from which colours are taken, the nearest that has any
FAINT = 0.02  # alpha that is noise
CLOSE = 70.0  # distance from the key below which colours of a figure are near it
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def key_colour(frame: Frame) -> Colour | None:
    """The colour of the frame's border when it is one saturated colour, else None. frame: (H, W,
    3)."""
    edge = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])[:, :3].astype(float)
    colour = np.median(edge, axis=0)
    near = np.linalg.norm(edge - colour, axis=1) < 40
    if near.mean() < 0.8 or colour.max() - colour.min() < 90:
        return None
    return int(colour[0]), int(colour[1]), int(colour[2])


def keyed(frame: Frame, key: Colour, *, near: float = 40.0) -> Frame:
    """The frame with the key colour made clear: (H, W, 4), straight alpha.

    near: distance from the key, its brightness counted little, up to which a pixel may be screen.
    """
    rgb = frame[:, :, :3].astype(np.float32)
    screen = from_key(rgb, np.array(key, np.float32)) < near
    ground = _nearby(rgb, screen)
    ground[~np.isfinite(ground).all(axis=2)] = key
    return cut_out(rgb, ground, screen)


def differing(frame: Frame, still: Frame, *, near: float = 18.0) -> Frame:
    """The frame with what is like the still background made clear: (H, W, 4), straight alpha."""
    rgb, ground = frame[:, :, :3].astype(np.float32), still[:, :, :3].astype(np.float32)
    return cut_out(rgb, ground, np.linalg.norm(rgb - ground, axis=2) < near)


def from_key(rgb: Floats, key: Floats) -> Floats:
    """(H, W) how far colours are from the key, 0 … 255, their brightness counted little."""
    away = rgb - key
    bright = away @ LUMA
    apart: Floats = np.sqrt(np.square(away - bright[..., None]).sum(axis=-1) + 0.15 * bright**2)
    return apart


def nearness(frame: Frame, key: Colour) -> float:
    """Share of a figure (H, W, 4), cut out, in colours so near the key that it may have holes."""
    inside = frame[:, :, 3] == 255
    if not inside.any():
        return 0.0
    colours = frame[inside][:, :3].astype(np.float32)
    return float((from_key(colours, np.array(key, np.float32)) < CLOSE).mean())


def background(frames: list[Frame]) -> Frame:
    """The still background: the median over the frames."""
    still: Frame = np.median([frame[:, :, :3] for frame in frames], axis=0).astype(np.uint8)
    return still


def cut_out(rgb: Floats, ground: Floats, like_ground: Flags) -> Frame:
    """(H, W, 4) uint8: the figure before a known ground (H, W, 3), its edge un-mixed.

    like_ground: pixels that may be ground. Only a band of EDGE pixels about the outline is mixed.
    """
    height, width, _ = rgb.shape
    figure = _settled(~like_ground)
    made = np.zeros((height, width, 4), np.uint8)
    if not figure.any():
        return made
    rows, columns = (np.flatnonzero(figure.any(axis=axis)) for axis in (1, 0))
    box = tuple(
        slice(max(0, int(at[0]) - 2 * EDGE), int(at[-1]) + 2 * EDGE + 1) for at in (rows, columns)
    )
    made[box] = _cut(rgb[box], ground[box], figure[box])
    return made


def _cut(rgb: Floats, ground: Floats, figure: Flags) -> Frame:
    inside = _counted(~figure, EDGE) == 0
    outside = _counted(figure, EDGE) == 0
    colours = _nearby(rgb, inside if inside.any() else figure)
    thin = ~np.isfinite(colours).all(axis=2)
    colours[thin] = rgb[thin]
    line, away = colours - ground, rgb - ground
    length = np.maximum((line**2).sum(axis=2), 1.0)
    alpha = np.clip((away * line).sum(axis=2) / length, 0, 1)
    alpha[thin & figure] = 1.0
    alpha[inside] = 1.0
    alpha[outside | (alpha < FAINT)] = 0.0
    alpha[alpha > 1 - FAINT] = 1.0
    share = np.maximum(alpha, 0.1)[..., None]
    unmixed = ground + away / share
    # un-mixing multiplies noise: the fainter a pixel, the more it takes of the colours near by
    trust = np.clip((alpha - 0.1) / 0.4, 0, 1)[..., None]
    clean = np.where(alpha[..., None] == 1, rgb, trust * unmixed + (1 - trust) * colours)
    whole = np.concatenate([clean, 255 * alpha[..., None]], axis=2)
    made: Frame = np.rint(whole.clip(0, 255)).astype(np.uint8)
    return made


def _settled(figure: Flags) -> Flags:
    """Without single pixels: of noise in the ground, and of holes in the figure."""
    around = _counted(figure, 1)
    return (figure & (around >= 3)) | (around >= 8)


def _nearby(rgb: Floats, of: Flags) -> Floats:
    """(H, W, 3) the mean colour of the pixels `of` near by; not finite where none are."""
    found = np.full(rgb.shape, np.nan, np.float32)
    missing = np.ones(of.shape, bool)
    masked = np.where(of[..., None], rgb, 0).astype(np.float64)
    for reach in REACHES:
        count = _counted(of, reach)
        sums = np.stack([_summed(masked[..., c], reach) for c in range(3)], axis=-1)
        now = missing & (count > 0)
        found[now] = (sums[now] / count[now][:, None]).astype(np.float32)
        missing &= ~now
    return found


def _counted(flags: Flags, reach: int) -> NDArray[np.int64]:
    """How many pixels of a square of 2 reach + 1 about each are set; beyond the border none."""
    counts: NDArray[np.int64] = np.rint(_summed(flags.astype(np.float64), reach)).astype(np.int64)
    return counts


def _summed(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Sums over a square of 2 reach + 1 about each pixel."""
    for axis in (0, 1):
        lines = np.moveaxis(values, axis, 0)
        ends = np.concatenate([np.zeros((1, *lines.shape[1:])), np.cumsum(lines, axis=0)])
        at = np.arange(len(lines))
        high = np.minimum(at + reach + 1, len(lines))
        low = np.maximum(at - reach, 0)
        values = np.moveaxis(ends[high] - ends[low], 0, axis)
    return values
