"""The transformer that says what comes next: laws of NextSymbol, closed forms, tiny sizes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from kineograph.nets.causal import Block, Causal, CausalShape, angles, turned
from kineograph.sequence.draw import Draw, extend, row_generators
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

TEXT = CausalShape(size=11, width=32, depth=3, head=8, window=16, places=False, words=0)
GRID = CausalShape(size=11, width=32, depth=2, head=8, window=16, places=True, words=6)


def woken(shape: CausalShape) -> Causal:
    """A network whose closed branches are open, so that every part shows in the answer."""
    torch.manual_seed(0)
    net = Causal(shape)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def heard(batch: int = 3) -> Cond:
    mask = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])[:batch]
    return Cond(words=torch.randn(batch, 4, 6), mask=mask)


def told(net: Causal, symbols, cond: Cond | None, pieces: list[int]) -> torch.Tensor:
    memory = None
    for piece in symbols.split(pieces, dim=1):
        said, memory = net.advance(piece, memory, cond)
    return said


@pytest.mark.parametrize(("shape", "cond"), [(TEXT, None), (GRID, heard())])
@torch.no_grad()
def test_the_cache_says_what_the_whole_text_says(shape, cond):
    net, symbols = woken(shape), torch.randint(11, (3, 16))
    words, mask = (cond.words, cond.mask) if cond else (None, None)
    whole = net(symbols, words, mask)
    said, memory = net.advance(symbols[:, :0], None, cond)
    for n in range(16):
        torch.testing.assert_close(said, whole[:, n], atol=1e-5, rtol=0)
        if n < 15:
            said, memory = net.advance(symbols[:, n : n + 1], memory, cond)


@pytest.mark.parametrize("pieces", [[40], [1] * 40, [3, 20, 17], [14, 1, 1, 24]])
@torch.no_grad()
def test_pieces_of_a_text_longer_than_the_window_give_one_answer(pieces):
    net, symbols = woken(TEXT), torch.randint(11, (2, 40))
    torch.testing.assert_close(
        told(net, symbols, None, pieces), told(net, symbols, None, [40]), atol=1e-5, rtol=0
    )


@torch.no_grad()
def test_a_text_beyond_the_window_is_answered_from_its_end():
    net, symbols = woken(TEXT), torch.randint(11, (1, 200))
    seen = 200 - net._start(200)
    assert 16 // 2 - 1 <= seen <= 15
    said = told(net, symbols, None, [200])
    torch.testing.assert_close(said, told(net, symbols[:, -seen:], None, [seen]))


@torch.no_grad()
def test_a_memory_can_be_continued_twice():
    net, symbols = woken(TEXT), torch.randint(11, (1, 5))
    _, memory = net.advance(symbols, None, None)
    one, two = torch.tensor([[1]]), torch.tensor([[2]])
    first, after = net.advance(one, memory, None)
    other, _ = net.advance(two, memory, None)
    again, _ = net.advance(one, memory, None)
    assert torch.equal(first, again) and not torch.allclose(first, other)
    further, _ = net.advance(two, after, None)
    torch.testing.assert_close(further, told(net, torch.cat([symbols, one, two], 1), None, [7]))


def test_what_is_told_is_the_callers_to_change():
    net, symbols = woken(TEXT), torch.randint(11, (1, 6))
    said, memory = net.advance(symbols[:, :5], None, None)
    said.fill_(0)
    said, _ = net.advance(symbols[:, 5:], memory, None)
    torch.testing.assert_close(said, told(net, symbols, None, [6]))


@torch.no_grad()
def test_rows_are_strangers():
    net, symbols, cond = woken(GRID), torch.randint(11, (3, 9)), heard()
    whole = told(net, symbols, cond, [9])
    for row in range(3):
        alone = told(net, symbols[row : row + 1], cond[row : row + 1], [9])
        torch.testing.assert_close(alone[0], whole[row], atol=1e-5, rtol=0)


@torch.no_grad()
def test_no_place_sees_a_later_symbol():
    net, symbols = woken(TEXT), torch.randint(11, (1, 16))
    changed = symbols.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 11
    difference = (net(symbols) - net(changed)).abs().amax(-1)[0]
    assert difference[:10].max() == 0 and difference[10:].min() > 0


@torch.no_grad()
def test_masked_words_are_not_heard_and_no_text_is_a_text():
    net, symbols, cond = woken(GRID), torch.randint(11, (3, 7)), heard()
    noisy = torch.where(cond.mask[..., None], cond.words, torch.randn(3, 4, 6))
    torch.testing.assert_close(net(symbols, cond.words, cond.mask), net(symbols, noisy, cond.mask))
    torch.testing.assert_close(net(symbols)[2], net(symbols, cond.words, cond.mask)[2])
    assert not torch.allclose(net(symbols)[0], net(symbols, cond.words, cond.mask)[0])


def test_turned_products_depend_on_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 8)
    turn = angles(20, 8)
    products = turned(q.expand(1, 1, 20, 8), turn) @ turned(k.expand(1, 1, 20, 8), turn).mT
    for distance in (-7, 0, 3):
        line = products[0, 0].diagonal(distance)
        torch.testing.assert_close(line, line[:1].expand_as(line), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_block_may_see_both_ways():
    torch.manual_seed(0)
    block = Block(16, 8, causal=False)
    torch.nn.init.normal_(block.out.weight)
    x = torch.randn(1, 5, 16)
    changed = x.clone()
    changed[:, 4] += 1
    assert (block(x) - block(changed))[0, 0].abs().max() > 0


@torch.no_grad()
def test_attention_is_a_share_and_is_the_attention_that_is_used():
    net, symbols = woken(TEXT), torch.randint(11, (2, 10))
    maps = net.attention(symbols)
    assert maps.shape == (3, 2, 4, 10, 10)
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 2, 4, 10))
    assert maps.triu(1).max() == 0
    block = net.blocks[0]
    x, turn = net._entered(net._begun(symbols[:, :-1]), 0)
    v = block.qkv(F.rms_norm(x, (32,))).chunk(3, -1)[2].unflatten(-1, (4, 8)).transpose(1, 2)
    seen = block.out((maps[0] @ v).transpose(1, 2).flatten(2))
    h = x + seen
    thought = block.narrow(F.relu(block.widen(F.rms_norm(h, (32,)))).square())
    torch.testing.assert_close(block(x, turn), h + thought, atol=1e-5, rtol=1e-5)


def test_a_bigram_source_is_learned_to_its_entropy():
    torch.manual_seed(1)
    chance = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]], dtype=torch.float64)
    stationary = torch.linalg.matrix_power(chance, 200)[0]
    entropy = float(-(stationary[:, None] * chance * chance.log()).sum())

    def text(rows: int, length: int) -> torch.Tensor:
        now = torch.multinomial(stationary, rows, replacement=True)
        out = [now]
        for _ in range(length - 1):
            now = torch.multinomial(chance[now], 1)[:, 0]
            out.append(now)
        return torch.stack(out, 1)

    net = Causal(CausalShape(3, width=16, depth=1, head=8, window=17, places=False, words=0))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    steps, book = 100, text(6400, 17)
    for step, x in enumerate(book.split(64)):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        loss = F.cross_entropy(net(x)[:, 1:].flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    x = text(2000, 17)
    with torch.no_grad():
        said = net(x).double().log_softmax(-1)
    following = chance[x[:, :-1]]  # (B, 16, 3)
    loss = float(-(following * said[:, 1:]).sum(-1).mean())
    truth = float(-(following * following.log()).sum(-1).mean())
    assert truth == pytest.approx(entropy, abs=0.01)
    assert truth <= loss < truth + 0.005, f"{loss / math.log(2):.4f} bits"


@torch.no_grad()
def test_the_loop_writes_from_nothing_beyond_the_window():
    net = woken(TEXT)
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    said = torch.stack(list(extend(net, nothing, 40, Draw(), row_generators([1, 2]))), 1)
    assert said.shape == (2, 40) and int(said.max()) < 11
    alone = torch.stack(list(extend(net, nothing[:1], 40, Draw(), row_generators([2]))), 1)
    assert torch.equal(alone[0], said[1])


@pytest.mark.parametrize(
    ("field", "value"), [("head", 7), ("head", 12), ("size", 0), ("depth", 0), ("window", 1)]
)
def test_a_shape_that_cannot_be_is_refused(field, value):
    with pytest.raises(InputError, match=field):
        CausalShape(**(vars(TEXT) | {field: value}))


def test_a_text_above_the_window_is_refused_by_the_whole_look():
    with pytest.raises(InputError, match="the window is 16"):
        Causal(TEXT)(torch.zeros(1, 17, dtype=torch.int64))
