"""The recipe of a model that makes cut-out pictures from words: one denoising stage with alpha."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from kineograph.diffusion.cascade import Texts
from kineograph.diffusion.denoiser import Precond
from kineograph.families.text_to_image.maker import PictureMaker
from kineograph.recipe import loading
from kineograph.recipe.cascade import Stage
from kineograph.recipe.fields import Recipe, one_of, within
from kineograph.recipe.loading import Loading
from kineograph.recipe.vocabulary import VOCABULARY
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class Pictures(Recipe):
    """Text to a picture with alpha, its colours multiplied by it, in one stage."""

    family: ClassVar[str] = "pictures"

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
    recognizer: str = ""
    "Name or folder of the model to which an estimate and the picture are to look alike."
    teacher: str = ""
    "Name or folder of the model as which other words are to be heard; none teaches pictures."

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("style", self.style, self.styles)
        within(self, steps=(1, 1000), guidance=(0, 50))
        if self.base.perceptual and not self.recognizer:
            raise InputError("recognizer", "is not named, and perceptual needs one")
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

    def objective(self, part: Stage, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.text_to_image.objective import of_pictures

        return of_pictures(self, part, folder)

    def beside(self) -> dict[str, dict[str, Tensor]]:
        """What goes into a model's folder beside its weights, by file name."""
        from kineograph.data.known import known

        if self.data not in ("cutouts", "composed"):
            return {}
        return {VOCABULARY: known().tensors()}

    def ready(self, folder: Path, how: Loading) -> PictureMaker:
        """What makes pictures with the weights in a folder."""
        net = loading.trained(self.base, folder, as_stored=True, adapters=how.adapters)
        read = loading.of_width(loading.texts(how.text_encoder), self.base.shape.text)
        return picture_maker(self, net, read)


def picture_maker(recipe: Pictures, net: Precond, read: Texts) -> PictureMaker:
    """The maker of a recipe with a trained network."""
    return PictureMaker(
        loading.frozen(net),
        read,
        recipe.base.schedule,
        recipe.base.size,
        recipe.steps,
        recipe.scale,
        loading.prepared(net),
    )
