"""Three ways to a picture, taught alike: symbol by symbol, from noise, against a critic.

Each is a network with its objective for the loop of `training.loop`, and a `make` from texts. The
budget is floating-point operations of training, counted by torch on one step of each (forward and
backward, the critic's penalties included): a way that is cheap a picture sees more pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from kineograph.diffusion import distillation
from kineograph.diffusion.denoiser import Denoiser, Precond
from kineograph.diffusion.guidance import GuidanceSchedule, Guided, Thresholded, oscillating
from kineograph.diffusion.loss import WEIGHTINGS
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.diffusion.schedule import PARAMETERIZATIONS, Schedule
from kineograph.nets.causal import Causal, CausalShape
from kineograph.nets.gan import Critic, GanShape, Generator, critic_loss, generator_loss
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape
from kineograph.recipe.fields import Phase, Recipe
from kineograph.sequence.draw import Draw, extend, row_generators
from kineograph.study.figures import SIZE, TEXT, Figures, texts
from kineograph.training import loop
from kineograph.training.seeds import mixed
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.prompt import Cond

BATCH = 64
NO_TEXT = 0.1  # share of samples whose text is dropped, where guidance needs it
SIGMAS = Schedule(0.02, 80.0)
PATCH, CODES, PLACES = 2, 128, (SIZE // 2) ** 2
Order = Literal[1, 2]
PENALTY = 0.5  # on the critic's slopes, of pictures in -1 … 1


class Way(Protocol):
    """One way: what is taught, what a step learns from, and pictures from texts (N, 8)."""

    name: str
    net: nn.Module

    def __call__(
        self, net: nn.Module, phase: Phase, *, seed: int, seen: int
    ) -> Iterator[Tensor]: ...

    def make(self, text: Tensor, seed: int) -> Tensor:
        """(N, 3, 1, 16, 16) in model range; picture i depends on its text and `seed` + i."""
        ...


def batch_of(data: Figures, count: int, seed: int, seen: int) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, 1, 16, 16) and texts (B, 8): a pure function of (seed, seen)."""
    rng = torch.Generator().manual_seed(mixed(seed, seen))
    rows = torch.randint(data.count, (count,), generator=rng).numpy()
    return data.pictures[rows], texts(data.kinds[rows])


def heard(text: Tensor) -> Cond:
    """A text as a condition: one word."""
    return Cond(text[:, None], torch.ones(len(text), 1, dtype=torch.bool), text)


# -- from noise ------------------------------------------------------------------------------------


def denoiser(
    width: int, target: str, *, time: Literal["none", "attention"] = "none", text: int = TEXT
) -> nn.Module:
    """A small U-Net of fresh weights that estimates v, eps or the clean picture."""
    shape = VideoUNetShape(
        patch=1, widths=(width, 2 * width), depth=1, attention=(False, True), time=time, head=16,
        state=2 * width, text=text, low=False, circular=False,
    )  # fmt: skip
    return Precond(VideoUNet(shape), PARAMETERIZATIONS[target])


def denoised(
    net: Any, clean: Tensor, text: Tensor, rng: torch.Generator, weighting: str = "v"
) -> Tensor:
    """Mean loss of clean pictures or clips, each at a level of its own; some hear no text."""
    cond = heard(text).drop_words(torch.rand(len(text), generator=rng) < NO_TEXT)
    sigma = SIGMAS.draw(len(clean), rng)
    noise = torch.randn(clean.shape, generator=rng)
    loss: Tensor = net.loss(clean, noise, sigma, cond, weighting=WEIGHTINGS[weighting]).mean()
    return loss


def from_noise(
    denoise: Denoiser, text: Tensor, seed: int, sigmas: Tensor, *, frames: int = 1, order: Order = 2
) -> Tensor:
    """(N, 3, frames, 16, 16) in model range; sample i depends on its text and `seed` + i."""
    noise = noise_from(row_generators([seed + i for i in range(len(text))]))
    start = noise(torch.empty(len(text), 3, frames, SIZE, SIZE)) * float(sigmas[0])
    *_, last = integrate(denoise, start, sigmas, heard(text), order=order)
    clean: Tensor = last.clean
    return clean


@dataclass(frozen=True)
class Sampling:
    """How pictures are sampled from noise: steps of DPM-Solver++, guidance, thresholding."""

    steps: int = 16
    guidance: float = 1.0
    oscillate: bool = False
    threshold: float = 1.0
    "Quantile of dynamic thresholding; 1 only clips nothing."
    order: Order = 2
    "1 is DDIM."


