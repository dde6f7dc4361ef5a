"""The studio over HTTP: who may ask, what is refused and how, and a room driven to a file."""

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from browser import CHROMIUM, browser
from kineograph import batch, models, record
from kineograph.studio import requests, serve, shown, worker
from kineograph.studio.downloads import converted
from kineograph.studio.guard import MOST_BODY, Guard
from kineograph.studio.home import Home
from kineograph.studio.rooms import ROOMS
from kineograph.studio.server import PAGE, Studio, create
from kineograph.studio.worker import Worker
from kineograph.trace import Trace
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from studio_driving import KEY, Running, waiting

TOKEN, PORT = "a token of the test", 8000
CHAIN = {"verb": "chain", "states": "examples/weather.csv", "sample": 5, "seed": 1}
IDLE = (sys.executable, "-c", "import sys; sys.stdin.read()")


@pytest.fixture
def studio(tmp_path):
    return Studio(tmp_path / "home", most=3, command=IDLE)


@pytest.fixture
def client(studio):
    app = create(studio, token=TOKEN, port=PORT)
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}") as made:
        made.headers["authorization"] = f"Bearer {TOKEN}"
        yield made


def upload(client, name, body):
    headers = {"content-type": "application/octet-stream"}
    return client.post("/api/v1/uploads", params={"name": name}, content=body, headers=headers)


# -- who may ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:8000"}, 403),  # DNS rebinding
        ({"host": "127.0.0.1:9"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic é"}, 401),
        ({"authorization": "", "cookie": f"kineograph-{PORT}=wrong"}, 401),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),  # so no 10,000 parts
    ],
)
def test_a_stranger_is_refused_without_effect(client, studio, headers, status):
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    made = client.post("/api/v1/jobs", json=CHAIN, headers=raw)
    assert made.status_code == status
    assert "frame-ancestors 'none'" in made.headers["content-security-policy"]
    assert studio.jobs.active() == []


def test_the_token_of_the_address_becomes_a_cookie_and_leaves_the_address(client):
    del client.headers["authorization"]
    assert client.get("/api/v1/status").status_code == 401
    assert client.get("/", params={"token": "wrong"}).status_code == 401
    opened = client.get("/", params={"token": TOKEN}, follow_redirects=False)
    assert opened.headers["location"] == "/"
    kept = opened.headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=strict" in kept
    page = client.get("/", headers={"sec-fetch-site": "cross-site"})
    assert page.status_code == 200  # a link from elsewhere still opens the page
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in page.headers


def status_of(studio, receive, **how):
    """What is answered to a request whose body comes from `receive`, straight at the guard."""
    guard = Guard(create(studio, token=TOKEN, port=PORT)._app, token=TOKEN, port=PORT, **how)
    headers = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {TOKEN}"}
    headers["content-type"] = "application/json"
    scope = {"type": "http", "method": "POST", "path": "/api/v1/jobs", "query_string": b""}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"]


def test_an_endless_body_and_one_that_does_not_come_are_ended(studio):
    async def endless():
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    async def nothing():
        await asyncio.sleep(60)

    assert status_of(studio, endless, most=10**6) == 413
    assert status_of(studio, nothing, most=10**6, wait=0.05) == 408


def test_bodies_are_limited_as_they_are_declared(client):
    large = {"content-type": "application/json", "content-length": str(10**12)}
    assert client.post("/api/v1/jobs", content=b"{}", headers=large).status_code == 413
    kind = {"content-type": "application/json"}
    deep = ("[" * 100_000).encode()
    assert client.post("/api/v1/jobs", content=deep, headers=kind).status_code in (400, 422)
    assert len(deep) < MOST_BODY


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "../studio.db",
        "uploads/../studio.db",
        "/etc/passwd",
        "examples/../index.html",
        "results/1/..",
        "uploads/" + "0" * 64 + "/../../studio.db",
        "examples/a\0.png",
        "examples\\a.png",
        "C:\\a.png",
        "-",
        "x" * 5000,
    ],
)
def test_names_lead_nowhere_but_into_the_studio(studio, place):
    with pytest.raises(InputError):
        studio.home.path(place)
    with pytest.raises(InputError):
        requests.item(studio.home, {**CHAIN, "states": place})


