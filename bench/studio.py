"""The studio's page in this machine's Chromium: weight, first paint, and how even its motion is.

    python bench/studio.py

Reported, not asserted: gaps between animation frames while a texture grows again before one's eyes,
a jump is played, and while the pages of a loop, a zoom and a sprite move.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import CHROMIUM, browser
from kineograph.studio.rooms import ROOMS
from kineograph.studio.server import PAGE
from studio_driving import Driven, Running

SECONDS = 4.0
GAPS = f"""
new Promise((done) => {{
  const gaps = [];
  let last = performance.now(), begun = last;
  const next = (now) => {{
    gaps.push(now - last);
    last = now;
    if (now - begun < {SECONDS * 1000}) requestAnimationFrame(next);
    else {{
      gaps.shift();
      gaps.sort((a, b) => a - b);
      const at = (share) => gaps[Math.floor(share * (gaps.length - 1))];
      done([1000 * gaps.length / gaps.reduce((a, b) => a + b, 0), at(0.5), at(0.95), at(1)]);
    }}
  }};
  requestAnimationFrame(next);
}})
"""


def told(what: str, found: list[float]) -> None:
    rate, middle, high, most = found
    print(
        f"{what:28} {rate:5.1f} frames a second; gaps: median {middle:.1f} ms, "
        f"95 % {high:.1f} ms, longest {most:.0f} ms"
    )


def main() -> None:
    files = [path for path in PAGE.rglob("*") if path.is_file()]
    page_bytes = sum(
        p.stat().st_size for p in files if p.suffix in (".js", ".css", ".html", ".svg")
    )
    print(
        f"weight: {sum(p.stat().st_size for p in files):,} bytes, {page_bytes:,} without examples"
    )
    if not CHROMIUM:
        print("no Chromium here: nothing to measure in")
        return
    with tempfile.TemporaryDirectory() as home, browser() as page:
        running = Running(Path(home) / "home")
        driven = Driven(page, running)
        driven.open()
        page.tab.goto(running.url)
        driven.until("document.documentElement.dataset.ready")
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        ready = "performance.now()"
        print(f"first paint {page.run(paint):.0f} ms, all there by {page.run(ready):.0f} ms")
        told("at rest", page.run(GAPS))
        made = {}
        for room in ROOMS:
            if room.name in ("texture", "loop", "zoom", "sprite"):
                driven.enter(room)
                driven.make()
                made[room.name] = running.studio.jobs.results()[0].id
                if room.name == "texture":
                    page.run("document.querySelector('.opened').previousSibling.firstChild.click()")
                    told("a texture that grows again", page.run(GAPS))
        for name in ("loop", "zoom", "sprite"):
            url = f"http://127.0.0.1:{running.port}/api/v1/results/{made[name]}/file"
            page.tab.goto(url)
            page.wait(1.0)
            told(f"the page of a {name}", page.run(GAPS))
        running.stop()


if __name__ == "__main__":
    main()
