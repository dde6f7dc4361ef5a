"""One training run on many devices: the same samples in the same order, however many there are.

A step's batch is drawn in *pieces*, each a function of (seed, samples seen before it) as in the
loop of one process; the processes share the pieces out, so that which samples make a step depends
on the recipe and on `pieces` alone. Equal world sizes give the same bytes on a CPU; others the same
sums in another order.

Weights are spread by FSDP2 (`fully_shard`) on a mesh of copies x shards: with one shard a copy it
is plain data-parallel training, with one copy everything is sharded, gradients, optimizer and
running mean too. It was taken before DDP and accelerate because it is both in one, keeps the
names of the weights, and its tensors know their place, so that `torch.distributed.checkpoint` can
read them back on any number of processes. Checkpoints are written by it as safetensors: nothing is
unpickled. Started by `torchrun -m kineograph.training`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as read_sharded
from torch.distributed.checkpoint.state_dict_saver import save as write_sharded
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint

from kineograph import machine
from kineograph import recipe as recipes
from kineograph.files import publish, remove, removed_whole, sha256_of, sweep
from kineograph.recipe import Part, Phase, Recipe
from kineograph.signals import held
from kineograph.training import loop
from kineograph.values.errors import InputError, KineographError

METHODS = ("learned", "loss", "miss")
"What objectives call of a network beside the network itself."


@dataclass(frozen=True)
class Spread:
    """How a step is spread.

    pieces: in how many parts a batch is drawn; the processes divide it. shards: processes that hold
    one copy of the weights together; they divide the processes. checkpointing: blocks keep what
    enters them and compute the rest again. autocast: bfloat16 where it pays.
    """

    pieces: int = 1
    shards: int = 1
    checkpointing: bool = False
    autocast: bool = True


class Team(NamedTuple):
    """The processes of a run: which this is, of how many, and how copies and shards lie."""

    rank: int
    size: int
    device: torch.device
    mesh: DeviceMesh

    @property
    def leads(self) -> bool:
        """Whether this process writes logs and prunes."""
        return self.rank == 0


@contextmanager
def team(how: Spread) -> Iterator[Team]:
    """Join the processes that torchrun started (or be one alone), and leave them at the end.

    Raises InputError when the processes do not divide the pieces, or the shards the processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if how.pieces % size:
        raise InputError("pieces", f"{size} processes do not divide {how.pieces}", "see its help")
    if size % how.shards:
        raise InputError("shards", f"{how.shards} do not divide {size} processes", "1 never shards")
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(kind, int(os.environ.get("LOCAL_RANK", "0")) if kind == "cuda" else 0)
    if kind == "cuda":
        torch.cuda.set_device(device)
    if size == 1 and "MASTER_ADDR" not in os.environ:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
        os.environ |= {"RANK": "0", "WORLD_SIZE": "1"}
    dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        mesh = init_device_mesh(
            kind, (size // how.shards, how.shards), mesh_dim_names=("copies", "shards")
        )
        yield Team(dist.get_rank(), size, device, mesh)
    finally:
        dist.destroy_process_group()


# -- state -----------------------------------------------------------------------------------------


def fresh(recipe: Recipe, part: Part, crew: Team, how: Spread) -> loop.State:
    """As `loop.fresh`, spread: every process draws the same weights and keeps its share."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = recipes.network(part)
    net.to(crew.device)
    for block in blocks_of(net):
        if how.checkpointing:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        if how.shards > 1:
            fully_shard(block, mesh=crew.mesh)
    fully_shard(net, mesh=crew.mesh)
    for name in METHODS:
        if hasattr(net, name):
            register_fsdp_forward_method(net, name)
    ema = {k: v.detach().clone() for k, v in net.state_dict().items()}
    return loop.State(net, ema, loop.optimizers(net, recipe.optimizer))


def blocks_of(net: nn.Module) -> list[nn.Module]:
    """The innermost modules that stand in lists and have weights: gathered, and computed again."""
    listed = (
        one for module in net.modules() if isinstance(module, nn.ModuleList) for one in module
    )
    return [
        one
        for one in listed
        if next(one.parameters(), None) is not None
        and not any(isinstance(inner, nn.ModuleList) for inner in one.modules())
    ]


# -- a step ----------------------------------------------------------------------------------------


class Step(NamedTuple):
    """What a step did (see `loop.Report`), whether someone asked to stop, and who drew what.

    drawn: samples seen before each piece that this process drew, in order.
    """

    report: loop.Report
    stop: bool
    drawn: tuple[int, ...]


def steps(
    recipe: Recipe,
    part: Part,
    state: loop.State,
    lesson: loop.Objective,
    crew: Team,
    how: Spread,
    *,
    stop: Any = False,
) -> Iterator[Step]:
    """Train through the part's phases from where `state` stands; every process yields every step.

    stop: true, as soon as it is, ends the run of all after the step, whichever process it is true
    in. Raises KineographError, in every process, when the loss is not finite.
    """
    parameters = [p for p in state.net.parameters() if p.requires_grad]
    share = how.pieces // crew.size
    while (phase := loop.phase_at(part, state.seen)) is not None:
        piece = piece_of(phase, how.pieces)
        drawn = tuple(state.seen + (crew.rank * share + i) * piece.batch for i in range(share))
        loss = torch.zeros(2, dtype=torch.float64, device=crew.device)
        for i, seen in enumerate(drawn):
            state.net.set_requires_gradient_sync(i == share - 1)  # type: ignore[operator]
            loss[0] += _taught(recipe, state.net, lesson, piece, seen, crew, how) / how.pieces
        norm_of = nn.utils.clip_grad_norm_(parameters, loop.CLIP_NORM)
        norm = float(norm_of.full_tensor() if isinstance(norm_of, DTensor) else norm_of)
        loss[1] = bool(stop)
        dist.all_reduce(loss)
        report = loop.stepped(part, state, phase.batch, float(loss[0]), norm)
        _average(state, phase.batch, recipe.ema)
        yield Step(report, bool(loss[1]), drawn)


def piece_of(phase: Phase, pieces: int) -> Phase:
    """The phase whose batch is one piece. Raises InputError when pieces do not divide a batch."""
    from dataclasses import replace

    if phase.batch % pieces or phase.pictures % pieces:
        beside = f" and {phase.pictures} pictures" if phase.pictures else ""
        problem = f"{pieces} do not divide a batch of {phase.batch}{beside}"
        raise InputError("pieces", problem, "name a divisor of both")
    return replace(phase, batch=phase.batch // pieces, pictures=phase.pictures // pieces)


def _taught(
    recipe: Recipe,
    net: nn.Module,
    lesson: loop.Objective,
    piece: Phase,
    seen: int,
    crew: Team,
    how: Spread,
) -> float:
    """Back-propagate one piece; its loss. The mean over processes is taken by FSDP itself."""
    total, share = 0.0, how.pieces // crew.size
    losses = lesson(net, piece, seed=recipe.seed, seen=seen)
    while True:
        with machine.autocast(crew.device.type, enabled=how.autocast):
            one = next(losses, None)
        if one is None:
            return total
        (one / share).backward()  # type: ignore[no-untyped-call]
        total += float(one.detach())


def _average(state: loop.State, batch: int, half_life: float) -> None:
    """The running mean of `loop`, each process of its own share."""
    keep = 0.5 ** (batch / max(half_life * state.seen, 1.0))
    now = state.net.state_dict()
    means = [_local(mean) for mean in state.ema.values()]
    torch._foreach_lerp_(means, [_local(now[k]) for k in state.ema], 1 - keep)


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor gathered to the CPU; all processes must ask for it."""
    full = {k: v.full_tensor() if isinstance(v, DTensor) else v for k, v in tensors.items()}
    return {k: v.detach().cpu().contiguous() for k, v in full.items()}


# -- checkpoints -----------------------------------------------------------------------------------

FLAT = StateDictOptions(flatten_optimizer_state_dict=True)


def _tensors(state: loop.State) -> dict[str, Tensor]:
    """Weights, running mean and optimizer state under flat names; changing them changes the state.

    An optimizer that has taken no step yet is given its empty state first.
    """
    flat = {f"net.{k}": v for k, v in state.net.state_dict().items()}
    flat |= {f"ema.{k}": v for k, v in state.ema.items()}
    for i, optimizer in enumerate(state.optimizers):
        told: dict[str, Any] = {**get_optimizer_state_dict(state.net, optimizer, options=FLAT)}
        flat |= {f"opt.{i}.{k}": v for k, v in told.items() if isinstance(v, Tensor)}
    return flat


def save(state: loop.State, folder: Path, crew: Team, how: Spread) -> Path:
    """Write a checkpoint `folder`/SEEN whole or not at all: every process its share.

    The first process hashes the files, names them in state.json and renames the folder; older
    checkpoints beyond two go.
    """
    target = folder / f"{state.seen:012d}"
    partial_folder = folder / f".partial-{state.seen:012d}"
    if crew.leads:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial_folder, ignore_errors=True)
        partial_folder.mkdir()
    dist.barrier()
    writer = HuggingFaceStorageWriter(str(partial_folder), save_distributed=True)
    write_sharded(_tensors(state), storage_writer=writer)
    dist.barrier()
    if crew.leads:
        files = {p.name: sha256_of(p) for p in sorted(partial_folder.glob("*.safetensors"))}
        facts = {"seen": state.seen, "step": state.step, "pieces": how.pieces, "files": files}
        (partial_folder / "state.json").write_text(json.dumps(facts | {"data": state.data}))
        if target.exists():
            removed_whole(target)
        publish(partial_folder, target)
        remove(partial_folder)
        for old in loop.checkpoints(folder)[: -loop.KEEP]:
            removed_whole(old)
        sweep(folder)
    dist.barrier()
    return target