def test_paths_in_the_address_lead_nowhere(client):
    for path in ("%2e%2e/server.py", "..%2fserver.py", "examples/%2e%2e/%2e%2e/server.py", "%00"):
        assert client.get(f"/page/{path}").status_code == 404
        assert client.get(f"/api/v1/files/{path}").status_code == 422
    assert client.get("/page/examples/alice.txt").status_code == 404


def test_the_size_on_the_disk_is_told_while_files_come_and_go(studio, monkeypatch):
    (studio.home.uploads / "a.txt").write_bytes(b"12345")
    gone = studio.home.uploads / "gone.txt"
    gone.write_bytes(b"123")
    whole = studio.home.size()
    walk = os.walk

    def walked(root):
        for step in walk(root):
            gone.unlink(missing_ok=True)
            yield step

    monkeypatch.setattr(os, "walk", walked)
    assert studio.home.size() == whole - 3


def test_a_link_out_of_the_home_is_not_followed(client, studio, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = studio.home.uploads / ("0" * 64)
    folder.mkdir()
    (folder / "a.txt").symlink_to(secret)
    place = f"uploads/{'0' * 64}/a.txt"
    assert client.get(f"/api/v1/files/{place}").status_code == 422
    linked = studio.home.uploads / ("1" * 64)
    linked.symlink_to(tmp_path)
    assert client.get(f"/api/v1/files/uploads/{'1' * 64}/secret.txt").status_code == 422


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.png", b"<html><script>alert(1)</script>" + b" " * 100),
        ("a.png", b"%PDF-1.4" + b" " * 100),
        ("a.mp4", b"#EXTM3U\nfile:///etc/passwd\n" + b" " * 100),
        ("a.png", b""),
        ("a.exe", b"MZ"),
        (".png", b"x"),
    ],
)
def test_uploads_of_another_kind_are_refused_and_leave_nothing(client, studio, name, body):
    assert upload(client, name, body).status_code == 422
    assert list(studio.home.uploads.iterdir()) == []


def test_an_upload_is_cleaned_of_its_folders_and_served_as_one_kind(client):
    brick = (PAGE / "examples" / "brick.png").read_bytes() + b"<script>alert(1)</script>"
    place = upload(client, "../..\\wall\0<b>.png", brick).json()["place"]
    assert place.startswith("uploads/")
    assert place.endswith("/wall__b_.png")
    shown = client.get(f"/api/v1/files/{place}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["x-content-type-options"] == "nosniff"
    long = upload(client, "n" * 20_000 + ".png", brick).json()["place"]
    assert len(Path(long).name) <= 120
    page = upload(client, "a.html", b"<script>alert(1)</script>").json()["place"]
    assert client.get(f"/api/v1/files/{page}").status_code == 415


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "../../evil"},
        {"text_encoder": "/tmp"},
        {"text": "a" * 10**6},
        {"image": "/etc/passwd"},
        {"size": 10**9},
        {"steps": True},
        {"strange": 1},
    ],
)
def test_a_hostile_record_is_shown_or_refused_and_never_run(client, studio, settings):
    whole = {"kineograph": "0.2.0", "record": 1, "verb": "video", "form": ".webp"}
    whole |= {"settings": {"text": "<img src=x onerror=alert(1)>", **settings}, "seed": 1}
    whole |= {"inputs": {}, "model": {}, "status": "complete"}
    page = f'<script type="application/json" id="kineograph">{json.dumps(whole)}</script>'
    place = upload(client, "a.html", page.encode()).json()["place"]
    found = client.get(f"/api/v1/records/{place}")
    assert found.status_code == 200
    assert "text_encoder" not in found.json()["values"]
    assert studio.jobs.active() == []
    again = client.post("/api/v1/jobs", json={**found.json()["values"], **settings})
    assert again.status_code in (422, 424)


