"""The search that a job has begun: kept under the job's name in the runs folder."""

from __future__ import annotations

from pathlib import Path

from ptune.errors import JournalError
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run.folders import bring_search
from ptune.spec.job import Job
from ptune.spec.same import differences


def begun(job: Job, runs: Path) -> History | None:
    """The search of the job's name, if it has begun.

    Raises:
        JournalError: it searches something else, see `ptune.spec.same`; or its journal cannot be read.
        BucketError: the bucket of the runs folder cannot be reached.
    """
    bring_search(runs / job.name)
    journal = runs / job.name / JOURNAL
    events = read(journal) if journal.exists() else []
    if not events:
        return None
    history = History.of(events)
    if found := differences(history.job, job):
        raise JournalError(
            f"{journal.parent} holds a search of another job, which cannot go on with this one: {'; '.join(found)}. "
            f"Give this one another --name, or go on with the kept one: ptune resume {job.name}"
        )
    return history
