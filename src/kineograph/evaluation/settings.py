"""What can be set when something is measured: one settings type a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from kineograph.values.settings import Extra, Settings, setting
from kineograph.values.source import ClipSource, TextSource

SHEET = Extra(suffixes=(".png",), help="Also write a contact sheet")
PLOT = Extra(suffixes=(".png",), help="Also draw the figures")
MODEL = "A shipped model's name, or a folder."
CONCEPTS = "Trained concepts to ask for."


class Study(Settings):
    """What every study shares: it writes nothing but what it is asked for."""

    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False


class Asked(Study):
    """A study that asks a model for many things."""

    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    seed: int = setting(0, "First seed; each concept adds its own number.", least=0, most=2**62 - 1)
    batch: int = setting(16, "Made at once; bounds the memory.", least=1, most=256)


class Clips(Asked):
    """A study of a model of clips."""

    size: int | None = setting(None, "Pixels of the clips made.", least=1, most=8192)
    frames: int | None = setting(None, "Frames of the clips made.", least=1, most=4096)


class Stickers(Clips):
    """Figures of a model that makes stickers."""

    verb: ClassVar[str] = "measure stickers"
    about: ClassVar[str] = "figures of stickers"

    model: str = setting("stickers", MODEL)
    concepts: int = setting(200, CONCEPTS, least=2, most=2000)
    steps: int | None = setting(None, "Steps of every stage.", least=1, most=1000)
    guidance: float | None = setting(
        None, "Guidance of the first stage; 1 is none.", least=0, most=50
    )


class Steps(Clips):
    """What fewer steps cost."""

    verb: ClassVar[str] = "measure steps"
    about: ClassVar[str] = "figures of fewer steps"
    extras: ClassVar[Mapping[str, Extra]] = {}

    models: tuple[str, ...] = setting(
        ..., "A teacher, then its students: names or folders.", place=True
    )
    high: float = setting(
        4.0, "Scale that oscillating guidance takes turns with none at.", least=0, most=50
    )
    most: int = setting(
        0, "Also the teacher with so many steps of its first stage; 0: not.", least=0, most=1024
    )
    concepts: int = setting(60, CONCEPTS, least=2, most=2000)


class Styles(Clips):
    """Whether a style seen in stills only moves."""

    verb: ClassVar[str] = "measure styles"
    about: ClassVar[str] = "figures of styles"

    model: str = setting("stickers", MODEL)
    concepts: int = setting(12, "Moving concepts to ask for in each style.", least=2, most=2000)
    steps: int | None = setting(None, "Steps of every stage.", least=1, most=1000)
    guidance: float | None = setting(
        None, "Guidance of the first stage; 1 is none.", least=0, most=50
    )


class Written(Asked):
    """Figures of a model that writes pictures in codes."""

    verb: ClassVar[str] = "measure tokens"
    about: ClassVar[str] = "figures of written pictures"

    model: str = setting("tokens", MODEL)
    beside: str = setting("stickers", "A cascade that is asked too; '' for none.")
    concepts: int = setting(200, CONCEPTS, least=2, most=2000)
    candidates: int | None = setting(None, "Pictures to choose the best of.", least=1, most=64)
    guidance: float | None = setting(None, "Guidance of the writer; 1 is none.", least=0, most=50)


class Grids(Study):
    """Figures of a learned matcher of example pairs."""

    verb: ClassVar[str] = "measure prompts"
    about: ClassVar[str] = "figures of visual prompts"
    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    model: str = setting("visual-prompts", MODEL)
    task: tuple[str, ...] = setting((), "A task by name, several times; all if left out.")
    grids: int = setting(32, "Held-out queries of each task.", least=2, most=2000)
    examples: int = setting(1, "Example pairs shown at once, averaged.", least=1, most=16)
    rounds: int | None = setting(
        None, "Rounds of deciding codes; 0 takes the pixels at once.", least=0, most=4096
    )
    seed: int = setting(0, "Seed of the grids.", least=0, most=2**62 - 1)


class Copies(Study):
    """Whether a model copies its training examples."""

    verb: ClassVar[str] = "measure memory"
    about: ClassVar[str] = "figures of memorisation"

    files: tuple[ClipSource, ...] = setting(..., "Pictures or clips a model made.", place=True)
    data: Literal["stickers", "scenes"] = setting("stickers", "What it was trained on.")
    stills: bool = setting(False, "The model saw stills alone, no clips.")
    seed: int = setting(0, "Seed of the intervals.", least=0, most=2**62 - 1)


class Motions(Study):
    """Motion of any clips."""

    verb: ClassVar[str] = "measure clip"
    about: ClassVar[str] = "figures of clips"

    files: tuple[ClipSource, ...] = setting(..., "Media files or folders of frames.", place=True)


class Ladders(Study):
    """Whether the levels of zooms agree and show their texts."""

    verb: ClassVar[str] = "measure zoom"
    about: ClassVar[str] = "figures of zooms"
    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    model: str = setting("scenes", MODEL)
    ladders: int = setting(5, "Ladders of eight levels to fill.", least=1, most=100)
    seeds: int = setting(3, "Seeds of each ladder.", least=1, most=100)
    steps: int | None = setting(None, "Steps of every stage.", least=1, most=1000)
    guidance: float | None = setting(
        None, "Guidance of the first stage; 1 is none.", least=0, most=50
    )


class Moved(Study):
    """Figures of a model that moves pictures."""

    verb: ClassVar[str] = "measure animate"
    about: ClassVar[str] = "figures of moved pictures"
    extras: ClassVar[Mapping[str, Extra]] = {"sheet": SHEET}

    model: str = setting("animate", MODEL)
    concepts: int = setting(0, "Pictures of each set; 0 all.", least=0, most=1000)
    refine: bool = setting(False, "Measure the refined clips too.")
    ablate: bool = setting(False, "Also close routes, one more open at a time.")
    drift: int = setting(0, "Blocks of clips whose drift is told; 0 none.", least=0, most=20)
    steps: int | None = setting(None, "Steps of the base.", least=1, most=1000)
    guidance: float | None = setting(None, "Guidance of the base; 1 is none.", least=0, most=50)
    level: int | None = setting(None, "Noise level of the refinement.", least=1, most=1000)
    seed: int = setting(0, "First seed; each picture adds its own number.", least=0, most=2**62 - 1)


class Spectra(Study):
    """Frequencies of two clips."""

    verb: ClassVar[str] = "measure spectrum"
    about: ClassVar[str] = "spectra of clips"
    forms: ClassVar[tuple[str, ...]] = (".png",)

    first: ClipSource = setting(..., "A clip, before.", place=True)
    second: ClipSource = setting(..., "A clip, after.", place=True)


class CutOuts(Study):
    """How well cut-outs can be recognised."""

    verb: ClassVar[str] = "measure pictures"
    about: ClassVar[str] = "figures of cut-outs"

    model: str = setting("pictures", MODEL)
    concepts: int = setting(100, "Concepts of each part; 0 all.", least=0, most=2000)
    steps: int = setting(0, "Sampling steps; 0 is the model's own.", least=0, most=1000)
    guidance: float | None = setting(None, "Guidance scale; 1 is none.", least=0, most=50)
    finish: str = setting(
        "finisher", "What enlarges them, to be judged too: none, a name or a folder."
    )
    seed: int = setting(0, "First seed; each concept adds its own number.", least=0, most=2**62 - 1)


class Composed(Study):
    """Does a model put together what it was never shown together?"""

    verb: ClassVar[str] = "measure composing"
    about: ClassVar[str] = "figures of composed scenes"

    model: str = setting("pictures", MODEL)
    trajectories: str = setting("trajectories", "What tells the movement: a name or a folder.")
    count: int = setting(50, "Scenes of each kind, trained and held out.", least=2, most=2000)
    steps: int = setting(0, "Sampling steps; 0 is the model's own.", least=0, most=1000)
    guidance: float | None = setting(None, "Guidance scale; 1 is none.", least=0, most=50)
    seed: int = setting(0, "First seed; each scene adds its own number.", least=0, most=2**62 - 1)


class Bits(Study):
    """Bits a letter of a text's end."""

    verb: ClassVar[str] = "measure words"
    about: ClassVar[str] = "figures of a text"
    extras: ClassVar[Mapping[str, Extra]] = {"plot": PLOT}

    corpus: TextSource = setting(..., "Text file in UTF-8.", place=True)
    model: str = setting(
        "", "A model that has not seen the last tenth, as words has not of its own."
    )
    time_limit: str = setting("3m", "Without a model, train one for this long: 90s, 3m.")
    seed: int = setting(0, "Seed of the model trained.", least=0, most=2**62 - 1)


class Influences(Study):
    """What in the training data a made picture is made of."""

    verb: ClassVar[str] = "influences"
    about: ClassVar[str] = "influences"
    forms: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".webp")
    spoken: ClassVar[bool] = True

    file: Path = setting(..., "A picture or clip this package made.", place=True)
    k: int = setting(8, "How many examples.", least=1, most=100)
    model: str = setting("", "The model that made it; the file's own recipe tells it otherwise.")
    index: bool = setting(False, "The file is a model's folder: write its index there.")
