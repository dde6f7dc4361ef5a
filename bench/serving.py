"""How many requests a second does `kineograph serve` take? Beside one process without HTTP.

    python bench/serving.py [--requests 40] [--workers 1 2] [--at-once 8]

Small requests of the Markov chain, each with a seed of its own, `--at-once` of them under way; a
request's time is from its POST to the bytes of its file. The one process makes the same requests in
a row with its model loaded. Starting a worker is not counted: one request goes before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import uvicorn

from kineograph import batch
from kineograph.studio import requests
from kineograph.studio.service import Service, bound, create

TOKEN = "t" * 32
ASKED = {"verb": "chain", "states": "examples/weather.csv", "sample": 50}


def served(client: httpx.Client, seed: int) -> float:
    """Seconds from asking to having."""
    begun = time.perf_counter()
    answer = client.post("/api/v1/jobs", json=ASKED | {"seed": seed})
    answer.raise_for_status()
    number = answer.json()["id"]
    while True:
        state = client.get(f"/api/v1/jobs/{number}").json()["state"]
        if state == "done":
            break
        assert state in ("queued", "running"), state
        time.sleep(0.1)  # asking again costs the server too
    client.get(f"/api/v1/results/{number}/file").raise_for_status()
    return time.perf_counter() - begun


def load(workers: int, count: int, at_once: int) -> None:
    with tempfile.TemporaryDirectory() as folder, bound("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        service = Service(Path(folder), workers=workers, most=count + 1)
        app = create(service, token=TOKEN, port=port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=120,
        )
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda seed: served(client, seed), range(10**6, 10**6 + workers)))
            begun = time.perf_counter()
            times = list(pool.map(lambda seed: served(client, seed), range(count)))
            took = time.perf_counter() - begun
        server.should_exit = True
        thread.join(10)
    told(f"serve, {workers} workers, {at_once} at once", times, took)


def alone(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), workers=1)
        engine, times = batch.Local(), []
        items = [
            requests.checked(service.home, ASKED | {"seed": seed})[1] for seed in range(count + 1)
        ]
        engine.make(items.pop(), Path(folder))
        for item in items:
            begun = time.perf_counter()
            engine.make(item, Path(folder))
            times.append(time.perf_counter() - begun)
        service.jobs.close()
    told("one process, in a row", times, sum(times))


def told(name: str, times: list[float], took: float) -> None:
    ranks = statistics.quantiles(times, n=100, method="inclusive")
    print(
        f"| {name} | {len(times) / took:.1f} | {1000 * ranks[49]:.0f} | {1000 * ranks[98]:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--at-once", type=int, default=8)
    asked = parser.parse_args()
    print("| way | requests a second | p50, ms | p99, ms |")
    print("|---|--:|--:|--:|")
    alone(asked.requests)
    for workers in asked.workers:
        load(workers, asked.requests, asked.at_once)


if __name__ == "__main__":
    main()
