"""A text as numbers: letters, words or lines, and where its sentences begin.

A word carries the space before it (" dog"), as byte-pair vocabularies do: joining the tokens of a
corpus gives its tidy text back letter for letter, and fast. Punctuation is a token of its own, so
"dog," holds the same word as "dog". Where a script puts no space between words (Chinese, Japanese,
Thai …), each letter is a word, and lines are joined without one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kineograph.families.language.words.sentences import CLOSING, ENDS, bound_points
from kineograph.values.errors import InputError, LimitError

Unit = Literal["letter", "word", "line"]
Ids = NDArray[np.int32]

MAX_BYTES = 256_000_000
MAX_TOKENS = 40_000_000  # the index holds some 40 bytes a token while it is built

_MARKS = re.escape(
    "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~«»‘’‚“”„…–—¡¿、。，！？；：（）「」『』·"
    "‹›‥．｡､〈〉《》【】〔〕［］｢｣～〜•†‡§¶।॥،؛؟۔٪։՝՞׃።፣፤፥፧၊။།༎។៕៖᠂᠃‼⁇⁈⁉⸮𑁇"
)
# Scripts that put no space between words: each of their letters is a token, its marks with it.
_ALONE = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3105-\u312f\ua000-\ua4cf"  # Bopomofo, Yi
    "\u0e01-\u0e30\u0e32-\u0e33\u0e3f-\u0e46\u0e4f-\u0e5b"  # Thai
    "\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"  # Lao
    "\u1780-\u17b3\u17e0-\u17e9\u1000-\u102a\u103f-\u1049"  # Khmer, Burmese
)
_MARKED = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u17b4-\u17d3\u102b-\u103e"
)
_MARKED += "\u3099\u309a\ufe00-\ufe0f"
_WORD = rf"[^\s{_MARKS}{_ALONE}]+(?:['’-][^\s{_MARKS}{_ALONE}]+)*"
_TOKEN = re.compile(rf"\n\n| ?(?:[{_ALONE}][{_MARKED}]*|{_WORD}|[{_MARKS}])")
_FULL = "、。，！？；：（）「」『』【】〔〕《》〈〉．｡､…"  # marks of scripts without spaces
_JOINT = re.compile(rf"(?<=[{_ALONE}{_MARKED}{_FULL}])[ \t]*\n[ \t]*(?=[{_ALONE}{_FULL}])")
_SPACELESS = re.compile(rf"[{_ALONE}{_FULL}]")
_FULL_END = re.compile("[。｡！？．။།]")  # after these no space comes
_END = re.compile(rf" ?[{re.escape(ENDS)}]")  # a token that may end a sentence
_CLOSING = set(CLOSING)  # may still follow the end of a sentence


@dataclass(frozen=True)
class Corpus:
    """A text as token numbers.

    unit: what a token is. vocabulary: the V different tokens, in order of appearance.
    ids: (N,) int32 in 0 … V - 1. starts: positions at which a sentence or a paragraph begins; at
    least one.
    """

    unit: Unit
    vocabulary: tuple[str, ...] = field(repr=False)
    ids: Ids = field(repr=False)
    starts: Ids = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def text(self, ids: Ids) -> str:
        """The tokens `ids` as one string."""
        return "".join(map(self.vocabulary.__getitem__, ids.tolist()))

    def offsets(self) -> NDArray[np.int64]:
        """(N,) the letter of the tidy text at which each token begins, from 0."""
        lengths = np.array([len(token) for token in self.vocabulary], np.int64)
        ends: NDArray[np.int64] = np.cumsum(lengths[self.ids])
        return ends - lengths[self.ids]

    def encode(self, text: str, *, inside: bool = False) -> Ids:
        """(n,) token numbers of another text; V where the corpus does not have the token.

        inside: the text stands within a paragraph, so that its first word carries a space.
        """
        text = tidy(text, self.unit)
        spaced = inside and self.unit == "word" and text and not _SPACELESS.match(text)
        text = f" {text}" if spaced else text
        numbers = {token: i for i, token in enumerate(self.vocabulary)}
        tokens = _tokens(text, self.unit) if text else ()
        found = [numbers.get(token, len(numbers)) for token in tokens]
        return np.array(found, np.int32)


def read_text(path: Path, field: str = "corpus") -> str:
    """The text of a UTF-8 file, at most MAX_BYTES long."""
    if not path.is_file():
        raise InputError(field, f"'{path}' is not a file", "give a text file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise LimitError(
            f"{field}: '{path}' has {size / 1e6:.0f} MB, the limit is {MAX_BYTES / 1e6:.0f} MB;"
            " give a part of it"
        )
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(field, f"'{path}' is UTF-16", "save it as UTF-8")
    if len(data.translate(None, _CONTROLS)) < 0.99 * len(data) or b"\0" in data:
        raise InputError(field, f"'{path}' is binary, not text", "give a text file in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"'{path}' is not UTF-8 (byte {error.start:,})"
        raise InputError(field, problem, "save it as UTF-8") from error


_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1b"))


def tidy(text: str, unit: Unit) -> str:
    """The text in normal form NFC, as the unit sees it.

    By word, lines are joined and paragraphs parted by one blank line; by letter and by line, only
    the ends of lines are made alike.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if unit != "word":
        return text
    paragraphs = (_JOINT.sub("", words) for words in re.split(r"\n\s*\n", text))
    return "\n\n".join(words for words in map(_one_line, paragraphs) if words)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def read_corpus(text: str, unit: Unit = "word") -> Corpus:
    """The corpus of a text; raises InputError when it holds fewer than two tokens."""
    text = tidy(text, unit)
    if not text.strip():
        raise InputError("corpus", "is empty", "give a text file")
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    if unit == "letter" and len(text) > MAX_TOKENS:
        raise _too_long(unit)
    ids = np.fromiter(_limited(map(numbers.__getitem__, _tokens(text, unit)), unit), np.int32)
    if len(ids) < 2:
        raise InputError("corpus", f"holds {len(ids)} {unit}s", "give a longer text")
    vocabulary = tuple(numbers)
    return Corpus(unit, vocabulary, ids, _starts(ids, vocabulary, unit, bound_points(text)))


