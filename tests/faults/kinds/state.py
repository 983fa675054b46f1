"""Saved states of trials are damaged. Their epochs are trained again, and none besides."""

import shutil
from pathlib import Path

from costs import Costs, Fault
from stage import NAME, Stage

from ptune.engine.state import previous, saved_epochs
from ptune.record.history import FINAL, History
from ptune.record.journal import read

_TIMES = 3


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def _running(stage: Stage) -> Costs:
    """The latest state of every trial that is under way."""
    stage.job(trials=10, epochs=9)
    due = 0
    for _ in stage.times(_TIMES):
        command = stage.search("--local")
        command.wait_for(stage.more_reports(3))
        command.kill()
        history = History.of(read(stage.journal))
        stage.injected()
        for trial in history.trials.values():
            if trial.status not in FINAL and trial.state is not None:
                path = stage.runs / NAME / trial.state
                due += saved_epochs(path) - saved_epochs(previous(path))
                _damage(path)
    stage.search("--local").result()
    return stage.costs(due=due)


def _best(stage: Stage) -> Costs:
    """First one state of the best trial of a complete search, then both; the artifact is gone, too."""
    stage.job()
    stage.search("--local").result()
    best = History.of(read(stage.journal)).best
    path = stage.runs / NAME / best.state
    for paths in ([path], [path, previous(path)]):
        shutil.rmtree(stage.runs / NAME / "artifact")
        stage.injected()
        for each in filter(Path.exists, paths):
            _damage(each)
        stage.search("--local").result()
        assert (stage.runs / NAME / "artifact" / "prompt.safetensors").is_file()
    return stage.costs(due=2 * best.epoch)


FAULTS = [
    Fault("state-damaged", "latest states of all running trials damaged", _running),
    Fault("best-damaged", "states of the best trial damaged, all trials complete", _best),
]
