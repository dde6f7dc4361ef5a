"""Which tasks are shown as pictures? Grids of an example, its answer, a query and its answer.

A grid is four cells: A is to A' as B is to B' (Bar et al. 2022, visual prompting by inpainting).
They are built on the fly from stickers, glyphs, photographs and painted scenes, a pure function of
(seed, samples seen). A task is known to a model by its example pair alone. HELD tasks are in no
training grid, nor are the stickers of the split `val`, the held-out letters, photographs and
scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data import fonts, photographs, stickers
from kineograph.data.fonts import Glyphs
from kineograph.data.scenes import packs as scenes
from kineograph.data.stickers import Stickers
from kineograph.values.clip import bytes_to_model
from kineograph.values.errors import InputError

CELL = 64  # pixels of a cell
GREY = 8  # levels between a pixel's channels, as a mean: below, a picture has no colours
MOST_DRAWN = 20  # pictures looked at for one that has
WHITE = 238  # of 255: what is at least this bright and reaches the border is background
Picture = NDArray[np.uint8]  # (64, 64, 3)
Pair = tuple[Picture, Picture]
Rng = np.random.Generator

STYLES = {
    f"{a} to {b}": (a, b)
    for a, b in (
        ("3d", "flat"),
        ("flat", "3d"),
        ("3d", "noto"),
        ("noto", "3d"),
        ("flat", "noto"),
        ("noto", "flat"),
    )
}
TASKS = {  # share of the training grids; 0 is held out whole
    "3d to flat": 0.09,
    "flat to 3d": 0.06,
    "3d to noto": 0.06,
    "noto to 3d": 0.06,
    "flat to noto": 0.06,
    "noto to flat": 0.0,
    "colourise": 0.11,
    "edges": 0.05,
    "segment": 0.08,
    "cut out": 0.05,
    "inpaint": 0.06,
    "sharpen": 0.03,
    "recolour": 0.03,
    "upside down": 0.03,
    "mirror": 0.0,
    "font": 0.06,
    "font, new pair": 0.0,
    # the same with whole pictures in place of stickers, or with them as the ground behind one
    **{
        f"{task}, {kind}": share
        for kind in ("photographs", "scenes")
        for task, share in (
            ("colourise", 0.03),
            ("edges", 0.02),
            ("segment", 0.025),
            ("cut out", 0.015),
            ("inpaint", 0.02),
            ("sharpen", 0.02),
            ("recolour", 0.015),
        )
    },
}
HELD = tuple(name for name, share in TASKS.items() if not share)
LETTERED = ("font", "font, new pair")
GROUNDED = ("segment", "cut out")  # tasks that lay a sticker on a picture


class Batch(NamedTuple):
    """Grids. cells: (B, 2 * (P + 1), 3, 64, 64) in model range: P example pairs, query and answer;
    with one pair A, A', B, B'. tasks: B names.
    """

    cells: Tensor
    tasks: list[str]


@dataclass(frozen=True)
class Pool:
    """The stickers of some splits. by_style: style -> rows of stills; of: (style, key) -> row."""

    by_style: dict[str, NDArray[np.int64]]
    of: dict[tuple[str, str], int]
    keys: dict[tuple[str, str], list[str]]  # concepts that exist in both styles


class Grids:
    """Training and test grids from the packs of stickers, the glyphs and whole pictures.

    whole: (trained, held out) pictures (N, 64, 64, 3) of photographs and of scenes.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        fonts_folder: Path | None = None,
        packs: Stickers | None = None,
        glyphs: Glyphs | None = None,
        whole: Mapping[str, tuple[Picture, Picture]] | None = None,
    ) -> None:
        packs = packs or stickers.load(64, folder=folder)
        self.stills = packs.stills
        self.glyphs = glyphs or fonts.load(fonts_folder)
        self.train = _pool(packs, "train", "val_motion")
        self.held = _pool(packs, "val")
        self.masks = foreground(np.asarray(packs.stills))
        self.whole = whole or whole_pictures()

    def __call__(self, batch: int, *, seed: int, seen: int) -> Batch:
        """Training grids, a pure function of the arguments."""
        rng = np.random.Generator(np.random.Philox(key=(seed, seen)))
        shares = np.array(list(TASKS.values()))
        names = [list(TASKS)[i] for i in rng.choice(len(TASKS), batch, p=shares / shares.sum())]
        return _batch([self._grid(name, self.train, rng, held=False) for name in names], names)

    def test(self, task: str, count: int, *, seed: int, examples: int = 1) -> Batch:
        """`count` grids of one task: examples from training concepts, queries from held-out ones.

        For letters the query is a held-out letter. Queries are the same for any number of examples.
        """
        if task not in TASKS:
            raise InputError("task", f"'{task}' is unknown", f"use one of {', '.join(TASKS)}")
        grids = []
        for i in range(count):
            rng = np.random.Generator(np.random.Philox(key=(seed, 2**40 + i)))
            grids.append(self._grid(task, self.held, rng, held=True, examples=examples))
        return _batch(grids, [task] * count)

    def answers(self, task: str, count: int, *, seed: int) -> Tensor:
        """(N, 3, 64, 64) in model range: answers of the task for training concepts."""
        rng = np.random.Generator(np.random.Philox(key=(seed, 2**41)))
        grids = [self._grid(task, self.train, rng, held=False) for _ in range(count)]
        return _batch(grids, [task] * count).cells[:, -1]

    def _grid(
        self, task: str, pool: Pool, rng: Rng, *, held: bool, examples: int = 1
    ) -> list[Pair]:
        """Example pairs of one task from training concepts, then query and answer from the pool."""
        if task in LETTERED:
            return self._letters(rng, held=held, new=task != "font", examples=examples)
        style, (task, _, kind) = "", task.partition(", ")
        if task not in STYLES:
            style = stickers.STYLES[rng.integers(3)] if rng.random() < 0.8 else ""
            change = _CHANGES[task](rng)

        def pair(of: Pool, held: bool) -> Pair:
            if task in STYLES:
                return self._styled(*STYLES[task], of, rng)
            if not kind:
                return self._changed(change, of, style, rng)
            picture = self._picture(kind, held, rng, coloured=task == "colourise")
            if task in GROUNDED:
                return self._changed(_laid(task, picture), of, "", rng)
            return change(picture, np.ones(picture.shape[:2], bool), rng)

        pairs = [pair(self.train, held=False), pair(pool, held)]
        flipped = rng.random() < 0.5
        pairs += [pair(self.train, held=False) for _ in range(examples - 1)]
        if flipped:
            pairs = [(before[:, ::-1], after[:, ::-1]) for before, after in pairs]
        return _asked_last(pairs)

    def _styled(self, a: str, b: str, pool: Pool, rng: Rng) -> Pair:
        keys = pool.keys[a, b]
        key = keys[rng.integers(len(keys))]
        return np.asarray(self.stills[pool.of[a, key]]), np.asarray(self.stills[pool.of[b, key]])

    def _changed(self, change: Change, pool: Pool, style: str, rng: Rng) -> Pair:
        rows = pool.by_style[style or stickers.STYLES[rng.integers(3)]]
        row = rows[rng.integers(len(rows))]
        return change(np.asarray(self.stills[row]), self.masks[row], rng)

    def _picture(self, kind: str, held: bool, rng: Rng, *, coloured: bool) -> Picture:
        """A whole picture of a kind; coloured: one that is not grey."""
        pictures = self.whole[kind][held]
        for _ in range(MOST_DRAWN):
            picture = np.asarray(pictures[rng.integers(len(pictures))])
            if not coloured or np.ptp(picture, axis=-1).mean() > GREY:
                break
        return picture

    def _letters(self, rng: Rng, *, held: bool, new: bool, examples: int) -> list[Pair]:
        known, asked = (self.glyphs.letter_rows(which) for which in (False, held))
        pairs = self.glyphs.pairs(new)
        a, b = pairs[rng.integers(len(pairs))]
        first = known[rng.integers(len(known))]
        query = asked[rng.integers(len(asked))]
        while query == first and len(asked) > 1:
            query = asked[rng.integers(len(asked))]
        more = [known[rng.integers(len(known))] for _ in range(examples - 1)]
        drawn = self.glyphs.pictures
        letters = (first, query, *more)
        return _asked_last([(_coloured(drawn[a, n]), _coloured(drawn[b, n])) for n in letters])


