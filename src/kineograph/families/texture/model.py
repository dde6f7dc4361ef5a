"""Textures as a Model: samples in, a picture out, its source map beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kineograph.families.texture.settings import Apply, Extend, Fill, Grow, Growth
from kineograph.media.exact import Picture, picture_of
from kineograph.patches import texture
from kineograph.patches.source_map import copied_result, load_map, rendered
from kineograph.products import PictureProduct, clip_of
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.sides import sides

SECONDS_A_HOLE, SECONDS_A_PIXEL = 1.0, 6e-5  # measured: completion as a whole
SECONDS_A_STEP = 6e-9  # measured: one weight of a window at one place of a sample, one thread


class TextureModel:
    """Efros and Leung's algorithm behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[Growth]) -> Forecast:
        """Seconds by the plain count of comparisons, an upper bound for what is searched."""
        settings = request.settings
        samples = [picture_of(source, name.split(".")[0]) for name, source in settings.sources()]
        height, width = _made_size(settings)
        places = sum(one.shape[0] * one.shape[1] for one in samples)
        window = (settings.window or 15) ** 2
        steps = height * width * places * window
        if isinstance(settings, Fill) and settings.whole(height * width * places):
            seconds = SECONDS_A_HOLE + SECONDS_A_PIXEL * height * width
            told = f"{height * width:,} pixels completed from {len(samples)} pictures"
            return Forecast(seconds, int(200e6 + 60 * places), 3 * places, told)
        seconds = SECONDS_A_STEP * steps / (100 if settings.approximate else 1)
        return Forecast(
            seconds,
            int(150e6 + 64 * places + 40 * height * width),
            3 * height * width,
            f"{width}x{height} pixels from {places:,} of {len(samples)} pictures",
        )

    def make(self, request: Request[Growth], seed: int) -> Iterator[Progress[Clip]]:
        """The picture as it grows; the last step carries it whole, with its map."""
        made = None
        for step in _steps(request.settings, seed):
            if isinstance(step.value, texture.Texture):
                made = step.value
            else:
                yield step._replace(value=clip_of(step.value))
        assert made is not None
        result = copied_result(self, request, seed, made)
        result = replace(result, facts={**result.facts, "window": made.window})
        yield Progress(1.0, "done", result.value, None, result)


class MapModel:
    """A source map used again on other channels."""

    about = About("")

    def forecast(self, request: Request[Apply]) -> Forecast:
        return Forecast(0.1, int(200e6), 10**6, "a picture copied by its map")

    def make(self, request: Request[Apply], seed: int) -> Iterator[Progress[Clip]]:
        settings = request.settings
        source = load_map(settings.map.there("map"))
        made = rendered(source, [picture_of(one, "others") for one in settings.others])
        product = PictureProduct(made)
        result: Result[Clip] = Result(product, seed, record_of(self, request, seed))
        yield Progress(1.0, "copied", product.value(), None, result)


