r"""pictures, hearing other words for what it knows: an hour of one CPU core.

    kineograph data composed
    kineograph train recipes/pictures.py --out runs/pictures
    kineograph train recipes/pictures.py --out runs/pictures --export my-pictures
    kineograph train recipes/pictures_worded.py --start my-pictures --out runs/worded \
        --threads 1

Only how the network hears words is taught, by itself as it was: "one lovely dog for my daughter" is
to be answered as "dog" is (`training/rewording.py`). Noise lies higher than when pictures are
learned, for words decide there. The shipped weights met things among strange words in the second
phase alone. Numbers: weights/pictures/CARD.md.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from kineograph.diffusion.schedule import Schedule
from kineograph.recipe import Phase

pictures = runpy.run_path(str(Path(__file__).with_name("pictures.py")))["recipe"]
base = replace(
    pictures.base,
    schedule=Schedule(low=0.02, high=160.0, middle=6.0),
    phases=(
        Phase(samples=24_000, batch=32, frames=1, rate=1.5e-3, final=0.85, warm=1_280),
        Phase(samples=30_400, batch=32, frames=1, rate=1.5e-3, final=0.0, warm=1_280),
    ),
    binding=0.0,
)
recipe = replace(pictures, base=base, teacher="my-pictures")
