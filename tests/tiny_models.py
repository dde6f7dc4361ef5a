"""Models of a few thousand weights, in folders, for tests of what is built on any model."""

from dataclasses import replace
from pathlib import Path

import torch

from kineograph import recipe as recipes
from kineograph.diffusion.schedule import Schedule
from kineograph.families.image_to_video.recipe import Animate, EncoderPart, MotionPart
from kineograph.families.image_tokens.codec_recipe import CodecPart
from kineograph.families.image_tokens.recipe import Tokens, Writer
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.nets.causal import CausalShape
from kineograph.nets.codec import CodecShape
from kineograph.nets.image_to_video_unet import ImageToVideoUNetShape, Routes
from kineograph.nets.picture_encoder import PictureShape
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage

PHASES = (Phase(samples=8, batch=4, frames=1, rate=1e-3),)


def shape(**changed):
    sizes = {
        "patch": 4, "widths": (16, 32), "depth": 1, "attention": (False, True), "time": "none",
        "head": 8, "state": 32, "text": 384, "low": False, "circular": False, "channels": 4,
    }  # fmt: skip
    return VideoUNetShape(**(sizes | changed))


def stage(name="base", size=16, low=0, **changed):
    return Stage(
        name,
        frames=1,
        size=size,
        low_frames=1 if low else 0,
        low_size=low,
        shape=shape(low=bool(low), **changed),
        schedule=Schedule(0.02, 80.0, 2.0),
        phases=PHASES,
        crop=16 if low else 0,
    )


def pictures(folder: Path) -> Path:
    """A maker of cut-outs of 16 pixels."""
    about = Pictures(
        "tiny", "composed", style="3d", styles=("3d",), text="minilm", base=stage(), steps=2
    )
    return written(about, folder)


def scenes(folder: Path) -> Path:
    """A cascade of two stages of opaque pictures, 16 and 32 pixels."""
    stages = (stage(channels=3), stage("more", 32, 16, channels=3))
    about = Cascade(
        "tiny-scenes", "scenes", style="", styles=(), seconds=1.0, text="minilm", stages=stages,
        steps=(2, 2), guidance=(1.0, 1.0),
    )  # fmt: skip
    return written(about, folder)


def clips(folder: Path) -> Path:
    """A cascade of one stage of clips: four frames of 16 pixels."""
    moving = shape(time="attention", circular=True, channels=3)
    base = replace(stage(), frames=4, shape=moving)
    about = Cascade(
        "tiny-clips", "stickers", style="3d", styles=("3d",), seconds=1.0, text="minilm",
        stages=(base,), steps=(2,), guidance=(1.0,),
    )  # fmt: skip
    return written(about, folder)


def tokens(folder: Path) -> Path:
    """A writer of pictures of 16 pixels in 4 x 4 codes."""
    codec = CodecPart(
        "codec", 16, 0, CodecShape(4, (8,), (1, 1), 4, 16, 0), PHASES, perceptual=0, adversarial=0
    )
    writing = CausalShape(size=16, width=16, depth=1, head=8, window=16, places=True, words=384)
    about = Tokens(
        "tiny-tokens", "stickers", style="3d", styles=("3d",), text="minilm", codec=codec,
        writer=Writer("writer", writing, PHASES),
    )  # fmt: skip
    return written(about, folder)


def animate(folder: Path) -> Path:
    """A model that moves pictures of 16 pixels, by motion on 4 x 4 places; it refines none."""
    moving = ImageToVideoUNetShape(
        channels=5, sees=3, fold=4, patch=1, widths=(8,), depth=1, attention=(True,), head=8,
        state=16, text=384, tokens=8, embedding=8, period=2.0,
    )  # fmt: skip
    routes = Routes(semantics=True, detail="beside", text=True, fps=True)
    base = MotionPart("base", 16, moving, routes, Schedule(0.02, 20.0, 0.6), PHASES)
    finer = replace(moving, channels=3, fold=1, patch=4)
    refine = MotionPart("refine", 32, finer, Routes(), Schedule(0.02, 20.0), PHASES)
    about = Animate(
        "tiny-animate", "stickers", text="minilm", seconds=1.0, frames=4,
        picture=EncoderPart("picture", PictureShape(16, 4, (8,), 1, 384, 8), PHASES),
        base=base, refine=refine, steps=(2, 2), pinned=1,
    )  # fmt: skip
    return written(about, folder)


def written(about, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, part in enumerate(about.parts):
        with torch.random.fork_rng():
            torch.manual_seed(number)
            net = part.network()
            for tensor in net.parameters():
                if not tensor.any():
                    torch.nn.init.normal_(tensor, std=0.05)
        recipes.save_tensors(folder / f"{part.name}.safetensors", net.state_dict(), {})
    recipes.seal(about, folder)
    return folder
