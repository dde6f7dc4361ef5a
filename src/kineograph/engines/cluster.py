"""Many requests on many machines: Ray takes them out, brings the files back as bytes.

A worker keeps its last model loaded (Ray uses a process again for tasks that ask for as much) and
computes with the threads of who asked, so that its bytes are those of this machine. A file travels
back through Ray's object store and is written here, whole, by the one process that asked: a worker
that dies in the middle has written nothing, its task is given to another, and nothing is doubled.
What requests read (pictures, clips, model folders) must stand at the same place on every machine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kineograph.batch import Item, Local, Made
from kineograph.files import placed
from kineograph.values.errors import KineographError, MissingError

RETRIES = 5  # deaths of a worker or its machine that a request survives
AHEAD = 4  # requests given out for each one that can run at once

_local: list[Local] = []  # of a worker's process: the engine with its model


@dataclass(frozen=True)
class Ray:
    """The engine of a Ray cluster.

    address: of its head, or "auto" for the one that runs here; "" starts one on this machine, on
    loopback. threads: of a worker; 0 is as many as this process computes with.
    """

    address: str = ""
    threads: int = 0

    def __call__(self, items: Sequence[Item], folder: Path) -> Iterator[Made]:
        """Yields every item as it ends, in any order. Raises MissingError without Ray."""
        try:
            import ray
        except ImportError as error:
            raise MissingError(
                "the engine ray needs ray; install it: pip install 'kineograph[scale]'"
            ) from error
        threads = self.threads or _threads()
        begun = not ray.is_initialized()
        if begun:
            _connect(ray, self.address, threads)
        try:
            yield from _given(ray, items, folder, threads)
        finally:
            if begun:
                ray.shutdown()


def _connect(ray: Any, address: str, threads: int) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address:
        ray.init(address=address, **quiet)
        return
    cores = max(threads, os.cpu_count() or 1)
    ray.init(num_cpus=cores, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _given(ray: Any, items: Sequence[Item], folder: Path, threads: int) -> Iterator[Made]:
    """Keep enough tasks under way, write what comes back."""
    environment = {"env_vars": {name: str(threads) for name in ("OMP_NUM_THREADS",)}}
    task = ray.remote(num_cpus=threads, max_retries=RETRIES, runtime_env=environment)(made)
    waiting = list(items)[::-1]
    under_way: dict[Any, Item] = {}
    while waiting or under_way:
        room = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        while waiting and len(under_way) < room:
            item = waiting.pop()
            under_way[task.remote(item, threads)] = item
        ended, _ = ray.wait(list(under_way), num_returns=1, timeout=5.0)
        for reference in ended:
            item = under_way.pop(reference)
            yield Made(item, _written(ray, reference, folder))


def _written(ray: Any, reference: Any, folder: Path) -> KineographError | None:
    """Write the files of a task that ended; what it failed with, or None."""
    try:
        files, error = ray.get(reference)
    except ray.exceptions.RayError as lost:
        return KineographError(f"its workers died {RETRIES + 1} times ({type(lost).__name__})")
    if error is not None:
        failed: KineographError = error
        return failed
    for name, content in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with placed(path) as part:
            part.write_bytes(content)
    return None


def made(item: Item, threads: int) -> tuple[dict[str, bytes], KineographError | None]:
    """In a worker: make an item; its files by name beside the output's folder, or what failed."""
    import torch

    torch.set_num_threads(threads)
    if not _local:
        _local.append(Local())
    with tempfile.TemporaryDirectory(prefix="kineograph-") as place:
        folder = Path(place)
        try:
            _local[0].make(item, folder)
        except KineographError as error:
            return {}, KineographError(str(error))
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}, None
