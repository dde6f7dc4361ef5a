"""What does a short text mean? The packaged MiniLM (Wang et al. 2020), with no more than it needs.

A BERT encoder (Devlin et al. 2019): learned places, post-norm layers, exact GELU. The modules bear
the names of the published file, so that it loads as it is; a test holds the states to those of the
transformers library, whose import alone takes longer than making a clip's conditions.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph import weight_files

WIDTH, LAYERS, HEADS, INNER = 384, 6, 12, 1536
WORDS, PLACES, EPSILON = 30522, 512, 1e-12
UNUSED = ("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias")


class Tower(nn.Module):
    """The token states of a text: ids (B, L), mask (B, L) to (B, L, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": _table(WORDS),
                "position_embeddings": _table(PLACES),
                "token_type_embeddings": _table(2),
                "LayerNorm": nn.LayerNorm(WIDTH, EPSILON),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_layer() for _ in range(LAYERS))})

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        part = self.embeddings
        places = cast(nn.Embedding, part["position_embeddings"]).weight
        kinds = cast(nn.Embedding, part["token_type_embeddings"]).weight
        x = part["word_embeddings"](ids) + places[: ids.shape[1]]
        x = part["LayerNorm"](x + kinds[0])  # (B, L, D)
        for layer in cast(nn.ModuleList, self.encoder["layer"]):
            x = _passed(layer, x, mask[:, None, None])
        return x


def _table(rows: int) -> nn.Embedding:
    """Without first weights: drawing them on the meta device imports half of torch's compiler."""
    return nn.Embedding(rows, WIDTH, _weight=torch.empty(rows, WIDTH))


def _layer() -> nn.ModuleDict:
    def to(d_in: int, d_out: int) -> nn.ModuleDict:
        dense = nn.Linear(d_in, d_out)
        return nn.ModuleDict({"dense": dense, "LayerNorm": nn.LayerNorm(d_out, EPSILON)})

    names = ("query", "key", "value")
    look = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH) for name in names})
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict({"self": look, "output": to(WIDTH, WIDTH)}),
            "intermediate": nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)}),
            "output": to(INNER, WIDTH),
        }
    )


def _passed(layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """x (B, L, D) through one layer; every place looks at the places that mask lets through."""
    look, joined = layer["attention"]["self"], layer["attention"]["output"]  # type: ignore[index]
    q, k, v = (
        rearrange(look[name](x), "b l (a e) -> b a l e", a=HEADS)
        for name in ("query", "key", "value")
    )
    seen = rearrange(F.scaled_dot_product_attention(q, k, v, mask), "b a l e -> b l (a e)")
    x = joined["LayerNorm"](x + joined["dense"](seen))
    inner, out = F.gelu(layer["intermediate"]["dense"](x)), layer["output"]  # type: ignore[index]
    return cast(Tensor, out["LayerNorm"](x + out["dense"](inner)))


def tower(weights: Path, sha256: str) -> Tower:
    """The tower with the weights of the published file, mapped rather than read, and hashed."""
    with torch.device("meta"):
        made = Tower()
    found = weight_files.read(weights, sha256=sha256)
    tensors = {name: tensor for name, tensor in found.items() if name not in UNUSED}
    made.load_state_dict(tensors, assign=True)
    return made


def tokenizer(folder: Path, tokens: int):  # type: ignore[no-untyped-def]
    """The published tokenizer, cutting and padding to `tokens`."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.enable_truncation(tokens)
    made.enable_padding(length=tokens)
    return made
