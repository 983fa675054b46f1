"""`ptune.search` and `ptune.open`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ptune.api import compose
from ptune.api.arguments import as_path
from ptune.api.jobs import JobSource, overrides_of
from ptune.api.result import SearchResult, concluded
from ptune.api.watching import observer_for


def search(
    job: JobSource,
    *,
    local: bool = False,
    address: str | None = None,
    set: Mapping[str, object] | None = None,  # noqa: A002 - the word that `ptune search` has
    name: str | None = None,
    runs: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> SearchResult:
    """Run a job, and wait for its end: propose configurations, train their prompts, export the best one.

    Args:
        job: a job file's path; its tables as a dictionary, in which paths are relative to the working directory; or a
            `Job`.
        local: train in this process, without Ray.
        address: Ray cluster to train on, as `host:port`; None is RAY_ADDRESS, else this machine.
        set: values that replace the job's, by dotted key, such as `{"budget.trials": 4}`.
        name: name of the search; None is the job's.
        runs: folder that holds searches; None is PTUNE_RUNS, else `ptune_runs` in the working directory.
        progress: show how the search gets on: below the cell of a notebook, else on standard error.

    Returns:
        The search, complete. `ptune.open` finds it again.

    Raises:
        SpecError: the job breaks a law; the message has one line for each problem.
        PtuneError: the job cannot run; its kinds are in `ptune.errors`.
        KeyboardInterrupt: Ctrl-C, a notebook's stop button or SIGTERM. What the search has is saved;
            `ptune.open(name).resume()` goes on.

    Examples:
        >>> result = ptune.search(
        ...     "jobs/quickstart.toml",
        ...     local=True,
        ...     set={"budget.trials": 2, "budget.epochs": 2, "task.data.limit_train": 40, "task.data.limit_dev": 40},
        ...     progress=False,
        ... )
        >>> result
        <ptune search 'quickstart': complete, 2 trials, best accuracy ... (trial ...)>
        >>> result.export("my-prompt").name
        'my-prompt'
    """
    folder = runs_at(runs)
    runner = compose.runner_for(local=local, address=address)
    outcome = compose.start(job, overrides_of(set, name), folder, runner, observer_for(progress=progress))
    return concluded(outcome.folder, outcome.status)


def open(name: str | os.PathLike[str], *, runs: str | os.PathLike[str] | None = None) -> SearchResult:  # noqa: A001
    """An earlier search, or one that runs in another process or thread.

    Args:
        name: the search's name, or the path of its folder.
        runs: folder that holds searches; None is PTUNE_RUNS, else `ptune_runs` in the working directory.

    Raises:
        NotFoundError: there is no such search; the message has the nearest name, and the latest few.
        SpecError: an argument is no path.

    Examples:
        >>> ptune.open("quickstart").status
        'complete'
        >>> ptune.open("quickstat")
        Traceback (most recent call last):
        ptune.errors.NotFoundError: no search named 'quickstat' in ...; did you mean 'quickstart'? (...)
    """
    from ptune.run.folders import search_folder

    path = as_path(name, "name")
    if len(path.parts) > 1:
        return SearchResult(search_folder(path.absolute().parent, path.name))
    return SearchResult(search_folder(runs_at(runs), path.name))


def runs_at(folder: str | os.PathLike[str] | None) -> Path:
    """The folder that holds searches."""
    from ptune.run.folders import runs_folder

    return runs_folder(folder if folder is None or isinstance(folder, str) else str(as_path(folder, "runs")))
