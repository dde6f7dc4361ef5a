"""States from a table: columns, gaps, names, and files that are none."""

from __future__ import annotations

import pytest

from kineograph.families.chain.states import read_states
from kineograph.values.errors import InputError, LimitError


@pytest.fixture
def table(tmp_path):
    def written(content):
        path = tmp_path / "states.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def test_gaps_split_the_sequence_and_are_counted(table):
    record = read_states(table("weather\nsun\nrain\n\nsun\nNA\n?\nrain\nsun\n\n"))
    assert record.sequences == [["sun", "rain"], ["sun"], ["rain", "sun"]]
    assert record.gaps == 3
    assert record.column == "weather"
    assert record.notes[-1] == "gaps: 3, which leave 3 unbroken sequences"


def test_a_first_line_that_comes_back_is_a_state_and_no_name(table):
    assert read_states(table("sun\nrain\nsun")).sequences == [["sun", "rain", "sun"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("column", ["sky", "2"])
def test_a_column_is_chosen_by_name_or_number(table, delimiter, column):
    lines = ["day,sky", '1,"sun, warm"', "2,rain", "3", '4,"sun, warm"']
    if delimiter != ",":
        lines = [
            line.replace(",", delimiter).replace(f"sun{delimiter} ", "sun, ") for line in lines
        ]
    record = read_states(table("\r\n".join(lines)), column)
    assert record.sequences == [["sun, warm", "rain"], ["sun, warm"]]
    assert (record.column, record.gaps) == ("sky", 1)


def test_the_mark_that_spreadsheets_write_first_is_no_part_of_the_name(table):
    assert read_states(table(b"\xef\xbb\xbfsky\na\nb\n"), "sky").sequences == [["a", "b"]]


@pytest.mark.parametrize(
    ("content", "column", "told"),
    [
        ("", None, "is empty"),
        ("\n\n", None, "is empty"),
        ("a,b\n1,2\n", None, "column: missing.*choose from a, b"),
        ("a,b\n1,2\n", "c", "column: 'c' is not in"),
        ("a,b\n1,2\n", "3", "column: '3' is not in"),
        (b"a\0b", None, "is binary"),
        ("é\n".encode("latin-1"), None, "is not UTF-8"),
        ("a\n" + "x" * 200_000 + "\n", None, "is not a CSV file"),
    ],
)
def test_what_is_no_table_is_refused_with_the_remedy(table, content, column, told):
    with pytest.raises(InputError, match=told):
        read_states(table(content), column)


def test_a_missing_or_huge_file_is_told(table, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is not a file"):
        read_states(tmp_path / "none.csv")
    monkeypatch.setattr("kineograph.families.chain.states.MAX_BYTES", 3)
    with pytest.raises(LimitError, match="split the file"):
        read_states(table("a\nb\n"))
