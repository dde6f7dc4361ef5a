"""What a tuned model, or one from nothing, learns of a person's pack.

An adapter's lesson is its model's own lesson on the pack's feed, heard by the frozen network. What
is kept of the model's own pictures lies in the run's folder, so that a resumed run learns from the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from kineograph.data.own.feed import NOTHING, CutoutsOfPack, Kept, Looks, PaintingsOfPack
from kineograph.data.own.moving import MotionsOfPack
from kineograph.data.own.pack import opened, text_of
from kineograph.diffusion.denoiser import Precond
from kineograph.families.image_to_video.objective import Animating, denoising_loss
from kineograph.families.image_to_video.recipe import Animate, MotionPart
from kineograph.families.image_tokens.objective import Writing
from kineograph.families.image_tokens.recipe import Tokens, Writer, spelling
from kineograph.families.language.objective import first_part, reading_of
from kineograph.families.language.recipe import Language
from kineograph.families.language.words.byte_pairs import BytePairs
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.files import sha256_of
from kineograph.machine import autocast
from kineograph.nets.low_rank import LowRank
from kineograph.recipe import Adapter, AdapterPart, Cascade, Phase, Stage, folder_of, read, trained
from kineograph.recipe.files import read_tensors, save_tensors
from kineograph.training.denoising import Denoising
from kineograph.training.loop import Objective
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, styled

PRIOR = "prior.safetensors"
MOST_BYTES = 2**30  # of the kept pictures
HELD_BLOCK = 16, 8  # frames, and frames a second, of a clip that is judged
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
    return Tuning(trained(own, where), lesson_of(about, own, _there(folder), run, where))


def lesson_of(
    recipe: Any, part: Any, pack: Path, run: Path | None, folder: Path | None = None
) -> Objective:
    """A model's own lesson on a pack; `run` is where the kept pictures lie, if any do.

    folder: of the model that is tuned, whose other parts stay as they are.
    Raises InputError for a family that does not learn of packs.
    """
    match recipe:
        case Language():
            pairs = BytePairs(recipe.merges)
            return reading_of(pairs.tidy(trained_text(recipe, pack)[0]), pairs, recipe)
        case Pictures() | Cascade():
            unbound = replace(part, binding=0.0)  # a pack does not say which word names which thing
            return Denoising(unbound, feed_of(recipe, part, pack, kept_in(run)))
        case Tokens() if folder is not None and isinstance(part, Writer):
            codec = trained(recipe.codec, folder)
            feed = feed_of(recipe, part, pack, kept_in(run))
            return Writing(part, feed, spelling(codec, recipe.codec).spell)
        case Animate() if folder is not None and isinstance(part, MotionPart):
            eye = trained(recipe.picture, folder) if part.routes.picture else None
            return Animating(part, motions_of(recipe, part, pack), eye)
    raise _learns_not(recipe)


def learned(recipe: Any, pack: Path) -> tuple[Any, ...]:
    """The parts of a model that learn of a pack; the others stay as they are.

    Of pictures that stand still a stage that adds frames learns nothing. Raises InputError where
    no part learns.
    """
    match recipe:
        case Tokens():
            return (recipe.writer,)
        case Animate():
            if not moves(pack):
                raise InputError("pack", "holds no clip", "a model of movement learns of clips")
            if recipe.space == "motion":
                return (recipe.base,)
        case Cascade():
            adds = moves(pack)
            return tuple(part for part in recipe.parts if adds or part.low_size != part.size)
        case Pictures() | Language():
            return cast(tuple[Any, ...], recipe.parts)
    raise _learns_not(recipe)


def _learns_not(recipe: Any) -> InputError:
    return InputError(
        "model",
        f"'{recipe.name}' ({recipe.family}) does not learn of a person's pack",
        "use pictures, scenes, stickers, animate, tokens or words",
    )


def frames_of(part: Any, pack: Path) -> int:
    """Frames that a part learns of a pack at once: more than one where both have them."""
    most = 16 if isinstance(part, MotionPart) else getattr(part, "frames", 1)
    if most == 1:
        return 1
    return most if moves(pack) else 1


def moves(pack: Path) -> bool:
    """Whether anything that is trained on of a pack has more than one frame."""
    return _moves(pack, sha256_of(pack / "pack.json"))


@lru_cache(maxsize=4)
def _moves(pack: Path, sha256: str) -> bool:
    """sha256: of the pack's index, so that a pack made anew is looked at anew."""
    seen = opened(pack, 16)
    return any(len(seen.frames_of(one)) > 1 for one in seen.trained)


