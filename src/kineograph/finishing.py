"""How does a small cut-out become a large one? By a network in one evaluation, or by a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph import recipe
from kineograph.products import ClipProduct
from kineograph.record import record_of
from kineograph.values.clip import Clip, from_frames, premultiplied
from kineograph.values.errors import MissingError
from kineograph.values.prompt import Progress
from kineograph.values.request import Model, Request
from kineograph.values.result import Result

Enlarge = Callable[[Tensor], Tensor]
"Premultiplied pictures (N, 4, H, W) in [0, 1], TIMES larger on a side."

TIMES = 4
MODEL = "finisher"
GFLOP_A_PIXEL = 2.5e-3  # of a small picture, both networks, which see two grounds
UPSCALING = 0.1  # share of the progress that enlarging takes


def enlarging(name: str) -> Enlarge:
    """What makes pictures larger: finisher, realesrgan or filter.

    Raises MissingError where its weights are not there.
    """
    net: Enlarge
    match name:
        case "finisher":
            net = recipe.load(MODEL)
        case "realesrgan":
            from kineograph.checkpoints.realesrgan import finished, realesrgan

            net = partial(finished, realesrgan())
        case _:
            net = _filtered

    return net


def hashes() -> dict[str, str]:
    """SHA-256 of our finisher's weights by name, as a record tells them; none where it is not."""
    try:
        return recipe.named_hashes(MODEL)
    except MissingError:
        return {}


def sized(clip: Clip, size: int, enlarge: Enlarge) -> Clip:
    """Square frames with alpha brought to `size` pixels: enlarged as often as need be, then shrunk.

    What is shrunk is filtered as wide as the step is.
    """
    x = premultiplied(clip)  # (T, 4, S, S)
    while x.shape[-1] < size:
        x = torch.cat([enlarge(frame[None]) for frame in x])
    if x.shape[-1] != size:
        x = F.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)
    return from_frames(x, clip.fps)


def enlarged(
    model: Model[Any, Clip],
    request: Request[Any],
    seed: int,
    steps: Iterator[Progress],
    notes: list[str],
) -> Iterator[Progress[Clip]]:
    """The steps of a picture, then of enlarging it; the last one carries the result."""
    times = request.settings.upscale
    share = 1 - UPSCALING if times > 1 else 0.999
    picture = None
    for step in steps:
        picture = step.value
        yield step._replace(done=share * step.done)
    assert isinstance(picture, Clip)
    if times > 1:
        size = picture.frames.shape[-1] * times
        picture = sized(picture, size, enlarging("finisher")).over()
        notes.append(f"{size} pixels by the finisher")
    side = picture.frames.shape[-1]
    record = record_of(model, request, seed)
    product = ClipProduct(picture)
    result: Result[Clip] = Result(product, seed, record, tuple(notes), {"size": side})
    yield Progress(1.0, "made", picture, None, result)


def _filtered(x: Tensor) -> Tensor:
    made = F.interpolate(x, scale_factor=TIMES, mode="bicubic", align_corners=False).clamp(0, 1)
    return torch.cat([made[:, :3].minimum(made[:, 3:]), made[:, 3:]], dim=1)
