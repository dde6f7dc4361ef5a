"""What in the training data is this made of? The nearest examples, and a figure for copies.

Near is near in Lite0's features, by cosine. A small index of the training examples ships beside the
weights, so that names are found without the data; where the data is there, the nearest by the index
are looked at again and put in exact order. Nearness is no proof of cause: it says which examples
look most like a sample, not which ones moved the weights (for that see influence functions, Koh and
Liang 2017).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from kineograph.data.cutouts import Cutout, Cutouts
from kineograph.data.scenes.packs import Scenes
from kineograph.data.sticker_features import (
    LOOKS,
    MOST_SEEN,
    Look,
    RealClips,
    RealStills,
    evenly,
    reduced,
)
from kineograph.data.stickers import STYLES, Sticker, Stickers
from kineograph.evaluation.sets import Estimate, bootstrap, closeness, median, principal
from kineograph.recipe.files import read_tensors, save_tensors
from kineograph.values.clip import Clip, from_bytes, to_bytes
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Progress

FILE = "influences.safetensors"
AXES = 32  # numbers kept of the 1280 features of an example, fewer where there are many
BYTES = 200_000  # that all examples may take: the index ships
KINDS = ("clip", *STYLES, "painting", "colour", "blob", "firefox")
"A moving sticker, a still in a style of stickers, a painted picture, a still in one more style."
LOOKED = 4  # times as many examples are looked at again as are asked for
CELL, LINE = 128, 12  # pixels of a cell of the picture, and of a line under it
MAX_BYTES = 4 * 2**20


class Named(Protocol):
    """What is said of a training example."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...


class Neighbour(NamedTuple):
    """A training example. kind: one of KINDS. distance: 1 - cosine, about that when by index."""

    key: str
    name: str
    kind: str
    distance: float


@dataclass(frozen=True)
class Index:
    """Training examples in few numbers.

    A feature vector is brought to unit length, centred, put on `axes` and rounded: then half the
    squared distance of two is about 1 - cosine. mean: (1280,), axes: (1280, A) float32. rows:
    (N, A) int8, each `step` wide. of: (N,) place in `concepts`, which are (key, name). kind: (N,)
    place in KINDS.
    """

    mean: Tensor
    axes: Tensor
    rows: Tensor
    step: float
    of: Tensor
    kind: Tensor
    concepts: tuple[tuple[str, str], ...]

    @property
    def data(self) -> str:
        """Name of the data set the examples are from; cut-outs have styles that stickers lack."""
        kinds = {KINDS[kind] for kind in set(self.kind.tolist())}
        if "painting" in kinds:
            return "scenes"
        return "cutouts" if kinds - {"clip", *STYLES} else "stickers"

    def near(self, look: Tensor, k: int) -> list[Neighbour]:
        """The k nearest examples to features (1280,), nearest first."""
        here = (F.normalize(look.float(), dim=0) - self.mean) @ self.axes  # (A,)
        apart = (self.rows.float() * self.step - here).square().sum(1) / 2
        found = apart.argsort(stable=True)[:k].tolist()
        return [
            Neighbour(*self.concepts[int(self.of[i])], KINDS[int(self.kind[i])], float(apart[i]))
            for i in found
        ]


def look_of(clip: Clip, see: Look) -> Tensor:
    """(1280,) features of a picture, or the mean of those of four frames of a clip."""
    return see(reduced(evenly(clip, min(LOOKS, len(clip))), MOST_SEEN)).mean(0)


# -- the index -------------------------------------------------------------------------------------


