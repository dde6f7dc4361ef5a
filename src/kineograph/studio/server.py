"""HTTP over the studio: the page, /api/v1, results as files. Loopback only.

Bodies are flat requests, as lines of `kineograph batch`. What is refused says why:
{"error": kind, "message": one sentence, "field": …}.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Header, Request
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from pydantic import Field

import kineograph
from kineograph import models
from kineograph.files import remove
from kineograph.studio import copied, downloads, inside, nearest, requests, shown
from kineograph.studio.described import described
from kineograph.studio.events import Events
from kineograph.studio.guard import Guard
from kineograph.studio.home import MOST_BYTES, TAKEN, Home
from kineograph.studio.jobs import Job, Jobs, QueueFullError
from kineograph.studio.rooms import ROOMS
from kineograph.studio.runner import Runner
from kineograph.values.errors import (
    InputError,
    KineographError,
    LimitError,
    MissingError,
    PolicyError,
)
from kineograph.values.output import PRESETS

PAGE = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
MADE = (
    "sandbox allow-scripts; default-src 'none'; img-src data: blob:; media-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'self'"
)
"The policy of a page that was made: a place of its own, without the studio's rights."
BEAT = 15.0  # seconds between two signs of life to a page that listens
LISTENERS = 256
STATUS = {InputError: 422, MissingError: 424, LimitError: 413, PolicyError: 403}
Flat = Annotated[dict[str, Any], Body()]
Number = Annotated[int, Field(ge=0, le=2**63 - 1)]
"Of a job; what SQLite can hold."
Place = Annotated[int, Field(ge=0, le=10**6)]
"Of a step, or a pixel's."


class Studio:
    """What the routes share."""

    def __init__(self, root: Path, *, most: int | None = None, command: tuple[str, ...] = ()):
        self.home = Home(root)
        how = {} if most is None else {"most": most}
        self.jobs = Jobs(self.home.root / "studio.db", **how)
        self.events = Events()
        self.runner = Runner(self.home, self.jobs, self.events, command=command)
        self.listeners = 0
        self.ends = threading.Event()

    def stop(self) -> None:
        self.ends.set()
        self.runner.stop()
        self.jobs.close()

    def told(self, job: Job) -> dict[str, Any]:
        """A job as the page sees it."""
        return {**job._asdict(), "thumbnail": self._thumbnail(job)}

    def _thumbnail(self, job: Job) -> bool:
        return (self.home.folder(job.id) / "thumbnail.webp").is_file()


def create(studio: Studio, *, token: str, port: int) -> Guard:
    """The whole application, guarded."""

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        studio.runner.start()
        yield
        studio.stop()

    app = FastAPI(
        title="kineograph studio",
        version=kineograph.version,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=living,
    )
    app.state.studio = studio
    guard = Guard(app, token=token, port=port, most=MOST_BYTES, room=studio.jobs.check_room)

    @app.get("/", include_in_schema=False)
    async def opened(token: str = "") -> Response:
        """The page; the token of the printed address becomes a cookie and leaves the address."""
        if not token:
            return _page("index.html")
        if not guard.is_token(token):
            return Response("this token is of another studio", 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(guard.cookie, token, httponly=True, samesite="strict")
        return answer

    @app.get("/page/{name:path}", include_in_schema=False)
    async def part(name: str) -> Response:
        return _page(name)

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(described(app.openapi()))

    wire(app)
    return guard


def wire(app: FastAPI) -> None:
    """Give an application the interface under /api/v1, and answers for what is refused."""
    for kind, answer in (
        (KineographError, _refused),
        (QueueFullError, _full),
        (KeyError, _unknown),
    ):
        app.add_exception_handler(kind, answer)
    for router in (asking, queue, gallery):
        app.include_router(router, prefix="/api/v1")


def _page(name: str) -> Response:
    """A file of the page; 404 for anything else."""
    path = PAGE / name
    try:
        known = path.suffix in KINDS and path.resolve().is_relative_to(PAGE) and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        known = False
    if not known or ".." in name:
        return Response("not here", 404)
    return Response(path.read_bytes(), media_type=KINDS[path.suffix])


def _of(request: Request) -> Studio:
    found: Studio = request.app.state.studio
    return found


async def _refused(_: Request, error: Any) -> JSONResponse:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    said = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, InputError):
        said |= {"field": error.field, "problem": error.problem, "remedy": error.remedy}
    return JSONResponse(said, status)


async def _full(_: Request, error: Any) -> JSONResponse:
    said = {"error": "QueueFull", "message": str(error)}
    return JSONResponse(said, 429, headers={"retry-after": str(error.seconds)})


async def _unknown(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": "Unknown", "message": f"there is no job {error}"}, 404)


async def _aside(work: Callable[[], Any]) -> Any:
    """Run what takes a while beside the loop that answers."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


