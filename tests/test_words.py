"""N-grams: the index and the copy limit against plain search, drawing against counts."""

from __future__ import annotations

import math
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kineograph.families.language.words import (
    bits,
    choices,
    longest_copied,
    ngrams,
    read_corpus,
    read_text,
    write,
)
from kineograph.families.language.words.corpus import tidy
from kineograph.families.language.words.counts import kneser_ney
from kineograph.families.language.words.occurrences import gram_classes
from kineograph.sequence.draw import Draw, extend, row_generators
from kineograph.values.errors import InputError, LimitError

# The opening of A Christmas Carol (Dickens, 1843), in the public domain.
CAROL = """
Marley was dead: to begin with. There is no doubt whatever about that. The register of his
burial was signed by the clergyman, the clerk, the undertaker, and the chief mourner. Scrooge
signed it: and Scrooge's name was good upon 'Change, for anything he chose to put his hand to.
Old Marley was as dead as a door-nail.

Mind! I don't mean to say that I know, of my own knowledge, what there is particularly dead
about a door-nail. I might have been inclined, myself, to regard a coffin-nail as the deadest
piece of ironmongery in the trade. But the wisdom of our ancestors is in the simile; and my
unhallowed hands shall not disturb it, or the Country's done for. You will therefore permit me
to repeat, emphatically, that Marley was as dead as a door-nail.

Scrooge knew he was dead? Of course he did. How could it be otherwise? Scrooge and he were
partners for I don't know how many years. Scrooge was his sole executor, his sole administrator,
his sole assign, his sole residuary legatee, his sole friend, and sole mourner. And even Scrooge
was not so dreadfully cut up by the sad event, but that he was an excellent man of business on
the very day of the funeral, and solemnised it with an undoubted bargain.
"""


