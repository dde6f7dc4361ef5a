"""Recipes and weights: JSON there and back, and hostile files named before they cost anything."""

import dataclasses
import json
import math
import pickle
import runpy
import struct
import time
from pathlib import Path

import pytest
import torch

from kineograph import recipe as recipes
from kineograph.diffusion.cascade import Sampling
from kineograph.diffusion.schedule import Schedule
from kineograph.nets.growing import grown, grown_shape
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage, eight_bits
from kineograph.values.errors import InputError, LimitError, MissingError
from kineograph.values.prompt import Cond


def stage(name="base", frames=4, size=8, low_frames=0, low_size=0, **more):
    shape = VideoUNetShape(
        patch=2,
        widths=(16,),
        depth=1,
        attention=(not low_size,),
        time="convolution" if low_size else "attention",
        head=16,
        state=16,
        text=8,
        low=bool(low_size),
        circular=True,
    )
    phases = (Phase(samples=8, batch=4, frames=1, rate=1e-3, pictures=2, final=0.5),)
    return Stage(
        name, frames, size, low_frames, low_size, shape, Schedule(0.01, 100.0), phases, **more
    )


def tiny(**more):
    stages = (stage(), stage("space16", 4, 16, 4, 8))
    about = Cascade(
        "tiny", "stickers", "3d", ("3d", "flat"), 2.0, "minilm", stages, (2, 3), (2.0, 1.0)
    )
    return dataclasses.replace(about, **more)


def changed(path, value):
    """The tiny recipe's JSON with one field set; path is keys and indexes, the last one set."""
    tree = json.loads(recipes.to_json(tiny()))
    *way, last = path
    at = tree
    for step in way:
        at = at[step]
    at[last] = value
    return json.dumps(tree)


# -- JSON -----------------------------------------------------------------------------------------


def test_a_recipe_survives_the_way_to_json_and_back():
    about = tiny(seed=7, ema=0.1)
    again = recipes.from_json(recipes.to_json(about))
    assert again == about
    assert isinstance(again.stages[0].shape.widths, tuple)
    assert isinstance(again.stages[0].phases[0], Phase)


def test_a_recipe_by_the_names_of_0_1_is_read():
    formerly = recipes.to_json(tiny()).replace('"sigma_data"', '"deviation"')
    formerly = formerly.replace('"augmentation', '"low_noise')
    assert '"low_noise_most"' in formerly and '"deviation"' in formerly
    assert recipes.from_json(formerly) == tiny()


def test_a_whole_number_will_do_for_a_real_one():
    assert recipes.from_json(changed(["seconds"], 3)).seconds == 3.0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["secconds"], 1, r"recipe.secconds: is unknown; did you mean seconds\?"),
        (["stages", 1, "shape", "widhts"], [], r"shape.widhts: is unknown; did you mean widths\?"),
        (["zzz"], 1, r"recipe.zzz: is unknown$"),
        (["seconds"], "3", r"recipe.seconds: '3' is not float"),
        (["seed"], 1.5, r"recipe.seed: 1.5 is not int"),
        (["seed"], True, r"recipe.seed: True is not int"),
        (["stages"], 3, r"recipe.stages: is not a short list"),
        (["stages"], [], r"recipe.stages: there are none"),
        (["stages", 0], 3, r"recipe.stages\[0\]: is not an object"),
        (["stages", 0, "shape", "time"], "magic", r"shape.time: 'magic' is unknown; use"),
        (["stages", 0, "shape", "low"], 1, r"shape.low: 1 is not bool"),
        (
            ["stages", 0, "parameterization"],
            "vv",
            r"\[0\].parameterization: 'vv' is unknown; use v",
        ),
        (["stages", 0, "weighting"], "epss", r"\[0\].weighting: 'epss' is unknown; use eps"),
        (["stages", 0, "schedule", "low"], 200.0, r"schedule: 0 < 200.0 < 100.0 does not hold"),
        (["stages", 0, "schedule", "low"], float("nan"), r"schedule: 0 < nan"),
        (["stages", 0, "size"], 9, r"\[0\].size: 9 is not a multiple of 2"),
        (["stages", 0, "low_size"], 8, r"\[0\].low_size: 8 does not fit low = False"),
        (["stages", 1, "low_frames"], 3, r"\[1\].low_frames: 3 does not divide 4"),
        (["stages", 1, "low_size"], 4, r"recipe.stages.space16: does not stand on base"),
        (["stages", 0, "phases", 0, "batch"], 0, r"phases\[0\].batch: 0 is not in 1"),
        (["stages", 0, "phases", 0, "rate"], float("nan"), r"phases\[0\].rate: nan is not in"),
        (["stages", 0, "phases", 0, "samples"], -1, r"phases\[0\].samples: -1 is not in"),
        (["stages", 0, "no_text"], 1.5, r"\[0\].no_text: 1.5 is not in 0 … 1"),
        (["stages", 0, "name"], "../../etc/passwd", r"\[0\].name: .* is not a plain word"),
        (["stages", 0, "name"], "", r"\[0\].name: '' is not a plain word"),
        (["seconds"], 0, r"recipe.seconds: 0.0 is not in"),
        (["seconds"], float("inf"), r"recipe.seconds: inf is not in"),
        (["seconds"], 10**400, r"recipe.seconds: is too large a number"),
        (["optimizer"], "adam", r"recipe.optimizer: 'adam' is unknown; use adamw"),
        (["steps"], [2], r"recipe.steps: 1 values for 2 stages"),
        # absurd sizes: refused by the field, before anything is built
        (["stages", 0, "shape", "widths"], [10**9], r"shape.widths: 1000000000 is not in"),
        (["stages", 0, "shape", "depth"], 10**9, r"shape.depth: 1000000000 is not in"),
        (["stages", 0, "shape", "state"], 10**9, r"shape.state: 1000000000 is not in"),
        (["stages", 0, "frames"], 10**9, r"\[0\].frames: 1000000000 is not in"),
        (["stages", 0, "size"], 10**9, r"\[0\].size: 1000000000 is not in"),
    ],
)
def test_a_wrong_field_is_named_with_its_way_and_a_remedy(path, value, said):
    with pytest.raises(InputError, match=said):
        recipes.from_json(changed(path, value))


