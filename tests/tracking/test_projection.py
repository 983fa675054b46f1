"""The images of runs that a journal makes."""

import math

import pytest

from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import DataSource, Ended, Finished, Metered, Reported, Resumed, Suggested
from ptune.record.journal import read
from ptune.tracking.projection import Point, Projection, RunImage
from support.made_headers import header_of
from support.simulated import make_job


@pytest.fixture
def projected(search):
    def project() -> Projection:
        projection = Projection()
        for event in read(search.journal.path):
            projection.apply(event)
        return projection

    search.begin()
    return project


def points(image: RunImage, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in image.pending.points if point.key == key]


def test_the_parent_says_what_is_searched(search, projected):
    parent = projected().runs[None]
    assert (parent.name, parent.tags["ptune.search"], parent.tags["ptune.kind"]) == ("demo", search.id, "search")
    assert parent.tags["version.ptune"] == "0.1.0"
    params = parent.pending.params
    expected = {
        "seed": "3",
        "backbone.id": "tiny",
        "backbone.hash": "c" * 64,
        "task.metric": "accuracy",
        "task.data.source": "builtin:moods",
        "budget.stopping.eta": "3",
    }
    assert params | expected == params
    assert "backbone.revision" not in params


def test_a_trial_carries_what_the_search_varies_and_is_named_after_it(search, projected):
    search.suggest(0, 1)
    image = projected().runs[1]
    assert (image.name, image.tags["ptune.trial"], image.status) == ("#1 v2 · 20 tokens · lr 0.01", "1", "running")
    assert image.pending.params == {"method": "v2", "length": "20", "lr": "0.01"}


def test_a_report_becomes_points_at_its_own_time_and_epoch(search, projected):
    search.suggest(0)
    search.report(0, 0.5)
    event = read(search.journal.path)[-1]
    image = projected().runs[0]
    assert Point("accuracy", 0.5, round(event.time * 1000), 1) in image.pending.points
    assert {point.key for point in image.pending.points} == {"accuracy", "loss", "best_accuracy", "best_epoch"}


def test_the_running_best_never_falls_and_ignores_what_is_not_finite(search, projected):
    search.suggest(0)
    search.report(0, 0.5, math.nan, 0.4, 0.7)
    image = projected().runs[0]
    assert points(image, "best_accuracy") == [(0, 0.5), (0, 0.55)]
    assert points(image, "best_epoch") == [(0, 1.0), (0, 4.0)]


def test_the_parent_follows_the_best_over_all_reports(search, projected):
    search.suggest(0, 1)
    search.report(0, 0.5)
    search.report(1, 0.4, 0.8)
    search.report(0, 0.6)
    assert points(projected().runs[None], "best_accuracy") == [(0, 0.5), (0, pytest.approx(0.6))]


def test_what_engines_take_of_their_machines_stands_in_the_parent_by_seconds(search, projected):
    search.suggest(0)
    search.report(0, 0.5)
    projection = projected()
    began = projection.history.started_at
    for second, engine, percent in [(0.0, 0, 90.0), (12.4, 1, 80.0), (20.0, 0, 95.0)]:
        projection.apply(Metered(engine, {"cpu_utilization_percentage": percent}, time=began + second))
    parent = projection.runs[None]
    assert points(parent, "system/engine_0/cpu_utilization_percentage") == [(1, 90.0), (20, 95.0)]
    assert points(parent, "system/engine_1/cpu_utilization_percentage") == [(12, 80.0)]
    assert parent.pending.points[-1].time == round((began + 20.0) * 1000)
    assert not [point for point in projection.runs[0].pending.points if point.key.startswith("system/")]


def test_the_end_counts_trials_and_names_the_best_that_did_not_fail(search, projected):
    search.suggest(0, 1, 2)
    for trial, value, status in [(0, 0.9, "failed"), (1, 0.6, "stopped"), (2, 0.7, "complete")]:
        search.report(trial, value)
        search.finish(trial, status, reason="out of memory" if status == "failed" else None)
    search.end("complete")
    projection = projected()
    parent = projection.runs[None]
    assert (parent.status, parent.pending.tags["ptune.best_trial"]) == ("complete", "2")
    assert points(parent, "best_accuracy")[-1] == (0, 0.7)
    assert [points(parent, key) for key in ("trials", "trials_failed")] == [[(0, 3.0)], [(0, 1.0)]]
    assert projection.runs[0].pending.tags == {"ptune.status": "failed", "ptune.reason": "out of memory"}


def test_an_interruption_ends_what_runs_and_resuming_opens_it_again(search, projected):
    search.suggest(0, 1)
    search.finish(0, "complete")
    search.end("interrupted")
    projection = projected()
    assert [projection.runs[trial].status for trial in (None, 0, 1)] == ["interrupted", "complete", "interrupted"]
    projection.apply(Resumed({}, time=1.0))
    assert [projection.runs[trial].status for trial in (None, 0, 1)] == ["running", "complete", "running"]
    assert projection.runs[1].end is None


