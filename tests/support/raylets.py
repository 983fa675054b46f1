"""A cluster of several raylets on this machine, and the processes that ptune has on it."""

import os
import sys
from contextlib import contextmanager, suppress

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster


@contextmanager
def raylets(**head):
    """A cluster of a head, without CPUs unless told, which notices in 10 s that a node died; all ends here."""
    assert not ray.is_initialized(), "the head would listen where this process's own Ray does"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        patch.setenv("RAY_health_check_period_ms", "1000")
        patch.setenv("RAY_health_check_failure_threshold", "10")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **head})
        try:
            yield cluster
        finally:
            cluster.shutdown()


def engines():
    """Processes of engines that descend from this one."""
    return _named("EngineActor")


def clients():
    """Processes of turns that descend from this one."""
    return _named("PromptTrainable")


def _named(word):
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended since
            found += [child] if word in "".join(child.cmdline()) else []
    return found
