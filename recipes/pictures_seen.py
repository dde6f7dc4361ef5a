r"""pictures, taught at the end by the eyes of a recognizer: an hour of one CPU core.

    kineograph data composed
    kineograph train recipes/pictures_seen.py --start pictures --out runs/seen --threads 1

An error in pixels asks for the mean of all that may be there, so what a network is not sure of it
draws soft. Where noise is low, what it estimates is here to look as the picture does to a network
that tells things apart (`training/denoising.py`; after PixelGen, arXiv 2602.02493). The shipped
weights had two such runs, in which the layers that words go through stood still, and are the mean
of what both ended with. Numbers: weights/pictures/CARD.md.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from kineograph.recipe import Phase

pictures = runpy.run_path(str(Path(__file__).with_name("pictures.py")))["recipe"]
base = replace(
    pictures.base,
    phases=(
        Phase(samples=20_480, batch=64, frames=1, rate=1e-3, final=0.0, warm=1_920),
        Phase(samples=40_960, batch=64, frames=1, rate=1e-3, final=0.0, warm=1_920),
    ),
    perceptual=0.5,  # .3 in the first run, .6 in the second
)
recipe = replace(pictures, base=base, recognizer="recognizer")
