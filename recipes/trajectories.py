"""trajectories: from words to how a thing moves over one loop, trained on one CPU core.

    kineograph data composed
    kineograph train recipes/trajectories.py --out runs/trajectories --threads 1

Eighteen movements with their paraphrases and speeds, of some six hundred things; captions that tell
of no movement are at rest. Time and numbers: weights/trajectories/CARD.md.
"""

from kineograph.diffusion.schedule import Schedule
from kineograph.families.trajectory.recipe import Trajectories
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage

base = Stage(
    name="base",
    frames=32,
    size=1,
    low_frames=0,
    low_size=0,
    shape=VideoUNetShape(
        patch=1,
        widths=(96,),
        depth=2,
        attention=(True,),
        time="attention",
        head=32,
        state=128,
        text=384,  # width of MiniLM's token states
        low=False,
        circular=True,
        channels=6,
    ),
    schedule=Schedule(low=0.01, high=40.0, middle=1.0),
    phases=(Phase(samples=200_000, batch=128, frames=32, rate=2e-3, final=0.0, warm=4_000),),
    parameterization="edm",
    weighting="even",
    sigma_data=0.6,
)

recipe = Trajectories(name="trajectories", data="composed", text="minilm", seconds=2.0, base=base)
