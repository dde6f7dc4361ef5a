"""The recipe of visual prompts: one masked transformer over grids, and how it was taught."""

from __future__ import annotations

from dataclasses import dataclass

from kineograph.nets.masked import MaskedShape
from kineograph.recipe.fields import ModelRecipe, Phase, within
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class FillerPart:
    """The transformer that fills the hole, with its codebook of patches."""

    name: str
    "Name of the part and of its weights file."
    shape: MaskedShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was taught, in order."
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
        if not self.name.isidentifier():
            raise InputError("name", f"'{self.name}' is not a plain word")
        within(self, book=(1, 10**12), pixels=(0, 1000), slopes=(0, 1000))
        within(self, torn=(0, 1), smoothing=(0, 0.9))


@dataclass(frozen=True)
class VisualPrompts(ModelRecipe):
    """A task shown by a pair of pictures, done to a third: a grid whose fourth cell is filled."""

    filler: FillerPart
    "The transformer."
    steps: int = 0
    "Rounds in which the codes of the hole are decided; 0 takes the pixels at once."
    temperature: float = 0.0
    "How evenly codes are drawn; 0 takes the best."

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, steps=(0, 1000), temperature=(0, 100))

    @property
    def parts(self) -> tuple[FillerPart, ...]:
        return (self.filler,)