def zipf_text(tokens, vocabulary=300, seed=0):
    """A text of words by Zipf's law in which each word has a favourite follower."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, vocabulary + 1)
    ids = rng.choice(vocabulary, tokens, p=chance / chance.sum())
    follow = rng.random(tokens) < 0.3
    for i in range(1, tokens):
        if follow[i]:
            ids[i] = (7 * ids[i - 1] + 3) % vocabulary
    return " ".join(f"w{i}" for i in ids)


def written(text, n, seed=1, *, order=2, unit="word", **more):
    *_, last = write(ngrams(read_corpus(text, unit), order), n, seed, **more)
    return last.value


def grams(ids, length):
    return {tuple(ids[i : i + length]) for i in range(len(ids) - length + 1)}


# -- a text as numbers


def test_punctuation_is_a_token_and_a_word_carries_its_space():
    corpus = read_corpus('The dog, the\n  "door-nail" isn\'t here.\n\n\nEnd')
    assert list(map(corpus.vocabulary.__getitem__, corpus.ids)) == [
        *("The", " dog", ",", " the", ' "', "door-nail", '"', " isn't", " here", ".", "\n\n", "End")
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=2), st.sampled_from(["letter", "word"]))
def test_a_corpus_gives_its_tidy_text_back(text, unit):
    text = text.encode("utf-8", "replace").decode()
    if not text.strip() or len(tidy(text, unit)) < 2:
        return
    try:
        corpus = read_corpus(text, unit)
    except InputError:  # a single word
        return
    assert corpus.text(corpus.ids) == tidy(text, unit)
    again = corpus.encode(corpus.text(corpus.ids))
    assert np.array_equal(again, corpus.ids)


def test_sentences_begin_after_their_ends_and_after_paragraphs():
    corpus = read_corpus('One. "Two?" Three!\n\nFour (five.) Six')
    begins = [corpus.vocabulary[corpus.ids[p]].strip() for p in corpus.starts]
    assert begins == ["One", '"', "Three", "Four", "Six"]
    assert read_corpus("a\nb\n\nc\nd\n", "line").starts.tolist() == [0, 3]
    assert read_corpus("a\nb\nc\n", "line").starts.tolist() == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(0, 9))
def test_classes_number_the_runs_in_the_order_of_their_reversal(tokens, length):
    runs = [
        tuple(tokens[i - d] if i >= d else -1 for d in range(length)) for i in range(len(tokens))
    ]
    ranks = {run: rank for rank, run in enumerate(sorted(set(runs)))}
    classes = np.unique(gram_classes(np.array(tokens), length), return_inverse=True)[1]
    assert classes.tolist() == [ranks[run] for run in runs]


# -- writing


@pytest.mark.parametrize(("unit", "order"), [("word", 1), ("word", 2), ("letter", 3)])
def test_next_tokens_come_as_often_as_they_were_counted(unit, order):
    text = zipf_text(6_000)
    result = written(text, 300_000, order=order, unit=unit)
    ids = result.model.corpus.ids
    counted: dict[tuple, Counter] = {}
    for i in range(order, len(ids)):
        counted.setdefault(tuple(ids[i - order : i]), Counter())[ids[i]] += 1
    seen: dict[tuple, Counter] = {}
    for i in range(order, len(result.ids)):
        seen.setdefault(tuple(result.ids[i - order : i]), Counter())[result.ids[i]] += 1
    chi2 = free = 0.0
    for context, after in seen.items():
        law, n = counted[context], sum(after.values())
        assert set(after) <= set(law)
        if len(law) > 1 and n * min(law.values()) / sum(law.values()) >= 5:
            expected = {token: n * c / sum(law.values()) for token, c in law.items()}
            chi2 += sum((after[t] - e) ** 2 / e for t, e in expected.items())
            free += len(law) - 1
    assert free > 100
    assert abs(chi2 - free) < 4 * math.sqrt(2 * free)


def test_the_same_seed_gives_the_same_text_and_another_seed_another():
    once, again, other = (written(CAROL, 400, seed) for seed in (5, 5, 6))
    assert once.text == again.text
    assert np.array_equal(once.source, again.source)
    assert once.text != other.text


def test_a_text_written_in_pieces_equals_one_written_whole(monkeypatch):
    whole = written(CAROL, 500, order=3, copy_limit=5, start="Marley was")
    monkeypatch.setattr("kineograph.families.language.words.writing.PIECE", 7)
    pieces = written(CAROL, 500, order=3, copy_limit=5, start="Marley was")
    assert pieces.text == whole.text
    assert np.array_equal(pieces.used, whole.used)


@pytest.mark.parametrize("copy_limit", [0, 4])
def test_every_token_can_be_traced_to_its_place(copy_limit):
    result = written(CAROL, 600, order=2, copy_limit=copy_limit)
    ids = result.model.corpus.ids
    assert np.array_equal(ids[result.source], result.ids)
    for i in range(1, 600):  # the context really stands before the place
        for d in range(1, result.used[i] + 1):
            assert ids[result.source[i] - d] == result.ids[i - d]


def test_a_context_at_the_very_end_backs_off():
    result = written("a b a c a d z", 300, order=2)
    after_z = result.used[1:][result.ids[:-1] == result.model.corpus.encode("z", inside=True)[0]]
    assert len(after_z) > 5
    assert (after_z == 0).all()
    assert 0 < result.backed_off < 1


def test_text_goes_on_from_what_is_given():
    result = written(CAROL, 50, start="Scrooge  was his sole")
    assert result.text.startswith("Scrooge was his sole ")
    assert result.given == 4
    assert result.used[4] == 2
    strange = written(CAROL, 50, start="Zebra")
    assert strange.text.startswith("Zebra")
    assert strange.used[1] == 0


def test_text_begins_with_a_sentence():
    starts = {written(CAROL, 1, seed).text for seed in range(60)}
    assert (
        {"Marley", "Mind", "Scrooge"}
        <= starts
        <= set(
            [
                "Marley",
                "There",
                "The",
                "Scrooge",
                "Old",
                "Mind",
                "I",
                "But",
                "You",
                "Of",
                "How",
                "And",
            ]
        )
    )


def test_high_orders_copy_and_say_so():
    result = written(CAROL, 100, order=12)
    assert result.branching == 1.0
    assert result.copied.length > 40
    assert result.adjacent > 0.9


# -- the copy limit


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_run_above_the_limit_is_ever_copied(data):
    letters = data.draw(st.text("abcd", min_size=12, max_size=80))
    order = data.draw(st.integers(1, 3))
    limit = data.draw(st.integers(order + 1, order + 4))
    start = data.draw(st.sampled_from(["", "a", "dcba", "zz"]))
    try:
        result = written(letters, 60, order=order, unit="letter", copy_limit=limit, start=start)
    except InputError as error:  # every continuation is a copy: possible with four letters
        assert "copy_limit" in str(error) or "holds" in str(error)
        return
    text = result.text
    own = range(max(limit, len(start)), len(text))
    assert not any(text[i - limit : i + 1] in letters for i in own)


def test_under_a_limit_the_rest_is_drawn_by_its_counts():
    # After "a" come b twice, c and d once; "y a d" stands in the corpus, so limit 2 rules out d.
    text = "x a b x a b x a c y a d"
    seen = Counter()
    for seed in range(3_000):
        result = written(text, 1, seed, order=1, copy_limit=2, start="y a")
        seen[result.text.split()[-1]] += 1
    assert set(seen) == {"b", "c"}
    assert abs(seen["b"] / 3_000 - 2 / 3) < 4 * math.sqrt(2 / 9 / 3_000)


def test_a_limit_leaves_free_text_of_a_large_corpus_alone():
    free, bound = (written(zipf_text(3_000), 20_000, copy_limit=limit) for limit in (0, 5))
    assert free.copied.length > 5
    assert bound.copied.length <= 5


def test_a_text_that_can_but_copy_says_so():
    with pytest.raises(InputError, match=r"copy_limit: 2: after .* every continuation"):
        written("ab" * 20 + "ba" * 3 + "aab" + "bba" * 2, 400, order=1, unit="letter", copy_limit=2)


@settings(max_examples=100, deadline=None)
@given(st.text("abc", max_size=40), st.text("abc", max_size=40))
def test_the_longest_copied_run_is_exact(one, other):
    ids, corpus = (np.array([ord(a) for a in text], np.int32) for text in (one, other))
    found = longest_copied(ids, corpus)
    longest = max(n for n in range(len(one) + 1) if n == 0 or grams(one, n) & grams(other, n))
    assert found.length == longest
    copied = one[found.at : found.at + longest]
    assert copied == other[found.origin : found.origin + longest]


def test_a_text_that_repeats_itself_is_searched_in_bounded_time():
    ids = np.resize(np.array([0, 1], np.int32), 50_000)
    assert longest_copied(ids, ids).length == 2_000
    assert longest_copied(ids[:1_500], ids).length == 1_500


# -- the same model behind the common question


def test_the_common_loop_draws_the_same_law_as_the_compiled_walk():
    model = ngrams(read_corpus(CAROL, "letter"), 3)
    context = model.corpus.encode("was")
    law, _ = model.advance(torch.from_numpy(context).long()[None], None, None)
    law = law[0].exp() / law[0].exp().sum()
    n = 2_000
    walked = Counter(
        written(CAROL, 1, s, order=3, unit="letter", start="was").ids[-1] for s in range(n)
    )
    start = torch.from_numpy(context).long().repeat(n, 1)
    looped = next(extend(model, start, 1, Draw(), row_generators(range(n)))).bincount(
        minlength=len(law)
    )
    for token in range(len(law)):
        error = 4 * math.sqrt(float(law[token] * (1 - law[token])) / n) + 1e-12
        assert abs(walked[token] / n - law[token]) < error
        assert abs(looped[token] / n - law[token]) < error


def test_the_answer_keeps_the_laws_of_the_contract():
    model = ngrams(read_corpus(CAROL), 2)
    heard = torch.randint(model.size, (5, 7), generator=torch.Generator().manual_seed(0))
    at_once, _ = model.advance(heard, None, None)
    _, memory = model.advance(heard[:, :3], None, None)
    in_pieces, _ = model.advance(heard[:, 3:], memory, None)
    assert torch.equal(at_once, in_pieces)
    assert torch.equal(at_once[2:3], model.advance(heard[2:3], None, None)[0])


# -- what counting says


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=3, max_size=40))
def test_choices_are_counted_right(tokens):
    for choice in choices(np.array(tokens, np.int32), 4):
        follow: dict[tuple, Counter] = {}
        for i in range(choice.order, len(tokens)):
            follow.setdefault(tuple(tokens[i - choice.order : i]), Counter())[tokens[i]] += 1
        met = [sum(after.values()) for after in follow.values()]
        ways = [len(after) for after in follow.values()]
        alone = [m for m, w in zip(met, ways, strict=True) if w == 1]
        assert choice.contexts == len(follow)
        assert math.isclose(choice.one_way, len(alone) / len(follow))
        assert math.isclose(choice.one_way_met, sum(alone) / sum(met))
        assert math.isclose(choice.branching, np.dot(met, ways) / sum(met))


def test_the_share_without_choice_grows_with_the_order():
    shares = [choice.one_way for choice in choices(read_corpus(CAROL).ids, 8)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.99


@pytest.mark.parametrize("order", [0, 1, 3])
def test_kneser_ney_chances_sum_to_one(order):
    corpus = read_corpus(CAROL, "letter")
    V, context = len(corpus.vocabulary), corpus.ids[500 : 500 + order]
    total = 0.0
    for symbol in range(V + 1):
        ids = np.concatenate([corpus.ids, context, [symbol]]).astype(np.int32)
        total += kneser_ney(ids, ids < V, len(corpus), order)[-1]
    assert abs(total - 1) < 1e-12


def test_bits_of_a_source_of_known_entropy_come_close_to_it():
    rng = np.random.default_rng(3)
    P = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    state, drawn, shares = 0, [], rng.random(60_000)
    for share in shares:
        state = int(np.searchsorted(P[state].cumsum(), share))
        drawn.append("abc"[state])
    values, vectors = np.linalg.eig(P.T)
    pi = np.real(vectors[:, np.argmax(values.real)])
    entropy = -(pi / pi.sum() @ (P * np.log2(P)).sum(1))
    corpus = read_corpus("".join(drawn), "letter")
    cost = [bits(corpus, order).a_token for order in (0, 1, 2)]
    assert cost[0] > entropy + 0.1
    assert abs(cost[1] - entropy) < 0.03  # the spread of 6,000 held-out letters is about 0.01
    assert abs(cost[2] - entropy) < 0.03


def test_bits_count_words_that_were_never_seen():
    corpus = read_corpus(zipf_text(2_000) + " unheard" * 20)
    cost = bits(corpus, 1)
    assert cost.unknown > 0.09
    assert math.isclose(cost.a_letter * 5, cost.a_token, rel_tol=1)
    assert bits(read_corpus("ab" * 500, "letter"), 2).a_token < 0.02


# -- bad input


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a\0b", "is binary"),
        (bytes(range(1, 9)) * 50, "is binary"),
        ("caf\u00e9".encode("latin-1"), "is not UTF-8 \\(byte 3\\)"),
        ("text".encode("utf-16"), "is UTF-16"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path, content, told):
    path = tmp_path / "corpus.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_text(path)


def test_a_missing_file_and_a_huge_one_are_told(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is not a file"):
        read_text(tmp_path / "none.txt")
    path = tmp_path / "corpus.txt"
    path.write_text("one two three")
    monkeypatch.setattr("kineograph.families.language.words.corpus.MAX_BYTES", 5)
    with pytest.raises(LimitError, match="give a part of it"):
        read_text(path)
    monkeypatch.setattr("kineograph.families.language.words.corpus.MAX_TOKENS", 2)
    for unit in ("letter", "word"):
        with pytest.raises(LimitError, match=f"above 2 {unit}s"):
            read_corpus("one two three", unit)


@pytest.mark.parametrize(
    ("text", "order", "more", "told"),
    [
        ("", 2, {}, "is empty"),
        (" \n\t\n ", 2, {}, "is empty"),
        ("word", 1, {}, "holds 1 words"),
        ("two words", 2, {}, "too few for order 2"),
        (CAROL, -1, {}, "order: -1"),
        (CAROL, 3, {"copy_limit": 3}, "use 4"),
        (CAROL, 3, {"copy_limit": -1}, "copy_limit"),
        (CAROL, 3, {"n": 0}, "n: 0"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_remedy(text, order, more, told):
    with pytest.raises(InputError, match=told):
        written(text, more.pop("n", 5), order=order, **more)


def test_the_example_runs(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["mark_v_shaney.py"])
    runpy.run_path(str(Path(__file__).parents[1] / "examples/mark_v_shaney.py"))
    assert "never more than 5 words in a row" in capsys.readouterr().out
