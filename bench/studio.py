"""The studio's page in this machine's Chromium: weight, first paint, waiting, and even motion.

    python bench/studio.py

Reported, not asserted: the time from Make to the first preview and to the result, and gaps between
animation frames while steps are played, a texture grows again before one's eyes, a jump is played,
and while the pages of a loop, a zoom and a sprite move. The load of the machine is told beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import CHROMIUM, browser
from kineograph.studio.rooms import ROOMS
from kineograph.studio.server import PAGE
from studio_driving import Driven, Running

SECONDS, LOADS = 4.0, 5
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
FIRST = """
new Promise((done) => {
  const begun = performance.now(), stage = document.querySelector('.stage');
  const before = stage.dataset.shows;
  document.querySelector('.make').click();
  const look = () => document.querySelector('.gate .live') || stage.dataset.shows !== before
    ? done(performance.now() - begun) : setTimeout(look, 10);
  look();
})
"""
"Milliseconds from Make to the first preview, or to the result where there is none before."
MOVING = {  # room: what is pressed in its result, and what then moves
    "texture": [
        ("[aria-label='Step of the making']", "steps that play"),
        ("[aria-label='Pixels grown so far']", "a texture that grows again"),
    ],
    "loop": [(".opened button", "a jump that is played")],
    "zoom": [],
    "sprite": [],
}


BUTTON = """
(selector => {
  const found = document.querySelector(selector);
  return found.tagName === 'BUTTON' ? found : found.previousSibling;
})
"""
"A button, or the one before a slider."


def spent() -> float:
    """Seconds of a core that this process, the browser and all that they began have had."""
    parents, times = dict[int, int](), dict[int, int]()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        number = int(path.parent.name)
        parents[number] = int(words[1])
        times[number] = int(words[11]) + int(words[12])
    ours = {os.getpid()}
    while more := {n for n, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(times[number] for number in ours if number in times) / os.sysconf("SC_CLK_TCK")


def opened(page: Any, url: str) -> None:
    """The page opened anew, its mark at rest, so that what it costs is what it takes to open."""
    page.tab.emulate_media(reduced_motion="reduce")
    found = []
    for _ in range(LOADS):
        page.tab.goto("about:blank")
        before = spent()
        page.tab.goto(url)
        page.tab.wait_for_selector("html[data-ready]", timeout=120_000)
        cost = spent() - before
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        found.append((page.run(paint), page.run("performance.now()"), 1000 * cost))
    page.tab.emulate_media(reduced_motion="no-preference")
    paint, ready, cost = (sorted(each)[LOADS // 2] for each in zip(*found, strict=True))
    print(
        f"opened {LOADS} times, medians: first paint {paint:.0f} ms, all there by {ready:.0f} ms, "
        f"which takes {cost:.0f} ms of a core, the server's too"
    )


def told(what: str, page: Any) -> None:
    """Measure how even frames are, and what one costs, which a busy machine changes little."""
    before = spent()
    rate, middle, high, most = page.run(GAPS)
    each = 1000 * (spent() - before) / (rate * SECONDS)
    print(
        f"{what:28} {rate:5.1f} frames a second, {each:.1f} ms of a core each; gaps: median "
        f"{middle:.1f} ms, 95 % {high:.1f} ms, longest {most:.0f} ms"
    )


def main() -> None:
    files = [path for path in PAGE.rglob("*") if path.is_file()]
    page_bytes = sum(
        p.stat().st_size for p in files if p.suffix in (".js", ".css", ".html", ".svg")
    )
    print(
        f"weight: {sum(p.stat().st_size for p in files):,} bytes, {page_bytes:,} without examples"
    )
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{len(os.sched_getaffinity(0))} core(s) to run on, load {load}")
    if not CHROMIUM:
        print("no Chromium here: nothing to measure in")
        return
    with tempfile.TemporaryDirectory() as home, browser() as page:
        running = Running(Path(home) / "home")
        driven = Driven(page, running)
        driven.open()
        opened(page, running.url)
        told("at rest", page)
        made = {}
        for room in ROOMS:
            if room.name not in ("words", *MOVING):
                continue
            driven.enter(room)
            for turn in "first", "again":
                before = driven.newest()
                begun = time.perf_counter()
                preview = page.run(FIRST)
                driven.done(before)
                whole = time.perf_counter() - begun
                print(
                    f"{room.name + ', ' + turn:28} {preview / 1000:5.2f} s to the first preview, "
                    f"{whole:.2f} s to the result"
                )
            made[room.name] = running.studio.jobs.results()[0].id
            for pressed, what in MOVING.get(room.name, []):
                page.run(f"{BUTTON}({pressed!r}).click()")
                told(what, page)
        for name in ("loop", "zoom", "sprite"):
            url = f"http://127.0.0.1:{running.port}/api/v1/results/{made[name]}/file"
            page.tab.goto(url)
            page.wait(1.0)
            told(f"the page of a {name}", page)
        running.stop()


if __name__ == "__main__":
    main()
