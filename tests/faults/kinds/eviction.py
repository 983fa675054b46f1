"""The job is evicted as schedulers do it: SIGTERM, a moment of grace, SIGKILL. Its one entry point goes on."""

import signal

from costs import Costs, Fault
from stage import NAME, Stage

from support.same_end import same_end

_TIMES = 5
_GRACE_S = 1.0


def _evicted(stage: Stage, *options: str, **resources: int) -> Costs:
    stage.job(trials=10, epochs=9, **resources)
    for _ in stage.times(_TIMES):
        command = stage.search(*options)
        command.wait_for(stage.more_reports(stage.random.randint(1, 5)))
        stage.injected()
        command.signal(signal.SIGTERM)
        stage.pause(stage.random.uniform(0.0, _GRACE_S))
        command.kill()
    stage.search(*options).result()
    return stage.costs()


def _evicted_alike(stage: Stage) -> Costs:
    """The end is that of a search that was never disturbed, to the last bit.

    One trial trains at a time. Trials that share passes differ in the last digits of float32 with their company.
    """
    costs = _evicted(stage, "--local", slots=1)
    unbroken = stage.folder / "unbroken"
    elsewhere = {"PTUNE_RUNS": str(unbroken), "PTUNE_WITNESS": str(stage.folder / "other-witness.txt")}
    stage.search("--local", **elsewhere).result()
    differences = same_end(stage.runs / NAME, unbroken / NAME)
    assert not differences, differences[0]
    return costs


FAULTS = [
    Fault("eviction-local", "job evicted, `--local`; ends as an unbroken one", _evicted_alike),
    Fault("eviction", "job evicted, embedded Ray", _evicted),
]