def test_a_missing_field_is_named():
    tree = json.loads(recipes.to_json(tiny()))
    del tree["stages"][0]["shape"]["patch"]
    with pytest.raises(InputError, match=r"recipe.stages\[0\].shape: is incomplete .*'patch'"):
        recipes.from_json(json.dumps(tree))


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2", "nonsense", "[" * 100_000, "[]", "3", "null", '"words"']
)
def test_what_is_no_recipe_is_an_input_error(text):
    with pytest.raises(InputError, match="recipe"):
        recipes.from_json(text)


def test_a_recipe_of_megabytes_is_not_parsed():
    with pytest.raises(InputError, match="the limit is 1,000,000"):
        recipes.from_json(" " * 1_000_001)


def test_a_list_of_thousands_is_refused():
    with pytest.raises(InputError, match="is not a short list"):
        recipes.from_json(changed(["steps"], [1] * 1001))


def test_too_many_weights_are_refused_before_any_is_made():
    wide = dataclasses.replace(stage().shape, widths=(16384,), attention=(True,), head=128)
    huge = dataclasses.replace(stage(), shape=wide)
    started = time.perf_counter()
    with pytest.raises(LimitError, match=r"'base' has .* weights, the limit is 3,000,000,000"):
        recipes.network(huge)
    assert time.perf_counter() - started < 10  # filling them would take a minute and 30 GB


def test_counting_weights_draws_nothing():
    torch.manual_seed(3)
    first = recipes.network(stage()).state_dict()
    torch.manual_seed(3)
    plain = recipes.cascade.VideoUNet(stage().shape).state_dict()
    assert all(torch.equal(first[f"net.{name}"], value) for name, value in plain.items())


# -- folders --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A model folder with fresh weights."""
    (tmp_path / "recipe.json").write_text(recipes.to_json(tiny()))
    for one in tiny().stages:
        tensors = recipes.network(one).state_dict()
        recipes.save_tensors(tmp_path / f"{one.name}.safetensors", tensors, {"stage": one.name})
    return tmp_path


def test_a_model_folder_becomes_a_maker(folder):
    maker = recipes.load(str(folder))
    assert [(s.name, s.frames, s.size, s.steps) for s in maker.stages] == [
        ("base", 4, 8, 2),
        ("space16", 4, 16, 3),
    ]
    assert [s.name for s in recipes.load(str(folder), stages=1).stages] == ["base"]


def test_a_model_that_is_not_here_names_those_that_are(tmp_path):
    with pytest.raises(MissingError, match="model 'none-such' is not here; there are:"):
        recipes.load("none-such")


def test_a_recipe_that_is_not_text_is_an_input_error(folder):
    (folder / "recipe.json").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        recipes.load(str(folder))


def test_the_plan_counts_evaluations_and_work():
    plan = recipes.plan(tiny(), Sampling(), forecast=False)
    assert (plan.stages, plan.size, plan.frames) == (2, 16, 4)
    assert plan.evaluations == 2 * 2 + 3  # guidance doubles the first stage's
    assert plan.gflop > 0
    assert "2 stages" in plan.told()


# -- weights --------------------------------------------------------------------------------------


def rewritten(folder, change):
    """The base's weights as `change` leaves them."""
    path = folder / "base.safetensors"
    tensors = dict(recipes.network(tiny().stages[0]).state_dict())
    change(tensors)
    recipes.save_tensors(path, tensors, {})


