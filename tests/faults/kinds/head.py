"""The head of the cluster dies with all that it knew, and comes back empty."""

from costs import Costs, Fault
from stage import Stage

from support.raylets import raylets

_TIMES = 2


def _restarted(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9, engines=1)
    for _ in stage.times(_TIMES):
        with raylets() as cluster:
            cluster.add_node(num_cpus=1)
            command = stage.search("--address", cluster.address)
            command.wait_for(stage.more_reports(3))
            stage.injected()
            cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
            assert command.end() != 0
    with raylets(num_cpus=1) as cluster:
        stage.search("--address", cluster.address).result()
    return stage.costs()


FAULTS = [Fault("head-restart", "head lost and started again", _restarted)]
