"""kineograph image, from the words to the file, with tiny models that were never taught."""

import json

import pytest
import torch

from kineograph import finishing, media, recipe
from kineograph.cli import main
from kineograph.diffusion.schedule import Schedule
from kineograph.families.image_tokens.codec_recipe import CodecPart, CodecRecipe
from kineograph.families.image_tokens.recipe import Tokens, Writer
from kineograph.nets.causal import CausalShape
from kineograph.nets.codec import CodecShape
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage
from kineograph.values.clip import Clip
from kineograph.values.prompt import Cond
from test_families_pictures import finisher, kept

PHASES = (Phase(samples=8, batch=4, frames=1, rate=1e-3),)


def stage(name, frames, size, low_frames=0, low_size=0):
    shape = VideoUNetShape(
        patch=2,
        widths=(16,),
        depth=1,
        attention=(not low_size,),
        time="convolution" if low_size else "attention",
        head=16,
        state=16,
        text=384,
        low=bool(low_size),
        circular=True,
    )
    return Stage(name, frames, size, low_frames, low_size, shape, Schedule(0.01, 100.0), PHASES)


def cascade():
    stages = (
        stage("base", 4, 8),
        stage("space16", 4, 16, 4, 8),
        stage("space32", 4, 32, 4, 16),
    )
    steps, guidance = (2, 2, 1), (2.0, 1.0, 1.0)
    about = ("tiny", "stickers", "3d", ("3d", "flat"), 2.0, "minilm")
    return Cascade(*about, stages, steps, guidance, size=16)


def tokens():
    shape = CodecShape(patch=2, widths=(8, 8), depth=(1, 1), latent=4, codes=16, critic=8)
    causal = CausalShape(size=16, width=16, depth=1, head=16, window=16, places=True, words=384)
    codec = CodecPart("codec", 16, 0, shape, PHASES)
    writer = Writer("writer", causal, PHASES)
    about = Tokens(
        "letters", "stickers", "3d", ("3d",), "minilm", codec, writer, guidance=2.0, candidates=3
    )
    assert recipe.from_json(recipe.to_json(about)) == about
    return about


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of a tiny cascade and a tiny writer."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for about in (cascade(), tokens()):
        place = folder / about.name
        place.mkdir()
        (place / "recipe.json").write_text(recipe.to_json(about))
        for part in about.parts:
            tensors = recipe.network(part).state_dict()
            shaken = {k: v + 0.02 * torch.randn(v.shape) for k, v in tensors.items()}
            recipe.save_tensors(place / f"{part.name}.safetensors", shaken, {})
    return folder


