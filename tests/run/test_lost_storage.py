"""A full disk, and a folder that disappears: one clear line, and a search that can be resumed as far as it is there."""

import resource
import shutil
from contextlib import contextmanager

import pytest

from ptune.errors import StorageError
from ptune.record.events import Ended, Resumed
from ptune.record.history import FINAL
from ptune.record.journal import JOURNAL, Journal, read
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from support.small_jobs import changed


@contextmanager
def no_file_larger_than(size):
    """What a full disk does, by a limit of this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def job(job):
    return changed(job, tracking={"type": "none"})


def test_a_line_that_does_not_fit_leaves_no_half(tmp_path):
    journal = Journal(tmp_path / "films" / JOURNAL)
    first = journal.append(Resumed({}))
    with no_file_larger_than(journal.path.stat().st_size + 20), pytest.raises(StorageError) as told:
        journal.append(Resumed({"python": "3"}))
    assert str(told.value).startswith(f"{journal.path} of ")
    assert "are free there" in str(told.value)
    last = journal.append(Ended("failed"))
    assert read(journal.path) == [first, last]


def test_a_full_disk_is_told_with_the_file_and_costs_no_trial(job, runs):
    start_search(job, "", runs, LocalRunner())
    journal, state = (runs / "small" / name for name in (JOURNAL, "trials/0000/state.safetensors"))
    assert journal.stat().st_size < state.stat().st_size
    with no_file_larger_than(state.stat().st_size - 1), pytest.raises(StorageError) as told:
        start_search(job, "", runs, LocalRunner())
    assert str(told.value).startswith(f"{runs}/small-2/trials/")
    assert "MB cannot be written" in str(told.value)
    assert not [*runs.glob("small-2/trials/*/.*.tmp")]
    outcome = resume_search("small-2", runs, LocalRunner())
    assert {trial.status for trial in outcome.history.trials.values()} <= FINAL - {"failed"}


@pytest.mark.parametrize("lose", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("moved"))])
def test_a_folder_that_disappears_ends_its_search(job, runs, lose, monkeypatch):
    report = Journal.append

    def losing(journal, event):
        if type(event).__name__ == "Reported":
            lose(journal.path.parent)
            monkeypatch.undo()
        return report(journal, event)

    monkeypatch.setattr(Journal, "append", losing)
    with pytest.raises(StorageError, match=r"small is gone: it was moved or removed while its search ran"):
        start_search(job, "", runs, LocalRunner())
    assert not (runs / "small").exists()
