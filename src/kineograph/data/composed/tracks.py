"""How does a thing move, in numbers? Tracks of place, turn, size and opacity, with captions.

Movements are those of the composed scenes, told of anything that has a short name, in any colour
and number, in several ways; the same combinations are held out. A caption that tells of no movement
has a track at rest. Tracks begin anywhere in their loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kineograph.data import cutouts
from kineograph.data.composed.colours import HUES
from kineograph.data.composed.feed import joined
from kineograph.data.composed.movements import MOVEMENTS, SPEEDS, sped
from kineograph.data.composed.scenes import COUNTS, held_out, with_an
from kineograph.data.cutout_feed import TRAINED
from kineograph.data.cutout_texts import captions_of, load_texts, store
from kineograph.data.cutouts import Cutout
from kineograph.data.phrases import plain, plural, with_article
from kineograph.data.sticker_texts import Encoder
from kineograph.trajectories.placed import Placed
from kineograph.trajectories.track import to_track
from kineograph.values.prompt import Cond, Progress

COUNT = 12_000  # movements of things that are drawn from
RESTING = 0.4  # share of captions that tell of no movement
COLOURED, COUNTED = 0.2, 0.1  # shares of the things that are told with a colour, or as several
MOST_WORDS = 3  # of a thing's name


@dataclass(frozen=True)
class Movement:
    """A movement of a named thing: captions with it and without it, whether it is held out."""

    name: str
    speed: str
    moving: tuple[str, ...]
    resting: tuple[str, ...]
    held: bool

    def track(self, frames: int, start: int) -> Tensor:
        """(6, T) of one loop that begins at moment `start` of T."""
        movement = MOVEMENTS[self.name]
        at = sped(movement.at, SPEEDS[self.speed])
        rest = Placed(0, size=movement.space)
        return to_track([rest.moved(at((t + start) % frames / frames)) for t in range(frames)])


class Movements:
    """The stream of movements over some cut-outs, by number."""

    def __init__(self, records: Sequence[Cutout]) -> None:
        self.records = [record for record in records if _has_a_short_name(record)]

    def __call__(self, number: int, *, seed: int = 0) -> Movement:
        """Movement `number`; the movements come in turn."""
        rng = np.random.default_rng((seed, number, 1))
        name = list(MOVEMENTS)[number % len(MOVEMENTS)]
        record = self.records[int(rng.integers(len(self.records)))]
        speed = str(rng.choice(list(SPEEDS)))
        bare, article, many = _named(record, rng)
        said, adverb = MOVEMENTS[name], f" {speed}" if speed else ""
        be, verb = ("are", "") if many else ("is", said.does)
        moving = [f"{article} {said.doing}{adverb}", f"{article} {be} {said.doing}{adverb}"]
        moving += [f"{article} {other}{adverb}" for other in said.also]
        moving.append(f"{bare} {said.doing}{adverb}")
        if verb:
            moving += [f"{article} {verb}{adverb}", f"{article} that {verb}{adverb}"]
        if " " not in said.doing:
            moving.append(_before(said.doing, bare, article))
        told = tuple(with_an(moving)), tuple(with_an([article, bare, f"a picture of {article}"]))
        return Movement(name, speed, *told, held_out("movement", record.key, name))


def _has_a_short_name(record: Cutout) -> bool:
    name = plain(record)
    short = len(name.split()) <= MOST_WORDS and not name.startswith(("flag of", "keycap"))
    return record.style == "3d" and record.split in TRAINED and short


def _named(record: Cutout, rng: np.random.Generator) -> tuple[str, str, bool]:
    """A thing without and with its article, and whether it is several of them."""
    name, kind = plain(record), rng.random()
    if kind < COLOURED:
        colour = str(rng.choice(list(HUES)))
        return f"{colour} {name}", f"a {colour} {name}", False
    if kind < COLOURED + COUNTED:
        count = str(rng.choice(list(COUNTS.values())))
        return plural(name), f"{count} {plural(name)}", True
    return name, with_article(record), False


def _before(doing: str, bare: str, article: str) -> str:
    """ "a spinning heart", "two spinning hearts", "spinning rice"."""
    front = article.removesuffix(bare).strip()
    front = "a" if front == "an" else front
    return f"{front} {doing} {bare}".strip()


def movements_folder() -> Path:
    """Where the captions' states lie: beside the packs in the user's cache."""
    return cutouts.cutout_folder().with_name("movements")


def encode(
    folder: Path | None = None,
    *,
    packs: cutouts.Cutouts | None = None,
    count: int = COUNT,
    encoder: Encoder | None = None,
) -> Iterator[Progress]:
    """Store the states of the captions of the first movements; the last value is their number."""
    some = Movements((packs or cutouts.load()).still_records)
    said = (text for n in range(count) for text in (*some(n).moving, *some(n).resting))
    yield from store(
        folder or movements_folder(), list(dict.fromkeys(["", *said])), encoder=encoder
    )


class TrackFeed:
    """Tracks with the captions of movements, and of things and cut-outs that are at rest."""

    def __init__(
        self, *, count: int = COUNT, folder: Path | None = None, texts: Path | None = None
    ) -> None:
        packs = cutouts.load(folder)
        self.movements, self.count = Movements(packs.still_records), count
        self.text = load_texts(texts or movements_folder())
        self.still_text = load_texts(folder)
        said = {
            text
            for record, some in zip(packs.still_records, captions_of(packs.records), strict=False)
            if record.split in TRAINED
            for text in some
        }
        self.still = np.array(sorted(self.still_text.row[text] for text in said))

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """clean (B, 6, T, 1, 1), moving ones first; held-out combinations are passed over."""
        rng = np.random.default_rng((seed, seen, 2))
        many = max(1, batch - round(RESTING * batch))
        rest = to_track([Placed(0)] * frames)
        tracks: list[Tensor] = []
        rows: list[int] = []
        while len(rows) < batch - (batch - many) // 2:
            one = self.movements(int(rng.integers(self.count)))
            if one.held:
                continue
            moves = len(tracks) < many
            texts = one.moving if moves else one.resting
            tracks.append(one.track(frames, int(rng.integers(frames))) if moves else rest)
            rows.append(self.text.row[texts[int(rng.integers(len(texts)))]])
        told = Cond(*self.text.batch(np.array(rows)))
        if left := batch - len(rows):
            tracks += [rest] * left
            told = joined(told, Cond(*self.still_text.batch(rng.choice(self.still, left))))
        return torch.stack(tracks)[..., None, None], told
