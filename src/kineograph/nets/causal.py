"""A decoder-only transformer: what comes next, learned (Vaswani et al. 2017; Radford et al. 2018).

Pre-norm RMS, places by turning queries and keys (RoPE, Su et al. 2021), queries and keys of unit
size, a squared ReLU between two matrices, one table for symbols read and symbols said. It may look
at the token states of a text (cross-attention), as Parti does. `Block` also serves transformers
that see both ways.
Legend: B batch, N symbols, D width, A heads, E width of a head, L text tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from kineograph.nets.blocks import attend, zeroed
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

SHORT = 256  # positions; up to here plain products go faster backward than the fused kernel
MOST = {"size": 10**7, "width": 16384, "depth": 256, "head": 1024, "window": 10**6, "words": 16384}


@dataclass(frozen=True)
class CausalShape:
    """Sizes of a decoder-only transformer; none has a default."""

    size: int
    "Different symbols."
    width: int
    "Channels of a position."
    depth: int
    "Blocks."
    head: int
    "Width of one attention head, even."
    window: int
    "Symbols of the longest text it is taught on; of a longer one it sees the end."
    places: bool
    "Whether each place of the window is known by itself too: image grids need it, texts do not."
    words: int
    "Width of the text encoder's token states; 0 looks at no text."

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            least = 0 if name == "words" else 2 if name in ("head", "window") else 1
            if not least <= getattr(self, name) <= most:
                raise InputError(name, f"{getattr(self, name)} is not in {least} … {most:,}")
        if self.head % 2 or self.width % self.head:
            raise InputError("head", f"{self.head} is odd or does not divide width {self.width}")


# -- blocks ----------------------------------------------------------------------------------------

Turn = tuple[Tensor, Tensor]
"Cosine and sine (N, E/2) of the angles that stand for places."


class Text(NamedTuple):
    """What one block sees of a text: keys, values (B, A, L, E); seen (B, 1, 1, L), true: look."""

    keys: Tensor
    values: Tensor
    seen: Tensor


class Kept(NamedTuple):
    """Room for keys and values (B, A, room, E) of one block, of which the first `length` count."""

    keys: Tensor
    values: Tensor
    length: int


def rms(x: Tensor) -> Tensor:
    """Unit mean square over channels (last axis)."""
    return F.rms_norm(x, x.shape[-1:])


def _unit(x: Tensor) -> Tensor:
    """`rms` in three small operations instead of five."""
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.add(_TINY, size, alpha=x.shape[-1] ** -0.5)


_TINY = torch.tensor(1e-7)


def angles(places: int, head: int) -> Turn:
    """The Turn of places 0 … places - 1: frequencies fall from 1 to 1/10,000."""
    frequency = 10_000.0 ** -torch.linspace(0, 1, head // 2, dtype=torch.float64)
    angle = torch.arange(places, dtype=torch.float64)[:, None] * frequency  # (N, E/2)
    return angle.cos().float(), angle.sin().float()


def turned(x: Tensor, turn: Turn) -> Tensor:
    """x (B, A, N, E), each pair of channels turned by its place's angle; products see distances."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = turn
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Block(nn.Module):
    """Positions look at one another (causal: at those before and themselves), at a text, think."""

    def __init__(self, width: int, head: int, *, causal: bool, words: int = 0) -> None:
        super().__init__()
        self.head, self.causal = head, causal
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = zeroed(nn.Linear(width, width, bias=False))
        self.text_q = nn.Linear(width, width, bias=False) if words else None
        self.text_kv = nn.Linear(words, 2 * width) if words else None  # biased: silence has a key
        self.text_out = zeroed(nn.Linear(width, width, bias=False)) if words else None
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.narrow = zeroed(nn.Linear(4 * width, width, bias=False))

    def read(self, words: Tensor, seen: Tensor) -> Text:
        """What this block sees of token states (B, L, words); seen (B, L) is true at tokens."""
        assert self.text_kv is not None
        k, v = rearrange(self.text_kv(words), "b l (k a e) -> k b a l e", k=2, e=self.head)
        return Text(rms(k), v, seen[:, None, None])

    def forward(
        self,
        x: Tensor,
        turn: Turn | None = None,
        *,
        text: Text | None = None,
        kept: Kept | None = None,
    ) -> Tensor:
        """x (B, N, D). turn: places of x. kept: earlier positions; x's are written after them."""
        heads, back = "b n (k a e) -> k b a n e", "b a n e -> b n (a e)"
        q, k, v = rearrange(self.qkv(rms(x)), heads, k=3, e=self.head)  # (B, A, N, E)
        q, k = rms(q), rms(k)
        if turn is not None:
            q, k = turned(q, turn), turned(k, turn)
        x = x + self.out(rearrange(self._attended(q, k, v, kept), back))
        if text is not None and self.text_q is not None and self.text_out is not None:
            q = rms(rearrange(self.text_q(rms(x)), "b n (a e) -> b a n e", e=self.head))
            away = torch.zeros(text.seen.shape, device=x.device).masked_fill(~text.seen, -torch.inf)
            x = x + self.text_out(rearrange(attend(q, text.keys, text.values, away), back))
        return x + self.narrow(F.relu(self.widen(rms(x))).square())

    def step(self, x: Tensor, turn: Turn, text: Text | None, kept: Kept) -> Tensor:
        """`forward` for one position x (B, D) after those kept, in one precision.

        The same sums in half the operations: decoding costs what calling operations costs. turn:
        cosine twice and sine with both signs, (1, E), for pairs half a head apart.
        """
        past, heads = kept.length, x.shape[1] // self.head
        qkv = F.linear(_unit(x), self.qkv.weight).view(len(x), 3, heads, self.head)
        both = _unit(qkv[:, :2])  # (B, 2, A, E)
        both = torch.addcmul(both * turn[0], both.roll(self.head // 2, -1), turn[1])
        kept.keys[:, :, past], kept.values[:, :, past] = both[:, 1], qkv[:, 2]
        k, v = kept.keys[:, :, : past + 1], kept.values[:, :, : past + 1]
        h = F.scaled_dot_product_attention(both[:, 0, :, None], k, v)  # (B, A, 1, E)
        x = torch.addmm(x, h.reshape(x.shape), self.out.weight.t())
        if text is not None and self.text_q is not None and self.text_out is not None:
            q = _unit(self.text_q(_unit(x)).view(len(x), heads, 1, self.head))
            h = F.scaled_dot_product_attention(q, text.keys, text.values, attn_mask=text.seen)
            x = torch.addmm(x, h.reshape(x.shape), self.text_out.weight.t())
        h = F.linear(_unit(x), self.widen.weight).relu_().square_()
        return torch.addmm(x, h, self.narrow.weight.t())

    def attention(self, x: Tensor, turn: Turn | None = None) -> Tensor:
        """(B, A, N, N) how much each position of x (row) looks at each (column); rows sum to 1."""
        q, k, _ = rearrange(self.qkv(rms(x)), "b n (k a e) -> k b a n e", k=3, e=self.head)
        q, k = rms(q), rms(k)
        if turn is not None:
            q, k = turned(q, turn), turned(k, turn)
        logits = q @ k.transpose(-1, -2) * self.head**-0.5
        if self.causal:
            closed = torch.ones(logits.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
            logits = logits.masked_fill(closed, -torch.inf)
        return logits.softmax(dim=-1)

    def _attended(self, q: Tensor, k: Tensor, v: Tensor, kept: Kept | None) -> Tensor:
        """(B, A, N, E) what each position takes from those it sees."""
        q, k = q.to(v.dtype), k.to(v.dtype)
        if kept is None:
            n = q.shape[2]
            if n > SHORT:
                return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
            logits = q @ k.transpose(-1, -2) * self.head**-0.5
            if self.causal:
                logits = logits + torch.full((n, n), -torch.inf, device=q.device).triu(1)
            return logits.softmax(-1).to(v.dtype) @ v
        n, past = q.shape[2], kept.length
        kept.keys[:, :, past : past + n] = k
        kept.values[:, :, past : past + n] = v
        k, v = kept.keys[:, :, : past + n].to(q.dtype), kept.values[:, :, : past + n].to(q.dtype)
        if n == 1 or past == 0:
            return F.scaled_dot_product_attention(q, k, v, is_causal=n > 1 and self.causal)
        seen = torch.ones(n, past + n, dtype=torch.bool, device=q.device).tril(past)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen if self.causal else None)


# -- memory ----------------------------------------------------------------------------------------


class Shelf:
    """Keys and values of all blocks, filled from the front; what is filled never changes."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values  # (depth, B, A, room, E)
        self.filled = 0

    def after(self, length: int) -> Shelf:
        """A shelf whose first `length` places are these and whose next are free: itself, or a copy
        when another continuation has already been written there."""
        if self.filled == length:
            return self
        copy = Shelf(self.keys.clone(), self.values.clone())
        copy.filled = length
        return copy


class Memory(NamedTuple):
    """What has been read: the symbols (B, n) in view, the first being number `start` of the text;
    the first `length` places of a shelf (the mark of the beginning, then the symbols); the text."""

    symbols: Tensor
    start: int
    shelf: Shelf
    length: int
    text: tuple[Text | None, ...]


# -- the network -----------------------------------------------------------------------------------


class Causal(nn.Module):
    """Symbols in, log-weights of what comes next out; a NextSymbol (see `chain`).

    Every text begins with a mark of its own, so the first symbol is foretold too and a text may
    begin from nothing. When a text outgrows the window, its older half is let go and the rest read
    anew, at places fixed by the count of symbols alone: pieces or all at once, the answer is one.
    """

    def __init__(self, shape: CausalShape) -> None:
        super().__init__()
        self.shape = shape
        self.symbols = nn.Embedding(shape.size + 1, shape.width)  # the last row: the beginning
        nn.init.normal_(self.symbols.weight, std=0.02)  # small: it does not begin by repeating
        self.places = nn.Embedding(shape.window, shape.width) if shape.places else None
        if self.places is not None:
            nn.init.zeros_(self.places.weight)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.head, causal=True, words=shape.words)
            for _ in range(shape.depth)
        )
        self.cos: Tensor
        self.sin: Tensor
        cos, sin = angles(shape.window, shape.head)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    @property
    def size(self) -> int:
        return self.shape.size

    def forward(
        self, symbols: Tensor, words: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Log-weights (B, N, size): place n foretells symbol n from those before it.

        symbols: (B, N) int64, N ≤ window. words: (B, L, words) token states, mask: (B, L) true at
        tokens; without them no text is said. The loss is the cross entropy with `symbols` itself.
        """
        if symbols.shape[1] > self.shape.window:
            raise InputError(
                "symbols", f"{symbols.shape[1]} in a row, the window is {self.shape.window}"
            )
        x, turn = self._entered(self._begun(symbols[:, :-1]), 0)
        for block, text in zip(self.blocks, self._read(words, mask, len(symbols)), strict=True):
            x = block(x, turn, text=text)
        return self._said(x)

    def advance(
        self, symbols: Tensor, memory: Memory | None, cond: Cond | None
    ) -> tuple[Tensor, Memory]:
        """NextSymbol: (B, size) after `symbols` (B, N); of `cond` only words and mask are seen.

        Without gradients; what comes out is the caller's to change.
        """
        with torch.inference_mode():
            said, after = self._advanced(symbols, memory, cond)
        return said.clone(), after

    def _advanced(
        self, symbols: Tensor, memory: Memory | None, cond: Cond | None
    ) -> tuple[Tensor, Memory]:
        held, before = symbols, 0
        if memory is not None:
            held, before = torch.cat([memory.symbols, symbols], dim=1), memory.start
        start = self._start(before + held.shape[1])
        held = held[:, start - before :]
        if memory is None or start > before:
            words, mask = (cond.words, cond.mask) if cond is not None else (None, None)
            texts = memory.text if memory else self._read(words, mask, len(symbols))
            memory = Memory(held, start, self._shelf(len(symbols)), 0, texts)
            symbols = self._begun(held)

        past, length = memory.length, memory.length + symbols.shape[1]
        shelf = memory.shelf.after(past)
        kept = [Kept(k, v, past) for k, v in zip(shelf.keys, shelf.values, strict=True)]
        x = self._passed(symbols, kept, memory.text)
        shelf.filled = length
        return self._said(x), Memory(held, start, shelf, length, memory.text)

    def _passed(self, symbols: Tensor, kept: list[Kept], texts: tuple[Text | None, ...]) -> Tensor:
        """Symbols (B, N) through all blocks after what is kept; the last position, (B, D)."""
        x, (cos, sin) = self._entered(symbols, kept[0].length)
        if symbols.shape[1] == 1 and not torch.is_autocast_enabled(x.device.type):
            x, turn = x[:, 0], (torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1))
            for block, text, room in zip(self.blocks, texts, kept, strict=True):
                assert isinstance(block, Block)
                x = block.step(x, turn, text, room)
            return x
        for block, text, room in zip(self.blocks, texts, kept, strict=True):
            x = block(x, (cos, sin), text=text, kept=room)
        return x[:, -1]

    def attention(self, symbols: Tensor) -> Tensor:
        """(depth, B, A, N, N) where each place looks when it foretells its symbol.

        Column 0 is the mark of the beginning, column n the symbol n - 1.
        """
        x, turn = self._entered(self._begun(symbols[:, :-1]), 0)
        maps = []
        for block, text in zip(self.blocks, self._read(None, None, len(symbols)), strict=True):
            assert isinstance(block, Block)
            maps.append(block.attention(x, turn))
            x = block(x, turn, text=text)
        return torch.stack(maps)

    def _begun(self, symbols: Tensor) -> Tensor:
        return F.pad(symbols, (1, 0), value=self.shape.size)

    def _entered(self, symbols: Tensor, past: int) -> tuple[Tensor, Turn]:
        """Positions (B, N, D) of symbols whose first stands at place `past`, and their Turn."""
        here = slice(past, past + symbols.shape[1])
        x = self.symbols(symbols)
        if self.places is not None:
            x = x + self.places.weight[here]
        return _unit(x), (self.cos[here], self.sin[here])

    def _said(self, x: Tensor) -> Tensor:
        return F.linear(_unit(x), self.symbols.weight[: self.shape.size])

    def _read(
        self, words: Tensor | None, mask: Tensor | None, batch: int
    ) -> tuple[Text | None, ...]:
        """The text as each block sees it, after an empty word, so that no text is a text."""
        if not self.shape.words:
            return (None,) * len(self.blocks)
        if words is None or mask is None:
            words = self.cos.new_zeros(batch, 0, self.shape.words)
            mask = torch.ones(batch, 0, dtype=torch.bool, device=words.device)
        words, seen = F.pad(words, (0, 0, 1, 0)), F.pad(mask, (1, 0), value=True)
        return tuple(block.read(words, seen) for block in self.blocks)  # type: ignore[operator]

    def _start(self, total: int) -> int:
        """Number of the first symbol in view when `total` have been read."""
        room, half = self.shape.window - 1, max(1, self.shape.window // 2)
        return max(0, -(-(total - room) // half) * half)

    def _shelf(self, batch: int) -> Shelf:
        like, head = self.symbols.weight, self.shape.head
        heads = self.shape.width // head
        keys = like.new_empty(self.shape.depth, batch, heads, self.shape.window, head)
        return Shelf(keys, torch.empty_like(keys))
