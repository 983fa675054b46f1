"""The best prompt of a search as a model of MLflow: logged once, with the numbers of its trial, and perhaps registered.

A model is found again by its tags, so that whatever cuts the work short is made good by the next attempt. A model that
is there and ready is never sent again. As `ptune.tracking.store` does, this module knows no journals.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from ptune.spec.task import Task
from ptune.tracking.metrics import shown
from ptune.tracking.model import write_model
from ptune.tracking.projection import SEARCH_TAG, TRIAL_TAG, Point

METRIC_TAG, VALUE_TAG, DATA_TAG = "ptune.metric", "ptune.value", "ptune.dev"
"""Of a registered version: the metric, its value, and the digest of the dev split on which it was measured."""
_VERSIONS_TAG = "mlflow.modelVersions"


@dataclass(frozen=True)
class BestModel:
    """The best prompt of a search, as MLflow shows it.

    Attributes:
        search: the search's id.
        name: what the model is called.
        trial: number of the trial that trained it.
        task: what it answers.
        backbone: what it was trained on, as its job names it.
        params: the trial's parameters.
        points: the trial's numbers, as its run has them.
        runs: the trial's run, then the search's.
        folder: the artifact.
        quantized: whether its backbone is.
    """

    search: str
    name: str
    trial: int
    task: Task
    backbone: str
    params: Mapping[str, str]
    points: Sequence[Point]
    runs: Sequence[str]
    folder: Path
    quantized: bool = False


@dataclass(frozen=True)
class Registration:
    """A version of a registered model.

    Attributes:
        name: the registered model.
        alias: the alias that it is to have.
        metric: the metric of the search.
        value: its value.
        data: digest of the dev split.
        beats: whether a value is better than another.
    """

    name: str
    alias: str
    metric: str
    value: float
    data: str
    beats: Callable[[float, float], bool]

    @property
    def tags(self) -> dict[str, str]:
        """What a later version is compared by."""
        return {METRIC_TAG: self.metric, VALUE_TAG: repr(self.value), DATA_TAG: self.data}

    def takes_over(self, version: ModelVersion, holder: ModelVersion | None) -> bool:
        """Whether the alias moves to a version from the one that has it.

        Of two best prompts that were measured alike, the better one has it; of all others, the later one.
        """
        if holder is None:
            return True
        alike = all(holder.tags.get(tag) == self.tags[tag] for tag in (METRIC_TAG, DATA_TAG))
        if self.alias == "best" and alike and (before := float(holder.tags[VALUE_TAG])) != self.value:
            return self.beats(self.value, before)
        return int(version.version) > int(holder.version)


def log_best(client: MlflowClient, experiment_id: str, best: BestModel) -> LoggedModel | None:
    """The logged model of a search's best prompt, made unless it is there; what former attempts left is removed.

    None where somebody has deleted it: it stays deleted.
    """
    stored = client.search_logged_models(
        [experiment_id], filter_string=f"tags.`{SEARCH_TAG}` = '{best.search}'", max_results=50
    )
    stored.sort(key=lambda model: model.status != LoggedModelStatus.READY)
    for stray in stored[1:]:
        client.delete_logged_model(stray.model_id)
    if stored and stored[0].status == LoggedModelStatus.READY:
        return stored[0]
    linked = {run_id: _linked(client, run_id) for run_id in best.runs}
    if not stored and any(linked.values()):
        return None
    model = stored[0] if stored else _create(client, experiment_id, best)
    with tempfile.TemporaryDirectory(prefix="ptune-model-") as temporary:
        draft = Path(temporary) / "model"
        described = Model(model_id=model.model_id, run_id=best.runs[0])
        write_model(draft, best.task, best.backbone, quantized=best.quantized, model=described)
        shutil.copytree(best.folder, draft, dirs_exist_ok=True)
        client.log_model_artifacts(model.model_id, str(draft))
    metrics = [
        Metric(point.key, shown(point.value), point.time, point.step, model_id=model.model_id) for point in best.points
    ]
    client.log_batch(best.runs[0], metrics=metrics)
    for run_id, models in linked.items():
        if model.model_id not in models:
            client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def register(client: MlflowClient, model: LoggedModel, registration: Registration) -> ModelVersion:
    """The registered version of a logged model, made unless it is there, with its alias if that is due to it."""
    name = registration.name
    try:
        registered = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        registered = client.create_registered_model(name)
    search = model.tags[SEARCH_TAG]
    versions = client.search_model_versions(f"name = '{name}' AND tags.`{SEARCH_TAG}` = '{search}'")
    tags = {SEARCH_TAG: search, TRIAL_TAG: model.tags[TRIAL_TAG], **registration.tags}
    version = (
        versions[0]
        if versions
        else client.create_model_version(
            name,
            model.artifact_location,
            model.source_run_id,
            tags,
            model_id=model.model_id,
            await_creation_for=0,
        )
    )
    listed = json.loads(model.tags.get(_VERSIONS_TAG, "[]"))
    if (name, str(version.version)) not in {(entry["name"], str(entry["version"])) for entry in listed}:
        # By which MLflow's pages lead from the model to its version; a server writes it itself.
        listed.append({"name": name, "version": int(version.version)})
        client.set_logged_model_tags(model.model_id, {_VERSIONS_TAG: json.dumps(listed)})
    number = registered.aliases.get(registration.alias)
    holder = None if number is None else client.get_model_version(name, number)
    if registration.takes_over(version, holder):
        client.set_registered_model_alias(name, registration.alias, version.version)
    return version


def _linked(client: MlflowClient, run_id: str) -> set[str]:
    """The models that a run says it has made, deleted ones included."""
    outputs = client.get_run(run_id).outputs
    return {output.model_id for output in outputs.model_outputs} if outputs else set()


def _create(client: MlflowClient, experiment_id: str, best: BestModel) -> LoggedModel:
    """A model with the tags by which it is found again, and still without files."""
    return client.create_logged_model(
        experiment_id,
        name=best.name.replace(".", "-"),  # which MLflow does not take
        source_run_id=best.runs[0],
        tags={SEARCH_TAG: best.search, TRIAL_TAG: str(best.trial)},
        params=dict(best.params),
        model_type=f"ptune {best.task.kind}",
    )
