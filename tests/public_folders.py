"""Tiny checkpoints in the published layouts, with random weights; the fakes of test_public*.py.

Each function writes a folder by the libraries' own save_pretrained. Tokenizers are made here, from
a few letters, so that nothing is fetched.
"""

import json
from pathlib import Path

import diffusers
import torch
import transformers
from transformers.utils import logging

logging.disable_progress_bar()

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENS = 60
COSINE = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "clip_sample": False,
}
SCALED = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}
IF = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "epsilon",
    "variance_type": "learned_range",
    "thresholding": True,
    "dynamic_thresholding_ratio": 0.95,
    "sample_max_value": 1.5,
    "clip_sample": True,
}
FLOW = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "shift": 3.0,
}


def index(folder: Path, name: str, **parts) -> Path:
    """Write model_index.json; a part is (library, class), anything else a setting."""
    tree = {"_class_name": name, "_diffusers_version": "0.33.1"}
    tree |= {k: list(v) if isinstance(v, tuple) else v for k, v in parts.items()}
    (folder / "model_index.json").write_text(json.dumps(tree))
    return folder


def scheduler(folder: Path, config: dict) -> None:
    (folder / "scheduler").mkdir(parents=True, exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))


def kept(net: torch.nn.Module, folder: Path, part: str, seed: int = 0) -> None:
    """Save with weights that are all random: some published layers start at zero."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.ndim > 1 or not weight.any():
                fan = max(1, weight[0].numel()) if weight.ndim > 1 else 100
                weight.copy_(torch.randn(weight.shape, generator=rng) * fan**-0.5)
    net.save_pretrained(folder / part)


def clip_tokenizer(folder: Path) -> None:
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{a}</w>" for a in LETTERS)]
    vocab = {word: i for i, word in enumerate(words)}
    tokenizer = transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)
    tokenizer.save_pretrained(folder / "tokenizer")


def t5_tokenizer(folder: Path) -> None:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in LETTERS]
    tokenizer = transformers.T5Tokenizer(vocab=pieces, extra_ids=0)
    tokenizer.save_pretrained(folder / "tokenizer")


def clip_text(folder: Path, dim: int = 8) -> None:
    config = transformers.CLIPTextConfig(
        vocab_size=TOKENS,
        hidden_size=dim,
        intermediate_size=2 * dim,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    kept(transformers.CLIPTextModel(config), folder, "text_encoder")


def t5_text(folder: Path, dim: int = 8, kind: str = "T5") -> None:
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=TOKENS, d_model=dim, d_kv=4, d_ff=2 * dim, num_layers=2, num_heads=2
    )
    kept(getattr(transformers, f"{kind}EncoderModel")(config), folder, "text_encoder")


def clip_vision(folder: Path, preprocessor: str, projected: bool, dim: int = 8) -> None:
    config = transformers.CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=dim,
    )
    name = "CLIPVisionModelWithProjection" if projected else "CLIPVisionModel"
    kept(getattr(transformers, name)(config), folder, "image_encoder")
    (folder / preprocessor).mkdir()
    about = {"crop_size": {"height": 16, "width": 16}}
    (folder / preprocessor / "preprocessor_config.json").write_text(json.dumps(about))


def picture_codec(folder: Path, scale: float = 0.18215) -> None:
    net = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        scaling_factor=scale,
    )
    kept(net, folder, "vae")


def i2vgen(folder: Path) -> Path:
    """An I2VGen-XL with two levels of 32 and 64 channels and a context of 16."""
    folder.mkdir(parents=True, exist_ok=True)
    unet = diffusers.I2VGenXLUNet(
        sample_size=8,
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=16,
        attention_head_dim=8,
    )
    kept(unet, folder, "unet")
    picture_codec(folder)
    clip_text(folder, 16)
    clip_vision(folder, "feature_extractor", True, 16)
    clip_tokenizer(folder)
    scheduler(folder, COSINE)
    return index(
        folder,
        "I2VGenXLPipeline",
        unet=("diffusers", "I2VGenXLUNet"),
        vae=("diffusers", "AutoencoderKL"),
        text_encoder=("transformers", "CLIPTextModel"),
        image_encoder=("transformers", "CLIPVisionModelWithProjection"),
        feature_extractor=("transformers", "CLIPImageProcessor"),
        tokenizer=("transformers", "CLIPTokenizer"),
        scheduler=("diffusers", "DDIMScheduler"),
    )


def wan(folder: Path, kind: str = "words") -> Path:
    """A Wan: "words" (2.1 T2V), "picture" (2.1 I2V, with CLIP), "pair" (2.2), "expanded" (TI2V)."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = kind in ("picture", "pair")
    shape = {
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": 12 if beside else 4,
        "out_channels": 4,
        "text_dim": 8,
        "freq_dim": 16,
        "ffn_dim": 16,
        "num_layers": 2,
        "rope_max_seq_len": 32,
    }
    if kind == "picture":
        shape |= {"image_dim": 8, "added_kv_proj_dim": 24}
    kept(diffusers.WanTransformer3DModel(**shape), folder, "transformer", 1)
    parts = {"transformer": ("diffusers", "WanTransformer3DModel")}
    if kind == "pair":
        kept(diffusers.WanTransformer3DModel(**shape), folder, "transformer_2", 2)
        parts |= {"transformer_2": ("diffusers", "WanTransformer3DModel"), "boundary_ratio": 0.9}
    if kind == "expanded":
        parts["expand_timesteps"] = True
    if kind == "picture":
        clip_vision(folder, "image_processor", False)
        parts["image_encoder"] = ("transformers", "CLIPVisionModel")
    vae = diffusers.AutoencoderKLWan(
        base_dim=4,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.5, 0.5, 2.0, 1.0],
    )
    kept(vae, folder, "vae")
    t5_text(folder, kind="UMT5")
    t5_tokenizer(folder)
    scheduler(folder, FLOW)
    return index(
        folder,
        "WanPipeline",
        vae=("diffusers", "AutoencoderKLWan"),
        text_encoder=("transformers", "UMT5EncoderModel"),
        tokenizer=("transformers", "T5TokenizerFast"),
        scheduler=("diffusers", "FlowMatchEulerDiscreteScheduler"),
        **parts,
    )


