"""The interface without the page: who may ask, what is made once, what Prometheus reads."""

import time

import pytest
from starlette.testclient import TestClient

from kineograph.studio.service import Service, bound, create, token_of
from kineograph.studio.settings import Serving
from kineograph.values.errors import InputError

TOKEN = "t" * 32
KNOWN = {"authorization": f"Bearer {TOKEN}"}
JOB = {"verb": "chain", "states": "examples/weather.csv", "sample": 5, "seed": 3}


@pytest.fixture
def client(tmp_path):
    service = Service(tmp_path, workers=2, most=3)
    app = create(service, token=TOKEN, port=8124)
    with TestClient(app, base_url="http://127.0.0.1:8124") as client:
        client.service = service
        yield client


def ended(client, number):
    until = time.monotonic() + 100
    while time.monotonic() < until:
        job = client.get(f"/api/v1/jobs/{number}", headers=KNOWN).json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.1)
    raise AssertionError("the job did not end")


def test_two_workers_make_what_one_process_makes_and_equal_requests_once(client, tmp_path):
    from kineograph import batch
    from kineograph.studio import requests

    first = client.post("/api/v1/jobs", json=JOB, headers=KNOWN)
    other = client.post("/api/v1/jobs", json=JOB | {"seed": 4}, headers=KNOWN)
    again = client.post("/api/v1/jobs", json=JOB, headers=KNOWN)
    assert (first.status_code, other.status_code, again.status_code) == (201, 201, 200)
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    for asked, answer in ((JOB, first), (JOB | {"seed": 4}, other)):
        job = ended(client, answer.json()["id"])
        assert job["state"] == "done", job["error"]
        served = client.get(f"/api/v1/results/{job['id']}/file", headers=KNOWN).content
        _, item = requests.checked(client.service.home, asked)
        batch.Local().make(item, tmp_path)
        assert served == (tmp_path / item.out).read_bytes()
    told = client.get("/api/v1/metrics", headers=KNOWN).text
    assert 'kineograph_jobs{state="done"} 2' in told and "kineograph_workers 2" in told
    assert 'kineograph_http_requests_total{method="POST",status="201"} 2' in told


def test_a_full_queue_is_told_with_when_to_come_back(client):
    client.service.jobs.paused = True
    for seed in range(3):
        assert client.post("/api/v1/jobs", json=JOB | {"seed": seed}, headers=KNOWN).is_success
    assert client.get("/health").status_code == 503
    refused = client.post("/api/v1/jobs", json=JOB | {"seed": 9}, headers=KNOWN)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1


def test_who_has_no_token_learns_nothing_and_there_is_no_page(client):
    assert client.get("/api/v1/metrics").status_code == 401
    assert client.post("/api/v1/jobs", json=JOB).status_code == 401
    assert client.get("/health").status_code == 200
    assert client.get("/").status_code == 404
    strange = client.get("/health", headers={"host": "evil.example:8124"})
    assert strange.status_code == 403


def test_another_address_than_loopback_wants_a_token(tmp_path):
    with pytest.raises(InputError, match="token_file"):
        token_of(Serving(host="0.0.0.0"))
    path = tmp_path / "token"
    path.write_text("short")
    with pytest.raises(InputError, match="letters"):
        token_of(Serving(host="0.0.0.0", token_file=str(path)))
    path.write_text(TOKEN + "\n")
    assert token_of(Serving(host="0.0.0.0", token_file=str(path))) == TOKEN
    assert len(token_of(Serving())) >= 24
    with bound("127.0.0.1", 0) as taken, pytest.raises(InputError, match="port"):
        bound("127.0.0.1", taken.getsockname()[1])
