"""scenes: from words to a picture of 256 pixels, two stages, taught on two CPU cores.

    kineograph data scenes
    kineograph train recipes/scenes.py --out runs/scenes

Pictures only: our own painters', from galaxies to molecules. The base makes 64 pixels at once; the
stage above learns what a step to 256 adds, from crops.
Time and numbers: weights/scenes/CARD.md.
"""

from kineograph.nets.space_time import SpaceTimeShape
from kineograph.noise import Schedule
from kineograph.recipe import Cascade, Phase, Stage

WORDS = 384  # width of MiniLM's token states
FINE = 0.20  # deviation of what a patch of 4 pixels does not share: noise above it is not passed on
ADDS = 0.20  # deviation of what the second stage adds to the first


base = Stage(
    name="base",
    frames=1,
    size=64,
    low_frames=0,
    low_size=0,
    shape=SpaceTimeShape(
        patch=4,
        widths=(96, 112),
        depth=2,
        attention=(False, True),
        time="none",
        head=16,
        state=128,
        text=WORDS,
        low=False,
        circular=False,
    ),
    schedule=Schedule(low=0.01, high=100.0),
    phases=(Phase(samples=150_000, batch=48, frames=1, rate=3e-3, final=0.02, warm=2000),),
    parameterization="edm",
    deviation=FINE,
)

space256 = Stage(
    name="space256",
    frames=1,
    size=256,
    low_frames=1,
    low_size=64,
    shape=SpaceTimeShape(
        patch=4,
        widths=(64, 64),
        depth=1,
        attention=(False, False),
        time="none",
        head=32,
        state=64,
        text=WORDS,
        low=True,
        circular=False,
    ),
    schedule=Schedule(low=0.005, high=10.0, middle=ADDS),
    phases=(Phase(samples=34_000, batch=32, frames=1, rate=2e-3, final=0.1, warm=960),),
    parameterization="edm",
    deviation=ADDS,
    low_noise=0.05,
    low_noise_most=0.2,
    crop=64,
)

recipe = Cascade(
    name="scenes",
    data="scenes",
    style="",
    styles=(),
    seconds=1.0,
    text="minilm",
    stages=(base, space256),
    steps=(32, 2),
    guidance=(2.0, 1.0),
)
