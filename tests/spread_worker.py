"""One process of a spread run; tests start several of them, forked from one that has imported."""

import json
import os
import signal
import socket
from multiprocessing import get_context
from pathlib import Path

import torch
import torch._dynamo  # what FSDP would import in every process: once, before they fork

from kineograph.recipe import Phase
from kineograph.training import loop, spread
from test_train import lesson_for, recipe, stage

PHASES = (Phase(samples=40, batch=8, frames=1, rate=1e-2, warm=8, pictures=0),)
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["spread_worker"])


def about(optimizer="muon"):
    one = {"steps": (1,), "guidance": (1.0,)}
    return recipe(optimizer, stages=(stage(phases=PHASES),), **one)


def started(size, folder, **told):
    """Start `size` processes on one run; their exit codes."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    Path(folder).mkdir(parents=True, exist_ok=True)
    crew = [
        CONTEXT.Process(target=taught, args=(rank, size, port, str(folder), told))
        for rank in range(size)
    ]
    for one in crew:
        one.start()
    for one in crew:
        one.join(240)
    return [one.exitcode for one in crew]


def taught(rank, size, port, folder, told):
    """Train the tiny stage here, logging which samples each step drew.

    told: pieces, shards, optimizer, checkpointing, stops (steps), killed (rank), every.
    """
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    how = spread.Spread(
        told.get("pieces", 4), told.get("shards", 1), told.get("checkpointing", False), False
    )
    one = about(told.get("optimizer", "muon"))
    with spread.team(how) as crew:
        run = spread.Run(one, Path(folder), crew, how, told.get("every", 1e9))
        drawn = Path(folder) / f"drawn-{size}-{rank}.jsonl"
        for number, step in enumerate(run.part(one.stages[0], lesson_for(one.stages[0])), 1):
            with drawn.open("a") as log:
                log.write(json.dumps(step.drawn) + "\n")
            if told.get("killed") == rank and number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == told.get("stops"):
                break


def losses(folder):
    """The loss of every step, in order."""
    lines = map(json.loads, (Path(folder) / "log.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def seen(folder, size):
    """Samples seen before each piece of each step, in the order of the processes."""
    logs = [Path(folder) / f"drawn-{size}-{rank}.jsonl" for rank in range(size)]
    rows = [map(json.loads, log.read_text().splitlines()) for log in logs]
    return [[place for own in step for place in own] for step in zip(*rows, strict=True)]


def bytes_of(folder):
    """Header and data of every file of the newest checkpoint; the header's own order is chance."""
    found = {}
    for path in sorted(loop.checkpoints(Path(folder) / "base")[-1].glob("*.safetensors")):
        held = path.read_bytes()
        end = 8 + int.from_bytes(held[:8], "little")
        found[path.name] = (json.loads(held[8:end]), held[end:])
    return found
