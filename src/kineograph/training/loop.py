"""One loop that teaches every network, and its exact resume.

Every random choice of a step is a function of (seed, samples seen), so a run cut anywhere and
resumed from its last checkpoint gives the same losses and weights as an unbroken one, bit for bit
on a CPU. Only whole steps are saved: Ctrl-C and SIGTERM wait for the step to end, and an error
inside a step saves nothing. A checkpoint is written to a temporary folder, synced and renamed; the
one before is kept and used when the newest does not verify. Imports nothing outside torch, numpy,
pillow, safetensors and einops.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from kineograph import machine, weight_files
from kineograph import recipe as recipes
from kineograph.files import (
    filled,
    locked,
    placed,
    publish,
    remove,
    removed_whole,
    sha256_of,
    sweep,
    writing,
)
from kineograph.recipe import Part, Phase, Recipe
from kineograph.signals import held
from kineograph.training.muon import Muon
from kineograph.values.errors import InputError, KineographError, MissingError

CLIP_NORM = 1.0
KEEP = 2


class Objective(Protocol):
    """What one step learns from: a pure function of (weights, seed, seen).

    Yields scalar losses. Each is back-propagated before the next is asked for, so that graphs do
    not pile up; their sum is the step's loss.
    """

    def __call__(
        self, net: nn.Module, phase: Phase, *, seed: int, seen: int
    ) -> Iterator[Tensor]: ...


@dataclass
class State:
    """All that a run needs to go on. data: hashes of what it learned from, "" where unknown."""

    net: nn.Module
    ema: dict[str, Tensor]
    optimizers: list[torch.optim.Optimizer]
    seen: int = 0
    step: int = 0
    data: str = ""

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Take weights by name; what they do not hold stays as it began."""
        self.net.load_state_dict(weights, strict=False)
        for name, now in self.net.state_dict().items():
            self.ema[name].copy_(now)


class Report(NamedTuple):
    """What one step did: samples seen in all, mean loss, gradient norm, learning rate."""

    seen: int
    step: int
    loss: float
    norm: float
    rate: float


