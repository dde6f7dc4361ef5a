"""Pictures of the studio, for looking at and for docs/studio.md: rooms made and opened up.

python tests/studio_screens.py OUT [ROOM…]     # PNG of each: wide and narrow, light and dark
python tests/studio_screens.py --docs docs/studio
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from browser import browser
from kineograph.studio.rooms import ROOMS
from studio_driving import Driven, Running

WIDE, PHONE, WHOLE = (1280, 800), (390, 844), (1280, 2600)


def looks(driven: Driven, out: Path, names: list[str]) -> None:
    """Every room in every light."""
    for room in ROOMS:
        if names and room.name not in names:
            continue
        driven.page.size(*WIDE)
        driven.enter(room)
        driven.make()
        driven.page.wait(1.5)
        for kind, size in (("wide", WIDE), ("phone", PHONE)):
            for dark in (False, True):
                look = f"{room.name}_{kind}_{'dark' if dark else 'light'}"
                taken(driven, out / f"{look}.png", size, dark=dark)
        taken(driven, out / f"{room.name}_whole.png", WHOLE)
    driven.page.run("location.hash = '#/gallery'")
    taken(driven, out / "gallery_wide.png", WIDE)
    taken(driven, out / "gallery_phone.png", PHONE, dark=True)


def docs(driven: Driven, out: Path) -> None:
    """The six pictures of the docs."""
    rooms = {room.name: room for room in ROOMS}
    driven.page.size(*WIDE)
    driven.enter(rooms["zoom"])
    driven.make()
    driven.page.size(*PHONE, dark=True)
    driven.page.run("document.querySelector('.stack-levels').scrollIntoView({block: 'center'})")
    taken(driven, out / "phone_dark.webp", PHONE, dark=True)
    driven.page.size(*WIDE)
    driven.enter(rooms["texture"])
    driven.make()
    driven.page.run("document.querySelector('.grown').scrollIntoView({block: 'center'})")
    driven.click(".grown")
    for key in ("ArrowLeft", "ArrowLeft", *["ArrowDown"] * 7):
        driven.press(key)
    driven.until("/near enough/.test(document.querySelector('.opened .quiet').textContent)")
    taken(driven, out / "texture_light.webp", WIDE)
    driven.enter(rooms["loop"])
    driven.make()
    driven.page.run("document.querySelector('.matrix').scrollIntoView({block: 'center'})")
    taken(driven, out / "loop_light.webp", WIDE)
    driven.enter(rooms["words"])
    driven.make()
    driven.page.run("document.querySelector('#main').scrollTop = 0")
    taken(driven, out / "phone_light.webp", PHONE)
    driven.page.size(*WIDE)
    driven.click(".aside button")
    driven.until("document.querySelectorAll('.twins .scrub').length === 2", 400)
    driven.slide("Step of the making", 4)
    driven.page.run("document.querySelector('.gates').scrollIntoView({block: 'start'})")
    taken(driven, out / "words_dark.webp", WIDE, dark=True)
    driven.page.run("location.hash = '#/gallery'")
    taken(driven, out / "gallery_light.webp", WIDE)


def taken(driven: Driven, path: Path, size: tuple[int, int], *, dark: bool = False) -> None:
    """A screenshot by its suffix, once what moves has come."""
    driven.page.size(*size, dark=dark)
    driven.page.wait(1.0)
    near = "[...document.images].filter(i => i.getBoundingClientRect().top < innerHeight)"
    driven.until(f"{near}.every(i => i.complete)")
    png = path.with_suffix(".png")
    driven.page.tab.screenshot(path=png)
    if path.suffix != ".png":
        Image.open(png).save(path, quality=82, method=6)
        png.unlink()


def main(words: list[str]) -> None:
    out = Path(words[1] if words[0] == "--docs" else words[0])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, browser() as page:
        running = Running(Path(home) / "home")
        driven = Driven(page, running)
        driven.open()
        if words[0] == "--docs":
            docs(driven, out)
        else:
            looks(driven, out, words[1:])
        running.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
