"""How a run is put together: a job, a place to train, who watches, the files at the end. The command line shares it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.api.jobs import JobSource, read_job
from ptune.run.interrupts import interrupts

if TYPE_CHECKING:
    from ptune.run.search import Outcome
    from ptune.run.session import Observer, Runner
    from ptune.spec.resources import Resources


def runner_for(*, local: bool, address: str | None, owns_process: bool = False) -> Runner:
    """Where a search trains.

    Args:
        local: in this process, without Ray.
        address: `host:port` of a Ray cluster's head; None is RAY_ADDRESS, else this machine.
        owns_process: see `ready_to_train`.
    """
    if local:
        ready_to_train(owns_process=owns_process)
        from ptune.run.local import LocalRunner

        return LocalRunner()
    from ptune.raytune.runner import RayRunner

    return RayRunner(address)


def ready_to_train(*, owns_process: bool) -> None:
    """Settle how torch and transformers behave in this process, before either is imported.

    Args:
        owns_process: whether this process does nothing else, so that it may leave out what ptune does not use.
    """
    from ptune.run.cores import share_cores

    share_cores()
    if owns_process:
        from ptune.backbone.lean_imports import import_leanly

        import_leanly(trains=True)


def start(
    source: JobSource,
    overrides: Sequence[str],
    runs: Path,
    runner: Runner,
    observer: Observer | None,
    *,
    only: bool = False,
    keeps_data: bool = False,
) -> Outcome:
    """Run a job as a new search; see `ptune.run.search.start_search`.

    Args:
        source: the job.
        overrides: settings that replace the job's.
        runs: the runs folder.
        runner: where to train.
        observer: watches while it runs.
        only: refuse a name that is taken, instead of numbering the search.
        keeps_data: copy the data files into the search's folder.
    """
    from ptune.report.write_files import publish
    from ptune.run.folders import claim_folder, take_folder
    from ptune.run.search import start_search

    job, text = read_job(source, overrides, runs)
    with interrupts():
        claim = take_folder if only else claim_folder
        return start_search(job, text, runs, runner, observer, publish, claim=claim, keeps_data=keeps_data)


def resume(
    name: str,
    runs: Path,
    runner: Runner,
    observer: Observer | None,
    resources: Resources | None = None,
    *,
    changed_libraries: bool = False,
) -> Outcome:
    """Take up a search where its journal ends; see `ptune.run.search.resume_search`."""
    from ptune.report.write_files import publish
    from ptune.run.search import resume_search

    with interrupts():
        return resume_search(
            name, runs, runner, observer, publish, resources=resources, changed_libraries=changed_libraries
        )


def confirm(name: str, runs: Path, runner: Runner, observer: Observer | None, *, top: int, seeds: int) -> Outcome:
    """Repeat the best configurations of a finished search on fresh seeds; see `ptune.run.search.confirm_search`."""
    from ptune.report.write_files import publish
    from ptune.run.search import confirm_search

    with interrupts():
        return confirm_search(name, runs, runner, observer, publish, top=top, seeds=seeds)
