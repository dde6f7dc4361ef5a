"""tokens: from words to a picture of 64 pixels, written in 8x8 codes of a book of 1024.

    kineograph data stickers
    kineograph train recipes/tokens.py --out runs/tokens

The codec first (the critic joins after a third), then the transformer over its codes. About twenty
minutes on two cores. Numbers: weights/tokens/CARD.md.
"""

from kineograph.families.image_tokens.codec_recipe import CodecPart
from kineograph.families.image_tokens.recipe import Tokens, Writer
from kineograph.nets.causal import CausalShape
from kineograph.nets.codec import CodecShape
from kineograph.recipe import Phase

CODES = 1024

codec = CodecPart(
    name="codec",
    size=64,
    crop=0,
    shape=CodecShape(patch=4, widths=(64, 96), depth=(1, 2), latent=8, codes=CODES, critic=32),
    phases=(
        Phase(samples=12_000, batch=32, frames=1, rate=3e-3, final=0.3, warm=960),
        Phase(samples=6_000, batch=32, frames=1, rate=1e-3, warm=320),
        Phase(samples=48_000, batch=32, frames=1, rate=2e-3, final=0.02, warm=640),
    ),
    bottleneck=0.25,
    critic_from=12_000,
)
writer = Writer(
    name="writer",
    shape=CausalShape(size=CODES, width=160, depth=4, head=32, window=64, places=True, words=384),
    phases=(Phase(samples=110_000, batch=64, frames=1, rate=3e-3, final=0.02, warm=2560),),
)
recipe = Tokens(
    name="tokens",
    data="stickers",
    style="3d",
    styles=("3d", "flat", "noto"),
    text="minilm",
    codec=codec,
    writer=writer,
    guidance=1.4,
    temperature=0.6,
    candidates=8,
    judge="animate",
)