def restore(state: loop.State, folder: Path, crew: Team, how: Spread) -> list[str]:
    """Load the newest checkpoint that verifies, written by any number of processes.

    Returns what ailed newer ones; the first process checks the hashes and the others follow it.
    Raises InputError when it was drawn in other pieces, KineographError when there are some
    checkpoints and none verifies.
    """
    found: list[Any] = [None, []]
    if crew.leads:
        found = list(_verified(folder))
    dist.broadcast_object_list(found)
    facts, troubles = found
    if facts is None:
        if troubles:
            raise KineographError(
                f"no checkpoint in '{folder}' can be read ({troubles[-1]}); "
                "bring one back, or remove the folder to begin again"
            )
        return []
    if facts["pieces"] != how.pieces:
        problem = f"{how.pieces}, the run was drawn in {facts['pieces']}"
        raise InputError("pieces", problem, f"use {facts['pieces']}")
    _load(state, folder / f"{facts['seen']:012d}")
    state.seen, state.step, state.data = facts["seen"], facts["step"], facts["data"]
    return list(troubles)


def _load(state: loop.State, place: Path) -> None:
    """Fill the state; of weights that had no gradient yet optimizers know nothing."""
    reader = HuggingFaceStorageReader(str(place))
    stored = set(reader.read_metadata().state_dict_metadata)
    flat = _tensors(state)
    read_sharded({k: v for k, v in flat.items() if k in stored}, storage_reader=reader)
    state.net.load_state_dict({k[4:]: v for k, v in flat.items() if k.startswith("net.")})
    for i, optimizer in enumerate(state.optimizers):
        start = f"opt.{i}."
        told: dict[str, Any] = {**get_optimizer_state_dict(state.net, optimizer, options=FLAT)}
        told |= {k.removeprefix(start): v for k, v in flat.items() if k.startswith(start)}
        set_optimizer_state_dict(state.net, optimizer, told, options=FLAT)
        for name, weight in state.net.named_parameters():
            if not any(key.startswith(f"{start}state.{name}.") for key in stored):
                optimizer.state.pop(weight, None)


