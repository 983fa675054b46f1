"""A search from its first line to its last: set up the folder, train, conclude, leave a record of how it ended."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from ptune.errors import JournalError, nearest
from ptune.files import write_json, write_text
from ptune.history import History, TrialRecord
from ptune.journal import JOURNAL, Journal, read
from ptune.run.confirm import CONFIRMS, confirmation, result
from ptune.run.prepare import Prepared, prepare, versions
from ptune.searching.conductor import Conductor
from ptune.spec.job import Job
from ptune.tracking.location import resolve_uri, without_password
from ptune.tracking.mlflow_writer import MlflowWriter, sync

_UNTRACKED_SECONDS = 20.0
"""How long MLflow, whose import takes seconds, leaves the processor to the first passes once an engine is ready."""
_DRAIN_SECONDS = 60.0
_LAGGING_SECONDS = 5.0
_NAMED = 5  # searches that a message lists


class Runner(Protocol):
    """Where a search trains: in this process, or on Ray."""

    def start(self, prepared: Prepared, folder: Path) -> str:
        """Load what trains; return the type of the frozen weights, which is the same wherever the search trains."""

    def train(self, prepared: Prepared, conductor: Conductor, folder: Path) -> None:
        """Run turns until the conductor is done."""

    def conclude(self, prepared: Prepared, history: History, folder: Path) -> dict[str, Any]:
        """Export the best prompt and score what is to be scored on the test split.

        See `ptune.run.testing.conclude_all`, which answers alike everywhere.
        """


class Observer(Protocol):
    """Something that watches a search through its journal, such as a live table."""

    def start(self, folder: Path) -> None:
        """The journal exists; begin to watch."""

    def stop(self) -> None:
        """The search is over."""


class Publisher(Protocol):
    """Writes what people look at (leaderboard, plots) into a search's folder, before MLflow takes the files."""

    def __call__(self, folder: Path, history: History, importances: dict[str, float]) -> None:
        """Write the files."""


@dataclass(frozen=True)
class Outcome:
    """What a search came to."""

    name: str
    folder: Path
    status: Literal["complete", "interrupted"]
    history: History
    conclusion: dict[str, Any]
    """`artifact`, `peft` and `test` of `ptune.run.outcome.conclude`."""
    importances: dict[str, float]
    """Each parameter's share in what made trials good; empty when there is too little to tell."""
    mlflow: dict[str, Any]
    """uri, experiment_id, parent_run_id, and `lagging`: why MLflow is not up to date, or None."""
    wall_s: float
    """Seconds of this process's part."""

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, if any trial has a result."""
        return self.history.best

    def to_json(self) -> dict[str, Any]:
        """The result as one JSON object, for programs."""
        confirmed = result(self.history)
        return {
            "name": self.name,
            "status": self.status,
            "trials": len(self.history.trials),
            "statuses": self.history.statuses,
            "best": best_summary(self.history),
            "test": self.conclusion.get("test"),
            "mlflow": self.mlflow,
            "artifact": self.conclusion.get("artifact"),
            "peft": self.conclusion.get("peft"),
            "importances": self.importances,
            "wall_s": round(self.wall_s, 3),
        } | ({} if confirmed is None else {"confirmation": confirmed})


def runs_folder() -> Path:
    """Where searches live: `PTUNE_RUNS`, or `ptune_runs` in the working directory."""
    return Path(os.environ.get("PTUNE_RUNS", "ptune_runs")).resolve()


def claim_folder(runs: Path, name: str) -> Path:
    """Make the folder of a new search: the name's own, or `name-2`, `name-3`, ... when that exists."""
    runs.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # in one step, so that of two searches started together each has its own
            return folder
    raise AssertionError("counting does not end")


