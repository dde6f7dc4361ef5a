"""A zoom that begins in a photograph: the part of it to use, and holding the levels to it.

Wang et al. 2024, section 4.5: level i, shrunk ratio**i times, must look like the centre of the
photograph. The paper takes five Adam steps on the estimates; area averaging also has the answer in
closed form. `Grounded` does either around any Denoiser.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from kineograph.diffusion.denoiser import Denoiser
from kineograph.families.zoom.stack import Ratio, centre, pyramid_depth, shrunk
from kineograph.values.clip import Clip, to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

Method = Literal["projection", "adam"]
ADAM_STEPS, ADAM_RATE = 5, 0.1  # paper, section 4.5


def photo_window(photo: Clip, size: int, target: tuple[float, float] = (0.5, 0.5)) -> Tensor:
    """(1, 3, 1, size, size) in model range: the largest square of the photo about a point of it.

    photo: one frame, sides at least `size`. target: (x, y) as shares of width and height, where
    the zoom goes to. Raises InputError when the square about the point has fewer than `size`
    pixels.
    """
    height, width = photo.frames.shape[-2:]
    if min(height, width) < size:
        raise InputError(
            "photo", f"{width}x{height} is smaller than the canvas of {size}", "take a larger one"
        )
    if not all(0 <= share <= 1 for share in target):
        raise InputError("target", f"{target} is not within 0 … 1", "give shares of width, height")
    x, y = target[0] * width, target[1] * height
    half = int(min(x, y, width - x, height - y))
    if 2 * half < size:
        raise InputError(
            "target",
            f"only {2 * half} pixels of the photo lie around {target}, the canvas has {size}",
            "choose a point farther from its border, or a larger photo",
        )
    left, top = round(x) - half, round(y) - half
    left, top = min(max(left, 0), width - 2 * half), min(max(top, 0), height - 2 * half)
    frame = photo.over().frames[:1, :, top : top + 2 * half, left : left + 2 * half]
    small = F.interpolate(
        frame, size=(size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return to_model([Clip(small.clamp(0, 1))])


def photo_views(photo: Tensor, levels: int, ratio: int) -> list[Tensor]:
    """What each level, shrunk, must equal: the photo (1, C, 1, H, W) cropped about its centre.

    Entry i is (1, C, 1, H/ratio**i, W/ratio**i); the list ends where pixels do, or at `levels`.
    """
    count = min(levels, 1 + pyramid_depth(photo.shape[-2:], ratio))
    return [centre(photo, ratio**i) for i in range(count)]


def projected(clean: Tensor, views: list[Tensor], ratio: int) -> Tensor:
    """The levels (K, C, T, H, W) changed so that level i, shrunk ratio**i times, is views[i].

    x + U (D U)^-1 (view - D x) with D the area average and U bilinear: D of the result is the view
    exactly, and the change is smooth. With U = D' (copied squares) it would be the nearest such
    point, but its squares show.
    """
    result = clean.clone()
    for i, view in enumerate(views):
        missing = view - shrunk(clean[i : i + 1], ratio**i)  # (1, C, T, h, w)
        down, across = (_smooth(side, ratio**i).to(clean) for side in view.shape[-2:])
        result[i : i + 1] += down @ missing @ across.T
    return result


@cache
def _smooth(small: int, ratio: int) -> Tensor:
    """(small * ratio, small) float64: U (D U)^-1 along one axis."""
    eye = torch.eye(small, dtype=torch.float64)[:, None]  # (small, 1, small)
    up = F.interpolate(eye, scale_factor=ratio, mode="linear", align_corners=False)[:, 0].T
    down_up = rearrange(up, "(n r) m -> n r m", r=ratio).mean(1)  # D U, (small, small)
    inverse: Tensor = torch.linalg.inv(down_up)
    return up @ inverse


def descended(clean: Tensor, views: list[Tensor], ratio: int) -> Tensor:
    """The levels after the paper's five Adam steps on sum_i |D_i(x_i) - view_i|^2, rate 0.1."""
    x = clean.detach().clone()
    optimizer = torch.optim.Adam([x], lr=ADAM_RATE)
    for _ in range(ADAM_STEPS):
        x.grad = torch.zeros_like(x)
        for i, view in enumerate(views):
            error = shrunk(x[i : i + 1], ratio**i) - view
            spread = error.repeat_interleave(ratio**i, -2).repeat_interleave(ratio**i, -1)
            x.grad[i : i + 1] = 2 * spread / ratio ** (2 * i)  # D' of the residual
        optimizer.step()
    return x.detach()


class Grounded:
    """A Denoiser of K levels held to a photograph.

    denoise: of all K levels at once, so this goes inside `Joint` and around what bounds memory.
    photo: (1, C, 1, H, W) in model range, the size of the levels. method: "projection" (exact) or
    "adam" (the paper's). until: noise level from which on, downwards, the levels are let go.
    """

    def __init__(
        self,
        denoise: Denoiser,
        photo: Tensor,
        ratio: Ratio,
        *,
        method: Method = "projection",
        until: float = 0.0,
    ) -> None:
        if method not in ("projection", "adam"):
            raise InputError("method", f"'{method}' is unknown", "use projection or adam")
        if not isinstance(ratio, int):
            problem = f"{float(ratio):g} is no whole number, and a photo needs one"
            raise InputError("ratio", problem, "use 2, or leave the photo out")
        self.denoise, self.photo, self.ratio = denoise, photo, ratio
        self.method, self.until = method, until

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        clean = self.denoise(x, sigma, cond)
        if float(sigma[0]) <= self.until * (1 + 1e-6):  # levels of a walk come in float32
            return clean
        views = photo_views(self.photo.to(clean), len(clean), self.ratio)
        fitted = projected if self.method == "projection" else descended
        return fitted(clean, views, self.ratio)
