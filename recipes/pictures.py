r"""pictures: from words to a cut-out of 64 pixels with alpha, trained on one CPU core.

    kineograph data composed
    kineograph train recipes/pictures.py --start runs/pictures_64/model --out runs/pictures \
        --threads 1

The last of the runs: what `recipes/pictures_64.py` taught goes on with lower noise levels, which it
was hardly shown (3 in 100 below sigma .3): edges and detail. What a thing is, is learned on. The
shipped weights had this four times, each beginning with the weights before (`--start`). Without
`refined` and `binding`: 274,176 pictures with plain captions in four of ten; 369,536 with plain
ones in a quarter; 1,550,464 with other styles than 3d, frames of animations and free wording more
often, from 705,000 on with scenes that say several things at once in a third of a batch, from
938,000 on with what people say around a thing, from 1,031,000 on with kinds ("a tree"). Then LONG
with words that look at one another, from 243,000 on with the loss that binds them to places; the
share of composed scenes was up to .5, many of two things, until 507,000, then .38, from 760,000 on
.25; from 916,000 on with animations twice an epoch and other determiners and adjectives; from
1,075,000 on as it is, from 1,107,000 on with letters. The last 81,920 pictures, at a rate that
falls twice to nothing, show no frames of animations any more, and a fifth are composed; the layers
that words go through stood still, and learned apart: `recipes/pictures_worded.py`.
Numbers: weights/pictures/CARD.md.
"""

from kineograph.data.cutouts import STYLES
from kineograph.diffusion.schedule import Schedule
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage

LONG = 1_521_024  # pictures

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
        refined=2,
    ),
    schedule=Schedule(low=0.02, high=160.0, middle=2.5),
    phases=(
        Phase(samples=LONG, batch=128, frames=1, rate=2e-3, final=1.0, warm=4_000),
        Phase(samples=49_152, batch=64, frames=1, rate=1e-3, final=0.0, warm=1_920),
        Phase(samples=32_768, batch=64, frames=1, rate=1e-3, final=0.0, warm=1_920),
    ),
    parameterization="clean",
    weighting="v",
    cap=10.0,
    binding=0.05,
)

recipe = Pictures(
    name="pictures",
    data="composed",
    style="3d",
    styles=STYLES,
    text="minilm",
    base=base,
    guidance=4.0,
    guided_from=0.3,
    guided_to=80.0,
)
