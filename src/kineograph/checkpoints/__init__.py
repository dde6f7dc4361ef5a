"""Public checkpoints: folders in the diffusers layout as makers, denoisers and codecs.

`load` answers with a maker for clips (I2VGen-XL, Wan 2), `pictures` with a model for zooms
(DeepFloyd-IF, Stable Diffusion). Only the published network classes run, as raw networks under our
loop; no pipeline, no scheduler, no code from the folder, no pickle, no download.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from kineograph.checkpoints.folder import Checkpoint, is_checkpoint, opened
from kineograph.checkpoints.i2vgen import I2VGen
from kineograph.checkpoints.lora import Lora
from kineograph.checkpoints.pictures import Pictures
from kineograph.checkpoints.wan import Wan
from kineograph.values.errors import InputError, MissingError

__all__ = ["I2VGen", "Lora", "Pictures", "Wan", "is_checkpoint", "load", "pictures"]


def load(
    folder: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    motion: float = 1.0,
    loras: Sequence[Lora] = (),
) -> I2VGen | Wan:
    """A maker of clips; no weight is read before `make`.

    loras: files whose changes are added to the weights.

    dtype: float32 on a CPU, else what the family was published in. motion: 0.25 … 4, more is
    stronger; I2VGen-XL is told fewer frames a second, Wan can be told nothing of the kind.
    """
    found = replace(opened(folder), loras=tuple(loras))
    made = _family(found, torch.device(device), dtype)
    if isinstance(made, Pictures):
        raise MissingError(f"'{folder}' makes pictures, not clips; use it with kineograph zoom")
    if not 0.25 <= motion <= 4:
        raise InputError("motion", f"{motion:g} is not in 0.25 … 4", "weak is 0.5")
    if isinstance(made, I2VGen):
        return replace(made, motion=motion)
    if motion != 1:
        raise InputError("motion", f"{motion:g}: '{made.name}' cannot be told", "leave it out")
    return made


def pictures(
    folder: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    loras: Sequence[Lora] = (),
) -> Pictures:
    """A model of pictures from words, for zooms; no weight is read before `prepared`.

    loras: files whose changes are added to the weights.
    """
    found = replace(opened(folder), loras=tuple(loras))
    made = _family(found, torch.device(device), dtype)
    if not isinstance(made, Pictures):
        raise MissingError(f"'{folder}' makes clips, not pictures; use it with kineograph video")
    return made


def _family(
    checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype | None
) -> I2VGen | Wan | Pictures:
    """The one match on what the published index names."""
    on_cpu = device.type == "cpu"
    half = dtype or (torch.float32 if on_cpu else torch.float16)
    brain = dtype or (torch.float32 if on_cpu else torch.bfloat16)
    match checkpoint.classes:
        case {"unet": "I2VGenXLUNet"}:
            return I2VGen(checkpoint, device, half)
        case {"transformer": "WanTransformer3DModel"}:
            return Wan(checkpoint, device, brain)
        case {"unet": "UNet2DConditionModel", "text_encoder_2": _}:
            pass  # its second text encoder and size embeddings are not known here
        case {"unet": "UNet2DConditionModel", "text_encoder": "CLIPTextModel", "vae": _}:
            return Pictures(checkpoint, device, half)
        case {"unet": "UNet2DConditionModel", "text_encoder": "T5EncoderModel"}:
            return Pictures(checkpoint, device, half)
    named = ", ".join(f"{part} {name}" for part, name in checkpoint.classes.items()) or "nothing"
    raise MissingError(
        f"checkpoint '{checkpoint.folder}' is of no family known here (it names {named}); "
        "there are I2VGen-XL, Wan 2, DeepFloyd-IF stage I and Stable Diffusion 1 and 2"
    )
