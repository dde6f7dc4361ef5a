r"""pictures, taught at the end by the eyes of a recognizer: three hours of one CPU core.

    kineograph data composed
    kineograph train recipes/pictures_seen.py --start pictures --out runs/seen --threads 1

An error in pixels asks for the mean of all that may be there, so what a network is not sure of it
draws soft. Where noise is low, what it estimates is here to look as the picture does to a network
that tells things apart (`training/denoising.py`; after PixelGen, arXiv 2602.02493). The shipped
weights had these runs by twos, each pair begun at the mean of what the pair before ended with; the
layers that words go through stood still. Numbers: weights/pictures/CARD.md.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from kineograph.recipe import Phase

RUNS = (20_480, 40_960, 40_960, 40_960, 40_960, 24_576)  # pictures

pictures = runpy.run_path(str(Path(__file__).with_name("pictures.py")))["recipe"]
base = replace(
    pictures.base,
    phases=tuple(
        Phase(samples, batch=64, frames=1, rate=1e-3, final=0.0, warm=1_920) for samples in RUNS
    ),
    perceptual=0.6,  # .3 in the first run
)
recipe = replace(pictures, base=base, recognizer="recognizer")
