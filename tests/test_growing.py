"""Growing a network: the old levels keep their weights and are told the noise they know."""

import math

import torch

from kineograph.nets.blocks import Fourier
from kineograph.nets.growing import grown, grown_shape, shifted
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape

SMALL = VideoUNetShape(4, (16, 32), 1, (True, True), "none", 16, 16, 8, False, True, 4)


def filled(net):
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def test_a_shifted_layer_answers_as_at_another_label():
    torch.manual_seed(0)
    label, by = torch.linspace(-1, 1.2, 40), math.log(2) / 4
    layer = torch.randn(5, 64)
    told = Fourier(64)
    want = told(label.double() - by) @ layer.double().T
    assert torch.allclose(told(label.double()) @ shifted(layer, by).double().T, want, atol=1e-4)


def test_every_old_weight_finds_its_place_behind_the_new_level():
    torch.manual_seed(0)
    small = filled(VideoUNet(SMALL)).state_dict()
    large = VideoUNet(grown_shape(SMALL, 8 * 2))
    before = {name: tensor.clone() for name, tensor in large.state_dict().items()}
    moved = grown(small)
    missing, unknown = large.load_state_dict(moved, strict=False)
    assert not unknown
    old = sum(tensor.numel() for name, tensor in small.items() if not name.startswith(("e", "l")))
    assert sum(tensor.numel() for tensor in moved.values()) == old
    fresh = ("enter", "leave", "down.0", "shrink.0", "merge.0", "up.0", "widen.0")
    assert {name for name in missing if not name.startswith(fresh)} == set()
    for name in missing:
        assert torch.equal(large.state_dict()[name], before[name])
    assert torch.equal(
        large.state_dict()["down.2.blocks.0.first.weight"], small["down.1.blocks.0.first.weight"]
    )
    assert torch.equal(large.state_dict()["shrink.1.weight"], small["shrink.0.weight"])


def test_the_old_levels_do_what_they_did_to_the_same_features():
    torch.manual_seed(0)
    small = filled(VideoUNet(SMALL))
    large = VideoUNet(grown_shape(SMALL, 16))
    large.load_state_dict(grown(small.state_dict()), strict=False)
    x, sigma = torch.randn(2, 8, 8, 16), torch.tensor([0.5, 8.0])
    states = []
    for net, level in ((small, sigma), (large, 2 * sigma)):
        label = level.log() / 4
        state, _ = net._state(label, _Nothing)
        states.append(state)
    assert torch.allclose(*states, atol=1e-4)
    done = []
    for net, place, state in ((small, 0, states[0]), (large, 1, states[1])):
        h = x
        for block in net.down[place].blocks:
            h = block(h, state)
        done.append(
            net.shrink[place](
                torch.nn.functional.pixel_unshuffle(h.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
            )
        )
    assert torch.allclose(*done, atol=1e-3)


class _Nothing:
    pooled = guidance = low_sigma = None
