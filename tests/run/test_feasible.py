"""What can never be tried is refused before anything starts."""

import pytest

from ptune.errors import SpecError
from ptune.run.prepare import check_space
from ptune.spec.job import Job
from support.small_jobs import small_job


def check(folder, backbone, max_length=32, **parameters):
    job = small_job(folder / "data", backbone).model_dump()
    job["space"] = {"parameters": parameters}
    job["task"]["data"]["max_length"] = max_length
    return check_space(Job.model_validate(job), backbone)


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
    with pytest.raises(SpecError, match=law):
        check(tmp_path, tiny_backbone("bert"), **parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"method": V2, "depth": {"choices": [1, 2]}, "lengths": {"choices": ["4", "4,2"]}},
        {"method": V2, "depth": {"low": 1, "high": "layers"}, "length": {"low": 1, "high": 40}},
        {"method": V1, "length": {"low": 2, "high": 28}, "template": {"choices": ["before", "around"]}},
    ],
)
def test_what_some_trial_can_hold_is_not(tmp_path, tiny_backbone, parameters):
    assert check(tmp_path, tiny_backbone("bert"), **parameters) == 3


def test_positions_that_cannot_be_shifted_are_refused(tmp_path, tiny_backbone):
    with pytest.raises(SpecError, match="whose positions are relative"):
        check(tmp_path, tiny_backbone("t5"), method=V2, positions={"choices": ["auto", "shifted"]})
