"""animate: from a picture to a clip that loops, taught on two CPU cores.

    kineograph data stickers
    kineograph train recipes/animate.py --out runs/animate

First the picture encoder, by pictures and captions; then the base, which moves a picture of 64
pixels: it sees the picture beside every frame, says how far each part of it moved, and paints what
that leaves. The refinement denoises at 128 pixels and sees text alone.
Time and numbers: weights/animate/CARD.md.
"""

from kineograph.data.animations import PERIOD
from kineograph.nets.moving import MovingShape, Routes
from kineograph.nets.picture_encoder import PictureShape
from kineograph.noise import Schedule
from kineograph.recipe import Animate, Eye, Mover, Phase

WORDS = 384  # width of MiniLM's token states
MEANING = 128  # width of the picture encoder's state

picture = Eye(
    name="picture",
    shape=PictureShape(
        size=64, patch=4, widths=(64, 96, 160), depth=1, text=WORDS, embedding=MEANING
    ),
    phases=(Phase(samples=110_000, batch=128, frames=1, rate=2e-3),),
)


def shape(
    widths: tuple[int, ...], *, tokens: int = 128, channels: int = 3, patch: int = 4
) -> MovingShape:
    return MovingShape(
        channels=channels,
        patch=patch,
        widths=widths,
        depth=1,
        attention=(False, True),
        head=16,
        state=128,
        text=WORDS,
        tokens=tokens,
        embedding=MEANING,
        period=PERIOD,
    )


base = Mover(
    name="base",
    size=64,
    shape=shape((64, 128)),
    routes=Routes(
        semantics=True,
        whole=True,
        detail="beside",
        local=True,
        summary=True,
        text=True,
        fps=True,
        carry=True,
    ),
    schedule=Schedule(low=0.01, high=15.0, middle=0.25),
    deviation=0.25,
    centred=True,
    phases=(
        Phase(samples=10_000, batch=8, frames=16, rate=2e-3, final=0.4, warm=160),
        Phase(samples=1_200, batch=4, frames=32, rate=8e-4, warm=40),
    ),
)
refine = Mover(
    name="refine",
    size=128,
    shape=shape((48, 80), tokens=64),
    routes=Routes(),
    schedule=Schedule(low=0.005, high=100.0),
    deviation=0.5,
    share=0.6,
    offset=0.0,
    crop=64,
    phases=(
        Phase(samples=24_000, batch=32, frames=1, rate=2e-3, final=0.3, warm=960),
        Phase(samples=800, batch=4, frames=16, rate=1e-3, pictures=16, warm=40),
    ),
)

recipe = Animate(
    name="animate",
    data="stickers",
    text="minilm",
    seconds=3.0,
    frames=16,
    picture=picture,
    base=base,
    refine=refine,
)