def test_a_missing_tensor_is_named(folder):
    rewritten(folder, lambda tensors: tensors.pop("net.enter.weight"))
    with pytest.raises(MissingError, match=r"tensor net.enter.weight is missing"):
        recipes.load(str(folder))


def test_a_tensor_too_many_is_named(folder):
    rewritten(folder, lambda tensors: tensors.update(extra=torch.zeros(1)))
    with pytest.raises(MissingError, match="tensor extra is not part of the model"):
        recipes.load(str(folder))


def test_a_tensor_of_the_wrong_shape_is_named(folder):
    rewritten(folder, lambda tensors: tensors.update({"net.enter.bias": torch.zeros(17)}))
    with pytest.raises(MissingError, match=r"tensor net.enter.bias is \(17,\), not \(16,\)"):
        recipes.load(str(folder))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_tensor_that_is_not_finite_is_named(folder, value):
    rewritten(folder, lambda tensors: tensors["net.enter.bias"].fill_(value))
    with pytest.raises(MissingError, match=r"tensor net.enter.bias is not finite"):
        recipes.load(str(folder))


def test_a_missing_file_is_named(folder):
    (folder / "space16.safetensors").unlink()
    with pytest.raises(MissingError, match=r"space16.safetensors' are not there"):
        recipes.load(str(folder))


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_under_another_name_is_refused_and_never_unpickled(folder, tmp_path):
    canary = tmp_path / "canary"
    (folder / "base.safetensors").write_bytes(pickle.dumps(Canary(canary)))
    with pytest.raises(MissingError, match="are damaged"):
        recipes.load(str(folder))
    assert not canary.exists()


def header(tree, body=b""):
    """A safetensors file with a header of one's own."""
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 4,
        struct.pack("<Q", 2**62) + b"{}",
        header(b"{" * 100),
        header({"a": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}}, b"0000"),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}}, b"0000"),
        header(b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}', b"0000"),
    ],
    ids=["empty", "short", "long-header", "no-json", "absurd-shape", "past-end", "no-dtype"],
)
def test_a_damaged_file_is_refused_at_once(folder, content):
    (folder / "base.safetensors").write_bytes(content)
    started = time.perf_counter()
    with pytest.raises(MissingError, match=r"base.safetensors"):
        recipes.load(str(folder))
    assert time.perf_counter() - started < 5


def test_a_truncated_file_is_refused(folder):
    path = folder / "base.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingError, match="are damaged"):
        recipes.load(str(folder))


def test_weights_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    recipes.save_tensors(path, {"x": torch.ones(2)}, {"made": "now"})
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode

    def fail(tensors, target, about):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recipes.files, "save_file", fail)
    with pytest.raises(LimitError, match="no space left on the disk"):
        recipes.save_tensors(path, {"x": torch.zeros(2)}, {})
    assert torch.equal(recipes.load_tensors(path, {"x": torch.zeros(2)})["x"], torch.ones(2))


def test_a_trained_network_asks_for_no_gradient(folder):
    net = recipes.trained(stage(), folder)
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert not net.training


# -- the shipped models -------------------------------------------------------------------------


def recipe_in(name):
    path = Path(__file__).parents[1] / "recipes" / f"{name}.py"
    return runpy.run_path(str(path))["recipe"]


@pytest.mark.parametrize("model", sorted(set(recipes.models()) - {"stickers", "words"}))
def test_a_shipped_model_is_what_its_recipe_says(model):  # that of words needs the book
    shipped = recipes.read(recipes.folder_of(model))
    assert recipe_in(model.replace("-", "_")) == shipped


def test_the_shipped_stickers_are_the_lap_of_eight_steps():
    course = dataclasses.replace(recipe_in("stickers_distilled"), teacher=recipe_in("stickers"))
    assert course.graduate(("guided", "eight"))[0] == recipes.read(recipes.folder_of("stickers"))


def test_equal_states_are_equal_files(tmp_path):
    state = {"b": torch.arange(4.0), "a": torch.ones(2, 3)}
    about = {name: str(i) for i, name in enumerate(["recipe", "part", "samples", "data", "seed"])}
    for i in range(6):
        turned = dict(list(about.items())[:: 1 if i % 2 else -1])
        recipes.save_tensors(tmp_path / f"{i}.safetensors", dict(state), turned)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


# -- beginning with another model's weights -------------------------------------------------------


def kept(about, folder):
    """A model folder of a recipe with fresh weights; the networks by part."""
    nets = {part.name: recipes.network(part) for part in about.parts}
    folder.mkdir()
    (folder / "recipe.json").write_text(recipes.to_json(about))
    for name, net in nets.items():
        recipes.save_tensors(folder / f"{name}.safetensors", net.state_dict(), {})
    return nets


