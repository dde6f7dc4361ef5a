"""Every room from an empty home to a file: by mouse, by keyboard alone, and read by axe-core.

Rooms that learned models make are many seconds each; by mouse all are in the suite, by keyboard
those that are quick, and `make faults` has the rest.
"""

import json
from pathlib import Path

import pytest

from browser import CHROMIUM, browser
from kineograph import record
from kineograph.studio.rooms import ROOMS
from studio_driving import Driven, Running

AXE = Path(__file__).parent / "axe" / "axe.min.js"
QUICK = ("chain", "copy", "analogy", "fill", "write")
OPENED = {  # what a result must open up into: text of the summaries
    "words": ["steps", "learned"],
    "draw": ["steps", "learned"],
    "zoom": ["steps", "bands"],
    "loop": ["steps", "follow"],
    "texture": ["steps", "every pixel"],
    "fill": ["steps", "every pixel"],
    "extend": ["steps", "every pixel"],
    "analogy": ["every pixel"],
    "write": ["steps"],
}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: install one to drive the page"),
]
LISTENING = """
window.heard = [[], [], []];
Promise.all(heard.map((mine) => {
  const source = new EventSource("/api/v1/events");
  for (const kind of ["job", "progress", "result"])
    source.addEventListener(kind, (event) => mine.push(event.lastEventId + kind + event.data));
  return new Promise((open) => { source.onopen = () => open(1); });
}))
"""
"Three more pages' ears."
by_name = pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
by_keys = pytest.mark.parametrize(
    "room",
    [pytest.param(r, marks=[] if r.name in QUICK else [pytest.mark.long]) for r in ROOMS],
    ids=lambda room: room.name,
)


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("rooms"))
    with browser() as page:
        made = Driven(page, running)
        made.open()
        yield made
        refusals = "status of 422"  # a forecast of what is half typed
        assert [error for error in page.errors if refusals not in error] == []
    running.stop()


def newest(driven, room):
    """The result that was just made, once its file is whole and tells how it was made."""
    job = driven.running.studio.jobs.results()[0]
    assert (job.verb, job.state) == (room.verb, "done")
    path = driven.running.studio.home.folder(job.id) / job.out
    known = record.read(path)
    assert known.verb == room.verb
    assert known.seed == room.example["seed"]
    return job


def faults(driven):
    """Serious faults that axe-core finds on the page as it stands, a line each."""
    driven.page.run(f"{AXE.read_text('utf-8')}; 1")
    return driven.page.run(
        "axe.run(document, {resultTypes: ['violations'], iframes: false}).then(r => r.violations"
        ".filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join(' | ')))"
    )


@by_name
def test_a_room_is_driven_by_mouse_to_a_file_and_opened_up(driven, room):
    driven.click(f"nav a[href='#/room/{room.name}']")
    driven.enter(room)
    before = driven.newest()
    driven.click(".make")
    driven.done(before)
    newest(driven, room)
    titles = driven.page.run(
        "[...document.querySelectorAll('.inside summary')].map(e => e.textContent)"
    )
    for part in OPENED.get(room.name, []):
        assert any(part in title for title in titles), (part, titles)
    found = faults(driven)
    driven.page.size(1280, 800, dark=True)
    found += faults(driven)
    driven.page.size(390, 844)
    found += faults(driven)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert driven.page.run(wide) <= 0
    driven.page.size(1280, 800)
    assert found == []


@by_keys
def test_a_room_is_driven_by_keyboard_alone_to_a_file(driven, room):
    driven.page.run("location.hash = '#/gallery'; document.activeElement.blur()")
    driven.until("document.querySelector('.gallery')")
    driven.tab_to(f"nav a[href='#/room/{room.name}']")
    driven.press("Enter")
    driven.enter(room)
    before = driven.newest()
    driven.tab_to("[data-field=seed] input")
    driven.press("ArrowUp")  # another seed than the mouse's
    driven.tab_to(".make")
    driven.press("Enter")
    assert driven.done(before) == before + 1
    job = driven.running.studio.jobs.results()[0]
    assert job.request["seed"] == room.example["seed"] + 1
    driven.tab_to(".below a[download]")
    if job.steps > 1:
        driven.tab_to("[aria-label='Step of the making']")
        driven.press("ArrowLeft")
        told = driven.page.run("document.querySelector('.scrub .quiet').textContent")
        assert told.startswith(f"step {job.steps - 1} of")
    driven.tab_to(".aside button") if room.beside else None
    driven.page.run(f"location.hash = '#/room/{room.name}'")


def test_a_pixel_tells_where_it_was_copied_from_and_what_else_could_have_been(driven):
    room = next(one for one in ROOMS if one.name == "fill")
    driven.enter(room)
    driven.make()
    job = newest(driven, room)
    view = driven.page.run(
        f"fetch('/api/v1/results/{job.id}/inside').then(a => a.json()).then(d => d.views[0])"
    )
    assert view["kind"] == "sources"
    assert view["places"] == ["examples/grass.png"]
    driven.page.run("document.querySelector('.grown').scrollIntoView({block: 'center'})")
    driven.tab_to(".grown")
    driven.press("ArrowRight")
    driven.until(
        "/copied from|was there/.test(document.querySelector('.opened .quiet').textContent)"
    )
    whole = driven.page.run("document.querySelector('[aria-label=\"Pixels grown so far\"]').max")
    assert int(whole) > 50
    picture = "document.querySelector('.grown').toDataURL().length"
    full = driven.page.run(picture)
    driven.slide("Pixels grown so far", 0)
    assert driven.page.run(picture) < full


def test_a_result_is_set_beside_another_and_both_are_scrubbed_in_step(driven):
    room = next(one for one in ROOMS if one.name == "write")
    driven.enter(room)
    driven.make()
    driven.click(".aside button:nth-of-type(2)")  # the same, of order 1
    driven.until("document.querySelectorAll('.twins .scrub').length === 2")
    assert driven.running.studio.jobs.results()[0].request["order"] == 1
    texts = driven.page.run("[...document.querySelectorAll('.gates pre')].map(e => e.textContent)")
    assert len(set(texts)) == 2
    told = (
        "[...document.querySelectorAll('.twins .quiet')].map(e => e.textContent.split(' of ')[0])"
    )
    driven.slide("Step of the making", 3)
    first, second = driven.page.run(told)
    assert first == second


def test_a_jump_of_the_matrix_is_played_when_its_cell_is_touched(driven):
    room = next(one for one in ROOMS if one.name == "loop")
    if not any(job.verb == "loop" for job in driven.running.studio.jobs.results()):
        driven.enter(room)
        driven.make()
    driven.page.run("location.hash = '#/gallery'")
    driven.until("document.querySelector('.face')")
    driven.page.run(
        "[...document.querySelectorAll('.face')].find(e => e.ariaLabel.includes('loop')).click()"
    )
    driven.until("document.querySelector('.screen')")
    screen = "document.querySelector('.screen').toDataURL()"
    before = driven.page.run(screen)
    told = driven.page.run("document.querySelector('.opened .quiet').textContent")
    assert "→" in told
    driven.tab_to(".matrix")
    driven.press("ArrowDown")
    driven.press("Enter")
    driven.until(f"{screen} !== {json.dumps(before)}")


def test_three_pages_that_listen_to_one_job_are_told_the_same(driven):
    driven.page.run(LISTENING)
    room = next(one for one in ROOMS if one.name == "chain")
    driven.enter(room)
    driven.make()
    driven.until("heard.every(mine => mine.at(-1)?.includes('done'))")
    first, second, third = driven.page.run("heard.map(mine => mine.join())")
    assert first
    assert first == second == third
