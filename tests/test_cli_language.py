"""The learned half of the door of written text: taught in seconds, kept, asked again."""

from __future__ import annotations

import json

import pytest

from kineograph.cli import main
from kineograph.families.language.plots import shown

TEXT = "The cat sat on the mat. The dog sat on the cat. A cat and a dog sat.\n\n" * 60


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = tmp_path_factory.mktemp("language") / "book.txt"
    path.write_text(TEXT)
    return path


def run(*words):
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


@pytest.fixture(scope="module")
def kept(book):
    folder = book.parent / "kept"
    asked = ["write", book, "--by", "transformer", "--time-limit", "2s", "--seed", 1]
    assert run(*asked, "-n", 8, "-o", book.parent / "first.txt", "--keep", folder) == 0
    return folder


def test_a_kept_model_writes_the_same_bytes_again(kept, tmp_path, capsys):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    asked = ["write", "--model", kept, "-n", 30, "--seed", 5, "--top-p", 0.9, "--start", "The cat"]
    assert run(*asked, "-o", one) == run(*asked, "-o", two) == 0
    assert one.read_bytes() == two.read_bytes()
    assert one.read_text().startswith("The cat")
    capsys.readouterr()
    assert run(*asked, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["model"] == "book" and said["seed"] == 5 and said["written"] == 30
    assert said["text"].rstrip("\n") == one.read_text().rstrip("\n")


def test_what_was_learned_is_told_and_copies_are_counted(book, capsys):
    asked = ["write", book, "--by", "transformer", "--time-limit", "1s", "--seed", 1, "-n", 12]
    assert run(*asked, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["weights"] > 0 and said["seen"] > 0 and 0 <= said["longest_copied"] <= 12
    assert any("kept" in note for note in said["notes"])


def test_neighbours_are_named_without_writing(kept, capsys):
    assert run("write", "--model", kept, "--nearest", "cat", "--seed", 1) == 0
    said = capsys.readouterr()
    assert said.out.strip() == "" and "nearest to cat: " in said.err and "dog" in said.err


def test_attention_is_drawn(kept, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "look.png"
    assert run("write", "--model", kept, "-n", 8, "--seed", 1, "--attention", picture) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_plot_shows_any_sign():
    pytest.importorskip("matplotlib")
    assert shown("a\nb$") == "a¶b\\$" and shown("\x14猫é") == "··é"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "corpus"),
        (b"x", "corpus"),
        (b"x" * 5000, "corpus"),
        (b"\x00\x01\x02" * 999, "binary"),
        (b"\xff\xfe" + b"a\x00" * 900, "UTF-16"),
        (b"caf\xe9 " * 900, "UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(content, said, tmp_path, capsys):
    path = tmp_path / "odd.txt"
    path.write_bytes(content)
    assert run("write", path, "--by", "transformer", "--time-limit", "2s") == 2
    assert said in capsys.readouterr().err


def test_symbols_never_taught_are_read_all_the_same(kept, capsys):
    assert run("write", "--model", kept, "-n", 4, "--seed", 1, "--start", "猫 Æ 🐈") == 0
    assert capsys.readouterr().out.startswith("猫 Æ 🐈")


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        (["--by", "transformer"], "corpus", 2),
        ([], "corpus", 2),
        (["BOOK", "--model", "words"], "corpus", 2),
        (["BOOK", "--by", "transformer", "--order", "3"], "--order", 2),
        (["BOOK", "--by", "transformer", "--unit", "line"], "--unit", 2),
        (["BOOK", "--by", "transformer", "--time-limit", "soon"], "--time-limit", 2),
        (["BOOK", "--by", "transformer", "--top-p", "0"], "--top-p", 2),
        (["BOOK", "--nearest", "cat"], "--nearest", 2),
        (["BOOK", "--temperature", "0.5"], "--temperature", 2),
        (["--model", "KEPT", "--keep", "other"], "--keep", 2),
        (["--model", "KEPT", "-n", "0"], "-n", 2),
        (["--model", "KEPT", "--nearest", "xylophone"], "--nearest", 2),
        (["--model", "stickers"], "--model", 2),
        (["--model", "nobody"], "nobody", 3),
    ],
)
def test_what_does_not_fit_is_named(asked, field, code, book, kept, capsys):
    words = [{"BOOK": book, "KEPT": kept}.get(word, word) for word in asked]
    assert run("write", *words, "--seed", 1) == code
    assert field in capsys.readouterr().err


def test_a_text_that_is_there_is_not_fetched_again(tmp_path, capsys):
    (tmp_path / "kjv.txt").write_text(TEXT)
    assert run("data", "words", "--out", tmp_path, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["outputs"] == [str(tmp_path / "kjv.txt")] and said["letters"] == len(TEXT)
