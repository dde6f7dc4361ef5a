"""pictures: from words to a cut-out of 64 pixels with alpha, trained on one CPU core.

    kineograph data stickers
    kineograph train recipes/pictures.py --out runs/pictures --threads 1

One network estimates the clean picture; noise levels lie where shapes are decided at this size
(sigma 4 to 40, by comparisons). The first phase is long and level,
so that the run may be cut at any time; a run is ended by a copy of it whose first phase ends where
it stands and whose second lets the rate fall.
Time and numbers: weights/pictures/CARD.md.
"""

from kineograph.data.cutouts import STYLES
from kineograph.diffusion.schedule import Schedule
from kineograph.nets.space_time import SpaceTimeShape
from kineograph.recipe import Phase, Pictures, Stage

LONG, FALL = 6_000_000, 400_000  # pictures of the level phase, and while the rate falls

base = Stage(
    name="base",
    frames=1,
    size=64,
    low_frames=0,
    low_size=0,
    shape=SpaceTimeShape(
        patch=4,
        widths=(96, 192, 320),
        depth=2,
        attention=(False, True, True),
        time="none",
        head=32,
        state=512,
        text=384,  # width of MiniLM's token states
        low=False,
        circular=True,
        channels=4,
    ),
    schedule=Schedule(low=0.02, high=100.0, middle=6.0),
    phases=(
        Phase(samples=LONG, batch=256, frames=1, rate=3e-3, final=1.0, warm=20_000),
        Phase(samples=FALL, batch=256, frames=1, rate=3e-3, final=0.0, warm=1),
    ),
    parameterization="clean",
    weighting="v",
    cap=3.0,
)

recipe = Pictures(
    name="pictures",
    data="cutouts",
    style="3d",
    styles=STYLES,
    text="minilm",
    base=base,
)
