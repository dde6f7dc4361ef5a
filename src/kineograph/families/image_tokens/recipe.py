"""The recipe of words to a picture by tokens: a codebook, and a transformer that writes in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor

from kineograph.diffusion.cascade import Texts
from kineograph.families.image_tokens.codec_recipe import CodecPart
from kineograph.families.image_tokens.maker import ImageTokenizer, Rank, TokensMaker
from kineograph.nets.causal import Causal, CausalShape
from kineograph.nets.codec import Codec
from kineograph.recipe import loading
from kineograph.recipe.fields import Phase, Recipe, plain_word, within
from kineograph.recipe.files import folder_of, models
from kineograph.recipe.loading import Loading
from kineograph.sequence.draw import Draw
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


@dataclass(frozen=True)
class Writer:
    """The transformer that writes a picture's codes, one after another."""

    name: str
    "Name of the part and of its weights file."
    shape: CausalShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    no_text: float = 0.1
    "Share of training samples whose text is dropped."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        within(self, no_text=(0, 1))

    def network(self) -> Causal:
        """The part's network with fresh weights."""
        return Causal(self.shape)


@dataclass(frozen=True)
class Tokens(Recipe):
    """Words to a picture: a codec makes pictures words of a codebook, a transformer writes them."""

    family: ClassVar[str] = "tokens"

    style: str
    "Style word put before a prompt that names none."
    styles: tuple[str, ...]
    "Style words the captions use."
    text: str
    "Text encoder."
    codec: CodecPart
    "Pictures to codes and back; trained first."
    writer: Writer
    "The transformer over codes."
    guidance: float = 1.0
    "Guidance scale on the log-weights; 1 is none."
    temperature: float = 1.0
    "Below 1 bolder, above 1 more even."
    top_k: int = 0
    "Codes that may be drawn, the best ones; 0 is all."
    top_p: float = 1.0
    "Share of the probability that may be drawn."
    candidates: int = 1
    "Pictures written, of which the best is shown."
    judge: str = ""
    "Model whose picture encoder chooses among candidates; without it the writer itself does."

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, guidance=(0, 50), temperature=(0, 10))
        within(self, top_k=(0, 1 << 20), top_p=(1e-6, 1), candidates=(1, 256))
        codes, places = self.codec.shape.codes, self.grid**2
        if self.writer.shape.size != codes or not codes:
            raise InputError("writer.size", f"{self.writer.shape.size} symbols for {codes} codes")
        if self.writer.shape.window < places:
            raise InputError("writer.window", f"{self.writer.shape.window} is less than {places}")

    @property
    def grid(self) -> int:
        """Places on a side of a picture."""
        return self.codec.size // self.codec.shape.factor

    @property
    def parts(self) -> tuple[CodecPart | Writer, ...]:
        return (self.codec, self.writer)

    def objective(self, part: CodecPart | Writer, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        if isinstance(part, CodecPart):
            from kineograph.families.image_tokens.codec_objective import of_codec

            return of_codec(self.data, part, folder)
        from kineograph.families.image_tokens.objective import of_writer

        return of_writer(self, part, folder, run)

    def ready(self, folder: Path, how: Loading) -> TokensMaker:
        """What writes pictures with the weights in a folder."""
        codec, writer = (
            loading.trained(part, folder, adapters=how.adapters) for part in self.parts
        )
        width = self.writer.shape.words
        read = loading.of_width(loading.texts(how.text_encoder), width)
        return tokens_maker(self, codec, writer, read, judge(self.judge, how.read))


def spelling(codec: Codec, part: CodecPart) -> ImageTokenizer:
    """The codec's book as the family sees it."""
    grid = part.size // part.shape.factor

    @torch.no_grad()
    def spell(x: Tensor) -> Tensor:
        return rearrange(codec.symbols(codec.encode(x)), "b t h w -> b (t h w)")

    @torch.no_grad()
    def show(codes: Tensor) -> Tensor:
        ids = rearrange(codes, "b (t h w) -> b t h w", h=grid, w=grid)
        return codec.decode(codec.vectors(ids))

    return ImageTokenizer(part.size, grid, part.shape.codes, spell, show)


def tokens_maker(
    recipe: Tokens,
    codec: Codec,
    writer: Causal,
    read: Texts,
    rank: Rank | None = None,
) -> TokensMaker:
    """The family's maker with its networks."""

    @torch.no_grad()
    def fit(codes: Tensor, cond: Cond) -> Tensor:
        told = writer(codes, cond.words, cond.mask).float().log_softmax(-1)
        fits: Tensor = told.gather(-1, codes[..., None])[..., 0].sum(1)
        return fits

    return TokensMaker(
        writer,
        spelling(codec, recipe.codec),
        read,
        fit,
        Draw(recipe.temperature, recipe.top_k or None, recipe.top_p),
        recipe.guidance,
        recipe.candidates,
        recipe.style,
        recipe.styles,
        rank,
    )


def judge(model: str, read: Callable[[Path], Any]) -> Rank | None:
    """How well pictures match their texts in the eyes of a model's picture encoder, if it is here.

    read: the recipe in a folder. It is a nicety: a maker without it ranks by other means and says
    so.
    """
    if model not in models():
        return None
    folder = folder_of(model)
    about = read(folder)
    if not hasattr(about, "picture"):
        return None
    if not (folder / f"{about.picture.name}.safetensors").is_file():
        return None
    eye = loading.trained(about.picture, folder)

    def rank(x: Tensor, cond: Cond) -> Tensor:
        with torch.no_grad():
            match: Tensor = (eye(x[:, :, 0]) * eye.words(cond.pooled)).sum(1)
        return match

    return rank
