"""The driver is killed outright, again and again, at moments that a seed decides."""

from costs import Costs, Fault
from stage import Stage

from support.raylets import raylets

TIMES = 20
_MOST_EPOCHS = 4  # that may be reported before a driver is killed
_MOST_S = 10.0  # that one may live which is killed at a moment of the clock
_EPOCH_S = 1.0  # within it, whatever follows a report is under way


def _killed(stage: Stage, *options: str) -> Costs:
    """Kill the driver alone, as a kernel out of memory does; what it started has to find out."""
    stage.job(trials=24, epochs=9)
    for _ in stage.times(TIMES):
        command = stage.search(*options)
        _wait_for_a_moment(stage, command)
        stage.injected()
        command.kill(alone=True)
    stage.search(*options).result()
    return stage.costs()


def _killed_on_a_cluster(stage: Stage) -> Costs:
    with raylets(num_cpus=1) as cluster:
        return _killed(stage, "--address", cluster.address)


def _wait_for_a_moment(stage: Stage, command) -> None:
    """Wait for a moment of the clock, which mostly falls into the start, or, two times in three, of training."""
    if stage.random.random() < 1 / 3:
        stage.pause(stage.random.uniform(0.0, _MOST_S))
    else:
        command.wait_for(stage.more_reports(stage.random.randint(1, _MOST_EPOCHS)))
        stage.pause(stage.random.uniform(0.0, _EPOCH_S))


FAULTS = [
    Fault("driver-kill-local", "driver killed at random moments, `--local`", lambda s: _killed(s, "--local")),
    Fault("driver-kill", "driver killed at random moments, embedded Ray", _killed),
    Fault("driver-kill-cluster", "driver killed at random moments, on a cluster", _killed_on_a_cluster),
]
