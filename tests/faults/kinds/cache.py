"""Files of the node's cache are cut: under a running search, whose engine maps them, and between two."""

import os
from pathlib import Path

from costs import Costs, Fault
from stage import Stage


def _kept_files(stage: Stage) -> list[Path]:
    """Files that hold states, tokens or weights; which there are depends on the trials that have begun."""
    return [path for path in (stage.folder / "cache").rglob("*") if path.is_file() and path.stat().st_size > 4096]


def _cut_files(stage: Stage) -> None:
    """Cut every kept file in half, in place."""
    for path in _kept_files(stage):
        os.truncate(path, path.stat().st_size // 2)


def _cut_meanwhile(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9)

    command = stage.search()
    command.wait_for(lambda: _kept_files(stage))
    return stage.disturbed(command, lambda: _cut_files(stage))


def _cut_between(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9)
    for _ in stage.times(2):
        command = stage.search("--local")
        command.wait_for(stage.more_reports(3))
        command.wait_for(lambda: _kept_files(stage))
        command.kill()
        stage.injected()
        _cut_files(stage)
    stage.search("--local").result()
    return stage.costs()


FAULTS = [
    Fault("cache-cut", "files of the cache cut while engines map them", _cut_meanwhile),
    Fault("cache-cut-between", "files of the cache cut between kill and restart", _cut_between),
]
