"""Which noise levels was a foreign network trained on, and what does it estimate?

A checkpoint's scheduler file is read for its numbers alone: a table of trained steps (eps and v
networks) or a shifted flow. Each answers in our terms, once: falling sigmas to walk, and the four
coefficients of a parameterization whose label is the network's own time. No scheduler class runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kineograph.diffusion.schedule import Coeffs, Parameterization, eps, flow, v
from kineograph.values.errors import InputError

FAINTEST = 2.0**-24  # squared signal left at a zero-terminal-SNR end; its sigma is 4096
TOP = 2.0**26  # sigma of pure noise in a flow: its time differs from 1 by less than float32 sees
SPACINGS = ("leading", "trailing", "linspace")


@dataclass(frozen=True)
class Trained:
    """A table of trained time steps.

    sigmas: (N,) rising noise levels, float64. estimate: what the network answers. spacing, offset:
    which steps are visited, in the scheduler's words.
    """

    sigmas: Tensor
    estimate: Parameterization
    spacing: str = "leading"
    offset: int = 0

    @property
    def count(self) -> int:
        return len(self.sigmas)

    def __call__(self, sigma: Tensor) -> Coeffs:
        """The coefficients at sigma (B,); the label is the nearest trained step."""
        table = self.sigmas.log().to(sigma.device)
        step = (sigma.double().log()[:, None] - table).abs().argmin(1)
        return self.estimate(sigma)._replace(label=step.to(sigma.dtype))

    def visited(self, steps: int) -> Tensor:
        """(steps,) falling whole time steps; "leading" over 50 of 1000 is 981, 961 … 1."""
        most = len(self.sigmas)
        if not 1 <= steps <= most:
            raise InputError("steps", f"{steps} is not in 1 … {most}, the trained steps")
        match self.spacing:
            case "leading":
                times = torch.arange(steps) * (most // steps) + self.offset
            case "trailing":
                times = (most - torch.arange(steps) * (most / steps)).round().long().flip(0) - 1
            case _:
                times = torch.linspace(0, most - 1, steps, dtype=torch.float64).round().long()
        return torch.tensor(sorted(set(times.clamp(max=most - 1).tolist()), reverse=True))

    def grid(self, steps: int) -> Tensor:
        """(steps + 1,) falling float64 sigmas; the last is 0, a clean picture."""
        return torch.cat([self.sigmas[self.visited(steps)], torch.zeros(1, dtype=torch.float64)])

    def start(self, steps: int) -> float:
        """Deviation of x at the first level: the network's own input then has unit variance."""
        return math.hypot(1.0, float(self.grid(steps)[0]))


@dataclass(frozen=True)
class Flow:
    """A straight path z = (1 - t) clean + t noise, walked along times bent by `shift`.

    count: time steps to the unit, the network's label. euler: the end of the walk is bent twice, as
    the Euler scheduler of the public checkpoints does; otherwise as their other solvers do.
    """

    shift: float = 1.0
    count: int = 1000
    euler: bool = True

    def __call__(self, sigma: Tensor) -> Coeffs:
        time = self.count * (sigma.double() / (1 + sigma.double()))
        return flow(sigma)._replace(label=time.to(sigma.dtype))

    def times(self, steps: int) -> Tensor:
        """(steps,) falling times in (0, 1], the first is 1."""
        if not 1 <= steps <= self.count:
            raise InputError("steps", f"{steps} is not in 1 … {self.count}")
        if self.euler:
            end = float(self._bent(torch.tensor(1 / self.count, dtype=torch.float64)))
            even = torch.linspace(1, end, steps, dtype=torch.float64)
        else:
            even = torch.linspace(1, 1 / self.count, steps + 1, dtype=torch.float64)[:-1]
        return self._bent(even)

    def grid(self, steps: int) -> Tensor:
        """(steps + 1,) falling float64 sigmas; the last is 0."""
        times = self.times(steps)
        sigmas = (times / (1 - times)).clamp(max=TOP)
        return torch.cat([sigmas, torch.zeros(1, dtype=torch.float64)])

    def start(self, steps: int) -> float:
        """Deviation of x at the first level, which is pure noise."""
        return float(self.grid(steps)[0])

    def _bent(self, time: Tensor) -> Tensor:
        return self.shift * time / (1 + (self.shift - 1) * time)


