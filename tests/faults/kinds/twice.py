"""One search is started more than once."""

from costs import Costs, Fault
from stage import Stage

from support.ray_head import ray_head


def _started_twice(stage: Stage) -> Costs:
    """Two entry points at once, and one more while the search runs: one of them runs it."""
    stage.job(trials=8)
    stage.injected()
    pair = [stage.search("--local") for _ in range(2)]
    pair[0].wait_for_either(pair[1], stage.more_reports(2))
    stage.injected()
    third = stage.search("--local")
    codes = [command.end() for command in (*pair, third)]
    assert sorted(codes) == [0, 1, 1], [command.ended() for command in (*pair, third)]
    return stage.costs()


def _submitted_twice(stage: Stage) -> Costs:
    stage.job(trials=8)
    with ray_head() as head:
        stage.injected()
        both = [stage.command("submit", str(stage.folder / "small.toml"), "--address", head.dashboard) for _ in "ab"]
        for command in both:
            assert command.end() == 0, command.ended()
    return stage.costs()


FAULTS = [
    Fault("two-starts", "started twice at once, and once more meanwhile", _started_twice),
    Fault("two-submits", "submitted twice at once", _submitted_twice),
]
