"""Codec: gradients pass straight through, codes are k-means, tiles equal the whole."""

import pytest
import torch

from kineograph.nets.codec import (
    Codebook,
    Codec,
    CodecShape,
    Gaussian,
    decoded,
    encoded,
    moved,
    nearest,
    revived,
)
from kineograph.values.errors import InputError


def shape(codes=0, **more):
    sizes = {"patch": 2, "widths": (8, 12), "depth": (1, 1), "latent": 3, "critic": 0}
    return CodecShape(codes=codes, **(sizes | more))


def codec(codes=0, **more):
    """A codec whose every layer does something: zeroed branches are drawn too."""
    torch.manual_seed(0)
    net = Codec(shape(codes, **more))
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return net


def pictures(batch=2, frames=1, high=8, wide=8):
    return (
        torch.rand(batch, 3, frames, high, wide, generator=torch.Generator().manual_seed(1)) * 2 - 1
    )


def test_a_picture_is_a_clip_of_one_frame_and_clips_keep_their_shape():
    net = codec()
    x = pictures(frames=3, high=8, wide=12)
    z = net.encode(x)
    assert z.shape == (2, 3, 3, 2, 3)
    assert net.decode(z).shape == x.shape
    alone = net.encode(x[:, :, 1:2])
    torch.testing.assert_close(alone, z[:, :, 1:2])


def test_symbols_are_whole_numbers_and_lead_back_to_a_picture():
    net = codec(codes=16)
    ids = net.symbols(net.encode(pictures()))
    assert ids.shape == (2, 1, 2, 2) and ids.dtype == torch.int64
    assert net.decode(net.vectors(ids)).shape == (2, 3, 1, 8, 8)
    again = net.symbols(net.vectors(ids))
    assert torch.equal(again, ids)


def test_the_gradient_passes_straight_through_the_codebook():
    book = Codebook(5, 4)
    h = torch.randn(2, 3, 3, 4, requires_grad=True)
    push = torch.randn(2, 3, 3, 4)
    (book(h, h).values * push).sum().backward()
    straight = torch.autograd.grad((book.latents(h) * push).sum(), h)[0]
    torch.testing.assert_close(h.grad, straight)


def test_values_are_the_codes_themselves():
    book = Codebook(5, 4)
    squeezed = book(torch.randn(2, 3, 3, 4), torch.zeros(()))
    torch.testing.assert_close(squeezed.values, book.codes[squeezed.ids])


def test_running_means_without_memory_are_k_means():
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0], [10.0, 0.0], [12.0, 2.0]])
    codes = torch.tensor([[1.0, 1.0], [9.0, 1.0]])
    ids = nearest(x, codes)
    assert ids.tolist() == [0, 0, 1, 1]
    counts, sums = moved(torch.ones(2), codes.clone(), x, ids, decay=0.0)
    torch.testing.assert_close(sums / counts[:, None], torch.tensor([[1.0, 0.0], [11.0, 1.0]]))


def test_running_means_settle_where_a_constant_batch_is():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    counts, sums = torch.full((1,), 50.0), torch.full((1, 2), -100.0)
    for _ in range(400):
        counts, sums = moved(counts, sums, x, torch.zeros(2, dtype=torch.int64), decay=0.9)
    torch.testing.assert_close(counts, torch.tensor([2.0]))
    torch.testing.assert_close(sums / counts[:, None], torch.tensor([[2.0, 3.0]]))


def test_dead_codes_come_back_on_what_was_served_worst():
    x = torch.tensor([[0.0], [0.0], [7.0]])
    counts, sums = torch.tensor([5.0, 0.0]), torch.tensor([[0.0], [9.0]])
    error = x[:, 0].square()
    rng = torch.Generator().manual_seed(0)
    counts, sums = revived(counts, sums, x, error, rng)
    assert counts.tolist() == [5.0, 1.0] and sums.tolist() == [[0.0], [7.0]]


def test_revival_depends_on_its_generator_alone():
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(3))
    drawn = [
        revived(
            torch.zeros(8), torch.zeros(8, 2), x, torch.ones(50), torch.Generator().manual_seed(s)
        )[1]
        for s in (1, 1, 2)
    ]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_every_code_of_a_small_book_is_used_after_a_few_steps():
    book = Codebook(8, 3)
    corners = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) * 3
    h = corners.repeat(4, 1).view(4, 8, 1, 3)
    for step in range(30):
        squeezed = book(h, h)
        book.learn(squeezed, decay=0.5, rng=torch.Generator().manual_seed(step))
    assert len(book.ids(book.latents(h)).unique()) == 8
    torch.testing.assert_close(book(h, h).loss, torch.tensor(0.0), atol=1e-6, rtol=0)


def test_the_divergence_is_the_closed_form_of_two_gaussians():
    mean, log_variance = torch.tensor([0.3, -1.0]), torch.tensor([0.5, -0.7])
    h = torch.cat([mean, log_variance]).view(1, 1, 1, 4)
    found = Gaussian(2)(h, torch.zeros(1, 1, 1, 2)).loss
    normal = torch.distributions.Normal
    want = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0, 1))
    torch.testing.assert_close(found, want.mean())


def test_latents_have_the_moments_that_were_learned():
    squeeze = Gaussian(2)
    h = torch.randn(64, 4, 4, 4, generator=torch.Generator().manual_seed(0)) * 5 + 2
    squeeze.learn(squeeze(h, torch.zeros(64, 4, 4, 2)), decay=0.0)
    latents = squeeze.latents(h).flatten(0, 2)
    torch.testing.assert_close(latents.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(latents.std(0), torch.ones(2))
    torch.testing.assert_close(squeeze.values(squeeze.latents(h)), h[..., :2])


@pytest.mark.parametrize("codes", [0, 16])
def test_tiles_equal_the_whole(codes):
    net = codec(codes)
    x = pictures(batch=1, frames=2, high=44, wide=64)
    with torch.no_grad():
        z = net.encode(x)
        torch.testing.assert_close(encoded(net, x, tile=3), z, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(decoded(net, z, tile=3), net.decode(z), atol=1e-5, rtol=1e-4)


def test_the_reach_is_honest_and_not_wasteful():
    net = codec(depth=(1, 2))
    z = torch.randn(1, 3, 1, 31, 31)
    other = z.clone()
    other[..., 15, 15] += 1
    with torch.no_grad():
        moved_pixels = (net.decode(other) - net.decode(z)).abs().amax((0, 1, 2, 3)) > 0
    touched = moved_pixels.nonzero()[:, 0]
    furthest = max(15 * 4 - int(touched[0]), int(touched[-1]) - 15 * 4) / 4
    assert net.shape.reach - 2.5 <= furthest <= net.shape.reach


def test_bad_sizes_are_named():
    with pytest.raises(InputError, match="size: 9x8 is not a multiple of 4 pixels"):
        codec().encode(torch.zeros(1, 3, 1, 8, 9))
    with pytest.raises(InputError, match="codes: this codec has no codebook"):
        codec().symbols(torch.zeros(1, 3, 1, 2, 2))
    with pytest.raises(InputError, match="codes: 1 is neither 0 nor in 2"):
        shape(codes=1)
    with pytest.raises(InputError, match="widths"):
        shape(widths=())
    with pytest.raises(InputError, match="tile: 0"):
        encoded(codec(), pictures(), tile=0)
