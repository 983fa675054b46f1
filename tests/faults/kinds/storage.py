"""The disk of the runs is full, or the search's folder is moved away."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from costs import Costs, Fault
from stage import NAME, Stage

from support.command import Command

_DISK = "4m"


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own, which only the superuser can mount."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "ptune-drill", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _full(stage: Stage) -> Costs:
    """MLflow's database is on another disk, so that the search alone feels it."""
    stage.job(trials=10, epochs=9)
    with _small_disk(stage.folder / "disk") as disk:
        stage.keep_runs_at(str(disk))
        for _ in stage.times(2):
            command = stage.search("--local")
            command.wait_for(stage.more_reports(2))
            stage.injected()
            _fill(disk / "filler")
            _ended_with_one_line(command, "cannot be written: No space left on device")
            (disk / "filler").unlink()
        stage.search("--local").result()
        return stage.costs()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(os.urandom(4096))


def _moved(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9)
    for _ in stage.times(2):
        command = stage.search("--local")
        command.wait_for(stage.more_reports(2))
        stage.injected()
        (stage.runs / NAME).rename(stage.folder / "moved")
        _ended_with_one_line(command, "is gone: it was moved or removed while its search ran")
        assert not (stage.runs / NAME).exists(), "a new folder stands in its place"
        (stage.folder / "moved").rename(stage.runs / NAME)
    stage.search("--local").result()
    return stage.costs()


def _ended_with_one_line(command: Command, reason: str) -> None:
    """It fails, says why in one line, and shows nobody its own code."""
    assert command.end() == 1, command.ended()
    assert sum(reason in line for line in command.err.splitlines()) == 1, command.err[-2000:]
    assert "Traceback" not in command.err, command.err[-2000:]


FAULTS = [Fault("folder-moved", "folder of the search moved away, put back", _moved)]
if os.geteuid() == 0:  # nobody else can mount a small disk
    FAULTS.append(Fault("disk-full", "disk of the runs full", _full))
