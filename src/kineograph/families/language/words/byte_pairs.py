"""A text as byte pairs: the symbols a learned model reads (Sennrich et al. 2016).

The 256 bytes come first, so any text can be spelled; each merge joins two symbols that often stand
together into one more, inside words, a word carrying the space before it. The `tokenizers` library
learns and applies the merges; `BytePairs` is nothing but their list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kineograph.families.language.words.corpus import Ids, tidy
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_MERGES = 60_000


@dataclass(frozen=True)
class BytePairs:
    """The way between texts and symbols 0 … size - 1.

    merges: one a line, two symbols parted by a space, in the letters that stand for bytes; ""
    spells by bytes alone, lines kept as they are. With merges, lines of a paragraph are joined.
    """

    merges: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self._pairs) > MOST_MERGES:
            raise InputError("merges", f"{len(self._pairs):,}, the limit is {MOST_MERGES:,}")
        if any(len(pair) != 2 or not all(pair) for pair in self._pairs):
            raise InputError("merges", "a line does not hold two symbols parted by a space")
        known = set(_byte_letters())
        for left, right in self._pairs:
            if left not in known or right not in known:
                raise InputError("merges", f"'{left} {right}' joins a symbol that is not there yet")
            known.add(left + right)

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        halves = (line.partition(" ") for line in self.merges.split("\n") if line)
        return [(left, right) for left, _, right in halves]

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        pieces = [*_byte_letters(), *(left + right for left, right in self._pairs)]
        return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        merges = [(pair[0], pair[1]) for pair in self._pairs]
        made = Tokenizer(models.BPE(vocab=self._vocabulary, merges=merges))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        return made

    @property
    def size(self) -> int:
        """Different symbols."""
        return len(self._vocabulary)

    @property
    def unit(self) -> str:
        """What people call a symbol."""
        return "piece" if self.merges else "byte"

    def tidy(self, text: str) -> str:
        """The text as it will be spelled: NFC, ends of lines alike, lines joined when merged."""
        return tidy(text, "word" if self.merges else "letter")

    def symbols(self, text: str) -> Ids:
        """(N,) int32 symbols of a text as it stands (`tidy` it first)."""
        if not self.merges:
            return np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int32)
        pieces = text.split("\n\n")  # spelled apart, as long texts are slow in one go
        marked = [piece + "\n\n" for piece in pieces[:-1]] + pieces[-1:]
        found = self._tokenizer.encode_batch(marked, add_special_tokens=False)
        return np.concatenate([np.array(one.ids, np.int32) for one in found])

    def text(self, symbols: Iterable[int]) -> str:
        """The text of symbols; bytes that are no letter, as at a cut end, become �."""
        return b"".join(self.bytes[i] for i in symbols).decode("utf-8", "replace")

    @cached_property
    def bytes(self) -> tuple[bytes, ...]:
        """The bytes each symbol stands for."""
        if not self.merges:
            return tuple(bytes([i]) for i in range(256))
        value = {letter: byte for byte, letter in enumerate(_byte_letters())}
        return tuple(bytes(value[letter] for letter in piece) for piece in self._vocabulary)

    @cached_property
    def words(self) -> dict[str, int]:
        """Whole words that are one symbol: the word without its space -> symbol."""
        spelled = ((piece.decode("utf-8", "replace"), i) for i, piece in enumerate(self.bytes))
        return {w[1:]: i for w, i in spelled if w[:1] == " " and len(w) > 2 and w[1:].isalpha()}


def byte_pairs(text: str, size: int) -> BytePairs:
    """The byte pairs of at most `size` symbols, 256 or more, that shorten a text most."""
    if not 256 <= size <= 256 + MOST_MERGES:
        raise InputError("size", f"{size} symbols is not in 256 … {256 + MOST_MERGES:,}")
    if size == 256:
        return BytePairs("")
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(tidy(text, "word").split("\n\n"), trainer)
    merges = json.loads(made.to_str())["model"]["merges"]
    return BytePairs("\n".join(" ".join(pair) for pair in merges))


def _byte_letters() -> tuple[str, ...]:
    """The printable letter that stands for each byte 0 … 255 in merges (Radford et al. 2019)."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in plain else chr(next(others)) for byte in range(256))
