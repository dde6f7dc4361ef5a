"""What is drawn beside a text: how much choice counting leaves, where a transformer looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kineograph.products import pyplot

if TYPE_CHECKING:  # counting starts without torch
    from kineograph.families.language.words import Bits, Choice, Corpus
    from kineograph.families.language.words.language import Looked


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
    pieces = [piece.replace("\n", "¶").replace("$", r"\$") for piece in looked.pieces]
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
