"""Words a second, ours beside markovify, in one run: `python bench/words.py [BOOK.txt]`.

CPU seconds of one thread, medians of five, compile time excluded; words are counted by spaces in
the joined text. Without a book, 100,000 synthetic words by Zipf's law. markovify is skipped with a
line when it is not installed; it runs with its chain compiled, which is faster. Its copy check
(a sentence may share 15 words or 70 % with the corpus; 10 tries) is looser than our exact limit.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kineograph.words import Ngrams, Written, bits, ngrams, read_corpus, read_text, write

ORDER, WORDS, REPEATS = 2, 1_000_000, 5


def zipf_book(words: int = 100_000, vocabulary: int = 8_000) -> str:
    """Sentences of 4 to 24 words drawn by Zipf's law, half of them after their usual companion."""
    rng = np.random.default_rng(0)
    chance = 1 / np.arange(1, vocabulary + 1)
    ids = rng.choice(vocabulary, words, p=chance / chance.sum())
    for i in np.flatnonzero(rng.random(words) < 0.5)[1:]:
        ids[i] = (ids[i - 1] * 31 + rng.integers(4)) % vocabulary
    spelled, sentences, at = [f"w{i:x}" for i in ids], [], 0
    while at < words:
        end = at + int(rng.integers(4, 25))
        sentences.append(" ".join(spelled[at:end]).capitalize() + ".")
        at = end
    return "\n".join(sentences)


def median_seconds(job: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of `job`, median of REPEATS runs after one to warm up, and its last result."""
    result, spent = job(), []
    for _ in range(REPEATS):
        begin = time.process_time()
        result = job()
        spent.append(time.process_time() - begin)
    return statistics.median(spent), result


def ours(text: str) -> dict[str, float]:
    build, model = median_seconds(lambda: ngrams(read_corpus(text), ORDER))
    print(f"kineograph  build {build:.3f} s ({len(model.corpus):,} tokens)")
    speed = {"build": build}
    for limit in (0, 4, 6, 10):
        seconds, written = median_seconds(partial(_last, model, limit))
        longest = written.copied.length
        assert not limit or longest <= limit
        name = f"limit {limit}" if limit else "no limit"
        speed[name] = len(written.text.split()) / seconds
        print(f"kineograph  {name:9} {speed[name]:12,.0f} words/s   longest copied run {longest}")
    cost = bits(model.corpus, 4)
    print(f"kineograph  held-out tenth, order 4: {cost.a_letter:.3f} bits a letter")
    return speed


def _last(model: Ngrams, limit: int) -> Written:
    *_, last = write(model, WORDS, 1, copy_limit=limit)
    written: Written = last.value
    return written


def theirs(text: str) -> dict[str, float]:
    import markovify  # type: ignore[import-not-found, unused-ignore]

    build, model = median_seconds(lambda: markovify.Text(text, state_size=ORDER))
    print(f"markovify   build {build:.3f} s")
    model, speed = model.compile(), {"build": build}
    for name, n, checked in (("no limit", 1_000, False), ("checked", 200, True)):
        seconds, said = median_seconds(partial(_sentences, model, n, checked))
        speed[name] = sum(len(s.split()) for s in said if s) / seconds
        print(f"markovify   {name:9} {speed[name]:12,.0f} words/s   none {said.count(None)}/{n}")
    return speed


def _sentences(model: Any, n: int, checked: bool) -> list[str | None]:
    return [model.make_sentence(test_output=checked) for _ in range(n)]


def main() -> None:
    text = read_text(Path(sys.argv[1])) if len(sys.argv) > 1 else zipf_book()
    print(f"corpus {len(text.split()):,} words, order {ORDER}, {WORDS:,} tokens written")
    mine = ours(text)
    try:
        peer = theirs(text)
    except ImportError:
        print("markovify   not installed, skipped")
        return
    print(f"ratio  build {peer['build'] / mine['build']:.1f}×")
    print(f"ratio  without a copy limit {mine['no limit'] / peer['no limit']:.1f}×")
    for limit in (4, 6, 10):
        print(
            f"ratio  exact limit {limit} to its check"
            f" {mine[f'limit {limit}'] / peer['checked']:.0f}×"
        )


if __name__ == "__main__":
    main()