def _unet(side: int, channels: int, out: int) -> torch.nn.Module:
    return diffusers.UNet2DConditionModel(
        sample_size=side,
        in_channels=channels,
        out_channels=out,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=4,
    )


def deepfloyd(folder: Path, config: dict = IF) -> Path:
    """A pixel model of 16 pixels that answers noise and a variance, six channels."""
    folder.mkdir(parents=True, exist_ok=True)
    kept(_unet(16, 3, 6), folder, "unet")
    t5_text(folder)
    t5_tokenizer(folder)
    scheduler(folder, config)
    return index(
        folder,
        "IFPipeline",
        unet=("diffusers", "UNet2DConditionModel"),
        text_encoder=("transformers", "T5EncoderModel"),
        tokenizer=("transformers", "T5Tokenizer"),
        scheduler=("diffusers", "DDPMScheduler"),
        safety_checker=(None, None),
    )


def stable(folder: Path, config: dict = SCALED) -> Path:
    """A latent model of 16 latent, 32 picture pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    kept(_unet(16, 4, 4), folder, "unet")
    picture_codec(folder)
    clip_text(folder)
    clip_tokenizer(folder)
    scheduler(folder, config)
    return index(
        folder,
        "StableDiffusionPipeline",
        unet=("diffusers", "UNet2DConditionModel"),
        vae=("diffusers", "AutoencoderKL"),
        text_encoder=("transformers", "CLIPTextModel"),
        tokenizer=("transformers", "CLIPTokenizer"),
        scheduler=("diffusers", "PNDMScheduler"),
        safety_checker=(None, None),
    )
