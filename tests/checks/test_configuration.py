"""What can never be tried is refused before anything starts."""

import re

import pytest

from ptune.backbone.profile import read_profile
from ptune.checks.configuration import space_problems
from ptune.spec.job import Job
from support.small_jobs import small_job


def problems_of(folder, backbone, max_length=32, **parameters):
    """What keeps a space from being searched on a backbone."""
    job = small_job(folder / "data", backbone).model_dump()
    job["space"] = {"parameters": parameters}
    job["task"]["data"]["max_length"] = max_length
    job = Job.model_validate(job)
    return space_problems(job.space, job.task, job.budget, read_profile(backbone))


V1, V2, TUNING = ({"value": method} for method in ("v1", "v2", "prompt_tuning"))
LONG = "[P] {text} a warm and moving story about a dog that finds its way home"


@pytest.mark.parametrize(
    ("parameters", "law"),
    [
        (
            {"method": V2, "layers": {"choices": ["1-2", "2-4"]}},
            "layers must lie within 1-3 on a backbone of 3 layers, got '2-4'",
        ),
        ({"method": V2, "depth": {"choices": [2, 4]}}, "depth <= 3 must hold on a backbone of 3 layers, got 4"),
        ({"method": V2, "depth": {"value": 1}, "layers": {"value": "1"}}, "state layers or depth, not both"),
        (
            {"method": V2, "depth": {"choices": [1, 2]}, "lengths": {"choices": ["4,2", "4,2,2"]}},
            "lengths must hold one length for each of the",
        ),
        ({"method": TUNING, "length": {"choices": [4, 32]}}, "length < task.data.max_length = 32 must hold"),
        ({"method": TUNING, "length": {"low": 4, "high": 30}}, "max_length = 32 leaves 0 tokens for 1 text"),
        (
            {"method": V1, "length": {"low": 1, "high": 8}, "template": {"value": "around"}},
            "length of at least 2, got 1",
        ),
        (
            {"method": V1, "length": {"low": 1, "high": 20}, "template": {"choices": ["before", LONG]}},
            "template .*dog that finds.*: max_length = 32 leaves",
        ),
    ],
)
def test_what_no_trial_can_hold_is_refused(tmp_path, tiny_backbone, parameters, law):
    found = problems_of(tmp_path, tiny_backbone("bert"), **parameters)
    assert re.search(law, "\n".join(problem.text for problem in found))


@pytest.mark.parametrize(
    "parameters",
    [
        {"method": V2, "depth": {"choices": [1, 2]}, "lengths": {"choices": ["4", "4,2"]}},
        {"method": V2, "depth": {"low": 1, "high": "layers"}, "length": {"low": 1, "high": 40}},
        {"method": V1, "length": {"low": 2, "high": 28}, "template": {"choices": ["before", "around"]}},
    ],
)
def test_what_some_trial_can_hold_is_not(tmp_path, tiny_backbone, parameters):
    assert problems_of(tmp_path, tiny_backbone("bert"), **parameters) == []


def test_positions_that_cannot_be_shifted_are_refused(tmp_path, tiny_backbone):
    found = problems_of(tmp_path, tiny_backbone("t5"), method=V2, positions={"choices": ["auto", "shifted"]})
    assert [problem.place for problem in found] == [("space", "parameters", "positions", 0, "choices")]
    assert "on a backbone of relative positions" in found[0].text


def test_a_problem_stands_at_the_value_that_fits_nowhere(tmp_path, tiny_backbone):
    lengths = [{"low": 2, "high": 6, "when": {"method": "v2"}}, {"choices": [4, 40], "when": {"method": "v1"}}]
    found = problems_of(tmp_path, tiny_backbone("bert"), method={"choices": ["v1", "v2"]}, length=lengths)
    assert [problem.place for problem in found] == [("space", "parameters", "length", 1, "choices")]


def test_a_template_that_fits_no_length_leaves_other_templates_alone(tmp_path, tiny_backbone):
    templates = {"choices": ["before", "[P:7] {text}"]}
    found = problems_of(tmp_path, tiny_backbone("bert"), method=V1, length={"choices": [3, 7]}, template=templates)
    assert [problem.place for problem in found] == [("space", "parameters", "length", 0, "choices")]
    assert "needs a prompt length of exactly 7, got 3" in found[0].text


def test_a_value_that_a_default_does_not_fit_is_told_at_the_value(tmp_path, tiny_backbone):
    found = problems_of(tmp_path, tiny_backbone("bert"), method=V1, template={"value": "[P:3] {text}"})
    assert [problem.place for problem in found] == [("space", "parameters", "template", 0, "value")]
    assert found[0].text.endswith("needs a prompt length of exactly 3, got 8")
