"""The door of written text, from arguments to exit code."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kineograph.cli import main

TEXT = "The cat sat on the mat. The dog sat on the cat. A cat and a dog sat. " * 8


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(TEXT)
    return path


def run(*words):
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


def test_text_is_written_with_its_map_and_its_report(book, tmp_path, capsys):
    out, places = tmp_path / "new.txt", tmp_path / "map.npz"
    asked = ["write", book, "-n", 60, "--seed", 4, "-o", out, "--map", places, "--json"]
    assert run(*asked) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["outputs"] == [str(out), str(places)]
    assert said["seed"] == 4
    assert said["branching"] > 1
    with np.load(places) as found:
        source, text = found["source_letter"], found["text_letter"]
    assert source.shape == text.shape == (60,)
    made = out.read_text()
    for here, there, end in zip(text[1:], source[1:], text[2:], strict=False):
        assert made[here:end] == TEXT[there : there + end - here]
    before = out.read_bytes(), places.read_bytes()
    assert run(*asked) == 2
    assert run(*asked, "--force") == 0
    assert (out.read_bytes(), places.read_bytes()) == before


@pytest.mark.parametrize("unit", ["letter", "word", "line"])
def test_every_unit_writes_to_the_screen(book, capsys, unit):
    book.write_text(TEXT.replace(". ", ".\n"))
    assert run("write", book, "--unit", unit, "-n", 12, "--seed", 1) == 0
    said = capsys.readouterr()
    assert said.out.strip()
    assert "longest copied run: " in said.err
    assert f" {unit}s, " in said.err


def test_the_plot_shows_choice_and_bits(book, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "choice.png"
    assert run("write", book, "--seed", 1, "--plot", plot, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert [choice["order"] for choice in said["choices"]] == list(range(1, 9))
    assert said["bits"][2]["a_letter"] < said["bits"][0]["a_letter"]


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        (b"", [], "corpus: is empty"),
        (b"one", [], "holds 1 words"),
        (b"one two", [], "too few for order 2"),
        (b"\x00\x01", [], "is binary"),
        (b"caf\xe9 au lait", [], "is not UTF-8"),
        (TEXT.encode(), ["--order", -1], "--order: -1"),
        (TEXT.encode(), ["--copy-limit", 2], "use 3"),
        (TEXT.encode(), ["-n", 0], "-n: 0"),
        (TEXT.encode(), ["--unit", "page"], "page"),
        (TEXT.encode(), ["-o", "text.pdf"], "-o: cannot write 'text.pdf'"),
        (TEXT.encode(), ["--map", "none/map.npz"], "--map: folder 'none' does not exist"),
        (TEXT.encode(), ["--seed", -1], "--seed"),
    ],
)
def test_bad_input_ends_with_code_two_and_its_field(tmp_path, capsys, content, words, told):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    assert run("write", path, *words) == 2
    assert told in capsys.readouterr().err


def test_a_missing_corpus_is_told(tmp_path, capsys):
    assert run("write", tmp_path / "none.txt") == 2
    assert "is not a file" in capsys.readouterr().err
