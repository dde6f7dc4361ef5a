"""`kineograph data`: what it lists, and what it says when something is in the way."""

import json

import pytest

from kineograph.cli import main
from kineograph.data import sticker_packs
from kineograph.values.errors import MissingError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["data", *words])
    return int(left.value.code or 0)


def test_list_names_every_package_with_its_licence(capsys):
    assert run("list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["packages"]
    ours = {"MIT", "Apache-2.0", "OFL-1.1", "BSD-3-Clause", "CC0-1.0", "CC-BY-2.0"}
    assert {row["licence"] for row in rows} == ours
    assert not any(row["fetched"] for row in rows)


def test_a_fetch_that_fails_leaves_with_code_3(monkeypatch, capsys):
    def fails(package):
        raise MissingError(f"{package.name}: npm is not on this machine; install Node.js")

    monkeypatch.setattr(sticker_packs, "fetch", fails)
    assert run("stickers") == 3
    assert "install Node.js" in capsys.readouterr().err


def test_an_existing_sheet_is_refused_before_anything_is_fetched(monkeypatch, tmp_path, capsys):
    def never(package):
        raise AssertionError("fetched")

    monkeypatch.setattr(sticker_packs, "fetch", never)
    sheet = tmp_path / "sheet.png"
    sheet.touch()
    assert run("stickers", "--sheet", str(sheet)) == 2
    assert "--force" in capsys.readouterr().err


def test_the_notice_names_every_package():
    from pathlib import Path

    from kineograph.data.packages import PACKAGES

    notice = (Path(__file__).parent.parent / "NOTICE").read_text("utf-8")
    series = "@lobehub/fluent-emoji-anim-"  # named as 1 … 4
    missing = [name for name in PACKAGES if name not in notice and not name.startswith(series)]
    assert not missing and series in notice
