"""What is in a folder that somebody published, and is it whole?

A checkpoint in the diffusers layout is a `model_index.json` that names a class for every part, and
a folder a part with its configuration and safetensors. Parts are read one at a time, straight to
their device and number format; every tensor is checked by name and shape first. Pickles are never
opened, no code of the folder runs, nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from kineograph.checkpoints.lora import Lora, merged
from kineograph.files import sha256_of
from kineograph.values.errors import LimitError, MissingError, is_memory

INDEX = "model_index.json"
MOST_BYTES = 5_000_000  # of one JSON file; a shard index of a large model has some hundred thousand
MOST_WEIGHTS = 60_000_000_000
MOST_LAYERS = 512
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

MOST_SHARDS = 4096
POINTER = b"version https://git-lfs.github.com/spec"
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(.*)\.safetensors")

TIED = ("shared.weight", "encoder.embed_tokens.weight")  # T5 keeps one table under two names

OF_DIFFUSERS = (
    "AutoencoderKL",
    "AutoencoderKLWan",
    "I2VGenXLUNet",
    "UNet2DConditionModel",
    "WanTransformer3DModel",
)
OF_TRANSFORMERS = (
    "CLIPTextModel",
    "CLIPVisionModel",
    "CLIPVisionModelWithProjection",
    "T5EncoderModel",
    "UMT5EncoderModel",
)


@dataclass(frozen=True)
class Checkpoint:
    """A published folder.

    classes: the class name of every part that is there. settings: what else the index says. loras:
    files whose changes are added to the weights as they are read.
    """

    folder: Path
    classes: dict[str, str]
    settings: dict[str, Any]
    loras: tuple[Lora, ...] = ()

    def config(self, part: str, file: str = "config.json") -> dict[str, Any]:
        """The configuration of a part."""
        return read_json(self.folder / part / file)

    def scheduler(self) -> dict[str, Any]:
        return self.config("scheduler", "scheduler_config.json")

    def empty(self, part: str) -> nn.Module:
        """The part's network without weights, on the meta device: names, shapes, counts."""
        with torch.device("meta"):
            return self._built(part)

    def load(
        self, part: str, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> nn.Module:
        """The part's network with its weights, frozen; the first bad tensor is named."""
        self.weights(part)
        with _no_weights():
            net = self._built(part)
        state = self._state(part, net, torch.device(device), dtype)
        for lora in self.loras:
            state = merged(state, part, tuple(self.classes), lora)
        net.load_state_dict(state, assign=True, strict=False)
        for name, buffer in net.named_buffers():
            if name not in state:  # computed, not kept: positions, rotations
                owner, _, leaf = name.rpartition(".")
                setattr(net.get_submodule(owner), leaf, buffer.to(device))
        return net.requires_grad_(False).eval()

    def verify(self, part: str) -> list[Path]:
        """The part's files, once every tensor was read: names, shapes, finite numbers."""
        for name, tensor in self._tensors(part, self.empty(part).state_dict()):
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise MissingError(f"'{self.folder / part}': tensor '{name}' is not finite")
        return self.weights(part)

    def weights(self, part: str) -> list[Path]:
        """The part's safetensors files; MissingError when there are none, or only pickles.

        Of several number formats that are whole, the one without a mark (fp16, non_ema) is taken.
        """
        folder, wrong = self.folder / part, ""
        for files, of in _formats(folder):
            gone = [file for file in files if not file.is_file()]
            pointers = [file for file in files if file.is_file() and _is_pointer(file)]
            if not gone and not pointers:
                return files
            if pointers:
                wrong = wrong or (
                    f"'{pointers[0]}' is a Git LFS pointer, not the weights; run git lfs pull there"
                )
            named = f", named by {of}," if of else ""
            wrong = wrong or f"'{gone[0]}'{named} is missing; get the whole checkpoint again"
        if wrong:
            raise MissingError(wrong)
        pickles = sorted(p.name for p in folder.glob("*") if p.suffix in PICKLES)
        if pickles:
            raise MissingError(
                f"'{folder}' holds only pickled weights ({pickles[0]}), which can run code; "
                "kineograph never opens them: get the safetensors of this checkpoint"
            )
        raise MissingError(f"'{folder}' has no safetensors; get the whole checkpoint again")

    def tokenizer(self, part: str = "tokenizer") -> Any:
        """The checkpoint's tokenizer; no code of the folder runs."""
        with _installed("transformers"):
            from transformers import AutoTokenizer
        where = self.folder / part
        if not where.is_dir():
            raise MissingError(f"'{where}' is missing; get the whole checkpoint again")
        if (where / "spiece.model").is_file() and not (where / "tokenizer.json").is_file():
            with _installed("sentencepiece and protobuf"):
                if not (find_spec("sentencepiece") and find_spec("google.protobuf")):
                    raise ImportError(f"'{where / 'spiece.model'}' is theirs to read")
        try:
            return AutoTokenizer.from_pretrained(
                str(where), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # each library below raises types of its own
            raise MissingError(f"tokenizer '{where}' cannot be read ({error})") from error

    def _built(self, part: str) -> nn.Module:
        name, config = self.classes.get(part), self.config(part)
        if name is None:
            raise MissingError(f"checkpoint '{self.folder}' has no part '{part}'")
        for field, value in config.items():
            layers = "layers" in field and isinstance(value, int) and value > MOST_LAYERS
            if layers:
                raise LimitError(f"{part}.{field}: {value:,}, the limit is {MOST_LAYERS}")
        try:
            net = _network(name, config)
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
            if is_memory(error):
                raise
            raise MissingError(
                f"'{self.folder / part}': no {name} as configured ({error})"
            ) from error
        count = weights_in(net)
        if count > MOST_WEIGHTS:
            raise LimitError(f"'{part}' has {count:,} weights, the limit is {MOST_WEIGHTS:,}")
        return net

    def _state(
        self, part: str, net: nn.Module, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """Every tensor the network wants, from the part's files."""
        whole = set[str]()
        if self.classes[part] in OF_DIFFUSERS:  # theirs alone hold for every number format
            whole = set(getattr(net, "_keep_in_fp32_modules", None) or ())
        state = dict[str, Tensor]()
        for name, tensor in self._tensors(part, net.state_dict()):
            kind = torch.float32 if whole & set(name.split(".")) else dtype
            state[name] = tensor.to(device, kind if tensor.is_floating_point() else tensor.dtype)
        for kept, other in (TIED, TIED[::-1]):
            if kept in state and other in net.state_dict():
                state.setdefault(other, state[kept])
        return state

    def _tensors(self, part: str, wanted: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """The network's names and the part's tensors, one at a time; a bad one is named."""
        found = set[str]()
        for path in self.weights(part):
            try:
                with safe_open(path, framework="pt") as file:
                    for theirs in file.keys():  # noqa: SIM118 - the file is no mapping
                        ours = _renamed(theirs, wanted)
                        if ours is None:
                            continue
                        shape = tuple(file.get_slice(theirs).get_shape())
                        if shape != tuple(wanted[ours].shape):
                            raise MissingError(
                                f"'{path}': tensor '{theirs}' has shape {shape}, "
                                f"the network needs {tuple(wanted[ours].shape)}"
                            )
                        kind = str(file.get_slice(theirs).get_dtype())
                        floats = kind.startswith(("F", "BF"))
                        if floats != wanted[ours].is_floating_point():
                            raise MissingError(
                                f"'{path}': tensor '{theirs}' holds {kind}, "
                                f"the network needs {wanted[ours].dtype}"
                            )
                        found.add(ours)
                        yield ours, file.get_tensor(theirs)
            except (SafetensorError, OSError) as error:
                raise MissingError(f"'{path}' is damaged ({error}); get it again") from error
        if found & set(TIED):
            found |= set(TIED)
        for name in wanted:
            if name not in found:
                raise MissingError(
                    f"'{self.folder / part}': tensor '{name}' is missing; get the weights again"
                )


def _formats(folder: Path) -> Iterator[tuple[list[Path], str]]:
    """The sets of files that hold a part, each with the index that names them, the best first.

    By indices, then shards that no index names, then whole files; those without a mark (fp16,
    non_ema) before those with one. Files of a set may be missing.
    """
    indexed = set[str]()
    indices = sorted(folder.glob("*.safetensors.index*.json"), key=lambda path: len(path.name))
    for index in indices:
        shards = sorted(set(read_json(index).get("weight_map", {}).values()))
        if any(Path(name).name != name for name in shards):
            raise MissingError(f"'{index}' names files outside its folder")
        indexed |= set(shards)
        yield [folder / name for name in shards or ["any shard"]], index.name
    files = sorted(folder.glob("*.safetensors"), key=lambda f: (f.name.count(".") > 1, f.name))
    whole = [file for file in files if not _SHARD.fullmatch(file.name)]
    for file in files:
        if (found := _SHARD.fullmatch(file.name)) and file.name not in indexed:
            count = int(found[3])
            numbers = range(1, count + 1) if count <= MOST_SHARDS else ()
            names = [f"{found[1]}-{n:05d}-of-{found[3]}{found[4]}.safetensors" for n in numbers]
            indexed |= set(names)
            yield [folder / name for name in names or [file.name]], ""
    for file in whole:
        yield [file], ""


def _is_pointer(file: Path) -> bool:
    """Whether a file stands for one that Git LFS has not fetched."""
    with file.open("rb") as opened_file:
        return opened_file.read(len(POINTER)) == POINTER


def is_checkpoint(folder: str | Path) -> bool:
    """Whether a path is a published folder in the diffusers layout."""
    return (Path(folder) / INDEX).is_file()


def opened(folder: str | Path) -> Checkpoint:
    """The checkpoint in a folder, its index read, no weight touched."""
    where = Path(folder)
    if not is_checkpoint(where):
        raise MissingError(f"'{where}' has no {INDEX}; name the folder of a whole checkpoint")
    classes, settings = dict[str, str](), dict[str, Any]()
    for key, value in read_json(where / INDEX).items():
        if isinstance(value, list) and len(value) == 2:
            if value[1] is not None:
                classes[key] = str(value[1])
        else:
            settings[key] = value
    return Checkpoint(where, classes, settings)


def weights_in(net: nn.Module) -> int:
    """How many numbers a network has learned; a table under two names counts once."""
    return sum({id(p): p.numel() for p in net.parameters()}.values())


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file, its size bounded; MissingError names a bad file."""
    if not path.is_file():
        raise MissingError(f"'{path}' is missing; get the whole checkpoint again")
    if path.stat().st_size > MOST_BYTES:
        raise MissingError(f"'{path}' is over {MOST_BYTES:,} bytes, more than a configuration has")
    try:
        tree = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise MissingError(f"'{path}' is not JSON ({error})") from error
    if not isinstance(tree, dict):
        raise MissingError(f"'{path}' is not a JSON object")
    return tree


@contextmanager
def _installed(library: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingError(
            f"public checkpoints need {library} ({error}); run: pip install 'kineograph[hub]'"
        ) from error


def _network(name: str, config: dict[str, Any]) -> nn.Module:
    """A network by the name of its published class."""
    if name in OF_DIFFUSERS:
        with _installed("diffusers"):
            import diffusers
        net: nn.Module = getattr(diffusers, name).from_config(config)
        return net
    if name in OF_TRANSFORMERS:
        with _installed("transformers"):
            import transformers
        kind = getattr(transformers, name)
        config = {k: v for k, v in config.items() if k not in ("architectures", "torch_dtype")}
        built: nn.Module = kind(kind.config_class.from_dict(config))
        return built
    known = ", ".join((*OF_DIFFUSERS, *OF_TRANSFORMERS))
    raise MissingError(f"class '{name}' is not known here; there are: {known}")


@contextmanager
def _no_weights() -> Iterator[None]:
    """Inside, networks are built with weights on the meta device and buffers that are real."""

    def blank(_owner: nn.Module, _name: str, weight: nn.Parameter | None) -> Any:
        if weight is None:
            return None
        return nn.Parameter(weight.to("meta"), requires_grad=False)

    hook = torch.nn.modules.module.register_module_parameter_registration_hook(blank)
    try:
        yield
    finally:
        hook.remove()


OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def _renamed(name: str, wanted: dict[str, Tensor]) -> str | None:
    """The network's name for a file's tensor: libraries moved some between versions."""
    old = name.split(".")
    candidates = [name]
    for inner in ("text_model", "vision_model"):  # transformers 5 took these apart
        candidates += [name.removeprefix(f"{inner}."), f"{inner}.{name}"]
    if len(old) > 1 and old[-2] in OLD_ATTENTION:  # diffusers before 0.15
        candidates.append(".".join([*old[:-2], OLD_ATTENTION[old[-2]], old[-1]]))
    return next((ours for ours in candidates if ours in wanted), None)


def digests(folder: str) -> dict[str, str]:
    """sha256 by file of every part that our families use, once all its tensors were read."""
    checkpoint = opened(folder)
    known = (*OF_DIFFUSERS, *OF_TRANSFORMERS)
    parts = [part for part, name in checkpoint.classes.items() if name in known]
    if not parts:
        raise MissingError(f"'{folder}' names no part that is known here ({', '.join(known)})")
    files = [path for part in parts for path in checkpoint.verify(part)]
    return {str(path.relative_to(checkpoint.folder)): sha256_of(path) for path in files}
