"""Where MLflow shows the searches of a runs folder: the store that holds them, and the place of their trials in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ptune.errors import TrackingError
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run.folders import bring_journals, search_folder
from ptune.run.search import RESULT
from ptune.spec.tracking import scheme_of
from ptune.tracking.location import DATABASE, artifact_location, experiment_of, resolve_uri
from ptune.tracking.views import page, view_route


@dataclass(frozen=True)
class Shown:
    """MLflow's pages on some searches."""

    uri: str
    """The store that holds them."""
    artifacts: str | None
    """Where a database's files are; None for a server, which has pages of its own."""
    route: str | None
    """The place of the trials on a server, relative to its address; None while there are none."""

    def link(self, server: str) -> str:
        """The address of the trials on a server, or else the server's own."""
        return server if self.route is None else page(server, self.route)


def shown(runs: Path, name: str | None) -> Shown:
    """Where MLflow shows the trials of the search `name`, or (None) those of every search of the job that ran last.

    Raises:
        NotFoundError: there is no search of that name.
        TrackingError: nothing is tracked yet, MLflow does not show that search, or the store cannot be asked.
    """
    if name is None:
        bring_journals(runs)
    history = _latest(runs) if name is None else History.of(read(search_folder(runs, name) / JOURNAL))
    if name is not None and (history is None or history.run_id is None):
        raise TrackingError(
            f'{name} has no page in MLflow: it has not begun, or its job says tracking.type = "none". '
            f"`ptune report {name}` shows it"
        )
    uri = resolve_uri(None if history is None else history.job.tracking.uri, runs)
    if scheme_of(uri) == "sqlite" and uri.endswith(DATABASE) and not (runs / DATABASE).exists():
        raise TrackingError(
            f"nothing is tracked in {runs} yet; run a search first: ptune search JOB. "
            'MLflow does not show a search whose job says tracking.type = "none"; `ptune report NAME` does'
        )
    return Shown(uri, artifact_location(uri, runs), None if history is None else _route(history, uri, runs, name))


def _route(history: History, uri: str, runs: Path, name: str | None) -> str | None:
    """The place of the trials of the search `name`, or of all in its experiment."""
    assert history.run_id is not None, "only tracked searches are shown"
    try:
        experiment = _concluded(runs / history.header.name / RESULT) or experiment_of(uri, history.run_id)
    except TrackingError:
        if name is not None:
            raise
        return None  # the pages of this store show other searches
    return view_route(experiment, search_id=None if name is None else history.header.id)


def _latest(runs: Path) -> History | None:
    """The search whose journal was written last, of those that MLflow shows."""
    journals = sorted(runs.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime, reverse=True)
    histories = (History.of(read(path)) for path in journals)
    return next((history for history in histories if history.run_id is not None), None)


def _concluded(result: Path) -> str | None:
    """The MLflow experiment that a search's result names; None without one."""
    try:
        experiment = json.loads(result.read_text(encoding="utf-8"))["mlflow"]["experiment_id"]
    except (OSError, ValueError, KeyError, TypeError):  # no result yet, half a file, or a search that is not tracked
        return None
    return experiment if isinstance(experiment, str) else None