def test_a_part_begins_with_the_weights_of_the_part_of_its_name(tmp_path):
    nets = kept(tiny(), tmp_path / "old")
    begun = recipes.started(tiny().stages[1], str(tmp_path / "old")).state_dict()
    old = nets["space16"].state_dict()
    assert begun.keys() == old.keys()
    assert all(torch.equal(begun[name], old[name]) for name in old)


def test_a_part_one_level_finer_begins_as_the_other_grown(tmp_path):
    one = tiny(stages=(stage(),), steps=(2,), guidance=(2.0,))
    old = kept(one, tmp_path / "old")["base"].state_dict()
    finer = dataclasses.replace(stage(size=16), shape=grown_shape(stage().shape, 16))
    begun = recipes.started(finer, str(tmp_path / "old")).state_dict()
    moved = grown(old)
    assert moved and all(torch.equal(begun[name], tensor) for name, tensor in moved.items())


def test_a_part_that_nothing_fits_is_refused(tmp_path):
    kept(tiny(), tmp_path / "old")
    with pytest.raises(InputError, match="has no part 'other'"):
        recipes.started(stage("other"), str(tmp_path / "old"))
    with pytest.raises(MissingError):
        recipes.started(stage(), str(tmp_path / "none"))


# -- eight bits -----------------------------------------------------------------------------------


def test_weights_in_eight_bits_are_off_by_half_a_scale_at_most():
    wide = torch.randn(70, 3, 3, 40) * torch.logspace(-3, 3, 70)[:, None, None, None]
    given = {"wide": wide, "bias": torch.randn(70), "row.empty": torch.zeros(64, 64)}
    stored = eight_bits.quantized(given)
    assert {k: v.dtype for k, v in stored.items()} == {
        "wide": torch.int8,
        "wide.scale": torch.float32,
        "bias": torch.float32,
        "row.empty": torch.int8,
        "row.empty.scale": torch.float32,
    }
    back = eight_bits.dequantized(stored)
    assert set(back) == set(given) and torch.equal(back["bias"], given["bias"])
    assert torch.equal(back["row.empty"], torch.zeros(64, 64, dtype=torch.bfloat16))
    most = wide.abs().flatten(1).amax(1)[:, None, None, None]
    off = (back["wide"].float() - wide).abs()
    assert bool((off <= most * (0.5 / 127 + 2**-8)).all())  # half a scale, and bfloat16's rounding
    assert eight_bits.dequantized(given) == given


def test_a_shrunk_model_is_half_as_large_and_makes_nearly_the_same(tmp_path):
    wide = dataclasses.replace(stage().shape, widths=(64, 64), attention=(False, True))
    part = stage(frames=1)
    part = dataclasses.replace(part, shape=wide)
    about = tiny(stages=(part,), steps=(2,), guidance=(1.0,))
    net = recipes.network(part)
    rng = torch.Generator().manual_seed(0)
    for p in net.parameters():
        p.data = 0.05 * torch.randn(p.shape, generator=rng)
    half = {name: p.to(torch.bfloat16) for name, p in net.state_dict().items()}
    recipes.save_tensors(tmp_path / "model" / "base.safetensors", half, {})
    recipes.seal(about, tmp_path / "model")
    (tmp_path / "model" / "CARD.md").write_text("a card", "utf-8")
    recipes.shrink(tmp_path / "model", tmp_path / "small")
    sizes = [(tmp_path / n / "base.safetensors").stat().st_size for n in ("model", "small")]
    assert sizes[1] < 0.6 * sizes[0]
    assert (tmp_path / "small" / "CARD.md").read_text("utf-8") == "a card"
    nets = [recipes.trained(part, tmp_path / name) for name in ("model", "small")]
    x = torch.randn(2, 3, 1, part.size, part.size, generator=rng)
    with torch.no_grad():
        a, b = (net(x, torch.tensor([0.5, 3.0]), Cond()) for net in nets)
    assert 0 < float((a - b).square().mean().sqrt()) < 0.02 * float(a.square().mean().sqrt())


def test_a_scale_that_does_not_fit_is_named(tmp_path):
    tensors = {"w": torch.zeros(64, 64, dtype=torch.int8), "w.scale": torch.zeros(3)}
    recipes.save_tensors(tmp_path / "base.safetensors", tensors, {})
    with pytest.raises(MissingError, match=r"base.safetensors.*w\.scale does not fit w"):
        recipes.load_tensors(tmp_path / "base.safetensors", {"w": torch.zeros(64, 64)})
    tensors["w.scale"] = torch.full((64,), math.nan)
    recipes.save_tensors(tmp_path / "base.safetensors", tensors, {})
    with pytest.raises(MissingError, match="tensor w is not finite"):
        recipes.load_tensors(tmp_path / "base.safetensors", {"w": torch.zeros(64, 64)})