# -- what can be asked -----------------------------------------------------------------------------

asking = APIRouter(tags=["asking"])


@asking.get("/rooms")
async def rooms() -> list[dict[str, Any]]:
    """The rooms, each with its schema, the suffixes it can write and its example."""
    return await _aside(_rooms)  # type: ignore[no-any-return]


def _rooms() -> list[dict[str, Any]]:
    return [
        {**asdict(room), "schema": requests.schema(room.verb), "forms": requests.forms(room.verb)}
        for room in ROOMS
    ]


@asking.get("/schema/{verb}")
async def schema(verb: str) -> dict[str, Any]:
    """The JSON Schema of a verb's request."""
    return requests.schema(verb)


@asking.post("/forecast")
async def forecast(request: Request, values: Flat) -> dict[str, Any]:
    """Seconds, memory and bytes of a request, without making it."""
    return await _aside(partial(_forecast, _of(request).home, values))  # type: ignore[no-any-return]


def _forecast(home: Home, values: dict[str, Any]) -> dict[str, Any]:
    from kineograph import batch

    _, item = requests.checked(home, values)
    plan = models.model_of(item.settings).forecast(batch.request_of(item))
    facts = {"seconds": plan.seconds, "memory": plan.memory, "file": plan.file}
    return {**facts, "plan": plan.plan, "told": plan.told()}


@asking.post("/uploads", status_code=201)
async def upload(request: Request, name: str) -> dict[str, str]:
    """Keep a file; gives the place that requests name it by."""
    return {"place": await _of(request).home.upload(name, request.stream())}


@asking.get("/files/{place:path}")
async def kept(request: Request, place: str) -> Response:
    """An upload or an example, as a picture, a clip or plain text; a page is never shown."""
    path = _of(request).home.path(place)
    if path.suffix == ".html" or place.startswith("results/"):
        return Response("pages are not shown from here", 415)
    return _file(path)


@asking.get("/records/{place:path}")
async def recorded(request: Request, place: str) -> dict[str, Any]:
    """What a file says of itself, as a request to look at; nothing of it runs."""
    home = _of(request).home
    return await _aside(partial(requests.of_record, home, place))  # type: ignore[no-any-return]


def _file(path: Path, name: str = "") -> Response:
    """A file with the one type of its suffix; `name`: to be saved under."""
    kind = TAKEN.get(path.suffix.lower(), "application/octet-stream")
    headers = {"content-security-policy": MADE} if path.suffix == ".html" else {}
    return FileResponse(path, media_type=kind, filename=name or None, headers=headers)


# -- the queue -------------------------------------------------------------------------------------

queue = APIRouter(tags=["queue"])


@queue.get("/status")
async def status(request: Request) -> dict[str, Any]:
    """How many wait, whether the queue rests, bytes on the disk, the version."""
    studio = _of(request)
    return {
        "version": kineograph.version,
        "paused": studio.jobs.paused,
        "queued": studio.jobs.count("queued"),
        "most": studio.jobs.most,
        "running": studio.runner.running,
        "bytes": await _aside(studio.home.size),
        "home": studio.home.root.name,
        "presets": {
            name: {"about": preset.about, "suffix": preset.suffix}
            for name, preset in PRESETS.items()
        },
    }


@queue.post("/jobs", status_code=201)
async def add(request: Request, values: Flat) -> dict[str, Any]:
    """Queue a flat request. 429 with Retry-After when too many wait."""
    return await _aside(partial(_added, _of(request), values))  # type: ignore[no-any-return]


def _added(studio: Studio, values: dict[str, Any]) -> dict[str, Any]:
    """Checked and on the disk; beside the loop that answers, as a disk may take its time."""
    said, item = requests.checked(studio.home, values)
    job = studio.jobs.add(said, item.out)
    studio.events.add("job", id=job.id, state=job.state, error="")
    studio.runner.wake()
    return studio.told(job)


