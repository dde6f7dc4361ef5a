"""The door of Markov chains, from arguments to exit code."""

from __future__ import annotations

import csv
import json

import pytest

from kineograph.cli import main

DAYS = "day,sky\n" + "\n".join(
    f"{i},{s}" for i, s in enumerate(["sun", "sun", "rain", "sun", "rain", "rain"] * 9)
)


@pytest.fixture
def days(tmp_path):
    path = tmp_path / "days.csv"
    path.write_text(DAYS)
    return path


def run(*words):
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


def test_one_object_holds_matrix_forecast_sample_and_long_run(days, capsys):
    asked = ["chain", days, "--column", "sky", "--predict", 2, "--sample", 5, "--seed", 3, "--json"]
    assert run(*asked) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["states"] == ["rain", "sun"]
    assert first["history"] == ["rain"]
    assert len(first["predicted"]) == 2
    assert len(first["sampled"]) == 5
    assert first["long_run"][0]["period"] == 1
    assert run(*asked) == 0
    assert json.loads(capsys.readouterr().out)["sampled"] == first["sampled"]


def test_the_matrix_is_written_with_its_contexts_and_not_overwritten(days, tmp_path, capsys):
    out = tmp_path / "matrix.csv"
    assert run("chain", days, "--column", "sky", "--order", 2, "-o", out) == 0
    rows = list(csv.reader(out.read_text().splitlines()))
    assert rows[0] == ["2 ago", "from", "to rain", "to sun"]
    assert all(abs(sum(map(float, row[2:])) - 1) < 1e-12 for row in rows[1:])
    assert "entropy rate" in capsys.readouterr().out
    assert run("chain", days, "--column", "sky", "-o", out) == 2
    assert "--force" in capsys.readouterr().err


def test_gaps_are_reported(tmp_path, capsys):
    path = tmp_path / "gaps.csv"
    path.write_text("sun\nrain\n\nsun\nsun\nrain\n")
    assert run("chain", path) == 0
    assert "gaps: 1, which leave 2 unbroken sequences" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        ("sun\nsun\nsun\n", [], "only one, 'sun'"),
        ("", [], "is empty"),
        ("a\nb\na\n", ["--order", 5], "use an order below 3"),
        ("a\nb\na\n", ["--order", 0], "order: 0"),
        ("a\nb\na\n", ["--column", "sky"], "--column: 'sky'"),
        ("a\nb\na\n", ["--predict", -1], "--predict"),
        ("a\nb\na\n", ["-o", "matrix.png"], "-o: cannot write 'matrix.png'"),
    ],
)
def test_bad_input_ends_with_code_two_and_its_field(tmp_path, capsys, content, words, told):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    assert run("chain", path, *words) == 2
    assert told in capsys.readouterr().err
