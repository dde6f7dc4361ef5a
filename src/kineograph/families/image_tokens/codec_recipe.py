"""The recipe of a codec: what it says pictures in, and how it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kineograph.nets.codec import Codec, CodecShape
from kineograph.recipe.fields import MOST_PIXELS, Phase, Recipe, plain_word, within
from kineograph.recipe.loading import Loading, trained
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class CodecPart:
    """A codec within a recipe: size, network, losses and their weights, phases of training."""

    name: str
    "Name of the part and of its weights file."
    size: int
    "Height and width of the pictures it was trained on, pixels."
    crop: int
    "Side of the square training crops, pixels; 0 trains on whole pictures."
    shape: CodecShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    bottleneck: float = 1e-4
    "Weight of the bottleneck's own loss: the KL divergence, or the commitment to the codebook."
    perceptual: float = 0.1
    "Weight of the distance in the features of a frozen network; 0 does without that network."
    looked: int = 8
    "Pictures of each batch that the frozen network looks at."
    adversarial: float = 0.05
    "Weight of the critic's opinion."
    critic_from: int = 0
    "Samples seen before the critic joins."
    decay: float = 0.98
    "What the running means of codebook and latents keep at each step."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        within(self, size=(1, MOST_PIXELS), crop=(0, self.size), decay=(0, 1))
        within(self, bottleneck=(0, 100), perceptual=(0, 100), adversarial=(0, 100))
        within(self, looked=(0, 65536), critic_from=(0, 10**12))
        for side in (self.size, self.crop):
            if side % self.shape.factor:
                raise InputError("size", f"{side} is not a multiple of {self.shape.factor}")
        if self.adversarial and self.shape.critic and (self.crop or self.size) % 8:
            raise InputError("crop", f"{self.crop or self.size} is not a multiple of 8 pixels")

    def network(self) -> Codec:
        """The part's network with fresh weights."""
        return Codec(self.shape)


@dataclass(frozen=True)
class CodecRecipe(Recipe):
    """A codec by itself."""

    family: ClassVar[str] = "codec"

    codec: CodecPart
    "The codec."

    @property
    def parts(self) -> tuple[CodecPart, ...]:
        return (self.codec,)

    def objective(self, part: CodecPart, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.image_tokens.codec_objective import of_codec

        return of_codec(self.data, part, folder)

    def ready(self, folder: Path, how: Loading) -> Codec:
        """The codec with the weights in a folder."""
        codec: Codec = trained(self.codec, folder)
        return codec
