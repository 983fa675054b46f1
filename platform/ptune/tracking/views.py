"""How MLflow's pages show a search when they open: trials ranked, with useful columns, and charts that say something.

Pure. MLflow keeps a shared view in a tag of the experiment, as its page writes one when a user shares what they see
(MLflow 3.17: `mlflow/server/js`, the state of the runs page), and opens it by its key in the address.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ptune.record.history import History
from ptune.tracking.metrics import best_key, metric_key
from ptune.tracking.notes import experiment_note

_VIEW = "mlflow.sharedViewState."
_SECTION = "ptune"
_SIZES = ("trainable_parameters", "seconds_per_epoch")
TRIALS = "tags.`ptune.kind` = 'trial'"
"""MLflow's filter for trials of any search."""


def experiment_tags(history: History, names: Sequence[str]) -> dict[str, str]:
    """The tags by which an experiment opens on its trials.

    Args:
        history: the search.
        names: the parameters by which its trials differ.
    """
    objective, search = history.objective, history.header
    only = f"{TRIALS} AND tags.`ptune.search` = '{search.id}'"
    return {
        "mlflow.experimentKind": "custom_model_development",  # its pages are for training, not for language models
        "mlflow.experiment.primaryMetric.name": best_key(objective),
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(objective.direction == "maximize"),
        "mlflow.note.content": experiment_note(history),
        _VIEW + every_search(): _saved("All searches", _state(history, names, TRIALS)),
        _VIEW + view_key(search.id): _saved(f"Search {search.name}", _state(history, names, only)),
    }


def every_search() -> str:
    """The key of the view on the trials of all searches of an experiment."""
    return "ptune"


def view_key(search_id: str) -> str:
    """The key of the view on the trials of one search."""
    return f"ptune-{search_id}"


def page(server: str, experiment_id: str, key: str) -> str:
    """The address of a view on a server."""
    return (
        f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={key}"
    )


def _saved(name: str, state: dict[str, Any]) -> str:
    """A view under a name, as MLflow saves it; without a time, so that writing it again changes nothing."""
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


def _state(history: History, names: Sequence[str], filter_string: str) -> dict[str, Any]:
    objective = history.objective
    best = best_key(objective)
    metrics = [best, f"test_{metric_key(objective.metric)}", "best_epoch", "trained_epochs", *_SIZES]
    columns = [
        *(f"metrics.`{name}`" for name in metrics),
        *(f"params.`{name}`" for name in names),
        "tags.`ptune.status`",
    ]
    return {
        "searchFilter": filter_string,
        "orderByKey": f"metrics.`{best}`",
        "orderByAsc": objective.direction == "minimize",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "runsHiddenMode": "SHOW_ALL" if len(history.trials) <= 100 else "FIRST_20_RUNS",
        "compareRunCharts": _charts(best, metric_key(objective.metric), names),
        "compareRunSections": [
            {"uuid": _SECTION, "name": "Trials", "display": True, "isReordered": False, "deleted": False}
        ],
        "hideEmptyCharts": True,
    }


def _charts(best: str, metric: str, names: Sequence[str]) -> list[dict[str, Any]]:
    compared: dict[str, Any] = {
        "type": "PARALLEL",
        "selectedParams": list(names),
        "selectedMetrics": [best],
        "showAllRuns": False,
    }
    curve: dict[str, Any] = {
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisKey": "step",
        "useGlobalXaxisKey": False,
        "displayPoints": True,
        "range": {},
        "xAxisScaleType": "linear",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
    }
    size: dict[str, Any] = {
        "type": "SCATTER",
        "xaxis": {"key": "trainable_parameters", "type": "METRIC"},
        "yaxis": {"key": best, "type": "METRIC"},
    }
    common = {"metricSectionId": _SECTION, "deleted": False, "isGenerated": False, "runsCountToCompare": 100}
    shown = (compared, curve, size)
    return [{**common, **chart, "uuid": f"{_SECTION}-{number}"} for number, chart in enumerate(shown)]
