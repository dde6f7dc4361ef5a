"""Words a second beside markovify, symbols a second beside transformers, each in one run.

    python bench/words.py [BOOK.txt]      counting and learning
    python bench/words.py --learned       learning alone

Counting: CPU seconds of one thread, medians of five, compile time excluded; words are counted by
spaces in the joined text. Without a book, 100,000 synthetic words by Zipf's law. markovify is
skipped with a line when it is not installed; it runs with its chain compiled, which is faster. Its
copy check (a sentence may share 15 words or 70 % with the corpus; 10 tries) is looser than our
exact limit.

Learning: a transformer of the shape of the embedded one beside a Llama of transformers with as many
weights, both fresh, writing 100 symbols after 20 by drawing, with cached keys, in float32. They
take turns; CPU seconds, medians of five turns. One row at a time and eight.
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
import torch

from kineograph.families.language.words import (
    Ngrams,
    Written,
    bits,
    ngrams,
    read_corpus,
    read_text,
    write,
)

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


# -- learning --------------------------------------------------------------------------------------

GIVEN, SYMBOLS = 20, 100


def our_writer(rows: int) -> tuple[Callable[[], Any], int]:
    """A job that writes, and the weights of its model."""
    from kineograph.nets.causal import Causal, CausalShape
    from kineograph.sequence.draw import Draw, extend, row_generators

    shape = CausalShape(2048, width=128, depth=4, head=32, window=128, places=False, words=0)
    net = Causal(shape).requires_grad_(False).eval()
    start = torch.randint(2048, (rows, GIVEN))

    def job() -> Any:
        said = list(extend(net, start, SYMBOLS, Draw(), row_generators(range(rows))))
        assert len(said) == SYMBOLS
        return said

    return job, sum(p.numel() for p in net.parameters())


def their_writer(rows: int) -> tuple[Callable[[], Any], int]:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=2048,
        hidden_size=128,
        intermediate_size=341,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    net = LlamaForCausalLM(config).requires_grad_(False).eval()
    start = torch.randint(1, 2048, (rows, GIVEN))
    mask = torch.ones_like(start)

    def job() -> Any:
        said = net.generate(
            start, attention_mask=mask, max_new_tokens=SYMBOLS, do_sample=True, top_k=0
        )
        assert said.shape == (rows, GIVEN + SYMBOLS)
        return said

    return job, sum(p.numel() for p in net.parameters())


def learned() -> None:
    torch.set_num_threads(1)
    for rows in (1, 8):
        (mine, my_weights), (other, other_weights) = our_writer(rows), their_writer(rows)
        spent: dict[str, list[float]] = {"mine": [], "other": []}
        for name, job in (("mine", mine), ("other", other)) * (REPEATS + 1):
            begin = time.process_time()
            job()
            spent[name].append(time.process_time() - begin)
        ours, theirs = (statistics.median(spent[k][1:]) for k in ("mine", "other"))
        print(
            f"learned     {rows} rows: {rows * SYMBOLS / ours:,.0f} symbols/s with {my_weights:,}"
            f" weights; transformers generate {rows * SYMBOLS / theirs:,.0f} with"
            f" {other_weights:,}: {theirs / ours:.1f}×"
        )


def main() -> None:
    if sys.argv[1:] == ["--learned"]:
        return learned()
    text = read_text(Path(sys.argv[1])) if len(sys.argv) > 1 else zipf_book()
    print(f"corpus {len(text.split()):,} words, order {ORDER}, {WORDS:,} tokens written")
    mine = ours(text)
    learned()
    try:
        peer = theirs(text)
    except ImportError:
        return print("markovify   not installed, skipped")
    print(f"ratio  build {peer['build'] / mine['build']:.1f}×")
    print(f"ratio  without a copy limit {mine['no limit'] / peer['no limit']:.1f}×")
    for limit in (4, 6, 10):
        print(
            f"ratio  exact limit {limit} to its check"
            f" {mine[f'limit {limit}'] / peer['checked']:.0f}×"
        )
    return None


if __name__ == "__main__":
    main()
