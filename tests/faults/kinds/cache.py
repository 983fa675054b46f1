"""Files of the node's cache are cut: under a running search, whose engine maps them, and between two."""

import os

from costs import Costs, Fault
from stage import Stage


def _cut_files(stage: Stage) -> int:
    """Cut every kept file in half, in place; return how many there were."""
    files = [path for path in (stage.folder / "cache").rglob("*") if path.is_file() and path.stat().st_size > 4096]
    for path in files:
        os.truncate(path, path.stat().st_size // 2)
    return len(files)


def _cut_meanwhile(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9)

    def cut() -> None:
        assert _cut_files(stage), "nothing is kept"

    return stage.disturbed(stage.search(), cut)


def _cut_between(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9)
    for _ in stage.times(2):
        command = stage.search("--local")
        command.wait_for(stage.more_reports(3))
        command.kill()
        stage.injected()
        assert _cut_files(stage), "nothing is kept"
    stage.search("--local").result()
    return stage.costs()


FAULTS = [
    Fault("cache-cut", "files of the cache cut while engines map them", _cut_meanwhile),
    Fault("cache-cut-between", "files of the cache cut between kill and restart", _cut_between),
]
