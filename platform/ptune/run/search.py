"""A search from its first line to its last: set up the folder, train, conclude, leave a record of how it ended."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ptune.errors import JournalError, SpecError
from ptune.files import write_json, write_text
from ptune.node_files import check_cache
from ptune.record.beside import front_json
from ptune.record.events import Awaiting, Confirms, Ended, Header, Loaded, Metrics, Resumed, SearchStatus
from ptune.record.history import History, TrialRecord
from ptune.record.journal import JOURNAL, Journal, read
from ptune.record.optimism import optimism
from ptune.run.conclusion import Conclusion
from ptune.run.confirm import confirmation, left_out, result
from ptune.run.folders import JOB, check_runs, claim_folder, search_folder
from ptune.run.inbox import EndRequestedError, Inbox, is_asked_for_more
from ptune.run.inherit import keeper
from ptune.run.kept_data import keep_data
from ptune.run.kept_start import keep_start, kept_start
from ptune.run.libraries import check_libraries
from ptune.run.prepare import Prepared, prepare, versions
from ptune.run.recording import recording
from ptune.run.session import Observer, Publisher, Runner, Session
from ptune.run.tracker import TrackerFactory, noted, tracker_of, unheard
from ptune.run.waits import storage_watched
from ptune.run.with_prior import with_prior
from ptune.searching.conductor import Conductor
from ptune.searching.importance import importances
from ptune.spec.job import Job
from ptune.spec.resources import Resources
from ptune.spec.tracking import without_password
from ptune.tracking.state import TrackingState

_LOG = logging.getLogger(__name__)
RESULT = "result.json"
"""Name of the file in a search's folder that says what the search came to."""
EndStatus = Literal["complete", "interrupted"]
"""How a search ends that has a result."""
_HEAD_START_S = 20.0
"""How long a tracker, whose libraries take seconds to import, leaves the processor to the first passes."""


@dataclass(frozen=True)
class Outcome:
    """What a search came to."""

    name: str
    folder: Path
    status: EndStatus
    history: History
    conclusion: Conclusion
    """What it leaves behind."""
    importances: dict[str, float]
    """Each parameter's share in what made trials good; empty when there is too little to tell."""
    tracking: TrackingState | None
    """What the tracker has of the search; None for a search that is not tracked."""
    wall_s: float
    """Seconds of this process's part."""

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, if any trial has a result."""
        return self.history.best

    @property
    def page(self) -> str | None:
        """The address of its trials on the server that shows them; None where there is none."""
        return None if self.tracking is None else self.tracking.page(self.history.header.id)

    def to_json(self) -> dict[str, Any]:
        """The result as one JSON object, for programs."""
        confirmed = result(self.history)
        return {
            "name": self.name,
            "status": self.status,
            "trials": len(self.history.trials),
            "statuses": self.history.statuses,
            "best": None if self.history.best_result is None else vars(self.history.best_result),
            "best_value": self.history.best_value,
            "optimism": optimism(self.history),
            "test": self.conclusion.test,
            "mlflow": None,
            **({} if self.tracking is None else {self.tracking.type: self.tracking.to_json(self.history.header.id)}),
            **({} if self.history.limit is None else {"limit": self.history.limit.limit}),
            **({} if (front := front_json(self.history)) is None else {"front": front}),
            **({} if self.history.header.start is None else {"start": vars(self.history.header.start)}),
            "artifact": _text(self.conclusion.artifact),
            "exports": {name: str(folder) for name, folder in self.conclusion.exports.items()},
            "importances": self.importances,
            "wall_s": round(self.wall_s, 3),
        } | ({} if confirmed is None else {"confirmation": confirmed.to_json()})


class Search:
    """One process's part in a search, from its open journal to its result.

    Args:
        prepared: the job and its data.
        journal: the search's journal, in the search's folder; it holds the header.
        runner: where to train.
        observer: watches while it runs.
        publish: writes leaderboard and plots at the end.
        track: makes the search's tracker.
    """

    def __init__(
        self,
        prepared: Prepared,
        journal: Journal,
        runner: Runner,
        observer: Observer | None,
        publish: Publisher | None,
        track: TrackerFactory,
    ) -> None:
        self._journal = journal
        self._folder = journal.path.parent
        self._runner = runner
        self._observer = observer
        self._publish = publish
        self._conductor = Conductor(journal, read(journal.path), keeper(self._folder))
        self._history = self._conductor.history
        self._prepared = prepared.typed(self._history.dtype)
        self._tracker = track(prepared.job, self._folder, noted(journal))
        self._begun = False
        self._end_request: str | None = None

    def run(self) -> Outcome:
        """Train, conclude and publish; the journal says how it ended, whatever happens.

        Where nothing could be loaded, it has not begun: journal and tracker hear nothing of it.

        Raises:
            PtuneError: nothing can train, or the result cannot be written.
        """
        began = time.monotonic()
        with _watched(self._observer, self._folder), storage_watched(_warn):
            try:
                Inbox(self._folder, self._conductor).take_up()
                status, conclusion = self._train()
                self._end(status, conclusion.test)
                importances = self._publish_files()
            finally:
                if self._begun:
                    self._tracker.close()
        outcome = Outcome(
            name=self._prepared.job.name,
            folder=self._folder,
            status=status,
            history=self._history,
            conclusion=conclusion,
            importances=importances,
            tracking=self._tracker.state,
            wall_s=time.monotonic() - began,
        )
        write_json(self._folder / RESULT, outcome.to_json())
        return outcome

    def _train(self) -> tuple[EndStatus, Conclusion]:
        """Train every trial and export the best prompt; return how that ended and what it came to."""
        conclusion = Conclusion()
        try:
            with self._runner.open(self._prepared, self._folder, self._say) as session:
                self._load(session)
                self._begun = True
                self._tracker.start(_HEAD_START_S)
                session.train(self._conductor)
                conclusion = session.conclude(self._history)
            for trial, metrics in conclusion.tested.items():
                self._conductor.tested(trial, metrics)
        except KeyboardInterrupt as error:
            self._begun = True
            self._end_request = error.request if isinstance(error, EndRequestedError) else None
            return "interrupted", conclusion
        except BaseException:
            if self._begun:
                self._end("failed")
            raise
        return "complete", conclusion

    def _load(self, session: Session) -> None:
        """Load what trains, if a trial is left to train; the first load settles the type of the frozen weights."""
        if not self._conductor.done:
            dtype = session.dtype
            if self._history.dtype is None:
                self._history.apply(self._journal.append(Loaded(dtype)))

    def _say(self, what: str | None) -> None:
        """Record what the search waits for; whoever watches it sees that."""
        self._history.apply(self._journal.append(Awaiting(what)))

    def _end(self, status: SearchStatus, test: Metrics | None = None) -> None:
        """Record how this process's part ended."""
        self._history.apply(self._journal.append(Ended(status, self._history.best_result, test, self._end_request)))

    def _publish_files(self) -> dict[str, float]:
        """Write the files for people; return each parameter's importance, which a confirmation does not have."""
        shares = importances(self._history)
        if self._publish is not None and self._history.trials:
            self._publish(self._folder, self._history, shares)
        return shares


