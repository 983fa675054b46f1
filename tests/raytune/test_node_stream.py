"""A real cluster of several raylets on this machine, whose nodes come and go under one search."""

import os
import signal
import sys
import threading

import psutil
import pytest
import ray
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.cluster_utils import Cluster

from ptune.raytune.runner import RayRunner
from ptune.record.events import Reported
from ptune.record.journal import read
from support.small_search import JOURNAL, small_job, small_search
from support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch):
    """A cluster of a head without CPUs; its nodes find the tests' modules."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("RAY_health_check_period_ms", "500")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "4")
    if ray.is_initialized():
        ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def needs_cpus(cluster):
    """What an autoscaler looks at: CPUs that somebody has asked for and that no node has."""
    demands = get_cluster_status(cluster.address).resource_demands.ray_task_actor_demand
    return any(bundle.bundle.get("CPU") for demand in demands for bundle in demand.bundles_by_count)


def reports(folder):
    return sum(isinstance(event, Reported) for event in read(folder / JOURNAL))


def engines():
    """Processes of engines on this machine that descend from this test."""
    return [child for child in psutil.Process().children(recursive=True) if "EngineActor" in "".join(child.cmdline())]


def test_a_search_goes_from_no_node_to_its_end_while_nodes_come_leave_and_hang(
    cluster, tiny_backbone, tmp_path, folder
):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=3, epochs=8, rows=120)
    resources = job.resources.model_copy(update={"engines": 1, "silent_s": 8.0})
    job = job.model_copy(update={"resources": resources})
    said, outcome = [], {}

    def search():
        with (
            small_search(folder, job) as (prepared, conductor),
            RayRunner(cluster.address).open(prepared, folder, said.append) as session,
        ):
            session.train(conductor)
            outcome.update({number: (trial.status, trial.epoch) for number, trial in conductor.history.trials.items()})

    def ended():
        return not searching.is_alive() and "the search has ended too early"

    searching = threading.Thread(target=search, daemon=True)
    searching.start()
    wait_for(lambda: needs_cpus(cluster), ended)
    first = cluster.add_node(num_cpus=1)
    wait_for(lambda: reports(folder) >= 2, ended)

    cluster.remove_node(first, allow_graceful=False)
    wait_for(lambda: needs_cpus(cluster), ended)
    cluster.add_node(num_cpus=1)
    seen = reports(folder)
    wait_for(lambda: reports(folder) >= seen + 2, ended)

    (hung,) = engines()
    os.kill(hung.pid, signal.SIGSTOP)
    searching.join()
    assert outcome == dict.fromkeys(range(3), ("complete", 8))
    assert any(what and what.startswith("room for an engine, which needs 1 CPUs") for what in said)
    assert said[-1] is None
    assert not engines()
