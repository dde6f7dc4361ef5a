"""A cross-fade that moves: frames are brought to the shape between them before they are mixed.

Where the frames joined at a jump differ in place, a plain fade shows both at once, a ghost. Optical
flow carries each one to the weighted mean of their places first (Schödl et al., "Video Textures",
2000, §5, name morphing as what would mend it). Where the flow finds nothing alike, the plain fade
stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kineograph.frames.distance import Frame
from kineograph.frames.render import FrameStore, blended
from kineograph.optical_flow import flow, moved

LEVELS, ROUNDS = 7, 4
INVERTED = 3  # rounds of the fixed point that turns a flow round
SOFT = 9  # pixels of the window in which two pictures are compared
FLOW_PIXELS = 240_000  # larger frames are made smaller for the flow alone
KEPT = 64  # flows kept, as the frames of a fade are asked for again


class Morph:
    """Mixes frames of one reel along their optical flow; called as `render.blended` is."""

    def __init__(self, reel: FrameStore) -> None:
        self._reel = reel
        self._flows: dict[tuple[int, int], Tensor] = {}

    def __call__(self, parts: Sequence[tuple[int, float]]) -> Frame:
        """The picture between frames, (H, W, C); parts: (frame number, weight), weights sum to 1.

        Frames shown together several times are mixed as one.
        """
        if len({number for number, _ in parts}) < 2:
            return blended(self._reel, parts)
        there = [_premultiplied(self._reel[number]) for number, _ in parts]
        carried = [
            arrived(x, self._forward(number, parts))
            for (number, _), x in zip(parts, there, strict=True)
        ]
        return _straight(mixed(there, carried, [weight for _, weight in parts]))

    def ghost(self, parts: Sequence[tuple[int, float]]) -> float:
        """How far the frames mixed differ once they are carried together, RMS in 0 … 1."""
        there = [_premultiplied(self._reel[number]) for number, _ in parts]
        carried = [
            arrived(x, self._forward(number, parts))
            for (number, _), x in zip(parts, there, strict=True)
        ]
        share = _trust(there, carried)
        shown = [share * c + (1 - share) * p for c, p in zip(carried, there, strict=True)]
        return float(torch.stack(shown).std(0, correction=0).square().mean().sqrt()) * 2

    def _forward(self, number: int, parts: Sequence[tuple[int, float]]) -> Tensor:
        """(1, 2, H, W) from a frame to the mixture's places: a pixel q goes Σ w_k flow_k(q)."""
        forward = torch.zeros(1, 2, *self._reel.shape[:2])
        for other, weight in parts:
            if other != number:
                forward = forward + weight * self._flow(number, other)
        return forward

    def _flow(self, first: int, second: int) -> Tensor:
        if (first, second) not in self._flows:
            if len(self._flows) >= KEPT:
                self._flows.pop(next(iter(self._flows)))
            a, b = (_premultiplied(self._reel[n])[:, :3] for n in (first, second))
            self._flows[first, second] = wide_flow(a, b)
        return self._flows[first, second]


def wide_flow(a: Tensor, b: Tensor) -> Tensor:
    """(1, 2, H, W) from a picture (1, 3, H, W) in [0, 1] to another, which may be far apart.

    Large pictures are made smaller for it, to FLOW_PIXELS.
    """
    height, width = a.shape[-2:]
    scale = min(1.0, (FLOW_PIXELS / (height * width)) ** 0.5)
    if scale < 1:
        size = [max(8, round(side * scale)) for side in (height, width)]
        a, b = (F.interpolate(x, size, mode="area") for x in (a, b))
    found = flow(a, b, levels=LEVELS, rounds=ROUNDS, calm=True)
    if scale < 1:
        ratio = torch.tensor([width / a.shape[-1], height / a.shape[-2]])[None, :, None, None]
        found = ratio * F.interpolate(found, (height, width), mode="bilinear", align_corners=False)
    return found


def arrived(x: Tensor, forward: Tensor) -> Tensor:
    """(1, C, H, W) of a picture whose pixels q have gone to q + forward(q).

    What arrives at p is found by a fixed point of the flow turned round.
    """
    back = forward
    for _ in range(INVERTED):
        back = moved(forward, -back)
    return moved(x, -back)


def mixed(there: Sequence[Tensor], carried: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """(1, C, H, W): pictures mixed once carried together, or plainly where that fits no better."""
    plain = sum(w * x for w, x in zip(weights, there, strict=True))
    along = sum(w * x for w, x in zip(weights, carried, strict=True))
    assert isinstance(plain, Tensor) and isinstance(along, Tensor)
    share = _trust(there, carried)
    return share * along + (1 - share) * plain


def _trust(there: Sequence[Tensor], carried: Sequence[Tensor]) -> Tensor:
    """(1, 1, H, W) in [0, 1]: 1 where frames agree better once carried, 0 where they do worse."""
    before, after = (
        F.avg_pool2d(
            torch.stack(list(x)).var(0, correction=0).mean(1, keepdim=True),
            SOFT, 1, SOFT // 2, count_include_pad=False,
        )
        for x in (there, carried)
    )  # fmt: skip
    share = ((before - after) / (0.25 * before + 1e-5) + 0.5).clamp(0, 1)
    return F.avg_pool2d(share, SOFT, 1, SOFT // 2, count_include_pad=False)


def _premultiplied(frame: Frame) -> Tensor:
    """(1, C, H, W) in [0, 1], colours multiplied by alpha."""
    x = torch.from_numpy(frame.astype(np.float32) / 255).permute(2, 0, 1)[None]
    if x.shape[1] == 4:
        x = torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1)
    return x


def _straight(x: Tensor) -> Frame:
    """(H, W, C) uint8 with straight alpha."""
    if x.shape[1] == 4:
        x = torch.cat([x[:, :3] / x[:, 3:].clamp(min=1e-5), x[:, 3:]], 1)
    frame: Frame = (x[0].permute(1, 2, 0).clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
    return frame
