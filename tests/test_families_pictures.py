"""Words to a cut-out and to its clip, with tiny models that were never taught."""

import dataclasses
import json
import math

import pytest
import torch

from kineograph import finishing, media, models, recipe
from kineograph.cli import main
from kineograph.diffusion.schedule import Schedule
from kineograph.families.text_to_image.finisher_recipe import Finisher, FinisherPart
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.families.text_to_video.by_picture import ByPictureModel, fills_the_frame
from kineograph.families.trajectory.recipe import Trajectories
from kineograph.media.ground import grounded
from kineograph.nets.compact import CompactShape
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage
from kineograph.trajectories.following import following
from kineograph.trajectories.placed import Placed
from kineograph.values.clip import Clip, premultiplied
from kineograph.values.errors import InputError
from kineograph.values.ground import ground, rgb
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source
from test_cli_animate import tiny as moving

PHASES = (Phase(samples=8, batch=4, frames=1, rate=1e-3),)


def shape(channels, patch, time):
    return VideoUNetShape(patch, (16,), 1, (True,), time, 16, 16, 384, False, True, channels)


def pictures():
    stage = Stage("base", 1, 16, 0, 0, shape(4, 2, "none"), Schedule(0.02, 80.0), PHASES, "clean")
    return Pictures(
        "tiny", "cutouts", style="3d", styles=("3d",), text="minilm", base=stage, steps=2
    )


def trajectories():
    stage = Stage("base", 8, 1, 0, 0, shape(6, 1, "attention"), Schedule(0.02, 40.0), PHASES, "edm")
    return Trajectories("tracks", "composed", text="minilm", seconds=2.0, base=stage, steps=3)


def finisher():
    part = FinisherPart("finish", 16, 8, CompactShape(4, 8, 1, 4), PHASES)
    return Finisher("finisher", "cutouts", finish=part)


def kept(about, folder):
    """A model folder with weights a little off their beginning."""
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(recipe.to_json(about))
    for part in about.parts:
        tensors = recipe.network(part).state_dict()
        shaken = {k: v + 0.02 * torch.randn(v.shape) for k, v in tensors.items()}
        recipe.save_tensors(folder / f"{part.name}.safetensors", shaken, {})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    made = {one.name: kept(one, place / one.name) for one in (pictures(), trajectories())}
    made["finisher"] = kept(finisher(), place / "finisher")
    made["animate"] = kept(dataclasses.replace(moving(), name="moving"), place / "moving")
    return made


@pytest.fixture(autouse=True)
def own_finisher(folders, monkeypatch):
    monkeypatch.setattr(finishing, "MODEL", str(folders["finisher"]))


def clip_model(folders):
    settings = models.settings_of("video", {"text": "a dog", "model": str(folders["tiny"])})
    drawing = models.load(str(folders["tiny"]))
    how = {"motion": str(folders["animate"]), "trajectories": str(folders["tracks"])}
    return settings, ByPictureModel(drawing, **how)


# -- pictures -------------------------------------------------------------------------------------


def test_words_become_a_cut_out_of_the_size_asked_for(folders, tmp_path):
    out = tmp_path / "dog.png"
    words = ["image", "a dog", "--model", folders["tiny"], "--size", 40, "--seed", 3, "-o", out]
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert left.value.code == 0
    assert media.read(out).frames.shape == (1, 4, 40, 40)
    record = json.loads(media.note(out)) if isinstance(media.note(out), str) else media.note(out)
    assert record["settings"]["size"] == 40 and record["model"]["name"] == "tiny"


@pytest.mark.parametrize("size", [16, 40, 64, 100])
@pytest.mark.parametrize("name", ["finisher", "filter"])
def test_any_size_keeps_the_mean_of_what_is_there(name, size):
    """A filter's answer to a smooth picture has the same mean alpha, whatever the size."""
    y = torch.linspace(-2, 2, 16)
    alpha = torch.exp(-(y[:, None] ** 2 + y[None] ** 2))[None, None]
    clip = Clip(torch.cat([torch.full((1, 3, 16, 16), 0.5), alpha], dim=1))
    made = finishing.sized(clip, size, finishing.enlarging(name))
    assert made.frames.shape == (1, 4, size, size)
    if name == "filter":
        assert math.isclose(float(made.frames[:, 3].mean()), float(alpha.mean()), abs_tol=0.01)


def test_the_record_names_the_weights_of_the_finisher(folders):
    model = models.load(str(folders["tiny"]))
    assert "finisher/finish.safetensors" in model.about.weights


def test_one_of_a_sheet_is_picked_by_its_number(folders):
    model = models.load(str(folders["tiny"]))
    told = {"text": "a dog", "model": str(folders["tiny"]), "size": 16}

    def made(seed, **more):
        settings = models.settings_of("image", told | more)
        return finished(model.make(Request(settings, ".png"), seed)).value.frames

    sheet, picked = made(4, sheet=3), made(4, pick=3)
    assert sheet.shape == (1, 4, 32, 32)
    assert torch.equal(sheet[..., 16:, :16], picked)
    assert torch.equal(picked, made(6))
    assert not sheet[..., 16:, 16:].any()
    with pytest.raises(InputError, match="pick"):
        made(4, sheet=3, pick=1)