def search_folder(runs: Path, name: str) -> Path:
    """The folder of an existing search.

    Raises:
        JournalError: there is none of that name; the message has the nearest, and the latest few.
    """
    folder = runs / name
    if not (folder / JOURNAL).exists():
        journals = sorted(runs.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime, reverse=True)
        names = [path.parent.name for path in journals]
        rest = f" and {len(names) - _NAMED} more, see `ptune list`" if len(names) > _NAMED else ""
        known = f"the latest: {', '.join(names[:_NAMED])}{rest}" if names else "there is none"
        raise JournalError(f"no search named {name!r} in {runs}{nearest(name, names)} ({known})")
    return folder


def start_search(
    job: Job,
    job_text: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None = None,
    publish: Publisher | None = None,
    confirms: dict[str, Any] | None = None,
) -> Outcome:
    """Run a job as a new search.

    Args:
        job: the job, read from `job_text`.
        job_text: the job file as the user wrote it; kept beside the journal.
        runs: the runs folder.
        runner: where to train.
        observer: watches while it runs.
        publish: writes leaderboard and plots at the end.
        confirms: what the search confirms, if it is a confirmation; see `ptune.run.confirm.confirmation`.

    Raises:
        PtuneError: the job cannot run; nothing has been written then.
    """
    resolve_uri(job.tracking.uri, runs)
    tracking = job.tracking.model_copy(update={"experiment": job.tracking.experiment or job.name})
    prepared = prepare(job.model_copy(update={"tracking": tracking}))
    folder = claim_folder(runs, job.name)
    prepared = prepared.renamed(folder.name)
    write_text(folder / "job.toml", job_text)
    write_json(folder / "job.json", prepared.job.model_dump(mode="json"))
    with contextlib.closing(Journal(folder / JOURNAL)) as journal:
        journal.append("search", **prepared.header, **({} if confirms is None else {CONFIRMS: confirms}))
        return _run(prepared, journal, folder, runner, observer, publish)


def resume_search(
    name: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None = None,
    publish: Publisher | None = None,
) -> Outcome:
    """Take up a search where its journal ends; a finished one is concluded again.

    Raises:
        JournalError: there is no such search, another process runs it, or its data or backbone has changed.
        PtuneError: what the job needs is not there any more.
    """
    folder = search_folder(runs, name)
    with contextlib.closing(Journal(folder / JOURNAL)) as journal:
        events = read(folder / JOURNAL)
        if not events:
            raise JournalError(f"{name} was stopped before its first step; start it again with `ptune search`")
        prepared = prepare(Job.model_validate(events[0]["job"]))
        _check_same(events[0], prepared.header, name)
        journal.append("resumed", versions=versions())
        return _run(prepared, journal, folder, runner, observer, publish)


def confirm_search(
    name: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None = None,
    publish: Publisher | None = None,
    *,
    top: int,
    seeds: int,
) -> Outcome:
    """Repeat the best configurations of a finished search as a search of its own; see `ptune.run.confirm`.

    Raises:
        JournalError: there is no such search, or it has not finished.
        PtuneError: what the job needs is not there any more, or there is nothing to confirm.
    """
    folder = search_folder(runs, name)
    job, confirms = confirmation(History.of(read(folder / JOURNAL)), top, seeds)
    said = f"# ptune confirm {name} --top {top} --seeds {seeds}; job.json beside this file is the job that runs\n"
    text = (folder / "job.toml").read_text(encoding="utf-8")
    return start_search(job, said + text, runs, runner, observer, publish, confirms)


def sync_search(name: str, runs: Path) -> tuple[str, str]:
    """Send MLflow what it lacks of a search that does not run; return the tracking URI and the search's run id.

    Raises:
        JournalError: there is no such search, or a process runs it.
        TrackingError: the store cannot be reached or refuses a part.
    """
    folder = search_folder(runs, name)
    with contextlib.closing(Journal(folder / JOURNAL)) as journal:
        job = Job.model_validate(read(journal.path)[0]["job"])
        uri = resolve_uri(job.tracking.uri, runs)
        return uri, sync(folder, uri, job.tracking.experiment or job.name, _tracked(journal))


