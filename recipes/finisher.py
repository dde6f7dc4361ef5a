"""finisher: from a cut-out of 64 pixels to one of 256, in one evaluation, trained on one CPU core.

    kineograph data stickers
    kineograph train recipes/finisher.py --out runs/finisher --threads 1

Crops of the real cut-outs and their means of areas; later the picture network's own answers take
the place of half of the small ones.
Time and numbers: weights/pictures/CARD.md.
"""

from kineograph.nets.compact import CompactShape
from kineograph.recipe import Finisher, FinisherPart, Phase

finish = FinisherPart(
    name="finish",
    size=64,
    crop=24,
    shape=CompactShape(channels=4, width=64, depth=16, enlargement=4),
    phases=(Phase(samples=200_000, batch=16, frames=1, rate=1e-3, final=0.02, warm=2_000),),
    perceptual=0.02,
)

recipe = Finisher(name="finisher", data="cutouts", optimizer="adamw", finish=finish)
