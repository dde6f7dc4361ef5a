"""A text as words or letters, by the module name of 0.1."""

from kineograph.families.language.words.corpus import Corpus, read_corpus, read_text, tidy

__all__ = ["Corpus", "read_corpus", "read_text", "tidy"]
