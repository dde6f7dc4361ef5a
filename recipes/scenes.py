"""scenes: from words to a picture of 256 pixels, three stages, taught on two CPU cores.

    kineograph data scenes
    kineograph train recipes/scenes.py --out runs/scenes

Pictures only: our own painters', from galaxies to molecules. The base says what lies where, at 16
pixels; the stages above learn what a step to 64 and one to 256 add. (A base of 64 pixels learned
colours and textures in the same time, and no shapes: docs/zoom.md.)
Time and numbers: weights/scenes/CARD.md.
"""

from kineograph.diffusion.schedule import Schedule
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage

WORDS = 384  # width of MiniLM's token states
ADDS = 0.20  # deviation of what a stage adds to the one below


def shape(
    patch: int, widths: tuple[int, ...], depth: int, attention: tuple[bool, ...], *, low: bool
) -> VideoUNetShape:
    return VideoUNetShape(
        patch=patch,
        widths=widths,
        depth=depth,
        attention=attention,
        time="none",
        head=16,
        state=128 if low else 192,
        text=WORDS,
        low=low,
        circular=False,
    )


base = Stage(
    name="base",
    frames=1,
    size=16,
    low_frames=0,
    low_size=0,
    shape=shape(2, (96, 144), 2, (True, True), low=False),
    schedule=Schedule(low=0.01, high=100.0),
    phases=(Phase(samples=190_000, batch=128, frames=1, rate=3e-3, final=0.02),),
)


def above(
    under: Stage, name: str, widths: tuple[int, ...], samples: int, *, augmentation_most: float
) -> Stage:
    """Four times as many pixels on a side, taught on crops of 32."""
    return Stage(
        name=name,
        frames=1,
        size=4 * under.size,
        low_frames=1,
        low_size=under.size,
        shape=shape(2, widths, 2, (False, False), low=True),
        schedule=Schedule(low=0.005, high=10.0, middle=ADDS),
        phases=(Phase(samples, batch=128, frames=1, rate=3e-3, final=0.02, warm=2560),),
        parameterization="edm",
        sigma_data=ADDS,
        augmentation=0.05,
        augmentation_most=augmentation_most,
        crop=32,
    )


space64 = above(base, "space64", (64, 96), 190_000, augmentation_most=0.3)
space256 = above(space64, "space256", (48, 64), 130_000, augmentation_most=0.2)

recipe = Cascade(
    name="scenes",
    data="scenes",
    style="",
    styles=(),
    seconds=1.0,
    text="minilm",
    stages=(base, space64, space256),
    steps=(24, 8, 2),
    guidance=(2.0, 1.0, 1.0),
)
