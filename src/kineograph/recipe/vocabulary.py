"""The words that a model knows, kept in its folder beside its weights."""

from __future__ import annotations

from pathlib import Path

from kineograph.recipe.adapter import Adapters, read_adapter
from kineograph.recipe.files import read_tensors
from kineograph.vocabulary import Vocabulary, from_tensors

VOCABULARY = "vocabulary.safetensors"
MOST_BYTES = 16 * 10**6  # of a vocabulary


def vocabulary_in(folder: Path, adapters: Adapters = ()) -> Vocabulary | None:
    """The words that the model in a folder knows, with those of what is added to it; None where it
    keeps none."""
    path = folder / VOCABULARY
    if not path.is_file():
        return None
    known = from_tensors(read_tensors(path, most=MOST_BYTES))
    return known.with_words(word for place, _ in adapters for word in read_adapter(place).words)