def start_search(
    job: Job,
    job_text: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None = None,
    publish: Publisher | None = None,
    confirms: Confirms | None = None,
    *,
    track: TrackerFactory = tracker_of,
    claim: Callable[[Path, str], Path] = claim_folder,
    keeps_data: bool = False,
    kept: Path | None = None,
) -> Outcome:
    """Run a job as a new search. If it cannot begin, its folder is gone again.

    Args:
        job: the job, read from `job_text`.
        job_text: the job file as the user wrote it; kept beside the journal.
        runs: the runs folder.
        runner: where to train.
        observer: watches while it runs.
        publish: writes leaderboard and plots at the end.
        confirms: what the search confirms, if it is a confirmation; see `ptune.run.confirm.confirmation`.
        track: makes the search's tracker.
        claim: makes the search's folder, see `ptune.run.folders`.
        keeps_data: whether to copy the data files into the folder, see `ptune.run.kept_data`.
        kept: the artifact to start from that another search keeps, whatever is where the job names it.

    Raises:
        SpecError: its tracker would never take the search.
        PtuneError: the job cannot run; nothing is left behind then.
    """
    tracking = job.tracking.model_copy(update={"experiment": job.tracking.experiment or job.name})
    job = job.model_copy(update={"tracking": tracking})
    runner.check(job.resources)
    check_runs(runs)
    check_cache()
    refusal = track(job, runs / job.name, unheard).refusal()
    if refusal is not None:
        raise SpecError(f'{refusal}. Correct that, or set tracking.type = "none" to search without it')
    prepared = with_prior(prepare(job, runs, kept), runs)
    for note in dict.fromkeys(note for splits in prepared.splits for note in splits.notes):
        _LOG.warning("ptune: %s", note)
    folder = claim(runs, job.name)
    prepared = prepared.renamed(folder.name)
    with recording(folder) as record, _removed_unless_begun(folder):
        journal = record.journal
        if read(journal.path):
            raise JournalError(f"another process has begun {folder.name} at this moment; run the same command again")
        if keeps_data:
            prepared = keep_data(prepared, folder)
        prepared = keep_start(prepared, folder)
        write_text(folder / "job.toml", without_password(job_text))
        write_json(folder / JOB, prepared.job.model_dump(mode="json"))
        journal.append(replace(prepared.header, confirms=confirms))
        record.take_over(())
        return Search(prepared, journal, runner, observer, publish, track).run()


