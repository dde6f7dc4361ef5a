"""What does the frozen text encoder say of every caption? Computed once, kept beside the packs.

The encoder is all-MiniLM-L6-v2 (Wang et al. 2020, MiniLM; Reimers and Gurevych 2019): six layers,
384 numbers a token. Row 0 is the empty text, all zeros and masked out: what guidance calls
unconditional.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kineograph.data.packages import PACKAGES, cache_folder, unpacked
from kineograph.data.stickers import Sticker, load, sticker_folder, variants
from kineograph.files import placed
from kineograph.nets.encoders import (
    MINILM,
    MINILM_PACKAGE,
    MINILM_SHA256,
    TOKENS,
    TextEncoder,
    TextStates,
)
from kineograph.values.errors import MissingError
from kineograph.values.prompt import Progress

WIDTH = 384  # numbers a token
_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
Encoder = Callable[[Sequence[str]], TextStates]
_PACK = ("text_states.npy", "text_mask.npy", "text_pooled.npy")


@dataclass(frozen=True)
class Texts:
    """Memory-mapped text states, one row a caption.

    states: (V, 24, 384) float16, zero where no token is. mask: (V, 24) bool, true where a token is.
    pooled: (V, 384) float16, the mean state of the tokens. row: caption -> row; "" is row 0.
    """

    states: NDArray[np.float16]
    mask: NDArray[np.bool_]
    pooled: NDArray[np.float16]
    row: dict[str, int]

    def rows(self, record: Sticker) -> list[int]:
        """The rows of all captions of a record, in the order of `variants`."""
        return [self.row[text] for text in variants(record)]


def text_encoder() -> TextEncoder:
    """The frozen encoder as installed; its files are fetched into the cache when it is not."""
    try:
        return TextEncoder(tokens=TOKENS)
    except MissingError:
        names = {f"{MINILM_PACKAGE}/model/{file}": file for file in _FILES}
        package = PACKAGES[MINILM_PACKAGE.replace("_", "-")]
        unpacked(package, names, cache_folder() / MINILM)
        return TextEncoder(tokens=TOKENS)


def captions(records: Sequence[Sticker]) -> list[str]:
    """Every caption once: the empty text, then all variants in the records' order."""
    return list(dict.fromkeys(["", *(text for record in records for text in variants(record))]))


def encode(
    folder: Path | None = None, *, encoder: Encoder | None = None, batch: int = 128
) -> Iterator[Progress]:
    """Store the states of all captions of the packs in `folder`; the last value is their number.

    Nothing is done when they are there. `text.json` comes last: without it the arrays do not count.
    """
    folder = folder or sticker_folder()
    packs = load(64, folder=folder)
    texts = captions((*packs.clip_records, *packs.still_records))
    yield from stored(folder, texts, encoder=encoder, batch=batch)


def stored(
    folder: Path, texts: list[str], *, encoder: Encoder | None = None, batch: int = 128
) -> Iterator[Progress]:
    """Store the states of any texts, the empty one first, in `folder`; as `encode` says."""
    if _up_to_date(folder, texts):
        yield Progress(1.0, "text states are up to date", len(texts))
        return

    yield Progress(0.0, "loading the text encoder", None)
    known = MINILM_SHA256 if encoder is None else ""  # of another encoder we know no hash
    encoder = encoder or text_encoder()
    (folder / "text.json").unlink(missing_ok=True)
    arrays = (
        np.zeros((len(texts), TOKENS, WIDTH), np.float16),
        np.zeros((len(texts), TOKENS), np.bool_),
        np.zeros((len(texts), WIDTH), np.float16),
    )
    for start in range(0, len(texts), batch):
        rows = slice(start, start + batch)
        for array, states in zip(arrays, encoder(texts[rows]), strict=True):
            array[rows] = states.numpy()
        yield Progress(min(start + batch, len(texts)) / len(texts), "reading captions", None)

    for name, array in zip(_PACK, arrays, strict=True):
        with placed(folder / name) as part, part.open("wb") as file:
            np.save(file, array)
    facts = {"sha256": known, "tokens": TOKENS, "captions": texts}
    with placed(folder / "text.json") as part:
        part.write_text(json.dumps(facts, ensure_ascii=False, indent=0), "utf-8")
    yield Progress(1.0, "text states are made", len(texts))


def _up_to_date(folder: Path, texts: list[str]) -> bool:
    path = folder / "text.json"
    if not path.is_file() or not all((folder / name).is_file() for name in _PACK):
        return False
    facts = json.loads(path.read_text("utf-8"))
    return bool(facts["captions"] == texts and facts["sha256"] == MINILM_SHA256)


def load_texts(folder: Path | None = None) -> Texts:
    """The stored text states, memory-mapped; raises MissingError when they are not there."""
    folder = folder or sticker_folder()
    if not (folder / "text.json").is_file():
        raise MissingError(
            f"stickers: no text states in '{folder}'; run 'kineograph data stickers'"
        )
    facts = json.loads((folder / "text.json").read_text("utf-8"))
    states, mask, mean = (np.load(folder / name, mmap_mode="r") for name in _PACK)
    return Texts(states, mask, mean, {text: row for row, text in enumerate(facts["captions"])})
