"""A Chromium in the hand of a test: opens a page, runs scripts, moves the mouse, looks.

Playwright drives the Chromium that is installed; it downloads none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: no page was opened")


class Browser:
    """One page of a headless Chromium; `errors` holds what its scripts threw or logged."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.errors: list[str] = []
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window in pixels, and whether the person prefers dark pages."""
        self.tab.set_viewport_size({"width": width, "height": height})
        self.tab.emulate_media(color_scheme="dark" if dark else "light")

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a file and wait until `window.player` is there."""
        self.tab.goto(path.resolve().as_uri() + fragment)
        self.tab.wait_for_function("window.player")

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        return self.tab.evaluate(script)

    def wait(self, seconds: float) -> None:
        self.tab.wait_for_timeout(seconds * 1000)


@contextmanager
def browser() -> Iterator[Browser]:
    """A fresh Chromium with its own profile, ended with the block."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield Browser(chromium.new_page())
        finally:
            chromium.close()
