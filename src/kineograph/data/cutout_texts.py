"""What does the frozen text encoder say of every caption of the cut-outs? Computed once, kept.

As `sticker_texts`, but only the tokens that are there are stored, end to end: most captions have
seven tokens of twenty-four. Row 0 is the empty text: no token, a mean of zeros.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.cutouts import Cutout, cutout_folder, load
from kineograph.data.phrases import captions, kinds_of, shared_names
from kineograph.data.sticker_texts import WIDTH, Encoder, text_encoder
from kineograph.files import placed
from kineograph.nets.encoders import MINILM_SHA256
from kineograph.values.errors import MissingError
from kineograph.values.progress import last
from kineograph.values.prompt import Progress

_ARRAYS = ("text_states", "text_starts", "text_pooled")


class Rows(dict[str, int]):
    """Caption -> row. A caption that was not read is told with its remedy, no bare KeyError."""

    def __missing__(self, text: str) -> int:
        told = f"text states: '{text}' was not read, the captions have changed since"
        raise MissingError(f"{told}; run 'kineograph data composed' again")


@dataclass(frozen=True)
class CutoutTexts:
    """Memory-mapped text states.

    states: (S, 384) float16, the tokens of all captions end to end. starts: (V + 1,) where each
    caption's tokens begin. pooled: (V, 384) float16, their mean. row: caption -> row; "" is row 0.
    """

    states: NDArray[np.float16]
    starts: NDArray[np.int64]
    pooled: NDArray[np.float16]
    row: Rows

    def batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """words (B, L, 384) float32, mask (B, L), pooled (B, 384); L is the longest of them."""
        return beside([self.read(int(row)) for row in rows])

    def read(self, row: int) -> Read:
        """One caption's tokens (L, 384) and their mean (384,)."""
        return self.states[self.starts[row] : self.starts[row + 1]], self.pooled[row]


Read = tuple[NDArray[np.float16], NDArray[np.float16]]


def beside(texts: Sequence[Read]) -> tuple[Tensor, Tensor, Tensor]:
    """Texts of any stores as one batch: words (B, L, 384), mask (B, L), pooled (B, 384)."""
    longest = max(1, *(len(states) for states, _ in texts))
    words = np.zeros((len(texts), longest, WIDTH), np.float32)
    mask = np.zeros((len(texts), longest), np.bool_)
    for i, (states, _) in enumerate(texts):
        words[i, : len(states)] = states
        mask[i, : len(states)] = True
    pooled = np.stack([pooled for _, pooled in texts]).astype(np.float32)
    return torch.from_numpy(words), torch.from_numpy(mask), torch.from_numpy(pooled)


def captions_of(records: Sequence[Cutout]) -> list[list[str]]:
    """The captions of every record, the plain one first."""
    shared, kinds = shared_names(records), kinds_of(records)
    return [captions(record, shared, kinds.get(record.key, ())) for record in records]


def encode(
    folder: Path | None = None, *, encoder: Encoder | None = None, batch: int = 256
) -> Iterator[Progress]:
    """Store the states of all captions of the packs in `folder`; the last value is their number.

    Nothing is done when they are there. `text.json` comes last: without it the arrays do not count.
    """
    folder = folder or cutout_folder()
    packs = load(folder)
    every = captions_of(packs.records)
    texts = list(dict.fromkeys(["", *(text for some in every for text in some)]))
    yield from store(folder, texts, encoder=encoder, batch=batch)


