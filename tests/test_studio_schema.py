"""Whatever is asked of the interface, by its own description: an answer, never a fault of ours.

schemathesis draws requests from the OpenAPI document, right ones and wrong ones. A short run is in
the suite; `make faults` asks 10,000 times (KINEOGRAPH_CALLS).
"""

import os
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from starlette.testclient import TestClient

from kineograph.studio.server import Studio, create

schemathesis = pytest.importorskip("schemathesis", reason="pip install 'kineograph[test]'")
TOKEN, PORT = "token", 8000
CALLS = int(os.environ.get("KINEOGRAPH_CALLS", "150"))
SECONDS = 300 + CALLS  # of a machine that has other work too
IDLE = (sys.executable, "-c", "import sys; sys.stdin.read()")


@pytest.mark.timeout(SECONDS)
def test_no_request_that_the_description_allows_or_forbids_is_a_fault_of_ours(tmp_path):
    studio = Studio(tmp_path / "home", command=IDLE)
    guard = create(studio, token=TOKEN, port=PORT)
    with TestClient(
        guard, base_url=f"http://127.0.0.1:{PORT}", raise_server_exceptions=False
    ) as to:
        to.headers["authorization"] = f"Bearer {TOKEN}"
        described = schemathesis.openapi.from_dict(to.get("/api/openapi.json").json())
        operations = [one.ok() for one in described.get_all_operations()]
        asked = [one for one in operations if not one.path.endswith("/events")]  # has no end
        assert len(asked) > 20
        said, faults = Counter[int](), set[str]()
        for operation in asked:
            before = Counter(said)
            ask(operation, to, said, max(1, CALLS // len(asked)))
            if any(status >= 500 for status in said - before):
                faults.add(f"{operation.method} {operation.path}: {dict(said - before)}")
    assert sum(said.values()) >= 0.5 * CALLS
    assert not faults
    print(f"{sum(said.values()):,} calls: {dict(sorted(said.items()))}")


def ask(operation, to, said, calls):
    """So many requests of one operation, half of them against its description."""
    for mode in schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE:

        @settings(
            max_examples=max(1, calls // 2),
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def once(case):
            plain = case.as_transport_kwargs(base_url=f"http://127.0.0.1:{PORT}")
            names = ("method", "url", "params", "json", "headers")
            how = {name: plain[name] for name in names if plain.get(name) is not None}
            if isinstance(plain.get("data"), bytes | str):
                how["content"] = plain["data"]
            said[to.request(**how).status_code] += 1

        try:
            once()
        except Unsatisfiable:
            continue