@queue.get("/jobs")
async def active(request: Request) -> list[dict[str, Any]]:
    """What runs, what waits in its order, and what waits for its owner."""
    studio = _of(request)
    return [studio.told(job) for job in studio.jobs.active()]


@queue.get("/jobs/{number}")
async def one(request: Request, number: Number) -> dict[str, Any]:
    studio = _of(request)
    return studio.told(studio.jobs.job(number))


@queue.get("/jobs/{number}/preview")
async def preview(request: Request, number: Number) -> Response:
    """The last picture of a running job."""
    known, picture = _of(request).runner.preview
    if known != number:
        return Response("nothing to see", 404)
    return Response(picture, media_type="image/webp")


@queue.post("/jobs/{number}/cancel")
async def cancel(request: Request, number: Number) -> dict[str, Any]:
    """Cancel a job; of one that is at rest nothing changes."""
    studio = _of(request)
    studio.jobs.job(number)
    studio.runner.cancel(number)
    return studio.told(studio.jobs.job(number))


@queue.post("/jobs/{number}/retry")
async def retry(request: Request, number: Number) -> dict[str, Any]:
    """What failed, was cancelled or interrupted waits again."""
    studio = _of(request)
    studio.jobs.job(number)
    job = studio.jobs.retry(number)
    studio.events.add("job", id=job.id, state=job.state, error="")
    studio.runner.wake()
    return studio.told(job)


@queue.post("/jobs/{number}/move")
async def move(
    request: Request, number: Number, before: Annotated[int | None, Body(embed=True)] = None
) -> dict[str, Any]:
    """Put a waiting job before another, or last."""
    studio = _of(request)
    studio.jobs.move(number, before)
    studio.events.add("queue", moved=number)
    return studio.told(studio.jobs.job(number))


@queue.post("/queue/{what}")
async def switch(request: Request, what: str) -> dict[str, Any]:
    """pause and resume the queue (what runs goes on); cancel-pending, cancel-all."""
    studio = _of(request)
    if what in ("pause", "resume"):
        studio.jobs.paused = what == "pause"
    elif what in ("cancel-pending", "cancel-all"):
        studio.runner.cancel_pending()
        running = studio.runner.running
        if what == "cancel-all" and running is not None:
            studio.runner.cancel(running)
    else:
        raise InputError("what", f"'{what[:40]}' is unknown", "pause, resume or cancel")
    studio.runner.wake()
    studio.events.add("queue", paused=studio.jobs.paused)
    return {"paused": studio.jobs.paused, "queued": studio.jobs.count("queued")}


