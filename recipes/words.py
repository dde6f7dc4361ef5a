"""The embedded language model: a small transformer over byte pairs of the King James Version.

    kineograph data words
    kineograph train recipes/words.py --out runs/words --resume --time-limit 6m

About a million weights (2.1 MB in bfloat16). Six minutes on two cores.
"""

from kineograph.data import prose
from kineograph.families.language.objective import first_part
from kineograph.families.language.recipe import Language, LanguagePart
from kineograph.families.language.words.byte_pairs import byte_pairs
from kineograph.nets.causal import CausalShape
from kineograph.recipe import Phase

pairs = byte_pairs(first_part(prose.load(), 0.1), 2048)
shape = CausalShape(size=pairs.size, width=128, depth=4, head=32, window=128, places=False, words=0)
phases = (Phase(samples=18_432, batch=16, frames=1, rate=1.2e-2, final=0.02, warm=640),)
recipe = Language("words", "kjv", pairs.merges, LanguagePart("speaker", shape, phases))
