"""The laws of one configuration, and what it is with every default filled in."""

import pytest

from ptune.errors import SpecError
from ptune.spec.configuration import complete, configuration_problems
from ptune.spec.job import Job
from ptune.spec.trial import TrialSpec

LAYERS = 12


def make_job(text=("text",)) -> Job:
    return Job.model_validate(
        {
            "name": "films",
            "backbone": {"id": "made"},
            "task": {"data": {"source": "builtin:films", "text": list(text)}},
            "space": {"parameters": {"lr": {"value": 0.1}}},
            "budget": {"trials": 4, "epochs": 9},
        }
    )


def test_the_complete_configuration_is_a_fixed_point():
    config = complete({"method": "v2", "lr": 1, "depth": 3}, make_job(), LAYERS)
    assert TrialSpec.from_config(config).to_config() == config
    assert config["lr"] == 1.0
    assert config["schedule"] == "linear"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"method": "v1", "length": 2, "template": "[P] {a} [P] {b} [P]"}, "at least 3, got 2"),
        ({"method": "v1", "template": "[P] {a}"}, r"must hold \{b\}"),
        (
            {"method": "v1", "length": 128},
            r"length < task.data.max_length = 128 must hold .*, got 128",
        ),
        ({"method": "v2", "depth": 13}, "depth <= 12 must hold on a backbone of 12 layers, got 13"),
        ({"method": "v2", "layers": "10-13"}, "layers must lie within 1-12 on a backbone of 12 layers, got '10-13'"),
        ({"method": "v2", "depth": 2, "lengths": "4,4,4"}, "one length for each of the 2 chosen layers, got '4,4,4'"),
        ({"method": "v2", "epochs": 10}, "epochs <= budget.epochs = 9 must hold, got 10"),
        ({"method": "v2", "split": 1}, "split < task.data.splits = 1 must hold, got 1"),
        ({"method": "v2", "dropout": 1.5}, "dropout"),
        ({"method": "head", "length": 4}, "length is not a parameter of method 'head'"),
    ],
)
def test_a_configuration_that_breaks_a_law_is_refused(chosen, message):
    with pytest.raises(SpecError, match=message):
        complete(chosen, make_job(text=("a", "b")), LAYERS)


def test_every_broken_law_of_a_configuration_is_named_once_at_its_parameter():
    config = {"method": "v1", "length": 128, "template": "[P] {c}", "epochs": 10, "split": 3}
    problems = configuration_problems(TrialSpec.from_config(config), make_job(), LAYERS)
    assert [problem.place for problem in problems] == [("epochs",), ("split",), ("length",), ("template",)]
    assert problems[-1].text.startswith("template '[P] {c}': the template names the field {c}")