# -- grounds --------------------------------------------------------------------------------------


def half():
    frames = torch.zeros(1, 4, 4, 8)
    frames[:, 0] = 1
    frames[:, 3, :, :4] = 1
    return Clip(frames)


def test_a_colour_stands_behind_a_cut_out():
    assert ground("Navy") == "#000080" and ground("#fa0") == "#ffaa00"
    made, notes = grounded(half(), "#0000ff", ".png")
    assert notes == []
    assert made.frames[0, :, 0, 0].tolist() == [1, 0, 0]
    assert made.frames[0, :, 0, 7].tolist() == [0, 0, 1]
    assert rgb("#0000ff") == (0, 0, 1)


def test_a_picture_covers_the_frame_behind_a_cut_out():
    wide = torch.zeros(1, 3, 4, 16)
    wide[:, 1, :, 8:] = 1  # its right half is green; the middle half is kept
    made, _ = grounded(half(), Source(value=Clip(wide)), ".png")
    assert made.frames[0, :, 0, 7].tolist() == [0, 1, 0]
    assert made.frames.shape == (1, 3, 4, 8)


@pytest.mark.parametrize(("form", "channels"), [(".mp4", 3), (".webp", 4), ("", 4), (".jpg", 3)])
def test_what_holds_no_transparency_gets_white_and_says_so(form, channels):
    made, notes = grounded(half(), None, form)
    assert made.frames.shape[1] == channels
    assert bool(notes) == (channels == 3)
    if channels == 3:
        assert made.frames[0, :, 0, 7].tolist() == [1, 1, 1]


def test_numbers_that_are_no_colour_are_refused():
    with pytest.raises(InputError, match="ground: '#zzz' is no colour"):
        models.settings_of("video", {"text": "a dog", "ground": "#zzz"})


# -- clips ----------------------------------------------------------------------------------------


def test_words_become_a_loop_with_alpha_that_repeats_by_its_seed(folders):
    settings, model = clip_model(folders)
    settings = settings.changed(size=32, frames=8)
    request = Request(settings, ".webp")
    one, other = (finished(model.make(request, seed=5)) for _ in range(2))
    assert one.value.frames.shape == (8, 4, 32, 32) and one.value.seconds == 2.0
    assert torch.equal(one.value.frames, other.value.frames)
    assert one.record["settings"]["seconds"] == 2.0
    assert "moving/base.safetensors" in one.record["model"]["weights"]
    assert model.forecast(request).file > 0


def test_frames_follow_a_track():
    """A dot that a track moves right by a quarter of the canvas is there, and nowhere else."""
    frames = torch.zeros(4, 4, 16, 16)
    frames[:, :, 7:9, 7:9] = 1
    places = [Placed(0), Placed(0, x=0.75), Placed(0, opacity=0.5), Placed(0, turn=0.5)]
    made = premultiplied(following(Clip(frames), places))
    assert torch.allclose(made[0], frames[0], atol=1e-5)
    assert torch.allclose(made[1, 3, 7:9, 11:13], torch.ones(2, 2), atol=1e-5)
    assert float(made[1, 3].sum()) == pytest.approx(4, abs=1e-4)
    assert float(made[2, 3].sum()) == pytest.approx(2, abs=1e-4)
    assert torch.allclose(made[3], frames[3], atol=1e-4)


def test_a_picture_on_a_ground_of_its_own_is_no_cut_out():
    full = torch.ones(1, 4, 8, 8)
    assert fills_the_frame(Clip(full)) and fills_the_frame(Clip(full[:, :3]))
    full[:, 3, :, :2] = 0  # a quarter of the border is clear
    assert not fills_the_frame(Clip(full))


def test_a_wide_picture_stays_in_the_middle_of_its_frame():
    frames = torch.zeros(1, 4, 4, 8)
    frames[..., 1:3, 3:5] = 1
    made = premultiplied(following(Clip(frames), [Placed(0, x=0.75)]))
    assert made.shape == (1, 4, 4, 8)
    assert torch.allclose(made[0, 3, 1:3, 5:7], torch.ones(2, 2), atol=1e-5)


def test_a_cascade_by_name_makes_the_clip_itself(folders, tmp_path):
    from kineograph.families.text_to_video.settings import ByPicture, TextToVideo

    chosen = models.settings_of("video", {"text": "a dog", "model": "stickers"})
    assert isinstance(chosen, TextToVideo)
    assert isinstance(models.settings_of("video", {"text": "a dog"}), ByPicture)
    with pytest.raises(InputError, match="oscillate"):
        models.settings_of("video", {"text": "a dog", "oscillate": True})


def test_a_chats_preset_draws_the_cut_out_as_large_as_its_file():
    asked = {"text": "a dog"}
    assert models.settings_of("video", asked).size == 256
    assert models.settings_of("video", asked | {"for_": "sticker-webm"}).size == 512
    assert models.settings_of("video", asked | {"for_": "emoji"}).size == 128
    assert models.settings_of("video", asked | {"for_": "emoji", "size": 64}).size == 64