def _tokens(text: str, unit: Unit) -> Iterable[str]:
    match unit:
        case "letter":
            return text
        case "word":
            return map(re.Match.group, _TOKEN.finditer(text))
        case "line":
            return (line + "\n" for line in text.rstrip("\n").split("\n"))


def _limited(numbers: Iterator[int], unit: Unit) -> Iterator[int]:
    """The numbers; LimitError past MAX_TOKENS, before they fill the memory."""
    for i, number in enumerate(numbers):
        if i >= MAX_TOKENS:
            raise _too_long(unit)
        yield number


def _too_long(unit: Unit) -> LimitError:
    return LimitError(f"corpus: above {MAX_TOKENS:,} {unit}s; give a part of it or a larger unit")


def _starts(ids: Ids, vocabulary: tuple[str, ...], unit: Unit, bound: list[int]) -> Ids:
    """Positions after the end of a sentence or a blank line, and the very first.

    By line, where no line is blank, all of them. bound: letters of the text that are points, but
    end no sentence.
    """
    ends = np.array([bool(_END.fullmatch(token)) for token in vocabulary])[ids]
    if bound and unit != "line":
        lengths = np.array([len(token) for token in vocabulary], np.int64)[ids]
        last = np.cumsum(lengths) - 1  # the letter that each token ends with
        ends[np.searchsorted(last, bound)] = False
    closing = np.array([token in _CLOSING for token in vocabulary])[ids]
    blank = np.array([not token.strip() for token in vocabulary])[ids]
    after_end = ends | (closing & np.roll(ends, 1))  # at the token before the start
    if unit == "letter":
        newline = np.array([token == "\n" for token in vocabulary])[ids]
        full = np.array([bool(_FULL_END.fullmatch(token)) for token in vocabulary])[ids]
        full = (full | (closing & np.roll(full, 1))) & ~np.roll(closing, -1)
        begins = np.roll(newline | (blank & np.roll(after_end, 1)) | full, 1)
    elif unit == "word":
        begins = np.roll(after_end | blank, 1) & ~closing
    else:
        begins = np.roll(blank, 1)
    begins &= ~blank
    if unit == "line" and not begins[1:].any():  # no blank lines: any line may be the first
        begins = ~blank
    begins[0] = True
    return np.flatnonzero(begins).astype(np.int32)