def _asked_last(pairs: list[Pair]) -> list[Pair]:
    """First example, query, further examples to examples, query."""
    return [pairs[0], *pairs[2:], pairs[1]]


def _batch(grids: list[list[Pair]], names: list[str]) -> Batch:
    cells = np.stack([np.stack([cell for pair in pairs for cell in pair]) for pairs in grids])
    # (B, 2P + 2, 64, 64, 3)
    return Batch(bytes_to_model(torch.from_numpy(cells)).transpose(1, 2), names)


def whole_pictures() -> dict[str, tuple[Picture, Picture]]:
    """Trained and held-out pictures of each kind: squares of photographs, painted scenes."""
    cut, painted = photographs.load(), scenes.load()
    return {
        "photographs": (cut.pictures[~cut.held], cut.pictures[cut.held]),
        "scenes": (painted.small[~painted.held], painted.small[painted.held]),
    }


def _pool(packs: Stickers, *splits: str) -> Pool:
    rows = {style: packs.still_rows(*splits, styles=(style,)) for style in stickers.STYLES}
    records = packs.still_records
    of = {(style, records[i].key): int(i) for style, found in rows.items() for i in found}
    keys = {
        (a, b): [records[i].key for i in rows[a] if (b, records[i].key) in of]
        for a, b in STYLES.values()
    }
    if not (all(map(len, rows.values())) and all(keys.values())):
        raise InputError("stickers", f"a style has no stills in {splits}", "make the packs again")
    return Pool(rows, of, keys)


