"""stickers: from words to a clip, six stages, taught on two CPU cores.

    kineograph data stickers
    kineograph train recipes/stickers.py --out runs/stickers

Pictures first, then clips: the base sees single frames and stills until it knows what things look
like, then whole loops beside pictures (joint training). The later stages begin as what lines
between frames and cubics between pixels make of the stage below, learn what is to be added, and
need far less. Their patches are 2: with 4 x 4 pixels in a place a network leaves grain.
Time and numbers: weights/stickers/CARD.md.
"""

from typing import Literal

from kineograph.diffusion.schedule import Schedule
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage

WORDS = 384  # width of MiniLM's token states


def shape(
    patch: int,
    widths: tuple[int, ...],
    depth: int,
    time: Literal["attention", "convolution"],
    *,
    state: int,
    attention: tuple[bool, ...],
) -> VideoUNetShape:
    return VideoUNetShape(
        patch=patch,
        widths=widths,
        depth=depth,
        attention=attention,
        time=time,
        head=32,
        state=state,
        text=WORDS,
        low=time == "convolution",
        circular=True,
        smooth=time == "convolution",
    )


base = Stage(
    name="base",
    frames=8,
    size=16,
    low_frames=0,
    low_size=0,
    shape=shape(2, (128, 256), 2, "attention", state=256, attention=(True, True)),
    schedule=Schedule(low=0.01, high=100.0),
    phases=(
        Phase(samples=230_000, batch=256, frames=1, rate=3e-3, final=0.3),
        Phase(samples=9_600, batch=32, frames=8, rate=1.5e-3, pictures=32),
    ),
)


def above(
    under: Stage,
    name: str,
    frames: int,
    size: int,
    net: VideoUNetShape,
    adds: float,
    *phases: Phase,
    crop: int = 0,
) -> Stage:
    """A stage on another: it learns what it adds, whose deviation is `adds`.

    It begins at ten times that: higher noise tells nothing more, and one step from there is a guess
    of what was hardly shown.
    """
    return Stage(
        name=name,
        frames=frames,
        size=size,
        low_frames=under.frames,
        low_size=under.size,
        shape=net,
        schedule=Schedule(low=0.003, high=10 * adds, middle=adds),
        phases=phases,
        parameterization="edm",
        weighting="even",  # by v, noise above what is added would count for next to nothing
        sigma_data=adds,
        augmentation=0.01,
        augmentation_most=0.2,
        crop=crop,
    )


time16 = above(
    base,
    "time16",
    16,
    16,
    shape(2, (64, 128), 1, "convolution", state=128, attention=(False, True)),
    0.1,
    Phase(samples=6_400, batch=8, frames=16, rate=2e-3, pictures=8, final=0.1, warm=240),
)
space32 = above(
    time16,
    "space32",
    16,
    32,
    shape(2, (64, 96), 2, "convolution", state=128, attention=(False, True)),
    0.15,
    Phase(samples=40_000, batch=32, frames=1, rate=2e-3, final=0.1, warm=960),
    Phase(samples=800, batch=4, frames=16, rate=1e-3, pictures=16, final=0.1, warm=40),
)
space64 = above(
    space32,
    "space64",
    16,
    64,
    shape(2, (32, 64, 96), 1, "convolution", state=128, attention=(False, False, True)),
    0.12,
    Phase(samples=28_800, batch=32, frames=1, rate=2e-3, final=0.1, warm=960),
    Phase(samples=600, batch=4, frames=16, rate=1e-3, pictures=16, final=0.1, warm=40),
)
time32 = above(
    space64,
    "time32",
    32,
    64,
    shape(2, (32, 64, 96), 1, "convolution", state=128, attention=(False, False, False)),
    0.07,
    Phase(samples=1_600, batch=4, frames=32, rate=2e-3, final=0.1, warm=80),
)
space128 = above(
    time32,
    "space128",
    32,
    128,
    shape(2, (32, 64), 1, "convolution", state=128, attention=(False, False)),
    0.07,
    Phase(samples=28_800, batch=32, frames=1, rate=2e-3, final=0.1, warm=960),
    Phase(samples=400, batch=4, frames=32, rate=1e-3, pictures=16, final=0.1, warm=40),
    crop=64,
)

recipe = Cascade(
    name="stickers",
    data="stickers",
    style="3d",
    styles=("3d", "flat", "noto"),
    seconds=3.0,
    text="minilm",
    stages=(base, time16, space32, space64, time32, space128),
    steps=(20, 1, 2, 2, 1, 1),
    size=64,
    threshold=0.8,
    guidance=(2.5, 1.0, 1.0, 1.0, 1.0, 1.0),
)
