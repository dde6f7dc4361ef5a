"""What a tuned model, or one from nothing, learns of a person's pack.

An adapter's lesson is its model's own lesson on the pack's feed, heard by the frozen network. What
is kept of the model's own pictures lies in the run's folder, so that a resumed run learns from the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from kineograph.data.own.feed import NOTHING, CutoutsOfPack, Kept, PaintingsOfPack
from kineograph.data.own.pack import opened, text_of
from kineograph.diffusion.denoiser import Precond
from kineograph.families.language.objective import first_part, reading_of
from kineograph.families.language.recipe import Language
from kineograph.families.language.words.byte_pairs import BytePairs
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.nets.low_rank import LowRank
from kineograph.recipe import Adapter, AdapterPart, Cascade, Phase, Stage, folder_of, read, trained
from kineograph.recipe.files import read_tensors, save_tensors
from kineograph.training.denoising import Denoising
from kineograph.training.loop import Objective
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

PRIOR = "prior.safetensors"
MOST_BYTES = 2**30  # of the kept pictures
LEVELS = 4  # noise levels that held-out pictures are judged at


class PackFeed(Protocol):
    """A feed that also knows its captions and what is held out."""

    @property
    def captions(self) -> tuple[str, ...]: ...

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]: ...
    def held_out(self) -> tuple[Tensor, Cond] | None: ...


@dataclass(frozen=True)
class Tuning:
    """The lesson of an adapter. base: the frozen network. lesson: the network's own."""

    base: nn.Module
    lesson: Objective

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        with cast(LowRank, net).heard(self.base):
            yield from self.lesson(self.base, phase, seed=seed, seen=seen)


def of_adapter(
    recipe: Adapter,
    part: AdapterPart,
    folder: Path | None,
    run: Path | None,
    base: Path | None = None,
) -> Tuning:
    """The lesson of an adapter of one part; `folder` holds the pack, `base` the model it adapts."""
    where = base or folder_of(recipe.base)
    about: Any = read(where)
    own = next(one for one in about.parts if one.name == part.name)
    return Tuning(trained(own, where), lesson_of(about, own, _there(folder), run))


def lesson_of(recipe: Any, part: Any, pack: Path, run: Path | None) -> Objective:
    """A model's own lesson on a pack; `run` is where the kept pictures lie, if any do.

    Raises InputError for a family that does not learn of packs.
    """
    match recipe:
        case Language():
            pairs = BytePairs(recipe.merges)
            return reading_of(pairs.tidy(trained_text(recipe, pack)[0]), pairs, recipe)
        case Pictures() | Cascade() if part.frames == 1:
            return Denoising(part, feed_of(part, pack, kept_in(run)))
    raise InputError(
        "model",
        f"'{recipe.name}' ({recipe.family}) does not learn of a person's pack",
        "use pictures, scenes or words",
    )


def feed_of(stage: Stage, pack: Path, kept: Kept = NOTHING) -> PackFeed:
    """The pack's pictures as a stage takes them: with alpha where it makes any."""
    if stage.shape.channels == 4:
        return CutoutsOfPack(opened(pack, stage.size, fill=True), kept)
    most = max(stage.size, int(kept.pictures.shape[-1]) if len(kept.texts) else 0)
    whole = opened(pack, most, fill=True)
    return PaintingsOfPack(whole, kept, size=stage.size, low_size=stage.low_size, crop=stage.crop)


def trained_text(recipe: Language, pack: Path) -> tuple[str, str]:
    """The text that is trained on, and the one held out: the pack's own, or the end of it all."""
    text, held = text_of(pack)
    if held:
        return text, held
    first = first_part(text, recipe.held_out)
    return first, text[len(first) :]


def held_loss(stage: Stage, feed: PackFeed, net: nn.Module) -> float | None:
    """Mean loss of what is held out, at fixed levels with fixed noise; None where nothing is."""
    found = feed.held_out()
    if found is None:
        return None
    clean, cond = found
    total, count = 0.0, 0
    for number in range(LEVELS):
        rng = torch.Generator().manual_seed(1_000 + number)
        sigma = stage.schedule.draw(len(clean), rng)
        noise = torch.randn(clean.shape, generator=rng)
        seen = cond
        if cond.low is not None:
            level = torch.full((len(clean),), stage.augmentation)
            low = cond.low + stage.augmentation * torch.randn(cond.low.shape, generator=rng)
            seen = Cond(cond.words, cond.mask, cond.pooled, low=low, low_sigma=level)
        for row in range(0, len(clean), 16):
            some = slice(row, row + 16)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                losses = cast(Precond, net).loss(
                    clean[some], noise[some], sigma[some], seen[some], weighting=stage.weigh
                )
            total, count = total + float(losses.double().sum()), count + len(losses)
    return total / count


# -- what is kept of the model's own --------------------------------------------------------------


def keep(run: Path, kept: Kept) -> None:
    """Write the kept pictures into a run's folder."""
    texts = torch.frombuffer(
        bytearray("\n".join((kept.subject, *kept.texts)).encode()), dtype=torch.uint8
    )
    save_tensors(run / PRIOR, {"pictures": kept.pictures, "texts": texts}, {})


def kept_in(run: Path | None) -> Kept:
    """The kept pictures of a run's folder; none where there are none."""
    if run is None or not (run / PRIOR).is_file():
        return NOTHING
    found = read_tensors(run / PRIOR, most=MOST_BYTES)
    subject, *texts = bytes(found["texts"].numpy()).decode().split("\n")
    pictures = found["pictures"].clone()
    if len(texts) != len(pictures):
        raise InputError("resume", f"'{run / PRIOR}' does not fit itself", "begin again")
    return Kept(pictures, tuple(texts), subject)


def _there(folder: Path | None) -> Path:
    if folder is None:
        raise InputError("data", "is missing: an adapter learns of a pack", "name the pack")
    return folder
