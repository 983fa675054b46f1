"""A search's best prompt, fetched from the MLflow run that shows the search."""

from __future__ import annotations

from pathlib import Path

from ptune.errors import TrackingError
from ptune.tracking.location import quiet_mlflow
from ptune.tracking.projection import SEARCH_TAG, TRIAL_TAG

_FOLDER = "artifact"


def fetch_prompt(uri: str, tracking_uri: str, target: Path) -> Path:
    """Copy the prompt of a run into a folder; return where it lies there.

    Args:
        uri: `runs:/RUN_ID`, or a folder of the run, `runs:/RUN_ID/artifact-mlflow`.
        tracking_uri: where MLflow keeps its runs.
        target: an existing folder.

    Raises:
        TrackingError: there is no such run, or it holds no prompt.
    """
    quiet_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    run_id, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
    client = MlflowClient(tracking_uri)
    try:
        tags = client.get_run(run_id).data.tags
        if TRIAL_TAG in tags:
            raise TrackingError(
                f"{uri} is a trial's run, and MLflow holds no prompts of trials: export it from its search, "
                f"`ptune export {tags.get(SEARCH_TAG, 'NAME')} --trial {tags[TRIAL_TAG]}`"
            )
        return Path(client.download_artifacts(run_id, path or _FOLDER, str(target)))
    except MlflowException as error:
        raise TrackingError(f"{uri} cannot be fetched from {tracking_uri}: {error.message}") from None
    except OSError as error:  # MLflow passes on what its store of files raises
        raise TrackingError(f"{uri} holds no {path or _FOLDER}: {error}") from None
