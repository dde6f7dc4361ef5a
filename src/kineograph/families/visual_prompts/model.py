"""Visual prompting as a Model: an example pair and a picture in, the fourth cell out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import torch

from kineograph import media, recipe
from kineograph.families.visual_prompts.filler import Filler
from kineograph.families.visual_prompts.recipe import VisualPrompts
from kineograph.families.visual_prompts.settings import ByTokens
from kineograph.media.exact import picture_of
from kineograph.products import ClipProduct, picture_clip
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.source import Source

ROUND = 0.03  # seconds a pair and round of the embedded model, one thread
NAMES = {"a": "A", "a2": "A2", "b": "B", "also": "a picture of also"}


class Filled(Protocol):
    """What a grid is filled by: fields of any family's settings that has one filled."""

    @property
    def pictures(self) -> tuple[tuple[str, Source], ...]: ...
    @property
    def rounds(self) -> int | None: ...


class VisualPromptsModel:
    """Visual prompting by inpainting (Bar et al. 2022) behind the face of every model.

    model: a shipped model's name, or a folder. Raises MissingError when there is no such model,
    InputError when it fills no grids.
    """

    def __init__(self, model: str = "visual-prompts") -> None:
        self.folder = recipe.folder_of(model)
        about = recipe.read(self.folder)
        if not isinstance(about, VisualPrompts):
            raise InputError("model", f"'{model}' fills no grids", "use visual-prompts")
        self.recipe = about

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def filler(self) -> Filler:
        made: Filler = recipe.load(str(self.folder))
        return made

    def forecast(self, request: Request[ByTokens]) -> Forecast:
        """Pairs times rounds, by the rate of the embedded model."""
        settings = request.settings
        height, width = picture_of(settings.b, "b").shape[:2]
        pairs = 1 + len(settings.also) // 2
        seconds = 0.3 + ROUND * pairs * (1 + (settings.rounds or 0))
        told = f"{width}x{height} pixels from {pairs} pairs by tokens"
        file = media.file_bytes(request.form or ".png", (width, height), 1)
        return Forecast(seconds, int(450e6), file, told, {"pixels": height * width, "pairs": pairs})

    def cells(self, settings: Filled) -> list[Clip]:
        """Its pictures, as clips of one frame, B last."""
        return [picture_clip(source, name) for name, source in settings.pictures]

    def filled(
        self, settings: Filled, cells: Sequence[Clip], seed: int
    ) -> Iterator[Progress[Clip]]:
        """The answer to B round by round, a clip of one frame of its size."""
        *examples, query = cells
        pairs = list(zip(examples[::2], examples[1::2], strict=True))
        yield from self.filler.with_rounds(settings.rounds).make(pairs, query, seed)

    def told(self, settings: Filled, cells: Sequence[Clip]) -> tuple[str, ...]:
        """What a person should know: the size of cells, pictures unlike what was taught."""
        filler, pictures = self.filler, settings.pictures
        small = f"cells are {filler.cell} pixels: a larger answer is an enlarged one"
        unlike = filler.unlike(cells)
        if not unlike:
            return (small,)
        named = ", ".join(dict.fromkeys(NAMES.get(pictures[i][0], pictures[i][0]) for i in unlike))
        strange = (
            f"{named}: finer or rougher than 99 of 100 pictures that {self.recipe.name} was "
            "taught; by patches may do better"
        )
        return small, strange

    def make(self, request: Request[ByTokens], seed: int) -> Iterator[Progress[Clip]]:
        """The answer round by round; the last step carries it."""
        made: Clip | None = None
        cells = self.cells(request.settings)
        for step in self.filled(request.settings, cells, seed):
            made = step.value
            yield step._replace(done=min(step.done, 0.99))
        assert made is not None
        made = _with_alpha(made, cells[-1])
        record = record_of(self, request, seed)
        result = Result(ClipProduct(made), seed, record, self.told(request.settings, cells))
        yield Progress(1.0, "done", made, None, result)


def _with_alpha(made: Clip, query: Clip) -> Clip:
    """The answer with the transparency of B, where it has any."""
    given = query.frames
    if given.shape[1] != 4 or made.frames.shape[-2:] != given.shape[-2:]:
        return made
    return Clip(torch.cat([made.frames[:, :3], given[:1, 3:]], dim=1), made.fps)
