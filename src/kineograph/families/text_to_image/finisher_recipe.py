"""The recipe of a finisher: from a small cut-out to a large one in one evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from kineograph.nets.compact import Compact, CompactShape, Matted
from kineograph.recipe.fields import MOST_PIXELS, Phase, Recipe, plain_word, within
from kineograph.recipe.loading import Loading, trained
from kineograph.values.errors import InputError

FAINT = 2 / 255  # alpha so near to nothing, or to whole, is that


@dataclass(frozen=True)
class FinisherPart:
    """A finisher within a recipe: what it sees, its network, losses and phases of training."""

    name: str
    "Name of the part and of its weights file."
    size: int
    "Height and width of the pictures it enlarges, pixels."
    crop: int
    "Side of the square training crops before they are enlarged, pixels."
    shape: CompactShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    noise: float = 0.03
    "Largest deviation of the noise put on what it sees, in pixel values 0 to 1."
    perceptual: float = 0.1
    "Weight of the distance in the features of a frozen network; 0 does without that network."
    looked: int = 4
    "Pictures of each batch that the frozen network looks at."
    answered: float = 0.0
    "Share of what it sees that is a picture network's own answers, kept beside the pack."
    alpha: float = 1.0
    "Weight of the error of alpha itself, beside that of what is seen over grounds."
    adversarial: float = 0.0
    "Weight of the critic's opinion; 0 trains without one."
    critic: int = 0
    "Width of the critic; 0 is none."
    critic_from: int = 0
    "Samples seen before the critic's opinion counts; it learns from the first."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        if self.shape.channels not in (3, 4):
            raise InputError("shape.channels", f"{self.shape.channels} is not 3 or 4")
        within(self, size=(1, MOST_PIXELS), crop=(1, self.size), noise=(0, 1))
        within(self, perceptual=(0, 100), looked=(0, 65536), alpha=(0, 100))
        within(self, answered=(0, 1), adversarial=(0, 100), critic=(0, 1024))
        within(self, critic_from=(0, 10**12))
        if self.adversarial and not self.critic:
            raise InputError("critic", "0, but its opinion has a weight", "give it a width")
        if self.critic and self.shape.channels == 4:
            raise InputError("critic", "stands beside a network of three channels", "use 0")

    def network(self) -> Compact | Matted:
        """The part's network with fresh weights; one of three channels sees two grounds."""
        net = Compact(self.shape)
        return net if self.shape.channels == 4 else Matted(net, self.critic)


@dataclass(frozen=True)
class Finisher(Recipe):
    """A finisher by itself."""

    family: ClassVar[str] = "finisher"

    finish: FinisherPart
    "The finisher."

    @property
    def parts(self) -> tuple[FinisherPart, ...]:
        """What is trained."""
        return (self.finish,)

    def objective(self, part: FinisherPart, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.text_to_image.finisher_objective import of_finisher

        return of_finisher(part, folder)

    def ready(self, folder: Path, how: Loading) -> Callable[[Tensor], Tensor]:
        """The finisher with the weights in a folder: (N, 4, H, W) in [0, 1], premultiplied."""
        net = trained(self.finish, folder)

        def finish(x: Tensor) -> Tensor:
            with torch.no_grad():
                made = net(x).clamp(0, 1)
            alpha = ((made[:, 3:] - FAINT) / (1 - 2 * FAINT)).clamp(0, 1)
            return torch.cat([made[:, :3].minimum(alpha), alpha], dim=1)

        return finish
