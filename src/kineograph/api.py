"""One line a family, for people in a hurry.

    import kineograph as kg
    kg.video("a red heart beating", seed=1).save("heart.webp")

Every function takes the fields that `kineograph VERB --help` lists as keywords, and `seed`; without
one it is drawn, and stands in the result. What is read may be a file's name or a value in memory.
All raise InputError, naming the field, for what they cannot take, and MissingError for a model that
is not here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kineograph import models
from kineograph.again import again
from kineograph.values.clip import Clip
from kineograph.values.progress import Progress, finished
from kineograph.values.request import Request
from kineograph.values.result import Result
from kineograph.values.source import Source

Picture = str | os.PathLike[str] | Clip


def video(text: str = "", *, seed: int | None = None, **settings: Any) -> Result[Clip]:
    """A clip from words; from a picture with `image`; a finer one of a clip with `refine`.

    text: what it shows. The result's clip is (T, C, H, W) in [0, 1].

        kg.video("a red heart beating", seconds=3, seed=1).save("heart.webp")
        kg.video(image="drawing.png", motion="strong").save("drawing.webp")
    """
    return make("video", seed=seed, text=text, **settings)


def image(text: str, *, seed: int | None = None, **settings: Any) -> Result[Clip]:
    """A picture from words, a clip of one frame; by="tokens" writes it in codes.

    kg.image("a snowman", by="tokens", seed=1).save("snowman.png")
    """
    return make("image", seed=seed, text=text, **settings)


def zoom(levels: Sequence[str] = (), *, seed: int | None = None, **settings: Any) -> Result[Clip]:
    """A flight through one world at every scale, from texts, or from pictures with `example`.

    levels: what each level shows, widest first.

        kg.zoom(["a galaxy", "a planet", "a forest"], seconds=6).save("flight.mp4")
    """
    if levels:
        settings["level"] = tuple(levels)
    return make("zoom", seed=seed, **settings)


def grow(
    sample: Picture | Sequence[Picture], *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A new picture of any size that looks like the samples (Efros and Leung 1999).

    kg.grow("brick.png", size="128x128", seed=1).save("wall.png")
    """
    many = sample if isinstance(sample, list | tuple) else [sample]
    return make("texture grow", seed=seed, sample=tuple(many), **settings)


def fill(
    picture: Picture, mask: Picture | None = None, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A picture whose hole, white in the mask, is filled from the rest of it.

    Without a mask the hole is what is transparent.

    kg.fill("wall.png", "hole.png", seed=1).save("whole.png")
    """
    return make("texture fill", seed=seed, picture=picture, mask=mask, **settings)


def extend(
    picture: Picture, size: str, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A picture continued past its border to width x height, itself in the middle.

    kg.extend("wall.png", "160x160", seed=1).save("wider.png")
    """
    return make("texture extend", seed=seed, picture=picture, size=size, **settings)


def loop(
    clip: str | os.PathLike[str] | Clip, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A clip that never ends (Schödl et al. 2000); saved as .html it is an endless player.

    Without `seconds` it repeats without a seam; with it the clip is played at random.

        kg.loop("flag.mp4", seed=1).save("again.mp4")
    """
    return make("loop", seed=seed, clip=clip, **settings)


def sprite(
    clip: str | os.PathLike[str] | Clip, *, seed: int | None = None, **settings: Any
) -> Result[Any]:
    """A figure cut out of a clip that follows the pointer, in a page; its value is a `Sprite`.

    kg.sprite("fish.mp4", key="#1434d4").save("fish.html")
    """
    return make("sprite", seed=seed, clip=clip, **settings)


def analogy(
    a: Picture, a2: Picture, b: Picture, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """What is to b as a2 is to a (Hertzmann et al. 2001); by="tokens" asks a learned matcher.

    kg.analogy("photo.png", "painting.png", "other.png", mode="painterly").save("painted.png")
    """
    return make("analogy", seed=seed, a=a, a2=a2, b=b, **settings)


def write(
    corpus: str | os.PathLike[str] | Source | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Result[str]:
    """Text that reads like a corpus, by counting; by="transformer" learns it first.

    corpus: a text file, or Source(value="the text itself").

        kg.write("book.txt", order=2, n=60, seed=1).value
        kg.write(model="words", start="The old man", n=60).value
    """
    return make("write", seed=seed, corpus=corpus, **settings)


def chain(
    states: str | os.PathLike[str] | Sequence[object] | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Result[Any]:
    """A Markov chain fitted to states; its value holds matrix, forecast, samples, long run.

    states: a CSV file, or the states themselves in order.

        kg.chain(["sun", "sun", "rain", "sun"], predict=3).value.predicted
    """
    if states is not None and not isinstance(states, str | os.PathLike):
        return make("chain", seed=seed, states=Source(value=list(states)), **settings)
    return make("chain", seed=seed, states=states, **settings)


def rerun(
    file: str | os.PathLike[str],
    *,
    changed: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Path] | None = None,
) -> Result[Any]:
    """What a file was made from, made again: the same bytes by the same version and threads.

    changed: fields to set otherwise, `seed` too. inputs: files by field, where they are not beside
    the file. What has changed since is told in the result's notes.

        kg.rerun("heart.webp", changed={"seed": 2}).save("other.webp")
    """
    asked = again(Path(file), changed=changed, inputs=inputs)
    model = models.model_of(asked.request.settings)
    result: Result[Any] = finished(model.make(asked.request, asked.seed))
    return result.noting(asked.changes)


def make(verb: str, *, seed: int | None = None, **values: Any) -> Result[Any]:
    """What a command makes of its fields.

    verb: one of `models.VERBS`. seed: 0 … 2**63 - 1; drawn when None.
    """
    return finished(steps(verb, seed=seed, **values))


def steps(verb: str, *, seed: int | None = None, **values: Any) -> Iterator[Progress[Any]]:
    """The same, a step at a time: each has the best guess so far, the last one the result.

    for step in kg.steps("image", text="a snowman", seed=1):
        print(f"{step.done:4.0%}", step.note, step.value)
    """
    settings = models.settings_of(verb, {name: v for name, v in values.items() if v is not None})
    chosen = secrets.randbelow(2**32) if seed is None else seed
    return models.model_of(settings).make(Request(settings), chosen)
