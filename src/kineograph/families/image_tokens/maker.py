"""Words to a picture written in codes, one after another (Parti, Yu et al. 2022).

A frozen text encoder reads the words, a NextSymbol writes a grid of codes row by row through the
one loop of `chain`, a codec shows it. Several candidates are written side by side and the best is
kept. A given picture is completed: its upper half is spelled, the rest is written. Networks come in
as arguments: this file knows none, reads no files, and draws only from the sample's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.diffusion.cascade import Texts
from kineograph.sequence.draw import Draw, NextSymbol, extend, row_generators
from kineograph.values.clip import Clip, to_clips, to_model
from kineograph.values.errors import InputError
from kineograph.values.progress import first
from kineograph.values.prompt import Cond, Progress, Prompt, check_seeds, clean_text, styled

MOST_CANDIDATES = 64
SEAM = 4  # rows of pixels over which a given upper half fades into what was written


class GuidedSymbols:
    """Classifier-free guidance of what comes next: u + scale * (c - u) on log-probabilities.

    Both halves are read in one call (Ho and Salimans 2022; Parti, section 2.3). Scale 1 is no
    guidance: then the model is asked alone and its answer is passed on as it is.
    """

    def __init__(self, model: NextSymbol, scale: float) -> None:
        self.model, self.scale = model, scale

    @property
    def size(self) -> int:
        return self.model.size

    def advance(self, symbols: Tensor, memory: Any, cond: Cond | None) -> tuple[Tensor, Any]:
        if self.scale == 1 or cond is None:
            return self.model.advance(symbols, memory, cond)
        both = Cond.stack(cond, cond.without_words())
        told, memory = self.model.advance(torch.cat([symbols, symbols]), memory, both)
        toward, base = told.float().log_softmax(-1).chunk(2)
        return base + self.scale * (toward - base), memory


@dataclass(frozen=True)
class ImageTokenizer:
    """A codebook as this family sees it.

    size: pixels on a picture's side; grid: places on its side; codes: how many there are. spell:
    pictures (B, 3, 1, S, S) in model range to codes (B, grid * grid), row by row; show: back again.
    """

    size: int
    grid: int
    codes: int
    spell: Callable[[Tensor], Tensor]
    show: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TokenSampling:
    """What a person may turn; None keeps the model's own setting.

    candidates: pictures written for each prompt. guidance: scale, 1 is none. draw: how a code is
    chosen.
    """

    candidates: int | None = None
    guidance: float | None = None
    draw: Draw | None = None


Rank = Callable[[Tensor, Cond], Tensor]
"Pictures (B, 3, 1, S, S) and the texts they were asked by to (B,), higher is a better match."


@dataclass(frozen=True)
class TokensMaker:
    """Text in, picture out (a clip of one frame); the face of the family to the doors.

    model: writes codes. spelling: what they mean. read: the frozen text encoder. fit: codes (B, N)
    and conditions to the log-probability (B,) of the codes. style, styles: as in the recipe.
    rank: a picture-caption encoder; without one candidates are ranked by how much likelier the text
    makes them in the model's own eyes.
    """

    model: NextSymbol
    spelling: ImageTokenizer
    read: Texts
    fit: Callable[[Tensor, Cond], Tensor]
    draw: Draw
    guidance: float = 1.0
    candidates: int = 1
    style: str = ""
    styles: tuple[str, ...] = ()
    rank: Rank | None = None

    @property
    def judge(self) -> str:
        """Who chooses among candidates, for people."""
        if self.rank is not None:
            return "the picture-caption encoder"
        return "the writer's own likelihood with the text over without"

    def make(self, prompt: Prompt, seed: int, sampling: TokenSampling) -> Iterator[Progress]:
        """One picture; every Progress holds the first candidate as far as it is written.

        `prompt.image` is completed from its upper half.
        """
        yield from first(self._made([prompt], [seed], sampling, preview=True))

    def make_all(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: TokenSampling
    ) -> Iterator[Progress]:
        """A picture for each prompt and seed, all written at once; only the last has a value."""
        return self._made(prompts, seeds, sampling, preview=False)

    def _made(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        sampling: TokenSampling,
        *,
        preview: bool,
    ) -> Iterator[Progress]:
        check_seeds(prompts, seeds)
        count, guidance, draw = self._chosen(sampling)
        given = _given(prompts, self.spelling.size)
        cond = reduce(Cond.stack, [self.read([self._styled(p.text)]) for p in prompts])
        rows = torch.arange(len(prompts)).repeat_interleave(count)
        many = cond[rows]

        whole = self.spelling.grid**2
        codes = torch.empty(len(rows), 0, dtype=torch.int64)
        if given is not None:
            upper = self.spelling.grid // 2 * self.spelling.grid
            codes = self.spelling.spell(given)[rows, :upper]
        rngs = row_generators([one for seed in seeds for one in seeds_of(seed, count)])
        model = GuidedSymbols(self.model, guidance)
        left = whole - codes.shape[1]
        for symbols in extend(model, codes, left, draw, rngs, many):
            codes = torch.cat([codes, symbols[:, None]], dim=1)
            value = [self._unfinished(codes[:1], given)] if preview else None
            note = f"code {codes.shape[1]} of {whole}"
            facts = {"grid": self.spelling.grid, "codes": codes[0].tolist()} if preview else None
            yield Progress(0.98 * codes.shape[1] / whole, note, value, facts)

        x = self.spelling.show(codes)
        if given is not None:
            x = joined(given[rows], x)
        best = self._best(codes, x, many, count)
        note = f"best of {count} by {self.judge}" if count > 1 else "written"
        yield Progress(1.0, note, to_clips(x[best], 1.0))

    def _chosen(self, sampling: TokenSampling) -> tuple[int, float, Draw]:
        count = self.candidates if sampling.candidates is None else sampling.candidates
        guidance = self.guidance if sampling.guidance is None else sampling.guidance
        if not 1 <= count <= MOST_CANDIDATES:
            raise InputError("candidates", f"{count} is not in 1 … {MOST_CANDIDATES}")
        if not 0 <= guidance <= 50:
            raise InputError("guidance", f"{guidance} is not in 0 … 50")
        return count, guidance, sampling.draw or self.draw

    def _unfinished(self, codes: Tensor, given: Tensor | None) -> Clip:
        """The picture of codes (1, n), on paper where nothing is written yet."""
        size = self.spelling.size
        blank = self.spelling.spell(torch.ones(1, 3, 1, size, size))
        x = self.spelling.show(torch.cat([codes, blank[:, codes.shape[1] :]], dim=1))
        return to_clips(x if given is None else joined(given, x), 1.0)[0]

    def _best(self, codes: Tensor, x: Tensor, cond: Cond, count: int) -> Tensor:
        """The row of the best candidate of each prompt, (prompts,)."""
        firsts = torch.arange(0, len(codes), count)
        if count == 1:
            return firsts
        if self.rank is not None:
            score = self.rank(x, cond)
        else:
            score = self.fit(codes, cond) - self.fit(codes, cond.without_words())
        return firsts + score.view(-1, count).argmax(1)

    def _styled(self, text: str) -> str:
        """The text after the style word, unless it names a style itself (as a cascade does)."""
        return styled(clean_text(text), self.style, self.styles)


def seeds_of(seed: int, count: int) -> list[int]:
    """A seed for each candidate of a sample; more candidates begin with the same ones."""
    rng = torch.Generator().manual_seed(seed)
    return [int(torch.randint(2**62, (), generator=rng)) for _ in range(count)]


def _given(prompts: Sequence[Prompt], size: int) -> Tensor | None:
    """Pictures to complete, (B, 3, 1, size, size); None when there are none."""
    images = [p.image for p in prompts if p.image is not None]
    if not images:
        return None
    if len(images) != len(prompts):
        raise InputError("image", "is given for some prompts only", "give one for each or none")
    return torch.cat([fitted(image, size) for image in images])


def fitted(clip: Clip, size: int) -> Tensor:
    """The first frame laid on a white square and brought to (1, 3, 1, size, size), model range."""
    x = to_model([Clip(clip.frames[:1], clip.fps)])[:, :, 0]  # (1, 3, H, W)
    high, wide = x.shape[-2:]
    side = max(high, wide)
    left, top = (side - wide) // 2, (side - high) // 2
    square = F.pad(x, (left, side - wide - left, top, side - high - top), value=1.0)
    small = F.interpolate(square, (size, size), mode="bilinear", antialias=True)
    return small[:, :, None]


def joined(given: Tensor, written: Tensor) -> Tensor:
    """The upper half of one picture above the lower half of another, fading over SEAM rows."""
    size = given.shape[-2]
    share = ((torch.arange(size) + 0.5 - (size / 2 - SEAM)) / SEAM).clamp(0, 1)
    return torch.lerp(given, written, share[:, None])
