"""The words that a model knows, kept in its folder beside its weights."""

from __future__ import annotations

from pathlib import Path

from kineograph.recipe.files import read_tensors
from kineograph.vocabulary import Vocabulary, from_tensors

VOCABULARY = "vocabulary.safetensors"
MOST_BYTES = 16 * 10**6  # of a vocabulary


def vocabulary_in(folder: Path) -> Vocabulary | None:
    """The words that the model in a folder knows; None where none are kept."""
    path = folder / VOCABULARY
    return from_tensors(read_tensors(path, most=MOST_BYTES)) if path.is_file() else None
