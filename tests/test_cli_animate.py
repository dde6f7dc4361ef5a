"""kineograph video --image and --refine, from the file to the file, with a tiny untaught model."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from kineograph import media, recipe, record
from kineograph.animate.maker import AnimateMaker
from kineograph.cli import main
from kineograph.diffusion.schedule import Schedule
from kineograph.families.image_to_video.recipe import Animate, EncoderPart, MotionPart
from kineograph.nets.image_to_video_unet import ImageToVideoUNetShape, Routes
from kineograph.nets.picture_encoder import PictureShape
from kineograph.recipe import Phase
from kineograph.values.prompt import Cond

PHASES = (Phase(samples=8, batch=4, frames=1, rate=1e-3),)


def shape(channels, patch):
    return ImageToVideoUNetShape(
        channels=channels,
        sees=3,
        patch=patch,
        fold=4,
        widths=(8,),
        depth=1,
        attention=(True,),
        head=8,
        state=8,
        text=384,
        tokens=8,
        embedding=6,
        period=2.0,
    )


def tiny():
    routes = Routes(True, True, "beside", True, True, True, True)
    base = MotionPart("base", 16, shape(5, 1), routes, Schedule(0.02, 20.0), PHASES)
    refine = MotionPart(
        "refine", 32, shape(3, 4), Routes(), Schedule(0.01, 50.0), PHASES, share=0.6
    )
    eye = EncoderPart("picture", PictureShape(16, 4, (8,), 1, 384, 6), PHASES)
    return Animate("tiny", "stickers", "minilm", 2.0, 4, eye, base, refine, steps=(2, 2), pinned=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder, about = tmp_path_factory.mktemp("tiny"), tiny()
    (folder / "recipe.json").write_text(recipe.to_json(about))
    torch.manual_seed(0)
    for part in about.parts:
        tensors = recipe.network(part).state_dict()
        shaken = {k: v + 0.02 * torch.randn(v.shape) for k, v in tensors.items()}
        recipe.save_tensors(folder / f"{part.name}.safetensors", shaken, {})
    return folder


@pytest.fixture(autouse=True)
def quick_words(monkeypatch):
    def read(texts):
        rows = torch.zeros(len(texts), 24, 384)
        return Cond(rows, rows[..., 0] > 0, rows.mean(1))

    monkeypatch.setattr(recipe.loading, "texts", lambda folder=None: read)


def run(*words):
    with pytest.raises(SystemExit) as left:
        main(["video", *map(str, words)])
    return left.value.code


def colours(height, width, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(40, 200, shape, dtype=np.uint8)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "in.png"
    Image.fromarray(colours(16, 16)).save(path)
    return path


def test_a_picture_becomes_a_clip_with_its_recipe_inside(model, image, tmp_path, capsys):
    out = tmp_path / "a.apng"
    words = ["a dog", "--image", image, "--model", model, "--seed", 7, "--unmarked"]
    words += ["-o", out, "--json"]
    assert run(*words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["outputs"]) == (7, [str(out)])
    clip = media.read(out)
    assert tuple(clip.frames.shape) == (4, 3, 16, 16)
    assert clip.fps == pytest.approx(2.0)
    assert (clip.frames[0] - media.read(image).frames[0]).abs().mean() < 0.003
    said = record.read(out)
    assert said.inputs["image"]["name"] == "in.png"
    assert len(said.inputs["image"]["sha256"]) == 64
    again = tmp_path / "b.apng"
    assert run(*words[:-2], again, "--json") == 0
    assert again.read_bytes() == out.read_bytes()


def test_the_refinement_makes_it_larger_and_works_alone_on_any_clip(model, image, tmp_path):
    out, finer = tmp_path / "a.apng", tmp_path / "b.apng"
    words = ["--image", image, "--model", model, "--seed", 1]
    assert run(*words, "--level", 200, "-o", out) == 0
    assert tuple(media.read(out).frames.shape) == (4, 3, 32, 32)
    assert run(*words, "--level", 200, "--size", 48, "-o", finer) == 2
    assert run("--refine", out, "--model", model, "--size", 24, "--seed", 1, "-o", finer) == 0
    assert tuple(media.read(finer).frames.shape) == (4, 3, 24, 24)


def test_a_clip_begins_and_ends_with_the_pictures_given(model, image, tmp_path):
    other, out = tmp_path / "other.png", tmp_path / "between.apng"
    Image.fromarray(colours(16, 16, seed=1)).save(other)
    words = ["--image", image, "--last", other, "--model", model, "--seed", 1, "--unmarked"]
    assert run(*words, "-o", out) == 0
    clip = media.read(out)
    first, last = (media.read(path).frames[0] for path in (image, other))
    assert (clip.frames[0] - first).abs().mean() < 0.003
    assert (clip.frames[-1] - last).abs().mean() < 0.003
    assert record.read(out).inputs["last"]["name"] == "other.png"
    assert run(*words, "--loop", "-o", out, "--force") == 2


def test_a_clip_goes_on_from_its_last_frame(model, image, tmp_path):
    clip, out = tmp_path / "clip.apng", tmp_path / "longer.apng"
    assert run("--image", image, "--model", model, "--seed", 1, "--unmarked", "-o", clip) == 0
    words = ["--extend", clip, "--model", model, "--seed", 2, "--unmarked", "--seconds", 3]
    assert run(*words, "-o", out) == 0
    before, after = media.read(clip), media.read(out)
    assert after.fps == before.fps
    assert torch.equal(after.frames[: len(before)], before.frames)
    assert len(after) == len(before) + round(3 * before.fps) - 1
    step = (after.frames[len(before)] - before.frames[-1]).abs().mean()
    assert step < (before.frames[0] - 0.5).abs().mean()  # it moves on, it does not jump


def test_the_pictures_own_detail_is_moved_at_any_size(model, tmp_path):
    path, out = tmp_path / "in.png", tmp_path / "out.apng"
    Image.fromarray(colours(100, 50)).save(path)
    words = ["--image", path, "--model", model, "--size", 100, "--seed", 1, "--unmarked"]
    assert run(*words, "-o", out) == 0
    frames = media.read(out).frames
    assert tuple(frames.shape[2:]) == (100, 50)
    assert (frames[0] - media.read(path).frames[0]).abs().max() < 0.01


def test_more_seconds_go_on_block_after_block_and_a_loop_repeats(model, image, tmp_path):
    words = ["--image", image, "--model", model, "--seed", 1, "--seconds", 5]
    long, round_ = tmp_path / "a.apng", tmp_path / "b.apng"
    assert run(*words, "-o", long) == 0
    assert run(*words, "--loop", "-o", round_) == 0
    frames, loop = media.read(long).frames, media.read(round_).frames
    assert len(frames) == len(loop) == 10
    assert torch.equal(loop[:4], loop[4:8])
    assert not torch.equal(frames[:4], frames[4:8])


def saved(path, kind):
    """A picture of one of the kinds people have."""
    if kind == "1 px":
        Image.fromarray(colours(9, 1)).save(path.with_suffix(".png"))
    elif kind == "large":
        Image.fromarray(colours(400, 600)).save(path.with_suffix(".png"))
    elif kind == "cmyk":
        Image.fromarray(colours(20, 30)).convert("CMYK").save(path.with_suffix(".jpg"))
    elif kind == "16 bit":
        grey = colours(20, 30)[..., 0].astype(np.uint16) * 257
        Image.fromarray(grey).save(path.with_suffix(".png"))
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown turned by a quarter
        Image.fromarray(colours(20, 40)).save(path.with_suffix(".jpg"), exif=exif)
    elif kind == "moving":
        first, *more = (Image.fromarray(colours(20, 20, seed=i)) for i in range(3))
        first.save(path.with_suffix(".gif"), save_all=True, append_images=more, duration=100)
    elif kind == "clear":
        inside = colours(24, 24, 4)
        inside[..., 3] = 0
        inside[6:18, 6:18, 3] = 255
        Image.fromarray(inside).save(path.with_suffix(".png"))
    return next(path.parent.glob(f"{path.name}.*"))


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("1 px", (16, 2)),
        ("cmyk", (20, 30)),
        ("16 bit", (20, 30)),
        ("turned", (40, 20)),
        ("moving", (20, 20)),
        ("clear", (24, 24)),
        ("large", (340, 512)),
    ],
)
def test_pictures_of_every_kind_keep_their_size_and_shape(model, tmp_path, capsys, kind, size):
    path, out = saved(tmp_path / "in", kind), tmp_path / "out.apng"
    assert run("--image", path, "--model", model, "--seed", 1, "-o", out) == 0
    frames = media.read(out).frames
    assert tuple(frames.shape[2:]) == size
    assert frames.shape[1] == (4 if kind == "clear" else 3)
    if kind == "clear":
        assert float(frames[0, 3, 0, 0]) == 0
        assert float(frames[0, 3, 12, 12]) == 1
    told = capsys.readouterr().err
    assert ("600x400 moves at 512x340; a size sets another" in told) == (kind == "large")
    assert ("first of 3 frames" in told) == (kind == "moving")


def test_a_format_without_transparency_says_so(model, tmp_path, capsys):
    path = saved(tmp_path / "in", "clear")
    assert run("--image", path, "--model", model, "--seed", 1, "-o", tmp_path / "a.mp4") == 0
    assert "no transparency" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--image", "clear.png"], "fully transparent"),
        (["--image", "wide.png"], "pixels"),
        (["--image", "none.png"], "none.png"),
        (["--image", "broken.png"], "broken.png"),
        (["--image", "in.png", "--motion", "wild"], "--motion"),
        (["--image", "in.png", "--motion", "99"], "--motion"),
        (["--image", "in.png", "--size", "9999"], "--size"),
        (["--image", "in.png", "--frames", "1000"], "--frames"),
        (["--image", "in.png", "--refine", "in.png"], "--image: is not for a clip that is"),
        (["--image", "in.png", "--negative", "x"], "--negative"),
        (["--image", "in.png", "--seconds", "nan"], "--seconds"),
        (["--refine", "in.png", "--level", "0"], "--level"),
        (["--refine", "in.png", "--size", "9999"], "--size"),
    ],
)
def test_bad_input_is_named_and_leaves_no_file(
    model, image, tmp_path, monkeypatch, capsys, words, said
):
    monkeypatch.chdir(tmp_path)
    Image.new("RGBA", (8, 8)).save("clear.png")
    Image.new("RGB", (20_000, 1)).save("wide.png")
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:60])
    before = sorted(tmp_path.iterdir())
    assert run(*words, "--model", model, "--seed", 1, "-o", "out.webp") in (2, 4)
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_tensor_of_a_wrong_shape_is_named(model, image, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    tensors = recipe.network(tiny().base).state_dict()
    tensors["net.enter.bias"] = torch.zeros(3)
    recipe.save_tensors(broken / "base.safetensors", tensors, {})
    out = tmp_path / "a.webp"
    assert run("--image", image, "--model", broken, "--seed", 1, "-o", out) == 3
    assert "net.enter.bias is (3,), not (8,)" in capsys.readouterr().err
    assert not out.exists()


def test_a_dry_run_prints_its_plan_and_writes_nothing(model, image, tmp_path, capsys):
    words = ["--image", image, "--model", model, "-o", tmp_path / "a.mp4", "--dry-run", "--json"]
    assert run(*words, "--level", 200, "--seconds", 4) == 0
    plan = json.loads(capsys.readouterr().out)
    # 8 frames are 3 blocks of 4 that share one; each has 2 steps; then 2 x (2 up and 2 down)
    assert (plan["frames"], plan["size"], plan["evaluations"]) == (8, 32, 3 * 2 + 2 * 4)
    assert sorted(tmp_path.iterdir()) == [image]


def test_cancelling_leaves_nothing(model, image, tmp_path, monkeypatch):
    def cancelled(self, prompt, seed, sampling):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(AnimateMaker, "make", cancelled)
    out = tmp_path / "a.webp"
    assert run("--image", image, "--model", model, "--seed", 1, "-o", out) == 130
    assert sorted(tmp_path.iterdir()) == [image]


def test_a_recipe_reads_back_from_json_and_its_spaces_are_checked():
    about = tiny()
    assert recipe.from_json(recipe.to_json(about)) == about
    text = recipe.to_json(about).replace('"space": "motion"', '"space": "latents"')
    with pytest.raises(Exception, match="codec"):
        recipe.from_json(text)
