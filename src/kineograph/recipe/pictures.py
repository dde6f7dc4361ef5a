"""The recipe of a model that makes cut-out pictures from words: one denoising stage with alpha."""

from __future__ import annotations

from dataclasses import dataclass

from kineograph.recipe.cascade import Stage
from kineograph.recipe.fields import ModelRecipe, one_of, within
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class Pictures(ModelRecipe):
    """Text to a picture with alpha, its colours multiplied by it, in one stage."""

    style: str
    "Style of a prompt that names none."
    styles: tuple[str, ...]
    "Style words the captions use."
    text: str
    "Text encoder."
    base: Stage
    "The network that makes the picture."
    steps: int = 20
    "Sampling steps."
    guidance: float = 2.5
    "Guidance scale; 1 is none."
    guided_from: float = 1.0
    "Lowest noise level that guidance acts at (Kynkäänniemi et al. 2024)."
    guided_to: float = 40.0
    "Highest noise level that guidance acts at."

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("style", self.style, self.styles)
        within(self, steps=(1, 1000), guidance=(0, 50))
        if not 0 <= self.guided_from <= self.guided_to:
            raise InputError("guided_from", f"{self.guided_from} is above {self.guided_to}")
        if self.base.frames != 1 or self.base.low_size or self.base.shape.channels != 4:
            raise InputError("base", "is not a stage of one frame and four channels by itself")

    @property
    def parts(self) -> tuple[Stage, ...]:
        """What is trained, in order."""
        return (self.base,)

    def scale(self, sigma: float) -> float:
        """The guidance scale at a noise level."""
        return self.guidance if self.guided_from <= sigma <= self.guided_to else 1.0
