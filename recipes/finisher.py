r"""finisher: from a cut-out of 64 pixels to one of 256, in one evaluation, trained on one CPU core.

    kineograph data cutouts --pack 256
    kineograph data answers --model runs/pictures/model
    kineograph train recipes/finisher.py --start realesrgan --out runs/finisher --threads 1

It begins as Real-ESRGAN's small network for drawings (BSD-3-Clause), which sees a cut-out on black
and on white, and learns what cut-outs look like at 256 pixels. Half of what it sees are the picture
network's own answers to the real ones, whose faults it will meet. From sample 4,000 on a critic of
patches has a say, so that edges are edges and not their mean; its say weighed .03 in the first
phase and .1, as it stands here, in the second.
Time and numbers: weights/finisher/CARD.md.
"""

from kineograph.families.text_to_image.finisher_recipe import Finisher, FinisherPart
from kineograph.nets.compact import CompactShape
from kineograph.recipe import Phase

finish = FinisherPart(
    name="finish",
    size=64,
    crop=24,
    shape=CompactShape(channels=3, width=64, depth=16, enlargement=4),
    phases=(
        Phase(samples=48_000, batch=16, frames=1, rate=1e-4, final=0.1, warm=1_000),
        Phase(samples=24_000, batch=16, frames=1, rate=6e-5, final=0.1),
    ),
    noise=0.02,
    critic=32,
    adversarial=0.1,
    critic_from=4_000,
    perceptual=0.05,
    answered=0.5,
)

recipe = Finisher(name="finisher", data="cutouts", optimizer="adamw", finish=finish)
