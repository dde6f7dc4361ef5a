"""recognizer: which thing a cut-out shows, taught on one CPU core in 20 minutes.

    kineograph data cutouts
    kineograph train recipes/recognizer.py --out runs/recognizer --threads 1

`pictures` is taught with its eyes at the end, and `measure pictures` asks it what it sees. Numbers:
weights/recognizer/CARD.md.
"""

from kineograph.families.text_to_image.recognizer_recipe import RecognizerPart, Recognizing
from kineograph.nets.recognizer import RecognizerShape
from kineograph.recipe import Phase

look = RecognizerPart(
    name="look",
    shape=RecognizerShape(
        size=64,
        patch=4,
        widths=(48, 96, 192),
        depth=1,
        state=128,
        things=1_847,
    ),
    phases=(Phase(samples=163_840, batch=128, frames=1, rate=2e-3, final=0.0, warm=10_000),),
)

recipe = Recognizing(name="recognizer", data="cutouts", look=look)
