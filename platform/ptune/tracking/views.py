"""How MLflow's pages show searches when they open: trials ranked, with useful columns, and charts that say something.

Pure. MLflow keeps a view in a tag of the experiment, as its page writes one when a user saves what they see (MLflow
3.17: `mlflow/server/js`, the state of the runs page), and opens it by its key in the address. An experiment has three
views of all its searches, and three of each search.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.history import History
from ptune.spec import grid
from ptune.tracking.metrics import best_key, metric_key

View = Literal["leaderboard", "compare", "curves"]
VIEWS: dict[View, str] = {"leaderboard": "Leaderboard", "compare": "Compare the best", "curves": "Curves"}
"""What each view is called."""
TRIALS = "tags.`ptune.kind` = 'trial'"
"""MLflow's filter for trials of any search."""

_TAG = "mlflow.sharedViewState."
_SHOWN = 100  # trials in charts; of a larger search, the best 20
_MODE = "workflowType=machine_learning"  # MLflow's pages for training, not those for language models

State = dict[str, Any]
"""A part of a page's state, as MLflow's page writes it in JSON."""


def experiment_tags(history: History) -> dict[str, str]:
    """The tags by which an experiment opens on its trials; they depend on the search's first event alone."""
    objective, search = history.objective, history.header
    started = round((history.started_at or 0) * 1000)
    tags = {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": best_key(objective),
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(objective.direction == "maximize"),
    }
    for number, (view, title) in enumerate(VIEWS.items()):
        every, only = _state(history, view, TRIALS), _state(history, view, of_search(search.id))
        tags[_TAG + view_key(view)] = _saved(f"All searches · {title}", every, started - number)
        tags[_TAG + view_key(view, search.id)] = _saved(f"{search.name} · {title}", only, started - len(VIEWS) - number)
    return tags


def of_search(search_id: str) -> str:
    """MLflow's filter for the trials of one search."""
    return f"{TRIALS} AND tags.`ptune.search` = '{search_id}'"


def view_key(view: View, search_id: str | None = None) -> str:
    """The key of a view on the trials of one search, or (None) of all searches of an experiment."""
    of = "ptune" if search_id is None else f"ptune-{search_id}"
    return of if view == "leaderboard" else f"{of}-{view}"


def view_route(experiment_id: str, view: View = "leaderboard", search_id: str | None = None) -> str:
    """A view's place on a server, relative to the server's address."""
    mode = "" if view == "leaderboard" else "&compareRunsMode=CHART"
    return f"#/experiments/{experiment_id}/runs?{_MODE}&viewStateShareKey={view_key(view, search_id)}{mode}"


def run_route(experiment_id: str, run_id: str, file: str = "") -> str:
    """A run's place on a server, or that of a file of it, relative to the server's address."""
    return f"#/experiments/{experiment_id}/runs/{run_id}{f'/artifacts/{file}' if file else ''}?{_MODE}"


def page(server: str, route: str) -> str:
    """The address of a place on a server."""
    return f"{server.rstrip('/')}/{route}"


def _saved(name: str, state: State, time: int) -> str:
    """A view under a name, as MLflow saves it. MLflow lists the latest `time` first, in milliseconds since 1970."""
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    return json.dumps({"name": name, "createdAt": time, "updatedAt": time, "state": f"deflate;{packed}"})


def _state(history: History, view: View, filter_string: str) -> State:
    objective = history.objective
    sections = [section for section in _sections(history) if view in section.views]
    return {
        "searchFilter": filter_string,
        "orderByKey": f"metrics.`{best_key(objective)}`",
        "orderByAsc": objective.direction == "minimize",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        **_columns(history),
        "runsHiddenMode": "SHOW_ALL" if _trials(history) <= _SHOWN else "FIRST_20_RUNS",
        "runListHidden": view != "leaderboard",
        "compareRunSections": [section.to_state(f"ptune-{number}") for number, section in enumerate(sections)],
        "compareRunCharts": [
            {**_COMMON, **chart, "metricSectionId": f"ptune-{number}", "uuid": f"ptune-{number}-{place}"}
            for number, section in enumerate(sections)
            for place, chart in enumerate(section.charts)
        ],
        "hideEmptyCharts": True,
    }