def grown_from(settings: Growth) -> tuple[list[Picture], list[NDArray[np.bool_]]]:
    """The pictures that a texture is grown from, and where each of them may be read."""
    if isinstance(settings, Grow):
        pictures = [picture_of(one, "sample") for one in settings.sample]
        masks = [picture_of(one, "avoid") for one in settings.avoid]
        return pictures, list(texture.allowed_in(pictures, masks or None))
    assert isinstance(settings, Fill | Extend)
    avoid = _only([picture_of(one, "avoid") for one in settings.avoid])
    if isinstance(settings, Extend):
        pictures = [picture_of(settings.picture)]
        return pictures, list(texture.allowed_in(pictures, [avoid]))
    picture, hole, _ = _hole(settings)
    pictures = [picture, *(picture_of(one, "sample") for one in settings.sample)]
    allowed = texture.allowed_in(pictures, [avoid, *[None] * (len(pictures) - 1)])
    own = allowed[0] & (hole <= np.iinfo(hole.dtype).max // 2)
    return pictures, [own, *allowed[1:]]


def _steps(settings: Growth, seed: int) -> Iterator[Progress[Any]]:
    masks = [picture_of(one, "avoid") for one in settings.avoid]
    growth = texture.Growth(
        settings.window,
        settings.epsilon,
        settings.max_error,
        getattr(settings, "tile", False),
        settings.approximate,
        settings.threads,
    )
    match settings:
        case Grow():
            samples = [picture_of(one, "sample") for one in settings.sample]
            if masks and len(masks) != len(samples):
                problem = f"{len(masks)} masks for {len(samples)} samples"
                raise InputError("avoid", problem, "give one each")
            how: dict[str, Any] = {"seed": seed, "growth": growth, "avoid": masks or None}
            return texture.grow(samples, sides(settings.size), **how)
        case Fill():
            further = [picture_of(one, "sample") for one in settings.sample]
            how = {"seed": seed, "growth": growth, "avoid": _only(masks), "examples": further}
            picture, hole, told = _hole(settings)
            if settings.whole(_steps_of(hole, [picture, *further])):
                how = {"seed": seed, "avoid": _only(masks), "examples": further}
                told = (*told, "completed as a whole (by patches)")
                return _noted(texture.complete(picture, hole, **how), told)
            return _noted(texture.fill(picture, hole, **how), told)
        case Extend():
            picture = picture_of(settings.picture)
            how = {"seed": seed, "growth": growth, "avoid": _only(masks)}
            return texture.extend(picture, _margins(picture, settings.size), **how)
    raise TypeError(f"{type(settings).__name__} is no texture")


def _steps_of(hole: NDArray[Any], pictures: list[Picture]) -> int:
    """Pixels of a hole × pixels of what it is filled from."""
    marked = int((hole > np.iinfo(hole.dtype).max // 2).sum())
    return marked * sum(int(one.shape[0] * one.shape[1]) for one in pictures)


def _margins(picture: Picture, size: str) -> tuple[int, int, int, int]:
    """(top, right, bottom, left) pixels to add, the picture centred."""
    (height, width), (H, W) = sides(size), picture.shape[:2]
    if height < H or width < W:
        problem = f"{width}x{height} is smaller than the picture ({W}x{H})"
        raise InputError("size", problem, "ask for more")
    top, left = (height - H) // 2, (width - W) // 2
    return top, width - W - left, height - H - top, left


def _made_size(settings: Growth) -> tuple[int, int]:
    """(height, width) of what is made, or of the hole at most."""
    if isinstance(settings, Grow | Extend):
        return sides(settings.size)
    assert isinstance(settings, Fill)
    _, hole, _ = _hole(settings)
    return 1, max(1, int((hole > np.iinfo(hole.dtype).max // 2).sum()))


MOSTLY = 0.4  # of the picture: a hole that is larger is told


def _hole(settings: Fill) -> tuple[Picture, NDArray[Any], tuple[str, ...]]:
    """The picture, its hole as a mask (H, W), and what a person should know.

    Without a mask, and in a mask that was erased and not painted, what is transparent is the hole.
    """
    picture = picture_of(settings.picture)
    notes: tuple[str, ...] = ()
    if settings.mask is None:
        hole = _clear(picture)
        if hole is None:
            problem = "is missing, and the picture has no transparent part"
            raise InputError(
                "mask", problem, "paint one white where the hole is, or erase the hole"
            )
        picture = picture[:, :, :-1]
        notes = ("the transparent part is the hole",)
    else:
        mask = picture_of(settings.mask, "mask")
        clear = _clear(mask)
        most = np.iinfo(mask.dtype).max
        painted = clear is None or (mask[..., 0][clear == 0] > most // 2).all()
        if painted:
            grey = mask[:, :, : mask.shape[2] - (clear is not None)].mean(2)
            hole = (grey if clear is None else grey * (clear == 0)).astype(mask.dtype)
        else:
            assert clear is not None
            hole = clear
            notes = ("the transparent part of the mask is the hole, as nothing is painted white",)
    share = float((hole > np.iinfo(hole.dtype).max // 2).mean())
    if share > MOSTLY:
        notes = (*notes, f"the hole is {share:.0%} of the picture")
    return picture, hole, notes


def _clear(picture: Picture) -> NDArray[Any] | None:
    """(H, W) white where a picture is not wholly opaque; None where it has no alpha."""
    if picture.shape[2] not in (2, 4):
        return None
    most = np.iinfo(picture.dtype).max
    return np.where(picture[:, :, -1] < most, most, 0).astype(picture.dtype)


def _noted(steps: Iterator[Progress[Any]], notes: tuple[str, ...]) -> Iterator[Progress[Any]]:
    """The steps, with more for a person to know at their end."""
    for step in steps:
        made = step.value
        if isinstance(made, texture.Texture):
            step = step._replace(value=made._replace(notes=(*notes, *made.notes)))
        yield step


def _only(masks: list[Picture]) -> Picture | None:
    if len(masks) > 1:
        raise InputError("avoid", f"{len(masks)} masks for one picture", "give one")
    return masks[0] if masks else None