def feed_of(recipe: Any, part: Any, pack: Path, kept: Kept = NOTHING) -> PackFeed:
    """The pack's pictures as a part takes them: with alpha where it makes any."""
    if isinstance(recipe, Tokens):
        whole = opened(pack, recipe.codec.size, fill=True)
        return PaintingsOfPack(whole, Looks(recipe.codec.size), kept, styled=style_of(recipe))
    if part.shape.channels == 4:
        return CutoutsOfPack(opened(pack, part.size, fill=True), kept)
    if len(kept.texts) and kept.pictures.shape[-1] < part.size:
        kept = Kept(NOTHING.pictures, (), kept.subject)  # it was made too small for this part
    most = max(part.size, int(kept.pictures.shape[-1]) if len(kept.texts) else 0)
    still = all(one.frames == 1 for one in recipe.parts)
    whole = opened(pack, most, fill=True)
    below = part.low_size, part.frames, max(1, part.low_frames)
    looks = Looks(part.size, *below, crop=part.crop, spun=still and whole.opaque)
    return PaintingsOfPack(whole, looks, kept, styled=style_of(recipe))


def motions_of(recipe: Animate, part: MotionPart, pack: Path) -> MotionsOfPack:
    """The pack's clips as a model of movement takes them."""
    whole = opened(pack, part.size, fill=True)
    return MotionsOfPack(whole, rest=part.rest, styled=style_of(recipe))


def style_of(recipe: Any) -> Callable[[str], str]:
    """What a model's doors make of a text that names no style."""
    if isinstance(recipe, Animate):
        return lambda text: text if ":" in text else styled(text, recipe.style, ())
    return partial(styled, style=recipe.style, styles=getattr(recipe, "styles", ()))


def trained_text(recipe: Language, pack: Path) -> tuple[str, str]:
    """The text that is trained on, and the one held out: the pack's own, or the end of it all."""
    text, held = text_of(pack)
    if held:
        return text, held
    first = first_part(text, recipe.held_out)
    return first, text[len(first) :]


def held_of(lesson: Any, net: nn.Module) -> float | None:
    """The loss of what is held out by a lesson's own measure; None where nothing is."""
    match lesson:
        case Writing():
            return held_codes(lesson, net)
        case Animating():
            return held_motion(lesson, net)
    return held_loss(lesson.stage, lesson.feed, net)


def held_codes(lesson: Writing, net: nn.Module) -> float | None:
    """Nats a code of what is held out; None where nothing is."""
    found = cast(PackFeed, lesson.feed).held_out()
    if found is None:
        return None
    clean, cond = found
    with torch.no_grad(), autocast("cpu"):
        codes = lesson.spell(clean)
        told = net(codes, cond.words, cond.mask).float()
    return float(nn.functional.cross_entropy(told.flatten(0, 1), codes.flatten()))


def held_motion(lesson: Animating, net: nn.Module) -> float | None:
    """Mean loss of clips that are held out, as `held_loss`; None where none is."""
    found = cast(MotionsOfPack, lesson.feed).held_out(*HELD_BLOCK)
    if found is None:
        return None
    clean, cond = found
    assert cond.first is not None
    total = 0.0
    for number in range(LEVELS):
        rng = torch.Generator().manual_seed(1_000 + number)
        with torch.no_grad(), autocast("cpu"):
            seen = cond
            if lesson.eye is not None:
                seen = replace(cond, picture=lesson.eye(cond.first[:, :, 0]))
            seen = lesson.told(seen, clean)
            total += float(denoising_loss(cast(Precond, net), lesson.part, clean, seen, rng))
    return total / LEVELS


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
            with torch.no_grad(), autocast("cpu"):
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
