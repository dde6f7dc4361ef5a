r"""pictures-64: the second of three runs, at 64 pixels: shapes.

    kineograph data composed
    kineograph train recipes/pictures_64.py --start runs/pictures_32/model \
        --out runs/pictures_64 --threads 1

The network of `recipes/pictures_32.py` with a finer level in front (`nets.growing`), taught on
composed scenes too: colours, counts, places, two things, grounds. Its noise levels are twice those
at 32 pixels, as a picture twice as large needs (Hoogeboom et al. 2023, "simple diffusion").
Time and numbers: weights/pictures/CARD.md.
"""

from kineograph.data.cutouts import STYLES
from kineograph.diffusion.schedule import Schedule
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage

LONG = 301_184  # pictures

base = Stage(
    name="base",
    frames=1,
    size=64,
    low_frames=0,
    low_size=0,
    shape=VideoUNetShape(
        patch=4,
        widths=(64, 128, 256),
        depth=2,
        attention=(False, True, True),
        time="none",
        head=32,
        state=256,
        text=384,  # width of MiniLM's token states
        low=False,
        circular=True,
        channels=4,
    ),
    schedule=Schedule(low=0.02, high=160.0, middle=6.0),
    phases=(Phase(samples=LONG, batch=128, frames=1, rate=2e-3, final=1.0, warm=4_000),),
    parameterization="clean",
    weighting="v",
    cap=3.0,
)

recipe = Pictures(
    name="pictures-64",
    data="composed",
    style="3d",
    styles=STYLES,
    text="minilm",
    base=base,
    guided_from=2.0,
    guided_to=80.0,
)