@dataclass
class Diffusion:
    """A denoising U-Net that estimates v, eps, or the clean picture."""

    data: Figures
    width: int
    target: Literal["v", "eps", "clean"] = "v"
    weighting: str = "v"
    how: Sampling = Sampling()
    name: str = "diffusion"

    def __post_init__(self) -> None:
        self.net = denoiser(self.width, self.target)

    def __call__(self, net: Any, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        clean, text = batch_of(self.data, phase.batch, seed, seen)
        rng = torch.Generator().manual_seed(mixed(seed, seen) ^ 1)
        yield denoised(net, clean, text, rng, self.weighting)

    @torch.no_grad()
    def make(self, text: Tensor, seed: int) -> Tensor:
        return self.sampled(text, seed, self.how)

    @torch.no_grad()
    def sampled(self, text: Tensor, seed: int, how: Sampling) -> Tensor:
        """As `make`, with other sampling."""
        denoise: Denoiser = self.net
        sigmas = SIGMAS.grid(how.steps)
        if how.guidance != 1:
            scales: tuple[float, ...] = (how.guidance,) * how.steps
            scales = oscillating(scales) if how.oscillate else scales
            denoise = Guided(denoise, GuidanceSchedule(sigmas[:-1].tolist(), scales))
        if how.threshold < 1:
            denoise = Thresholded(denoise, how.threshold)
        return from_noise(denoise, text, seed, sigmas, order=how.order)


@dataclass
class Distilled(Diffusion):
    """A student of few steps, each of which does the work of two of its teacher's.

    Salimans & Ho 2022 (Imagen Video distils so): from every level that the student's sampler visits
    two DDIM steps of the teacher, and the clean picture with which one lands there.
    """

    teacher: Diffusion | None = None
    name: str = "distilled"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.teacher is not None:  # a student begins as its teacher
            self.net.load_state_dict(self.teacher.net.state_dict())

    def __call__(self, net: Any, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        assert self.teacher is not None
        clean, text = batch_of(self.data, phase.batch, seed, seen)
        rng = torch.Generator().manual_seed(mixed(seed, seen) ^ 1)
        steps, cond = self.how.steps, heard(text)
        first = torch.randint(steps, (1,), generator=rng)
        places = (first + torch.arange(len(clean)) * steps // len(clean)) % steps
        levels = distillation.moves(SIGMAS, steps, places)
        sigma = levels[0].float()
        x = clean + sigma.view(-1, 1, 1, 1, 1) * torch.randn(clean.shape, generator=rng)
        with torch.no_grad():
            aim = distillation.target(self.teacher.net, x, levels, cond)
        yield net.miss(x, sigma, aim, cond, weighting=WEIGHTINGS[self.weighting]).mean()


# -- symbol by symbol ------------------------------------------------------------------------------


def codebook(pictures: Tensor, seed: int, *, rounds: int = 10, most: int = 20_000) -> Tensor:
    """(CODES, 12) patches that pictures are made of, by k-means from patches drawn by the seed."""
    rng = torch.Generator().manual_seed(seed)
    patches = patched(pictures).flatten(0, 1)
    patches = patches[torch.randperm(len(patches), generator=rng)[:most]]
    kinds = torch.unique(patches, dim=0)  # most are plain paper: begin with different ones
    book: Tensor = kinds[torch.randperm(len(kinds), generator=rng)[:CODES]]
    if len(book) < CODES:
        raise InputError("data", f"{len(book)} different patches", f"{CODES} or more are needed")
    for _ in range(rounds):
        near = torch.cdist(patches, book).argmin(1)
        sums = torch.zeros_like(book).index_add_(0, near, patches)
        counts = torch.bincount(near, minlength=CODES)[:, None]
        book = torch.where(counts > 0, sums / counts.clamp(min=1), book)
    return book


def patched(pictures: Tensor) -> Tensor:
    """(N, 3, 1, H, W) to patches (N, 64, 12), row by row."""
    return rearrange(pictures, "n c 1 (h p) (w q) -> n (h w) (c p q)", p=PATCH, q=PATCH)


@dataclass
class Autoregressive:
    """A transformer that writes a picture's patches in a codebook."""

    data: Figures
    width: int
    name: str = "autoregressive"

    def __post_init__(self) -> None:
        shape = CausalShape(
            size=CODES, width=self.width, depth=4, head=16, window=PLACES, places=True, words=TEXT
        )
        self.net: nn.Module = Causal(shape)
        self.book = codebook(self.data.pictures, self.data.seed)
        self.codes = torch.cdist(patched(self.data.pictures), self.book).argmin(-1)  # (N, 64)

    def __call__(self, net: Any, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        rows = torch.randint(self.data.count, (phase.batch,), generator=rng)
        cond = heard(texts(self.data.kinds[rows.numpy()]))
        said = net(self.codes[rows], cond.words, cond.mask)
        yield F.cross_entropy(said.flatten(0, 1), self.codes[rows].flatten())

    @torch.no_grad()
    def make(self, text: Tensor, seed: int) -> Tensor:
        net: Any = self.net
        start = torch.empty(len(text), 0, dtype=torch.int64)
        rngs = row_generators([seed + i for i in range(len(text))])
        codes = torch.stack(list(extend(net, start, PLACES, Draw(), rngs, heard(text))), 1)
        side = SIZE // PATCH
        return rearrange(
            self.book[codes], "n (h w) (c p q) -> n c 1 (h p) (w q)", h=side, p=PATCH, q=PATCH, c=3
        )


# -- against a critic ------------------------------------------------------------------------------


@dataclass
class Adversarial:
    """A generator taught by a critic, which learns beside it with an optimizer of its own."""

    data: Figures
    width: int
    name: str = "adversarial"
    critic: Critic = field(init=False)

    def __post_init__(self) -> None:
        shape = GanShape(
            size=SIZE, start=4, widths=(self.width, 2 * self.width, 2 * self.width), depth=1,
            noise=32, state=4 * self.width, text=TEXT, channels=3,
        )  # fmt: skip
        self.net: nn.Module = Generator(shape)
        self.critic = Critic(shape)
        self._teacher = torch.optim.AdamW(
            self.critic.parameters(), betas=(0.0, 0.99), weight_decay=0.0
        )

    def __call__(self, net: Any, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        real, text = batch_of(self.data, phase.batch, seed, seen)
        rng = torch.Generator().manual_seed(mixed(seed, seen) ^ 1)
        noise = torch.randn(len(real), net.shape.noise, generator=rng)
        made = net(noise, text)
        for group in self._teacher.param_groups:
            group["lr"] = phase.rate
        critic_loss(self.critic, real, made, text, penalty=PENALTY).backward()  # type: ignore[no-untyped-call]
        self._teacher.step()
        yield generator_loss(self.critic, real, made, text)
        self._teacher.zero_grad(set_to_none=True)  # what the generator's loss left there as well

    @torch.no_grad()
    def make(self, text: Tensor, seed: int) -> Tensor:
        net: Any = self.net
        rngs = row_generators([seed + i for i in range(len(text))])
        noise = torch.stack([torch.randn(net.shape.noise, generator=rng) for rng in rngs])
        made: Tensor = net(noise, text)
        return made.clamp(-1, 1)


KINDS: dict[str, Callable[[Figures, int], Way]] = {
    "autoregressive": Autoregressive,
    "diffusion": Diffusion,
    "adversarial": Adversarial,
}
RATES = {"autoregressive": 2e-3, "diffusion": 2e-3, "adversarial": 5e-4}


# -- teaching --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """A way as the training loop sees it."""

    name: str
    phases: tuple[Phase, ...]
    made: nn.Module

    def network(self) -> nn.Module:
        return self.made


def step_flop(way: Way, batch: int = 8) -> float:
    """FLOP of one training step a picture: forward, backward, and the critic's own."""
    phase = Phase(samples=batch, batch=batch, frames=1, rate=0.0)
    with _Counter() as counter:  # type: ignore[no-untyped-call]
        for loss in way(way.net, phase, seed=0, seen=0):
            loss.backward()  # type: ignore[no-untyped-call]
    way.net.zero_grad(set_to_none=True)
    return float(counter.flop) / batch


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """FLOP by torch's own formulas; its FlopCounterMode cannot follow a gradient of a gradient."""

    flop = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        out = func(*args, **given)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flop += formula(*args, **given, out_val=out)
        return out


def taught(way: Way, flop: float, *, seed: int, rate: float) -> Iterator[Progress[int]]:
    """Teach a way with so many FLOP; the last value is the pictures it saw.

    Its network ends with the running mean of its weights, as every model here is made with.
    """
    samples = max(BATCH, round(flop / step_flop(way)))
    phase = Phase(samples, BATCH, 1, rate, warm=min(samples, 20 * BATCH))
    part = _Part(way.name.replace("-", "_"), (phase,), way.net)
    recipe: Any = Recipe("study", "figures", seed=seed, optimizer="adamw")
    ema = {k: v.detach().clone() for k, v in way.net.state_dict().items()}
    optimizers = [torch.optim.AdamW(way.net.parameters(), betas=(0.9, 0.99), weight_decay=0.0)]
    state = loop.State(way.net, ema, list(optimizers))
    for report in loop.fit(recipe, part, state, way, autocast=False):
        done = min(1.0, report.seen / samples)
        yield Progress(done, f"{way.name}: {report.seen:,} seen, loss {report.loss:.3f}", None)
    way.net.load_state_dict(state.ema)
    way.net.eval()
    yield Progress(1.0, "done", state.seen)


def fresh(kind: str, data: Figures, width: int, seed: int) -> Way:
    """A way with first weights that depend on the seed alone."""
    if kind not in KINDS:
        raise InputError("way", f"'{kind}' is unknown", f"use one of {', '.join(KINDS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return KINDS[kind](data, width)


def parameters_of(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def wide(kind: str, size: int) -> int:
    """The width at which a way has about as many weights as the others of its size.

    size 0 is about 30,000, and each further one about four times as many.
    """
    step = 2.0**size
    least = {"autoregressive": 32, "diffusion": 16, "adversarial": 16}[kind]
    return int(16 * math.ceil(least * step / 16))
