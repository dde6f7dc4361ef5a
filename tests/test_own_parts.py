"""A person's own denoiser in our loops, from the docs; ours as a file, equal to 1e-4."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiny_models
from kineograph import models, own_parts
from kineograph.cli import main
from kineograph.families.zoom.settings import FromTexts
from kineograph.media import read
from kineograph.own_parts import denoiser_of, exported
from kineograph.record import read as record_in
from kineograph.values.errors import InputError, KineographError, MissingError
from kineograph.values.export import Export
from kineograph.values.prompt import Cond

DOCS = Path(__file__).parent.parent / "docs" / "own_parts.md"


@pytest.fixture
def denoiser(tmp_path, monkeypatch):
    """The denoiser of the docs as a module in the folder one stands in."""
    text = DOCS.read_text("utf-8")
    code = re.search(r"```python\n# clouds.py\n(.*?)```", text, re.DOTALL)[1]
    assert len(code.splitlines()) <= 30
    (tmp_path / "clouds.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    yield "clouds:Clouds"
    sys.modules.pop("clouds", None)


def run(*words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert not left.value.code, words


def test_the_denoiser_of_the_docs_is_exact_for_its_clouds(denoiser):
    denoise = denoiser_of(denoiser)
    rng = torch.Generator().manual_seed(0)
    made = denoise.denoise
    clean = made.drawn(256, 16, rng)  # (N, 3, 1, 16, 16)
    errors = {}
    for sigma in (0.1, 1.0, 10.0):
        x = clean + sigma * torch.randn(clean.shape, generator=rng)
        guess = denoise(x, torch.full((256,), sigma), Cond())
        errors[sigma] = float((guess - clean).square().mean())
        assert errors[sigma] < min(sigma**2, float(clean.square().mean())) * 1.02
        around = [0.5 * guess, 1.5 * guess, guess + 0.1 * (x - guess)]
        assert all(float((one - clean).square().mean()) > errors[sigma] for one in around)


def test_it_flies_through_a_zoom_and_makes_a_cascade(denoiser, tmp_path):
    tiny_models.scenes(tmp_path / "tiny")
    run("zoom", "--level", "a", "--level", "b", "--denoiser", denoiser, "--model", "./tiny",
        "--seconds", "0.5", "--fps", "4", "--size", "32", "--seed", "1",
        "-o", "flight.webp")  # fmt: skip
    assert read("flight.webp").frames.shape[-1] == 32
    run("image", "clouds", "--by", "cascade", "--denoiser", denoiser, "--model", "./tiny",
        "--seed", "1", "-o", "own.png")  # fmt: skip
    run("image", "clouds", "--by", "cascade", "--model", "./tiny", "--seed", "1", "-o", "ours.png")
    assert not torch.equal(read("own.png").frames, read("ours.png").frames)
    assert record_in(Path("own.png")).settings["denoiser"] == denoiser


def test_a_denoiser_of_motion_moves_a_picture(tmp_path, monkeypatch):
    tiny_models.animate(tmp_path / "tiny")
    (tmp_path / "still.py").write_text(
        "def denoise(x, sigma, cond):\n"
        "    assert x.shape[1] == 5 and cond.first is not None\n"
        "    return 0 * x\n"
    )
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    Image.linear_gradient("L").resize((16, 16)).convert("RGB").save("picture.png")
    run("video", "--image", "picture.png", "--denoiser", "still:denoise", "--model", "./tiny",
        "--seed", "1", "-o", "still.webp")  # fmt: skip
    frames = read("still.webp").frames
    assert len(frames) > 1
    assert float((frames - frames[:1]).abs().max()) < 0.02, "no motion is no motion"
    sys.modules.pop("still", None)


def test_a_file_of_requests_names_code_where_the_person_says_so(denoiser, tmp_path, capsys):
    tiny_models.scenes(tmp_path / "tiny")
    asked = {"verb": "image", "text": "clouds", "by": "cascade", "model": "./tiny", "seed": 1,
             "denoiser": denoiser, "out": "own.png"}  # fmt: skip
    (tmp_path / "asked.jsonl").write_text(json.dumps(asked))
    with pytest.raises(SystemExit) as left:
        main(["batch", "asked.jsonl", "-o", "out"])
    assert left.value.code == 2
    assert "names code" in capsys.readouterr().err
    run("batch", "asked.jsonl", "-o", "out", "--own-code")
    run("image", "clouds", "--by", "cascade", "--denoiser", denoiser, "--model", "./tiny",
        "--seed", "1", "-o", "own.png")  # fmt: skip
    assert torch.equal(read("out/own.png").frames, read("own.png").frames)


def test_a_recipe_learns_of_a_persons_own_feed_where_they_say_so(tmp_path, monkeypatch):
    text = DOCS.read_text("utf-8")
    (tmp_path / "stripes.py").write_text(
        re.search(r"```python\n# stripes.py\n(.*?)```", text, re.DOTALL)[1]
    )
    monkeypatch.chdir(tmp_path)
    from kineograph import recipe as recipes

    about = recipes.read(tiny_models.pictures(tmp_path / "tiny"))
    own = replace(about, data="stripes:Stripes")
    (tmp_path / "mine.json").write_text(recipes.to_json(own))
    with pytest.raises(SystemExit) as left:
        main(["train", "mine.json", "--out", "run"])
    assert left.value.code == 2
    assert "stripes" not in sys.modules
    run("train", "mine.json", "--out", "run", "--own-code", "--resume")
    run("train", "--out", "run", "--export", "model")
    assert recipes.load("./model").size == 16
    sys.modules.pop("stripes", None)


def test_no_record_and_no_file_of_requests_names_code(denoiser, tmp_path):
    tiny_models.scenes(tmp_path / "tiny")
    run("image", "clouds", "--by", "cascade", "--denoiser", denoiser, "--model", "./tiny",
        "--seed", "1", "-o", "own.png")  # fmt: skip
    from kineograph.again import again

    with pytest.raises(InputError, match="names code as denoiser"):
        again(Path("own.png"), changed={"model": "./tiny"})
    with pytest.raises(InputError, match="names code"):
        models.settings_of("zoom", {"level": ("a", "b"), "denoiser": denoiser})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("clouds", "is no place of one"),
        ("nothing_here:denoise", "No module named"),
        ("clouds:Rain", "has no 'Rain'"),
        ("clouds:torch", "cannot be called"),
        ("gone.pt2", "is not there"),
    ],
)
def test_what_is_no_denoiser_is_told(denoiser, given, told):
    with pytest.raises(KineographError, match=told):
        denoiser_of(given)


def test_answers_of_the_wrong_shape_or_not_finite_are_refused():
    x = torch.zeros(1, 3, 1, 8, 8)
    for answer, told in ((x[:, :2], "answers"), (x / 0, "not finite")):
        checked = own_parts.Checked(lambda x, sigma, cond, answer=answer: answer, "mine")
        with pytest.raises(KineographError, match=told):
            checked(x, torch.ones(1), Cond())


def test_an_exported_network_is_ours_to_1e_4(tmp_path):
    from kineograph import recipe as recipes

    folder = tiny_models.pictures(tmp_path / "tiny")
    facts = exported(Export(name=str(folder)), tmp_path / "tiny.pt2")
    assert facts["apart"] <= 1e-4
    ours = recipes.trained(recipes.read(folder).parts[0], folder)
    theirs = denoiser_of(str(tmp_path / "tiny.pt2"))
    rng = torch.Generator().manual_seed(0)
    words = torch.randn(3, 7, 384, generator=rng)
    mask = torch.ones(3, 7, dtype=torch.bool)
    x = torch.randn(3, 4, 1, 16, 16, generator=rng)
    for cond in (
        Cond(words, mask, words.mean(1)),
        Cond(words, mask, words.mean(1)).without_words(),
    ):
        with torch.no_grad():
            apart = ours(x, torch.ones(3), cond) - theirs(x, torch.ones(3), cond)
        assert float(apart.abs().max()) <= 1e-4


def test_a_stage_that_stands_on_another_is_not_exported(tmp_path):
    folder = tiny_models.scenes(tmp_path / "tiny")
    with pytest.raises(InputError, match="no first stage"):
        exported(Export(name=str(folder), part="more"), tmp_path / "out.pt2")
    (tmp_path / "bad.pt2").write_bytes(b"PK")
    with pytest.raises(MissingError, match="cannot be read"):
        denoiser_of(str(tmp_path / "bad.pt2"))


def test_settings_with_an_adapter_take_its_weight_after_a_colon(tmp_path):
    (tmp_path / "mine").mkdir()
    said = FromTexts(level=("a", "b"), adapter=(f"{tmp_path / 'mine'}:0.5", str(tmp_path / "mine")))
    assert said.adapters() == ((tmp_path / "mine", 0.5), (tmp_path / "mine", 1.0))
    with pytest.raises(InputError, match="2 for 1"):
        FromTexts(level=("a", "b"), adapter=(str(tmp_path),), adapter_weight=(1, 2))