@queue.get("/events")
async def events(
    request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Server-sent events: `job`, `progress`, `queue`, `result`; `reset` when some were missed."""
    studio = _of(request)
    if studio.listeners >= LISTENERS:
        return Response("too many pages listen", 429, headers={"retry-after": "10"})
    stream = _events(studio, studio.events.seen(last_event_id))
    return StreamingResponse(stream, media_type="text/event-stream")


async def _events(studio: Studio, seen: int | None) -> AsyncIterator[str]:
    known, beat = studio.events, time.monotonic()
    studio.listeners += 1
    try:
        yield "retry: 1000\n\n"
        if seen is None:
            seen = known.last
            yield f"id: {known.boot}-{seen}\nevent: reset\ndata: {{}}\n\n"
        while not studio.ends.is_set():
            for event in known.after(seen):
                seen = event.number
                yield known.sent(event)
            if time.monotonic() - beat > BEAT:
                beat = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(0.08)
    finally:
        studio.listeners -= 1


# -- the gallery -----------------------------------------------------------------------------------

gallery = APIRouter(tags=["gallery"])


@gallery.get("/results")
async def results(
    request: Request,
    q: str = "",
    favourite: bool = False,
    trashed: bool = False,
    before: Number = 0,
) -> list[dict[str, Any]]:
    """Results, newest first, 60 at a time; `q`: words of what was asked."""
    studio = _of(request)
    found = studio.jobs.results(q[:200], favourite=favourite, trashed=trashed, before=before)
    return [studio.told(job) for job in found]


def _result(studio: Studio, number: Number) -> Path:
    """The file of a result. Raises KeyError when there is none."""
    job = studio.jobs.job(number)
    if job.state != "done":
        raise KeyError(number)
    return studio.home.path(f"results/{number}/{job.out}")


@gallery.get("/results/{number}/file")
async def file(request: Request, number: Number, save: bool = False) -> Response:
    """The file as it was made; `save`: to be kept under its name."""
    path = _result(_of(request), number)
    return _file(path, path.name if save else "")


@gallery.get("/results/{number}/thumbnail")
async def thumbnail(request: Request, number: Number) -> Response:
    path = _of(request).home.folder(number) / "thumbnail.webp"
    return _file(path) if path.is_file() else Response("none", 404)


@gallery.get("/results/{number}/record")
async def record_of(request: Request, number: Number) -> dict[str, Any]:
    """The record inside the file."""
    from kineograph import record

    path = _result(_of(request), number)
    found = await _aside(partial(record.read, path))
    return dict(found.whole)


@gallery.get("/results/{number}/steps")
async def steps(request: Request, number: Number) -> Response:
    """What is told of every kept step of the making."""
    path = _of(request).home.folder(number) / "steps" / "steps.json"
    return _file(path) if path.is_file() else JSONResponse([])


@gallery.get("/results/{number}/steps/{place}")
async def step(request: Request, number: Number, place: Place) -> Response:
    """The picture of one step."""
    folder = _of(request).home.folder(number) / "steps"
    found = await _aside(partial(shown.step, folder, place))
    return Response("none", 404) if found is None else Response(found, media_type="image/webp")


@gallery.get("/results/{number}/inside")
async def inside_of(request: Request, number: Number) -> Response:
    """What the result can be opened up into: a source map, a matrix of jumps, a stack of levels."""
    path = _of(request).home.folder(number) / "inside" / "inside.json"
    return _file(path) if path.is_file() else JSONResponse({"views": []})


@gallery.get("/results/{number}/inside/{name}")
async def inside_picture(request: Request, number: Number, name: str) -> Response:
    """A picture that a view of the result names."""
    path = _of(request).home.folder(number) / "inside" / name
    known = re.fullmatch(inside.NAME, name) and path.is_file()
    return _file(path) if known else Response("none", 404)


@gallery.get("/results/{number}/candidates")
async def candidates(request: Request, number: Number, x: Place, y: Place) -> dict[str, Any]:
    """What could have been copied to a pixel of a picture that grew, at that pixel's turn."""
    studio = _of(request)
    path = _result(studio, number)
    job = studio.jobs.job(number)
    return await _aside(partial(copied.candidates, studio.home, job, path, (y, x)))  # type: ignore[no-any-return]


@gallery.get("/results/{number}/influences")
async def influences(request: Request, number: Number) -> dict[str, Any]:
    """The nearest training examples of what a learned model made."""
    path = _result(_of(request), number)
    return await _aside(partial(nearest.examples, path))  # type: ignore[no-any-return]


@gallery.get("/results/{number}/as/{form}")
async def download(
    request: Request, number: Number, form: str, preset: Annotated[str, "of a chat"] = ""
) -> Response:
    """The result in another format, its record inside; `preset`: within what a chat takes."""
    path = _result(_of(request), number)
    if form == "npz":
        return _file(inside.map_of(path.parent), f"{path.stem}-map.npz")
    made = await _aside(partial(downloads.converted, path, f".{form}", preset))
    return _file(made, f"{path.stem}.{form}")


@gallery.patch("/results/{number}")
async def mark(
    request: Request,
    number: Number,
    favourite: Annotated[bool | None, Body()] = None,
    trashed: Annotated[bool | None, Body()] = None,
) -> dict[str, Any]:
    """Make a result a favourite, or put it in the trash and take it out again."""
    studio = _of(request)
    job = studio.jobs.mark(number, favourite=favourite, trashed=trashed)
    studio.events.add("result", id=number)
    return studio.told(job)


@gallery.post("/results/{number}/forget")
async def forget(request: Request, number: Number) -> dict[str, int]:
    """Remove what is in the trash from the disk, for good."""
    studio = _of(request)
    studio.jobs.forget(number)
    await _aside(partial(remove, studio.home.folder(number)))
    studio.events.add("result", id=number)
    return {"forgotten": number}