def best_summary(history: History) -> dict[str, Any] | None:
    """The best trial as a program reads it: trial, config, metrics of its best epoch, and that epoch."""
    best = history.best
    if best is None:
        return None
    epoch, metrics = best.best_epoch(history.metric), best.kept(history.metric)
    return {"trial": best.number, "config": best.config, "metrics": metrics, "epoch": epoch}


def _check_same(header: dict[str, Any], fresh: dict[str, Any], name: str) -> None:
    """A search goes on only with the data and weights it began with; else its numbers would not be comparable."""
    then = {split: about["digest"] for split, about in header["data"].items()}
    now = {split: about["digest"] for split, about in fresh["data"].items()}
    if then != now:
        changed = sorted(split for split in {*then, *now} if then.get(split) != now.get(split))
        raise JournalError(f"{name} cannot be resumed: its data has changed since it began ({', '.join(changed)})")
    if header["backbone"]["hash"] != fresh["backbone"]["hash"]:
        raise JournalError(
            f"{name} cannot be resumed: the weights of {header['backbone']['id']} have changed since it began "
            f"(sha256 {header['backbone']['hash'][:12]}, found {fresh['backbone']['hash'][:12]})"
        )


def _run(
    prepared: Prepared,
    journal: Journal,
    folder: Path,
    runner: Runner,
    observer: Observer | None,
    publish: Publisher | None,
) -> Outcome:
    began = time.monotonic()
    job = prepared.job
    conductor = Conductor(job, prepared.layers, journal, read(journal.path))
    prepared = prepared.typed(conductor.history.dtype)
    uri = resolve_uri(job.tracking.uri, folder.parent)
    writer = MlflowWriter(folder, uri, job.tracking.experiment or job.name, _tracked(journal))
    status: Literal["complete", "interrupted"] = "complete"
    conclusion: dict[str, Any] = {"artifact": None, "peft": None, "test": None}
    with _watched(observer, folder):
        try:
            if not conductor.done:
                dtype = runner.start(prepared, folder)
                if conductor.history.dtype is None:
                    conductor.history.apply(journal.append("loaded", dtype=dtype))
            writer.start(_UNTRACKED_SECONDS)
            runner.train(prepared, conductor, folder)
            conclusion = runner.conclude(prepared, conductor.history, folder)
            for trial, metrics in conclusion.get("tested", {}).items():
                conductor.tested(trial, metrics)
        except KeyboardInterrupt:
            status = "interrupted"
        except BaseException:
            journal.append("ended", status="failed", best=best_summary(conductor.history))
            _close(writer)
            raise
        best = best_summary(conductor.history)
        conductor.history.apply(journal.append("ended", status=status, best=best, test=conclusion.get("test")))
        try:
            importances = {} if CONFIRMS in conductor.history.header else conductor.importances()
            if publish is not None and conductor.history.trials:
                publish(folder, conductor.history, importances)
        finally:
            _close(writer)
    tracked = {
        "uri": without_password(uri),
        "experiment_id": writer.experiment_id,
        "parent_run_id": writer.parent_run_id,
    }
    outcome = Outcome(
        name=job.name,
        folder=folder,
        status=status,
        history=conductor.history,
        conclusion=conclusion,
        importances=importances,
        mlflow={**tracked, "lagging": writer.lagging},
        wall_s=time.monotonic() - began,
    )
    write_json(folder / "result.json", outcome.to_json())
    return outcome


def _close(writer: MlflowWriter) -> None:
    """Send MLflow the rest; a server that is behind already is not waited for, since `ptune sync` can catch up."""
    writer.close(_LAGGING_SECONDS if writer.lagging else _DRAIN_SECONDS)


def _tracked(journal: Journal) -> Callable[[int | None, str], None]:
    def record(trial: int | None, run_id: str) -> None:
        journal.append("tracked", trial=trial, run_id=run_id)

    return record


@contextlib.contextmanager
def _watched(observer: Observer | None, folder: Path) -> Iterator[None]:
    if observer is not None:
        observer.start(folder)
    try:
        yield
    finally:
        if observer is not None:
            observer.stop()
