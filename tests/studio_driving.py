"""A studio that runs and a browser's hands on it: rooms are entered, made and waited for."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from kineograph.studio.rooms import Room
from kineograph.studio.serve import Prompt, bound
from kineograph.studio.server import Studio, create

KEY = "a-token-of-the-test"


class Running:
    """A studio with its own worker, listening."""

    def __init__(self, home: Path) -> None:
        self.socket = bound(0)
        self.port = self.socket.getsockname()[1]
        self.studio = Studio(home)
        app = create(self.studio, token=KEY, port=self.port)
        config = uvicorn.Config(
            app, http=Prompt, ws="none", log_level="error", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.port}/?token={KEY}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()


def waiting(true: str, seconds: float = 60) -> str:
    """A promise that is kept when an expression is true."""
    return (
        "new Promise((kept, broken) => { let n = 0; const look = () => { let it = false; "
        f"try {{ it = {true}; }} catch (error) {{}} if (it) kept(it); "
        f"else if (++n > {seconds * 20}) broken(new Error('never')); "
        "else setTimeout(look, 50); }; look(); })"
    )


class Driven:
    """Hands on a page of a running studio."""

    def __init__(self, page: Any, running: Running) -> None:
        self.page, self.running = page, running

    def open(self) -> None:
        """The page, in a window of 1280 x 800."""
        self.page.size(1280, 800)
        self.page.tab.goto(self.running.url)
        self.until("document.documentElement.dataset.ready")

    def until(self, true: str, seconds: float = 60) -> Any:
        return self.page.run(waiting(true, seconds))

    def enter(self, room: Room) -> None:
        """The room by its address, its example in the form and its cost told."""
        self.page.run(f"location.hash = '#/room/{room.name}'")
        self.until(f"document.title.startsWith({json.dumps(room.title)})")
        self.page.run("document.querySelector('.lesson button').click()")
        self.page.wait(0.4)
        self.until("/about .*memory/.test(document.querySelector('.cost').textContent)", 150)

    def make(self, seconds: float = 240) -> None:
        """Press Make and wait for the result and all that it is opened up into."""
        before = self.newest()
        self.page.run("document.querySelector('.make').click()")
        self.done(before, seconds)

    def newest(self) -> int:
        """The number of the last job that was asked for."""
        studio = self.running.studio.jobs
        return max([job.id for job in [*studio.active(), *studio.results()]], default=0)

    def press(self, name: str) -> None:
        """A key, down and up."""
        self.page.tab.keyboard.press(name)

    def tab_to(self, selector: str, most: int = 250) -> None:
        """Tab until what is focused matches; fails when it never does."""
        there = f"document.activeElement.matches({json.dumps(selector)})"
        for _ in range(most):
            if self.page.run(there):
                return
            self.press("Tab")
        raise AssertionError(f"{selector} cannot be reached by the Tab key")

    def slide(self, label: str, value: int) -> None:
        """A slider, by its name, set to a value."""
        self.page.run(
            f"(() => {{ const it = document.querySelector('[aria-label={json.dumps(label)}]');"
            f" it.value = {value}; it.dispatchEvent(new Event('input')); }})()"
        )

    def click(self, selector: str) -> None:
        """The mouse, moved over the middle of an element, pressed and let go there."""
        self.page.tab.click(selector)

    def done(self, before: int, seconds: float = 240) -> int:
        """Wait until a later job than `before` is shown, opened up; its number."""
        shows = (
            f"document.querySelector('.stage').dataset.shows?.split(' ').some(n => n > {before})"
        )
        self.until(f"{shows} && document.querySelector('.below .go')", seconds)
        return self.newest()
