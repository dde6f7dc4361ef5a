"""Word vectors: the gradient, the optimum that theory names, and what a known text says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import kineograph as kg
from kineograph import models
from kineograph.again import again
from kineograph.cli import main
from kineograph.data import prose
from kineograph.families.language.plots import plane
from kineograph.families.language.vectors import parsed, usual_epochs
from kineograph.families.language.words.skipgram import (
    POWER,
    WordVectors,
    draws,
    keeping,
    learned,
    pull,
    read_words,
    train,
)
from kineograph.record import read
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source

DAYS = ("monday", "tuesday", "friday")
BEASTS = ("cat", "dog", "cow")


def sentences(seed: int = 1, count: int = 1500) -> str:
    """Days stand where days stand, beasts where beasts do; every line has one of each."""
    rng = np.random.default_rng(seed)
    people = [f"person{i}" for i in range(20)]
    lines = [
        f"On {rng.choice(DAYS)} at noon {rng.choice(people)} saw the {rng.choice(BEASTS)} run."
        for _ in range(count)
    ]
    return " ".join(lines)


@pytest.mark.parametrize("met", [True, False])
def test_a_pull_goes_down_the_gradient_that_autograd_finds(met):
    rng = np.random.default_rng(2)
    v, outer = rng.normal(size=8).astype(np.float32), rng.normal(size=(3, 8)).astype(np.float32)
    change, before = np.zeros(8, np.float32), outer.copy()
    loss = pull(v, outer, 1, met, 1.0, change)
    one = torch.tensor(v, dtype=torch.float64, requires_grad=True)
    two = torch.tensor(before[1], dtype=torch.float64, requires_grad=True)
    truth = -torch.nn.functional.logsigmoid((one @ two) * (1 if met else -1))
    truth.backward()
    assert loss == pytest.approx(truth.item(), abs=1e-6)
    np.testing.assert_allclose(-change, one.grad.numpy(), atol=1e-6)
    np.testing.assert_allclose(before[1] - outer[1], two.grad.numpy(), atol=1e-6)
    assert np.array_equal(outer[[0, 2]], before[[0, 2]])


def test_nothing_pulls_any_more_at_the_optimum_that_theory_names():
    """Levy and Goldberg 2014: u.v = ln(N(w, c) / (k P(c) (N(w) - N(w, c)))), P the share by which c
    is drawn by chance; the last factor, for c is not drawn against itself.

    Words come in pairs of known probabilities, a sentence each, so every count is known.
    """
    rng = np.random.default_rng(3)
    size, k, count, passes, rate = 4, 2, 6000, 20, 2e-5
    joint = np.array([[1, 6, 3, 2], [6, 1, 2, 4], [3, 2, 1, 5], [2, 4, 5, 1]], float)
    pairs = rng.choice(size * size, count, p=joint.ravel() / joint.sum())
    ids = np.stack([pairs // size, pairs % size], 1).ravel().astype(np.int32)
    met = np.zeros((size, size))
    for a, b in ids.reshape(-1, 2):
        met[a, b] += 1
        met[b, a] += 1
    counts = np.bincount(ids, minlength=size)
    chance = counts**POWER / (counts**POWER).sum()
    truth = np.log(met / (k * chance * (met.sum(1, keepdims=True) - met)))

    def left(products):
        """(4, 4) what is left of the pull of the words that met, 1 where nothing opposes it."""
        state, drift = np.array([5], np.uint64), np.zeros((size, size))
        bounds, kept = np.arange(0, len(ids) + 1, 2), np.ones(size, np.float32)
        for _ in range(passes):
            inner, outer = products.astype(np.float32), np.eye(size, dtype=np.float32)
            train(ids, bounds, kept, draws(counts), inner, outer, 1, k, rate, state)
            drift += inner - products
        return drift / (rate * passes * met / (1 + np.exp(products)))

    assert np.abs(left(truth)).max() < 0.05
    for away in (0.4, -0.4):  # the two pulls stand in the ratio exp(away) there
        assert np.abs(left(truth + away) - (1 - np.exp(away))).max() < 0.08


def test_what_stands_in_like_places_is_alike_and_a_seed_repeats():
    text = read_words(sentences(), 5)
    *_, last = learned(text, 1, width=16, epochs=6, common=0)
    *_, twin = learned(text, 1, width=16, epochs=6, common=0)
    *_, other = learned(text, 2, width=16, epochs=6, common=0)
    vectors = last.value
    assert np.array_equal(vectors.table, twin.value.table)
    assert not np.array_equal(vectors.table, other.value.table)
    for group in (DAYS, BEASTS):
        for word in group:
            assert {near.word for near in vectors.like(word, 2)} == {*group} - {word}


def test_words_are_counted_in_lower_case_without_marks_and_sentences_part_them():
    text = read_words("The cat, the dog! THE cow. " * 6 + sentences(count=60), 3)
    counts = dict(zip(text.words, text.counts.tolist(), strict=True))
    assert counts["the"] == 18 + 60 and "," not in counts and text.words[0] == "the"
    assert text.words[text.ids[text.starts[1]]] == "the"
    assert len(text.ids) == text.counts.sum()
    with pytest.raises(InputError, match="words that are met 5 times"):
        read_words("one two three " * 9)


def test_common_words_are_left_out_by_word2vecs_rule():
    counts = np.array([9000, 900, 100])
    share = counts / counts.sum()
    np.testing.assert_allclose(
        keeping(counts, 1e-2), np.minimum(1, (np.sqrt(share / 1e-2) + 1) * 1e-2 / share), rtol=1e-6
    )
    drawn = np.bincount(draws(counts)) / 2**20
    np.testing.assert_allclose(drawn, counts**POWER / (counts**POWER).sum(), atol=1e-5)


def test_an_analogy_is_read_off_a_table_and_a_plane_is_its_principal_components():
    table = np.array([[1, 0, 1], [1, 1, 1], [-1, 0, 1], [-1, 1, 1], [0, -3, 1]], np.float32)
    words = ("man", "king", "woman", "queen", "tree")
    vectors = WordVectors(words, np.ones(5, np.int64), table)
    assert vectors.analogy("man", "king", "Woman", 1)[0].word == "queen"
    assert {near.word for near in vectors.analogy("man", "king", "woman")} == {"queen", "tree"}
    with pytest.raises(InputError, match="like: 'horse' has no vector"):
        vectors.like("horse")
    points = np.random.default_rng(1).normal(size=(30, 6)) * [5, 3, 1, 1, 1, 1]
    places, shares = plane(points)
    apart = points - points.mean(0)
    values = np.linalg.eigvalsh(apart.T @ apart)[::-1]
    np.testing.assert_allclose((places**2).sum(0), values[:2])
    np.testing.assert_allclose(shares, values[:2] / values.sum())


def test_the_command_answers_saves_maps_and_asks_what_was_saved(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    book, out, plot = tmp_path / "book.txt", tmp_path / "v.txt", tmp_path / "map.png"
    book.write_text(sentences())
    line = [book, "--like", "cat", "--analogy", "cat,dog,cow", "--epochs", 80, "--width", 12]
    told = called(capsys, *line, "-o", out, "--map", plot, "--seed", 4)
    assert {near["word"] for near in told["like"]["cat"][:2]} == {"dog", "cow"}
    assert list(told["analogy"]) == ["cat,dog,cow"] and told["width"] == 12
    assert plot.read_bytes()[:4] == b"\x89PNG"
    lines = out.read_text().splitlines()
    assert lines[0] == f"{told['words']} 12" and len(lines) == told["words"] + 1
    once = called(capsys, "--vectors", out, "--like", "cat")
    found = [(near["word"], round(near["cosine"], 3)) for near in told["like"]["cat"]]
    assert [(near["word"], round(near["cosine"], 3)) for near in once["like"]["cat"]] == found
    assert read(out).settings["epochs"] == 80
    asked = again(out)
    twice = finished(models.model_of(asked.request.settings).make(asked.request, asked.seed))
    assert twice.save(tmp_path / "w.txt").read_bytes() == out.read_bytes()


def called(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["vectors", *map(str, words), "--json"])
    assert left.value.code == 0
    return json.loads(capsys.readouterr().out)


def test_what_does_not_go_together_is_refused(tmp_path):
    for values, said in (
        ({}, "is missing"),
        ({"vectors": Source(value="2 2\na 1 2\nb 2 1\n"), "epochs": 3}, "is for learning"),
        ({"corpus": Source(value="a b"), "analogy": ("a,b",)}, "are not three words"),
    ):
        with pytest.raises(InputError, match=said):
            models.settings_of("vectors", values)
    for text in (
        "",
        "3 2\na 1 2\n",
        "2 2\na 1 2\na 2 1\n",
        "2 2\na 1 x\nb 2 1\n",
        "2 2\na 1\nb 2\n",
    ):
        with pytest.raises(InputError, match="no word vectors"):
            parsed(text)
    assert [usual_epochs(n) for n in (1000, 777_000, 10**9)] == [100, 15, 1]
    settings = models.settings_of("vectors", {"corpus": Source(value=sentences()), "epochs": 2})
    model = models.model_of(settings)
    assert model.forecast(Request(settings, "")).seconds < 10


def test_one_line_of_python_gives_the_vectors():
    found = kg.vectors(Source(value=sentences()), like=["cat"], epochs=6, width=16, seed=1).value
    assert found.vectors.table.shape[1] == 16
    assert str(found).startswith("like cat: ")


def test_a_short_text_is_told_to_say_little():
    notes = kg.vectors(Source(value=sentences(count=100)), epochs=1, width=4, rare=1, seed=1).notes
    assert "only 900 words were read" in notes[1]


def test_the_king_james_text_says_who_is_like_whom():
    """Two readings; a minute's fifteen are in docs/words.md."""
    if not (prose.prose_folder() / "kjv.txt").is_file():
        pytest.skip("the King James text is not in the cache; run kineograph data words")
    *_, last = learned(read_words(prose.load()), 1, width=50, epochs=2)
    vectors = last.value
    assert {"silver", "brass"} & {near.word for near in vectors.like("gold", 5)}
    assert {"sons", "daughter", "son", "wives"} & {
        near.word for near in vectors.like("daughters", 8)
    }