def fresh(recipe: Recipe, part: Part) -> State:
    """A state at the beginning; the first weights depend on the recipe's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = recipes.network(part)
    ema = {k: v.detach().clone() for k, v in net.state_dict().items()}
    return State(net, ema, optimizers(net, recipe.optimizer))


def fit(
    recipe: Recipe, part: Part, state: State, lesson: Objective, *, autocast: bool = True
) -> Iterator[Report]:
    """Train through the part's phases from where `state` stands; changes it, yields every step.

    Raises KineographError when the loss is not finite; `state` then holds the step before.
    """
    parameters = [p for p in state.net.parameters() if p.requires_grad]
    device = parameters[0].device.type
    while (phase := phase_at(part, state.seen)) is not None:
        loss = 0.0
        losses = lesson(state.net, phase, seed=recipe.seed, seen=state.seen)
        while True:
            with machine.autocast(device, enabled=autocast):
                one = next(losses, None)
            if one is None:
                break
            one.backward()  # type: ignore[no-untyped-call]
            loss += float(one.detach())
        norm = float(nn.utils.clip_grad_norm_(parameters, CLIP_NORM))
        report = stepped(part, state, phase.batch, loss, norm)
        _average(state, phase.batch, recipe.ema)
        yield report


def stepped(part: Part, state: State, batch: int, loss: float, norm: float) -> Report:
    """The weights take the gradients that are there, at the part's rate; the counts go on.

    Raises KineographError when loss or gradient is not finite; nothing has changed then.
    """
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise KineographError(
            f"'{part.name}' step {state.step}: the loss is {loss}, its gradient {norm}; "
            "lower the phase's rate and resume from the last checkpoint"
        )
    rate = rate_at(part, state.seen)
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    state.seen += batch
    state.step += 1
    return Report(state.seen, state.step, loss, norm, rate)


def phase_at(part: Part, seen: int) -> Phase | None:
    """The phase in force after `seen` samples; None after the last."""
    for phase in part.phases:
        if seen < phase.samples:
            return phase
        seen -= _whole(phase)
    return None


def rate_at(part: Part, seen: int) -> float:
    """Learning rate after `seen` samples: linear warm-up, level, linear fall in the second half."""
    for phase in part.phases:
        if seen < phase.samples:
            done = seen / phase.samples
            fall = max(0.0, (done - 0.5) / 0.5)
            rise = min(1.0, (seen + phase.batch) / phase.warm)
            return phase.rate * rise * (1 - fall * (1 - phase.final))
        seen -= _whole(phase)
    return 0.0


def _whole(phase: Phase) -> int:
    """Samples of a phase, rounded up to whole batches."""
    return math.ceil(phase.samples / phase.batch) * phase.batch


def _average(state: State, batch: int, half_life: float) -> None:
    """Running mean of the weights with a half-life that is a share of the samples seen."""
    keep = 0.5 ** (batch / max(half_life * state.seen, 1.0))
    now = state.net.state_dict()
    torch._foreach_lerp_(list(state.ema.values()), [now[k] for k in state.ema], 1 - keep)


def optimizers(net: nn.Module, kind: str) -> list[torch.optim.Optimizer]:
    """Muon for hidden matrices (Jordan et al. 2024) and AdamW for the rest, or AdamW for all."""
    hidden = _hidden(net) if kind == "muon" else set()
    matrices = [p for name, p in net.named_parameters() if name in hidden]
    rest = [p for name, p in net.named_parameters() if name not in hidden]
    found: list[torch.optim.Optimizer] = []
    if matrices:
        found.append(Muon(matrices, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"))
    if rest:
        found.append(torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.0, fused=True))
    return found


def _hidden(net: nn.Module) -> set[str]:
    """Names of the matrices inside a network: no embedding, nothing that a module calls its end."""
    names = {name for name, p in net.named_parameters() if p.ndim == 2}
    for place, module in net.named_modules():
        ends = tuple(f"{place}.{end}".lstrip(".") for end in getattr(module, "ends", ()))
        if isinstance(module, nn.Embedding):
            ends = (f"{place}.",)
        names = {name for name in names if not (ends and name.startswith(ends))}
    return names


# -- checkpoints --------------------------------------------------------------------------------


def save(state: State, folder: Path) -> Path:
    """Write a checkpoint `folder`/SEEN completely or not at all; older ones beyond two go.

    Raises LimitError when the disk is full; nothing of it is left then.
    """
    target = folder / f"{state.seen:012d}"
    partial = folder / f".partial-{state.seen:012d}"
    with writing(target):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir()
            save_file(_tensors(state), partial / "state.safetensors")
            facts: dict[str, object] = {
                "seen": state.seen,
                "step": state.step,
                "sha256": sha256_of(partial / "state.safetensors"),
            }
            if state.data:
                facts["data"] = state.data
            (partial / "state.json").write_text(json.dumps(facts))
            publish(partial, target)
        finally:
            remove(partial)
    for old in checkpoints(folder)[:-KEEP]:
        removed_whole(old)
    sweep(folder)  # what a process left that was killed while it removed one
    return target


def save_mean(state: State, folder: Path) -> Path:
    """Write the running mean alone, in bfloat16, as `folder`/mean-SEEN.safetensors."""
    path = folder / f"mean-{state.seen:012d}.safetensors"
    half = {name: _halved(tensor) for name, tensor in state.ema.items()}
    recipes.save_tensors(path, half, {"samples": str(state.seen)})
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Finished checkpoints, oldest first."""
    return sorted(p for p in folder.glob("[0-9]" * 12) if (p / "state.json").is_file())


