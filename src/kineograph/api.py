"""One line a family, for people in a hurry.

    import kineograph as kg
    kg.video("a red heart bouncing", seed=1).save("heart.webp")

Every function takes the fields that `kineograph VERB --help` lists as keywords, and `seed`; without
one it is drawn, and stands in the result. What is read may be a file's name or a value in memory.
All raise InputError, naming the field, for what they cannot take, and MissingError for a model that
is not here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kineograph import models
from kineograph.again import again
from kineograph.values.clip import Clip
from kineograph.values.progress import Progress, finished
from kineograph.values.request import Request, checked_seed
from kineograph.values.result import Result
from kineograph.values.source import Source

Picture = str | os.PathLike[str] | Clip


def video(text: str = "", *, seed: int | None = None, **settings: Any) -> Result[Clip]:
    """A clip from words; from a picture with `image`; a finer one of a clip with `refine`.

    text: what it shows. The result's clip is (T, C, H, W) in [0, 1].

        >>> clip = kg.video("a red heart", size=64, frames=2, steps=2, seed=1)
        >>> saved = clip.save("heart.webp")
    """
    return make("video", seed=seed, text=text, **settings)


def image(text: str, *, seed: int | None = None, **settings: Any) -> Result[Clip]:
    """A picture from words, a clip of one frame; by="tokens" writes it in codes.

    text: what it shows. The picture is (1, C, H, W) in [0, 1], C 4 where it is transparent.

        >>> kg.image("a snowman", by="tokens", candidates=1, seed=1).frames.shape
        (1, 64, 64, 3)
    """
    return make("image", seed=seed, text=text, **settings)


def zoom(
    levels: str | Sequence[str] = (), *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A flight through one world at every scale, from texts, or from pictures with `example`.

    levels: what each level shows, widest first.

        >>> flight = kg.zoom(example=["brick.png", "hole.png"], canvas=32, seconds=0.5, seed=1)
        >>> saved = flight.save("flight.webp")
    """
    if levels:
        settings["level"] = (levels,) if isinstance(levels, str) else tuple(levels)
    return make("zoom", seed=seed, **settings)


def grow(
    sample: Picture | Sequence[Picture], *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A new picture of any size that looks like the samples (Efros and Leung 1999).

    sample: pictures by name, or clips of one frame, grey or colour, with alpha or without.

        >>> wall = kg.grow("brick.png", size="32x24", window=5, seed=1)
        >>> wall.frames.shape
        (1, 24, 32, 3)
    """
    many = sample if isinstance(sample, list | tuple) else [sample]
    return make("texture grow", seed=seed, sample=tuple(many), **settings)


def fill(
    picture: Picture, mask: Picture | None = None, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A picture whose hole, white in the mask, is filled from the rest of it.

    Without a mask the hole is what is transparent.

        >>> kg.fill("brick.png", "hole.png", window=5, seed=1).frames.shape
        (1, 32, 32, 3)
    """
    return make("texture fill", seed=seed, picture=picture, mask=mask, **settings)


def extend(
    picture: Picture, size: str, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A picture continued past its border to width x height, itself in the middle.

    size: "WIDTHxHEIGHT" in pixels, at least the picture's own.

        >>> kg.extend("hole.png", "40x40", window=5, seed=1).frames.shape[:3]
        (1, 40, 40)
    """
    return make("texture extend", seed=seed, picture=picture, size=size, **settings)


def loop(
    clip: str | os.PathLike[str] | Clip, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """A clip that never ends (Schödl et al. 2000); saved as .html it is an endless player.

    Without `seconds` it repeats without a seam; with it the clip is played at random.

        >>> saved = kg.loop("flag.webp", seed=1).save("again.webp")
    """
    return make("loop", seed=seed, clip=clip, **settings)


def sprite(
    clip: str | os.PathLike[str] | Clip, *, seed: int | None = None, **settings: Any
) -> Result[Any]:
    """A figure cut out of a clip that follows the pointer, in a page; its value is a `Sprite`.

    clip: of one thing that moves before a still ground; key: the colour of that ground.

        >>> saved = kg.sprite("fish.webp", seed=1).save("fish.html")
    """
    return make("sprite", seed=seed, clip=clip, **settings)


def analogy(
    a: Picture, a2: Picture, b: Picture, *, seed: int | None = None, **settings: Any
) -> Result[Clip]:
    """What is to b as a2 is to a (Hertzmann et al. 2001); by="tokens" asks a learned matcher.

    a, a2: the example before and after, of one size. b: what to change the same way.

        >>> kg.analogy("hole.png", "hole.png", "hole.png", levels=1, seed=1).frames.shape[0]
        1
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

        >>> kg.write(kg.Source(value="to be or not to be"), order=1, n=4, seed=1).value[:2]
        'to'
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

        >>> kg.chain(["sun", "rain", "sun", "rain"], predict=1).value.predicted
        [[0.0, 1.0]]
    """
    if isinstance(states, Iterable) and not isinstance(states, str | os.PathLike | Source):
        return make("chain", seed=seed, states=Source(value=list(states)), **settings)
    return make("chain", seed=seed, states=states, **settings)


def vectors(
    corpus: str | os.PathLike[str] | Source | None = None,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Result[Any]:
    """A vector a word of a text; its value holds the vectors and answers about them.

    corpus: a text file, or Source(value="the text itself").

        >>> text = kg.Source(value=" ".join(f"a{i} b{i} c{i}." for i in range(9)) * 9)
        >>> kg.vectors(text, epochs=1, width=4, seed=1).value.vectors.table.shape
        (27, 4)
    """
    return make("vectors", seed=seed, corpus=corpus, **settings)


def rerun(
    file: str | os.PathLike[str],
    *,
    changed: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Result[Any]:
    """What a file was made from, made again: the same bytes by the same version and threads.

    changed: fields to set otherwise, `seed` too. inputs: files by field, where they are not beside
    the file. What has changed since is told in the result's notes.

        >>> wall = kg.grow("brick.png", size="16x16", window=5, seed=1)
        >>> saved = wall.save("wall.png")
        >>> kg.rerun("wall.png", changed={"seed": 2}).seed
        2
    """
    asked = again(Path(file), changed=changed, inputs=inputs)
    model = models.model_of(asked.request.settings)
    result: Result[Any] = finished(model.make(asked.request, asked.seed))
    return result.noting(asked.changes)


def make(verb: str, *, seed: int | None = None, **values: Any) -> Result[Any]:
    """What a command makes of its fields.

    verb: one of `models.VERBS`. seed: 0 … 2**63 - 1; drawn when None. Raises InputError, naming the
    field, for what the command does not take.

        >>> kg.make("texture grow", sample=("brick.png",), size="16x16", window=5, seed=1).seed
        1
    """
    return finished(steps(verb, seed=seed, **values))


def steps(verb: str, *, seed: int | None = None, **values: Any) -> Iterator[Progress[Any]]:
    """The same, a step at a time: each has the best guess so far, the last one the result.

    verb: one of `models.VERBS`. seed: 0 … 2**63 - 1; drawn when None.

        >>> grown = kg.steps("texture grow", sample=["brick.png"], size="9x9", window=5, seed=1)
        >>> [step.note for step in grown][-1]
        'done'
    """
    said = {name: value for name, value in values.items() if value is not None}
    settings = models.settings_of(verb, said, trusted=True)
    chosen = secrets.randbelow(2**32) if seed is None else checked_seed(seed)
    return models.model_of(settings).make(Request(settings), chosen)