@dataclass(frozen=True)
class _Section:
    """Charts under one heading, and the views that have them."""

    title: str
    views: tuple[View, ...]
    charts: Sequence[State]
    columns: int = 2
    height: int = 380

    def to_state(self, uuid: str) -> State:
        shown = {"display": True, "isReordered": False, "deleted": False}
        return {"uuid": uuid, "name": self.title, **shown, "columns": self.columns, "cardHeight": self.height}


def _sections(history: History) -> list[_Section]:
    best = best_key(history.objective)
    measured = dict.fromkeys([metric_key(history.objective.metric), "loss", "train_loss"])
    curves = [_curve(name) for name in measured]
    costs = [_scatter(size, best) for size in ("trainable_parameters", "seconds_per_epoch")]
    return [
        *(
            _Section(title, ("leaderboard", "compare"), [_parallel(names, best)], columns=1, height=420)
            for title, names in _compared(history).items()
        ),
        _Section("Curves", ("leaderboard", "curves"), curves),
        _Section("What it costs", ("leaderboard", "compare"), costs),
    ]


def _compared(history: History) -> dict[str, list[str]]:
    """The parameters of each chart that draws them against the metric, by its heading.

    MLflow leaves a trial out that lacks one of a chart's parameters. One chart therefore has what all trials have, and
    a method with more has another chart.
    """
    space, names = history.job.space, history.header.varied
    having = {method: [name for name in names if space.always_has(method, name)] for method in space.methods}
    shared = [name for name in names if all(name in has for has in having.values())]
    further = {method: has for method, has in having.items() if set(has) > set(shared)}
    return {VIEWS["compare"]: shared} | {
        f"Trials of method {method}": [name for name in has if name != "method"] for method, has in further.items()
    }


def _trials(history: History) -> int:
    """How many trials the search will have at most."""
    job, layers = history.job, history.header.backbone.layers
    is_whole_grid = job.budget.sampler == "grid" and job.budget.trials is None
    return grid.size(job.space.on_layers(layers)) if is_whole_grid else job.budget.most_trials


def _columns(history: History) -> State:
    """The columns of the table, in their order and as wide as what they hold."""
    objective, names = history.objective, history.header.varied
    metric = metric_key(objective.metric)
    # A trial that ended on a part of dev has no best value: its last one stands beside the examples that it is of.
    latest = (metric, DEV_EXAMPLES) if history.job.budget.dev_grows else ()
    heading = {
        **{f"metrics.`{name}`": name for name in (best_key(objective), f"test_{metric}", *latest)},
        **{f"params.`{name}`": name for name in names},
        **{
            f"metrics.`{name}`": name
            for name in ("best_epoch", "trained_epochs", "trainable_parameters", "seconds_per_epoch")
        },
        "tags.`ptune.status`": "ptune.status",
    }
    widths = {"attributes.`Run Name`": 190, "runDateAndNestInfo": 138}
    widths |= {column: max(84, 7 * len(name) + 26) for column, name in heading.items()} | {"duration": 80}
    return {"selectedColumns": list(heading), "columnOrder": list(widths), "columnWidths": widths}


_COMMON: Mapping[str, Any] = {"deleted": False, "isGenerated": False, "runsCountToCompare": _SHOWN}


def _parallel(names: Sequence[str], metric: str) -> State:
    return {"type": "PARALLEL", "selectedParams": list(names), "selectedMetrics": [metric], "showAllRuns": False}


def _curve(metric: str) -> State:
    return {
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


def _scatter(horizontal: str, vertical: str) -> State:
    axes = {"xaxis": {"key": horizontal, "type": "METRIC"}, "yaxis": {"key": vertical, "type": "METRIC"}}
    return {"type": "SCATTER", "displayName": f"{vertical} against {horizontal}", **axes}
