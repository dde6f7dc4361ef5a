"""Which words does a picture model know? Those of its captions; the nearest thing to any other.

Kept beside the weights as three tensors, so that one reader serves all: the words and the names of
things as UTF-8 bytes, a line each, and the frozen encoder's mean state of every name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.diffusion.cascade import Texts

MOST_TOLD = 3  # words that are told, of one text
SHORTEST = 3  # letters; shorter words are little ones
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ENDINGS = ("", "s", "es", "ing", "ed", "er", "ers", "ly", "y", "'s")


@dataclass(frozen=True)
class Vocabulary:
    """The words of the captions, and the things that were shown.

    states: (N, D) of unit length, the encoder's mean state of each name.
    """

    words: frozenset[str]
    names: tuple[str, ...]
    states: Tensor

    def with_words(self, words: Iterable[str]) -> Vocabulary:
        """The same with more words that are known."""
        return replace(self, words=self.words | {word.lower() for word in words})

    def unknown(self, text: str) -> list[str]:
        """The words of a text that stand in no caption, in no usual form either, each once."""
        found = dict.fromkeys(word.lower() for word in _WORD.findall(text))
        return [word for word in found if len(word) >= SHORTEST and not self._knows(word)]

    @cached_property
    def stems(self) -> frozenset[str]:
        """All that the words may be forms of."""
        return frozenset(stem for word in self.words for stem in _stems(word))

    def _knows(self, word: str) -> bool:
        if "-" in word and all(self._knows(part) for part in word.split("-")):
            return True
        return word in self.words or not self.stems.isdisjoint(_stems(word))

    def told(self, text: str, read: Texts) -> list[str]:
        """What to say of the words that are not known: the nearest thing by meaning."""
        return [
            f"'{word}' is not known; nearest: {self.nearest(word, read)}"
            for word in self.unknown(text)[:MOST_TOLD]
        ]

    def nearest(self, word: str, read: Texts) -> str:
        """The name whose state is most like that of the word."""
        return self.ranked(word, read, 1)[0][0]

    def ranked(self, text: str, read: Texts, count: int) -> list[tuple[str, float]]:
        """The names most like a text, the likest first, each with its cosine in -1 … 1."""
        state = read([text]).pooled
        assert state is not None
        cosines = self.states @ F.normalize(state[0].float(), dim=0)
        best = cosines.topk(min(count, len(self.names)))
        return [(self.names[int(i)], float(c)) for c, i in zip(*best, strict=True)]

    def tensors(self) -> dict[str, Tensor]:
        """As it is kept."""
        return {
            "words": _bytes(sorted(self.words)),
            "names": _bytes(self.names),
            "states": self.states.to(torch.bfloat16),
        }


def vocabulary(texts: Iterable[str], names: Sequence[str], states: Tensor) -> Vocabulary:
    """The vocabulary of some captions and of named things with their states (N, D)."""
    words = {word.lower() for text in texts for word in _WORD.findall(text)}
    return Vocabulary(frozenset(words), tuple(names), F.normalize(states.float(), dim=1))


def from_tensors(kept: dict[str, Tensor]) -> Vocabulary:
    """A vocabulary as it was kept."""
    words, names = (bytes(kept[name].numpy()).decode("utf-8") for name in ("words", "names"))
    states = F.normalize(kept["states"].float(), dim=1)
    return Vocabulary(frozenset(words.split("\n")), tuple(names.split("\n")), states)


def _stems(word: str) -> set[str]:
    """What a word may be a form of: "dances", "dancing", "dancer" share "danc" and "dance"."""
    cut = {word.removesuffix(end) for end in _ENDINGS if word.endswith(end)}
    cut |= {f"{stem}e" for stem in cut if stem != word}
    cut |= {stem[:-1] for stem in cut if stem[-1:] == stem[-2:-1]}
    return {stem for stem in cut if len(stem) >= SHORTEST}


def _bytes(lines: Sequence[str]) -> Tensor:
    return torch.frombuffer(bytearray("\n".join(lines).encode()), dtype=torch.uint8)
