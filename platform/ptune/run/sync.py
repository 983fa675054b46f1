"""Bring a search's tracker and its bucket up to date, while no process runs it."""

from __future__ import annotations

from pathlib import Path

from ptune.errors import SpecError
from ptune.record.history import History
from ptune.record.journal import read
from ptune.run.folders import search_folder
from ptune.run.recording import recording
from ptune.run.tracker import TrackerFactory, noted, tracker_of
from ptune.spec.tracking import model_name_law
from ptune.storage.local_copy import url_of
from ptune.tracking.registrable import why_unregistered
from ptune.tracking.state import TrackingState


def sync_search(
    name: str, runs: Path, register_as: str | None = None, *, track: TrackerFactory = tracker_of
) -> TrackingState | None:
    """Send a search's tracker and its bucket what they lack of a search that no process runs.

    Returns:
        What the tracker has then; None for a search in a bucket that is not tracked.

    Args:
        name: the search.
        runs: the runs folder.
        register_as: the registered model of which the best prompt becomes a version; None is what the job says.
        track: makes the tracker.

    Raises:
        SpecError: no registered model can have that name, or a version of this search's best prompt.
        NotFoundError: there is no such search.
        JournalError: a process runs it.
        TrackingError: the tracker cannot be reached or refuses a part, or the search is not tracked.
    """
    if register_as is not None and (law := model_name_law(register_as)) is not None:
        raise SpecError(f"--register-as {law}")
    folder = search_folder(runs, name)
    with recording(folder) as record:
        journal = record.journal
        history = History.of(read(journal.path))
        if register_as is not None and (why := why_unregistered(history)) is not None:
            raise SpecError(f"nothing can be registered as {register_as}: {why}")
        tracker = track(history.job, folder, noted(journal))
        if tracker.state is not None or url_of(folder) is None:
            tracker.sync(register_as)
        return tracker.state
