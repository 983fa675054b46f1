"""Where MLflow keeps the runs: the tracking URI, the artifact folder, the database file.

The module knows nothing of journals. It imports `mlflow` only to create a database and to ask for a run.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from ptune.errors import SpecError, TrackingError
from ptune.files import replacing
from ptune.spec.tracking import DATABASES, filled_in, place_law, scheme_of, uri_law, without_password

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output belongs to the command
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a blind retry of `create run` can make two; ours looks first
}


def resolve_uri(job_uri: str | None, runs_folder: Path) -> str:
    """The tracking URI: the job's, else MLFLOW_TRACKING_URI, else SQLite in the runs folder.

    Raises:
        SpecError: MLflow cannot be there, see `ptune.spec.tracking.place_law`, or a variable is not set that the job
            names; MLflow's file store, which MLflow 3 refuses, is no place either.
    """
    if job_uri:
        if (law := place_law(job_uri, os.environ)) is not None:
            raise SpecError(f"tracking.uri {law}")
        return filled_in(job_uri, os.environ)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{runs_folder.resolve() / DATABASE}"
    if (law := uri_law(uri)) is not None:
        raise SpecError(f"MLFLOW_TRACKING_URI {law}")
    return uri


def artifact_location(uri: str, runs_folder: Path) -> str | None:
    """Where a new experiment keeps its files: the runs folder's own for a database; None lets a server decide."""
    return str(runs_folder.resolve() / ARTIFACTS) if scheme_of(uri) in DATABASES else None


def quiet_mlflow() -> None:
    """Make MLflow in this process fail fast, print nothing and report nothing home; the user's own settings win."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):  # for when mlflow was imported before
        logging.getLogger(name).setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):  # one warning per refused connection otherwise
        logging.getLogger(name).setLevel(logging.ERROR)


def create_database(uri: str) -> None:
    """Create a missing SQLite file with MLflow's tables, whole or not at all; leave every other URI alone.

    MLflow creates the tables in dozens of steps. A process that is killed half way leaves a broken file, and two
    processes at once disturb each other. The tables are therefore made in a draft, under a lock, and the finished file
    takes the name.
    """
    path = sqlite_file(uri)
    if path is None or path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with replacing(path) as draft:
                SqlAlchemyStore(f"sqlite:///{draft.resolve()}", str(path.parent / ARTIFACTS)).engine.dispose()


def experiment_of(uri: str, run_id: str) -> str:
    """The id of the experiment that holds a run.

    Raises:
        TrackingError: the store has no such run, or cannot be asked.
    """
    quiet_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return str(MlflowClient(uri).get_run(run_id).info.experiment_id)
    except MlflowException as error:
        raise TrackingError(f"MLflow at {without_password(uri)} does not show run {run_id}: {error}") from error


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite URI; None for other stores and databases in memory."""
    _, slashes, name = uri.partition(":///")
    name = name.partition("?")[0]
    return Path(name) if slashes and scheme_of(uri) == "sqlite" and name not in {"", ":memory:"} else None
