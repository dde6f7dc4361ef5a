"""Public LoRA files in their three layouts change the same weights by the same amount."""

import pytest
import torch
from safetensors.torch import save_file

import public_folders
from kineograph import checkpoints
from kineograph.checkpoints import Lora
from kineograph.checkpoints.folder import opened
from kineograph.values.errors import InputError, MissingError

PLACE = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return public_folders.stable(tmp_path_factory.mktemp("sd") / "tiny")


def names(layout, place=PLACE):
    squashed = place.replace(".", "_")
    return {
        "kohya": (f"lora_unet_{squashed}.lora_down.weight", f"lora_unet_{squashed}.lora_up.weight"),
        "peft": (f"unet.{place}.lora_A.weight", f"unet.{place}.lora_B.weight"),
        "diffusers": (
            f"unet.{place.replace('.to_q', '.processor.to_q')}_lora.down.weight",
            f"unet.{place.replace('.to_q', '.processor.to_q')}_lora.up.weight",
        ),
    }[layout]


@pytest.mark.parametrize("layout", ["kohya", "peft", "diffusers"])
def test_every_layout_adds_the_same(folder, tmp_path, layout):
    plain = opened(folder).load("unet").state_dict()
    out, inner = plain[f"{PLACE}.weight"].shape
    rng = torch.Generator().manual_seed(0)
    down, up = torch.randn(2, inner, generator=rng), torch.randn(out, 2, generator=rng)
    first, second = names(layout)
    tensors = {first: down, second: up}
    if layout == "kohya":
        tensors[first.replace("lora_down.weight", "alpha")] = torch.tensor(1.0)
        tensors["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"] = torch.ones(1, 1)
    save_file(tensors, tmp_path / "lora.safetensors")
    model = checkpoints.pictures(folder, loras=[Lora(tmp_path / "lora.safetensors", 0.5)])
    found = model.checkpoint.load("unet").state_dict()
    scale = 0.5 * (0.5 if layout == "kohya" else 1.0)
    want = plain[f"{PLACE}.weight"] + scale * up @ down
    assert torch.allclose(found[f"{PLACE}.weight"], want, atol=1e-6)
    same = [name for name in plain if name != f"{PLACE}.weight"]
    assert all(torch.equal(plain[name], found[name]) for name in same)


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"unet.nowhere.lora_A.weight": torch.ones(1, 2)}, "names nothing"),
        ({"something.else": torch.ones(1)}, "no layout"),
        ({names("peft")[0]: torch.ones(1, 3)}, "one of its two"),
        (
            {names("peft")[0]: torch.ones(1, 3), names("peft")[1]: torch.ones(3, 1)},
            "the network has",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_name(folder, tmp_path, tensors, told):
    save_file(tensors, tmp_path / "lora.safetensors")
    model = checkpoints.pictures(folder, loras=[Lora(tmp_path / "lora.safetensors", 1.0)])
    with pytest.raises(InputError, match=told):
        model.checkpoint.load("unet")


def test_a_pickle_is_never_opened(folder, tmp_path):
    (tmp_path / "lora.safetensors").write_bytes(b"\x80\x04K\x01.")
    model = checkpoints.pictures(folder, loras=[Lora(tmp_path / "lora.safetensors", 1.0)])
    with pytest.raises(MissingError, match="damaged"):
        model.checkpoint.load("unet")
