r"""finisher: from a cut-out of 64 pixels to one of 256, in one evaluation, trained on one CPU core.

    kineograph data cutouts --pack 256
    kineograph train recipes/finisher.py --start realesrgan --out runs/finisher --threads 1

It begins as Real-ESRGAN's small network for drawings (BSD-3-Clause), with alpha as fourth channel,
and learns what cut-outs look like at 256 pixels.
Time and numbers: weights/finisher/CARD.md.
"""

from kineograph.nets.compact import CompactShape
from kineograph.recipe import Finisher, FinisherPart, Phase

finish = FinisherPart(
    name="finish",
    size=64,
    crop=24,
    shape=CompactShape(channels=4, width=64, depth=16, enlargement=4),
    phases=(Phase(samples=24_000, batch=16, frames=1, rate=2e-4, final=0.02, warm=1_000),),
    noise=0.02,
    perceptual=0.05,
)

recipe = Finisher(name="finisher", data="cutouts", optimizer="adamw", finish=finish)
