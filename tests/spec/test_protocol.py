"""Grids, horizons, splits and published numbers that a job may not ask for."""

import pytest

from ptune.spec.data import ClassificationData
from ptune.spec.job import Job
from ptune.spec.protocol import Published, split_law
from support.refusals import refused_fields

SPACE = {"parameters": {"method": {"value": "v2"}, "lr": {"choices": [0.01, 0.02]}, "length": {"low": 1, "high": 4}}}
FULL = {"type": "none"}


def job(budget=None, parameters=None, data=None, **parts):
    space = {"parameters": {**SPACE["parameters"], **(parameters or {})}}
    content = {
        "name": "given",
        "backbone": {"id": "none"},
        "task": {"data": {"source": "builtin:none", **(data or {})}},
        "space": space,
        "budget": {"trials": 4, "epochs": 10, **(budget or {})},
    }
    return Job.model_validate({**content, **parts})


def refusals(**parts):
    return refused_fields(job, **parts)


def test_a_grid_needs_no_number_of_trials_and_every_other_sampler_does():
    assert job(budget={"trials": None, "sampler": "grid"}).budget.trials is None
    assert "says when a search by 'auto' ends" in refusals(budget={"trials": None})["budget.trials"]


def test_a_grid_of_continuous_ranges_or_too_few_combinations_is_refused():
    ranged = {"lr": {"low": 1e-4, "high": 1e-1, "log": True}}
    law = refusals(budget={"sampler": "grid"}, parameters=ranged)["space.parameters.lr.0"]
    assert law.startswith("a grid needs lr as choices or as a range with a step, got low = 0.0001")
    many = refusals(budget={"sampler": "grid", "trials": 9})
    assert many == {"budget.trials": "trials <= 8, the grid's combinations, must hold, got 9"}


def test_the_size_of_a_grid_over_layers_is_left_to_the_backbone():
    assert job(budget={"sampler": "grid", "trials": 999}, parameters={"depth": {"low": 1, "high": "layers"}})


def test_epochs_are_searched_without_early_stopping_and_within_the_budget():
    epochs = {"epochs": {"choices": [5, 10]}}
    assert job(budget={"stopping": FULL}, parameters=epochs)
    assert "not comparable at a rung" in refusals(parameters=epochs)["space.parameters.epochs.0"]
    late = refusals(budget={"stopping": FULL}, parameters={"epochs": {"choices": [5, 11]}})
    assert late == {"space.parameters.epochs.0.choices": "epochs <= budget.epochs = 10 must hold, got 11"}


def test_splits_are_those_of_the_data():
    split = {"split": {"low": 0, "high": 3}}
    assert job(parameters=split, data={"shots": 8, "splits": 4})
    law = refusals(parameters=split, data={"shots": 8, "splits": 3})
    assert law == {"space.parameters.split.0.high": "split < task.data.splits = 3 must hold, got 3"}
    further = {"shots": 8, "splits": 2, "name": "further", "source": "builtin:rotten-tomatoes"}
    more = job(parameters={}, data={"shots": 8, "splits": 4}).task.model_copy(
        update={"more": [ClassificationData(**further)]}
    )
    assert split_law(1, more) is None
    assert split_law(2, more) == "split < task.more.1.splits = 2 must hold, got 2"


ROW = {"metric": "accuracy", "value": 0.694, "what": "length 200", "source": "Table 2"}


def test_published_numbers_are_kept():
    (row,) = job(published=[{**ROW, "where": {"length": 200, "encoder": ["mlp", "lstm"]}}]).published
    assert row.speaks_of({"length": 200, "encoder": "mlp", "lr": 0.1})
    assert not row.speaks_of({"length": 200, "encoder": "embedding"})
    assert not row.speaks_of({"length": 200})
    assert Published(**ROW).speaks_of({})


@pytest.mark.parametrize(
    ("change", "place", "law"),
    [
        ({"metric": "acuracy"}, "published.0.metric", "did you mean 'accuracy'?"),
        ({"where": {"lenght": 3}}, "published.0.where.lenght.[key]", "did you mean 'length'?"),
        ({"where": {"encoder": "mpl"}}, "published.0.where.encoder", "did you mean 'mlp'?"),
        ({"where": {"length": [20, 0]}}, "published.0.where.length", "got 0"),
        ({"value": "0.7"}, "published.0.value", "valid number"),
    ],
)
def test_published_numbers_that_nothing_can_be_compared_with_are_refused(change, place, law):
    assert law in refusals(published=[{**ROW, **change}])[place]


@pytest.mark.parametrize(
    ("metric", "value", "law"),
    [
        ("accuracy", 80, "0 <= value <= 1 must hold for accuracy, got 80; write 0.8, not 80"),
        ("accuracy", -0.1, "0 <= value <= 1 must hold for accuracy, got -0.1"),
        ("loss", -0.1, "value >= 0 must hold for loss, got -0.1"),
        ("matthews", -63.5, "-1 <= value <= 1 must hold for matthews, got -63.5; write -0.635, not -63.5"),
    ],
)
def test_published_shares_lie_between_0_and_1(metric, value, law):
    row = {"metric": metric, "value": value, "what": "v2", "source": "Table 2"}
    assert refusals(published=[row]) == {"published.0.value": law}
    assert job(published=[{**row, "metric": "matthews", "value": -0.1}])


def test_a_mean_of_metrics_can_be_published_where_it_is_what_the_search_maximises():
    task = {"data": {"source": "builtin:none"}, "metric": "accuracy+macro_f1"}
    assert job(published=[{**ROW, "metric": "accuracy+macro_f1"}], task=task)
    assert "published.0.metric" in refusals(published=[{**ROW, "metric": "accuracy+macro_f1"}])


def test_one_data_sets_own_metric_can_be_published():
    data = {"source": "builtin:none", "name": "one"}
    task = {"data": data, "more": [{**data, "name": "other"}]}
    assert job(published=[{**ROW, "metric": "accuracy.other"}], task=task)
    assert "published.0.metric" in refusals(published=[{**ROW, "metric": "accuracy.other"}])


def test_what_is_drawn_from_the_data_has_the_jobs_seed_unless_stated():
    assert job(seed=3).drawing_seed == 3
    assert job(seed=3, data_seed=0).drawing_seed == 0
