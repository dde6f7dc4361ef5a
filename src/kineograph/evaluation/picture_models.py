"""A model of cut-outs ready to be measured: how it makes pictures, and what looks at them.

The second network is the picture encoder of the shipped `animate`: small, trained by emoji and
their captions together, on white. It has seen the trained 3d stills; no picture model is trained
with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kineograph import recipe as recipes
from kineograph.data import cutouts
from kineograph.data.cutout_features import real_cutouts, texture
from kineograph.data.recognized_feed import keys_of
from kineograph.data.sticker_features import Look, lite0
from kineograph.evaluation.pictures import Eyes, Gallery, Make
from kineograph.families.image_to_video.recipe import Animate
from kineograph.families.text_to_image.maker import PictureMaker, Sampling
from kineograph.families.text_to_image.recognizer_recipe import recognizer_of
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress, Prompt

SECOND = "animate"  # the model whose picture encoder is the second network
NAMING = "recognizer"  # the model that names what it sees


def make_of(maker: PictureMaker, *, sampling: Sampling | None = None) -> Make:
    """What `measure.pictures` asks, answered by a maker."""

    def make(texts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        prompts = [Prompt(text, seconds=0) for text in texts]
        chosen = sampling or Sampling(chunk=len(prompts))
        *_, (_, x) = maker.pixels(prompts, seeds, chosen)
        return x[:, :, 0].add(1).div(2).clamp(0, 1)

    return make


def ready(*, folder: Path | None = None) -> Iterator[Progress]:
    """The gallery of real cut-outs with both networks; the last value is a Gallery."""
    for step in real_cutouts(folder=folder):
        if step.value is None:
            yield step
            continue
        net = lite0()
        packs = cutouts.load(folder)
        eyes = Eyes(net, second_eye(), texture(net), things(packs))
        gallery = Gallery(packs, step.value, eyes)
        yield step._replace(value=gallery)


def things(packs: cutouts.Cutouts, model: str = NAMING) -> Callable[[Tensor], list[str]]:
    """What a recognizer sees: premultiplied pictures (N, 4, 64, 64) in [0, 1] to keys of things."""
    net, keys = recognizer_of(model, "model"), keys_of(packs)
    if len(keys) != net.shape.things:
        problem = f"'{model}' tells {net.shape.things} things apart, the data {len(keys)}"
        raise InputError("model", problem, "run 'kineograph data cutouts'")

    def see(pictures: Tensor) -> list[str]:
        with torch.no_grad():
            return [keys[int(n)] for n in net(pictures * 2 - 1).argmax(1)]

    return see


def second_eye(model: str = SECOND) -> Look:
    """The picture encoder of a model that moves pictures: (N, 3, 64, 64) in [0, 1] to (N, E).

    Its numbers have a mean square of 1, as kernels expect.
    """
    place = recipes.folder_of(model)
    about = recipes.read(place)
    if not isinstance(about, Animate):
        raise InputError("model", f"'{model}' has no picture encoder", "name one like animate")
    encoder = recipes.trained(about.picture, place)

    def look(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            unit: Tensor = encoder(pictures * 2 - 1)
        return unit * math.sqrt(unit.shape[1])

    return look