def _verified(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """What the newest checkpoint that verifies says of itself, and what ailed newer ones."""
    troubles: list[str] = []
    for place in reversed(loop.checkpoints(folder)):
        try:
            facts = json.loads((place / "state.json").read_text("utf-8"))
            for name, digest in facts["files"].items():
                if sha256_of(place / Path(name).name) != digest:
                    raise ValueError(f"{name} is not what was written")
            kinds = {"seen": int, "step": int, "pieces": int, "data": str}
            if any(type(facts.get(name)) is not kind for name, kind in kinds.items()):
                raise ValueError("state.json does not say all it should")
            if facts["seen"] != int(place.name):
                raise ValueError(f"its name and its state ({facts['seen']}) differ")
        except (OSError, ValueError, KeyError, AttributeError, RecursionError) as error:
            troubles.append(f"checkpoint {place.name} is damaged ({error}); using the one before")
            continue
        return facts, troubles
    return None, troubles


# -- a run -----------------------------------------------------------------------------------------


@dataclass
class Run:
    """A run on many processes: its recipe, folder and crew.

    every: seconds between checkpoints. time_limit: seconds, by the first process's clock.
    """

    recipe: Recipe
    folder: Path
    crew: Team
    how: Spread
    every: float = 240.0
    time_limit: float = math.inf
    data: str = ""

    def part(self, part: Part, lesson: loop.Objective) -> Iterator[Step]:
        """Train one part until it is done, the time is over or someone is told to stop."""
        place = self.folder / part.name
        state = fresh(self.recipe, part, self.crew, self.how)
        for trouble in restore(state, place, self.crew, self.how):
            self._log({"stage": part.name, "warning": trouble})
        if "" not in (state.data, self.data) and state.data != self.data:
            raise InputError(
                "data", f"is not what '{part.name}' learned from so far", "bring it back"
            )
        state.data = self.data or state.data
        board = _board(self.folder) if self.crew.leads else None
        with held() as stop:
            clock = saved = begun = time.monotonic()
            asked = _Asked(stop, begun + self.time_limit if self.crew.leads else math.inf)
            for step in steps(
                self.recipe, part, state, lesson, self.crew, self.how, stop=asked
            ):  # fmt: skip
                now = time.monotonic()
                self._log(step.report._asdict() | {"stage": part.name, "seconds": now - clock})
                if board is not None:
                    for name in ("loss", "norm", "rate"):
                        board.add_scalar(f"{part.name}/{name}", getattr(step.report, name),
                                         step.report.seen)  # fmt: skip
                clock = now
                if self._agreed(now - saved > self.every) and not step.stop:
                    save(state, place, self.crew, self.how)
                    saved = now
                try:
                    yield step
                except GeneratorExit:  # who took the steps has had enough, in every process
                    save(state, place, self.crew, self.how)
                    raise
                if step.stop:
                    break
            save(state, place, self.crew, self.how)
        if board is not None:
            board.close()
        means = whole(state.ema)
        if self.crew.leads and loop.phase_at(part, state.seen) is None:
            half = {
                k: v.to(torch.bfloat16) if v.is_floating_point() else v for k, v in means.items()
            }
            about = {"part": part.name, "samples": str(state.seen), "recipe": self.recipe.name}
            path = self.folder / "model" / f"{part.name}.safetensors"
            path.parent.mkdir(exist_ok=True)
            recipes.save_tensors(path, half, about)
        dist.barrier()

    def _agreed(self, wanted: bool) -> bool:
        """What the first process wants."""
        told = torch.tensor([int(wanted)], device=self.crew.device)
        dist.broadcast(told, 0)
        return bool(told)

    def _log(self, entry: dict[str, object]) -> None:
        if self.crew.leads:
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")


class _Asked(NamedTuple):
    """True once a signal came or the time is over."""

    signal: Any
    until: float

    def __bool__(self) -> bool:
        return bool(self.signal) or time.monotonic() > self.until


def _board(folder: Path) -> Any:
    """A TensorBoard writer; None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "board"))