def restore(state: State, folder: Path) -> list[str]:
    """Load the newest checkpoint that verifies into `state`; returns what ailed newer ones.

    Raises KineographError when there are some and none verifies: beginning again unasked would
    throw the work away.
    """
    troubles: list[str] = []
    for place in reversed(checkpoints(folder)):
        try:
            facts = _facts(place / "state.json")
            if facts.seen != int(place.name):
                raise ValueError(f"its name and its state ({facts.seen}) differ")
            _load(state, weight_files.read(place / "state.safetensors", sha256=facts.sha256))
        except (OSError, ValueError, KeyError, RuntimeError, MissingError) as error:
            troubles.append(f"checkpoint {place.name} is damaged ({error}); using the one before")
            continue
        state.seen, state.step, state.data = facts.seen, facts.step, facts.data
        return troubles
    if troubles:
        raise KineographError(
            f"no checkpoint in '{folder}' can be read ({troubles[-1]}); "
            "bring one back, or remove the folder to begin again"
        )
    return troubles


class _Facts(NamedTuple):
    """What `state.json` says of a checkpoint."""

    seen: int
    step: int
    sha256: str
    data: str


def _facts(path: Path) -> _Facts:
    """ValueError when the file does not say what it should."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("state.json is nested too deep") from error
    if not isinstance(told, dict):
        raise ValueError("state.json holds no object")
    for name, kind in (("seen", int), ("step", int), ("sha256", str)):
        if type(told.get(name)) is not kind:
            raise ValueError(f"state.json has no {name} that is {kind.__name__}")
    if told["seen"] < 0 or told["step"] < 0:
        raise ValueError("state.json counts below 0")
    return _Facts(told["seen"], told["step"], told["sha256"], str(told.get("data", "")))


def _tensors(state: State) -> dict[str, Tensor]:
    """Weights, running mean and optimizer state under flat names."""
    flat = {f"net.{k}": v for k, v in state.net.state_dict().items()}
    flat |= {f"ema.{k}": v for k, v in state.ema.items()}
    for i, optimizer in enumerate(state.optimizers):
        for j, slots in optimizer.state_dict()["state"].items():
            flat |= {f"opt.{i}.{j}.{k}": v for k, v in slots.items()}
    return {k: v.detach().contiguous().clone() for k, v in flat.items()}


def _load(state: State, flat: dict[str, Tensor]) -> None:
    names = set(state.net.state_dict())
    state.net.load_state_dict({k: flat[f"net.{k}"] for k in names})
    for name, mean in state.ema.items():
        mean.copy_(flat[f"ema.{name}"])
    for i, optimizer in enumerate(state.optimizers):
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in flat.items():
            if name.startswith(f"opt.{i}."):
                _, _, row, slot = name.split(".", 3)
                slots.setdefault(int(row), {})[slot] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": slots, "param_groups": groups})


# -- a run --------------------------------------------------------------------------------------


@dataclass
class Run:
    """A training run in a folder: recipe.json, log.jsonl, and one folder of checkpoints a part."""

    recipe: Recipe
    folder: Path
    every: float = 240.0
    "Seconds between checkpoints."
    data: str = ""
    'Hashes of what it learns from; a run is not continued on other data. "" where unknown.'
    warn: Callable[[str], None] = lambda told: None
    "Told what a person should know at once: a damaged checkpoint."
    keep_every: int = 0
    "Samples between snapshots of the running mean that are kept for good; 0 keeps none."
    started: float = field(default_factory=time.monotonic)

    def begin(self, *, resume: bool) -> None:
        """Claim the folder; a run that is there is only continued, with the recipe it began."""
        path = self.folder / "recipe.json"
        if path.exists():
            if not resume:
                raise InputError("out", f"'{self.folder}' holds a run", "resume it")
            if recipes.read(self.folder) != self.recipe:
                raise InputError(
                    "resume", f"the recipe differs from '{path}'", "use another folder"
                )
        with placed(path) as part:
            part.write_text(recipes.to_json(self.recipe), "utf-8")
        sweep(self.folder)
        self._mend_log()

    def _mend_log(self) -> None:
        """Cut the last line of the log when a full disk or a kill left half of it."""
        path = self.folder / "log.jsonl"
        if not path.is_file():
            return
        with writing(path), path.open("r+b") as log:
            told = log.read()
            log.truncate(told.rfind(b"\n") + 1)

    def part(
        self,
        part: Part,
        lesson: Objective,
        *,
        start: nn.Module | None = None,
        time_limit: float = math.inf,
        autocast: bool = True,
        enough: Callable[[State], bool] = lambda state: False,
    ) -> Iterator[Report]:
        """Train one part until it is done or `time_limit` seconds into the run; yields steps.

        A part with no checkpoint begins with the weights of `start`, where it has them. `enough` is
        asked after every step whether the part has learned what it can. The first Ctrl-C or SIGTERM
        is answered when the step is whole and saved, a second one at once.
        """
        folder = self.folder / part.name
        with locked(self.folder), held() as stop:
            state = fresh(self.recipe, part)
            if start is not None:
                state.begin(start.state_dict())
            for trouble in restore(state, folder):
                self._log({"stage": part.name, "warning": trouble})
                self.warn(f"{part.name}: {trouble}")
            if not _agree(state.data, self.data):
                raise InputError(
                    "data",
                    f"is not what '{part.name}' learned from so far",
                    "bring that back, or use another folder",
                )
            state.data = self.data or state.data
            saved = clock = time.monotonic()
            for report in fit(self.recipe, part, state, lesson, autocast=autocast):
                now = time.monotonic()
                entry = report._asdict() | {"stage": part.name, "seconds": now - clock}
                self._log(entry)
                clock = now
                if self._is_kept(report.seen, phase_at(part, report.seen)):
                    save_mean(state, folder)
                if now - saved > self.every:
                    save(state, folder)
                    saved = now
                if stop:
                    break
                try:
                    yield report
                except GeneratorExit:  # who took the steps has had enough
                    if not stop.again:
                        save(state, folder)
                    raise
                if stop or self.out_of_time(time_limit) or enough(state):
                    break
            save(state, folder)

    def _is_kept(self, seen: int, phase: Phase | None) -> bool:
        """Whether the step that ends at `seen` is the first beyond a multiple of `keep_every`."""
        batch = phase.batch if phase else 1
        return self.keep_every > 0 and seen % self.keep_every < batch

    def out_of_time(self, time_limit: float) -> bool:
        """Whether `time_limit` seconds have passed since the run started."""
        return time.monotonic() - self.started > time_limit

    def _log(self, entry: dict[str, object]) -> None:
        path = self.folder / "log.jsonl"
        with writing(path), path.open("a") as log:
            log.write(json.dumps(entry) + "\n")


def _agree(known: str, now: str) -> bool:
    """Whether two lists of hashes say the same as far as both reach."""
    return all(one == other for one, other in zip(known.split(), now.split(), strict=False))


def exported(recipe: Recipe, run: Path, folder: Path) -> list[Path]:
    """Write the running means of a run's newest checkpoints as a model folder, in bfloat16.

    Returns the files written; a part without a checkpoint is left out of the weights, not of the
    recipe. Raises InputError when no part has one.
    """
    if not any(checkpoints(run / part.name) for part in recipe.parts):
        raise InputError("out", f"'{run}' holds no checkpoint", "train it first")
    names = ["recipe.json"]
    with filled(folder) as place:
        for part in recipe.parts:
            state = fresh(recipe, part)
            restore(state, run / part.name)
            if not state.seen:
                continue
            names.append(f"{part.name}.safetensors")
            means = recipes.needed(state.net, state.ema)
            half = {k: _halved(v) for k, v in means.items()}
            about = {"part": part.name, "samples": str(state.seen), "recipe": recipe.name}
            recipes.save_tensors(place / names[-1], half, about)
        names += recipes.save_beside(recipe, place)
        recipes.seal(recipe, place)
    return [folder / name for name in names]


def _halved(tensor: Tensor) -> Tensor:
    return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor
