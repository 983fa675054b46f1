"""How a dev split grows with the rungs, and where that is refused."""

import pytest

from ptune.spec.growing import LEAST, part_sizes
from ptune.spec.job import Job
from ptune.spec.stopping import HALVING
from support.refusals import refused_fields

SPACE = {"parameters": {"method": {"value": "v2"}, "lr": {"choices": [0.01, 0.02]}}}


def job(data=None, parameters=None, budget=None, more=(), **tables):
    rule = {"type": "asha", "grace": 1, "spacing": 3}
    settings = {"trials": 9, "epochs": 9, "dev_grows": True, "stopping": rule, **(budget or {})}
    source = {"source": "builtin:none"}
    return Job.model_validate(
        {
            "name": "growing",
            "backbone": {"id": "none"},
            "task": {"data": {**source, **(data or {})}, "more": list(more)},
            "space": {"parameters": {**SPACE["parameters"], **(parameters or {})}},
            "budget": settings,
            **tables,
        }
    )


def sizes(examples, **budget):
    return part_sizes(job(budget=budget).budget, examples)


def test_examples_grow_by_what_rungs_lie_apart_and_the_horizon_has_all():
    assert sizes(9_000) == [(1, 1_000), (3, 3_000)]
    doubled = [(1, 563), (2, 1_125), (4, 2_250), (8, 4_500)]
    assert sizes(9_000, stopping={"type": "asha", "eta": 2, "grace": 1, "spacing": 2}) == doubled
    assert sizes(9_000, stopping={"type": "pasha", "eta": 2}) == doubled
    assert sizes(9_000, stopping={"type": "hyperband", "grace": 3}) == [(3, 3_000)]
    assert sizes(9_000, stopping={"type": "asha"}) == [(2, 1_733), (4, 3_000), (6, 5_197)], "by the root of 3"
    assert sizes(9_000, report_every="0.5 epochs") == [(1, 334), (3, 1_000), (9, 3_000)]


def test_no_part_is_smaller_than_the_least_and_none_is_all_of_dev():
    assert sizes(1_000) == [(1, LEAST), (3, 334)]
    assert sizes(500) == [(1, LEAST), (3, LEAST)]
    assert sizes(LEAST) == sizes(30) == []


def test_without_the_setting_all_of_dev_is_scored_and_the_job_is_written_as_ever():
    plain = job(budget={"dev_grows": False})
    assert part_sizes(plain.budget, 9_000) == []
    assert "dev_grows" not in plain.model_dump()["budget"]
    assert job().model_dump()["budget"]["dev_grows"] is True


@pytest.mark.parametrize("rule", HALVING)
def test_rules_that_halve_take_it(rule):
    assert job(budget={"stopping": {"type": rule}})


@pytest.mark.parametrize("stopping", [{"type": "median"}, {"type": "none"}, {"type": "screen", "keep": 2}])
def test_other_rules_are_refused_by_name(stopping):
    law = refused_fields(job, budget={"stopping": stopping})["budget.dev_grows"]
    assert law.endswith(f"asha, asha_stopping, pasha, hyperband, got {stopping['type']!r}")


def test_populations_which_have_no_rungs_are_not_sent_to_rules_that_they_refuse():
    budget = {"sampler": "pbt", "inherit": True, "stopping": {"type": "none"}}
    assert refused_fields(job, budget=budget) == {
        "budget.dev_grows": "needs rungs, of which sampler = 'pbt' has none: "
        "leave dev_grows out, or choose another sampler"
    }


@pytest.mark.parametrize(
    ("tables", "place", "words"),
    [
        ({"data": {"folds": 3}}, "budget.dev_grows", "task.data.folds"),
        ({"data": {"shots": 8}}, "budget.dev_grows", "task.data.shots"),
        ({"data": {"group": "question"}}, "budget.dev_grows", "task.data.group"),
        ({"more": [{"source": "builtin:other"}]}, "budget.dev_grows", "the task has 2"),
        ({"objectives": {"beside": ["parameters"]}}, "budget.dev_grows", "[objectives]"),
        ({"budget": {"stopping": {"type": "asha", "grace": 9}}}, "budget.dev_grows", "grace < 9, got 9"),
        ({"parameters": {"keep_epoch": {"choices": [1, 9]}}}, "space.parameters.keep_epoch.0", "budget.dev_grows"),
    ],
)
def test_what_it_cannot_be_trusted_with_is_refused(tables, place, words):
    assert words in refused_fields(job, **tables)[place]
