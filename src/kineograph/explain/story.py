"""A making as a page: chapters of text, pictures, bars and tables, in the one page frame."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kineograph.pages import Page, part
from kineograph.values.clip import Clip

Shares = Sequence[Sequence[Any]]
"Pairs of a symbol and its share, 0 … 1, the likeliest first."
LOSSLESS = 256  # pixels; larger pictures are compressed
MOST_FRAMES = 64  # of a clip on the page


@dataclass(frozen=True)
class Figure:
    """One picture with its words.

    shown: a Clip, which moves if it has frames, or an SVG. side: pixels of the page that its longer
    side takes; a smaller picture is enlarged a whole number of times.
    """

    shown: Clip | str
    caption: str = ""
    side: int = 128


@dataclass(frozen=True)
class Bars:
    """What could have come, and with which share; one of them came."""

    choices: Shares
    caption: str = ""


@dataclass(frozen=True)
class Chapter:
    """One step of the story.

    text: paragraphs for a person who has not read a paper. rows: a table of two or more columns.
    """

    title: str
    text: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    bars: tuple[Bars, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def page(title: str, chapters: Iterable[Chapter], record: Mapping[str, Any]) -> str:
    """The story as HTML that needs no network."""
    told = [_chapter(number, chapter) for number, chapter in enumerate(chapters, 1)]
    body = f"<main><h1>{{{{title}}}}</h1>{''.join(told)}</main>"
    style = part("kineograph.explain", "explain.css")
    return Page(title, body, kind="explain", style=style).html(record)


def _chapter(number: int, chapter: Chapter) -> str:
    told = [f"<h2><span>{number}</span> {html.escape(chapter.title)}</h2>"]
    told += [f"<p>{html.escape(line)}</p>" for line in chapter.text]
    if chapter.figures:
        told.append(f'<div class="row">{"".join(map(_figure, chapter.figures))}</div>')
    if chapter.bars:
        told.append(f'<div class="row">{"".join(map(_bars, chapter.bars))}</div>')
    if chapter.rows:
        told.append(f'<div class="wide"><table>{"".join(map(_row, chapter.rows))}</table></div>')
    return f"<section>{''.join(told)}</section>"


def _figure(figure: Figure) -> str:
    caption = html.escape(figure.caption)
    shown = figure.shown
    if isinstance(shown, Clip):
        width, height = shown.frames.shape[3], shown.frames.shape[2]
        times = figure.side // max(width, height)
        across = width * times if times else round(width * figure.side / max(width, height))
        crisp = ' class="crisp"' if times > 1 else ""
        shown = f'<img{crisp} src="{uri(shown)}" width="{across}" alt="{caption}">'
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _bars(bars: Bars) -> str:
    lines = []
    for symbol, share in bars.choices:
        name = html.escape(repr(str(symbol))[1:-1]) or "(nothing)"
        lines.append(
            f'<tr><td>{name}</td><td><i style="width:{96 * float(share):.1f}px"></i></td>'
            f"<td>{float(share):.0%}</td></tr>"
        )
    caption = html.escape(bars.caption)
    return (
        f'<figure class="bars"><table>{"".join(lines)}</table>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _row(cells: tuple[str, ...]) -> str:
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def uri(clip: Clip) -> str:
    """A picture, or a moving one, that lies in the page itself."""
    from PIL import Image

    stride = -(-len(clip) // MOST_FRAMES)
    frames = [Image.fromarray(frame) for frame in clip.array()[::stride]]
    file = io.BytesIO()
    small = max(frames[0].size) <= LOSSLESS
    how: dict[str, Any] = {"lossless": True} if small and len(frames) == 1 else {"quality": 90}
    if len(frames) > 1:
        how |= {"save_all": True, "append_images": frames[1:], "loop": 0}
        how["duration"] = round(1000 * stride / clip.fps)
    frames[0].save(file, "WEBP", **how)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
