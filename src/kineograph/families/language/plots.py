"""What is drawn beside a text: how much choice counting leaves, where a transformer looks, which
words keep like company."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kineograph.products import pyplot

if TYPE_CHECKING:  # counting starts without torch
    from kineograph.families.language.words import Bits, Choice, Corpus
    from kineograph.families.language.words.language import Looked
    from kineograph.families.language.words.skipgram import WordVectors


def draw_choices(corpus: Corpus, said: list[Choice], costs: list[Bits], path: Path) -> None:
    """The lecture's closing argument as a picture: one continuation, and bits a letter."""
    plot = pyplot()
    figure, (left, right) = plot.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained")
    orders = [choice.order for choice in said]
    left.plot(orders, [choice.one_way for choice in said], "o-", ms=3, label="of all contexts")
    left.plot(
        orders, [choice.one_way_met for choice in said], "s--", ms=3, label="as met in the text"
    )
    left.set(xlabel=f"context, {corpus.unit}s", ylim=(0, 1.02), title="share with one continuation")
    left.legend(frameon=False, fontsize=8)
    right.plot([c.order for c in costs], [c.a_letter for c in costs], "o-", ms=3, color="C2")
    right.set(xlabel=f"context, {corpus.unit}s", title="bits a letter, held-out tenth")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.title.set_fontsize(9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plot.close(figure)


def draw_attention(looked: Looked, path: Path) -> None:
    """One panel a block, its heads averaged; a row is a piece, the columns those it looks at."""
    plot = pyplot()
    pieces = [shown(piece) for piece in looked.pieces]
    blocks, count = len(looked.shares), len(pieces)
    side = max(3.0, 0.13 * count)
    figure, panels = plot.subplots(
        1, blocks, figsize=(side * blocks + 1.2, side + 0.8), layout="constrained", squeeze=False
    )
    for i, (axes, shares) in enumerate(zip(panels[0], looked.shares, strict=True)):
        axes.imshow(shares.mean(0).sqrt().numpy(), cmap="magma_r", vmin=0, vmax=1)
        axes.set_title(f"block {i + 1}", fontsize=9)
        axes.set_xticks(range(count), pieces, rotation=90, fontsize=6)
        axes.set_yticks(range(count), pieces if i == 0 else [""] * count, fontsize=6)
        axes.tick_params(length=0)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plot.close(figure)


def draw_map(
    vectors: WordVectors, rows: list[int], arrows: list[tuple[int, int]], path: Path
) -> None:
    """Words of a table in the plane in which they differ most; an arrow for each pair of rows."""
    plot = pyplot()
    places, shares = plane(vectors.unit()[rows])
    where = dict(zip(rows, places, strict=True))
    figure, axes = plot.subplots(figsize=(8.0, 6.4), layout="constrained")
    axes.scatter(places[:, 0], places[:, 1], s=6, color="C0", zorder=2)
    size = 9 if len(rows) < 60 else 7
    for row, (x, y) in where.items():
        axes.annotate(
            shown(vectors.words[row]), (x, y), (2, 2), textcoords="offset points", fontsize=size
        )
    for start, end in arrows:
        how = {"arrowstyle": "->", "color": "C3", "lw": 1, "shrinkA": 3, "shrinkB": 3}
        axes.annotate("", where[end], where[start], arrowprops=how, zorder=1)
    axes.set_xlabel(f"first direction, {shares[0]:.0%} of what differs", fontsize=8)
    axes.set_ylabel(f"second direction, {shares[1]:.0%}", fontsize=8)
    axes.tick_params(length=0, labelleft=False, labelbottom=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.08)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plot.close(figure)


def shown(piece: str) -> str:
    """The text as a plot can show it: ¶ for a new line, · for a sign that its font lacks."""
    signs = ("¶" if sign == "\n" else sign if ord(sign) in _drawn() else "·" for sign in piece)
    return "".join(signs).replace("$", r"\$")


@cache
def _drawn() -> frozenset[int]:
    """The signs that the plots' font has."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def plane(
    vectors: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) places by principal components, and their shares of the variance, (2,); n ≥ 3.

    Each direction points where its largest part is positive, so that a picture repeats.
    """
    apart = vectors - vectors.mean(0)
    left, sizes, right = np.linalg.svd(apart, full_matrices=False)
    signs = np.sign(right[np.arange(2), np.abs(right[:2]).argmax(1)])
    shares = sizes[:2] ** 2 / max(float((sizes**2).sum()), 1e-12)
    return left[:, :2] * sizes[:2] * signs, shares
