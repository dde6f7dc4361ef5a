"""Where models lie, and their weights: safetensors with checked names and shapes, no pickles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from kineograph.files import placed, sha256_of
from kineograph.values.errors import LimitError, MissingError

WEIGHTS = Path(__file__).parent.parent / "weights"


def models() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(p.parent.name for p in WEIGHTS.glob("*/recipe.json"))


def folder_of(model: str) -> Path:
    """Folder of a shipped model by name, or of one's own by path; the error names what there is."""
    for folder in (WEIGHTS / model, Path(model)):
        if (folder / "recipe.json").is_file():
            return folder
    raise MissingError(f"model '{model}' is not here; there are: {', '.join(models()) or 'none'}")


def digests(folder: Path, parts: Iterable[str]) -> dict[str, str]:
    """SHA-256 by file name of the weights of a model's parts, of those that are there."""
    paths = (folder / f"{part}.safetensors" for part in sorted(parts))
    return {path.name: sha256_of(path) for path in paths if path.is_file()}


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all; equal states give equal bytes.

    about: what the file says of itself, kept as one JSON text: a header of several has no order.
    """
    told = {"about": json.dumps(about, sort_keys=True)} if about else None
    with placed(path) as part:
        part.touch()
        usual = part.stat().st_mode  # save_file lets nobody else read what it writes
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, told)
        part.chmod(usual)


def load_tensors(path: Path, want: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, once their names and shapes equal `want`'s and all are finite.

    Raises MissingError naming the file and the tensor.
    """
    if not path.is_file():
        raise MissingError(f"weights '{path}' are not there; import or train the model first")
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name in sorted(names ^ set(want)):
                trouble = "is missing" if name in want else "is not part of the model"
                raise MissingError(f"weights '{path.name}': tensor {name} {trouble}")
            for name, like in want.items():
                shape = tuple(file.get_slice(name).get_shape())
                if shape != tuple(like.shape):
                    raise MissingError(
                        f"weights '{path.name}': tensor {name} is {shape}, not {tuple(like.shape)}"
                    )
                tensors[name] = file.get_tensor(name)
    except MissingError:
        raise
    except Exception as error:  # safetensors raises a type of its own for a damaged header
        raise MissingError(f"weights '{path}' are damaged ({error})") from error
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise MissingError(f"weights '{path.name}': tensor {name} is not finite")
    return tensors


def read_tensors(path: Path, *, most: int) -> dict[str, Tensor]:
    """All tensors of a file of at most so many bytes, whatever their names; all are finite."""
    if (size := path.stat().st_size) > most:
        raise LimitError(f"'{path}' has {size:,} bytes, the limit is {most:,}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors raises a type of its own for a damaged header
        raise MissingError(f"'{path}' is damaged ({error})") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise MissingError(f"'{path.name}': tensor {name} is not finite")
    return tensors
