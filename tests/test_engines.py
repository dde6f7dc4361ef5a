"""Batches on a Ray cluster of two nodes on loopback: the same bytes, and a dead node loses none."""

import json
import warnings

import pytest

from kineograph import batch
from kineograph.cli import main
from kineograph.engines import cluster
from kineograph.values.progress import last

JOBS = 200


@pytest.fixture
def requests(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("The cat sat on the mat. The dog sat on the log. A frog saw the cat. " * 20)
    path = tmp_path / "requests.jsonl"
    row = {"verb": "write", "corpus": "corpus.txt", "n": 30, "order": 1}
    path.write_text(json.dumps(row | {"grid": {"seed": list(range(JOBS))}}) + "\n")
    return path


def files(folder):
    """Every output and the record beside it, by name."""
    return {p.name: p.read_bytes() for p in folder.glob("0*")}


def test_two_hundred_jobs_on_two_nodes_one_killed_are_the_local_bytes(requests, tmp_path):
    ray = pytest.importorskip("ray", reason="extra scale")
    from ray.cluster_utils import Cluster

    items = batch.read(requests)
    last(batch.run(items, tmp_path / "local"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, of its deprecations and open sockets
        nodes = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        try:
            second = nodes.add_node(num_cpus=1)
            ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
            made, killed = [], False
            for step in batch.run(items, tmp_path / "ray", engine=cluster.Ray(threads=1)):
                made = step.value or made
                if len(made) >= 40 and not killed:
                    nodes.remove_node(second, allow_graceful=False)
                    killed = True
        finally:
            ray.shutdown()
            nodes.shutdown()
    assert killed and len(made) == JOBS and {one.state for one in made} == {"made"}
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert len(list((tmp_path / "ray").glob("0*.txt"))) == JOBS


def test_a_worker_gives_a_files_bytes_and_a_failure_as_words(requests, tmp_path):
    items = batch.read(requests)
    found, error = cluster.made(items[0], 1)
    last(batch.run(items[:1], tmp_path / "local"))
    assert error is None and found == files(tmp_path / "local")
    (tmp_path / "corpus.txt").unlink()
    cluster._local.clear()  # a worker that has not read it
    found, error = cluster.made(items[0], 1)
    assert found == {} and "corpus" in str(error)


def test_an_unknown_engine_is_named(requests, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["batch", str(requests), "-o", str(tmp_path / "out"), "--engine", "mail"])
    assert left.value.code == 2 and "--engine" in capsys.readouterr().err