Foreign = Trained | Flow


@dataclass(frozen=True)
class Walked:
    """A network's levels for a fixed number of steps: the schedule of a zoom's stage."""

    levels: Foreign
    steps: int

    @property
    def high(self) -> float:
        return self.levels.start(self.steps)

    def grid(self, steps: int) -> Tensor:
        return self.levels.grid(steps)


def levels_of(scheduler: dict[str, Any]) -> Foreign:
    """The levels a scheduler's configuration describes; what is not known is refused by name."""
    name = str(scheduler.get("_class_name", ""))
    count = _whole(scheduler, "num_train_timesteps", 1000)
    if scheduler.get("use_dynamic_shifting"):
        raise InputError("scheduler.use_dynamic_shifting", "true is not known here", "set a shift")
    if name.startswith("FlowMatch"):
        return Flow(_positive(scheduler, "shift", 1.0), count)
    if scheduler.get("use_flow_sigmas"):
        return Flow(_positive(scheduler, "flow_shift", 1.0), count, euler=False)
    estimates: dict[str, Parameterization] = {"epsilon": eps, "v_prediction": v}
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in estimates:
        raise InputError(
            "scheduler.prediction_type", f"'{prediction}' is not known here", "epsilon or v"
        )
    spacing = scheduler.get("timestep_spacing", "leading")
    if spacing not in SPACINGS:
        raise InputError("scheduler.timestep_spacing", f"'{spacing}'", f"one of {SPACINGS}")
    offset = _whole(scheduler, "steps_offset", 0)
    return Trained(trained_sigmas(scheduler), estimates[prediction], spacing, offset)


def trained_sigmas(scheduler: dict[str, Any]) -> Tensor:
    """(N,) noise levels of the trained steps, in float32 arithmetic as the networks knew them."""
    count = _whole(scheduler, "num_train_timesteps", 1000)
    low, high = _positive(scheduler, "beta_start", 1e-4), _positive(scheduler, "beta_end", 0.02)
    kept = scheduler.get("trained_betas")
    match scheduler.get("beta_schedule", "linear"):
        case _ if kept is not None:
            betas = torch.tensor(kept, dtype=torch.float32)
        case "linear":
            betas = torch.linspace(low, high, count)
        case "scaled_linear":
            betas = torch.linspace(low**0.5, high**0.5, count) ** 2
        case "squaredcos_cap_v2":  # Nichol & Dhariwal 2021, eq. 17
            bars = [math.cos((i / count + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(count)]
            bars.append(math.cos(math.pi / 2) ** 2)
            betas = torch.tensor([min(1 - bars[i + 1] / bars[i], 0.999) for i in range(count)])
        case other:
            raise InputError("scheduler.beta_schedule", f"'{other}' is not known here")
    if scheduler.get("rescale_betas_zero_snr"):  # Lin et al. 2024, algorithm 1
        signal = (1 - betas).cumprod(0).sqrt()
        first, last = signal[0].clone(), signal[-1].clone()
        bar = ((signal - last) * (first / (first - last))) ** 2
        betas = 1 - torch.cat([bar[:1], bar[1:] / bar[:-1]])  # rounded as the networks knew them
    bar = (1 - betas).cumprod(0)
    bar = bar.clamp(min=FAINTEST).double()
    return ((1 - bar) / bar).sqrt()


def _whole(owner: dict[str, Any], field: str, default: int) -> int:
    value = owner.get(field, default)
    if not isinstance(value, int) or not 0 <= value <= 100_000:
        raise InputError(f"scheduler.{field}", f"{value!r} is not a whole number to 100,000")
    return value


def _positive(owner: dict[str, Any], field: str, default: float) -> float:
    value = owner.get(field, default)
    if not isinstance(value, int | float) or not 0 < value < 1e3:
        raise InputError(f"scheduler.{field}", f"{value!r} is not a positive number")
    return float(value)
