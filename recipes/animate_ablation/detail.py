"""animate, whose base sees the picture through two encoders and beside every frame.

    kineograph train recipes/animate_ablation/detail.py --out runs/detail

A row of the paper's ablation (docs/animate.md): the same clips as the other rows, and as few.
"""

from dataclasses import replace
from pathlib import Path
from runpy import run_path

from kineograph.nets.image_to_video_unet import Routes
from kineograph.recipe import Phase

animate = run_path(str(Path(__file__).parent.parent / "animate.py"))["recipe"]
base = replace(
    animate.base,
    routes=Routes(semantics=True, whole=True, detail="beside", text=True, fps=True),
    phases=(Phase(samples=2_400, batch=8, frames=16, rate=2e-3, final=0.02, warm=160),),
)
recipe = replace(animate, name="animate-detail", base=base)