@pytest.fixture(autouse=True)
def own_finisher(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("finisher") / "tiny"
    monkeypatch.setattr(finishing, "MODEL", str(kept(finisher(), place)))


@pytest.fixture(autouse=True)
def quick_words(monkeypatch):
    """Texts read by their letters, so that no encoder is loaded."""

    def read(texts):
        rows = torch.zeros(len(texts), 24, 384)
        for row, text in zip(rows, texts, strict=True):
            row[: len(text.encode()), 0] = torch.tensor([*text.encode()][:24]) / 255
        return Cond(rows, rows[..., 0] > 0, rows.mean(1))

    monkeypatch.setattr(recipe.loading, "texts", lambda folder=None: read)


def run(*words, capsys, expect=0):
    """Exit code checked; returns (facts of --json or None, stderr)."""
    with pytest.raises(SystemExit) as left:
        main(["image", *map(str, words)])
    told = capsys.readouterr()
    assert left.value.code == expect, told.err
    lines = [line for line in told.out.splitlines() if line.startswith("{")]
    return (json.loads(lines[-1]) if lines else None), told.err


def pixels(path):
    return media.read(path).frames


@pytest.mark.parametrize(
    ("by", "model"), [("cascade", "tiny"), ("diffusion", "tiny"), ("tokens", "letters")]
)
def test_words_become_a_picture_and_a_seed_repeats_its_bytes(tmp_path, models, capsys, by, model):
    options = ("--by", by, "--model", models / model, "--seed", 7, "--json")
    facts, _ = run("a red heart", "-o", tmp_path / "a.png", *options, capsys=capsys)
    assert facts["seed"] == 7 and facts["size"] == 16 and facts["outputs"]
    run("a red heart", "-o", tmp_path / "b.png", *options, capsys=capsys)
    assert pixels(tmp_path / "a.png").shape == (1, 3, 16, 16)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    if by == "tokens":
        assert "best of 3 by the writer's own likelihood" in facts["notes"][0]


@pytest.mark.parametrize("times", [2, 4])
def test_more_pixels_come_from_the_finisher(tmp_path, models, capsys, times):
    options = ("--by", "tokens", "--model", models / "letters", "--upscale", times, "--json")
    facts, _ = run("a dog", "-o", tmp_path / "a.png", *options, capsys=capsys)
    side = 16 * times
    assert pixels(tmp_path / "a.png").shape == (1, 3, side, side) and facts["size"] == side
    assert facts["notes"][-1] == f"{side} pixels by the finisher"


def test_a_picture_is_completed_from_its_upper_half(tmp_path, models, capsys):
    given = Clip(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    media.save(given, tmp_path / "given.png")
    options = (
        "--by",
        "tokens",
        "--model",
        models / "letters",
        "--complete",
        tmp_path / "given.png",
        "--unmarked",
    )
    run("a dog", "-o", tmp_path / "out.png", *options, capsys=capsys)
    found = pixels(tmp_path / "out.png")
    torch.testing.assert_close(found[..., :4, :], given.frames[..., :4, :], atol=1 / 255, rtol=0)
    assert not torch.allclose(found[..., 8:, :], given.frames[..., 8:, :], atol=0.1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("", "-o", "a.png"), 2, "text: is empty"),
        (("a", "-o", "a.mp4"), 2, "cannot write 'a.mp4'"),
        (("a", "-o", "a.png", "--by", "magic"), 2, "use tokens, cascade or diffusion"),
        (("a", "-o", "a.png", "--upscale", "3"), 2, "use 1, 2 or 4"),
        (("a", "-o", "a.png", "--candidates", "4"), 2, "it is for a picture by tokens"),
        (("a", "-o", "a.png", "--complete", "b.png"), 2, "it is for a picture by tokens"),
        (("a", "-o", "a.png", "--by", "tokens", "--candidates", "0"), 2, "not in 1 … 64"),
        (("a", "-o", "a.png", "--by", "tokens", "--guidance", "99"), 2, "not in 0 … 50"),
        (("a", "-o", "a.png", "--by", "tokens", "--complete", "none.png"), 2, "none.png"),
        (("a", "-o", "a.png", "--model", "nothing"), 3, "model 'nothing' is not here"),
        (("a", "-o", "a.png", "--seed", "-1"), 2, "--seed: -1"),
    ],
)
def test_bad_input_is_named(tmp_path, models, capsys, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    by_tokens = "tokens" in words and "--model" not in words
    more = ("--model", models / ("letters" if by_tokens else "tiny"))
    _, err = run(*words, *(() if "--model" in words else more), capsys=capsys, expect=code)
    assert said in err
    assert not (tmp_path / "a.png").exists()


def test_a_model_of_the_other_kind_is_named(tmp_path, models, capsys):
    out = tmp_path / "a.png"
    _, err = run(
        "a", "-o", out, "--by", "tokens", "--model", models / "tiny", capsys=capsys, expect=2
    )
    assert "writes no pictures in codes" in err
    _, err = run("a", "-o", out, "--model", models / "letters", capsys=capsys, expect=2)
    assert "makes no cut-outs" in err


def test_a_codec_loads_by_itself(tmp_path):
    about = CodecRecipe("small", "stickers", tokens().codec)
    (tmp_path / "recipe.json").write_text(recipe.to_json(about))
    tensors = recipe.network(about.codec).state_dict()
    recipe.save_tensors(tmp_path / "codec.safetensors", tensors, {})
    codec = recipe.load(str(tmp_path))
    x = torch.rand(1, 3, 2, 16, 16)
    assert codec.symbols(codec.encode(x)).shape == (1, 2, 4, 4)
