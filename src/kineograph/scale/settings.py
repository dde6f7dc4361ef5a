"""What can be set when something is studied at scale: one settings type a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from kineograph.values.settings import Extra, Settings, setting

PLOT = Extra(suffixes=(".png",), help="Also draw it")


class Study(Settings):
    """What every study shares: it prints, and draws when a plot is named."""

    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False
    extras: ClassVar[Mapping[str, Extra]] = {"plot": PLOT}


class Sizes(Study):
    """The papers' models, counted and billed."""

    verb: ClassVar[str] = "study scale"
    about: ClassVar[str] = "the papers' sizes"

    paper: Literal["all", "imagen-video", "i2vgen-xl", "parti"] = setting("all", "Whose models.")
    device: Literal["h100", "a100", "rtx4090", "tpu4"] = setting("h100", "Kind of accelerator.")
    devices: int = setting(256, "How many.", least=1, most=1_000_000)
    batch: int = setting(2048, "Samples of a step.", least=1, most=1_000_000)
    steps: int = setting(
        2_000_000, "Steps of a run; the papers' own are not published.", least=1, most=10**9
    )
    share: float = setting(0.4, "Of a device's peak that a step reaches.", above=0, most=1)
    checkpointing: Literal["yes", "no"] = setting("yes", "Compute activations again.")


class Costs(Study):
    """The forecast of a step's time and memory, tested."""

    verb: ClassVar[str] = "study cost"
    about: ClassVar[str] = "the cost model"

    rounds: int = setting(5, "Steps of each size; the least counts.", least=1, most=1000)


class Fleets(Study):
    """A fleet whose workers fail and dawdle."""

    verb: ClassVar[str] = "study fleet"
    about: ClassVar[str] = "a fleet of workers"

    workers: int = setting(1000, "How many take each step together.", least=1, most=1_000_000)
    lifetime: float = setting(
        50_000, "Mean time between failures of one worker.", unit="hours", above=0, most=1e9
    )
    days: float = setting(30, "Work without disturbance.", unit="days", above=0, most=3650)
    checkpoint: float = setting(60, "To write a checkpoint.", unit="seconds", least=0, most=86400)
    restart: float = setting(
        600, "From a failure to the next step.", unit="seconds", least=0, most=86400
    )
    jitter: float = setting(
        0.02, "Deviation of a worker's step, as a share of it.", least=0, most=1
    )
    slow: float = setting(
        0.1, "Workers turned slow for each that fails; each is found in an hour.", least=0, most=10
    )
    runs: int = setting(100, "Simulated runs.", least=2, most=100_000)
    seed: int = setting(0, "First seed; each run adds its own number.", least=0, most=2**62 - 1)
