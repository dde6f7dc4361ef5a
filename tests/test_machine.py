"""In which numbers do networks compute? In float32 where a processor has no bfloat16."""

import subprocess
import sys

import pytest
import torch

from kineograph import machine
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.schedule import Schedule
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage, loading
from kineograph.recipe.files import save_tensors
from kineograph.training.muon import Muon
from kineograph.values.prompt import Cond

SHAPE = VideoUNetShape(
    patch=4, widths=(16,), depth=1, attention=(False,), time="none", head=8, state=16, text=8,
    low=False, circular=False, channels=3,
)  # fmt: skip
PART = Stage("base", 1, 8, 0, 0, SHAPE, Schedule(0.01, 80.0), phases=(Phase(128, 2, 1, 1e-3, 1.0),))


@pytest.fixture(params=[True, False], ids=["bfloat16", "float32"])
def pays(request, monkeypatch) -> bool:
    """Both kinds of machine."""
    monkeypatch.setattr(machine, "halves_pay", lambda device="cpu": request.param)
    return request.param


def net() -> Precond:
    torch.manual_seed(0)
    made = loading.network(PART)
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return made


def test_a_network_computes_in_what_the_machine_is_quick_in(pays):
    one, x, sigma = net(), torch.randn(2, 3, 1, 8, 8), torch.full((2,), 0.7)
    with torch.no_grad():
        exact = one(x, sigma, Cond())
        made = loading.frozen(one)(x, sigma, Cond())
    assert made.dtype == torch.float32
    assert torch.equal(made, exact) != pays
    assert (made - exact).abs().max() < 0.05 * exact.abs().max()


def test_weights_are_kept_in_what_the_machine_computes_in(pays, tmp_path):
    save_tensors(
        tmp_path / "base.safetensors", {k: v.bfloat16() for k, v in net().state_dict().items()}, {}
    )
    kept = loading.trained(PART, tmp_path, as_stored=True)
    assert {p.dtype for p in kept.parameters()} == {torch.bfloat16 if pays else torch.float32}


def test_muon_is_torchs_own_where_bfloat16_pays(pays):
    """Where it does not, the step is the orthogonal factor of what came, in float32 throughout."""
    torch.manual_seed(0)
    here, there = (torch.nn.Parameter(torch.zeros(24, 40)) for _ in range(2))
    here.grad = torch.randn(24, 40)
    there.grad = here.grad.clone()
    Muon([here], lr=1.0, weight_decay=0.0).step()
    torch.optim.Muon([there], lr=1.0, weight_decay=0.0).step()
    assert torch.equal(here, there) == pays
    u, _, v = torch.linalg.svd(here.grad, full_matrices=False)
    inside = -(u.T @ here.detach() @ v.T)  # diagonal in the gradient's own axes
    off = (inside - inside.diagonal().diag()).abs().max()
    assert off < (0.05 if pays else 1e-4)
    assert inside.diagonal().min() > 0.5 and inside.diagonal().max() < 1.5


def test_autocast_is_off_where_nothing_is_gained(pays):
    with machine.autocast("cpu"):
        assert torch.is_autocast_enabled("cpu") == pays
    with machine.autocast("cpu", enabled=False):
        assert not torch.is_autocast_enabled("cpu")


def test_a_torch_without_onednn_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", object())  # has no such question
    assert not machine.halves_pay()


def test_a_gpu_computes_in_bfloat16():
    assert machine.halves_pay("cuda")


@pytest.mark.parametrize("name", ["pictures", "stickers", "animate"])
def test_loading_weights_imports_no_compiler(name):
    """torch's compiler comes, with seconds of imports, where a network's first weights are drawn
    on the meta device by functions that only it knows there."""
    code = f"""
import sys
from kineograph import recipe
recipe.load("{name}")
print([m for m in ("torch._dynamo", "sympy", "numba") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
