"""Pictures of the studio for docs/studio.md, and for looking at: every room, made and opened up.

python tests/studio_screens.py OUT [ROOM…]     # PNG of each: wide and narrow, light and dark
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from frames_browser import browser
from kineograph.studio.rooms import ROOMS
from studio_driving import Driven, Running

SIZES = {"wide": (1280, 800), "phone": (390, 844)}


def main(out: Path, names: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, browser() as page:
        running = Running(Path(home) / "home")
        driven = Driven(page, running)
        driven.open()
        for room in ROOMS:
            if names and room.name not in names:
                continue
            page.size(1280, 800)
            driven.enter(room)
            driven.make()
            page.wait(1.5)
            for name, (width, height) in SIZES.items():
                for dark in (False, True):
                    page.size(width, height, dark=dark)
                    page.wait(0.4)
                    look = f"{name}_{'dark' if dark else 'light'}"
                    page.picture(out / f"{room.name}_{look}.png")
            page.size(1280, 2600)
            page.wait(0.6)
            page.picture(out / f"{room.name}_whole.png")
        for name, (width, height) in SIZES.items():
            page.size(width, height, dark=name == "phone")
            page.run("location.hash = '#/gallery'")
            page.wait(1.5)
            page.picture(out / f"gallery_{name}.png")
        running.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
