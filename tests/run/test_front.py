"""A real search with several objectives: its bounds, its front, its knee, and what people see of them."""

import io
import json

import pytest

from ptune.api.result import SearchResult
from ptune.artifacts.inspection import Words, inspect
from ptune.record.journal import JOURNAL, read
from ptune.report.console import Terminal
from ptune.report.findings import of_folder
from ptune.report.inspected import inspected
from ptune.report.leaderboard import as_csv, as_json, rows
from ptune.report.page import page
from ptune.report.progress import Progress
from ptune.report.screen import picture
from ptune.report.summary import print_summary
from ptune.run.confirm import confirmation
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.job import Job
from ptune.tracking.projection import FRONT_TAG, Projection
from support.small_jobs import small_job

ALL = "accuracy, trainable parameters, seconds per epoch and training memory MB"


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
        "beside": ["trainable_parameters", "seconds_per_epoch", "training_memory_mb"],
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
    assert f"(front): no other trial beats it in {ALL};" in text


def test_programs_read_the_front_of_the_leaderboard(outcome):
    history = outcome.history
    trials = json.loads(as_json(history))["trials"]
    assert {trial["trial"] for trial in trials if trial.get("front")} == set(history.front.numbers)
    assert [trial["trial"] for trial in trials if trial.get("knee")] == [history.front.knee.number]
    assert all(trial["seconds_per_epoch"] > 0 for trial in trials if trial["rank"])
    header = as_csv(history).splitlines()[0].split(",")
    assert {"front", "knee", "broken", "seconds_per_epoch"} <= set(header)
    assert header.count("trainable_parameters") == 1


def test_the_page_draws_the_front_against_each_objective(outcome):
    text = page(of_folder(outcome.folder, outcome.history, running=False), outcome.history)
    assert "<h2>The front</h2>" in text
    for name in ("front-trainable_parameters", "front-seconds_per_epoch"):
        assert f'data-name="{name}"' in text
    assert f"The knee is trial {outcome.history.front.knee.number}." in text
    assert "Result, size and time" not in text


def test_the_result_and_the_frame_hold_the_front(outcome):
    front = outcome.to_json()["front"]
    assert [row["trial"] for row in front] == outcome.history.front.numbers
    assert sum(row["knee"] for row in front) == 1
    assert {"accuracy", "trainable_parameters", "seconds_per_epoch"} < front[0].keys()
    frame = SearchResult(outcome.folder).trials()
    assert frame[frame["front"]]["number"].tolist() == sorted(outcome.history.front.numbers)
    assert list(frame.columns[-4:]) == ["training_memory_mb", "front", "knee", "broken"]


def test_the_tracker_marks_the_front_and_measures_epochs_as_the_front_does(outcome):
    projection = Projection()
    for event in read(outcome.folder / JOURNAL):
        projection.apply(event)
    front = outcome.history.front
    assert projection.runs[None].pending.tags[FRONT_TAG] == ", ".join(map(str, front.numbers))
    marked = {trial: run.pending.tags.get(FRONT_TAG) for trial, run in projection.runs.items() if trial is not None}
    assert {trial for trial, mark in marked.items() if mark} == set(front.numbers)
    assert marked[front.knee.number] == "front, knee"
    points = {point.key: point.value for point in projection.runs[front.knee.number].pending.points}
    assert points["seconds_per_epoch"] == -front.knee.standing.utilities[2]


def test_the_live_view_and_an_inspection_name_the_knee(outcome):
    console = Terminal(width=120, record=True, file=io.StringIO(), color_system=None)
    progress = Progress()
    for event in read(outcome.folder / JOURNAL):
        progress.apply(event)
    console.print(picture(progress, 0.0, 120, 40))
    header = outcome.history.header
    console.print(inspected(inspect(outcome.folder / "artifact"), Words(why_not=""), header))
    text = console.export_text()
    assert f"the knee is {outcome.history.front.knee.number}" in text
    assert f"the knee of {ALL}" in " ".join(text.split())
    assert "trainable parameters <= 1.5 k" in text


def test_a_confirmation_repeats_the_chosen_trial_first(outcome):
    job, confirms = confirmation(outcome.history, top=2, seeds=2)
    assert confirms.configurations[0].trials == [outcome.history.best.number]
    assert job.objectives == outcome.history.job.objectives


def test_memory_is_counted_by_the_trial_and_grows_with_what_it_trains(outcome):
    history = outcome.history
    counted = {
        trial.config["length"]: {report["training_memory_mb"] for report in trial.reports} for trial in history.ranked()
    }
    assert all(len(values) == 1 for values in counted.values()), "it is the same in every epoch"
    by_length = [values.pop() for _, values in sorted(counted.items())]
    assert by_length == sorted(by_length)
    assert len(set(by_length)) == len(by_length)
