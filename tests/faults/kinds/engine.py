"""The process of an engine or of a turn dies, or hangs, while the search's driver lives."""

import signal
from collections.abc import Callable

from costs import Costs, Fault
from stage import Stage

from support.raylets import clients, engines, raylets

_SILENT_S = 8.0


def _hit(processes: Callable[[], list], number: signal.Signals, times: int = 3) -> Callable[[Stage], Costs]:
    """Send a signal to one of some processes of a search on a cluster."""

    def play(stage: Stage) -> Costs:
        stage.job(trials=10, epochs=9, engines=1, silent_s=_SILENT_S)
        with raylets() as cluster:
            cluster.add_node(num_cpus=1)
            command = stage.search("--address", cluster.address)
            return stage.disturbed(command, lambda: processes()[0].send_signal(number), times)

    return play


FAULTS = [
    Fault("engine-kill", "engine killed, the only one", _hit(engines, signal.SIGKILL)),
    Fault(
        "engine-stop", f"engine stopped, replaced after {_SILENT_S:.0f} s of silence", _hit(engines, signal.SIGSTOP, 2)
    ),
    Fault("client-kill", "process of a turn killed", _hit(clients, signal.SIGKILL)),
]
