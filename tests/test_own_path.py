"""The path of a stranger, its five commands copied from the docs, at tiny size."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

import tiny_models
from kineograph.cli import main
from kineograph.media import read
from kineograph.record import read as record_in

ROOT = Path(__file__).parent.parent
SMALL = {
    "tune": ["--samples", "16", "--prior", "0"],
    "image": ["--model", "./tiny", "--size", "64", "--seed", "1"],
    "video": ["--model", "./tiny", "--size", "64", "--frames", "2", "--seed", "1"],
}


def test_folder_pack_tune_and_a_transparent_clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_models.pictures(tmp_path / "tiny")
    script = runpy.run_path(str(ROOT / "examples" / "blip_drawings.py"))
    script["main"].__globals__.update(POSES=script["POSES"][:4], FINER=1, SIDE=64)
    monkeypatch.setattr("sys.argv", ["blip_drawings.py", "drawings"])
    script["main"]()

    text = (ROOT / "docs" / "own.md").read_text("utf-8")
    lines = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1].strip().splitlines()
    assert len(lines) == 5
    for line in lines:
        program, verb, *words = shlex.split(line)
        assert program == "kineograph"
        words = ["./tiny" if word == "pictures" else word for word in words]
        with pytest.raises(SystemExit) as left:
            main([verb, *words, *SMALL.get(verb, [])])
        assert not left.value.code, line

    clip = read("blip.webp")
    assert clip.frames.shape[1] == 4
    assert float(clip.frames[:, 3].min()) == 0  # transparent somewhere
    adapter = record_in(Path("blip.webp")).inputs["adapter.0"]
    assert adapter["name"] == "blip"
    assert len(adapter["sha256"]) == 64
