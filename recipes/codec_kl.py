"""codec_kl: frames of 128 pixels in 16x16 places of 4 numbers (the codec of `animate`).

    kineograph data stickers
    kineograph train recipes/codec_kl.py --out runs/codec_kl

Random crops of 64 pixels; the critic joins for the last third. About five minutes on two cores.
"""

from kineograph.families.image_tokens.codec_recipe import CodecPart, CodecRecipe
from kineograph.nets.codec import CodecShape
from kineograph.recipe import Phase

codec = CodecPart(
    name="codec",
    size=128,
    crop=64,
    shape=CodecShape(patch=4, widths=(64, 104), depth=(1, 2), latent=4, codes=0, critic=40),
    phases=(
        Phase(samples=13_000, batch=32, frames=1, rate=3e-3, final=0.3, warm=960),
        Phase(samples=7_000, batch=32, frames=1, rate=1e-3, warm=320),
    ),
    critic_from=13_024,
)
recipe = CodecRecipe(name="codec_kl", data="stickers", codec=codec)
