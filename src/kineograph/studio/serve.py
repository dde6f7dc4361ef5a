"""Open the studio: its folder is locked, its port bound to the loopback, its page opened."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from kineograph.files import locked
from kineograph.studio.server import Studio, create
from kineograph.values.errors import InputError

HEADERS_WITHIN = 10.0  # seconds in which the first request's headers must have come
MOST_HEADERS = 2**16  # bytes
BACKLOG = 512  # connections that wait to be taken


class Prompt(H11Protocol):
    """A connection that sends no whole request in time is closed (slow loris)."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop.call_later(HEADERS_WITHIN, self._still_nothing)

    def _still_nothing(self) -> None:
        begun: Any = self.cycle
        if begun is None and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Lets the pages that listen go as soon as it is told to end; what that cuts off is no error.

    ends: is set then.
    """

    def __init__(self, config: uvicorn.Config, ends: threading.Event) -> None:
        super().__init__(config)
        self._ends = ends

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._ends.set()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def bound(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 takes a free one.

    Raises InputError when the port is taken.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
        found.listen(BACKLOG)  # who comes before the server runs waits, and is not refused
    except OSError as error:
        found.close()
        problem = f"{port} cannot be had ({error.strerror})"
        raise InputError("port", problem, "choose another, or 0 for any") from error
    return found


def serve(home: Path, port: int, *, browser: bool, tell: Callable[[str], None]) -> None:
    """Run until interrupted. tell: is given the address with its token, once."""
    with locked(home.expanduser()), bound(port) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        studio = Studio(home)
        app = create(studio, token=token, port=port)
        address = f"http://127.0.0.1:{port}/?token={token}"
        config = uvicorn.Config(
            app,
            http=Prompt,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEADERS,
        )
        tell(address)
        if browser:
            webbrowser.open(address)
        Server(config, studio.ends).run(sockets=[listening])