def resume_search(
    name: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None = None,
    publish: Publisher | None = None,
    *,
    track: TrackerFactory = tracker_of,
    resources: Resources | None = None,
    changed_libraries: bool = False,
) -> Outcome:
    """Take up a search where its journal ends; a complete one is concluded again, see `ptune.run.finished`.

    Args:
        name: the search.
        runs: the runs folder.
        runner: where to train.
        observer: watches while it runs.
        publish: writes leaderboard and plots at the end.
        track: makes the search's tracker.
        resources: what it may use from now on; None is what its job says.
        changed_libraries: whether it may train on under other versions of libraries that decide its numbers.

    Raises:
        NotFoundError: there is no such search.
        JournalError: another process runs it, or its data, backbone or libraries have changed.
        PtuneError: what the job needs is not there any more.
    """
    folder = search_folder(runs, name)
    check_runs(runs)
    check_cache()
    with recording(folder) as record:
        journal = record.journal
        events = read(journal.path)
        if not events:
            raise JournalError(f"{name} was stopped before its first step; start it again with `ptune search`")
        history = History.of(events)
        header = history.header
        has_work = history.status != "complete" or is_asked_for_more(folder, history)
        if has_work and not changed_libraries:
            check_libraries(name, events, versions())
        job = header.job if resources is None else header.job.model_copy(update={"resources": resources})
        runner.check(job.resources)
        refusal = track(job, folder, unheard).refusal()
        if refusal is not None:  # its job cannot change any more
            _LOG.warning("ptune: %s. The search goes on; `ptune sync %s` sends the rest later", refusal, name)
        prepared = prepare(job, runs, kept_start(header, folder))
        _check_same(header, prepared.header, name)
        journal.append(Resumed(versions()))
        record.take_over(History.of(events).trials)
        return Search(prepared, journal, runner, observer, publish, track).run()


def confirm_search(
    name: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None = None,
    publish: Publisher | None = None,
    *,
    top: int,
    seeds: int,
    track: TrackerFactory = tracker_of,
) -> Outcome:
    """Repeat the best configurations of a finished search as a search of its own; see `ptune.run.confirm`.

    Raises:
        NotFoundError: there is no such search.
        JournalError: it has not finished.
        PtuneError: what the job needs is not there any more, or there is nothing to confirm.
    """
    folder = search_folder(runs, name)
    history = History.of(read(folder / JOURNAL))
    job, confirms = confirmation(history, top, seeds)
    if (told := left_out(history, top)) is not None:
        _LOG.warning("ptune: %s", told)
    kept = kept_start(history.header, folder)
    comment = f"# ptune confirm {name} --top {top} --seeds {seeds}; job.json beside this file is the job that runs\n"
    text = (folder / "job.toml").read_text(encoding="utf-8")
    return start_search(job, comment + text, runs, runner, observer, publish, confirms, track=track, kept=kept)


@contextlib.contextmanager
def _removed_unless_begun(folder: Path) -> Iterator[None]:
    """Remove the folder of a new search that ends with an error before anything is loaded."""
    try:
        yield
    except BaseException:
        events = read(folder / JOURNAL) if (folder / JOURNAL).exists() else None
        if events is not None and all(isinstance(event, Header | Awaiting) for event in events):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_same(header: Header, fresh: Header, name: str) -> None:
    """A search goes on only with the data and weights it began with; else its numbers would not be comparable."""
    old_digests = {split: data.digest for split, data in header.data.items()}
    fresh_digests = {split: data.digest for split, data in fresh.data.items()}
    if old_digests != fresh_digests:
        splits = sorted({*old_digests, *fresh_digests})
        changed = [split for split in splits if old_digests.get(split) != fresh_digests.get(split)]
        raise JournalError(f"{name} cannot be resumed: its data has changed since it began ({', '.join(changed)})")
    if header.backbone.hash != fresh.backbone.hash:
        raise JournalError(
            f"{name} cannot be resumed: the weights of {header.backbone.id} have changed since it began "
            f"(sha256 {header.backbone.hash[:12]}, found {fresh.backbone.hash[:12]})"
        )


def _warn(what: str | None) -> None:
    """Say what the search waits for where the journal cannot: it may be what waits."""
    _LOG.warning("ptune: %s", "its storage answers again" if what is None else f"waiting for {what}")


def _text(folder: Path | None) -> str | None:
    return None if folder is None else str(folder)


@contextlib.contextmanager
def _watched(observer: Observer | None, folder: Path) -> Iterator[None]:
    if observer is not None:
        observer.start(folder)
    try:
        yield
    finally:
        if observer is not None:
            observer.stop()
