"""animate: from a picture to a clip that loops, taught on two CPU cores.

    kineograph data stickers
    kineograph train recipes/animate.py --out runs/animate

First the picture encoder, by pictures and captions; then the base, which denoises motion: for every
frame how far each part of a picture of 64 pixels has moved, and what moving it leaves over, at 16 x
16 places. It sees the picture by every route. The refinement denoises pixels, 128 a side, and sees
text alone. The shipped base had its phases in three runs, each beginning with the weights before
(`--start`); it is told how much moves in the last of them, from 114,400 clips on.
Time and numbers: weights/animate/CARD.md.
"""

from kineograph.data.animations import PERIOD
from kineograph.diffusion.schedule import Schedule
from kineograph.families.image_to_video.recipe import Animate, EncoderPart, MotionPart
from kineograph.nets.image_to_video_unet import ImageToVideoUNetShape, Routes
from kineograph.nets.picture_encoder import PictureShape
from kineograph.recipe import Phase

WORDS = 384  # width of MiniLM's token states
MEANING = 128  # width of the picture encoder's state

picture = EncoderPart(
    name="picture",
    shape=PictureShape(
        size=64, patch=4, widths=(64, 96, 160), depth=1, text=WORDS, embedding=MEANING
    ),
    phases=(Phase(samples=110_000, batch=128, frames=1, rate=2e-3),),
)


base = MotionPart(
    name="base",
    size=64,
    shape=ImageToVideoUNetShape(
        channels=5,
        sees=3,
        patch=2,
        fold=8,
        widths=(64, 96),
        depth=1,
        attention=(False, True),
        head=16,
        state=96,
        text=WORDS,
        tokens=64,
        embedding=MEANING,
        period=PERIOD,
    ),
    routes=Routes(
        semantics=True,
        whole=True,
        detail="beside",
        local=True,
        summary=True,
        text=True,
        fps=True,
        amount=True,
    ),
    schedule=Schedule(low=0.02, high=20.0, middle=0.6),
    sigma_data=0.6,
    phases=(
        Phase(samples=5_600, batch=8, frames=16, rate=2e-3, final=0.3, warm=160),
        Phase(samples=16_000, batch=8, frames=16, rate=1.5e-3, final=0.1, warm=160),
        Phase(samples=400, batch=4, frames=32, rate=3e-4, final=0.02, warm=40),
        Phase(samples=92_000, batch=8, frames=16, rate=1.5e-3, final=0.05, warm=800),
        Phase(samples=400, batch=4, frames=32, rate=3e-4, final=0.02, warm=40),
        Phase(samples=32_000, batch=8, frames=16, rate=1e-3, final=0.05, warm=160),
        Phase(samples=400, batch=4, frames=32, rate=3e-4, final=0.02, warm=40),
    ),
)
refine = MotionPart(
    name="refine",
    size=128,
    shape=ImageToVideoUNetShape(
        channels=3,
        sees=3,
        patch=2,
        fold=2,
        widths=(48, 64, 80),
        depth=1,
        attention=(False, False, True),
        head=16,
        state=128,
        text=WORDS,
        tokens=64,
        embedding=MEANING,
        period=PERIOD,
    ),
    routes=Routes(),
    schedule=Schedule(low=0.005, high=100.0),
    sigma_data=0.1,
    share=0.6,
    offset=0.0,
    crop=64,
    phases=(
        Phase(samples=32_000, batch=32, frames=1, rate=2e-3, final=0.1, warm=960),
        Phase(samples=240, batch=4, frames=16, rate=5e-4, final=0.02, pictures=16, warm=40),
    ),
)

recipe = Animate(
    name="animate",
    data="stickers",
    text="minilm",
    seconds=3.0,
    frames=16,
    space="motion",
    picture=picture,
    base=base,
    refine=refine,
    amount=1.7,
)
