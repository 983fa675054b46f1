"""The views of MLflow that ptune prepares, and their addresses."""

import base64
import json
import zlib

from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.history import History
from ptune.tracking.state import TrackingState
from ptune.tracking.views import experiment_tags
from support import simulated
from support.made_headers import header_of
from support.played import make_job

PREFIX = "mlflow.sharedViewState."


def views(job):
    """Names and states of the prepared views, by their key."""
    history = History()
    history.apply(header_of(job, id="1f"))
    saved = {
        key.removeprefix(PREFIX): json.loads(value)
        for key, value in experiment_tags(history).items()
        if key.startswith(PREFIX)
    }
    return {key: (view["name"], opened(view["state"])) for key, view in saved.items()}


def opened(state):
    kind, packed = state.split(";")
    assert kind == "deflate"
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_an_experiment_and_a_search_have_three_views_each():
    names = {key: name for key, (name, _) in views(make_job()).items()}
    assert names == {
        "ptune": "All searches · Leaderboard",
        "ptune-compare": "All searches · Compare the best",
        "ptune-curves": "All searches · Curves",
        "ptune-1f": "played · Leaderboard",
        "ptune-1f-compare": "played · Compare the best",
        "ptune-1f-curves": "played · Curves",
    }


def test_parallel_coordinates_lack_no_trial():
    _, state = views(make_job())["ptune-compare"]
    drawn = [chart["selectedParams"] for chart in state["compareRunCharts"] if chart["type"] == "PARALLEL"]
    assert drawn == [["method", "length", "encoder", "lr"], ["length", "encoder", "depth", "lr"]]


def test_less_is_better_where_the_job_says_so():
    _, state = views(make_job(metric="loss"))["ptune"]
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`best_loss`", True)
    curves = [chart["metricKey"] for chart in state["compareRunCharts"] if chart["type"] == "LINE"]
    assert curves == ["loss", "train_loss"]


def test_where_dev_grows_a_trial_without_a_best_value_still_shows_its_last_and_what_that_is_of():
    columns = views(simulated.make_job(limits={"dev_grows": True}))["ptune"][1]["selectedColumns"]
    assert columns[:4] == [f"metrics.`{name}`" for name in ("best_accuracy", "test_accuracy", "accuracy", DEV_EXAMPLES)]
    assert not any(DEV_EXAMPLES in column for column in views(make_job())["ptune"][1]["selectedColumns"])


def test_large_searches_show_their_best_in_charts():
    assert views(make_job(trials=100))["ptune"][1]["runsHiddenMode"] == "SHOW_ALL"
    assert views(make_job(trials=101))["ptune"][1]["runsHiddenMode"] == "FIRST_20_RUNS"


def test_a_server_has_a_page_for_a_search_and_a_database_has_none():
    server = TrackingState("mlflow", "MLflow", "https://tracking.example/", "7")
    route = "#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=ptune-1f"
    assert server.to_json("1f")["page"] == f"https://tracking.example/{route}"
    assert TrackingState("mlflow", "MLflow", "sqlite:///mlflow.db", "7").page("1f") is None
    assert TrackingState("mlflow", "MLflow", "https://tracking.example").page("1f") is None
