"""Adapters: nothing at first, heard as if they were added, added to what they were made for."""

import pytest
import torch

import tiny_models
from kineograph import recipe as recipes
from kineograph.nets.low_rank import LowRank, LowRankShape, Place, added, places_of
from kineograph.recipe import Adapter, AdapterPart, Worn
from kineograph.recipe.adapter import places_in
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


def asked(batch=2):
    rng = torch.Generator().manual_seed(0)
    words = torch.randn(batch, 3, 384, generator=rng)
    mask = torch.ones(batch, 3, dtype=torch.bool)
    x = torch.randn(batch, 4, 1, 16, 16, generator=rng)
    return x, torch.tensor([0.5] * batch), Cond(words, mask, words.mean(1))


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def base(tmp_path):
    return tiny_models.pictures(tmp_path / "tiny")


def loaded(base, adapters=()):
    part = recipes.read(base).parts[0]
    return recipes.trained(part, base, adapters=adapters)


def drawn(shape, scale=0.1):
    adapter = LowRank(shape)
    for i, tensor in enumerate(adapter.parameters()):
        torch.nn.init.normal_(tensor, std=scale, generator=torch.Generator().manual_seed(i))
    return adapter


def test_a_fresh_adapter_changes_nothing(base):
    net, (x, sigma, cond) = loaded(base), asked()
    adapter = LowRank(LowRankShape(2, places_of(net)))
    before = net(x, sigma, cond)
    with adapter.heard(net):
        assert torch.equal(net(x, sigma, cond), before)


def test_heard_and_added_are_the_same(base):
    net, (x, sigma, cond) = loaded(base), asked()
    adapter = drawn(LowRankShape(3, places_of(net)))
    plain = net(x, sigma, cond)
    with adapter.heard(net):
        heard = net(x, sigma, cond)
    assert float((heard - plain).abs().max()) > 0.01
    net.load_state_dict(added(net.state_dict(), [(adapter.state_dict(), 1.0)]))
    assert float((net(x, sigma, cond) - heard).abs().max()) < 1e-4


def test_weights_scale_and_adapters_stack(base):
    net = loaded(base)
    shape = LowRankShape(2, places_of(net))
    one, other = drawn(shape).state_dict(), drawn(shape, 0.05).state_dict()
    both = added(net.state_dict(), [(one, 0.5), (other, -2.0)])
    name = shape.places[3].name
    key = name.replace(".", "/")
    change = 0.5 * one[f"up.{key}"] @ one[f"down.{key}"]
    change = change - 2.0 * other[f"up.{key}"] @ other[f"down.{key}"]
    found = both[f"{name}.weight"] - net.state_dict()[f"{name}.weight"]
    assert torch.allclose(found, change, atol=1e-6)


def kept(base, folder, sha256=None):
    part = recipes.read(base).parts[0]
    shape = LowRankShape(2, places_in(part))
    digest = sha256 or recipes.hashes(base, recipes.read(base))["base.safetensors"]
    phases = part.phases
    adapter = Adapter(
        "mine", "pack", base="tiny", adapted=(AdapterPart("base", digest, shape, phases),)
    )
    folder.mkdir()
    recipes.save_tensors(folder / "base.safetensors", drawn(shape).state_dict(), {})
    recipes.seal(adapter, folder)
    return folder


def test_an_adapter_in_a_folder_is_added_as_the_model_is_loaded(base, tmp_path):
    folder = kept(base, tmp_path / "mine")
    x, sigma, cond = asked()
    plain, other = loaded(base)(x, sigma, cond), loaded(base, [Worn(folder)])(x, sigma, cond)
    none = loaded(base, [Worn(folder, 0.0)])(x, sigma, cond)
    assert float((plain - other).abs().max()) > 0.01
    assert torch.equal(plain, none)
    assert recipes.read_adapter(folder).base == "tiny"


def test_an_adapter_of_other_weights_is_refused(base, tmp_path):
    folder = kept(base, tmp_path / "mine", sha256="0" * 64)
    with pytest.raises(InputError, match="other weights"):
        loaded(base, [Worn(folder)])
    with pytest.raises(InputError, match="is a model"):
        loaded(base, [Worn(base)])
    with pytest.raises(InputError, match="is no adapter"):
        loaded(base, [Worn(tmp_path)])


def test_narrow_matrices_have_more_rank_where_that_is_asked():
    wide, narrow, least = Place("a", 64, 576), Place("b", 32, 16), Place("c", 4, 64)
    shape = LowRankShape(2, (wide, narrow, least), narrow=4)
    assert [shape.rank_of(place) for place in shape.places] == [2, 8, 8]
    plain = LowRankShape(2, (wide, narrow, least))
    assert [plain.rank_of(place) for place in plain.places] == [2, 2, 2]
    assert [tuple(up.shape) for up in LowRank(shape).up.values()] == [(64, 2), (32, 8), (4, 8)]
