"""Rows 15 to 20: hostile prompts, schedules, numbers and sizes; too little memory; no numbers."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from conftest import apart, left_over
from kineograph import models
from kineograph.cli.door import harmless
from kineograph.values.errors import InputError, KineographError, LimitError, is_full, is_memory
from kineograph.values.prompt import clean_text

PROMPTS = {
    "empty": "",
    "spaces": " \t\n ",
    "controls": "\x00\x1b\x07",
    "a megabyte": "a " * 500_000,
    "half a pair": "cat \ud83d",
    "zero width": "\u200b\u200c\ufeff",
}
FINE = (
    "a cat \u202eevil\u202c",
    "👩‍👩‍👧 dog",
    "{0.__class__} %s {{x}}",
    "<script>alert(1)</script>",
)


@pytest.mark.parametrize("name", PROMPTS)
def test_row_15_a_prompt_that_says_nothing_or_too_much_is_refused(name):
    with pytest.raises(InputError, match="text"):
        clean_text(PROMPTS[name])


@pytest.mark.parametrize("text", FINE)
def test_row_15_any_other_prompt_is_read_as_it_is(text):
    assert clean_text(text)


def test_row_15_what_a_terminal_obeys_is_never_echoed(run, tmp_path):
    hostile = "evil\x1b[31m\u202e\x07.mp4"
    ended = run("loop", tmp_path / hostile, "-o", tmp_path / "x.mp4")
    assert ended.code == 2
    assert not any(mark in ended.err for mark in "\x1b\u202e\x07")
    ended = run("loop", tmp_path / hostile, "-o", tmp_path / "x.mp4", "--json")
    assert ended.code == 2 and not any(mark in ended.out for mark in "\x1b\u202e\x07")
    assert harmless("a\x1b[0m\u2066b") == "a\\u001b[0m\\u2066b"


def test_row_15_text_that_is_no_unicode_is_told(made):
    words = ["write", made / "text.txt", "-n", "5", "--start"]
    code = "sys.argv.append(b'\\xff\\xfe'.decode('utf-8', 'surrogateescape'))"
    ended = apart(*words, before=f"import sys\n{code}")
    assert ended.code == 2 and "start: holds half a surrogate pair" in ended.err.replace("--", "")


SCHEDULES = [
    "0=",
    "=1",
    "0=1,0=2",
    "5=1,0=2",
    "-1=1",
    "0=nan",
    "0=inf",
    "0=__import__('os')",
    "a=b",
]


@pytest.mark.parametrize("text", SCHEDULES)
def test_row_16_a_schedule_is_parsed_never_evaluated(text, run, made, tmp_path):
    out = tmp_path / "x.webp"
    ended = run("loop", made / "clip.webp", "--seconds", 1, "--speed", text, "-o", out)
    assert ended.code == 2 and "Error" not in ended.err and len(ended.err) < 2000
    assert not out.exists()


NUMBERS = [
    ("image", {"text": "a", "by": "tokens", "candidates": value})
    for value in (float("nan"), -1, 0, 10**9, "1e999", True, 1.5)
] + [
    ("texture grow", {"sample": ("x.png",), "window": 5, "size": size})
    for size in ("0x0", "-1x5", "99999999x99999999", "nan", "1e9x3")
]


@pytest.mark.parametrize(("verb", "values"), NUMBERS)
def test_row_17_a_number_that_is_none_or_too_large_is_refused_by_field(verb, values):
    field = list(values)[-1]
    with pytest.raises((InputError, LimitError), match=field):
        models.settings_of(verb, values)


def test_row_17_a_product_past_the_limit_is_4(run, made, tmp_path):
    words = ["sheet", made / "clip.webp", "-o", tmp_path / "x.png", "--scale", 5000]
    ended = run(*words)
    assert ended.code == 4 and "scale" in ended.err, ended.err


def test_row_18_a_size_that_is_not_made_names_those_that_are(run, tmp_path):
    words = ["video", "a cat", "--by", "cascade", "--size", 77, "-o", tmp_path / "x.webp"]
    ended = run(*words)
    assert ended.code == 2 and "64" in ended.err


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS holds on Linux alone")
@pytest.mark.parametrize("megabytes", [300, 500, 800, 950])
def test_row_19_too_little_memory_is_4_with_the_forecast(megabytes, tmp_path):
    before = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({megabytes << 20},) * 2)"
    words = ["video", "a red heart", "--by", "cascade", "--seed", 1, "-o", tmp_path / "x.webp"]
    ended = apart(*words, before=before)
    assert ended.code == 4, (ended.code, ended.err)
    assert "memory" in ended.err and "MiB" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("loop", "clip.webp", "--best-loop", "-o", "x.webp"),
        ("texture", "grow", "brick.png", "--size", "16x16", "-o", "x.png"),
        ("write", "text.txt", "-n", 5, "-o", "x.txt"),
    ],
)
@pytest.mark.parametrize("how", ["python", "torch", "numpy"])
def test_row_19_memory_that_runs_out_in_the_middle_is_4_with_the_forecast(
    words, how, run, made, tmp_path, monkeypatch
):
    errors = {
        "python": MemoryError(),
        "torch": RuntimeError("[enforce fail at alloc_cpu.cpp:117] can't allocate memory: 9 bytes"),
        "numpy": MemoryError("Unable to allocate 9 GiB for an array"),
    }
    from kineograph.cli import make

    def fails(*_: object, **__: object) -> None:
        raise errors[how]

    monkeypatch.setattr(make, "made", fails)
    names = ("clip.webp", "brick.png", "text.txt")
    placed = [made / w if w in names else tmp_path / w if str(w)[0] == "x" else w for w in words]
    ended = run(*placed)
    assert ended.code == 4 and "memory ran out" in ended.err and "MiB of memory" in ended.err
    assert not left_over(tmp_path)


def test_row_19_errors_of_disk_and_memory_are_told_apart():
    assert is_full(OSError(28, "No space left on device")) and not is_full(OSError(2, "none"))
    assert is_full(OSError("2048 requested and 0 written"))
    assert not is_full(RuntimeError("a code: 280"))
    assert is_memory(MemoryError()) and is_memory(OSError(12, "Cannot allocate memory"))
    assert not is_memory(RuntimeError("shapes differ")) and not is_memory(None)
    inner = RuntimeError("x")
    inner.__cause__ = MemoryError()
    assert is_memory(inner)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_row_20_numbers_that_are_none_never_become_a_picture(value, tmp_path):
    from kineograph import media
    from kineograph.values.clip import Clip

    with pytest.raises(KineographError) as told:
        media.save(Clip(torch.full((1, 3, 8, 8), value)), tmp_path / "x.png")
    assert "not finite" in str(told.value)
    assert not (tmp_path / "x.png").exists()


def test_row_17_numbers_of_a_batch_are_checked_like_flags(run, made, tmp_path):
    row = {"verb": "texture grow", "sample": ["brick.png"], "size": "16x16", "seed": 1e999}
    (tmp_path / "r.jsonl").write_text(json.dumps(row))
    ended = run("batch", tmp_path / "r.jsonl", "-o", tmp_path / "out")
    assert ended.code == 2 and "seed" in ended.err
