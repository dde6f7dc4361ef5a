"""Mark V. Shaney, who posted to Usenet in 1984: two words of context and a die.

Run: python examples/mark_v_shaney.py [BOOK.txt]
"""

import sys
from pathlib import Path

from kineograph.families.language.words import choices, ngrams, read_corpus, read_text, write

LINES = """
The sea was calm and the ship was old. The old man knew the sea, and the sea knew the old man.
A calm ship is a slow ship, said the captain, and a slow ship is an old man's ship. The captain
was calm. The old man was not. He said that the sea was not calm, that it was only slow, and that
the captain knew it. The ship knew it too.
"""

text = read_text(Path(sys.argv[1])) if len(sys.argv) > 1 else LINES
corpus = read_corpus(text, "word")

for order, limit in ((1, 0), (2, 0), (2, 5), (5, 0)):
    *_, last = write(ngrams(corpus, order), 60, seed=1984, copy_limit=limit)
    written = last.value
    print(f"\n-- order {order}" + (f", never more than {limit} words in a row" if limit else ""))
    print(written.text)
    print(f"   [{written.branching:.2f} ways on from a context;", end=" ")
    print(f"longest run copied word for word: {written.copied.length}]")

print("\nThe closing argument: contexts that leave no choice, by order")
for choice in choices(corpus.ids, 6):
    print(f"  {choice.order}  {'#' * round(40 * choice.one_way)} {choice.one_way:.0%}")
