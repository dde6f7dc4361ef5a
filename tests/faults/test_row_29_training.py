"""Row 29: training that is killed, on damaged checkpoints, on other data, on hardly any data."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import TEXT, left_over
from kineograph import recipe as recipes
from kineograph.families.language.recipe import Language, LanguagePart
from kineograph.families.language.words.byte_pairs import BytePairs
from kineograph.nets.causal import CausalShape
from kineograph.recipe import Phase
from kineograph.values.errors import KineographError


def recipe_file(folder: Path, *, small: bool = False, text: str = TEXT, samples: int = 64) -> Path:
    """A language of letters over a text, as a recipe in a folder."""
    width = 8 if small else 32
    shape = CausalShape(
        size=BytePairs("").size, width=width, depth=1, head=8, window=16, places=False, words=0
    )
    part = LanguagePart("speaker", shape, (Phase(samples, 8, 1, 1e-3),))
    (folder / "data.txt").write_text(text)
    about = Language("letters", str(folder / "data.txt"), "", part)
    path = folder / "letters.json"
    path.write_text(recipes.to_json(about))
    return path


def log_of(run: Path) -> list[tuple[int, float]]:
    lines = (run / "log.jsonl").read_text().splitlines()
    return [(one["seen"], one["loss"]) for one in map(json.loads, lines) if "loss" in one]


def test_an_empty_text_and_one_of_one_letter_are_refused(run, tmp_path):
    for number, text in enumerate(("", "  \n", "a" * 500)):
        path = recipe_file(tmp_path, text=text)
        ended = run("train", path, "--out", tmp_path / f"run{number}")
        assert ended.code == 2 and "data: says nothing" in ended.err


def test_a_text_shorter_than_a_window_trains(run, tmp_path):
    ended = run("train", recipe_file(tmp_path, text="to be"), "--out", tmp_path / "run")
    assert ended.code == 0, ended.err


def test_other_data_is_noticed_and_refused(run, tmp_path):
    path = recipe_file(tmp_path)
    words = ["train", path, "--out", tmp_path / "run"]
    assert run(*words).code == 0
    (tmp_path / "data.txt").write_text(TEXT.replace("cat", "cow"))
    ended = run(*words, "--resume")
    assert ended.code == 2 and "data: is not what 'speaker' learned from" in ended.err
    (tmp_path / "data.txt").write_text(TEXT)
    assert run(*words, "--resume").code == 0


def pack(folder: Path) -> Path:
    """The files of a pack that count, and one that is made from them later."""
    folder.mkdir()
    (folder / "index.json").write_text("{}")
    for name in ("clips_64", "stills_64"):
        np.save(folder / f"{name}.npy", np.arange(12, dtype=np.uint8))
    return folder


def test_the_hash_of_a_pack_covers_its_pixels_and_not_what_is_made_of_them(tmp_path):
    from kineograph.training import loop as train
    from kineograph.training.objectives import data_of

    about, folder = recipes.read(recipes.folder_of("stickers")), pack(tmp_path / "pack")
    whole = data_of(about, folder)
    np.save(folder / "text_states.npy", np.zeros(3))
    assert data_of(about, folder) == whole
    assert train._agree(whole.split()[0], whole)  # a state of before pixels were hashed
    pixels = folder / "stills_64.npy"
    pixels.write_bytes(pixels.read_bytes()[:-1] + b"\xff")
    assert not train._agree(data_of(about, folder), whole)
    assert not train._agree("0" * 64, whole) and train._agree("", whole)


def test_a_distillation_notices_other_data_too(run, tmp_path, monkeypatch):
    from kineograph.cli.train import read_recipe
    from kineograph.data import stickers
    from kineograph.training import loop as train

    told = []

    def begun(self, *, resume):
        told.append(self.data)
        raise KineographError("far enough")

    monkeypatch.setattr(train.Run, "begin", begun)
    place = pack(tmp_path / "pack")
    monkeypatch.setattr(stickers, "sticker_folder", lambda: place)
    shipped = Path(__file__).parents[2] / "recipes"
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    about = read_recipe(str(shipped / "stickers.py"))
    (teacher / "recipe.json").write_text(recipes.to_json(about))
    words = ["distill", shipped / "stickers_distilled.py", "--teacher", teacher]
    ended = run(*words, "--out", tmp_path / "run")
    assert ended.code == 1 and "far enough" in ended.err
    assert len(told[0].split()) == 2


def test_a_damaged_checkpoint_is_said_aloud(run, tmp_path):
    words = ["train", recipe_file(tmp_path), "--out", tmp_path / "run"]
    assert run(*words).code == 0
    from kineograph.training import loop

    newest = loop.checkpoints(tmp_path / "run" / "speaker")[-1]
    older = newest.with_name(f"{int(newest.name) - 8:012d}")
    older.mkdir()  # the same state under an older name is no checkpoint either
    for path in newest.iterdir():
        (older / path.name).write_bytes(path.read_bytes())
    whole = (newest / "state.safetensors").read_bytes()
    (newest / "state.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    ended = run(*words, "--resume")
    assert ended.code == 1
    assert "no checkpoint" in ended.err and "remove the folder to begin again" in ended.err


@pytest.mark.parametrize("told", ['{"seen": -5}', "[]", '{"seen": "3"}', "{", "9" * 5000])
def test_a_state_of_another_shape_is_no_checkpoint(run, tmp_path, told):
    words = ["train", recipe_file(tmp_path), "--out", tmp_path / "run"]
    assert run(*words).code == 0
    for path in (tmp_path / "run" / "speaker").glob("*/state.json"):
        facts = json.loads(path.read_text())
        is_field = told.endswith("}")
        path.write_text(json.dumps(facts | json.loads(told)) if is_field else told)
    ended = run(*words, "--resume")
    assert ended.code == 1 and "can be read" in ended.err


def test_a_log_that_ends_in_half_a_line_is_mended(run, tmp_path):
    words = ["train", recipe_file(tmp_path), "--out", tmp_path / "run"]
    assert run(*words).code == 0
    with (tmp_path / "run" / "log.jsonl").open("a") as log:
        log.write('{"seen": 9, "lo')
    assert run(*words, "--resume").code == 0
    assert log_of(tmp_path / "run")


def test_an_empty_run_is_not_exported(run, tmp_path):
    ended = run("train", recipe_file(tmp_path), "--out", tmp_path, "--export", tmp_path / "model")
    assert ended.code == 2 and "holds no checkpoint" in ended.err
    assert not (tmp_path / "model").exists()


def test_a_second_process_is_told_that_the_run_is_taken(run, tmp_path):
    from kineograph.files import locked

    words = ["train", recipe_file(tmp_path), "--out", tmp_path / "run"]
    code = "import sys, time\nfrom pathlib import Path\nfrom kineograph.files import locked\n"
    code += "with locked(Path(sys.argv[1])):\n print('held', flush=True)\n time.sleep(60)"
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        ended = run(*words)
        other.kill()
    assert ended.code == 1 and "is being written by another process" in ended.err
    with locked(tmp_path / "run"):
        pass


@pytest.mark.parametrize("at", [0.0, 0.1])
def test_a_killed_run_goes_on_to_the_bytes_of_the_unbroken_one(run, tmp_path, at):
    path = recipe_file(tmp_path, samples=160)
    assert run("train", path, "--out", tmp_path / "whole").code == 0
    words = [sys.executable, "-m", "kineograph", "train", path, "--out", tmp_path / "cut"]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.DEVNULL) as child:
        log = tmp_path / "cut" / "log.jsonl"
        begun = time.monotonic()
        while not log.exists() and time.monotonic() - begun < 60:
            time.sleep(0.01)
        time.sleep(at)
        child.kill()
    ended = run("train", path, "--out", tmp_path / "cut", "--resume")
    assert ended.code == 0, ended.err
    assert dict(log_of(tmp_path / "cut")) == dict(log_of(tmp_path / "whole"))
    for name in ("whole", "cut"):
        words = ["train", path, "--out", tmp_path / name, "--export", tmp_path / f"{name}-model"]
        assert run(*words).code == 0
    files = [tmp_path / f"{name}-model" / "speaker.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not left_over(tmp_path)


def test_a_hash_of_the_weights_stands_in_what_is_exported(run, tmp_path):
    path = recipe_file(tmp_path)
    assert run("train", path, "--out", tmp_path / "run").code == 0
    words = ["train", path, "--out", tmp_path / "run", "--export", tmp_path / "model"]
    assert run(*words).code == 0
    told = json.loads((tmp_path / "model" / "recipe.json").read_text())
    assert set(told["weights"]) == {"speaker.safetensors"}
    about = recipes.read(tmp_path / "model")
    assert dataclasses.asdict(about) == dataclasses.asdict(recipes.from_json(path.read_text()))
