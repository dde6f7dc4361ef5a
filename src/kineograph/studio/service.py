"""The studio's interface without its page, for programs: several workers, health, metrics.

What is asked again while it waits, runs or is there (the same settings and seed) is not made again:
the answer is the job that is. Rows of one batch and one alone may differ in their last bits, so
different requests are never made in one batch of tensors: equal bytes come first. Too many requests
are refused with 429 and the seconds after which to come back. On another address than loopback the
token comes from the operator.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

import kineograph
from kineograph.files import locked
from kineograph.studio import requests, server
from kineograph.studio.crew import Crew, commands
from kineograph.studio.guard import LOOPBACK, Guard
from kineograph.studio.home import MOST_BYTES
from kineograph.studio.jobs import Job
from kineograph.studio.serve import MOST_HEADERS, Prompt, Server
from kineograph.studio.settings import Serving
from kineograph.values.errors import InputError

SHORTEST_TOKEN = 24  # letters
BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)  # seconds
KEPT_LIKE = ("queued", "running", "done")


class Service(server.Studio):
    """What the routes share: the studio's, with a crew of workers and the metrics' counts."""

    def __init__(self, root: Path, *, workers: int = 1, devices: int = 0, most: int = 200) -> None:
        super().__init__(root, most=most)
        crew = Crew(
            self.home, self.jobs, self.events, commands=commands(self.home, workers, devices)
        )
        self.crew: Crew = crew
        self.runner: Any = crew
        self.counts: dict[tuple[str, int], int] = {}
        self.slow = [0] * (len(BUCKETS) + 1)
        self.spent = 0.0
        self._same: dict[str, int] = {}
        self._lock = threading.Lock()

    def added(self, said: dict[str, Any], out: str) -> tuple[Job, bool]:
        """The job of a checked request, and whether it is new."""
        key = json.dumps(said, sort_keys=True, default=str)
        with self._lock:
            known = self._same.get(key)
            if known is not None:
                job = self.jobs.job(known)
                if job.state in KEPT_LIKE and not job.trashed:
                    return job, False
            job = self.jobs.add(said, out)
            self._same[key] = job.id
        return job, True

    def count(self, method: str, status: int, seconds: float) -> None:
        with self._lock:
            self.counts[method, status] = self.counts.get((method, status), 0) + 1
            self.spent += seconds
            for i, most in enumerate((*BUCKETS, float("inf"))):
                self.slow[i] += seconds <= most

    def metrics(self) -> str:
        """In Prometheus's text format, version 0.0.4."""
        states = {
            state: self.jobs.count(state) for state in ("queued", "running", "done", "failed")
        }
        with self._lock:
            answered = dict(self.counts)
            slow, spent = list(self.slow), self.spent
        lines = ["# TYPE kineograph_jobs gauge"]
        lines += [f'kineograph_jobs{{state="{k}"}} {v}' for k, v in states.items()]
        for name, value in (
            ("queue_limit", self.jobs.most),
            ("workers", len(self.crew.runners)),
            ("workers_busy", self.crew.busy),
        ):
            lines += [f"# TYPE kineograph_{name} gauge", f"kineograph_{name} {value}"]
        lines.append("# TYPE kineograph_http_requests_total counter")
        lines += [
            f'kineograph_http_requests_total{{method="{method}",status="{status}"}} {count}'
            for (method, status), count in sorted(answered.items())
        ]
        lines.append("# TYPE kineograph_http_seconds histogram")
        marks = [*(f"{most:g}" for most in BUCKETS), "+Inf"]
        lines += [
            f'kineograph_http_seconds_bucket{{le="{mark}"}} {count}'
            for mark, count in zip(marks, slow, strict=True)
        ]
        lines += [f"kineograph_http_seconds_sum {spent:.6f}"]
        lines += [f"kineograph_http_seconds_count {slow[-1]}"]
        return "\n".join(lines) + "\n"


def create(service: Service, *, token: str, port: int, host: str = "127.0.0.1") -> Guard:
    """The whole application, guarded: /api/v1 of the studio, and its health and metrics."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        service.runner.start()
        yield
        service.stop()

    app = FastAPI(
        title="kineograph serve", version=kineograph.version, openapi_url="/api/openapi.json",
        docs_url=None, redoc_url=None, lifespan=living,
    )  # fmt: skip
    app.state.studio = service

    @app.middleware("http")
    async def timed(request: Request, answer: Callable[..., Any]) -> Response:
        begun = time.perf_counter()
        response: Response = await answer(request)
        service.count(request.method, response.status_code, time.perf_counter() - begun)
        return response

    @app.get("/health")
    async def health() -> Response:
        """200 while requests are taken, 503 while the queue is full."""
        full = service.jobs.count("queued") >= service.jobs.most
        return JSONResponse({"ready": not full}, 503 if full else 200)

    @app.get("/api/v1/metrics")
    async def metrics() -> Response:
        """What Prometheus scrapes."""
        return Response(service.metrics(), media_type="text/plain; version=0.0.4")

    @app.post("/api/v1/jobs", status_code=201)
    async def add(values: server.Flat, response: Response) -> dict[str, Any]:
        """Queue a flat request; 200 with the job that is, when the same was asked before."""
        said, item = await server._aside(partial(requests.checked, service.home, values))
        job, new = service.added(said, item.out)
        if new:
            service.events.add("job", id=job.id, state=job.state, error="")
            service.runner.wake()
        else:
            response.status_code = 200
        return service.told(job)

    server.wire(app)
    hosts = LOOPBACK if host in LOOPBACK else (*LOOPBACK, host)
    return Guard(app, token=token, port=port, most=MOST_BYTES, hosts=hosts)


def bound(host: str, port: int) -> socket.socket:
    """A socket on an address; port 0 takes a free one. Raises InputError when it cannot be had."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(512)
    except OSError as error:
        found.close()
        problem = f"{host}:{port} cannot be had ({error.strerror})"
        raise InputError("port", problem, "choose another, or 0 for any") from error
    return found


def token_of(settings: Serving) -> str:
    """The operator's token, or a fresh one on loopback.

    Raises InputError when another address than loopback has no token, or a short one.
    """
    if not settings.token_file:
        if settings.host not in LOOPBACK:
            problem = f"{settings.host} is open to other machines, and there is no token"
            raise InputError("token_file", problem, "name a file that holds one")
        return secrets.token_urlsafe(24)
    try:
        token = Path(settings.token_file).read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise InputError("token_file", f"cannot be read ({error})", "name a text file") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        problem = f"its token is not {SHORTEST_TOKEN} or more plain letters"
        raise InputError("token_file", problem, "use a long random one")
    return token


def serve(settings: Serving, *, tell: Callable[[str], None]) -> None:
    """Run until interrupted. tell: is given the address, and the token where it was made here."""
    import torch

    token, home = token_of(settings), Path(settings.home).expanduser()
    devices = torch.cuda.device_count()
    with locked(home), bound(settings.host, settings.port) as listening:
        port = listening.getsockname()[1]
        workers = settings.workers or max(1, devices)
        service = Service(home, workers=workers, devices=devices, most=settings.most)
        app = create(service, token=token, port=port, host=settings.host)
        config = uvicorn.Config(
            app, http=Prompt, ws="none", log_level="warning", access_log=False,
            server_header=False, timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEADERS,
        )  # fmt: skip
        made_here = "" if settings.token_file else f"  Authorization: Bearer {token}"
        tell(f"http://{settings.host}:{port}/api/v1{made_here}")
        Server(config, service.ends).run(sockets=[listening])
