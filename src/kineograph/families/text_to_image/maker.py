"""From words to a cut-out picture: one denoising stage with alpha, guided where shapes are decided.

Colours are multiplied by alpha inside; what comes out is a Clip of one frame with straight alpha.
Guidance acts between two noise levels only: above it takes variety, below it changes nothing that
the text says (Kynkäänniemi et al. 2024). The text goes to the encoder as it was typed: style words
anywhere in it are heard as the captions' were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from kineograph.diffusion.cascade import Texts
from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.guidance import Guided
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.diffusion.schedule import Levels
from kineograph.values.clip import from_premultiplied
from kineograph.values.errors import KineographError
from kineograph.values.progress import first
from kineograph.values.prompt import Cond, Progress, Prompt, check_seeds, clean_text

CHANNELS = 4


@dataclass(frozen=True)
class Sampling:
    """What a person may turn; 0 and None keep the model's own setting.

    steps: network evaluations with the text. guidance: 1 is none. chunk: samples in one network
    call; in chunks of one a sample is the same to the last bit alone and in any batch.
    """

    steps: int = 0
    guidance: float | None = None
    chunk: int = 1


@dataclass(frozen=True)
class PictureMaker:
    """Text in, cut-out out.

    read: the frozen text encoder. size: height and width made, pixels. scale: guidance by noise
    level; a person's own guidance takes its place where it is not 1. prepare: what the network
    makes of the words once.
    """

    denoise: Denoiser
    read: Texts
    levels: Levels
    size: int
    steps: int
    scale: Callable[[float], float]
    prepare: Callable[[Cond], Cond] = lambda cond: cond

    def make(self, prompt: Prompt, seed: int, sampling: Sampling) -> Iterator[Progress]:
        """One picture; every Progress holds the best guess so far as a Clip."""
        yield from first(self.make_all([prompt], [seed], sampling))

    def make_all(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling
    ) -> Iterator[Progress]:
        """A picture for each prompt and seed; sample i is the same in any batch, but for rounding.

        The values are lists of Clips of one frame with alpha.
        """
        for done, x in self.pixels(prompts, seeds, sampling):
            note = f"step {round(done * (sampling.steps or self.steps))}"
            yield Progress(done, note, from_premultiplied(x))

    def pixels(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling
    ) -> Iterator[tuple[float, Tensor]]:
        """As `make_all`: the share done and the best guess (B, 4, 1, S, S) in [-1, 1].

        Premultiplied: for what goes on working on the pictures.
        """
        check_seeds(prompts, seeds)
        cond = self._read([clean_text(prompt.text) for prompt in prompts])
        away = cond.without_words()
        if any(prompt.negative for prompt in prompts):
            away = self._read(
                [clean_text(p.negative, "negative") if p.negative else "" for p in prompts]
            )
        rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        levels = self.levels.grid(sampling.steps or self.steps)
        draw = noise_from(rngs)
        shape = (len(rngs), CHANNELS, 1, self.size, self.size)
        x = draw(torch.empty(shape)) * float(levels[0])
        chunks = [slice(i, i + sampling.chunk) for i in range(0, len(rngs), sampling.chunk)]
        walks = []
        for rows in chunks:
            part, other = self.prepare(cond[rows]), self.prepare(away[rows])
            guided = Guided(self.denoise, self._scale(sampling), negative=other)
            walks.append(integrate(Within(guided), x[rows], levels, part, order=2))
        for steps in zip(*walks, strict=True):
            clean = torch.cat([step.clean for step in steps])
            if not torch.isfinite(clean).all():
                raise KineographError(
                    f"step {steps[0].i}: the network's answer is not finite; nothing is made"
                )
            yield steps[0].i / steps[0].n, clean

    def _scale(self, sampling: Sampling) -> Callable[[float], float]:
        own = sampling.guidance
        if own is None:
            return self.scale
        return lambda sigma: own if self.scale(sigma) != 1 else 1.0

    def _read(self, texts: Sequence[str]) -> Cond:
        """Conditions of every text, each read alone: its states do not depend on its company."""
        return reduce(Cond.stack, [self.read([text]) for text in texts])


class Within:
    """A Denoiser whose answers stay in the range of pictures, -1 … 1."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise = denoise

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        return self.denoise(x, sigma, cond).clamp(-1, 1)
