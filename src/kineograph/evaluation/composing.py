"""Does a model put together what it was never shown together? Composed scenes judged by parameters.

Every scene says exactly what it should show, so no network has to guess: colour by mean hue, count
by connected pieces, place by centroid, ground by the pixels of the border, movement by the nearest
of all movements of the same thing, a letter by the likest outline of all letters. Only a relation
needs eyes: which half looks more like which thing. A judge's error is told by what the real drawn
scenes get; chance beside it.
Pictures are (4, S, S) in [0, 1], premultiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.data.composed.colours import HUES, mean_hue
from kineograph.data.composed.feed import STILL, Ground
from kineograph.data.composed.letters import Letters
from kineograph.data.composed.movements import MOVEMENTS, SPEEDS, sped
from kineograph.data.composed.scenes import COUNTS, GROUNDS, PLACES, RELATIONS, Scene
from kineograph.data.cutout_features import over_white
from kineograph.data.sticker_features import Look
from kineograph.evaluation.sets import Estimate, bootstrap, closeness
from kineograph.trajectories.placed import Placed, laid
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

LEAST_PIECE = 0.008  # of the canvas; smaller pieces are crumbs
NEAR = 0.12  # of the canvas: how far a centroid may be from its place
CLOSE_COLOUR = 0.15  # root mean square in [0, 1]: how far a ground may be from its colour
CHANCE = {
    "colour": 1 / len(HUES),
    "count": 1 / len(COUNTS),
    "place": 1 / len(PLACES),
    "relation": 1 / 2,
    "ground": 1 / len(GROUNDS),
    "movement": 1 / len(MOVEMENTS),
    "letter": 2 / 62,  # of 36 capitals and digits, or 26 small ones
}
OUTLINE = 24  # pixels of a side, of letters that are compared
JUDGED = 32  # pixels of a frame of which the movement is told
Track = Callable[[Sequence[str], Sequence[int]], Sequence[Sequence[Placed] | None]]
"Texts and seeds to the places of a thing over a loop, None where it is at rest."
Make = Callable[[Sequence[str], Sequence[int]], Tensor]
"Texts and seeds to premultiplied pictures (N, 4, S, S) in [0, 1]."


@dataclass(frozen=True)
class Figures:
    """Shares of scenes of one kind that show what was said: trained and held-out combinations.

    drawn: what the drawn scenes themselves get from the same judge. chance: of a guess.
    """

    trained: Estimate
    held_out: Estimate
    drawn: float
    chance: float


# -- judges -------------------------------------------------------------------------------------


def hue_right(x: Tensor, colour: str) -> bool:
    """Whether the mean hue of what is there is nearer to this colour than to any other."""
    hue, chroma = mean_hue(x)
    apart = {name: abs((hue - other + 0.5) % 1 - 0.5) for name, other in HUES.items()}
    return chroma > 0.05 and min(apart, key=apart.__getitem__) == colour


def pieces(alpha: Tensor) -> int:
    """How many connected pieces there are in alpha (H, W) above one half, crumbs left out.

    Labels spread to their neighbours until they stand still; sides touch, corners do not.
    """
    there = alpha > 0.5
    height, width = alpha.shape
    label = torch.arange(1, height * width + 1, dtype=torch.float32).view(height, width) * there
    while True:
        spread = label.clone()
        for axis, by in ((0, 1), (0, -1), (1, 1), (1, -1)):
            moved = label.roll(by, axis)
            edge = 0 if by == 1 else -1
            moved.select(axis, edge).zero_()
            spread = torch.maximum(spread, moved)
        spread = spread * there
        if torch.equal(spread, label):
            break
        label = spread
    sizes = torch.unique(label[there], return_counts=True)[1]
    return int((sizes > LEAST_PIECE * height * width).sum())


def centre(alpha: Tensor) -> tuple[float, float]:
    """The centroid of alpha (H, W), right and down, 0 … 1; the middle when nothing is there."""
    total = alpha.sum()
    if float(total) < 1e-3:
        return 0.5, 0.5
    down, right = ((torch.arange(n) + 0.5) / n for n in alpha.shape)
    return float((alpha.sum(0) * right).sum() / total), float((alpha.sum(1) * down).sum() / total)


def place_right(x: Tensor, place: tuple[float, float]) -> bool:
    """Whether the centroid is near its place, and nearer to it than to any other place."""
    right, down = centre(x[3])
    apart = {at: ((right - at[0]) ** 2 + (down - at[1]) ** 2) ** 0.5 for at in PLACES.values()}
    return apart[place] <= NEAR and min(apart, key=apart.__getitem__) == place


def ground_right(x: Tensor, colour: tuple[float, float, float]) -> bool:
    """Whether the border has the colour, nearer to it than to any other ground."""
    edge = torch.cat([x[:3, 0], x[:3, -1], x[:3, :, 0], x[:3, :, -1]], dim=1)  # (3, 4 S)
    alpha = torch.cat([x[3, 0], x[3, -1], x[3, :, 0], x[3, :, -1]])
    if float(alpha.mean()) < 0.9:
        return False
    found = edge.median(1).values
    apart = {
        rgb: float((found - torch.tensor(rgb)).square().mean().sqrt()) for rgb in GROUNDS.values()
    }
    return apart[colour] <= CLOSE_COLOUR and min(apart, key=apart.__getitem__) == colour


def relation_right(x: Tensor, scene: Scene, ground: Ground, look: Look) -> bool:
    """Whether each half of the picture looks more like the thing that should be there."""
    side = x.shape[-1]
    first, _ = RELATIONS[str(scene.facts["relation"])]
    quarter, half = side // 4, side // 2
    boxes = {
        (0.27, 0.5): (slice(quarter, quarter + half), slice(0, half)),
        (0.73, 0.5): (slice(quarter, quarter + half), slice(half, side)),
        (0.5, 0.26): (slice(0, half), slice(quarter, quarter + half)),
        (0.5, 0.74): (slice(half, side), slice(quarter, quarter + half)),
    }
    others = [at for at in RELATIONS[str(scene.facts["relation"])] if at != first]
    halves = [x[:, boxes[at][0], boxes[at][1]] for at in (first, others[0])]
    shown = torch.stack([_enlarged(part, 64) for part in halves])
    things = torch.stack([ground.pictures[row] for row in scene.rows])
    close = closeness(look(over_white(shown)), look(over_white(things)))  # (half, thing)
    return bool(close[0, 0] + close[1, 1] > close[0, 1] + close[1, 0])


def movement_of(frames: Tensor, rest: Tensor) -> str:
    """Which movement, at any speed and from any moment, the frames (T, 4, S, S) show best.

    rest: (4, S, S) the thing that moves.
    """
    side, apart = frames.shape[-1], {}
    seen = frames[:, 3]
    for name, movement in MOVEMENTS.items():
        for times in set(SPEEDS.values()):
            at = sped(movement.at, times)
            drawn = torch.stack(
                [
                    laid(rest, Placed(0, size=movement.space).moved(at(t / len(frames))), side)[3]
                    for t in range(len(frames))
                ]
            )
            begun = (drawn.roll(start, 0) for start in range(len(frames)))
            apart[name, times] = min(float((one - seen).abs().mean()) for one in begun)
    return min(apart, key=apart.__getitem__)[0]


def letter_of(alpha: Tensor, letters: Letters, *, small: bool) -> str:
    """Which letter an alpha (S, S) shows: the likest of all capitals and digits, or small letters.

    "" where nothing is there.

    Outlines are stretched to one box, and compared by the area they share over that of either. O
    and zero are one.
    """
    seen, others = _boxed(alpha), _boxes(letters)
    shares = (seen & others).sum((1, 2)) / (seen | others).sum((1, 2)).clamp(min=1)
    names = letters.letters * letters.faces
    shares = shares * torch.tensor([name.islower() == small for name in names])
    found = names[int(shares.argmax())] if float(shares.max()) > 0 else ""
    return "O" if found == "0" else found


@lru_cache(maxsize=1)
def _boxes(letters: Letters) -> Tensor:
    """(F L, OUTLINE, OUTLINE) of all letters in all faces."""
    return torch.stack([_boxed(picture[3]) for picture in letters.pictures])


def _boxed(alpha: Tensor) -> Tensor:
    """(OUTLINE, OUTLINE) what is there, its box stretched to the square, thin ones less."""
    there = (alpha > 0.5).nonzero()
    if not len(there):
        return torch.zeros(OUTLINE, OUTLINE, dtype=torch.bool)
    (top, left), (bottom, right) = there.amin(0).tolist(), (there.amax(0) + 1).tolist()
    high, wide = bottom - top, right - left
    least = max(high, wide) // 2  # an "i" stays narrow
    down, across = max(0, least - high), max(0, least - wide)
    room = (across // 2, -(-across // 2), down // 2, -(-down // 2))
    part = F.pad(alpha[top:bottom, left:right], room)
    return F.interpolate(part[None, None], OUTLINE, mode="bilinear")[0, 0] > 0.5


def letter_right(x: Tensor, letter: str, letters: Letters) -> bool:
    """Whether the picture's outline is likest to this letter's."""
    wanted = "O" if letter == "0" else letter
    return letter_of(x[3], letters, small=letter.islower()) == wanted


def moved(scene: Scene, ground: Ground, places: Sequence[Placed], *, frames: int = 32) -> Tensor:
    """(T, 4, 32, 32) the drawn thing of a scene, laid where a track says it is."""
    rest = ground.pictures[scene.rows[-1]]
    at = [places[t * len(places) // frames] for t in range(frames)]
    return torch.stack([laid(rest, place, JUDGED) for place in at])


def _enlarged(x: Tensor, side: int) -> Tensor:
    made = torch.nn.functional.interpolate(x[None], side, mode="bicubic", align_corners=False)
    return made[0].clamp(0, 1)


def right(x: Tensor, scene: Scene, ground: Ground, look: Look) -> bool:
    """Whether a picture (4, S, S) shows what a still scene says; an empty one shows nothing."""
    if float(x[3].mean()) < LEAST_PIECE:
        return False
    match scene.kind:
        case "colour":
            return hue_right(x, str(scene.facts["colour"]))
        case "count":
            return pieces(x[3]) == scene.facts["count"]
        case "place":
            return place_right(x, PLACES[_place_of(scene)])
        case "ground":
            assert scene.ground is not None
            return ground_right(x, scene.ground)
        case "relation":
            return relation_right(x, scene, ground, look)
        case "letter":
            assert ground.letters is not None
            return letter_right(x, str(scene.facts["letter"]), ground.letters)
    raise InputError("scene", f"'{scene.kind}' is not judged from one picture")


def _place_of(scene: Scene) -> str:
    at = (scene.facts["x"], scene.facts["y"])
    return next(name for name, place in PLACES.items() if place == at)


# -- the study ----------------------------------------------------------------------------------


def composing(
    make: Make,
    ground: Ground,
    look: Look,
    *,
    track: Track | None = None,
    count: int = 50,
    seed: int = 0,
    batch: int = 25,
) -> Iterator[Progress]:
    """Ask for `count` scenes of each kind, trained and held out; the last value: Figures by kind.

    Movements are judged with a `track` only, on the drawn thing: what draws it and what moves it
    are two models.
    """
    kinds = STILL if track is None else (*STILL, "movement")
    if ground.letters is not None:
        kinds = (*kinds, "letter")
    chosen = _chosen(ground, count, seed, kinds)
    total = sum(len(scenes) for scenes in chosen.values())
    found: dict[tuple[str, bool], list[bool]] = {}
    drawn: dict[str, list[bool]] = {}
    done = 0
    for (kind, held), scenes in chosen.items():
        for start in range(0, len(scenes), batch):
            some = scenes[start : start + batch]
            texts, seeds = [one.texts[0] for one in some], [seed + done + i for i in range(batch)]
            asked = (texts, seeds[: len(some)])
            if kind == "movement":
                assert track is not None
                pairs = _movements(some, track(*asked), ground)
            else:
                pairs = _stills(some, make(*asked), ground, look)
            for made, real in pairs:
                found.setdefault((kind, held), []).append(made)
                drawn.setdefault(kind, []).append(real)
            done += len(some)
            yield Progress(min(0.999, done / total), f"{kind}: {done} of {total}", None)
    rng = torch.Generator().manual_seed(seed)
    figures = {
        kind: Figures(
            bootstrap(torch.tensor(found[kind, False]), rng),
            bootstrap(torch.tensor(found[kind, True]), rng),
            sum(drawn[kind]) / len(drawn[kind]),
            CHANCE[kind],
        )
        for kind in kinds
    }
    yield Progress(1.0, "judged", figures)


def _stills(
    scenes: Sequence[Scene], pictures: Tensor, ground: Ground, look: Look
) -> Iterator[tuple[bool, bool]]:
    """Whether each made picture is right, and whether the drawn scene is."""
    for picture, scene in zip(pictures, scenes, strict=True):
        real = ground.drawn(scene, picture.shape[-1])
        yield right(picture, scene, ground, look), right(real, scene, ground, look)


def _movements(
    scenes: Sequence[Scene], tracks: Sequence[Sequence[Placed] | None], ground: Ground
) -> Iterator[tuple[bool, bool]]:
    """Whether each track shows its scene's movement, and whether the drawn scene does."""
    for places, scene in zip(tracks, scenes, strict=True):
        rest = ground.pictures[scene.rows[-1]]
        real = [scene.at(t / 32)[-1] for t in range(32)]
        shown = [
            at is not None and movement_of(moved(scene, ground, at), rest) == scene.movement
            for at in (places, real)
        ]
        yield shown[0], shown[1]


def _chosen(
    ground: Ground, count: int, seed: int, kinds: Sequence[str]
) -> dict[tuple[str, bool], list[Scene]]:
    """The first `count` scenes of every kind, trained and held out, of the stream `seed`."""
    found: dict[tuple[str, bool], list[Scene]] = {
        (kind, held): [] for kind in kinds for held in (False, True)
    }
    number = 0
    while any(len(scenes) < count for scenes in found.values()):
        streams = [ground.scenes(number, seed=seed)]
        if ground.letters is not None:
            letter = ground.letters(number, seed=seed)
            streams += [letter] if letter.facts["colour"] else []  # the others say too little
        for scene in streams:
            place = found.get((scene.kind, scene.held))
            if place is not None and len(place) < count:
                place.append(scene)
        number += 1
        if number > 10_000 * count:
            raise InputError("count", f"{count}", "there are not so many held-out combinations")
    return found
