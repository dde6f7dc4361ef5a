"""The studio under load and under the knife, over HTTP, as its own process. Run by `make faults`.

    python tests/faults/studio_load.py [--kills N] [--submits N] [--streams N] [--only NAME…]

Prints one line a sweep, with counts; ends with 1 when anything was lost, doubled or left open.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import random
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kineograph

QUICK = {"verb": "chain", "states": "examples/weather.csv", "sample": 20, "seed": 1}
LONG = {
    "verb": "texture grow", "sample": ["examples/brick.png"], "size": "56x56", "window": 9,
    "seed": 1,
}  # fmt: skip


class Served:
    """`kineograph studio` in a process of its own."""

    def __init__(self, home: Path) -> None:
        words = [sys.executable, "-m", "kineograph", "studio", "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(
            [*words, "--home", str(home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        line = ""
        while "token=" not in line:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the studio ended before it told its address")
        at = urlsplit(next(word for word in line.split() if "token=" in word))
        self.port, self.token = at.port or 0, parse_qs(at.query)["token"][0]
        self.home = home

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
        line = self.line()
        try:
            return self.over(line, method, path, body)
        finally:
            line.close()

    def line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def over(
        self, line: http.client.HTTPConnection, method: str, path: str, body: Any = None
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of a request over a connection that stays open."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        text = None if method == "GET" else json.dumps(body or {})
        line.request(method, f"/api/v1{path}", text, headers)
        answer = line.getresponse()
        said = answer.read()
        return answer.status, dict(answer.getheaders()), json.loads(said) if said else None

    def until_idle(self, seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = self.call("GET", "/status")[2]
            if not told["queued"] and told["running"] is None:
                return
            time.sleep(0.2)
        raise RuntimeError("the queue did not come to its end")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def memory(self) -> int:
        """Bytes that the server holds."""
        text = Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds of a core that the server has had."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> int:
        """Bytes that the server held at most since it began."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmHWM:")[2].split()[0]) * 1024

    def raw(self, head: str, body: Iterable[bytes] = (), *, token: bool = True) -> int:
        """The status of a request sent as it stands; 0 when the line is closed without one.

        body: pieces, sent until the server answers or has enough.
        """
        key = f"authorization: Bearer {self.token}\r\n" if token else ""
        with socket.create_connection(("127.0.0.1", self.port), timeout=300) as line:
            with contextlib.suppress(OSError):
                line.sendall(head.format(port=self.port, key=key).encode())
                for piece in body:
                    line.sendall(piece)
                    if select.select([line], [], [], 0)[0]:
                        break
            with contextlib.suppress(OSError):
                words = line.recv(4096).split()
                return int(words[1]) if words else 0
        return 0

    def worker(self) -> int | None:
        """The process that makes, as long as there is one."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = [int(one) for one in children.read_text().split()]
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        for task in tasks:
            try:
                found += [int(one) for one in (task / "children").read_text().split()]
            except OSError:
                continue
        return found[0] if found else None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def rows(home: Path) -> dict[int, str]:
    """State by number of every job in the table, read beside the server."""
    with sqlite3.connect(f"file:{home / 'studio.db'}?mode=ro", uri=True) as db:
        return dict(db.execute("SELECT id, state FROM jobs").fetchall())


def files(home: Path) -> Counter[int]:
    """How many whole results lie in each job's folder."""
    found = Counter[int]()
    for folder in (home / "results").glob("*"):
        found[int(folder.name)] = len(list(folder.glob("*.csv"))) + len(list(folder.glob("*.png")))
    return found