def index_of(
    looks: Tensor, records: Sequence[Named], kinds: Sequence[str], *, axes: int = 0
) -> Index:
    """The index of examples: looks (N, 1280), their records and kinds.

    axes: numbers kept of each; 0 is as many as BYTES allow, at most AXES.
    """
    if not len(looks) == len(records) == len(kinds) or len(looks) < 2:
        raise InputError("looks", f"{len(looks)} features, {len(records)} records, {len(kinds)}")
    unit = F.normalize(looks.float(), dim=1)
    basis = principal(unit, axes or max(8, min(AXES, BYTES // len(looks))))
    mean = basis.mean.float()
    steps = basis.axes.abs().amax(0) / 127
    rounded = ((basis.axes / steps).round() * steps).float()  # as it will be read back
    flat = (unit - mean) @ rounded
    step = float(flat.abs().amax()) / 127
    concepts = tuple(dict.fromkeys((record.key, record.name) for record in records))
    place = {concept: i for i, concept in enumerate(concepts)}
    return Index(
        mean,
        rounded,
        (flat / step).round().to(torch.int8),
        step,
        torch.tensor([place[record.key, record.name] for record in records], dtype=torch.int32),
        torch.tensor([KINDS.index(kind) for kind in kinds], dtype=torch.uint8),
        concepts,
    )


def save_index(index: Index, folder: Path, about: dict[str, str]) -> Path:
    """Write the index beside a model's weights; returns the file."""
    steps = index.axes.abs().amax(0).clamp(min=1e-12) / 127
    names = zlib.compress(json.dumps(index.concepts, separators=(",", ":")).encode(), 9)
    tensors = {
        "mean": index.mean,
        "axes": (index.axes / steps).round().to(torch.int8),
        "axis_steps": steps,
        "rows": index.rows,
        "step": torch.tensor([index.step]),
        "of": index.of.to(torch.int16),
        "kind": index.kind,
        "concepts": torch.frombuffer(bytearray(names), dtype=torch.uint8),
    }
    save_tensors(folder / FILE, tensors, about)
    return folder / FILE


def load_index(folder: Path) -> Index:
    """The index beside a model's weights; MissingError when there is none, or it is damaged."""
    path = folder / FILE
    if not path.is_file():
        raise MissingError(
            f"model '{folder.name}' has no {FILE}; make it: kineograph influences --index {folder}"
        )
    t = read_tensors(path, most=MAX_BYTES)
    try:
        packed = bytes(t["concepts"].numpy())
        names = json.loads(zlib.decompressobj().decompress(packed, MAX_BYTES))
        concepts = tuple((str(key), str(name)) for key, name in names)
        index = Index(
            t["mean"].float(),
            t["axes"].float() * t["axis_steps"].float(),
            t["rows"],
            float(t["step"]),
            t["of"].int(),
            t["kind"],
            concepts,
        )
        whole = len(index.rows) == len(index.of) == len(index.kind) > 0
        inside = 0 <= int(index.of.min()) <= int(index.of.max()) < len(concepts)
        known = int(index.kind.max()) < len(KINDS)
        fits = index.axes.shape == (len(index.mean), index.rows.shape[1])
        if not (whole and inside and known and fits):
            raise ValueError("its tensors do not fit one another")
    except (KeyError, ValueError, TypeError, RuntimeError, zlib.error) as error:
        raise MissingError(f"'{path}' is damaged ({error}); make it again") from error
    return index


def examples(clips: RealClips | None, stills: RealStills) -> tuple[Tensor, list[Named], list[str]]:
    """What a model was trained on: features (N, 1280), records, kinds; nothing that is held out.

    clips: None for a model that saw no clips. Clips of `val_motion` were seen as pictures.
    """
    return _chosen(clips, stills, lambda split: split != "val")


def held_examples(clips: RealClips | None, stills: RealStills) -> Tensor:
    """Features (N, 1280) of what was held out: of the concepts no model sees."""
    return _chosen(clips, stills, lambda split: split == "val")[0]


def _chosen(
    clips: RealClips | None, stills: RealStills, wanted: Callable[[str], bool]
) -> tuple[Tensor, list[Named], list[str]]:
    looks: list[Tensor] = []
    records: list[Named] = []
    kinds: list[str] = []
    if clips is not None:
        rows = [i for i, record in enumerate(clips.records) if wanted(record.split)]
        looks.append(clips.looks[rows].mean(1))
        records += [clips.records[i] for i in rows]
        kinds += ["clip"] * len(rows)
    rows = [i for i, record in enumerate(stills.records) if wanted(record.split)]
    looks.append(stills.looks[rows])
    records += [stills.records[i] for i in rows]
    kinds += [stills.records[i].style for i in rows]
    return torch.cat(looks), records, kinds


def cut_out(
    packs: Cutouts, looks: Tensor, moving: Tensor, styles: Sequence[str]
) -> tuple[Tensor, list[Named], list[str], Tensor]:
    """As `examples`, of cut-outs in some styles with features (N, 1280) of the stills, (M, 1280) of
    the animations; last those held out."""
    records = [*packs.still_records, *packs.frame_records]
    kinds = [one.style for one in packs.still_records] + ["clip"] * len(packs.frame_records)
    every = torch.cat([looks, moving])
    held = torch.tensor([one.split == "val" for one in records])
    drawn = torch.tensor([one.style in styles for one in records])
    rows = (~held & drawn).nonzero()[:, 0].tolist()
    return every[rows], [records[i] for i in rows], [kinds[i] for i in rows], every[held & drawn]


class Painting(NamedTuple):
    """A painted picture. key: its row in the packs. name: its fullest caption."""

    key: str
    name: str


def painted(scenes: Scenes, looks: Tensor) -> tuple[Tensor, list[Named], list[str], Tensor]:
    """As `examples`, of painted pictures with features (N, 1280); last those held out."""
    rows = (~scenes.held).nonzero()[0].tolist()
    records: list[Named] = [Painting(str(row), scenes.captions[row][0]) for row in rows]
    return looks[rows], records, ["painting"] * len(rows), looks[scenes.held.nonzero()[0]]


# -- with the data at hand ---------------------------------------------------------------------

Album = Callable[[Neighbour], Clip]
"A training example to be seen; MissingError when it is not on this machine."


def sticker_album(packs: Stickers) -> Album:
    """Stickers, from the packs of 64 pixels."""
    return _album(packs.clips, packs.clip_records, packs.stills, packs.still_records, "stickers")


def cutout_album(packs: Cutouts) -> Album:
    """Cut-outs of 64 pixels, with their alpha."""
    return _album(packs.frames, packs.frame_records, packs.stills, packs.still_records, "cutouts")


def _album(
    clips: NDArray[np.uint8],
    clip_records: Sequence[Named],
    stills: NDArray[np.uint8],
    still_records: Sequence[Sticker | Cutout],
    data: str,
) -> Album:
    """Clips (N, T, H, W, C) by their key, stills (M, H, W, C) by key and style."""

    def page(one: Neighbour) -> Clip:
        if one.kind == "clip":
            for i, record in enumerate(clip_records):
                if record.key == one.key:
                    return from_bytes(clips[i])
        for i, still in enumerate(still_records):
            if (still.key, still.style) == (one.key, one.kind):
                return from_bytes(stills[i : i + 1])
        raise _not_here(one, data)

    return page


def scene_album(scenes: Scenes) -> Album:
    """Painted pictures of 64 pixels."""

    def page(one: Neighbour) -> Clip:
        row = int(one.key) if one.key.isdecimal() else -1
        if not 0 <= row < len(scenes.small) or scenes.captions[row][0] != one.name:
            raise _not_here(one, "scenes")
        return from_bytes(scenes.small[row : row + 1])

    return page


def album_of(data: str, *, needed: bool = False) -> Album | None:
    """The data set of an index to look at; None when it is not here and not needed.

    Raises MissingError when it is needed and not here.
    """
    from kineograph.data import cutouts, stickers
    from kineograph.data.scenes import packs

    try:
        match data:
            case "scenes":
                return scene_album(packs.load())
            case "cutouts":
                return cutout_album(cutouts.load())
        return sticker_album(stickers.load(64))
    except MissingError:
        if needed:
            raise
        return None


def _not_here(one: Neighbour, data: str) -> MissingError:
    return MissingError(
        f"'{one.kind}: {one.name}' is not in the packs of this machine; "
        f"they are of another make: run 'kineograph data {data}' again"
    )


def influences(
    sample: Clip,
    index: Index,
    see: Look,
    album: Album | None = None,
    *,
    k: int = 8,
) -> Iterator[Progress]:
    """The k nearest training examples of a sample, nearest first; the last value is their list.

    With an album, LOOKED times as many by the index are looked at again, and distances are exact.
    """
    if not 1 <= k <= 100:
        raise InputError("-k", f"{k} is not in 1 … 100")
    yield Progress(0.0, "looking at the sample", None)
    look = look_of(sample, see)
    if album is None:
        yield Progress(1.0, "by the index", index.near(look, k))
        return
    found = index.near(look, LOOKED * k)
    looks = []
    for done, one in enumerate(found):
        yield Progress(done / len(found), f"looking at {one.kind}: {one.name}", None)
        looks.append(look_of(album(one), see))
    apart = 1 - closeness(look[None], torch.stack(looks))[0]
    exact = [
        one._replace(distance=float(d)) for one, d in zip(found, apart.clamp(min=0), strict=True)
    ]
    yield Progress(1.0, "by pictures", sorted(exact, key=lambda one: one.distance)[:k])


def shown(sample: Clip, found: Sequence[Neighbour], album: Album) -> Clip:
    """One picture: the sample, then its nearest examples in a row, distance and name under each."""
    cells = [(_cell(sample), "sample", "")]
    for one in found:
        cells.append((_cell(album(one)), f"{one.distance:.3f} {one.kind}", one.name))
    page = Image.new("RGB", (len(cells) * (CELL + 4), CELL + 2 * LINE + 4), "white")
    draw = ImageDraw.Draw(page)
    for i, (cell, first, second) in enumerate(cells):
        left = i * (CELL + 4)
        page.paste(cell, (left, 0))
        draw.text((left + 2, CELL), first, "black")
        draw.text((left + 2, CELL + LINE), _short(second), "black")
    return from_bytes(np.asarray(page)[None])


def _cell(clip: Clip) -> Image.Image:
    first = Clip(clip.over().frames[:1], clip.fps)
    picture = Image.fromarray(to_bytes(first)[0])
    smooth = Image.Resampling.LANCZOS if min(picture.size) > CELL else Image.Resampling.NEAREST
    return picture.resize((CELL, CELL), smooth)


def _short(text: str, letters: int = 21) -> str:
    plain = text.encode("latin-1", "replace").decode("latin-1")
    return plain if len(plain) <= letters else plain[: letters - 1] + "."


# -- how much is copied --------------------------------------------------------------------------


class Memory(NamedTuple):
    """Is a model copying?

    nearest: median distance, 1 - cosine, of samples to their nearest training example. held_out:
    the same of real examples that were held out: what a maker of new things should come near to.
    copies: share of samples nearer than 95 % of the held-out examples are.
    """

    samples: int
    nearest: Estimate
    held_out: Estimate
    copies: float


def nearest_distance(looks: Tensor, train: Tensor) -> Tensor:
    """(M,) 1 - cosine of each of looks (M, 1280) to the nearest of train (N, 1280)."""
    return 1 - closeness(looks, train).amax(1)


def copied_share(apart: Tensor, held: Tensor) -> float:
    """Share of distances `apart` (M,) below the 5 % quantile of those of held-out ones (H,)."""
    usual = held.sort().values[int(0.05 * len(held))]
    return float((apart < usual).double().mean())


def memory(samples: Tensor, train: Tensor, held: Tensor, rng: torch.Generator) -> Memory:
    """The figures of samples (M, 1280) against what was trained on and what was held out."""
    if min(len(samples), len(train), len(held)) < 1:
        raise InputError("samples", f"{len(samples)}, {len(train)} trained, {len(held)} held out")
    apart, usual = (nearest_distance(looks, train) for looks in (samples, held))
    return Memory(
        len(samples),
        bootstrap(apart, rng, statistic=median),
        bootstrap(usual, rng, statistic=median),
        copied_share(apart, usual),
    )
