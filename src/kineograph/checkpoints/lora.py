"""A public LoRA file, added into a published network as its weights are read.

Three layouts are known by their names: kohya's (lora_unet_down_blocks_0_…_to_q.lora_down.weight,
with alpha), peft's (unet.down_blocks.0….to_q.lora_A.weight) and the older one of diffusers
(unet.….attn1.processor.to_q_lora.down.weight). What a file names and the network has not is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from kineograph import weight_files
from kineograph.values.errors import InputError, MissingError

MOST_BYTES = 8 * 2**30
KOHYA = {"unet": "lora_unet_", "transformer": "lora_unet_", "text_encoder": "lora_te_"}
_ENDS = (
    (".lora_down.weight", "down"),
    (".lora_up.weight", "up"),
    (".lora_A.weight", "down"),
    (".lora_B.weight", "up"),
    (".lora_A.default.weight", "down"),
    (".lora_B.default.weight", "up"),
    (".lora.down.weight", "down"),
    (".lora.up.weight", "up"),
    ("_lora.down.weight", "down"),
    ("_lora.up.weight", "up"),
    (".alpha", "alpha"),
)


class Lora(NamedTuple):
    """A file and how strongly it is added."""

    path: Path
    weight: float


def merged(
    state: Mapping[str, Tensor], part: str, parts: tuple[str, ...], lora: Lora
) -> dict[str, Tensor]:
    """A part's weights with a file's changes added: W + weight * alpha / rank * up @ down.

    parts: every part of the checkpoint, so that what is of another part is passed over. Raises
    InputError, naming the tensor, for what is in no known layout or fits no weight.
    """
    tensors = weight_files.read(lora.path, most=MOST_BYTES)
    squashed = {
        name.removesuffix(".weight").replace(".", "_"): name
        for name in state
        if name.endswith(".weight")
    }
    thin: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        end = next(((end, kind) for end, kind in _ENDS if name.endswith(end)), None)
        if end is None:
            raise _unknown(lora, name, "is in no layout of LoRA that is known here")
        front = name.removesuffix(end[0])
        owner, place = _placed(front, part, parts, squashed)
        if owner != part:
            continue
        if place not in state:
            raise _unknown(lora, name, f"names nothing in '{part}'")
        thin.setdefault(place, {})[end[1]] = tensor
    made = dict(state)
    for place, found in thin.items():
        made[place] = _added(state[place], found, place, lora)
    return made


def _placed(
    front: str, part: str, parts: tuple[str, ...], squashed: Mapping[str, str]
) -> tuple[str, str]:
    """Which part a name is of, and the weight it changes."""
    for other, mark in KOHYA.items():
        if front.startswith(mark) and (other in parts or other == part):
            inner = front.removeprefix(mark)
            if other != part:
                return other, ""
            return part, squashed.get(inner) or squashed.get(inner.removeprefix("text_model_"), "")
    front = re.sub(r"^base_model\.model\.", "", front)
    owner, _, inner = front.partition(".")
    if owner not in parts and owner != part:
        owner, inner = parts[0] if part not in ("unet", "transformer") else part, front
    inner = inner.replace(".processor.", ".").removesuffix("_lora")
    inner = re.sub(r"\.to_out$", ".to_out.0", inner)
    return owner, f"{inner}.weight"


def _added(old: Tensor, found: Mapping[str, Tensor], place: str, lora: Lora) -> Tensor:
    if "up" not in found or "down" not in found:
        raise _unknown(lora, place, "has one of its two matrices only")
    up, down = found["up"].float().flatten(1), found["down"].float().flatten(1)
    alpha = float(found["alpha"]) if "alpha" in found else float(len(down))
    if up.shape[1] != len(down) or len(up) * down.shape[1] != old.numel():
        told = f"is {len(up)}x{down.shape[1]}, the network has {tuple(old.shape)}"
        raise _unknown(lora, place, told)
    change = (lora.weight * alpha / len(down)) * (up @ down)
    if not torch.isfinite(change).all():
        raise MissingError(f"'{lora.path.name}': {place} is not finite")
    return (old.float() + change.reshape(old.shape).to(old.device)).to(old.dtype)


def _unknown(lora: Lora, name: str, problem: str) -> InputError:
    return InputError("adapter", f"'{lora.path.name}': {name} {problem}", "use one for this model")