def foreground(stills: Picture) -> NDArray[np.bool_]:
    """(N, H, W) what is not background: near white and joined to the border by near white."""
    bright = np.stack([one.min(-1) >= WHITE for one in stills], axis=-1)
    bits = np.packbits(bright, axis=-1)  # (H, W, N / 8): eight pictures a byte
    reached = bits.copy()
    reached[1:-1, 1:-1] = 0
    height, width = bits.shape[:2]
    while True:  # sweep along rows and columns, both ways, until nothing is added
        before = reached.copy()
        for y in (*range(1, height), *range(height - 2, -1, -1)):
            near = reached[max(y - 1, 0)] | reached[min(y + 1, height - 1)]
            reached[y] |= bits[y] & near
        for x in (*range(1, width), *range(width - 2, -1, -1)):
            near = reached[:, max(x - 1, 0)] | reached[:, min(x + 1, width - 1)]
            reached[:, x] |= bits[:, x] & near
        if (reached == before).all():
            found = np.unpackbits(reached, axis=-1, count=len(stills)).astype(bool)
            return np.ascontiguousarray(np.moveaxis(~found, -1, 0))


# -- what a task does to a picture: (picture, its foreground, rng) -> before, after ---------------

Change = Callable[[Picture, NDArray[np.bool_], Rng], Pair]


def _colourise(rng: Rng) -> Change:
    return lambda x, mask, rng: (_coloured(_light(x)), x)


def _edges(rng: Rng) -> Change:
    def change(x: Picture, mask: NDArray[np.bool_], rng: Rng) -> Pair:
        return x, outlines(x)

    return change


def outlines(x: Picture) -> Picture:
    """Dark lines on white where Sobel's gradient of the light is strong."""
    light = np.pad(_light(x).astype(np.float32), 1, mode="edge")
    down = light[2:] - light[:-2]
    right = light[:, 2:] - light[:, :-2]
    gy = down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]
    gx = right[:-2] + 2 * right[1:-1] + right[2:]
    strong = np.clip(1.2 * np.hypot(gy, gx) / 2, 0, 255)
    return _coloured((255 - strong).astype(np.uint8))


def _segment(rng: Rng) -> Change:
    return lambda x, mask, rng: _laid("segment", ground(rng))(x, mask, rng)


def _cut_out(rng: Rng) -> Change:
    return lambda x, mask, rng: _laid("cut out", ground(rng))(x, mask, rng)


def _laid(task: str, back: Picture) -> Change:
    """A sticker on a picture, to its mask or to itself."""

    def change(x: Picture, mask: NDArray[np.bool_], rng: Rng) -> Pair:
        answer = x if task == "cut out" else _coloured(mask.astype(np.uint8) * 255)
        return over(x, mask, back), answer

    return change


