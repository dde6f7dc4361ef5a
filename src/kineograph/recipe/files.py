"""Where models lie, and their weights: safetensors with checked names and shapes, no pickles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from kineograph import weight_files
from kineograph.files import placed, sha256_of
from kineograph.recipe.eight_bits import dequantized
from kineograph.values.errors import MissingError

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


def declared(folder: Path) -> dict[str, str] | None:
    """SHA-256 by file name that a model's recipe says; None where it says none."""
    try:
        told = json.loads((folder / "recipe.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):  # `read` tells of it
        return None
    weights = told.get("weights") if isinstance(told, dict) else None
    return weights if isinstance(weights, dict) else None


def expected(path: Path) -> str:
    """The hash that the recipe beside a weights file says of it; "" where it says of none.

    Raises MissingError when it says some, but not of this file.
    """
    told = declared(path.parent)
    if told is None:
        return ""
    if not isinstance(told.get(path.name), str):
        raise MissingError(f"weights '{path.name}' are not named in the recipe beside them")
    return told[path.name]


def load_tensors(path: Path, want: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, once its hash is the recipe's, and names, shapes and types `want`'s.

    A tensor of floats may be of another precision, or kept in eight bits. All numbers are finite.
    Raises MissingError naming the file and the tensor.
    """
    if not path.is_file():
        raise MissingError(f"weights '{path}' are not there; import or train the model first")
    stored = weight_files.read(path, sha256=expected(path))
    try:
        tensors = dequantized(stored)
    except MissingError as error:
        raise MissingError(f"weights '{path.name}': {error}") from error
    for name in sorted(set(tensors) ^ set(want)):
        trouble = "is missing" if name in want else "is not part of the model"
        raise MissingError(f"weights '{path.name}': tensor {name} {trouble}")
    for name, like in want.items():
        tensor = tensors[name]
        if tensor.shape != like.shape:
            raise MissingError(
                f"weights '{path.name}': tensor {name} is {tuple(tensor.shape)}, "
                f"not {tuple(like.shape)}"
            )
        floats = tensor.is_floating_point() and like.is_floating_point()
        if not floats and tensor.dtype != like.dtype:
            raise MissingError(
                f"weights '{path.name}': tensor {name} holds {tensor.dtype}, not {like.dtype}"
            )
    _check_finite(path, tensors)
    return {name: tensors[name] for name in want}


def read_tensors(path: Path, *, most: int) -> dict[str, Tensor]:
    """All tensors of a file of at most so many bytes, whatever their names; all are finite."""
    tensors = weight_files.read(path, sha256=expected(path), most=most)
    _check_finite(path, tensors)
    return tensors


def _check_finite(path: Path, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise MissingError(f"weights '{path.name}': tensor {name} is not finite")
