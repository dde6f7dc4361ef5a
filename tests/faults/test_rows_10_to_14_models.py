"""Rows 10 to 14: pickles, hostile weights and recipes, wrong hashes, models that are not there."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from conftest import apart
from kineograph import recipe as recipes
from kineograph import weight_files
from kineograph.values.errors import InputError, LimitError, MissingError

SHIPPED = recipes.WEIGHTS


class Canary:
    def __reduce__(self):
        return (Path.write_text, (Path("canary"), "it was opened"))


@pytest.fixture
def tokens(tmp_path) -> Path:
    """A copy of the smallest shipped model that makes pictures."""
    shutil.copytree(SHIPPED / "tokens", tmp_path / "tokens")
    return tmp_path / "tokens"


def picture(model: Path, out: Path) -> tuple[object, ...]:
    return ("image", "a cat", "--by", "tokens", "--model", model, "--seed", 1, "-o", out)


@pytest.mark.parametrize("how", ["renamed", "beside"])
def test_row_10_a_pickle_is_never_opened(how, run, tokens, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = pickle.dumps({"writer": Canary()})
    if how == "beside":
        (tokens / "writer.safetensors").unlink()
        (tokens / "writer.pt").write_bytes(bomb)
    else:
        (tokens / "writer.safetensors").write_bytes(bomb)
    ended = run(*picture(tokens, tmp_path / "x.png"))
    assert ended.code == 3 and "writer.safetensors" in ended.err
    assert run("models", "verify", tokens).code == 3
    assert not (tmp_path / "canary").exists()


def stored(path: Path, header: object, body: bytes = bytes(16), *, raw: bytes = b"") -> Path:
    text = raw or json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def row(begin: int = 0, end: int = 16, shape=(4,), dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


ONE = json.dumps(row()).encode()
HOSTILE = {
    "overlap": {"a": row(0, 16), "b": row(8, 16, (2,))},
    "gap": {"a": row(4, 16, (3,))},
    "beyond the end": {"a": row(0, 32, (8,))},
    "other size": {"a": row(0, 16, (5,))},
    "negative": {"a": row(-16, 0)},
    "a huge shape": {"a": row(0, 16, (2**40, 2**40))},
    "no type": {"a": row(dtype="F4000")},
    "no place": {"a": {"dtype": "F32", "shape": [4]}},
    "a list": [1, 2],
    "too many": {str(i): row(0, 0, (0,)) for i in range(20_001)},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_row_11_a_hostile_header_is_refused_by_name(name, tmp_path):
    begun = time.monotonic()
    with pytest.raises(MissingError, match=r"x\.safetensors"):
        weight_files.read(stored(tmp_path / "x.safetensors", HOSTILE[name]))
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "raw", [b'{"a": ' + ONE + b', "a": ' + ONE + b"}", b"[" * 90_000, b"{", b'{"a": 1}', b"\xff{}"]
)
def test_row_11_a_name_given_twice_and_what_is_no_json(raw, tmp_path):
    with pytest.raises(MissingError, match="damaged"):
        weight_files.read(stored(tmp_path / "x.safetensors", None, raw=raw))


@pytest.mark.parametrize("length", [0, 5, 2**23, 2**63])
def test_row_11_a_header_longer_than_its_file(length, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", length)[: 8 if length != 5 else 5] + b" " * 20)
    with pytest.raises(MissingError, match="damaged"):
        weight_files.read(path)


def test_row_11_what_the_library_writes_is_read_the_same(tmp_path):
    tensors = {
        "float": torch.randn(3, 5),
        "half": torch.randn(7).to(torch.bfloat16),
        "whole": torch.arange(9).reshape(3, 3),
        "flag": torch.tensor([True, False, True]),
        "none": torch.empty(0, 4),
        "one": torch.tensor(3.5, dtype=torch.float64),
    }
    save_file(tensors, tmp_path / "x.safetensors", {"about": "it"})
    found = weight_files.read(tmp_path / "x.safetensors")
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)
    with pytest.raises(LimitError, match="the limit is 10"):
        weight_files.read(tmp_path / "x.safetensors", most=10)


@pytest.mark.parametrize("harm", ["int32", "bool", "nan", "missing", "extra", "shape"])
def test_row_11_weights_of_another_type_shape_or_name_are_refused(harm, tmp_path):
    want = {"a": torch.ones(4), "b": torch.ones(2, 2)}
    tensors = dict(want)
    match harm:
        case "int32" | "bool":
            tensors["a"] = torch.ones(4, dtype=getattr(torch, harm))
        case "nan":
            tensors["a"] = torch.tensor([1, 2, float("nan"), 4])
        case "missing":
            del tensors["a"]
        case "extra":
            tensors["c"] = torch.ones(1)
        case "shape":
            tensors["a"] = torch.ones(2, 2)
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(MissingError, match=r"tensor [ac] "):
        recipes.load_tensors(tmp_path / "x.safetensors", want)


@pytest.mark.parametrize(
    "change",
    [
        {"family": None},
        {"family": "x" * 100_000},
        {"family": 3},
        {"name": "x" * 100_000},
        {"name": "../../x"},
        {"steps": [10**9] * 6},
        {"guidance": [float("nan")] * 6},
        {"guidance": [1e999]},
        {"styles": "x" * 1000},
        {"stages": []},
        {"stages": [1]},
        {"stages": None},
        {"auto_map": {"AutoModel": "evil.py"}},
        {"weights": ["a"]},
        {"weights": {"base.safetensors": "../../etc"}},
        {"seconds": -1},
        {"seconds": 1e30},
        {"text": "../../minilm"},
    ],
)
def test_row_12_a_hostile_recipe_is_refused_by_field(change, run, tmp_path):
    told = json.loads((SHIPPED / "stickers" / "recipe.json").read_text())
    (tmp_path / "recipe.json").write_text(json.dumps(told | change))
    ended = run("models", "verify", tmp_path)
    assert ended.code in (2, 3, 4), ended.err
    assert "Error" not in ended.err and len(ended.err) < 1000
    assert "recipe" in ended.err


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{" * 100_000, '{"a":' * 50_000, " " * 10_000_001, "é".encode("utf-16")],
    ids=["empty", "list", "null", "braces", "deep", "10 MB", "utf-16"],
)
def test_row_12_what_is_no_recipe_is_told(text, run, tmp_path):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "recipe.json").write_bytes(content)
    for words in (["models", "verify", tmp_path], ["train", tmp_path / "recipe.json"]):
        ended = run(*words)
        assert ended.code == 2, ended.err
        assert "Error" not in ended.err and len(ended.err) < 1000


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"_class_name": "Nothing"},
        {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]},
        {"vae": ["diffusers", "../evil"]},
        {"vae": ["custom", "Evil"]},
        {"vae": 3},
    ],
)
def test_row_12_a_public_folder_that_says_little_is_told(index, run, tmp_path):
    pytest.importorskip("diffusers")
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "config.json").write_text("{}")
    ended = run("models", "verify", tmp_path)
    assert ended.code == 3, ended.err
    assert "Error" not in ended.err


def test_row_13_a_flipped_bit_in_any_shipped_file_is_noticed(run, tmp_path):
    for name in recipes.models():
        shutil.copytree(SHIPPED / name, tmp_path / name)
        for path in sorted((tmp_path / name).glob("*.safetensors")):
            whole = path.read_bytes()
            harmed = bytearray(whole)
            harmed[-1000] ^= 1
            path.write_bytes(harmed)
            from kineograph.recipe.files import read_tensors

            with pytest.raises(MissingError, match="are not those of the model"):
                read_tensors(path, most=10**9)
            path.write_bytes(whole)


def test_row_13_every_shipped_weights_file_has_its_hash_in_the_recipe():
    for name in recipes.models():
        folder = SHIPPED / name
        files = {path.name for path in folder.glob("*.safetensors")}
        assert set(recipes.files.declared(folder) or {}) == files
        for file in files:
            from kineograph.files import sha256_of

            assert recipes.files.expected(folder / file) == sha256_of(folder / file)


def test_row_13_commands_refuse_harmed_weights(run, tokens, tmp_path):
    path = tokens / "writer.safetensors"
    harmed = bytearray(path.read_bytes())
    harmed[-7] ^= 4
    path.write_bytes(harmed)
    ended = run(*picture(tokens, tmp_path / "x.png"))
    assert ended.code == 3 and "writer.safetensors' are not those of the model" in ended.err
    assert run("models", "verify", tokens).code == 3
    assert not (tmp_path / "x.png").exists()


def test_row_13_a_file_not_named_in_the_recipe_is_not_loaded(tokens):
    shutil.copy(tokens / "writer.safetensors", tokens / "other.safetensors")
    with pytest.raises(MissingError, match="not named in the recipe"):
        recipes.load_tensors(tokens / "other.safetensors", {})


def test_row_13_a_file_replaced_while_it_is_read_changes_nothing(tmp_path):
    """Hash and tensors come from one mapping: another file under the name is another file."""
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(1000)}, path)
    found = weight_files.read(path)
    save_file({"a": torch.zeros(1000)}, tmp_path / "y.safetensors")
    (tmp_path / "y.safetensors").replace(path)
    assert torch.equal(found["a"], torch.ones(1000))


def test_row_14_a_model_that_is_not_here_is_told_at_once_without_a_network(tmp_path):
    begun = time.monotonic()
    words = ["image", "a cat", "--by", "tokens", "--model", "flux", "-o", tmp_path / "x.png"]
    ended = apart(*words)
    assert ended.code == 3 and "there are:" in ended.err
    assert time.monotonic() - begun < 30  # of which all but a moment is the start of Python


def test_row_12_a_language_whose_numbers_are_absurd(tmp_path):
    told = json.loads((SHIPPED / "words" / "recipe.json").read_text())
    told["speaker"]["shape"]["width"] = 16384
    told["speaker"]["shape"]["depth"] = 256
    (tmp_path / "recipe.json").write_text(json.dumps(told))
    with pytest.raises((LimitError, InputError, MissingError)):
        recipes.load(str(tmp_path))
