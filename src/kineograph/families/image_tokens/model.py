"""Words to a picture as a Model: it is written in codes, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from kineograph import media, recipe
from kineograph.families.image_tokens.maker import TokenSampling, TokensMaker
from kineograph.families.image_tokens.recipe import Tokens
from kineograph.families.image_tokens.settings import ByTokens
from kineograph.finishing import enlarged
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request

SECONDS_A_CANDIDATE = 0.12  # measured: 8 candidates of the shipped model, one thread


class TokensModel:
    """A picture written code by code, the best of some candidates.

    model: a shipped model's name, or a folder. adapters: folders and weights of what is added to
    it. Raises MissingError when there is no such model, InputError when it writes no pictures.
    """

    def __init__(self, model: str = "tokens", *, adapters: recipe.Adapters = ()) -> None:
        self.adapters = tuple(adapters)
        self.folder = recipe.folder_of(model)
        about = recipe.read(self.folder)
        if not isinstance(about, Tokens):
            raise InputError("model", f"'{model}' writes no pictures in codes", "use tokens")
        self.recipe = about

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def maker(self) -> TokensMaker:
        made: TokensMaker = recipe.load(str(self.folder), adapters=self.adapters)
        return made

    def forecast(self, request: Request[ByTokens]) -> Forecast:
        settings = request.settings
        count = settings.candidates or self.recipe.candidates
        side = self.recipe.codec.size * settings.upscale
        told = f"the best of {count} pictures of {side}x{side} pixels"
        seconds = 1.0 + SECONDS_A_CANDIDATE * count
        file = media.file_bytes(request.form, (side, side), 1)
        return Forecast(seconds, int(600e6), file, told, {"size": side, "candidates": count})

    def make(self, request: Request[ByTokens], seed: int) -> Iterator[Progress[Clip]]:
        """The picture as far as it is written; the last step carries it."""
        settings = request.settings
        given = None if settings.complete is None else media.clip_of(settings.complete, "complete")
        prompt = Prompt(settings.text, image=given, seconds=0)
        sampling = TokenSampling(settings.candidates, settings.guidance)
        count = settings.candidates or self.maker.candidates
        notes = [f"best of {count} by {self.maker.judge}"] if count > 1 else []
        steps = self.maker.make(prompt, seed, sampling)
        yield from enlarged(self, request, seed, steps, notes)
