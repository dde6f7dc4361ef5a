"""What can be set when the papers' choices are studied: one settings type a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from kineograph.values.settings import Extra, Settings, setting

PLOT = Extra(suffixes=(".png",), help="Also draw it")


class Taught(Settings):
    """What every study that teaches shares: budget, pictures judged, seed."""

    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False
    extras: ClassVar[Mapping[str, Extra]] = {"plot": PLOT}

    budget: float = setting(20_000, "Training of each model.", unit="GFLOP", above=0, most=1e9)
    count: int = setting(512, "Pictures made of each and judged.", least=8, most=100_000)
    seed: int = setting(0, "Seed of data, weights and training.", least=0, most=2**40)


class Ways(Taught):
    """Autoregressive, diffusion and adversarial models of the same pictures."""

    verb: ClassVar[str] = "study ways"
    about: ClassVar[str] = "three ways to a picture"

    sizes: int = setting(
        3, "Sizes of each, from the smallest, four times the weights.", least=1, most=5
    )
    data: tuple[str, ...] = setting(
        ("256", "2048", "16384"), "Training figures: a number, several times."
    )


class OneSize(Taught):
    """A study of diffusion models of one size."""

    figures: int = setting(4096, "Training figures.", least=64, most=10**6)
    size: int = setting(1, "Size of the model, 0 … 4.", least=0, most=4)


class Targets(OneSize):
    """What the network estimates."""

    verb: ClassVar[str] = "study targets"
    about: ClassVar[str] = "what a network estimates"


class Guiding(OneSize):
    """Guidance, thresholding, oscillation."""

    verb: ClassVar[str] = "study guidance"
    about: ClassVar[str] = "ways of guidance"


class Distilling(OneSize):
    """Students that halve the steps of their teacher."""

    verb: ClassVar[str] = "study distillation"
    about: ClassVar[str] = "progressive distillation"


class Joint(OneSize):
    """Clips with and without stills beside them."""

    verb: ClassVar[str] = "study joint"
    about: ClassVar[str] = "joint training on clips and stills"

    figures: int = setting(1024, "Training clips; also with a sixteenth.", least=64, most=10**6)
    stills: int = setting(16_384, "Stills beside them.", least=64, most=10**6)