def submits(home: Path, count: int, lines: int = 20, within: float = 5.0) -> bool:
    """`count` submits from `lines` connections in `within` seconds while a job runs."""
    served = Served(home)
    served.call("POST", "/jobs", QUICK)
    served.until_idle()
    memory, spent = served.memory(), served.cpu()
    begun = time.monotonic()
    said, waits, lock = Counter[int](), [], threading.Lock()
    ids: list[int] = []

    def flood(share: int) -> None:
        line = served.line()
        for number in range(share):
            due = begun + within * number / share
            time.sleep(max(0.0, due - time.monotonic()))
            status, headers, made = served.over(line, "POST", "/jobs", QUICK)
            with lock:
                said[status] += 1
                if status == 201:
                    ids.append(made["id"])
                elif status == 429:
                    waits.append(int(headers["retry-after"]))
        line.close()

    threads = [threading.Thread(target=flood, args=(count // lines,)) for _ in range(lines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    memory, spent = served.memory() - memory, served.cpu() - spent
    served.until_idle(600)
    known, made = rows(home), files(home)
    done = sum(state == "done" for state in known.values())
    served.end()
    whole = all(made[number] == 1 for number in ids) and len(set(ids)) == len(ids)
    good = set(said) <= {201, 429} and whole and done == len(ids) + 1 and all(w >= 1 for w in waits)
    print(
        f"submits  {sum(said.values()):,} in {took:.1f} s over {lines} connections: "
        f"{said[201]} taken, {said[429]} told to come back (429), "
        f"{len(ids) - len(set(ids))} twice, {len(ids) + 1 - done} lost; the "
        f"server spent {spent:.1f} s of a core and holds {memory / 1e6:.1f} MB more: "
        f"{'as documented' if good else 'WRONG'}"
    )
    return good


def streams(home: Path, count: int) -> bool:
    """`count` idle event streams: what they cost, and descriptors afterwards."""
    served = Served(home)
    served.call("POST", "/jobs", QUICK)
    served.until_idle()

    def speed() -> float:
        job = served.call("POST", "/jobs", LONG)[2]["id"]
        served.until_idle()
        return float(served.call("GET", f"/jobs/{job}")[2]["seconds"])

    speed()  # the worker has what it needs
    alone, before, memory = min(speed() for _ in range(3)), served.descriptors(), served.memory()
    lines, said = [], Counter[int]()
    for _ in range(count):
        line = served.line()
        line.request("GET", "/api/v1/events", headers={"authorization": f"Bearer {served.token}"})
        said[line.getresponse().status] += 1
        lines.append(line)
    during, beside = served.descriptors(), min(speed() for _ in range(3))
    grown = served.memory() - memory
    for line in lines:
        line.close()
    end = time.monotonic() + 30
    while served.descriptors() > before and time.monotonic() < end:
        time.sleep(0.2)
    after = served.descriptors()
    served.end()
    good = after <= before and set(said) == {200} and grown < 32e6
    print(
        f"streams  {count} held ({dict(said)}): descriptors {before} → {during} → {after}, "
        f"{grown / 1e6:.1f} MB more; a job takes {alone:.2f} s alone, {beside:.2f} s beside them: "
        f"{'as documented' if good else 'WRONG'}"
    )
    return good


def tabs(home: Path) -> bool:
    """Three pages that listen to one job hear the same, in the same order."""
    served = Served(home)
    heard: list[list[str]] = [[] for _ in range(3)]
    ready = threading.Barrier(4)

    def listen(mine: list[str]) -> None:
        line = served.line()
        line.request("GET", "/api/v1/events", headers={"authorization": f"Bearer {served.token}"})
        answer = line.getresponse()
        answer.readline()
        ready.wait()
        while True:
            text = answer.readline().decode().strip()
            if text.startswith(("id:", "event:", "data:")):
                mine.append(text)
            if '"state":"done"' in text:
                return

    threads = [threading.Thread(target=listen, args=(mine,)) for mine in heard]
    for thread in threads:
        thread.start()
    ready.wait()
    served.call("POST", "/jobs", LONG)
    for thread in threads:
        thread.join(120)
    served.end()
    good = bool(heard[0]) and heard[0] == heard[1] == heard[2]
    told = "as documented" if good else "WRONG"
    print(f"tabs     3 heard {len(heard[0]) // 3} events each: {told}")
    return good


def servers(home: Path, kills: int, rng: random.Random) -> bool:
    """kill -9 of the server at random moments; the queue goes on from where it was."""
    asked: list[int] = []
    left = 0
    for _ in range(kills):
        served = Served(home)
        fresh = [served.call("POST", "/jobs", one)[2]["id"] for one in (QUICK, LONG, QUICK)]
        asked += fresh
        time.sleep(rng.uniform(0, 3))
        served.kill()
        known = rows(home)
        left += sum(known[number] in ("queued", "running") for number in fresh)
    served = Served(home)
    served.until_idle(600)
    known, made = rows(home), files(home)
    served.end()
    ends = Counter(known[number] for number in asked)
    lost = len(set(asked) - set(known)) + sum(
        known[number] == "done" and made[number] != 1 for number in asked
    )
    doubled = len(asked) - len(set(asked)) + sum(count > 1 for count in made.values())
    good = not lost and not doubled and set(ends) <= {"done", "interrupted"}
    print(
        f"servers  killed {kills} times with {left} jobs unfinished of {len(asked)}: {dict(ends)}, "
        f"{lost} lost, {doubled} doubled: {'as documented' if good else 'WRONG'}"
    )
    return good


def workers(home: Path, kills: int, rng: random.Random) -> bool:
    """kill -9 of the worker at random moments: its job fails and says so, the others are made."""
    served = Served(home)
    asked: list[int] = []
    hit = 0
    for _ in range(kills):
        asked += [served.call("POST", "/jobs", one)[2]["id"] for one in (LONG, QUICK)]
        time.sleep(rng.uniform(0.05, 1.5))
        worker = served.worker()
        if worker is not None:
            os.kill(worker, signal.SIGKILL)
            hit += 1
        served.until_idle()
    ends = Counter(rows(home)[number] for number in asked)
    for number, state in rows(home).items():
        if state == "failed":
            served.call("POST", f"/jobs/{number}/retry")
    served.until_idle(600)
    known, made = rows(home), files(home)
    served.end()
    good = all(known[n] == "done" and made[n] == 1 for n in asked) and ends["failed"] <= hit
    print(
        f"workers  killed {hit} times among {len(asked)} jobs: {dict(ends)}, after a retry "
        f"{sum(known[n] == 'done' for n in asked)} done: {'as documented' if good else 'WRONG'}"
    )
    return good


GET = "GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}connection: close\r\n\r\n"
POST = "POST /api/v1/{path} HTTP/1.1\r\nhost: 127.0.0.1:{{port}}\r\n{{key}}content-type: {kind}\r\n"
MB = 2**20


def get(path: str, *, host: str = "127.0.0.1:{port}", more: str = "{key}") -> str:
    return GET.format(path=path, host=host, more=more)


def post(path: str, kind: str, length: int | None) -> str:
    """The head of a request; length None: in chunks."""
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return POST.format(path=path, kind=kind) + f"{size}\r\n\r\n"


def kept(served: Served, name: str, body: bytes) -> str:
    """The place of an upload."""
    line = served.line()
    headers = {
        "authorization": f"Bearer {served.token}",
        "content-type": "application/octet-stream",
    }
    line.request("POST", f"/api/v1/uploads?name={name}", body, headers)
    answer = line.getresponse()
    said = answer.read()
    line.close()
    return str(json.loads(said)["place"]) if answer.status == 201 else f"refused/{answer.status}"


def attack(served: Served) -> dict[str, tuple[int, int]]:
    """What was tried: the status that was answered, and the one that is right."""
    api, plain = "/api/v1", "application/octet-stream"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    png = (Path(kineograph.__file__).parent / "studio/page/examples/brick.png").read_bytes()
    open_tag = b'<script type="application/json" id="kineograph">'
    deep = kept(served, "deep.html", open_tag + b"[" * 9000 + b"</script>")
    large = open_tag + b'{"a":"' + b"x" * (100 * MB) + b'"}</script>'
    record, page = kept(served, "large.html", large), kept(served, "a.html", b"<b>")
    del large
    poly = kept(served, "a.png", png + b"<script>alert(1)</script>")
    folder = served.home / "uploads" / ("0" * 64)
    folder.mkdir()
    (folder / "a.txt").symlink_to("/etc/hostname")
    part = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'
    form, parts = "multipart/form-data; boundary=x", 10_000
    name = (b"a" * MB for _ in range(50))
    slow = served.raw(f"GET {api}/status HTTP/1.1\r\nhost: ")
    return {
        "foreign Host": (served.raw(get(f"{api}/status", host="evil.example:{port}")), 403),
        "foreign Origin": (
            served.raw(get(f"{api}/status", more="{key}origin: http://evil.example\r\n")),
            403,
        ),
        "no token": (served.raw(get(f"{api}/status", more="")), 401),
        "path out of the page": (served.raw(get("/page/..%2fserver.py")), 404),
        "path out of the home": (served.raw(get(f"{api}/files/..%2f..%2fetc%2fpasswd")), 422),
        "link out of the home": (
            served.raw(get(f"{api}/files/uploads/{'0' * 64}/a.txt")),
            422,
        ),
        "50 MB file name": (
            served.raw(f"POST {api}/uploads?name=", name),
            400,
        ),
        "endless body": (
            served.raw(post("jobs", "application/json", None), itertools.repeat(chunk)),
            413,
        ),
        "600 MB upload": (served.raw(post("uploads?name=a.png", plain, 600 * MB)), 413),
        "slow loris": (slow, 0),
        "page as picture": (int(kept(served, "b.png", b"<html>" * 99).split("/")[1]), 422),
        "picture with a script": (served.raw(get(f"{api}/files/{poly}")), 200),
        "SVG": (int(kept(served, "a.svg", b"<svg/>").split("/")[1]), 422),
        "page served back": (served.raw(get(f"{api}/files/{page}")), 415),
        "record of 100 MB": (served.raw(get(f"{api}/records/{record}")), 422),
        "record nested 9,000 deep": (served.raw(get(f"{api}/records/{deep}")), 422),
        "10,000 parts": (
            served.raw(post("jobs", form, parts * len(part)), itertools.repeat(part, parts)),
            415,
        ),
    }


def attacks(home: Path) -> bool:
    """The list of attacks, each refused with its code; what the server holds afterwards."""
    served = Served(home)
    served.call("POST", "/jobs", QUICK)
    served.until_idle()
    served.call("POST", "/forecast", QUICK)
    before = served.memory()
    said = attack(served)
    grown, most = served.memory() - before, served.peak() - before
    still = served.call("GET", "/status")[0] == 200
    served.end()
    wrong = {name: codes for name, codes in said.items() if codes[0] != codes[1]}
    good = still and not wrong and grown < 32e6
    print(
        f"attacks  {len(said)}, {len(wrong)} answered otherwise {wrong or ''}; the server holds "
        f"{grown / 1e6:.1f} MB more, {most / 1e6:.1f} MB at most: "
        f"{'as documented' if good else 'WRONG'}"
    )
    return good


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--submits", type=int, default=1000)
    asked.add_argument("--streams", type=int, default=200)
    names = ["submits", "streams", "tabs", "attacks", "servers", "workers"]
    asked.add_argument("--only", nargs="+", choices=names, default=names)
    asked.add_argument("--seed", type=int, default=1)
    said = asked.parse_args()
    rng = random.Random(said.seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        sweeps: dict[str, Callable[[Path], bool]] = {
            "submits": lambda home: submits(home, said.submits),
            "streams": lambda home: streams(home, said.streams),
            "tabs": tabs,
            "attacks": attacks,
            "servers": lambda home: servers(home, said.kills, rng),
            "workers": lambda home: workers(home, said.kills, rng),
        }
        ends = [run(Path(folder) / name) for name, run in sweeps.items() if name in said.only]
    sys.exit(0 if all(ends) else 1)


if __name__ == "__main__":
    main()
