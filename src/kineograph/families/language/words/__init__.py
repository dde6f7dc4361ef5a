"""What comes next in a text, by counting (n-grams) and by a learned model over byte pairs.

    corpus = read_corpus(read_text(Path("book.txt")), "word")
    for step in write(ngrams(corpus, 2), 500, seed=7, copy_limit=6): ...
    step.value.text, step.value.source, step.value.copied

`corpus.py` makes a text into numbers, `occurrences.py` finds, draws and compares, `writing.py`
writes, `counts.py` measures what counting can and cannot do. `byte_pairs.py` and `language.py`,
which need torch, are imported by name.
"""

from kineograph.families.language.words.corpus import Corpus, read_corpus, read_text
from kineograph.families.language.words.counts import Bits, Choice, bits, bits_by_order, choices
from kineograph.families.language.words.occurrences import Copied, longest_copied
from kineograph.families.language.words.writing import Ngrams, Written, ngrams, write

__all__ = [
    "Bits",
    "Choice",
    "Copied",
    "Corpus",
    "Ngrams",
    "Written",
    "bits",
    "bits_by_order",
    "choices",
    "longest_copied",
    "ngrams",
    "read_corpus",
    "read_text",
    "write",
]
