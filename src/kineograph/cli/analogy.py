"""kineograph analogy: A is to A2 as B is to the picture that is made."""

from __future__ import annotations

import typer

from kineograph.cli.make import add

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HELP = """A is to A2 as B is to the picture that is made.

\b
    +---------+        +---------+        +---------+        +---------+
    |         |   is   |         |   as   |         |   is   |         |
    |    A    |   to   |   A2    |        |    B    |   to   |   OUT   |
    |         |        |         |        |         |        |         |
    +---------+        +---------+        +---------+        +---------+
    a photograph       it, blurred        another one        it, blurred
    a photograph       a painting of it   another one        it, painted
    a grey picture     it in colours      another grey one   it in colours
    a label map        what it labels     a new label map    a new scene
    it, blurred        a sharp picture    a blurred one      it, sharp

Three pictures, because the first two show the change, and the third is what to change.
A and A2 have the same size and match pixel upon pixel; B may have any size.

\b
--mode  filter     blur and its kin: anything that is a function of the neighbourhood
        edges      edges, emboss: only the nearest pixels count
        painterly  brush strokes, in runs (coherence 5)
        colour     colours for grey pictures
        numbers    flat colours are labels: texture by numbers
        super      detail for blurred pictures
        transfer   A and A2 are the same texture, B a photograph

\b
--by    patches    search: places of A2 are copied, nothing is learned (pictures of any size)
        tokens     a learned matcher fills the fourth cell of a grid: square pictures of one
                   size, brought to cells of 64 pixels; it knows the tasks it was trained on
        both       A, A2, B, by tokens, by patches, side by side
"""

add(app, "analogy", HELP)
