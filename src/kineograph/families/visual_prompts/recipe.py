"""The recipe of visual prompts: one masked transformer over grids, and how it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from kineograph.families.visual_prompts.filler import Filler
from kineograph.machine import autocast
from kineograph.nets.masked import Masked, MaskedShape, patches
from kineograph.recipe.fields import Phase, Recipe, plain_word, within
from kineograph.recipe.loading import Loading, trained


@dataclass(frozen=True)
class FillerPart:
    """The transformer that fills the hole, with its codebook of patches."""

    name: str
    "Name of the part and of its weights file."
    shape: MaskedShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    book: int
    "Samples from which the codebook is learned by k-means; then it stands still."
    pixels: float = 4.0
    "Weight of the mean absolute error of pixels beside the cross entropy of codes."
    slopes: float = 4.0
    "Weight of the error of differences of neighbouring pixels."
    torn: float = 0.2
    "Share of samples of whose example answer some places are hidden too."
    smoothing: float = 0.1
    "Share of the aim of each code that is spread over all codes."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        within(self, book=(1, 10**12), pixels=(0, 1000), slopes=(0, 1000))
        within(self, torn=(0, 1), smoothing=(0, 0.9))

    def network(self) -> Masked:
        """The part's network with fresh weights."""
        return Masked(self.shape)


@dataclass(frozen=True)
class VisualPrompts(Recipe):
    """A task shown by a pair of pictures, done to a third: a grid whose fourth cell is filled."""

    family: ClassVar[str] = "visual-prompts"

    filler: FillerPart
    "The transformer."
    steps: int = 0
    "Rounds in which the codes of the hole are decided; 0 takes the pixels at once."
    temperature: float = 0.0
    "How evenly codes are drawn; 0 takes the best."
    usual: float = 0.0
    "Distance from the codebook that 99 of 100 taught pictures stay under; 0: not known."

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, steps=(0, 1000), temperature=(0, 100), usual=(0, 2))

    @property
    def parts(self) -> tuple[FillerPart, ...]:
        return (self.filler,)

    def objective(self, part: FillerPart, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.visual_prompts.objective import of_filler

        return of_filler(self, part, folder)

    def ready(self, folder: Path, how: Loading) -> Filler:
        """What fills grids with the weights in a folder."""
        return filler(self, trained(self.filler, folder))


def filler(recipe: VisualPrompts, net: Masked) -> Filler:
    """The network as what fills the fourth cell: no gradients, `autocast` inside."""

    def guess(cells: Tensor, hidden: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.stack([torch.zeros_like(hidden), hidden], dim=1)
        with torch.no_grad(), autocast(cells.device.type):
            log_weights, pixels = net(cells, both, ids)
        return log_weights[:, 1].float(), pixels.float()

    def far(pictures: Tensor) -> Tensor:
        flat = patches(pictures, shape.patch)
        return (flat - net.values(net.ids(flat))).abs().mean((1, 2))

    shape = recipe.filler.shape
    apart = torch.cdist(net.codes, net.codes, p=1) / net.codes.shape[1]
    return Filler(
        guess,
        apart,
        shape.cell,
        shape.places,
        recipe.steps,
        recipe.temperature,
        far,
        recipe.usual,
    )
