"""pictures at 32 pixels: where the picture model learns what things are.

    kineograph data cutouts
    kineograph train recipes/pictures_32.py --out runs/pictures_32 --threads 1
    kineograph train recipes/pictures_32.py --out runs/pictures_32 --export runs/pictures_32/model

One network estimates the clean picture; noise levels lie where shapes are decided at this size
(sigma 2 to 20, by comparisons). What things are is learned quickest at 32 pixels; detail is then
learned by the same network grown to 64 (`recipes/pictures.py`). The rate stays level: the
network goes on at 64.
Time and numbers: weights/pictures/CARD.md.
"""

from kineograph.data.cutouts import STYLES
from kineograph.diffusion.schedule import Schedule
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage

LONG = 218_752  # pictures

base = Stage(
    name="base",
    frames=1,
    size=32,
    low_frames=0,
    low_size=0,
    shape=VideoUNetShape(
        patch=4,
        widths=(128, 256),
        depth=2,
        attention=(True, True),
        time="none",
        head=32,
        state=256,
        text=384,  # width of MiniLM's token states
        low=False,
        circular=True,
        channels=4,
    ),
    schedule=Schedule(low=0.02, high=80.0, middle=3.0),
    phases=(Phase(samples=LONG, batch=128, frames=1, rate=2e-3, final=1.0, warm=4_000),),
    parameterization="clean",
    weighting="v",
    cap=3.0,
)

recipe = Pictures(
    name="pictures-32",
    data="cutouts",
    style="3d",
    styles=STYLES,
    text="minilm",
    base=base,
)