def store(
    folder: Path, texts: list[str], *, encoder: Encoder | None = None, batch: int = 256
) -> Iterator[Progress]:
    """Store the states of any texts, all different, the empty one first; as `encode` says.

    Texts that were read before are not read again.
    """
    if _up_to_date(folder, texts):
        yield Progress(1.0, "text states are up to date", len(texts))
        return

    yield Progress(0.0, "loading the text encoder", None)
    folder.mkdir(parents=True, exist_ok=True)
    before = _stored(folder)
    fresh = [text for text in texts if not text or before is None or text not in before.row]
    found: Arrays | None = None
    for step in _read(fresh, encoder, batch):
        found = step.value
        yield step._replace(value=None)
    assert found is not None
    made: Sequence[NDArray[Any]] = _together(texts, CutoutTexts(*found, _rows(fresh)), before)
    (folder / "text.json").unlink(missing_ok=True)
    for name, array in zip(_ARRAYS, made, strict=True):
        with placed(folder / f"{name}.npy") as part, part.open("wb") as file:
            np.save(file, array)
    facts = {"sha256": MINILM_SHA256, "captions": texts}
    with placed(folder / "text.json") as part:
        part.write_text(json.dumps(facts, ensure_ascii=False, indent=0), "utf-8")
    yield Progress(1.0, "text states are made", len(texts))


Arrays = tuple[NDArray[np.float16], NDArray[np.int64], NDArray[np.float16]]


def _read(texts: list[str], encoder: Encoder | None, batch: int) -> Iterator[Progress]:
    """The arrays of texts, alike ones read together; they are the last value."""
    reader = encoder or partial(text_encoder(), short=True)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    states: list[NDArray[np.float16]] = [np.zeros((0, WIDTH), np.float16)] * len(texts)
    pooled = np.zeros((len(texts), WIDTH), np.float16)
    for start in range(0, len(texts), batch):
        some = order[start : start + batch]
        words, mask, mean = reader([texts[i] for i in some])
        for i, word, kept in zip(some, words, mask, strict=True):
            states[i] = word[kept].numpy().astype(np.float16)
        pooled[some] = mean.numpy()
        yield Progress(min(start + batch, len(texts)) / len(texts), "reading captions", None)
    starts = np.cumsum([0, *(len(one) for one in states)]).astype(np.int64)
    yield Progress(1.0, "read", (np.concatenate(states), starts, pooled))


def _stored(folder: Path) -> CutoutTexts | None:
    """What the same encoder has read before; None where it has read nothing."""
    try:
        facts = json.loads((folder / "text.json").read_text("utf-8"))
        return load_texts(folder) if facts["sha256"] == MINILM_SHA256 else None
    except (MissingError, OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _together(texts: Sequence[str], read: CutoutTexts, before: CutoutTexts | None) -> Arrays:
    """The arrays of all texts, each from where it was read."""
    found = [(before if before is not None and text in before.row else read) for text in texts]
    rows = [one.row[text] for one, text in zip(found, texts, strict=True)]
    states = [
        one.states[one.starts[i] : one.starts[i + 1]] for one, i in zip(found, rows, strict=True)
    ]
    pooled = np.stack([one.pooled[i] for one, i in zip(found, rows, strict=True)])
    starts = np.cumsum([0, *(len(one) for one in states)]).astype(np.int64)
    return np.concatenate(states), starts, pooled


def _rows(texts: Sequence[str]) -> Rows:
    return Rows({text: row for row, text in enumerate(texts)})


def heard(texts: Sequence[str], encoder: Encoder | None = None) -> CutoutTexts:
    """The states of any texts in memory; "" is row 0. The same texts give the same states."""
    every = list(dict.fromkeys(["", *texts]))
    states, starts, pooled = last(_read(every, encoder, 256))
    return CutoutTexts(states, starts, pooled, _rows(every))


def _up_to_date(folder: Path, texts: list[str]) -> bool:
    path = folder / "text.json"
    if not path.is_file() or not all((folder / f"{name}.npy").is_file() for name in _ARRAYS):
        return False
    facts = json.loads(path.read_text("utf-8"))
    return bool(facts["captions"] == texts and facts["sha256"] == MINILM_SHA256)


def load_texts(folder: Path | None = None) -> CutoutTexts:
    """The stored text states, memory-mapped; raises MissingError when they are not there."""
    folder = folder or cutout_folder()
    if not (folder / "text.json").is_file():
        raise MissingError(f"cut-outs: no text states in '{folder}'; run 'kineograph data cutouts'")
    facts = json.loads((folder / "text.json").read_text("utf-8"))
    states, starts, mean = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS)
    return CutoutTexts(states, starts, mean, _rows(facts["captions"]))
