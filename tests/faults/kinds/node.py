"""Nodes leave and join under a search, one raylet for each node."""

from costs import Costs, Fault
from stage import Stage

from support.raylets import engines, raylets


def _lost(stage: Stage) -> Costs:
    """The node of the only engine, which is ready; another node joins."""
    stage.job(trials=10, epochs=9, engines=1)
    with raylets() as cluster:
        nodes = [cluster.add_node(num_cpus=1)]

        def replace() -> None:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            nodes.append(cluster.add_node(num_cpus=1))

        return stage.disturbed(stage.search("--address", cluster.address), replace)


def _lost_while_loading(stage: Stage) -> Costs:
    stage.job(engines=1)
    with raylets() as cluster:
        command = stage.search("--address", cluster.address)
        for _ in stage.times(2):
            node = cluster.add_node(num_cpus=1)
            command.wait_for(engines)
            stage.injected()
            cluster.remove_node(node, allow_graceful=False)
            command.wait_for(lambda: not engines())
        cluster.add_node(num_cpus=1)
        command.result()
        return stage.costs()


def _added(stage: Stage) -> Costs:
    """A node joins a search that has more trials than slots, and gets an engine."""
    stage.job(trials=16, slots=2)
    with raylets() as cluster:
        cluster.add_node(num_cpus=1)
        command = stage.search("--address", cluster.address)

        def join() -> None:
            cluster.add_node(num_cpus=1)
            command.wait_for(lambda: len(engines()) == 2)

        return stage.disturbed(command, join, times=1)


FAULTS = [
    Fault("node-lost", "node of the only, ready engine lost, another one joins", _lost),
    Fault("node-lost-loading", "node lost while its engine loads", _lost_while_loading),
    Fault("node-added", "node joins and is used", _added),
]
