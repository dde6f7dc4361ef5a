"""Networks as recipes say them: fresh to train, or with trained weights, frozen, to make with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kineograph import machine
from kineograph.diffusion.cascade import Texts
from kineograph.diffusion.denoiser import Denoiser, Precond
from kineograph.nets.growing import grown
from kineograph.nets.image_to_video_unet import Routes
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape
from kineograph.recipe.fields import Part
from kineograph.recipe.files import load_tensors
from kineograph.values.errors import InputError, LimitError
from kineograph.values.prompt import Cond

MAX_PARAMETERS = 3_000_000_000


@dataclass(frozen=True)
class Loading:
    """How much of a model is loaded, and with what.

    read: the recipe in a folder, for a model that stands on another. stages: of a cascade, counted
    from the first; None is all. text_encoder: a folder in place of the model's own encoder. routes:
    closes some of the ways by which a base sees its picture. adapters: added to the weights, as
    `recipe.adapter.Worn` says.
    """

    read: Callable[[Path], Any]
    stages: int | None = None
    text_encoder: Path | None = None
    routes: Routes | None = None
    adapters: tuple[Any, ...] = ()


def network(part: Part) -> nn.Module:
    """What is trained, with fresh weights; LimitError, before any is made, when too many."""
    with torch.device("meta"), _Undrawn():
        count = sum(p.numel() for p in part.network().parameters())
    if count > MAX_PARAMETERS:
        raise LimitError(f"'{part.name}' has {count:,} weights, the limit is {MAX_PARAMETERS:,}")
    return part.network()


class _Undrawn(TorchFunctionMode):
    """Weights that are only counted are not drawn, and tables are made where tables are quick.

    On the meta device normal numbers and ranges would import a compiler: a second of start-up.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in (nn.init.normal_, Tensor.normal_):
            return args[0] if args else given["tensor"]
        if func in (torch.arange, torch.linspace, torch.logspace):
            given = {"device": "cpu"} | given
        return func(*args, **given)


def trained(
    part: Part, folder: Path, *, as_stored: bool = False, adapters: Sequence[Any] = ()
) -> Any:
    """The part's network with the weights in a model folder and what adapters add, frozen.

    `as_stored` keeps the file's number type, bfloat16 as a rule, for use under autocast, which
    would round the weights so at every call; a machine that computes in float32 gets them so.
    """
    net, path = network(part), folder / f"{part.name}.safetensors"
    tensors = load_tensors(path, needed(net, net.state_dict()))
    if adapters:
        from kineograph.recipe.adapter import worn

        tensors = worn(tensors, path, adapters)
    net.load_state_dict(tensors, strict=False, assign=as_stored and machine.halves_pay())
    return net.requires_grad_(False).eval()


def needed(net: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a network that make something; `taught_only` names what training needs."""
    only: tuple[str, ...] = getattr(net, "taught_only", ())
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(only)}


def begun(part: Part, folder: Path, other: Part) -> nn.Module:
    """The part's network, its first weights those of `other`'s in a model folder, where they fit.

    A part whose U-Net has one level more than the other's is that network grown (`nets.growing`).
    Raises InputError when nothing fits.
    """
    net, old = network(part), network(other)
    weights = load_tensors(folder / f"{other.name}.safetensors", needed(old, old.state_dict()))
    if _levels(part) == _levels(other) + 1 > 1:
        weights = grown(weights)
    own = net.state_dict()
    fits = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    if not fits:
        raise InputError("start", f"no weight of '{folder}' fits '{part.name}'")
    net.load_state_dict(fits, strict=False)
    return net


def _levels(part: Part) -> int:
    """Levels of a part that is a video U-Net; 0 of any other."""
    shape = getattr(part, "shape", None)
    return len(shape.widths) if isinstance(shape, VideoUNetShape) else 0


def frozen(net: Precond) -> Denoiser:
    """The network for sampling: `autocast` inside, float32 outside; gradients only if x asks."""

    def denoise(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        grads = torch.set_grad_enabled(x.requires_grad)
        with grads, machine.autocast(x.device.type):
            clean: Tensor = net(x, sigma, cond)
            return clean

    return denoise


def prepared(net: Precond) -> Callable[[Cond], Cond]:
    """What the network makes of the words once a clip, and `frozen` then need not at every step."""

    def prepare(cond: Cond) -> Cond:
        device = "cpu" if cond.words is None else cond.words.device.type
        with torch.no_grad(), machine.autocast(device):
            return cast(VideoUNet, net.net).prepared(cond)

    return prepare


def texts(folder: Path | None = None) -> Texts:
    """Texts to conditions through the frozen encoder, which is loaded at the first call."""
    encoder: list[Any] = []

    def read_texts(texts: Sequence[str]) -> Cond:
        if not encoder:
            from kineograph.nets.encoders import TextEncoder

            encoder.append(TextEncoder(folder))
        return Cond(*encoder[0](texts))

    return read_texts


def pieces(text: str) -> list[str]:
    """The pieces in which the packaged text encoder reads a text."""
    from kineograph.nets import minilm
    from kineograph.nets.encoders import TOKENS, minilm_folder

    found = minilm.tokenizer(minilm_folder(), TOKENS).encode(text)
    return [
        piece for piece, is_read in zip(found.tokens, found.attention_mask, strict=True) if is_read
    ]


def of_width(read: Texts, width: int) -> Texts:
    """The same texts to conditions; InputError when their states are not as wide as the model's."""

    def read_texts(texts: Sequence[str]) -> Cond:
        cond = read(texts)
        if cond.words is not None and cond.words.shape[-1] != width:
            raise InputError(
                "text_encoder",
                f"its states are {cond.words.shape[-1]} wide, this model was trained with {width}",
                "use the encoder named in its recipe",
            )
        return cond

    return read_texts
