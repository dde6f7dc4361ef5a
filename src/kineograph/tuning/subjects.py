"""What would one ask a tuned model for? The pack's subject, and what the model knew before."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kineograph.data.composed.scenes import GROUNDS
from kineograph.data.phrases import article_of, plural
from kineograph.recipe.files import read_tensors
from kineograph.recipe.vocabulary import vocabulary_in

INDEX = "influences.safetensors"


def asked_of(subject: str, captions: Sequence[str], count: int = 6) -> list[str]:
    """Prompts to judge a tuned model by: what was never said of the subject, or its captions."""
    if not subject:
        return list(dict.fromkeys(captions))[:count]
    one, many = f"{article_of(subject)} {subject}", plural(subject)
    asked = [
        f"{one} jumping",
        f"two {many} on a blue ground",
        f"{one} with a red ball",
        f"three {many} on a green ground",
        f"{one} in a boat",
        f"{one} standing on its head",
    ]
    return asked[:count]


def counted_of(subject: str, count: int = 12) -> list[str]:
    """Prompts for two and three of a thing, by turns."""
    return [f"{('two', 'three')[number % 2]} {plural(subject)}" for number in range(count)]


def remembered(folder: Path, count: int, seed: int) -> list[str]:
    """Texts of what a model knew before: things it has names for, alone, in twos, on grounds."""
    names = sorted(set(_names(folder)))
    if not names or not count:
        return []
    rng = np.random.default_rng((seed, 77))
    chosen = [names[int(i)] for i in rng.choice(len(names), count, replace=len(names) < count)]
    texts = []
    for number, name in enumerate(chosen):
        single = re.fullmatch(r"[a-z]+[^s\W]", name)
        if single and number % 4 == 1:
            texts.append(f"two {plural(name)}")
        elif single and number % 4 == 3:
            colour = str(rng.choice(list(GROUNDS)))
            texts.append(f"{article_of(name)} {name} on {article_of(colour)} {colour} ground")
        else:
            texts.append(name)
    return texts


def _names(folder: Path) -> list[str]:
    """What a model has names for: its vocabulary's things, or its training examples' captions."""
    known = vocabulary_in(folder)
    short = [] if known is None else [name for name in known.names if len(name.split()) <= 3]
    if known is not None and 2 * len(short) >= len(known.names):  # things, not whole captions
        return short
    if not (folder / INDEX).is_file():
        return []
    packed: Any = read_tensors(folder / INDEX, most=2**24)["concepts"]
    told = json.loads(zlib.decompressobj().decompress(bytes(packed.numpy()), 2**24))
    return [str(name) for _, name in told]
