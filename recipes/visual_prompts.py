"""Visual prompts: a task shown by one pair of pictures, done to a third, cells of 64 pixels.

kineograph data stickers && kineograph data fonts && kineograph data scenes
kineograph data photographs
kineograph train recipes/visual_prompts.py --out runs/visual_prompts --resume --threads 1
Twenty minutes on one core (small products: a second thread costs more than it brings on a busy
machine). `kineograph measure prompts` should tell a segmentation mIoU over .8.
"""

from kineograph.families.visual_prompts.recipe import FillerPart, VisualPrompts
from kineograph.nets.masked import MaskedShape
from kineograph.recipe import Phase

recipe = VisualPrompts(
    name="visual-prompts",
    data="stickers",
    usual=0.323,
    filler=FillerPart(
        name="filler",
        shape=MaskedShape(cell=64, patch=8, width=160, depth=5, head=32, codes=512, detail=24),
        phases=(
            Phase(samples=24_000, batch=24, frames=1, rate=2.5e-3, final=0.02, warm=480),
            Phase(samples=72_000, batch=24, frames=1, rate=2e-3, final=0.02, warm=480),
        ),
        book=2_400,
    ),
)