def test_interrupting_a_dead_search_dates_the_end_to_its_last_event(search, projected):
    search.suggest(0)
    last = round(read(search.journal.path)[-1].time * 1000)
    projection = projected()
    projection.interrupt()
    assert [(image.status, image.end) for image in projection.runs.values()] == [("interrupted", last)] * 2


def test_interrupting_leaves_an_ended_search_alone(search, projected):
    search.end("complete")
    projection = projected()
    projection.interrupt()
    assert projection.runs[None].status == "complete"


def test_images_are_taken_once_parent_first(search, projected):
    search.suggest(0, 1)
    projection = projected()
    assert [image.trial for image in projection.take_changed()] == [None, 0, 1]
    assert list(projection.take_changed()) == []


def test_an_image_whose_sending_fails_is_taken_again(search, projected):
    search.suggest(0)
    projection = projected()
    taking = projection.take_changed()
    assert next(taking).trial is None
    next(taking)
    taking.close()
    left = next(projection.take_changed())
    assert (left.trial, left.pending.params["lr"]) == (0, "0.01")


def test_folding_a_journal_twice_gives_the_same_points(search, projected):
    search.suggest(0, 1)
    search.report(0, 0.5, 0.6)
    search.report(1, 0.7)
    search.end("complete")
    assert projected().runs == projected().runs


def test_test_scores_join_a_trial_that_has_ended(search, projected):
    search.suggest(0)
    search.report(0, 0.5)
    search.finish(0, "complete")
    search.test(0, accuracy=0.4, f1=0.3)
    image = projected().runs[0]
    assert (points(image, "test_accuracy"), points(image, "test_f1")) == ([(0, 0.4)], [])
    assert image.tested
    assert image.status == "complete"


def test_a_mean_of_metrics_has_a_name_that_mlflow_takes_and_is_shown_with_its_parts(search):
    search.begin("accuracy+f1")
    search.suggest(0)
    search.journal.append(Reported(0, 1, {"accuracy": 0.5, "f1": 0.7, "accuracy+f1": 0.6}, ""))
    projection = Projection()
    for event in read(search.journal.path):
        projection.apply(event)
    shown = {point.key: point.value for point in projection.runs[0].pending.points if point.step == 1}
    assert shown == {"accuracy and f1": 0.6, "accuracy": 0.5, "f1": 0.7}
    assert points(projection.runs[None], "best_accuracy and f1") == [(0, 0.6)]


def test_of_a_loss_the_best_is_the_lowest(search):
    search.begin("loss")
    search.suggest(0, 1)
    search.report(0, 0.5, 0.9, 0.6)
    search.report(1, 0.7)
    search.end("complete")
    projection = Projection()
    for event in read(search.journal.path):
        projection.apply(event)
    parent, first, _ = projection.runs.values()
    assert [value for _, value in points(first, "best_loss")] == pytest.approx([0.5, 0.3])
    assert [value for _, value in points(parent, "best_loss")] == pytest.approx([0.5, 0.3, 0.3])
    assert parent.pending.tags["ptune.best_trial"] == "0"


def test_where_dev_grows_every_report_says_on_how_many_examples_it_is_and_only_all_of_dev_has_a_best():
    job = make_job(limits={"dev_grows": True})
    projection = Projection()
    steps = [header_of(job, data={"dev": DataSource("builtin:none:dev", "b" * 64, 2_000)})]
    steps += [Suggested(number, {"method": "v2", "lr": 0.01}) for number in (0, 1)]
    lucky, whole = {"accuracy": 0.9, DEV_EXAMPLES: 223.0}, {"accuracy": 0.7}
    steps += [Reported(0, 1, lucky, "s"), Reported(0, 2, whole, "s"), Reported(1, 1, lucky, "s")]
    for step in steps:
        projection.apply(step)
    assert points(projection.runs[0], DEV_EXAMPLES) == [(1, 223.0), (2, 2_000.0)]
    assert points(projection.runs[0], "best_accuracy") == points(projection.runs[None], "best_accuracy") == [(0, 0.7)]
    assert points(projection.runs[0], "best_epoch") == [(0, 2.0)]
    assert points(projection.runs[1], "best_accuracy") == points(projection.runs[1], "best_epoch") == []
    assert points(projection.runs[1], "accuracy") == [(1, 0.9)]


def test_a_search_whose_best_is_on_a_part_of_dev_ends_without_a_best_value():
    projection = Projection()
    projection.apply(header_of(make_job(limits={"dev_grows": True})))
    for step in (Suggested(0, {"method": "v2"}), Reported(0, 1, {"accuracy": 0.9, DEV_EXAMPLES: 20.0}, "s")):
        projection.apply(step)
    projection.apply(Finished(0, "stopped", "asked for"))
    projection.apply(Ended("complete", projection.history.best_result, None))
    parent = projection.runs[None]
    assert points(parent, "best_accuracy") == []
    assert parent.pending.tags["ptune.best_trial"] == "0"
