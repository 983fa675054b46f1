"""A real cluster of several raylets on this machine, whose nodes come and go under one search."""

import json
import os
import signal
import subprocess
import sys

import pytest
from ray.autoscaler.v2.sdk import get_cluster_status

from ptune.record.events import Reported
from ptune.record.history import History
from ptune.record.journal import read
from support.raylets import engines, raylets
from support.small_jobs import changed
from support.small_search import JOURNAL, small_job
from support.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster():
    with raylets() as cluster:
        yield cluster


@pytest.fixture
def out(folder):
    """Where the driver writes; a test that fails shows it."""
    path = folder / "out"
    yield path
    sys.stdout.write(path.read_text())


def needs_cpus(cluster):
    """What an autoscaler looks at: CPUs that somebody has asked for and that no node has."""
    demands = get_cluster_status(cluster.address).resource_demands.ray_task_actor_demand
    return any(bundle.bundle.get("CPU") for demand in demands for bundle in demand.bundles_by_count)


def reports(folder):
    return sum(isinstance(event, Reported) for event in read(folder / JOURNAL))


def test_a_search_goes_from_no_node_to_its_end_while_nodes_come_leave_and_hang(
    cluster, tiny_backbone, tmp_path, folder, out
):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=3, epochs=8, rows=120)
    job = changed(job, resources={"engines": 1, "silent_s": 20.0})
    (folder / "job.json").write_text(json.dumps(job.model_dump(mode="json")), encoding="utf-8")
    with out.open("w") as stream:
        driver = subprocess.Popen(
            [sys.executable, "-m", "support.drive", str(folder)],
            env={**os.environ, "RAY_ADDRESS": cluster.address},
            stdout=stream,
            stderr=stream,
        )

    def ended():
        return driver.poll() is not None and out.read_text()

    wait_for(lambda: "waiting for" in out.read_text() and needs_cpus(cluster), ended)
    first = cluster.add_node(num_cpus=1)
    wait_for(lambda: reports(folder) >= 2, ended)

    cluster.remove_node(first, allow_graceful=False)
    wait_for(lambda: needs_cpus(cluster), ended)
    cluster.add_node(num_cpus=1)
    seen = reports(folder)
    wait_for(lambda: reports(folder) >= seen + 2, ended)

    (hung,) = engines()
    os.kill(hung.pid, signal.SIGSTOP)
    assert driver.wait(PATIENCE_S) == 0, out.read_text()
    trials = History.of(read(folder / JOURNAL)).trials.values()
    assert [(trial.status, trial.epoch) for trial in trials] == [("complete", 8)] * 3
    assert "waiting for room for an engine, which needs 1 CPUs (1 asked for;" in out.read_text()
    assert out.read_text().count("an engine is lost (") >= 2, "that of the node that left, and the one that hangs"
    assert "(raylet)" not in out.read_text(), "what Ray says of dead processes belongs to no output of ours"
    wait_for(lambda: not engines())
