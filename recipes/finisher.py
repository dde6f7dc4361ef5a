"""finisher: from a cut-out of 32 pixels to one of 256, in one evaluation, trained on one CPU core.

    kineograph data stickers
    kineograph train recipes/finisher.py --out runs/finisher --threads 1

Half of what it sees are means of areas of the real cut-outs, half the picture network's own answers
to them (`finish_feed.answer`), which are softer and have faults of their own.
Time and numbers: weights/pictures/CARD.md.
"""

from kineograph.nets.compact import CompactShape
from kineograph.recipe import Finisher, FinisherPart, Phase

finish = FinisherPart(
    name="finish",
    size=32,
    crop=16,
    shape=CompactShape(channels=4, width=96, depth=12, enlargement=8, residual=True),
    phases=(Phase(samples=400_000, batch=16, frames=1, rate=5e-4, final=0.02, warm=2_000),),
    noise=0.02,
    perceptual=0.02,
    answered=0.5,
)

recipe = Finisher(name="finisher", data="cutouts", optimizer="adamw", finish=finish)