def test_a_record_with_half_a_letter_is_refused(client):
    whole = {"kineograph": "0.2.0", "record": 1, "verb": "video", "form": ".webp", "seed": 1}
    whole |= {"settings": {"text": "\ud800"}, "inputs": {}, "model": {}, "status": "complete"}
    page = f'<script type="application/json" id="kineograph">{json.dumps(whole)}</script>'
    place = upload(client, "a.html", page.encode()).json()["place"]
    assert client.get(f"/api/v1/records/{place}").status_code == 422


def test_a_record_without_end_is_refused(client):
    deep = '<script type="application/json" id="kineograph">' + "[" * 9000 + "</script>"
    place = upload(client, "a.html", deep.encode()).json()["place"]
    assert client.get(f"/api/v1/records/{place}").status_code == 422


# -- the same requests as everywhere ---------------------------------------------------------------


def test_refusals_name_the_field_and_the_remedy(client):
    refused = client.post("/api/v1/jobs", json={**CHAIN, "ordr": 2})
    assert refused.status_code == 422
    assert refused.json()["field"] == "ordr"
    assert "order" in refused.json()["remedy"]
    assert client.post("/api/v1/jobs", json={"verb": "fly"}).status_code == 422
    assert client.post("/api/v1/jobs", json=[1]).status_code == 422
    assert client.get("/api/v1/jobs/99").status_code == 404
    assert client.get("/api/v1/results/99/file").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"jobs/{2**70}", None),
        ("GET", f"jobs/{-(2**70)}", None),
        ("POST", f"jobs/{2**70}/retry", "{}"),
        ("PATCH", f"results/{2**70}", '{"favourite": true}'),
        ("GET", f"results?before={2**70}", None),
        ("GET", f"results/{10**400}/steps", None),
        ("GET", f"results/1/steps/{10**400}", None),
        ("GET", "files/examples/" + "\U0001f600" * 150, None),
        ("POST", "jobs", r'{"verb": "\ud800"}'),
        ("POST", "jobs", r'{"verb": "chain", "states": "examples/\ud800.csv"}'),
        ("POST", "jobs", r'{"verb": "chain", "states": "examples/weather.csv", "out": "\ud800"}'),
        ("POST", "forecast", r'{"verb": "texture grow", "size": "\ud800"}'),
        ("POST", "jobs", '{"verb": "chain", "states": "examples/weather.csv", "order": NaN}'),
    ],
)
def test_numbers_and_names_that_nothing_can_hold_are_refused(client, studio, method, path, body):
    kind = {"content-type": "application/json"}
    answer = client.request(method, f"/api/v1/{path}", content=body, headers=kind)
    assert answer.status_code == 422
    assert studio.jobs.active() == []


