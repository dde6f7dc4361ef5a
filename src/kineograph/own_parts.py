"""A researcher's own part in our loops: any Denoiser, by the name of its module or as a file.

    package.module:name   a function (x, sigma, cond) -> clean, an object that is called so, or a
                          class that makes one without arguments
    FILE.pt2              a network saved by torch.export, as `exported` saves ours

What is named here runs as code. So it is taken from the person alone, at the command or in Python:
no record and no page can name it, and a file of requests only where the person says that it may
(`values.settings.trusted`).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from kineograph import recipe as recipes
from kineograph.diffusion.denoiser import Denoiser
from kineograph.files import placed
from kineograph.own_code import found
from kineograph.values.errors import InputError, KineographError, MissingError
from kineograph.values.export import Export
from kineograph.values.prompt import Cond

TOKENS = 24  # of a text in an exported network: longer ones are cut
CLOSE = 1e-4  # that an exported network may differ from ours


def denoiser_of(given: str) -> Denoiser:
    """The Denoiser that a person names, checked at every call.

    Raises MissingError when it is not there, InputError when it is none.
    """
    if given.endswith(".pt2"):
        return Checked(_from_file(Path(given)), given)
    named: Any = found(given, "denoiser")
    named = named() if isinstance(named, type) else named
    if not callable(named):
        raise InputError("denoiser", f"'{given}' cannot be called", "see docs/own_parts.md")
    return Checked(cast(Denoiser, named), given)


class Checked:
    """A foreign Denoiser whose answers are of the right shape and finite."""

    def __init__(self, denoise: Denoiser, name: str) -> None:
        self.denoise, self.name = denoise, name

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        clean: Any = self.denoise(x, sigma, cond)
        if not isinstance(clean, Tensor) or clean.shape != x.shape:
            told = tuple(clean.shape) if isinstance(clean, Tensor) else type(clean).__name__
            raise InputError("denoiser", f"'{self.name}' answers {told}, not {tuple(x.shape)}")
        if not torch.isfinite(clean).all():
            raise KineographError(f"denoiser '{self.name}' answers what is not finite")
        return clean.to(x)


# -- torch.export ---------------------------------------------------------------------------------


class _Flat(nn.Module):
    """A network with its conditions as plain tensors, which a file can keep."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, x: Tensor, sigma: Tensor, words: Tensor, mask: Tensor, pooled: Tensor
    ) -> Tensor:
        """x (1, C, T, H, W), sigma (1,), words (1, 24, D), mask (1, 24), pooled (1, D)."""
        return cast(Tensor, self.net(x, sigma, Cond(words, mask, pooled)))


def exported(settings: Export, out: Path) -> dict[str, Any]:
    """Write a network of ours by torch.export; returns its facts.

    It takes one sample at a time. Raises InputError for a network that is no first stage,
    KineographError when what was written differs from ours.
    """
    folder = recipes.folder_of(settings.name)
    about = recipes.read(folder)
    chosen = [part for part in about.parts if settings.part in ("", part.name)]
    if not chosen or not isinstance(chosen[0], recipes.Stage) or chosen[0].low_size:
        raise InputError("part", f"'{settings.name}' has no first stage to export", "name its base")
    stage = chosen[0]
    net = _Flat(recipes.trained(stage, folder).float()).eval()
    with torch.no_grad():
        program = torch.export.export(net, _example(stage, 0))
        _without_places(program.graph_module)
        with placed(out) as part:
            whole = io.BytesIO()  # torch's own writer tells a full disk in words of its own
            torch.export.save(program, whole)
            part.write_bytes(whole.getvalue())
            read = torch.export.load(part).module()
            apart = max(
                float((read(*some) - net(*some)).abs().max())
                for some in (_example(stage, 1), _example(stage, 2))
            )
            if not apart <= CLOSE:
                raise KineographError(f"the exported network differs from ours by {apart:.2g}")
    return {"part": stage.name, "size": stage.size, "frames": stage.frames, "apart": apart}


def _without_places(graph: Any) -> None:
    """Take out of a traced network where on this machine the source of each step lies."""
    for inner in graph.modules():
        for node in getattr(getattr(inner, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)


def _example(stage: recipes.Stage, seed: int) -> tuple[Tensor, ...]:
    """One sample with a text of five tokens."""
    rng = torch.Generator().manual_seed(seed)
    shape = (1, stage.shape.channels, stage.frames, stage.size, stage.size)
    mask = torch.arange(TOKENS)[None] < 5
    words = torch.randn(1, TOKENS, stage.shape.text, generator=rng) * mask[..., None]
    sigma = torch.rand(1, generator=rng) * 5 + 0.1
    return torch.randn(shape, generator=rng), sigma, words, mask, words.sum(1) / 5


def _from_file(path: Path) -> Denoiser:
    """A network saved by `exported`, or by a person with the same five inputs."""
    if not path.is_file():
        raise MissingError(f"denoiser '{path}' is not there; write it with torch.export")
    try:
        program = torch.export.load(path)
        net: Any = program.module()
    except Exception as error:  # what a damaged archive raises is torch's own affair
        raise MissingError(f"denoiser '{path}' cannot be read ({error})") from error
    width = program.example_inputs[0][2].shape[-1] if program.example_inputs else 0

    @torch.no_grad()
    def denoise(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        given = (x.float(), sigma.float(), *_padded(cond, len(x), width))
        return torch.cat([net(*(one[row : row + 1] for one in given)) for row in range(len(x))])

    return denoise


def _padded(cond: Cond, batch: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """words (B, 24, D), mask (B, 24), pooled (B, D): what an exported network takes."""
    if cond.words is None or cond.mask is None or cond.pooled is None:
        mask = torch.zeros(batch, TOKENS, dtype=torch.bool)
        return torch.zeros(batch, TOKENS, width), mask, torch.zeros(batch, width)
    more = TOKENS - cond.words.shape[1]
    words = nn.functional.pad(cond.words.float(), (0, 0, 0, more))
    return words, nn.functional.pad(cond.mask, (0, more)), cond.pooled.float()
