"""What a person asks (`Prompt`), what a network sees (`Cond`), what comes back (`Progress`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kineograph.values.errors import InputError
from kineograph.values.progress import Progress

if TYPE_CHECKING:  # families without networks start without torch
    import torch
    from torch import Tensor

    from kineograph.values.clip import Clip

__all__ = ["MAX_LETTERS", "Cond", "Progress", "Prompt", "check_seeds", "clean_text", "styled"]

MAX_LETTERS = 2000


def clean_text(text: str, field: str = "text") -> str:
    """The text in form NFC with runs of white space joined; refuses what no encoder can read.

    Raises InputError when it is empty, longer than MAX_LETTERS, or holds lone surrogates.
    """
    if len(text) > MAX_LETTERS:
        raise InputError(
            field, f"{len(text):,} letters, the limit is {MAX_LETTERS:,}", "shorten the prompt"
        )
    if any(unicodedata.category(letter) == "Cs" for letter in text):
        raise InputError(field, "holds half a surrogate pair", "send it as UTF-8")
    printable = (" " if unicodedata.category(a) in ("Cc", "Zl", "Zp") else a for a in text)
    words = unicodedata.normalize("NFC", "".join(printable)).split()
    if not any(unicodedata.category(letter)[0] in "LNSP" for word in words for letter in word):
        raise InputError(field, "is empty", "say in a few words what the picture should show")
    return " ".join(words)


def styled(text: str, style: str, styles: Sequence[str]) -> str:
    """The text after a model's own style word, where it names none of `styles` before a colon."""
    word = text.split(":", 1)[0].strip().lower()
    if not style or (":" in text and word in styles):
        return text
    return f"{style}: {text}"


@dataclass(frozen=True)
class Prompt:
    """What a person asks for.

    text: what to show; negative: what to keep away from (guidance only).
    image: the first frame, or the example. seconds: length of the clip where a model makes any; 0
    asks for a single picture. Raises InputError for a text that no encoder takes.

        >>> kg.Prompt("a red heart beating", seconds=2).seconds
        2
    """

    text: str = ""
    negative: str = ""
    image: Clip | None = None
    seconds: float = 3.0


@dataclass(frozen=True)
class Cond:
    """Batched conditions of a network; a field is None when the model does not use it.

    words: (B, L, D) token states of a text encoder; mask: (B, L) true where a token is;
    pooled: (B, D) one state for the whole text. first: (B, C, 1, H, W) known first frame.
    low: (B, C, t, h, w) the result of the stage below, already noised to low_sigma (B,).
    guidance: (B,) scale told to a network that makes guidance itself; None is 1, no guidance.
    keys: (B, 1 + L, K) keys and values of the words in every layer of one network, computed ahead.
    picture: (B, E) what a picture encoder says of `first`. fps: (B,) frames a second. amount: (B,)
    how much moves, the logarithm of the root mean square of what is denoised.
    parts: (B, L) which thing of a scene a token names, 1 … K, 0 for none; places: (B, K, H, W) how
    much of each spot is that thing's. Both are for teaching alone.

        >>> kg.Cond(pooled=torch.zeros(2, 384)).pooled.shape
        torch.Size([2, 384])
    """

    words: Tensor | None = None
    mask: Tensor | None = None
    pooled: Tensor | None = None
    first: Tensor | None = None
    low: Tensor | None = None
    low_sigma: Tensor | None = None
    guidance: Tensor | None = None
    keys: Tensor | None = None
    picture: Tensor | None = None
    fps: Tensor | None = None
    amount: Tensor | None = None
    parts: Tensor | None = None
    places: Tensor | None = None

    def _mapped(self, change: Any) -> Cond:
        fields = {k: change(v) for k, v in vars(self).items() if v is not None}
        return replace(self, **fields)

    def __getitem__(self, rows: Any) -> Cond:
        """The chosen batch rows of every field."""
        return self._mapped(lambda v: v[rows])

    def to(self, device: torch.device | str) -> Cond:
        return self._mapped(lambda v: v.to(device))

    def without_words(self) -> Cond:
        """The same conditions with an empty text: what guidance calls unconditional."""
        return self if self.mask is None else self.drop_words(self.mask[:, 0] | True)

    def drop_words(self, rows: Tensor) -> Cond:
        """The same conditions with the text emptied in the batch rows where `rows` (B,) is true."""
        if self.words is None or self.mask is None or self.pooled is None:
            return self
        keep = ~rows
        return replace(
            self,
            words=self.words * keep[:, None, None],
            mask=self.mask & keep[:, None],
            pooled=self.pooled * keep[:, None],
            keys=None,
            parts=None if self.parts is None else self.parts * keep[:, None],
        )

    @staticmethod
    def stack(first: Cond, second: Cond) -> Cond:
        """Both batches as one, `first` before `second`; they must hold the same fields.

        Keys that only one of them holds are left out: the network makes them anew.
        """
        import torch

        if (first.keys is None) != (second.keys is None):
            first, second = replace(first, keys=None), replace(second, keys=None)
        pairs = {k: (v, getattr(second, k)) for k, v in vars(first).items() if v is not None}
        return Cond(**{k: torch.cat(pair) for k, pair in pairs.items()})


def check_seeds(prompts: Sequence[Prompt], seeds: Sequence[int]) -> None:
    """Raises InputError when there are no prompts, or not a seed for each."""
    if not prompts or len(prompts) != len(seeds):
        raise InputError("seeds", f"{len(seeds)} for {len(prompts)} prompts", "give one each")