def test_a_name_too_long_for_any_file_is_not_on_the_page(client):
    assert client.get("/page/" + "a" * 5000 + ".js").status_code == 404


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_studio_that_is_ended_lets_its_pages_go_without_a_word(tmp_path):
    words = ["-m", "kineograph", "studio", "--no-browser", "--port", "0", "--home", str(tmp_path)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([sys.executable, *words], **streams) as process:
        at = next(word for word in process.stdout.readline().split() if "token=" in word)
        address, _, key = at.partition("/?token=")
        line = HTTPConnection(address.removeprefix("http://"), timeout=60)
        line.request("GET", "/api/v1/events", headers={"authorization": f"Bearer {key}"})
        answer = line.getresponse()
        assert answer.readline() == b"retry: 1000\n"
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
        answer.close()
        line.close()
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "ERROR" not in told


def test_a_full_queue_says_when_to_come_back(client, studio):
    client.post("/api/v1/queue/pause", json={})
    answers = [client.post("/api/v1/jobs", json=CHAIN) for _ in range(5)]
    assert [one.status_code for one in answers] == [201, 201, 201, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["error"] == "QueueFull"
    assert "frame-ancestors 'none'" in answers[-1].headers["content-security-policy"]
    large = {"content-type": "application/json", "content-length": str(10**12)}
    assert client.post("/api/v1/jobs", content=b"{}", headers=large).status_code == 413
    client.post("/api/v1/queue/cancel-pending", json={})
    assert {job.state for job in studio.jobs.active()} == {"cancelled"}


def test_help_says_nothing_that_only_a_command_line_can_do():
    for verb in models.VERBS:
        for name, facts in requests.schema(verb)["properties"].items():
            told = facts.get("description", "")
            assert not re.search(r"standard input|folder|[Rr]epeat(?!ed)", told), (verb, name, told)


def test_every_example_is_a_valid_request_of_a_known_verb(studio):
    for room in ROOMS:
        values = {**room.example, **room.fixed, "verb": room.verb, "out": f"x{room.form}"}
        assert requests.item(studio.home, values).seed == 1
        fields = requests.schema(room.verb)["properties"]
        assert {*room.first, *room.example, *room.fixed} <= set(fields)
        for beside in room.beside:
            changed = {**values, **beside.changes}
            changed = {name: value for name, value in changed.items() if value is not None}
            assert (
                requests.item(studio.home, changed).settings
                != requests.item(studio.home, values).settings
            )
    with_rooms = {room.verb for room in ROOMS}
    assert set(models.VERBS) == with_rooms


def test_the_page_is_light_and_fetches_nothing():
    files = [path for path in PAGE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 400_000
    for path in files:
        if path.suffix in (".js", ".css", ".html"):
            text = path.read_text("utf-8").replace("http://www.w3.org/", "")
            assert "://" not in text


def test_the_interface_is_described_without_a_foreign_script(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    assert "/api/v1/jobs" in paths
    docs = client.get("/api/docs").text
    assert "/api/v1/forecast" in docs
    assert "<script" not in docs


def test_a_connection_that_sends_no_whole_request_is_closed(running, monkeypatch):
    monkeypatch.setattr(serve, "HEADERS_WITHIN", 0.2)
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert slow.recv(100) == b""


def test_headers_without_end_are_refused(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as long:
        long.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (serve.MOST_HEADERS + 4096))
        assert b" 400 " in long.recv(100).split(b"\r\n")[0]


@pytest.mark.parametrize(("last", "kind"), [("another-3", b"event: reset"), (None, b"event: job")])
def test_a_page_hears_what_happens_and_is_told_when_it_missed_some(running, last, kind):
    line = HTTPConnection("127.0.0.1", running.port, timeout=10)
    headers = {"authorization": f"Bearer {KEY}"}
    if last:
        headers["last-event-id"] = last
    line.request("GET", "/api/v1/events", headers=headers)
    heard = line.getresponse()
    assert heard.readline() == b"retry: 1000\n"
    running.studio.events.add("job", id=0, state="done", error="")
    assert kind in [heard.readline().strip() for _ in range(4)]
    line.close()


# -- made ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    made = Running(tmp_path_factory.mktemp("studio"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def page(running):
    if not CHROMIUM:
        pytest.skip("no Chromium here: install one to drive the page")
    with browser() as made:
        made.size(1280, 800)
        made.tab.goto(running.url)
        made.run(waiting("document.documentElement.dataset.ready"))
        yield made
        refusals = "status of 422"  # a forecast of what is half typed
        assert [error for error in made.errors if refusals not in error] == []


@pytest.mark.browser
@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_field_of_the_schema_has_one_control(page, room):
    page.run(f"location.hash = '#/room/{room.name}'")
    page.run(waiting(f"document.title.startsWith({json.dumps(room.title)})"))
    names = page.run("[...document.querySelectorAll('[data-field]')].map(e => e.dataset.field)")
    wanted = set(requests.schema(room.verb)["properties"]) - {"verb", *room.fixed}
    assert len(names) == len(set(names))
    assert set(names) == wanted
    bare = "[...document.querySelectorAll('main input, main select, main textarea')]"
    unnamed = f"{bare}.filter(e => !(e.labels?.length || e.ariaLabel)).length"
    assert page.run(unnamed) == 0


@pytest.mark.browser
def test_a_room_is_driven_from_its_example_to_a_file_that_tells_how(page, running):
    page.run("location.hash = '#/room/chain'")
    page.run(
        waiting("document.querySelector('[data-field=states] .told').textContent === 'weather.csv'")
    )
    page.run(waiting("/about .* s/.test(document.querySelector('.cost').textContent)"))
    page.run("document.querySelector('.make').click()")
    page.run(waiting("document.querySelectorAll('.node').length === 4"))
    page.run("document.querySelector('.node').dispatchEvent(new MouseEvent('click'))")
    assert "→" in page.run("document.querySelector('.walked').textContent")
    (job,) = running.studio.jobs.results()
    assert job.state == "done"
    path = running.studio.home.folder(job.id) / job.out
    known = record.read(path)
    assert known.settings["predict"] == 7
    assert known.inputs["states"]["name"] == "weather.csv"
    assert known.seed == 1
    page.run("location.hash = '#/gallery'")
    page.run(waiting("document.querySelector('.card b').textContent === 'chain.csv'"))
    page.run("document.querySelector('[aria-label^=\"Put chain\"]').click()")
    page.run(waiting("!document.querySelector('.card')"))
    assert running.studio.jobs.results(trashed=True)[0].id == job.id
    page.run("document.querySelector('.toast button').click()")
    page.run(waiting("document.querySelector('.card')"))
    assert running.studio.jobs.results()[0].id == job.id


@pytest.mark.browser
def test_a_refusal_stands_at_its_field(page):
    page.run("location.hash = '#/room/loop'")
    page.run(waiting("document.querySelector('[data-field=range] input')"))
    page.run(
        "(() => { const i = document.querySelector('[data-field=range] input'); i.value = 'abc';"
        " i.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    told = "document.querySelector('[data-field=range] .wrong').textContent"
    assert "first:last" in page.run(waiting(told))


def test_a_transformer_shows_where_it_looked_and_its_record_names_no_second_output(tmp_path):
    pytest.importorskip("matplotlib")
    worker = Worker(Home(tmp_path / "home"), io.StringIO())
    asked = {"verb": "write", "by": "transformer", "model": "words", "n": 12, "seed": 1}
    made = worker._made(1, {**asked, "out": "a.txt"})
    folder = worker.home.folder(1)
    (view,) = json.loads((folder / "inside" / "inside.json").read_text())["views"]
    assert view["kind"] == "attention"
    for block in view["blocks"]:
        assert [sum(row) for row in block] == pytest.approx([1] * len(view["pieces"]), abs=0.1)
    assert "extras" not in record.read(folder / "a.txt").whole
    told = json.loads((folder / "steps" / "steps.json").read_text())
    assert len(told) == made["steps"]
    assert all(step["text"] for step in told)


def test_a_made_picture_is_had_in_another_form_with_its_record(running, tmp_path):
    studio = running.studio
    folder = tmp_path / "results"
    folder.mkdir()
    asked = {"verb": "texture grow", "sample": ["examples/brick.png"], "size": "8x8", "window": 3}
    item = requests.item(studio.home, {**asked, "seed": 1, "out": "wall.png"})
    batch.Local().make(item, folder)
    made = converted(folder / "wall.png", ".webp")
    assert record.read(made).settings["size"] == "8x8"
    with pytest.raises(InputError, match=r"takes a \.gif"):
        converted(folder / "wall.png", ".mp4", "emoji")


def test_steps_of_a_text_are_drawn_when_somebody_looks(tmp_path):
    trace = Trace()
    for share, text in ((0.5, "a clip"), (1.0, "a clip of rain")):
        trace.add(Progress(share, "writing", text, facts={"choices": [("rain", 0.75)]}))
    trace.add(Progress(1.0, "a picture", Clip(torch.zeros(3, 3, 4, 4), 8.0)))
    assert worker._kept(trace, tmp_path) == 3
    files = sorted(path.name for path in (tmp_path / "steps").iterdir())
    assert files == ["002.webp", "steps.json"]

    seen = [shown.step(tmp_path / "steps", place) for place in range(4)]
    assert seen[3] is None and seen[2] == (tmp_path / "steps" / "002.webp").read_bytes()
    drawn = [np.asarray(Image.open(io.BytesIO(one)).convert("L"), int) for one in seen[:2]]
    assert abs(drawn[0] - drawn[1]).max() > 100  # one says more than the other
    assert shown.step(tmp_path / "none", 0) is None