def over(x: Picture, mask: NDArray[np.bool_], back: Picture) -> Picture:
    """The sticker, which lies on white, laid over another ground; its soft edge is darkened too."""
    edge = mask & ~_shrunk(mask)
    laid = np.where(mask[..., None], x, back)
    return np.asarray(np.where(edge[..., None], np.minimum(back, x), laid), np.uint8)


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    m = np.pad(mask, 1)
    inner: NDArray[np.bool_] = mask & m[2:, 1:-1] & m[:-2, 1:-1] & m[1:-1, 2:] & m[1:-1, :-2]
    return inner


def ground(rng: Rng) -> Picture:
    """A made-up background: one colour, a slope between two, stripes, a board, or soft noise."""
    a, b = rng.integers(0, 256, (2, 3)).astype(np.float32)
    y, x = np.mgrid[:64, :64].astype(np.float32) / 63
    kind, turn = rng.integers(5), rng.random() * 2 * np.pi
    along = np.cos(turn) * (x - 0.5) + np.sin(turn) * (y - 0.5)
    waves = 2 + 6 * rng.random()
    if kind == 0:
        share = np.zeros_like(x)
    elif kind == 1:
        share = along + 0.5
    elif kind == 2:
        share = (np.sin(2 * np.pi * waves * along) > 0).astype(np.float32)
    elif kind == 3:
        across = -np.sin(turn) * (x - 0.5) + np.cos(turn) * (y - 0.5)
        board = np.sin(2 * np.pi * waves * along) * np.sin(2 * np.pi * waves * across)
        share = (board > 0).astype(np.float32)
    else:
        coarse = rng.random((9, 9), np.float32)
        at = np.linspace(0, 8, 64)
        low = np.minimum(at.astype(int), 7)
        part = (at - low)[:, None].astype(np.float32)
        rows = coarse[low] * (1 - part) + coarse[low + 1] * part
        share = rows[:, low] * (1 - part[:, 0]) + rows[:, low + 1] * part[:, 0]
    mixed = a + (b - a) * share[..., None].clip(0, 1)
    return np.asarray(mixed, np.uint8)


def _inpaint(rng: Rng) -> Change:
    def change(x: Picture, mask: NDArray[np.bool_], rng: Rng) -> Pair:
        side = int(rng.integers(18, 30))
        top, left = rng.integers(8, 56 - side, 2)
        torn = x.copy()
        torn[top : top + side, left : left + side] = 128
        return torn, x

    return change


def _sharpen(rng: Rng) -> Change:
    def change(x: Picture, mask: NDArray[np.bool_], rng: Rng) -> Pair:
        small = x.reshape(8, 8, 8, 8, 3).mean((1, 3))
        return np.repeat(np.repeat(small, 8, 0), 8, 1).astype(np.uint8), x

    return change


def _recolour(rng: Rng) -> Change:
    order = rng.permutation(3)
    dark, light = rng.uniform(0, 0.5, 3), rng.uniform(0.5, 1, 3)
    swap = rng.random(3) < 0.3
    low, high = np.where(swap, light, dark), np.where(swap, dark, light)

    def change(x: Picture, mask: NDArray[np.bool_], rng: Rng) -> Pair:
        share = x[..., order] / 255
        return x, np.asarray(255 * (low + (high - low) * share), np.uint8)

    return change


def _upside_down(rng: Rng) -> Change:
    return lambda x, mask, rng: (x, x[::-1])


def _mirror(rng: Rng) -> Change:
    return lambda x, mask, rng: (x, x[:, ::-1])


_CHANGES: dict[str, Callable[[Rng], Change]] = {
    "colourise": _colourise,
    "edges": _edges,
    "segment": _segment,
    "cut out": _cut_out,
    "inpaint": _inpaint,
    "sharpen": _sharpen,
    "recolour": _recolour,
    "upside down": _upside_down,
    "mirror": _mirror,
}


def _light(x: Picture) -> NDArray[np.uint8]:
    """(H, W) luminance of a picture, Rec. 601."""
    grey: NDArray[np.uint8] = (x @ np.array([0.299, 0.587, 0.114]) + 0.5).astype(np.uint8)
    return grey


def _coloured(grey: NDArray[np.uint8]) -> Picture:
    return np.repeat(grey[..., None], 3, -1)
