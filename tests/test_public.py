"""Published folders: what is in them, whether they are whole, which family they are."""

import json
import os
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

import public_folders
from kineograph import checkpoints
from kineograph.checkpoints.folder import opened
from kineograph.checkpoints.i2vgen import I2VGen
from kineograph.checkpoints.pictures import Pictures
from kineograph.checkpoints.wan import Wan
from kineograph.diffusion.cascade import Sampling
from kineograph.values.clip import Clip
from kineograph.values.errors import LimitError, MissingError
from kineograph.values.prompt import Prompt


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One whole latent checkpoint; tests that damage it take a copy."""
    return public_folders.stable(tmp_path_factory.mktemp("sd") / "stable")


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def weights(folder, part="unet"):
    return next((folder / part).glob("*.safetensors"))


def test_a_folder_with_an_index_is_a_checkpoint(whole, tmp_path):
    assert checkpoints.is_checkpoint(whole)
    assert not checkpoints.is_checkpoint(tmp_path)
    assert not checkpoints.is_checkpoint("stickers")


def test_every_part_loads_as_the_library_loads_it(whole):
    import diffusers
    import transformers

    ours = opened(whole)
    for part, kind in (
        ("unet", diffusers.UNet2DConditionModel),
        ("vae", diffusers.AutoencoderKL),
        ("text_encoder", transformers.CLIPTextModel),
    ):
        theirs = kind.from_pretrained(whole / part).state_dict()
        mine = ours.load(part)
        assert not mine.training
        assert not any(weight.requires_grad for weight in mine.parameters())
        assert all(not one.is_meta for one in (*mine.parameters(), *mine.buffers()))
        for name, tensor in mine.state_dict().items():
            assert torch.equal(tensor, theirs[name]), name


def test_a_loaded_text_encoder_answers_as_the_librarys(whole):
    import transformers

    ids = torch.arange(40)[None] % 50
    with torch.no_grad():
        theirs = transformers.CLIPTextModel.from_pretrained(whole / "text_encoder").eval()(ids)
        ours = opened(whole).load("text_encoder")(ids)
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state)


def test_half_precision_halves_the_weights(whole):
    net = opened(whole).load("unet", dtype=torch.bfloat16)
    assert {weight.dtype for weight in net.parameters()} == {torch.bfloat16}


def test_parts_kept_whole_by_the_library_stay_whole(tmp_path):
    net = opened(public_folders.wan(tmp_path / "wan")).load("transformer", dtype=torch.bfloat16)
    kinds = {name: weight.dtype for name, weight in net.named_parameters()}
    assert kinds["blocks.0.scale_shift_table"] == torch.float32
    assert kinds["blocks.0.attn1.to_q.weight"] == torch.bfloat16


def test_names_from_before_the_libraries_moved_them_are_read(folder):
    path = weights(folder, "text_encoder")
    tensors = {f"text_model.{name}": value for name, value in load_file(path).items()}
    save_file(tensors, path)
    opened(folder).load("text_encoder")

    path = weights(folder, "vae")
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(path)
    moved = [name for name in tensors if ".to_" in name]
    assert moved
    for name in moved:
        new = next(key for key in old if f".{key}." in name)
        tensors[name.replace(f".{new}.", f".{old[new]}.")] = tensors.pop(name)
    save_file(tensors, path)
    opened(folder).load("vae")


def test_shards_are_read_together(folder):
    path = weights(folder)
    tensors = load_file(path)
    names = sorted(tensors)
    path.unlink()
    where = {}
    for i, part in enumerate((names[::2], names[1::2])):
        file = f"diffusion_pytorch_model-0000{i + 1}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, path.with_name(file))
        where |= dict.fromkeys(part, file)
    index = path.with_name("diffusion_pytorch_model.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": where}))
    net = opened(folder).load("unet")
    assert torch.equal(net.state_dict()[names[0]], tensors[names[0]])

    path.with_name(where[names[0]]).unlink()
    with pytest.raises(MissingError, match="00001-of-00002"):
        opened(folder).load("unet")


def test_of_several_formats_the_whole_one_without_a_mark_is_taken(folder):
    path = weights(folder)
    half = path.with_name("diffusion_pytorch_model.fp16.safetensors")
    shutil.copy(path, half)
    shutil.copy(path, path.with_name("diffusion_pytorch_model.non_ema.safetensors"))
    assert opened(folder).weights("unet") == [path]
    path.unlink()
    assert opened(folder).weights("unet") == [half]

    for mark, shards in (("", ["a.safetensors"]), (".fp16", [half.name])):
        index = path.with_name(f"diffusion_pytorch_model.safetensors.index{mark}.json")
        index.write_text(json.dumps({"weight_map": dict.fromkeys("xy", shards[0])}))
    assert opened(folder).weights("unet") == [half]  # the unmarked one is not whole


@pytest.mark.parametrize("kept", ["shared.weight", "encoder.embed_tokens.weight"])
def test_t5s_one_table_may_have_either_name(tmp_path, kept):
    folder = public_folders.deepfloyd(tmp_path / "if")
    path = weights(folder, "text_encoder")
    tensors = load_file(path)
    table = tensors.pop("shared.weight")
    tensors.pop("encoder.embed_tokens.weight", None)
    save_file({**tensors, kept: table}, path)
    state = opened(folder).load("text_encoder").state_dict()
    assert torch.equal(state["shared.weight"], table)
    assert torch.equal(state["encoder.embed_tokens.weight"], table)


def test_a_vision_encoder_is_read_with_and_without_its_shell(tmp_path):
    folder = public_folders.wan(tmp_path / "wan", "picture")
    path = weights(folder, "image_encoder")
    bare = {name.removeprefix("vision_model."): one for name, one in load_file(path).items()}
    states = []
    for names in (bare, {f"vision_model.{name}": one for name, one in bare.items()}):
        save_file(names, path)
        states.append(opened(folder).load("image_encoder").state_dict())
    assert all(torch.equal(one, states[1][name]) for name, one in states[0].items())


def test_a_shard_outside_the_folder_is_refused(folder):
    index = weights(folder).with_name("x.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    with pytest.raises(MissingError, match="outside its folder"):
        opened(folder).load("unet")


# -- damage ----------------------------------------------------------------------------------------


def test_a_missing_tensor_is_named(folder):
    tensors = load_file(weights(folder))
    tensors.pop("conv_in.weight")
    save_file(tensors, weights(folder))
    with pytest.raises(MissingError, match=r"'conv_in\.weight' is missing"):
        opened(folder).load("unet")


def test_a_tensor_of_the_wrong_shape_is_named(folder):
    tensors = load_file(weights(folder))
    tensors["conv_out.bias"] = torch.zeros(7)
    save_file(tensors, weights(folder))
    with pytest.raises(MissingError, match=r"'conv_out\.bias' has shape \(7,\).*needs \(4,\)"):
        opened(folder).load("unet")


def test_pickles_alone_are_refused_and_never_opened(folder):
    path = weights(folder)
    canary = folder / "canary"
    path.with_suffix(".bin").write_bytes(
        b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    )
    path.unlink()
    with pytest.raises(MissingError, match="only pickled weights") as told:
        opened(folder).load("unet")
    assert told.value.exit_code == 3
    assert not canary.exists()


def test_a_pickle_with_another_name_is_refused(folder):
    canary = folder / "canary"
    weights(folder).write_bytes(b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR.")
    with pytest.raises(MissingError, match="is damaged"):
        opened(folder).load("unet")
    assert not canary.exists()


def test_a_cut_file_is_damaged(folder):
    path = weights(folder)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingError, match="is damaged"):
        opened(folder).load("unet")


def test_no_weights_at_all_are_missing(folder):
    weights(folder).unlink()
    with pytest.raises(MissingError, match="has no safetensors"):
        opened(folder).load("unet")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"unet": ["diffusers", "FancyUNet"]}, "unet FancyUNet"),
        ({"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}, "no family"),
        ({"unet": [None, None]}, "no family"),
    ],
)
def test_an_unknown_family_is_named(folder, change, named):
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MissingError, match=named):
        checkpoints.pictures(folder)


def test_an_unknown_class_is_named(folder):
    path = folder / "model_index.json"
    tree = json.loads(path.read_text()) | {"vae": ["diffusers", "AutoencoderTiny"]}
    path.write_text(json.dumps(tree))
    with pytest.raises(MissingError, match="class 'AutoencoderTiny' is not known"):
        opened(folder).load("vae")


def test_a_folder_without_an_index_is_missing(tmp_path):
    with pytest.raises(MissingError, match=r"model_index\.json"):
        checkpoints.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", "{", "{" * 100_000])
def test_a_bad_index_is_named(tmp_path, text):
    (tmp_path / "model_index.json").write_text(text)
    with pytest.raises(MissingError, match=r"not (JSON|a JSON object)"):
        checkpoints.load(tmp_path)


def test_a_configuration_that_builds_nothing_is_named(folder):
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"down_block_types": ["Odd"]}))
    with pytest.raises(MissingError, match="no UNet2DConditionModel as configured"):
        opened(folder).load("unet")


def test_a_configuration_of_a_thousand_layers_is_refused(folder):
    path = folder / "text_encoder" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 10**9}))
    with pytest.raises(LimitError, match="num_hidden_layers"):
        opened(folder).load("text_encoder")


def test_verify_reads_every_number(folder):
    assert opened(folder).verify("unet") == [weights(folder)]
    tensors = load_file(weights(folder))
    tensors["conv_in.bias"][2] = torch.nan
    save_file(tensors, weights(folder))
    with pytest.raises(MissingError, match=r"'conv_in\.bias' is not finite"):
        opened(folder).verify("unet")


@pytest.mark.parametrize("library", ["diffusers", "transformers"])
def test_a_library_that_is_missing_is_named_with_its_remedy(folder, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    part = {"diffusers": "unet", "transformers": "text_encoder"}[library]
    with pytest.raises(MissingError, match=rf"need {library}.*pip install 'kineograph\[hub\]'"):
        opened(folder).load(part)


def test_a_sentencepiece_tokenizer_names_what_reads_it(folder, monkeypatch):
    from kineograph.checkpoints import folder as module

    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "spiece.model").write_bytes(b"")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="need sentencepiece and protobuf"):
        opened(folder).tokenizer()


# -- families --------------------------------------------------------------------------------------


def test_each_family_is_known_by_its_parts(tmp_path, whole):
    assert isinstance(checkpoints.load(public_folders.i2vgen(tmp_path / "i")), I2VGen)
    assert isinstance(checkpoints.load(public_folders.wan(tmp_path / "w")), Wan)
    assert isinstance(checkpoints.pictures(public_folders.deepfloyd(tmp_path / "d")), Pictures)
    assert isinstance(checkpoints.pictures(whole), Pictures)


def test_a_picture_model_makes_no_clips_and_the_reverse(tmp_path, whole):
    with pytest.raises(MissingError, match="kineograph zoom"):
        checkpoints.load(whole)
    with pytest.raises(MissingError, match="kineograph video"):
        checkpoints.pictures(public_folders.wan(tmp_path / "w"))


@pytest.mark.parametrize("kind", ["i2vgen", "wan"])
def test_half_precision_makes_a_clip_near_the_full_ones(tmp_path, kind):
    folder = getattr(public_folders, kind)(tmp_path / kind)
    image = Clip(torch.rand(1, 3, 16, 28, generator=torch.Generator().manual_seed(1)))
    prompt = Prompt("a cat", image=image if kind == "i2vgen" else None, seconds=0)
    clips = []
    for dtype in (torch.float32, torch.bfloat16):
        maker = checkpoints.load(folder, dtype=dtype)
        *_, end = maker.make(prompt, 1, Sampling(16, 9, 2, guidance=2.0))
        clips.append(end.value.frames)
    apart = (clips[0] - clips[1]).abs().mean()
    assert 0 < apart < 0.1 * clips[0].std() + 0.02


def test_a_plan_larger_than_the_machine_is_refused(whole, monkeypatch):
    plan = checkpoints.pictures(whole).plan(2)
    assert plan.fitting(torch.device("cpu")) is plan
    monkeypatch.setattr(os, "sysconf", lambda name: 10)
    with pytest.raises(LimitError, match="needs about"):
        plan.fitting(torch.device("cpu"))


# -- folders as people get them --------------------------------------------------------------------


def part_of(tmp_path, files, index=()):
    """A published folder with one part: its weight files, and perhaps an index of shards."""
    part = tmp_path / "unet"
    part.mkdir(parents=True)
    (tmp_path / "model_index.json").write_text(
        '\ufeff{"unet": ["diffusers", "UNet2DModel"]}', "utf-8"
    )
    for file in files:
        save_file({"a": torch.zeros(2)}, part / file)
    if index:
        text = json.dumps({"weight_map": {f"k{i}": file for i, file in enumerate(index)}})
        (part / "diffusion_pytorch_model.safetensors.index.json").write_text(text)
    return tmp_path


def shards(mark="", stem="diffusion_pytorch_model"):
    return [f"{stem}-0000{n}-of-00002{mark}.safetensors" for n in (1, 2)]


WHOLE, HALF = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"


@pytest.mark.parametrize(
    ("files", "index", "taken"),
    [
        ([HALF], shards(), [HALF]),
        ([*shards(), HALF], shards(), shards()),
        (shards(), (), shards()),
        (shards(".fp16"), (), shards(".fp16")),
        (shards(".fp16"), shards(), shards(".fp16")),
        (shards(stem="model.fp16"), (), shards(stem="model.fp16")),
        ([WHOLE, HALF], (), [WHOLE]),
        ([WHOLE, shards()[0]], (), [WHOLE]),
    ],
)
def test_the_weights_that_are_whole_are_taken(tmp_path, files, index, taken):
    found = opened(part_of(tmp_path, files, index)).weights("unet")
    assert [file.name for file in found] == taken


def test_shards_of_which_one_is_missing_are_told(tmp_path):
    with pytest.raises(MissingError, match=r"00002-of-00002\.safetensors' is missing"):
        opened(part_of(tmp_path, shards()[:1])).weights("unet")


def test_a_pointer_of_git_lfs_is_told_and_does_not_hide_real_weights(tmp_path):
    where = part_of(tmp_path, [])
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (where / "unet" / WHOLE).write_text(pointer)
    with pytest.raises(MissingError, match=r"Git LFS pointer.*git lfs pull"):
        opened(where).weights("unet")
    save_file({"a": torch.zeros(2)}, where / "unet" / HALF)
    assert [file.name for file in opened(where).weights("unet")] == [HALF]
