"""What MLflow holds of a search, fetched: its prompt, of a run or of a model, and how its configurations ranked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import TrackingError, nearest
from ptune.spec.tracking import MODELS, RUNS, without_password
from ptune.tracking.location import quiet_mlflow, sqlite_file
from ptune.tracking.projection import SEARCH_TAG, TRIAL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

_FOLDER, _LEADERBOARD = "artifact", "leaderboard.json"


def fetch_prompt(uri: str, tracking_uri: str, target: Path) -> Path:
    """Copy a prompt into a folder; return where it lies there.

    Args:
        uri: a run, `runs:/RUN_ID` or the id alone, or a folder of it, `runs:/RUN_ID/artifact-mlflow`; or a model,
            `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `models:/MODEL_ID`.
        tracking_uri: where MLflow keeps its runs.
        target: an existing folder.

    Raises:
        TrackingError: MLflow does not answer, has no such run or model, or it holds no prompt.
    """
    with _asked(uri, tracking_uri) as client:
        if uri.startswith(MODELS):
            return _of_model(client, uri, tracking_uri, target)
        return _of_run(client, uri, tracking_uri, target)


def fetch_leaderboard(uri: str, tracking_uri: str, target: Path) -> Path:
    """Copy the leaderboard of a search that has ended into a folder; return where it lies there.

    Args:
        uri: the run of the search, `runs:/RUN_ID`.
        tracking_uri: where MLflow keeps its runs.
        target: an existing folder.

    Raises:
        TrackingError: MLflow does not answer or has no such run, or it is none of a search that has ended.
    """
    with _asked(uri, tracking_uri) as client:
        run_id = uri.removeprefix(RUNS)
        tags = client.get_run(run_id).data.tags
        if SEARCH_TAG not in tags or TRIAL_TAG in tags:
            above = tags.get("mlflow.parentRunId")
            hint = "" if above is None else f"; that of its search is {RUNS}{above}"
            raise TrackingError(f"{uri} is not the run of a search{hint}")
        if _LEADERBOARD not in [file.path for file in client.list_artifacts(run_id)]:
            raise TrackingError(f"{uri} holds no {_LEADERBOARD}; the run of a search has one once the search has ended")
        return Path(client.download_artifacts(run_id, _LEADERBOARD, str(target)))


@contextmanager
def _asked(uri: str, tracking_uri: str) -> Iterator[MlflowClient]:
    """A client that is asked for what a URI names; what it raises says what is wrong with that."""
    quiet_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    database = sqlite_file(tracking_uri)
    if database is not None and not database.is_file():  # which MLflow would make
        raise TrackingError(
            f"{uri} cannot be fetched: there is no database {database}; set MLFLOW_TRACKING_URI to where MLflow keeps "
            "the run"
        )
    client = MlflowClient(tracking_uri, tracking_uri)
    try:
        yield client
    except MlflowException as error:
        if "failed with exception" in error.message:  # by which MLflow says that no server answered
            problem = "MLflow does not answer there; start it, or set MLFLOW_TRACKING_URI to where it is"
        else:
            problem = f"{error.message.splitlines()[0]}{_instead(client, uri, error)}"
        raise TrackingError(f"{uri} cannot be fetched from {without_password(tracking_uri)}: {problem}") from None
    except OSError as error:  # MLflow passes on what its store of files raises
        raise TrackingError(f"what {uri} names is not there: {error}") from None


def _of_run(client: MlflowClient, uri: str, tracking_uri: str, target: Path) -> Path:
    """The prompt of a search's run, or of the run of its best trial."""
    run_id, _, path = uri.removeprefix(RUNS).strip("/").partition("/")
    run = client.get_run(run_id)
    tags, outputs = run.data.tags, run.outputs.model_outputs if run.outputs else []
    if TRIAL_TAG in tags:
        if outputs and not path:
            return _of_model(client, f"{MODELS}{outputs[0].model_id}", tracking_uri, target)
        raise TrackingError(
            f"{uri} is a trial's run, and MLflow holds the prompt of the best trial alone: export it from its search, "
            f"`ptune export {tags.get(SEARCH_TAG, 'NAME')} --trial {tags[TRIAL_TAG]}`"
        )
    wanted = path or _FOLDER
    names = [file.path for file in client.list_artifacts(run_id)]
    if wanted.partition("/")[0] not in names:
        held = ", ".join(names) or "no files"
        raise TrackingError(
            f"{uri} holds no {wanted}{nearest(wanted, names)} (it holds: {held}); the run of a search has its best "
            "prompt once the search is complete"
        )
    return Path(client.download_artifacts(run_id, wanted, str(target)))


def _of_model(client: MlflowClient, uri: str, tracking_uri: str, target: Path) -> Path:
    """The files of a logged model, or of a version of a registered one."""
    from mlflow.artifacts import download_artifacts

    name, _, alias = uri.removeprefix(MODELS).partition("@")
    name, _, version = name.partition("/")
    if alias:
        version = client.get_model_version_by_alias(name, alias).version
    place = (
        client.get_model_version_download_uri(name, version)
        if version
        else client.get_logged_model(name).artifact_location
    )
    return Path(download_artifacts(artifact_uri=place, dst_path=str(target), tracking_uri=tracking_uri))


def _instead(client: MlflowClient, uri: str, error: MlflowException) -> str:
    """What there is of registered models, where one is not found."""
    name = uri.removeprefix(MODELS).partition("@")[0].partition("/")[0]
    if not uri.startswith(MODELS) or error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        return ""
    models = {model.name: model for model in client.search_registered_models()}
    if name not in models:
        return f"{nearest(name, models)} (registered: {', '.join(models) or 'none'})"
    aliases = "".join(f", {MODELS}{name}@{alias}" for alias in models[name].aliases)
    versions = [version.version for version in client.search_model_versions(f"name = '{name}'")]
    return f" (there is: {', '.join(f'{MODELS}{name}/{version}' for version in versions)}{aliases})"
