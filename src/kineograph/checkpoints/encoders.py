"""What a foreign text or picture encoder says, as the network beside it expects to hear it.

Each function loads its encoder, encodes, and lets it go: a text encoder may be larger than the
network it serves, and both need not be in memory at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kineograph.checkpoints.folder import Checkpoint
from kineograph.values.clip import Clip
from kineograph.values.errors import MissingError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
CLIP_SIDE = 224
MOST_TOKENS = 4096


@torch.no_grad()
def clip_text(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    *,
    skip: int = 0,
    device: torch.device | str,
    dtype: torch.dtype,
) -> Tensor:
    """(N, 77, D) token states of CLIP. skip: layers left out at the end (I2VGen-XL: 1)."""
    tokens = _tokens(checkpoint, texts, 0)
    net: Any = checkpoint.load("text_encoder", device=device, dtype=dtype)
    ids = tokens["input_ids"].to(device)
    if int(ids.max()) >= net.config.vocab_size:
        raise MissingError(f"'{checkpoint.folder}': tokenizer and text encoder do not fit")
    told = getattr(net.config, "use_attention_mask", False)
    mask = tokens["attention_mask"].to(device) if told else None
    answer = net(ids, attention_mask=mask, output_hidden_states=bool(skip))
    if not skip:
        states: Tensor = answer.last_hidden_state
        return states.float()
    inner = getattr(net, "text_model", net)  # transformers 5 took the shell away
    states = inner.final_layer_norm(answer.hidden_states[-1 - skip])
    return states.float()


@torch.no_grad()
def t5_text(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    *,
    length: int,
    blank: bool = False,
    device: torch.device | str,
    dtype: torch.dtype,
) -> Tensor:
    """(N, length, D) token states of a T5 encoder. blank: zeros after a text's last token (Wan)."""
    tokens = _tokens(checkpoint, texts, length)
    net: Any = checkpoint.load("text_encoder", device=device, dtype=dtype)
    ids, mask = tokens["input_ids"].to(device), tokens["attention_mask"].to(device)
    if int(ids.max()) >= net.config.vocab_size:
        raise MissingError(f"'{checkpoint.folder}': tokenizer and text encoder do not fit")
    states: Tensor = net(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    return states * mask[..., None] if blank else states


def _tokens(checkpoint: Checkpoint, texts: Sequence[str], length: int) -> Any:
    tokenizer = checkpoint.tokenizer()
    return tokenizer(
        list(texts),
        padding="max_length",
        max_length=length or min(int(tokenizer.model_max_length), MOST_TOKENS),
        truncation=True,
        return_attention_mask=True,
        return_tensors="pt",
    )


@torch.no_grad()
def clip_picture(
    checkpoint: Checkpoint,
    picture: Clip,
    side: int,
    *,
    folder: str,
    tokens: bool = False,
    device: torch.device | str,
    dtype: torch.dtype,
) -> Tensor:
    """(1, D) CLIP's state of a picture, or (1, N, D) its last but one layer's with `tokens` (Wan).

    side: of the middle square that is looked at, after the picture covers it (I2VGen-XL: the width
    of its frames). folder: of the preprocessor's configuration.
    """
    about = checkpoint.config(folder, "preprocessor_config.json")
    crop = about.get("crop_size", CLIP_SIDE)
    edge = int(crop.get("height", CLIP_SIDE)) if isinstance(crop, dict) else int(crop)
    square = covering(picture, side, side).over().frames[:1]  # (1, 3, side, side)
    small = F.interpolate(
        square, size=(edge, edge), mode="bilinear", align_corners=False, antialias=True
    )
    mean = torch.tensor(about.get("image_mean", CLIP_MEAN)).view(1, 3, 1, 1)
    std = torch.tensor(about.get("image_std", CLIP_STD)).view(1, 3, 1, 1)
    pixels = ((small - mean) / std).to(device, dtype)
    net: Any = checkpoint.load("image_encoder", device=device, dtype=dtype)
    if tokens:
        states: Tensor = net(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
        return states.float()
    embedding: Tensor = net(pixel_values=pixels).image_embeds
    return embedding.float()


def covering(clip: Clip, height: int, width: int) -> Clip:
    """The clip scaled until it covers height x width pixels, cut about its middle."""
    rows, columns = clip.frames.shape[-2:]
    scale = min(rows / height, columns / width)
    size = [max(height, round(rows / scale)), max(width, round(columns / scale))]
    way: dict[str, Any] = {"mode": "bilinear", "align_corners": False, "antialias": True}
    if scale > 1:
        way = {"mode": "area"}  # as the published models' own preparation shrinks
    frames = F.interpolate(clip.frames, size=size, **way).clamp(0, 1)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return Clip(frames[..., top : top + height, left : left + width].contiguous(), clip.fps)
