"""A real search with several objectives: its bounds, its front, its knee, and what people see of them."""

import io
import json

import pytest

from ptune.report.leaderboard import as_csv, as_json, rows
from ptune.report.summary import print_summary
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.job import Job
from support.small_jobs import small_job


@pytest.fixture(scope="module")
def outcome(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("front")
    content = small_job(folder / "data", tiny_backbone("bert")).model_dump()
    content["tracking"] = {"type": "none"}
    content["space"] = {
        "parameters": {
            "method": {"value": "v2"},
            "length": {"low": 1, "high": 12},
            "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        },
        "baseline": [{"length": 12}, {"length": 1}, {"length": 2}],
    }
    content["budget"] = {"trials": 6, "epochs": 2, "sampler": "random", "stopping": {"type": "none"}}
    content["objectives"] = {
        "beside": ["trainable_parameters", "seconds_per_epoch"],
        "at_most": {"trainable_parameters": 1500},
        "choose": "knee",
    }
    return start_search(Job.model_validate(content), "", folder / "runs", LocalRunner())


def test_a_size_out_of_bounds_is_rejected_before_it_trains_and_counts_as_no_trial(outcome):
    history = outcome.history
    rejected = [trial for trial in history.trials.values() if trial.status == "failed"]
    assert rejected[0].number == 0
    assert {trial.epoch for trial in rejected} == {0}
    assert rejected[0].reason.startswith("rejected: trainable_parameters <= 1500 must hold, got ")
    assert sum(trial.status == "complete" for trial in history.trials.values()) == 6
    assert max(trial.best_report["trainable_parameters"] for trial in history.ranked()) <= 1500


def test_the_knee_is_exported_and_leads_the_leaderboard(outcome):
    history = outcome.history
    assert history.best is history.front.knee
    assert json.loads((outcome.folder / "artifact" / "artifact.json").read_text())["trial"] == history.best.number
    assert "own_seconds" in history.best.reports[0]
    first = rows(history)[0]
    assert (first.rank, first.trial) == (1, history.best.number)
    print_summary(stream := io.StringIO(), outcome, [])
    text = " ".join(stream.getvalue().split())
    assert "knee of the front: accuracy on dev " in text
    assert "(front, knee)" in text
    assert "(front): no other trial beats it in accuracy and trainable parameters and seconds per epoch" in text


def test_programs_read_the_front_of_the_leaderboard(outcome):
    history = outcome.history
    trials = json.loads(as_json(history))["trials"]
    assert {trial["trial"] for trial in trials if trial.get("front")} == set(history.front.numbers)
    assert [trial["trial"] for trial in trials if trial.get("knee")] == [history.front.knee.number]
    assert all(trial["seconds_per_epoch"] > 0 for trial in trials if trial["rank"])
    header = as_csv(history).splitlines()[0].split(",")
    assert {"front", "knee", "broken", "seconds_per_epoch"} <= set(header)
    assert header.count("trainable_parameters") == 1
