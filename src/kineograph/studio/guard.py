"""Who may ask? A page of this very server, on this machine, that knows the token.

Every request passes here first: the Host must be a loopback name with our port (DNS rebinding), an
Origin must be ours (a foreign page, a sandboxed one), the API wants the token, a body must be of
the kind and size that is taken and must not dawdle. While the queue is full a job is sent away
here, before anything of it is read. Every answer leaves with a strict policy.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any

from kineograph.studio.jobs import QueueFullError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

WAIT = 20.0  # seconds for the next piece of a body
MOST_BODY = 2**20 + 2**16  # bytes of a request in JSON
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
UPLOADS, JOBS = "/api/v1/uploads", "/api/v1/jobs"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"Of every answer that does not bring its own."


class RefusedError(Exception):
    """A request that is not let in: its status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Wraps the application.

    token: that the opened address holds. port: that the server listens on. most: bytes of an
    upload. hosts: names that it is asked by. room: raises QueueFullError when no job is taken now.
    """

    def __init__(
        self,
        app: App,
        *,
        token: str,
        port: int,
        most: int,
        wait: float = WAIT,
        hosts: Sequence[str] = LOOPBACK,
        room: Callable[[], None] | None = None,
    ) -> None:
        self._app, self._token, self._most, self._wait = app, token, most, wait
        self.cookie = f"kineograph-{port}"
        self._hosts = {f"{name}:{port}" for name in hosts}
        self._room = room

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        begun, refusals = False, list[RefusedError]()

        async def sent(message: Message) -> None:
            nonlocal begun
            if refusals and not begun:  # whatever the application made of it
                raise refusals[0]
            if message["type"] == "http.response.start":
                begun = True
                known = {name.lower() for name, _ in message["headers"]}
                more = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in more if name not in known),
                ]
            await send(message)

        counted = self._counted(scope, receive, refusals)
        try:
            self._check(scope)
            full = self._full(scope)
            if full is None:
                await self._app(scope, counted, sent)
                return None
            while (await counted()).get("more_body"):  # so that the connection can be used again
                pass
            await _told_full(sent, full)
        except RefusedError as error:
            if not begun:
                refusals.clear()
                await _answer(sent, error)
        return None

    def _full(self, scope: Message) -> QueueFullError | None:
        """Why a job that is asked for is not taken now."""
        if self._room is None or (scope["method"], scope["path"]) != ("POST", JOBS):
            return None
        try:
            self._room()
        except QueueFullError as full:
            return full
        return None

    def _check(self, scope: Message) -> None:
        headers = _headers(scope)
        host = headers.get("host", "")
        if host.lower() not in self._hosts:
            raise RefusedError(403, "this host is not the studio's")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            raise RefusedError(403, "another page asked")
        if scope["method"] not in ("GET", "HEAD"):
            self._check_body(scope, headers)
        path = scope["path"]
        if path.startswith("/api/") and not self._knows(headers):
            raise RefusedError(401, "open the address that the command printed: it holds the token")
        site = headers.get("sec-fetch-site", "none")
        if path.startswith("/api/") and site not in ("same-origin", "none"):
            raise RefusedError(403, "another page asked")

    def _check_body(self, scope: Message, headers: dict[str, str]) -> None:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        upload = scope["path"] == UPLOADS
        wanted = "application/octet-stream" if upload else "application/json"
        if kind != wanted:
            raise RefusedError(415, f"send {wanted}")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:18]) > (self._most if upload else MOST_BODY):
            raise RefusedError(413, "the body is too large")

    def _knows(self, headers: dict[str, str]) -> bool:
        """Whether the token is given, by cookie or as a bearer's."""
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            jar = SimpleCookie()
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = [jar[self.cookie].value] if self.cookie in jar else []
        given += [bearer.strip()] if kind.lower() == "bearer" else []
        return any(self.is_token(one) for one in given)

    def is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())

    def _counted(self, scope: Message, receive: Receive, refusals: list[RefusedError]) -> Receive:
        """The body as it comes, while it is within its size and its time."""
        most = self._most if scope["path"] == UPLOADS else MOST_BODY
        count, ended = 0, False

        async def counted() -> Message:
            nonlocal count, ended
            if ended:  # what comes now is that the client left, whenever it does
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._wait)
            except TimeoutError:
                refusals.append(RefusedError(408, "the body did not come"))
                raise refusals[0] from None
            count += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if count > most:
                refusals.append(RefusedError(413, "the body is too large"))
                raise refusals[0]
            return message

        return counted


def _headers(scope: Message) -> dict[str, str]:
    """Headers by lower-case name; one that is given twice is refused where it decides."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "content-length", "content-type"):
            raise RefusedError(400, f"'{name}' is given twice")
        found[name] = value.decode("latin-1")
    return found


async def _told_full(send: Send, error: QueueFullError) -> None:
    said = {"error": "QueueFull", "message": str(error)}
    await _send(send, 429, said, (b"retry-after", str(error.seconds).encode()))


async def _answer(send: Send, error: RefusedError) -> None:
    said = {"error": "Refused", "message": str(error)}
    await _send(send, error.status, said, (b"connection", b"close"))


async def _send(send: Send, status: int, said: dict[str, str], more: tuple[bytes, bytes]) -> None:
    body = json.dumps(said).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
