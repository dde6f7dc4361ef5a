"""Many requests from one file: cut anywhere and started again, the same files, none made twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kineograph import batch, record
from kineograph.cli import main
from kineograph.values.errors import InputError
from kineograph.values.progress import last

BRICK = Path(__file__).parent.parent / "docs" / "brick.png"


@pytest.fixture
def requests(tmp_path):
    shutil.copy(BRICK, tmp_path / "brick.png")
    path = tmp_path / "requests.jsonl"
    row = {"verb": "texture grow", "sample": ["brick.png"], "window": 7, "size": "24x24"}
    grid = {"seed": [1, 2, 3, 4, 5], "epsilon": [0.1, 0.2], "max_error": [0.3, 0.4]}
    path.write_text(json.dumps(row | {"grid": grid}) + "\n\n")
    return path


def files(folder):
    return {p.name: p.read_bytes() for p in folder.glob("0*.png")}


def test_a_grid_is_every_combination(requests):
    items = batch.read(requests)
    assert len(items) == 20 and len({item.digest for item in items}) == 20
    assert [item.seed for item in items[:5]] == [1, 1, 1, 1, 2]
    assert items[0].out == "0001-texture-grow.png"


def test_a_run_killed_at_five_places_ends_in_the_same_files_none_made_twice(requests, tmp_path):
    whole = tmp_path / "whole"
    last(batch.run(batch.read(requests), whole))
    expected = files(whole)
    assert len(expected) == 20

    cut = tmp_path / "cut"
    words = [sys.executable, "-m", "kineograph", "batch", str(requests), "-o", str(cut)]
    born = {}
    for stop in (2, 6, 9, 13, 17):
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while len(files(cut)) < stop and running.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
        for path in cut.glob("0*.png"):
            facts = (path.stat().st_ino, path.stat().st_mtime_ns)
            assert born.setdefault(path.name, facts) == facts, "made twice"
            assert path.read_bytes() == expected[path.name]
    ended = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True)
    told = json.loads(ended.stdout)
    assert told["made"] + told["kept"] == 20 and told["kept"] >= 17
    assert files(cut) == expected
    for name, facts in born.items():
        assert ((cut / name).stat().st_ino, (cut / name).stat().st_mtime_ns) == facts
    assert (cut / "sheet.png").is_file() and (cut / "index.html").is_file()


def test_second_outputs_are_made_named_in_the_record_and_made_again(requests, tmp_path):
    row = json.loads(requests.read_text())
    row.pop("grid")
    requests.write_text(json.dumps(row | {"map": "where.npz", "trace": "steps.webp"}))
    items, out = batch.read(requests), tmp_path / "out"
    last(batch.run(items, out))
    names = {"where.npz", "where.png", "steps.webp", items[0].out}
    assert names <= {path.name for path in out.iterdir()}
    found = record.read(out / items[0].out)
    assert found.whole["extras"] == ["map", "trace"]

    (out / "where.npz").unlink()
    assert [one.state for one in last(batch.run(items, out))] == ["made"]
    assert [one.state for one in last(batch.run(items, out))] == ["kept"]

    shutil.copy(BRICK, out / "brick.png")
    with pytest.raises(SystemExit) as left:
        main(["rerun", str(out / items[0].out)])
    assert left.value.code == 0
    stem = Path(items[0].out).stem
    for name, again in (
        ("where.npz", "map.npz"),
        ("steps.webp", "trace.mp4"),
        (items[0].out, "png"),
    ):
        made = out / f"{stem}.again.{again}"
        assert made.is_file()
        if made.suffix == (out / name).suffix:
            assert made.read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "value"), [("map", "where.png"), ("map", "../where.npz"), ("plot", "a.png")]
)
def test_a_second_output_that_cannot_be_is_refused_by_name(requests, name, value):
    row = json.loads(requests.read_text())
    row.pop("grid")
    requests.write_text(json.dumps(row | {name: value}))
    with pytest.raises(InputError) as refused:
        batch.read(requests)
    assert refused.value.field == name


def test_every_file_carries_its_record(requests, tmp_path):
    items = batch.read(requests)[:2]
    last(batch.run(items, tmp_path / "out"))
    found = record.read(tmp_path / "out" / items[1].out)
    assert (found.verb, found.seed, found.settings["max_error"]) == ("texture grow", 1, 0.4)


def test_a_file_of_another_request_is_not_overwritten_unasked(requests, tmp_path):
    items = batch.read(requests)[:1]
    out = tmp_path / "out"
    last(batch.run(items, out))
    changed = [items[0]._replace(seed=9, digest="other")]
    with pytest.raises(InputError, match="made from another request"):
        last(batch.run(changed, out))
    before = files(out)
    last(batch.run(changed, out, force=True))
    assert files(out) != before


def test_a_failed_request_ends_the_run_or_is_told_at_its_end(requests, tmp_path, capsys):
    row = {"verb": "texture grow", "sample": ["brick.png"], "size": "24x24", "seed": 1}
    lines = [row | {"window": 99, "out": "bad.png"}, row | {"window": 7, "out": "good.png"}]
    requests.write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "out"

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main(["batch", str(requests), "-o", str(out), *words])
        return left.value.code

    assert run() == 2 and not (out / "good.png").exists()
    assert run("--continue-on-error") == 1
    assert (out / "good.png").is_file() and not (out / "bad.png").exists()
    assert "bad.png: window: 99 is wider than the sample" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[1]", "line 1 is no object"),
        ("{", "cannot be read"),
        ('{"text": "a"}', "verb: is missing in line 1"),
        ('{"verb": "vidoe", "text": "a"}', "did you mean video"),
        ('{"verb": "image", "text": "a", "sise": 3}', "sise: is not for .*line 1"),
        ('{"verb": "image", "text": "a", "seed": -1}', "seed: -1 of line 1"),
        ('{"verb": "image", "text": "a", "out": "../a.png"}', "is no file name"),
        ('{"verb": "image", "text": "a", "out": "a.mp4"}', "cannot be written"),
        ('{"verb": "image", "text": "a", "grid": {"seed": 3}}', "no table of lists"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_made(line, told, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=told):
        batch.read(path)


GROW = {"verb": "texture grow", "sample": ["brick.png"], "window": 7, "size": "24x24"}


@pytest.mark.parametrize("name", ["sheet.png", "Index.html", "batch.json"])
def test_what_a_batch_writes_itself_is_no_name_of_an_item(name, requests):
    row = {"verb": "loop", "clip": "brick.png"} if name.endswith("html") else GROW
    requests.write_text(json.dumps(row | {"out": name}))
    with pytest.raises(InputError) as refused:
        batch.read(requests)
    assert refused.value.field == "out"


def test_names_that_differ_in_case_alone_are_one_name(requests):
    rows = [GROW | {"out": "a.png"}, GROW | {"out": "A.png"}]
    requests.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match="is named twice"):
        batch.read(requests)


def test_a_line_ends_with_a_line_feed_alone_and_a_mark_of_byte_order_is_passed(requests):
    row = json.dumps({"verb": "image", "text": "a\u2028dog"}, ensure_ascii=False)
    requests.write_bytes(b"\xef\xbb\xbf" + f"{row}\r\n{row}\r\n".encode())
    assert [item.settings.text for item in batch.read(requests)] == ["a dog", "a dog"]


def test_the_line_that_cannot_be_read_and_the_input_that_is_not_there_are_named(requests):
    requests.write_text(json.dumps(GROW) + "\n{\n")
    with pytest.raises(InputError, match=r"line 2 of 'requests.jsonl' cannot be read .*column 2"):
        batch.read(requests)
    requests.write_text(json.dumps(GROW) + "\n" + json.dumps(GROW | {"sample": ["no.png"]}))
    with pytest.raises(InputError, match=r"^sample: '.*no.png' is not there \(line 2\)"):
        batch.read(requests)


def test_toml_of_one_request_or_of_none_is_told(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[request]\nverb = "image"\ntext = "a dog"\n')
    assert [item.settings.text for item in batch.read(path)] == ["a dog"]
    path.write_text("request = 3\n")
    with pytest.raises(InputError, match="request 1 is no object"):
        batch.read(path)


def test_toml_says_the_same(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(
        '[[request]]\nverb = "image"\ntext = "a dog"\n[request.grid]\nseed = [1, 2]\n'
        "guidance = [1, 2.5]\n"
    )
    items = batch.read(path)
    assert [(item.seed, item.settings.guidance) for item in items] == [
        (1, 1.0), (1, 2.5), (2, 1.0), (2, 2.5)
    ]  # fmt: skip
    assert os.fspath(items[0].out) == "0001-a-dog.png"
